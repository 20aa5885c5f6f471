//! Spaces that this person has left, and what is still to be done there: somebody has to hear of it.
//!
//! That somebody left is an entry like any other. Once a device has said that it has all that was written here, those who are
//! in the space pass it on among each other, and offer the space to this device no more: there is nothing to wait for, now
//! or later. This is written down, for what a connection confirms is forgotten when the program ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_store::Table;

use crate::core::{Core, locked};
use crate::space::Space;

/// Up to where somebody had what was written in a space that was left: space.
const TAKEN: &[u8] = b"left/";

impl Core {
    /// Whether this person has left a space, or another device of theirs has removed this one from it.
    fn has_left(&self, space: &Space) -> bool {
        let Ok(me) = self.me() else { return false };
        space.lock().removed.as_ref().is_some_and(|removed| removed.by == me.person())
    }

    fn spaces_left(&self) -> Vec<Arc<Space>> {
        self.spaces().into_iter().filter(|space| self.has_left(space)).collect()
    }

    /// A device has said up to where it has what was written here. If that is all, and the space was left, it is written down.
    pub fn note_taken(&self, space: &Space, (log, seq): (LogId, u64)) {
        if !self.has_left(space) || end(space) != (log, seq) {
            return;
        }
        let kept =
            postcard::to_allocvec(&(log, seq)).map(|bytes| self.store.put(Table::Spaces, &key(space.id), &bytes));
        if !matches!(kept, Ok(Ok(()))) {
            tracing::warn!(space = %space.id, "that others know of a space that was left is not written down");
        }
    }

    /// The spaces that this person has left and that somebody has all of.
    pub fn left_for_good(&self) -> BTreeSet<SpaceId> {
        let taken = |space: &Arc<Space>| {
            let kept = self.store.get(Table::Spaces, &key(space.id)).ok().flatten();
            kept.and_then(|bytes| postcard::from_bytes::<(LogId, u64)>(&bytes).ok()) == Some(end(space))
        };
        self.spaces_left().iter().filter(|space| taken(space)).map(|space| space.id).collect()
    }

    /// The devices that have said, since a time, that they have all that was written in a space that was left.
    pub fn took_since(&self, since: u64) -> BTreeSet<DeviceId> {
        let ends: Vec<_> = self.spaces_left().iter().map(|space| (space.id, end(space))).collect();
        let receipts = locked(&self.receipts);
        ends.into_iter().flat_map(|(space, (log, seq))| receipts.holders(space, log, seq, since)).collect()
    }
}

/// Where this device's own log ends.
fn end(space: &Space) -> (LogId, u64) {
    let state = space.lock();
    (state.log.id, state.log.seq)
}

fn key(space: SpaceId) -> Vec<u8> {
    [TAKEN, space.as_bytes()].concat()
}
