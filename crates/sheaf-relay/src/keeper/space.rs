//! One space, as a relay knows it: who may do what, and how much of it is here. Not a word of what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use sheaf_access::{AccessEntry, AccessHistory, AccessState, DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, Forks, Frontier, Kind, Needed, Refusal};
use sheaf_store::{StoreError, load_forks};
use sheaf_sync::branches::Talk;

use super::checkpoints::Checkpoints;
use super::coming::Coming;
use super::unpublished::Unpublished;
use super::{Keeper, devices, locked};

/// How many bytes of entries are read at a time.
const READ: usize = 1 << 20;

/// A space that is open.
pub struct Space {
    /// Its id.
    pub id: SpaceId,
    state: Mutex<State>,
    /// Taken after the state where both are, and for moments only.
    checkpoints: Mutex<Checkpoints>,
    /// What is remembered of what is said of forks. For moments.
    pub(super) talk: Mutex<Talk>,
    /// Held while the branches of a forked log are changed. Taken before the state.
    pub(super) branching: Mutex<()>,
}

/// What changes in it.
pub(super) struct State {
    /// Who may do what; nothing before the first entry has come.
    pub access: Option<AccessHistory>,
    /// What is durable here.
    pub frontier: Frontier,
    /// What was let in and is not durable yet.
    pub coming: Arc<Coming>,
    /// The last entry of each log, where it is here.
    pub tips: BTreeMap<LogId, (u64, EntryHash)>,
    /// Up to where entries may be missing, because a checkpoint stands for them.
    pub floors: Frontier,
    /// Logs in which a place was taken twice (L6).
    pub forks: Arc<Forks>,
    /// Whether it is taken in depends on whose device asks, which is not known yet.
    pub waits: bool,
    /// The members' devices, as the index has them.
    pub indexed: BTreeSet<DeviceId>,
    /// What others have built on that was not here when they said so.
    pub needed: Arc<Needed>,
    /// What may not be in the cluster yet.
    pub unpublished: Option<Unpublished>,
}

impl Space {
    /// The state, for moments.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// What is durable here.
    pub(super) fn frontier(&self) -> Frontier {
        self.lock().frontier.clone()
    }

    /// Whether nothing of it is here.
    pub fn is_empty(&self) -> bool {
        self.lock().frontier.is_empty()
    }

    /// Up to where entries may be missing.
    pub fn floors(&self) -> Frontier {
        self.lock().floors.clone()
    }

    /// Entries were pruned: they may be missing up to here at least.
    pub(super) fn raise_floors(&self, floors: &Frontier) {
        self.lock().floors.merge(floors);
    }

    /// What is known of its checkpoints, for moments.
    pub fn checkpoints(&self) -> MutexGuard<'_, Checkpoints> {
        locked(&self.checkpoints)
    }

    /// A checkpoint has been taken over: its access entries count, and all it covers is held. What the store said of that was
    /// read before, and entries may have come since: no log goes back (C1).
    pub(super) fn take_over(&self, mut access: AccessHistory, frontier: &Frontier, floors: &Frontier) {
        let mut state = self.lock();
        if let Some(known) = &state.access {
            // What came meanwhile.
            let news = known.entries().filter(|entry| !access.contains(&entry.hash)).cloned().collect();
            add_what_fits(&mut access, news);
        }
        state.indexed = devices(access.now());
        state.access = Some(access);
        state.frontier.merge(frontier);
        state.floors.merge(floors);
    }

    /// How its logs end.
    pub fn tips(&self) -> Vec<(LogId, u64, EntryHash)> {
        let state = self.lock();
        state.tips.iter().map(|(log, (seq, hash))| (*log, *seq, *hash)).collect()
    }

    /// The logs that are forked, and where.
    pub fn forked(&self) -> Vec<(LogId, u64)> {
        self.lock().forks.iter().map(|(log, forked)| (*log, forked.at)).collect()
    }

    /// Nothing of it is kept before it is known whose device asks.
    pub fn wait_for_person(&self) {
        let mut state = self.lock();
        state.waits = state.frontier.is_empty();
    }

    /// Whether it is not known yet whether it is kept at all.
    pub fn waits(&self) -> bool {
        self.lock().waits
    }

    /// Who may do what in it now.
    pub fn access(&self) -> Option<Arc<AccessState>> {
        self.lock().access.as_ref().map(|history| Arc::clone(history.now()))
    }

    /// Whether a device is a member's.
    pub fn has(&self, device: DeviceId) -> bool {
        self.access().is_some_and(|access| access.role_of(&device).is_some())
    }

    /// Whether a device was a member's, and is not any more.
    pub fn had(&self, device: DeviceId) -> bool {
        self.access().is_some_and(|access| access.role_of(&device).is_none() && access.person_of(&device).is_some())
    }
}

impl State {
    /// Lets an access entry take effect.
    pub fn admit_access(&mut self, entry: &Entry) -> Result<(), Refusal> {
        let Some(operation) = entry.access_entry() else { return Ok(()) };
        let operation = operation?;
        match &mut self.access {
            Some(history) => {
                history.add(operation)?;
            }
            None => self.access = Some(AccessHistory::found(operation)?),
        }
        Ok(())
    }
}

impl Keeper {
    pub(super) fn load(&self, id: SpaceId) -> Result<Space, StoreError> {
        let (frontier, floors) = (self.store.frontier(id)?, self.store.floors(id)?);
        let mut tips = BTreeMap::new();
        for (log, seq) in frontier.iter() {
            tips.extend(self.store.entry(id, *log, seq)?.map(|entry| (*log, (seq, entry.hash()))));
        }
        let mut entries = self.indexed_access(id)?;
        let creation = EntryHash::from_bytes(*id.as_bytes());
        if !frontier.is_empty() && !entries.iter().any(|entry| entry.hash == creation) {
            // The index was lost: it follows from the entries.
            entries = self.scanned_access(id)?;
        }
        let (forks, beside) = load_forks(&*self.store, id)?;
        entries.extend(beside.iter().filter_map(|entry| entry.access_entry()?.ok()));
        let access = history(creation, entries);
        let indexed: BTreeSet<DeviceId> = access.iter().flat_map(|access| devices(access.now())).collect();
        if let Some(access) = &access {
            self.count(id, access.now())?;
        }
        for device in &indexed {
            self.put_member(*device, id)?;
        }
        let checkpoints = Mutex::new(self.load_checkpoints(id)?);
        let now = access.as_ref().map(|access| Arc::clone(access.now()));
        self.count_beside(id, now.as_deref(), &beside, &locked(&checkpoints))?;
        let unpublished = self.load_unpublished(id, &frontier)?;
        let (forks, needed, coming) = (Arc::new(forks), Arc::default(), Arc::default());
        let state = State { access, frontier, coming, tips, floors, forks, waits: false, indexed, needed, unpublished };
        Ok(Space { id, checkpoints, state: Mutex::new(state), talk: Mutex::default(), branching: Mutex::default() })
    }

    fn indexed_access(&self, id: SpaceId) -> Result<Vec<AccessEntry>, StoreError> {
        let mut entries = Vec::new();
        for hash in self.access_of(id)? {
            // A crash may have come between the index and the entry.
            let Some((log, seq)) = self.store.by_hash(id, hash)? else { continue };
            let entry = self.store.entry(id, log, seq)?;
            entries.extend(entry.and_then(|entry| entry.access_entry()?.ok()));
        }
        Ok(entries)
    }

    fn scanned_access(&self, id: SpaceId) -> Result<Vec<AccessEntry>, StoreError> {
        let (mut entries, mut from) = (Vec::new(), 0);
        loop {
            let batch = self.store.since(id, from, READ)?;
            let Some((last, _)) = batch.last() else { return Ok(entries) };
            from = *last;
            for (_, entry) in batch.iter().filter(|(_, entry)| entry.header().kind == Kind::Access) {
                if let Some(Ok(operation)) = entry.access_entry() {
                    self.put_access(id, operation.hash)?;
                    entries.push(operation);
                }
            }
        }
    }
}

/// The history of these entries: those whose past is here. The others come again.
fn history(creation: EntryHash, mut entries: Vec<AccessEntry>) -> Option<AccessHistory> {
    let first = entries.iter().position(|entry| entry.hash == creation)?;
    let mut history = AccessHistory::found(entries.swap_remove(first)).ok()?;
    add_what_fits(&mut history, entries);
    Some(history)
}

/// Adds the entries whose past is held, as often as one more fits, and gives back the others.
pub(super) fn add_what_fits(history: &mut AccessHistory, mut waiting: Vec<AccessEntry>) -> Vec<AccessEntry> {
    loop {
        let before = waiting.len();
        waiting.retain(|entry| history.add(entry.clone()).is_err());
        if waiting.is_empty() || waiting.len() == before {
            return waiting;
        }
    }
}
