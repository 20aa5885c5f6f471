//! From a plan to changes: at the present heads, isolated at older ones, or in a fork.
//!
//! Whatever way is taken, what was really written is read from Automerge's own patches and held against what the window
//! shows. Where marks differ, a second change corrects them; so inserted text carries exactly the marks its edit says,
//! however Automerge's marks expand.

use std::collections::HashSet;

use automerge::{ChangeHash, ObjId, ReadDoc};

use super::{
    Committed, Document, Slot, Tip, WriteError, convert, guard,
    plan::{self, Step},
    same_heads, write,
};
use crate::{patch::Patch, reading::Reading};

/// What a plan led to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The changes made, in order.
    pub(crate) committed: Vec<Committed>,
    /// The heads of the state the plan was carried out at, now.
    pub(crate) heads: Vec<ChangeHash>,
    /// What that state reads.
    pub(crate) reading: Reading,
    /// From the state before to this one.
    pub(crate) patches: Option<Vec<Patch>>,
    /// Why not everything was written.
    pub(crate) failure: Option<WriteError>,
}

impl Document {
    /// Carries out a plan at `heads` (all held), where the document reads `before`, so that it reads `after` there.
    /// At older heads it is isolated, and past `fork_after` operations done in a fork (W12).
    pub(crate) fn write(
        &mut self,
        slot: &Slot,
        heads: &[ChangeHash],
        mut steps: Vec<Step>,
        before: &Reading,
        after: &Reading,
        fork_after: usize,
    ) -> Outcome {
        let mut outcome = Outcome {
            committed: Vec::new(),
            heads: heads.to_vec(),
            reading: before.clone(),
            patches: Some(Vec::new()),
            failure: None,
        };
        let current = same_heads(heads, &self.heads());
        let beside = if current { HashSet::new() } else { self.beside(heads) };
        if !current && (self.fork_is_better(&steps, &beside, fork_after) || self.isolation_leaks(&beside)) {
            self.write_in_fork(slot, steps, after, &beside, &mut outcome);
        } else {
            // The first round writes; the others correct the marks that the text was given against the plan's guess.
            for round in 0..3 {
                if steps.is_empty() {
                    break;
                }
                let result = self.carry_out(slot, current, std::mem::take(&mut steps), &mut outcome);
                if let Err(error) = result {
                    outcome.failure = Some(error);
                    break;
                }
                if outcome.reading != *after && round < 2 {
                    steps = corrections(&outcome.reading, after);
                }
            }
        }
        if outcome.reading == *after {
            // The same blocks as the window's, so that the next comparison sees at once what has not changed.
            outcome.reading = after.clone();
        }
        if current && outcome.failure.is_none() {
            self.reading = Some(outcome.reading.clone());
        } else {
            self.forget_reading();
        }
        outcome
    }

    fn carry_out(
        &mut self,
        slot: &Slot,
        current: bool,
        steps: Vec<Step>,
        outcome: &mut Outcome,
    ) -> Result<(), WriteError> {
        let Some((content, _)) = self.content.clone() else { return Err(WriteError::NoText) };
        self.become_slot(slot);
        let at = (!current).then(|| self.with_own_tip(slot, &outcome.heads));
        let mut made = Vec::new();
        let doc = &mut self.doc;
        let result = guard::caught(|| write::carry_out(doc, &content, at, steps, &mut made));
        for write::Made { hash, patches } in made {
            let Some(committed) = self.note_own(&hash) else { continue };
            outcome.committed.push(committed);
            outcome.heads = if current { self.heads() } else { vec![hash] };
            self.follow(&content, outcome, patches);
        }
        match result {
            Ok(result) => Ok(result?),
            Err(panic) => {
                self.rebuild();
                Err(WriteError::Broke(panic))
            }
        }
    }

    /// Brings what is known of a state up to date with a change made at it.
    fn follow(&self, content: &ObjId, outcome: &mut Outcome, patches: Option<Vec<Patch>>) {
        let patches = patches.filter(|_| self.text_is_reachable());
        let followed = patches
            .as_ref()
            .is_some_and(|patches| patches.iter().all(|patch| outcome.reading.apply_patch(patch).is_ok()));
        if followed {
            if let (Some(all), Some(new)) = (&mut outcome.patches, patches) {
                all.extend(new);
            }
        } else {
            let items = convert::read(&self.doc, content, Some(&outcome.heads)).unwrap_or_default();
            outcome.reading = Reading::from_items(items);
            outcome.patches = None;
        }
    }

    /// The changes that are not below these heads.
    fn beside(&self, heads: &[ChangeHash]) -> HashSet<ChangeHash> {
        self.doc.get_changes_meta(heads).into_iter().map(|change| change.hash).collect()
    }

    /// Under `transaction_at`, each place looked up and each character deleted costs the whole document; a fork costs it
    /// a few times over, and where there is no trail as often as there are changes.
    fn fork_is_better(&self, steps: &[Step], beside: &HashSet<ChangeHash>, fork_after: usize) -> bool {
        let bound = if self.forks_cheaply(beside) { fork_after / 10 } else { fork_after };
        plan::lookups(steps) > bound
    }

    /// Whether `transaction_at` could make a change that nobody else can apply, with these changes beside it.
    ///
    /// Looking for the place of an insertion, Automerge 0.12.0 steps over marks that end or begin there *without asking
    /// whether they are in the state it is isolated at*. The new text may then be anchored to a mark that its change does
    /// not build on, and Automerge panics on such a change wherever the mark has not arrived. So isolation is used only
    /// where no mark lies beside it.
    fn isolation_leaks(&self, beside: &HashSet<ChangeHash>) -> bool {
        beside.iter().any(|hash| self.marking.get(hash).copied().unwrap_or(true))
    }

    /// The way for large edits at older heads, and where isolation leaks.
    fn write_in_fork(
        &mut self,
        slot: &Slot,
        steps: Vec<Step>,
        after: &Reading,
        beside: &HashSet<ChangeHash>,
        outcome: &mut Outcome,
    ) {
        let forked = guard::caught(|| self.fork(&outcome.heads, beside));
        let doc = match forked {
            Ok(Ok(doc)) => doc,
            Ok(Err(error)) => {
                outcome.failure = Some(error.into());
                return;
            }
            Err(panic) => {
                outcome.failure = Some(WriteError::Broke(panic));
                return;
            }
        };
        let mut fork = Self::around(doc, self.content.clone());
        let heads = fork.heads();
        let before = outcome.reading.clone();
        *outcome = fork.write(slot, &heads, steps, &before, after, usize::MAX);
        let changes: Vec<_> = outcome.committed.iter().map(|committed| committed.bytes.clone()).collect();
        if let Err(error) = self.take_own(&changes) {
            outcome.failure = Some(error);
            outcome.committed.clear();
        }
    }

    /// `heads`, and the actor's own last change: so isolation never mints another actor, and the change names its
    /// predecessor (W12, L3).
    fn with_own_tip(&self, slot: &Slot, heads: &[ChangeHash]) -> Vec<ChangeHash> {
        let mut at = heads.to_vec();
        at.extend(self.own_tip(slot));
        at.sort_unstable();
        at.dedup();
        at
    }

    /// Remembers a change just made here.
    pub(super) fn note_own(&mut self, hash: &ChangeHash) -> Option<Committed> {
        let change = self.doc.get_change_by_hash(hash)?;
        let committed = Committed {
            bytes: change.raw_bytes().to_vec(),
            hash: *hash,
            deps: change.deps().to_vec(),
            actor: change.actor_id().to_bytes().to_vec(),
            seq: change.seq(),
        };
        self.set_tip(change.actor_id(), Tip { seq: change.seq(), hash: *hash });
        self.keep(hash, &committed.bytes);
        Some(committed)
    }
}

fn corrections(actual: &Reading, wanted: &Reading) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut reading = actual.clone();
    for edit in actual.edits_to(wanted) {
        if plan::add(&mut steps, &edit, &reading).is_err() || reading.apply_edit(&edit).is_err() {
            break;
        }
    }
    steps
}
