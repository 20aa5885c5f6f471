//! This device's own log in a space, and leaving it for another.
//!
//! A log has a place among its device's, and there are so many places ([`MAX_LOGS_OF_DEVICE`]). A new log stands in any that
//! is not known to be taken, at random: a home that was put back may have used some after what it remembers, and a place
//! taken twice is a fork (L6).

use rand::seq::IteratorRandom;
use sheaf_access::{DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::{Frontier, MAX_LOGS_OF_DEVICE, Mine};
use sheaf_store::Table;

use crate::core::{Core, LOG, key};
use crate::error::NodeError;
use crate::space::{Space, State};

/// This device's own log in a space.
pub struct OwnLog {
    /// Its id.
    pub id: LogId,
    /// The number of its last entry; 0 before the first.
    pub seq: u64,
    /// The hash of its last entry.
    pub tip: Option<EntryHash>,
    /// The latest own change of each actor (L1).
    pub mine: Mine,
}

impl OwnLog {
    /// The first that is known of a device, where this is held.
    pub fn first(device: DeviceId, held: &Frontier) -> Self {
        Self::among(device, held, None)
    }

    /// Another after this one.
    pub fn after(left: LogId, held: &Frontier) -> Self {
        Self::among(left.device, held, Some(left))
    }

    fn among(device: DeviceId, held: &Frontier, left: Option<LogId>) -> Self {
        let places = (0..MAX_LOGS_OF_DEVICE).map(|nonce| LogId { device, nonce });
        let free = places.filter(|log| held.get(log) == 0 && Some(*log) != left).choose(&mut rand::rng());
        // None is free: nobody takes what stands beyond the last. The device is renewed long before (see `keeping`).
        let id = free.unwrap_or(LogId { device, nonce: MAX_LOGS_OF_DEVICE });
        Self { id, seq: 0, tip: None, mine: Mine::new() }
    }
}

impl Core {
    /// Remembers which log is this device's own in a space.
    pub fn put_log(&self, space: SpaceId, log: LogId) -> Result<(), NodeError> {
        Ok(self.store.put(Table::Logs, &key(LOG, space), &log.nonce.to_le_bytes())?)
    }

    /// Begins a new log of this device's own: what is written from now on goes there.
    pub fn begin_log(&self, space: SpaceId, state: &mut State) {
        let held = self.store.frontier(space).unwrap_or_else(|error| {
            tracing::error!(%error, "which logs there are cannot be read");
            Frontier::new()
        });
        state.leave_log(&held);
        if let Err(error) = self.put_log(space, state.log.id) {
            tracing::error!(%error, "that a new log was opened is not written down");
        }
    }

    /// Opens a new log of this device's own in a space: nothing is written to the one before any more (L5).
    pub fn new_log(&self, space: &Space) -> Result<(), NodeError> {
        let mut state = space.lock();
        let new = OwnLog::after(state.log.id, &self.store.frontier(space.id)?);
        self.put_log(space.id, new.id)?;
        state.log = new;
        Ok(())
    }
}
