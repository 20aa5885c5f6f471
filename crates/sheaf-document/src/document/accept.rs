//! Taking a whole document from a checkpoint (C1), and writing one.
//!
//! Whoever wrote the save is not believed. What is known beforehand is what the devices of the covered logs have signed:
//! which actors wrote in the document, how many changes each made, and the hash of its latest. Each change descends from
//! its actor's one before (L3), and a change's hash covers what it depends on and what it does; so one document alone fits.
//!
//! First the save's own account of its changes is read and held against that; then Automerge decodes the operations, where
//! a panic ends the attempt, and the hashes it derives are compared. It does not derive the *order* of the operations,
//! though, in which it then shows the text: so the changes are applied anew to an empty document, and the save's
//! operations have to stand as they come of that.

use std::collections::HashMap;

use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash};

use super::{Document, Genesis, LoadError, empty_automerge, guard};
use crate::{
    check::{
        ValidChange, author_footer,
        saved::{self, SavedChanges},
        scan::{self, ScanError},
    },
    limits::{LoadLimits, MAX_CHANGE_BYTES, MAX_CHANGE_OPERATIONS, MAX_OPERATION_GAP, MAX_OPERATION_NUMBER},
};

/// What an actor's log has signed: how far it has written in this document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// The actor.
    pub actor: Vec<u8>,
    /// The log's person.
    pub author: Vec<u8>,
    /// The number of its latest change.
    pub seq: u64,
    /// The hash of that.
    pub hash: ChangeHash,
}

/// Why a saved document is not the one that was signed for.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    /// Its bytes are not those of a saved document, hold another number of changes, or unfold into too much.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// Automerge does not take it.
    #[error("the saved document does not open: {0}")]
    Unreadable(String),
    /// It is larger than this device opens; not a verdict.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It holds changes of an actor that nobody has signed for.
    #[error("the saved document holds changes that nobody has signed for")]
    Unattested,
    /// Changes of an actor are missing, or there are more than were signed for.
    #[error("the saved document holds {found} changes of an actor whose device has signed {attested}")]
    Count {
        /// How many there are.
        found: u64,
        /// How many were signed for.
        attested: u64,
    },
    /// An actor's changes are not numbered one after the other, each on top of the one before.
    #[error("a change in the saved document does not follow its actor's previous one")]
    Chain,
    /// A change does not name its author as it must.
    #[error("a change in the saved document does not name its author as it must")]
    Author,
    /// Operations are numbered too low, too far ahead, or too high.
    #[error("a change in the saved document has operations with numbers that cannot be")]
    Numbering,
    /// A change is larger than one may be.
    #[error("a change in the saved document is larger than the protocol allows")]
    TooLarge,
    /// An actor's latest change is another than was signed for.
    #[error("a change in the saved document is not the one that was signed for")]
    OtherChange,
    /// It does not begin as every document of its sort does.
    #[error("the saved document does not begin as it must")]
    Genesis,
    /// Its heads are not those it is said to have.
    #[error("the saved document is at other heads than the checkpoint says")]
    Heads,
    /// Its operations stand in another order than its changes make.
    #[error("the saved document is not what its changes make")]
    Order,
}

impl Document {
    /// Opens a document from a checkpoint, if it is exactly what was signed for.
    pub fn accept(
        bytes: &[u8],
        genesis: Genesis,
        heads: &[ChangeHash],
        attested: &[Attested],
    ) -> Result<Self, NotAccepted> {
        let limits = LoadLimits::default();
        if bytes.len() > limits.bytes {
            return Err(LoadError::TooLarge { bytes: bytes.len(), limit: limits.bytes }.into());
        }
        // The genesis change is nobody's and is there once.
        let count = attested.iter().fold(1_u64, |sum, one| sum.saturating_add(one.seq));
        if count > limits.operations {
            return Err(ScanError::TooMany { what: "changes", found: count, limit: limits.operations }.into());
        }
        let saved = saved::changes(bytes, count, attested.len() as u64 + 1, &limits)?;
        account(&saved, attested)?;
        if saved.heads.len() != heads.len() || !saved.heads.iter().all(|head| heads.contains(&ChangeHash(*head))) {
            return Err(NotAccepted::Heads);
        }
        let document = Self::load_with(bytes, &limits)?;
        let checked = guard::caught(|| agree(&document.doc, genesis, attested));
        checked.unwrap_or_else(|panic| Err(NotAccepted::Unreadable(panic)))?;
        Ok(document)
    }

    /// The heads and the save of the document as it was when these were its actors' latest changes, for a checkpoint.
    pub fn save_at(&self, tips: &[ChangeHash]) -> Result<(Vec<ChangeHash>, Vec<u8>), AutomergeError> {
        let now = self.all_tips().values().filter(|tip| !Genesis::is_genesis(&tip.hash)).map(|tip| tip.hash);
        let mut now: Vec<ChangeHash> = now.collect();
        let mut then = tips.to_vec();
        now.sort_unstable();
        then.sort_unstable();
        then.dedup();
        let fork;
        let doc = if now == then {
            &self.doc
        } else {
            fork = self.doc.fork_at(&then)?;
            &fork
        };
        Ok((doc.get_heads(), doc.save()))
    }

    /// All changes of a document that was accepted, each after those it depends on, but for the genesis: to be applied
    /// where some of them are lacking.
    pub fn accepted_changes(&self) -> Vec<ValidChange> {
        let changes = self.doc.get_changes(&[]).into_iter();
        changes.filter(|change| !Genesis::is_genesis(&change.hash())).map(ValidChange::accepted).collect()
    }

    /// The actor of a change, if the change is here.
    pub fn actor_of(&self, hash: &ChangeHash) -> Option<Vec<u8>> {
        Some(self.doc.get_change_meta_by_hash(hash)?.actor.to_bytes().to_vec())
    }

    /// The number of a change among its actor's, if the change is here.
    pub fn number_of(&self, hash: &ChangeHash) -> Option<u64> {
        Some(self.doc.get_change_meta_by_hash(hash)?.seq)
    }
}

/// Holds the save's account of its changes against what was signed: before an operation is decoded.
fn account(saved: &SavedChanges, attested: &[Attested]) -> Result<(), NotAccepted> {
    let by_actor: HashMap<&[u8], &Attested> = attested.iter().map(|one| (one.actor.as_slice(), one)).collect();
    // For each actor of the document: what was signed for, how many of its changes have been met, and the last of them.
    let mut actors: Vec<(Option<&Attested>, u64, Option<usize>)> = Vec::with_capacity(saved.actors.len());
    for actor in &saved.actors {
        let known = by_actor.get(actor.as_slice()).copied();
        if known.is_none() && *actor != Genesis::actor() {
            return Err(NotAccepted::Unattested);
        }
        actors.push((known, 0, None));
    }
    for (place, change) in saved.changes.iter().enumerate() {
        let (known, met, last) = &mut actors[change.actor];
        if change.seq != *met + 1 || last.is_some_and(|last| !change.deps.contains(&last)) {
            return Err(NotAccepted::Chain);
        }
        (*met, *last) = (change.seq, Some(place));
        let highest = change.deps.iter().map(|dep| saved.changes[*dep].max_op).max().unwrap_or(0);
        let furthest = highest + MAX_OPERATION_GAP + MAX_CHANGE_OPERATIONS;
        if change.max_op <= highest || change.max_op > furthest || change.max_op >= MAX_OPERATION_NUMBER {
            return Err(NotAccepted::Numbering);
        }
        let footer = match known {
            Some(known) if change.seq == 1 => author_footer(&known.author),
            _ => Vec::new(),
        };
        if saved.extra_of(change) != footer {
            return Err(NotAccepted::Author);
        }
    }
    for (known, met, _) in &actors {
        let attested = known.map_or(1, |known| known.seq);
        if *met != attested {
            return Err(NotAccepted::Count { found: *met, attested });
        }
    }
    Ok(())
}

/// Whether the document that Automerge made of the save is the one that was signed for.
fn agree(doc: &Automerge, genesis: Genesis, attested: &[Attested]) -> Result<(), NotAccepted> {
    let changes = doc.get_changes(&[]);
    let mut latest: HashMap<&ActorId, &Change> = HashMap::new();
    let mut max_ops: HashMap<ChangeHash, u64> = HashMap::with_capacity(changes.len());
    let mut begins = false;
    for change in &changes {
        let exempt = change.hash() == genesis.hash();
        begins |= exempt;
        if !exempt {
            let highest = change.deps().iter().filter_map(|dep| max_ops.get(dep)).max().copied().unwrap_or(0);
            let start = change.start_op().get();
            if start <= highest || start > highest + MAX_OPERATION_GAP || change.max_op() >= MAX_OPERATION_NUMBER {
                return Err(NotAccepted::Numbering);
            }
            if change.raw_bytes().len() > MAX_CHANGE_BYTES
                || change.len() as u64 > MAX_CHANGE_OPERATIONS
                || change.is_empty()
            {
                return Err(NotAccepted::TooLarge);
            }
        }
        max_ops.insert(change.hash(), change.max_op());
        latest.insert(change.actor_id(), change);
    }
    if !begins {
        return Err(NotAccepted::Genesis);
    }
    for one in attested {
        let found = latest.get(&ActorId::from(one.actor.as_slice()));
        if found.is_none_or(|change| change.hash() != one.hash || change.seq() != one.seq) {
            return Err(NotAccepted::OtherChange);
        }
    }
    for change in &changes {
        scan::change(change.raw_bytes())?;
    }
    let mut anew = empty_automerge();
    anew.apply_changes(changes.clone()).map_err(|error| NotAccepted::Unreadable(error.to_string()))?;
    let by_hash: HashMap<ChangeHash, &Change> = changes.iter().map(|change| (change.hash(), change)).collect();
    let back = anew.get_changes(&[]);
    let given_back =
        |change: &Change| by_hash.get(&change.hash()).is_some_and(|one| one.raw_bytes() == change.raw_bytes());
    let (ours, theirs) = (anew.save_nocompress(), doc.save_nocompress());
    let same = back.len() == changes.len()
        && back.iter().all(given_back)
        && saved::operations(&ours)? == saved::operations(&theirs)?;
    if same { Ok(()) } else { Err(NotAccepted::Order) }
}
