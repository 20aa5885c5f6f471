//! A checkpoint that someone other than its author vouches for settles a fork (L6, C2): what it covers is the log.
//!
//! Below such a checkpoint entries may be gone anywhere, so it cannot be for votes any more which side counts. Whoever knows
//! the fork counts the side that is covered, and whoever has only entries of the other finds that out when the checkpoint is
//! held: those are set aside like anything else that does not count.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sheaf_access::{DocumentId, LogId, SpaceId};
use sheaf_document::Document;
use sheaf_document::check::peek;
use sheaf_log::{Entry, Frontier};
use sheaf_store::{StoreError, Table, main_from};

use super::{Forked, Forks};
use crate::checkpoint::Base;
use crate::core::Core;
use crate::error::NodeError;
use crate::opening::Arrived;
use crate::space::Space;

/// That the entries of a log are others here than those which a checkpoint stands for.
const PARTED: &[u8] = b"parted/";

/// Takes up what checkpoints decide, that someone vouches for; `parted` are the logs of which something else is in the log
/// proper.
pub fn settle(forks: &mut Forks, decided: &[Arc<Base>], parted: &BTreeMap<LogId, u64>) {
    let furthest = |log: &LogId| {
        let covered = decided.iter().filter_map(|base| base.covered.get(log));
        // Of several the one that goes furthest; between equals the one with the lower hash.
        let last = covered.max_by_key(|covered| (covered.seq, std::cmp::Reverse(covered.held.hash)));
        last.map(|covered| (covered.seq, covered.held.hash))
    };
    forks.settle(furthest, |log| parted.contains_key(log));
}

impl Core {
    /// Finds out of which logs the log proper has other entries than those a checkpoint stands for, which is about to be
    /// held; `here` is what is held without it. Blocks.
    pub fn part_from(&self, space: &Space, base: &Base, here: &Frontier) -> Result<(), NodeError> {
        let floors = self.store.floors(space.id)?;
        let known = space.checkpoints().parted.clone();
        let mut documents = HashMap::new();
        for (log, covered) in base.covered.iter().filter(|(log, _)| !known.contains_key(log)) {
            let (from, end) = (floors.get(log) + 1, here.get(log).min(covered.seq));
            if from > end {
                continue;
            }
            let stored = self.store.entry(space.id, *log, covered.seq)?.map(|entry| entry.hash());
            if stored == Some(covered.held.hash) {
                continue;
            }
            let first =
                self.first_other(space, base, &main_from(&*self.store, space.id, *log, from)?, end, &mut documents)?;
            let forked = space.lock().forks.at(log);
            // If all that it wrote is there, the last of them are of no document, and one is in the covered place.
            let other = first.or_else(|| stored.map(|_| end)).map(|first| forked.map_or(first, |at| first.min(at)));
            let Some(seq) = other else { continue };
            tracing::warn!(%log, seq, space = %space.id, "a checkpoint stands for other entries of a log than are here");
            self.store.put(Table::Spaces, &record(space.id, Some(log)), &seq.to_le_bytes())?;
            space.checkpoints().parted.insert(*log, seq);
        }
        Ok(())
    }

    /// The first of these entries, up to a place, whose changes are not in the documents of a checkpoint.
    fn first_other(
        &self,
        space: &Space,
        base: &Base,
        entries: &[Entry],
        end: u64,
        documents: &mut HashMap<DocumentId, Option<Document>>,
    ) -> Result<Option<u64>, NodeError> {
        for entry in entries.iter().filter(|entry| entry.seq() <= end) {
            let Some((id, Arrived { changes, .. })) = self.open_stored(space, entry)? else { continue };
            if space.access().is_some_and(|access| access.is_destroyed(&id)) {
                continue;
            }
            if let std::collections::hash_map::Entry::Vacant(vacant) = documents.entry(id) {
                let saved = base.document(&**self.home().blobs(), id)?;
                vacant.insert(saved.and_then(|saved| Document::load(&saved.save).ok()));
            }
            let held = |change: &Vec<u8>| {
                let document = documents.get(&id).and_then(Option::as_ref);
                peek(change).is_ok_and(|peek| document.is_some_and(|document| document.has(&peek.hash)))
            };
            if !changes.iter().all(held) {
                return Ok(Some(entry.seq()));
            }
        }
        Ok(None)
    }

    /// What had been found out of that when the node ended, of logs that a checkpoint covers.
    pub fn load_parted(&self, space: &Space) -> Result<(), StoreError> {
        let prefix = record(space.id, None);
        let mut held = space.checkpoints();
        let covers = held.covers();
        for (name, value) in self.store.scan(Table::Spaces, &prefix)? {
            let Some((device, nonce)) = name.get(prefix.len()..).and_then(<[u8]>::split_first_chunk::<32>) else {
                continue;
            };
            let (Ok(nonce), Ok(seq)) = (nonce.try_into(), value.try_into()) else { continue };
            let device = sheaf_access::DeviceId::from_bytes(*device);
            let (log, seq) = (LogId { device, nonce: u64::from_le_bytes(nonce) }, u64::from_le_bytes(seq));
            if covers.holds(&log, seq) {
                held.parted.insert(log, seq);
            }
        }
        Ok(())
    }

    /// Lets go of checkpoints that cover the place of a fork and that nobody but their author vouches for: they do not decide,
    /// so they may stand for what does not count. Nothing was pruned below them.
    pub fn doubt_checkpoints(space: &Space) {
        let state = space.lock();
        let Some(history) = state.access.as_ref().filter(|_| !state.forks.is_empty()) else { return };
        let mut held = space.checkpoints();
        let decided = held.decided(history.now());
        let is_good = |base: &Arc<Base>| {
            let covers = |(log, forked): (&LogId, &Forked)| base.checkpoint.covers.holds(log, forked.at);
            decided.iter().any(|one| Arc::ptr_eq(one, base)) || !state.forks.iter().any(covers)
        };
        let (good, doubtful): (Vec<_>, Vec<_>) = std::mem::take(&mut held.held).into_iter().partition(is_good);
        held.held = good;
        held.pending.extend(doubtful.iter().map(|base| base.entry.clone()));
    }

    /// Whether a checkpoint covers a side of a fork that does not count here.
    pub fn covers_another_side(space: &Space, base: &Base) -> Option<LogId> {
        let state = space.lock();
        let held = space.checkpoints();
        let other = |(log, forked): &(&LogId, &Forked)| {
            let Some(covered) = base.covered.get(log).filter(|covered| covered.seq >= forked.at) else { return false };
            let hash = &covered.held.hash;
            let mut held = held.held.iter().filter_map(|base| base.covered.get(log));
            if held.any(|known| known.held.hash == *hash) {
                return false;
            }
            let counts = if forked.is_main(hash) {
                !state.void.is_from(log, covered.seq)
            } else {
                state.void.branch.contains(hash)
            };
            !counts
        };
        state.forks.iter().find(other).map(|(log, _)| *log)
    }
}

/// The name of what is remembered of a log in a space, or what all of those in that space begin with.
fn record(space: SpaceId, log: Option<&LogId>) -> Vec<u8> {
    let log = log.map(|log| [log.device.as_bytes().as_slice(), &log.nonce.to_le_bytes()].concat());
    [PARTED, space.as_bytes(), &log.unwrap_or_default()].concat()
}
