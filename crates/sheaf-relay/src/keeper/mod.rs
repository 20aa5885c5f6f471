//! The keeper: what a relay has on its disk, and what it knows of it.
//!
//! A space that nobody is connected for costs nothing but disk: it is *opened* when someone comes who has to do with it, and
//! forgotten with the last of them. Two small indexes in the store make that quick. One says which spaces a device is in,
//! so that a connection finds its spaces; the other where a space's access entries are, so that opening it reads those and
//! nothing else. Both are written before the entries that they follow from, so that a crash leaves them too long, never too
//! short; what they say is held against the entries themselves.
//!
//! Nothing here waits for the network, and everything blocks: it runs on blocking threads.

pub mod accept;
mod accounts;
mod branches;
mod checkpoints;
mod coming;
mod endorsing;
mod farewell;
mod fetched;
mod held;
mod index;
mod journal;
mod keeping;
mod places;
mod prune;
mod read;
mod removal;
mod removals;
mod report;
mod sharing;
mod siblings;
mod space;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
mod unpublished;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sheaf_access::{AccessState, DeviceId, DeviceKeys, SpaceId};
use sheaf_log::{BlobLink, Frontier};
use sheaf_store::{Home, Store, StoreError, Table};
use sheaf_sync::branches::Searches;

pub use accept::{Delivered, LetIn};
pub use branches::Told;
pub use checkpoints::NotTaken;
pub use keeping::Accepted;
pub use prune::Swept;
pub use report::{SpaceReport, SpaceRow};
pub use sharing::Sharing;
pub use space::Space;

use crate::admission::Admission;
use crate::board::Board;
use crate::config;
use crate::guests::Guests;
use crate::quota::Ledger;

/// Where a space is, as long as somebody uses it.
type Slot = Arc<Mutex<Weak<Space>>>;

/// A row that is written to see whether anything can be.
const PROBE: &[u8] = b"probe";

/// What a relay has on its disk.
pub struct Keeper {
    home: Home,
    store: Arc<dyn Store>,
    keys: DeviceKeys,
    /// The spaces that are open. Whoever uses one holds on to it; whoever reads one from the disk holds its lock, and nobody else's.
    open: Mutex<HashMap<SpaceId, Slot>>,
    guests: Mutex<Guests>,
    admission: Mutex<Arc<Admission>>,
    /// Spaces that are being removed.
    going: Mutex<BTreeSet<SpaceId>>,
    /// Spaces that were removed from all relays of the cluster.
    removals: Mutex<BTreeMap<SpaceId, removals::Done>>,
    retention: Mutex<config::Retention>,
    /// Held while what is not needed any more is looked for: one at a time does.
    sweeping: Mutex<()>,
    /// The same for the journal alone.
    tidying: Mutex<()>,
    /// What was seen of spaces when they were last pruned: as long as it is so, there is nothing to prune in them.
    pruned: Mutex<HashMap<SpaceId, prune::Seen>>,
    ledger: Arc<Mutex<Ledger>>,
    /// What devices bring goes to other relays too.
    clustered: AtomicBool,
    /// Blobs that no checkpoint needs any more, and that are in the cluster's object store.
    discarded: Mutex<Vec<(SpaceId, Vec<BlobLink>)>>,
    searches: Searches,
    board: Arc<Board>,
}

impl Keeper {
    /// Keeps what is in a home.
    pub fn new(
        home: Home,
        keys: DeviceKeys,
        admission: Admission,
        (quotas, retention): (config::Quotas, config::Retention),
        board: Arc<Board>,
    ) -> Result<Self, StoreError> {
        let store: Arc<dyn Store> = Arc::clone(home.store()) as Arc<dyn Store>;
        board.meters().spaces.set(store.spaces()?.len() as u64);
        let keeper = Self {
            home,
            store,
            keys,
            open: Mutex::default(),
            guests: Mutex::default(),
            admission: Mutex::new(Arc::new(admission)),
            going: Mutex::default(),
            removals: Mutex::default(),
            retention: Mutex::new(retention),
            sweeping: Mutex::default(),
            tidying: Mutex::default(),
            pruned: Mutex::default(),
            ledger: Arc::new(Mutex::new(Ledger::new(quotas))),
            clustered: AtomicBool::new(false),
            discarded: Mutex::default(),
            searches: Searches::default(),
            board,
        };
        keeper.read_accounts()?;
        // What a crash interrupted.
        for space in keeper.home.store().removed()? {
            keeper.forget_records(space)?;
            keeper.ledger().forget(&space);
        }
        keeper.read_removals()?;
        Ok(keeper)
    }

    /// Which relay this is.
    pub fn id(&self) -> DeviceId {
        self.keys.id()
    }

    /// The home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Who is let in by an invitation, and has not joined.
    pub fn guests(&self) -> MutexGuard<'_, Guests> {
        locked(&self.guests)
    }

    /// A device is gone.
    pub fn left(&self, device: DeviceId) {
        self.guests().left(device);
        self.searches.forget(device);
    }

    /// Whose spaces are taken in.
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&locked(&self.admission))
    }

    /// Other rules of admission from now on.
    pub fn set_admission(&self, admission: Admission) {
        *locked(&self.admission) = Arc::new(admission);
    }

    /// Whether anything of a space is kept here.
    pub fn keeps(&self, space: SpaceId) -> Result<bool, StoreError> {
        Ok(!self.store.frontier(space)?.is_empty())
    }

    /// Opens a space: one that is kept, or one of which everything is still to come.
    pub fn open(&self, id: SpaceId) -> Result<Arc<Space>, StoreError> {
        let slot = {
            let mut open = locked(&self.open);
            if open.len() >= 2 * open.values().filter(|slot| in_use(slot)).count() + 64 {
                open.retain(|_, slot| in_use(slot));
            }
            Arc::clone(open.entry(id).or_default())
        };
        let mut there = locked(&slot);
        if let Some(space) = there.upgrade() {
            return Ok(space);
        }
        let space = Arc::new(self.load(id)?);
        *there = Arc::downgrade(&space);
        Ok(space)
    }

    /// Whether a space that is open is what is kept of it still: it may have been removed since it was opened.
    pub fn is_current(&self, space: &Arc<Space>) -> bool {
        let slot = locked(&self.open).get(&space.id).map(Arc::clone);
        slot.is_some_and(|slot| std::ptr::eq(locked(&slot).as_ptr(), Arc::as_ptr(space)))
    }

    /// The spaces a device is in, opened.
    pub fn open_spaces_of(&self, device: DeviceId) -> Result<Vec<Arc<Space>>, StoreError> {
        let mut spaces = Vec::new();
        for id in self.spaces_of(device)? {
            if self.is_going(id)? {
                continue;
            }
            let space = self.open(id)?;
            if space.has(device) {
                self.note_seen(id, accept::now())?;
                spaces.push(space);
            }
        }
        Ok(spaces)
    }

    /// Whether what was sent last could not be written.
    pub fn is_failing(&self) -> bool {
        self.board.is_failing()
    }

    /// Looks whether what is sent can be written again, if it could not. Blocks.
    pub fn look_at_disk(&self) {
        let written = || -> Result<(), StoreError> {
            if self.home.journal().stopped().is_some() {
                self.home.journal().recover()?;
            }
            self.store.put(Table::Settings, PROBE, &accept::now().to_le_bytes())
        };
        if self.is_failing() && written().is_ok() {
            self.board.store_fails(false);
        }
    }

    /// Signs what is durable here of these devices' logs in a space (N5).
    pub fn sign_receipt(&self, space: SpaceId, held: &Frontier, of: &[DeviceId], now: u64) -> Vec<u8> {
        let held = held.iter().filter(|(log, _)| of.contains(&log.device)).map(|(log, seq)| (*log, seq)).collect();
        sheaf_log::Receipt::sign(space, held, now, &self.keys).encoded().to_vec()
    }
}

/// Whether somebody has to do with what is in a slot, or reads it from the disk.
fn in_use(slot: &Slot) -> bool {
    // Nobody waits for the lock of what nobody else holds on to.
    Arc::strong_count(slot) > 1 || locked(slot).strong_count() > 0
}

/// Locks something whose changes are complete before anything can panic.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every device of every member.
fn devices(access: &AccessState) -> BTreeSet<DeviceId> {
    access.members().flat_map(|member| member.devices.keys().copied()).collect()
}
