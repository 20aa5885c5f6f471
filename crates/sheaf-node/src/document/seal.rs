//! Own changes become entries: which entries they build on, and the hand-over to the writer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sheaf_document::{ChangeHash, Committed, Genesis};
use sheaf_log::{Content, EntryRef, MineKey, Part, slot_of};

use super::task::Task;
use crate::accept::reference;
use crate::core::now;
use crate::error::NodeError;
use crate::space::OwnChange;
use crate::writer::Work;

/// How many bytes of changes go into one entry. One change is at most half of it.
const ENTRY: usize = 320 * 1024;

/// What became of changes that were to be sealed.
enum Outcome {
    Sealed,
    /// Other entries count than this thread knows of.
    NotYet,
    /// They were made for another log than the one there is now.
    OtherLog,
}

impl Task {
    /// Seals own changes and hands them to the writer, a few of them in one entry. What cannot be sealed stays, in order,
    /// and is tried again: later changes build on it.
    pub(super) fn seal(&mut self) -> Result<(), NodeError> {
        while !self.unsealed.is_empty() {
            let mut size = 0;
            let fits = |change: &&Committed| {
                size += change.bytes.len();
                size <= ENTRY
            };
            let count = self.unsealed.iter().take_while(fits).count().max(1);
            let group: Vec<Committed> = self.unsealed.iter().take(count).cloned().collect();
            match self.seal_group(group)? {
                Outcome::Sealed => drop(self.unsealed.drain(..count)),
                // Told in a moment what counts, this thread goes on.
                Outcome::NotYet => return Ok(()),
                // They are sealed as what they become.
                Outcome::OtherLog => {
                    self.make_unsealed_again();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn seal_group(&mut self, group: Vec<Committed>) -> Result<Outcome, NodeError> {
        let me = self.core.me()?;
        let builds_on = self.builds_on(&group)?;
        let hashes: Vec<[u8; 32]> = group.iter().map(|change| change.hash.0).collect();
        let entry = {
            let mut state = self.space.lock();
            if !Arc::ptr_eq(&self.void, &state.void) {
                return Ok(Outcome::NotYet);
            }
            self.core.make_writable(&self.space, &mut state, &me)?;
            let log = state.log.id;
            let own = |change: &Committed| {
                let slot = slot_of(&log, &self.id, Part::Body, &change.actor)?;
                let key = MineKey { document: self.id, part: Part::Body, slot };
                Some(OwnChange { key, seq: change.seq, hash: change.hash.0 })
            };
            let Some(own) = group.iter().map(own).collect::<Option<Vec<_>>>() else {
                return Ok(Outcome::OtherLog);
            };
            let changes = group.into_iter().map(|change| change.bytes).collect();
            let content = Content { document: self.id, part: Part::Body, changes };
            let entry = state.write(self.space.id, &me, &content, &own, builds_on, now())?;
            let work = Work::new(&self.space, entry.clone(), Some((self.id, hashes.clone())));
            self.core.write(work);
            entry
        };
        for hash in hashes {
            self.holders.insert(hash, entry.reference());
            self.unsaved.insert(hash);
        }
        Ok(Outcome::Sealed)
    }

    /// The entries that hold the direct dependencies of these changes (L1): the latest of each log.
    fn builds_on(&mut self, group: &[Committed]) -> Result<Vec<EntryRef>, NodeError> {
        let within: Vec<ChangeHash> = group.iter().map(|change| change.hash).collect();
        let mut latest: BTreeMap<_, EntryRef> = BTreeMap::new();
        for dep in group.iter().flat_map(|change| &change.deps) {
            if Genesis::is_genesis(dep) || within.contains(dep) {
                continue;
            }
            let holder = self.holder(dep)?;
            let known = latest.entry(holder.log).or_insert(holder);
            if known.seq < holder.seq {
                *known = holder;
            }
        }
        Ok(latest.into_values().collect())
    }

    /// The last covered entry of the log that made a change.
    fn covering(&self, change: &ChangeHash) -> Option<EntryRef> {
        let actor = self.document().actor_of(change)?;
        let held = self.space.checkpoints();
        let logs = held.held.iter().rev().flat_map(|base| &base.covered);
        let mut logs = logs.filter(|(log, _)| slot_of(log, &self.id, Part::Body, &actor).is_some());
        logs.next().map(|(log, covered)| EntryRef { log: *log, seq: covered.seq, hash: covered.held.hash })
    }

    fn holder(&mut self, change: &ChangeHash) -> Result<EntryRef, NodeError> {
        if let Some(holder) = self.holders.get(&change.0) {
            return Ok(*holder);
        }
        // Older than what was remembered beside the snapshot: look through everything, once.
        let rows = self.core.store.document_rows(self.space.id, self.id, 0)?;
        let places: HashMap<[u8; 32], _> =
            rows.iter().flat_map(|row| row.changes.iter().map(|hash| (*hash, (row.log, row.seq)))).collect();
        let found = places.get(&change.0).and_then(|(log, seq)| {
            Some(EntryRef { log: *log, seq: *seq, hash: reference(&*self.core.store, self.space.id, *log, *seq)? })
        });
        // Pruned: then the last covered entry of the log that made it stands for it (L1), which holds it or follows it.
        let found = found.or_else(|| self.covering(change));
        let holder = found.ok_or_else(|| {
            NodeError::Damaged(
                "this document builds on something that is not stored here any more. Ask other devices for it.".into(),
            )
        })?;
        self.holders.insert(change.0, holder);
        Ok(holder)
    }
}
