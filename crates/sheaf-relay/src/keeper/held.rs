//! What is held of a space, as admission asks for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_log::{Entry, EntryRef, Forks, Frontier, Held, HeldEntry, Needed};
use sheaf_store::{Store, StoreError};

use super::coming::Coming;
use super::space::State;

/// The store, what is on its way there, and what these deliveries have added to it.
pub struct HeldHere<'s> {
    store: &'s dyn Store,
    pub(super) space: SpaceId,
    frontier: Frontier,
    floors: Frontier,
    forks: Arc<Forks>,
    needed: Arc<Needed>,
    coming: Arc<Coming>,
    added: HashMap<(LogId, u64), HeldEntry>,
}

impl<'s> HeldHere<'s> {
    /// As it is now.
    pub fn new(store: &'s dyn Store, state: &State, space: SpaceId) -> Self {
        let (mut frontier, floors) = (state.frontier.clone(), state.floors.clone());
        let (forks, needed, coming) = (Arc::clone(&state.forks), Arc::clone(&state.needed), Arc::clone(&state.coming));
        coming.raise(&mut frontier);
        Self { store, space, frontier, floors, forks, needed, coming, added: HashMap::new() }
    }

    /// What has been let in.
    pub fn into_added(self) -> HashMap<(LogId, u64), HeldEntry> {
        self.added
    }

    /// It has been let in.
    pub fn add(&mut self, entry: &Entry) {
        self.frontier.advance(entry.log(), entry.seq());
        self.added.insert((entry.log(), entry.seq()), HeldEntry::from(entry));
    }
}

impl Held for HeldHere<'_> {
    type Error = StoreError;

    fn height(&self, log: &LogId) -> Result<u64, StoreError> {
        Ok(self.frontier.get(log))
    }

    fn at(&self, log: &LogId, seq: u64) -> Result<Option<HeldEntry>, StoreError> {
        if let Some(added) = self.added.get(&(*log, seq)).or_else(|| self.coming.at(log, seq)) {
            return Ok(Some(added.clone()));
        }
        Ok(self.store.entry(self.space, *log, seq)?.as_ref().map(HeldEntry::from))
    }

    fn branch(&self, on: &EntryRef) -> Result<Option<HeldEntry>, StoreError> {
        Ok(self.forks.beside(on).cloned())
    }

    fn covered(&self, log: &LogId, seq: u64) -> Result<bool, StoreError> {
        Ok(self.floors.holds(log, seq))
    }

    fn logs(&self) -> Result<usize, StoreError> {
        Ok(self.frontier.len())
    }

    fn logs_of(&self, devices: &BTreeSet<DeviceId>) -> Result<usize, StoreError> {
        Ok(self.frontier.iter().filter(|(log, _)| devices.contains(&log.device)).count())
    }

    fn is_needed(&self, entry: &Entry) -> bool {
        self.needed.is(entry)
    }
}
