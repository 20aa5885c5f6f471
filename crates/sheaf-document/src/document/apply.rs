//! Taking other people's changes, many at once, and leaving out the ones that break the document.

use std::collections::{HashMap, HashSet};

use automerge::{Change, ChangeHash, PatchLog, ReadDoc};

use super::{Document, Tip, guard, patch_log};
use crate::{check::ValidChange, patch::Patch};

/// What became of a batch of changes.
#[derive(Debug, Default)]
pub struct Applied {
    /// The changes that are in the document now and were not before.
    pub applied: Vec<ChangeHash>,
    /// The changes that were left out; their logs are to be closed (L3).
    pub refused: Vec<RefusedChange>,
    /// From the state before to the one now, if a patch log could say it.
    pub(crate) patches: Option<Vec<Patch>>,
}

/// A change that passed every check and still could not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedChange {
    /// Its hash.
    pub hash: ChangeHash,
    /// Its actor.
    pub actor: Vec<u8>,
    /// What happened.
    pub reason: String,
    /// Whether it was left out only because it builds on another that was.
    pub follows: bool,
}

impl Document {
    /// Applies changes in one go: Automerge's cost is per batch, not per change. A change that breaks the document is
    /// found by halving the batch, and left out with all that builds on it; the document itself is as good as before.
    pub fn apply(&mut self, changes: Vec<ValidChange>) -> Applied {
        let mut seen = HashSet::new();
        let new: Vec<Change> = changes
            .into_iter()
            .map(ValidChange::into_change)
            .filter(|change| !self.has(&change.hash()) && seen.insert(change.hash()))
            .collect();
        let mut applied = Applied { patches: Some(Vec::new()), ..Applied::default() };
        self.apply_part(new, &mut applied);
        self.trim();
        applied
    }

    fn apply_part(&mut self, changes: Vec<Change>, so_far: &mut Applied) {
        let bad: HashSet<ChangeHash> = so_far.refused.iter().map(|refused| refused.hash).collect();
        let bad_actors: HashSet<Vec<u8>> = so_far.refused.iter().map(|refused| refused.actor.clone()).collect();
        let mut out = bad;
        let mut rest = Vec::new();
        for change in changes {
            let builds_on_bad = change.deps().iter().any(|dep| out.contains(dep));
            if builds_on_bad || bad_actors.contains(change.actor_id().to_bytes()) {
                out.insert(change.hash());
                so_far.refused.push(refusal(&change, "it builds on a change that was refused", true));
            } else {
                rest.push(change);
            }
        }
        if rest.is_empty() {
            return;
        }
        match self.try_apply(&rest) {
            Ok(patches) => {
                so_far.applied.extend(rest.iter().map(Change::hash));
                match (&mut so_far.patches, patches) {
                    (Some(all), Some(new)) => all.extend(new),
                    (all, _) => *all = None,
                }
            }
            Err(reason) => {
                if let [only] = &rest[..] {
                    so_far.refused.push(refusal(only, &reason, false));
                } else {
                    let second = rest.split_off(rest.len() / 2);
                    self.apply_part(rest, so_far);
                    self.apply_part(second, so_far);
                }
            }
        }
    }

    /// Applies all of them or none.
    fn try_apply(&mut self, changes: &[Change]) -> Result<Option<Vec<Patch>>, String> {
        let before = self.heads();
        let doc = &mut self.doc;
        let content = self.content.as_ref().map(|(id, _)| id);
        let done = guard::caught(|| {
            let mut log = PatchLog::active();
            doc.apply_changes_log_patches(changes.to_vec(), &mut log).map_err(|error| error.to_string())?;
            faithful(doc, &before, changes)?;
            Ok(content.and_then(|content| patch_log::patches_of(doc, content, doc.make_patches(&mut log), None)))
        });
        match done.unwrap_or_else(Err) {
            Ok(patches) => {
                for change in changes {
                    let tip = Tip { seq: change.seq(), hash: change.hash() };
                    self.set_tip(change.actor_id(), tip);
                    self.keep(&tip.hash, change.raw_bytes());
                }
                let patches = patches.filter(|_| self.text_is_reachable()).map(patch_log::join);
                let followed = match (&mut self.reading, &patches) {
                    (Some(reading), Some(patches)) => patches.iter().all(|patch| reading.apply_patch(patch).is_ok()),
                    _ => false,
                };
                if !followed {
                    self.forget_reading();
                }
                Ok(patches)
            }
            Err(reason) => {
                self.rebuild();
                Err(reason)
            }
        }
    }
}

/// Whether the document now holds exactly these changes, and would give each back byte for byte. Automerge drops a
/// reference to an operation that does not exist without a word, and the document it then saves does not load.
fn faithful(doc: &automerge::Automerge, before: &[ChangeHash], changes: &[Change]) -> Result<(), String> {
    if !doc.get_missing_deps(&[]).is_empty() {
        return Err("it builds on something that is not here".to_owned());
    }
    let wanted: HashMap<ChangeHash, &Change> = changes.iter().map(|change| (change.hash(), change)).collect();
    let mut found = 0;
    for given in doc.get_changes(before) {
        match wanted.get(&given.hash()) {
            Some(change) if change.raw_bytes() == given.raw_bytes() => found += 1,
            _ => return Err("the document does not give it back as it was".to_owned()),
        }
    }
    if found == wanted.len() { Ok(()) } else { Err("the document did not take it".to_owned()) }
}

fn refusal(change: &Change, reason: &str, follows: bool) -> RefusedChange {
    let actor = change.actor_id().to_bytes().to_vec();
    RefusedChange { hash: change.hash(), actor, reason: reason.to_owned(), follows }
}

impl Document {
    /// The number of an actor's last change here; 0 if it has none.
    pub fn seq_of(&self, actor: &[u8]) -> u64 {
        self.tip(actor).map_or(0, |tip| tip.seq)
    }
}
