//! Removing spaces: because the operator says so, or because nobody comes for them any more.
//!
//! A space that is being removed is not taken in again before all of it is gone, from the journal too; a moment later it may
//! come again, from the devices of its members, if admission lets it in.

use sheaf_access::SpaceId;
use sheaf_store::{Pruned, StoreError, Table, forget_branches};

use super::checkpoints::HELD;
use super::endorsing::ENDORSED;
use super::sharing::SHARED;
use super::unpublished::UNPUBLISHED;
use super::{Keeper, accounts, in_use, index, locked};

/// When a device of a member was last here: space.
const SEEN: &[u8] = b"seen/";
/// How exactly that is known, in milliseconds.
const EXACTLY: u64 = 60 * 60 * 1_000;

impl Keeper {
    /// Whether a space is being removed, or was and may not come again yet: not before all of it is gone, and the others know.
    pub fn is_going(&self, id: SpaceId) -> Result<bool, StoreError> {
        Ok(locked(&self.going).contains(&id) || self.is_unsaid(id) || self.home.store().removed()?.contains(&id))
    }

    /// From now on nobody opens a space, for it is about to be removed.
    pub fn is_to_go(&self, id: SpaceId) {
        locked(&self.going).insert(id);
        locked(&self.open).remove(&id);
    }

    /// Removes a space. Nobody has anything to do with it any more; what is under way of it is done. Blocks.
    pub fn remove(&self, id: SpaceId) -> Result<Pruned, StoreError> {
        self.is_to_go(id);
        let removed = self.home.remove(id).and_then(|removed| {
            self.forget_records(id)?;
            self.ledger().forget(&id);
            locked(&self.pruned).remove(&id);
            self.board.meters().spaces.set(self.store.spaces()?.len() as u64);
            self.tidy_journal()?;
            Ok(removed)
        });
        locked(&self.going).remove(&id);
        removed
    }

    /// What is written down of a space in tables.
    pub(super) fn forget_records(&self, id: SpaceId) -> Result<(), StoreError> {
        forget_branches(&*self.store, id)?;
        let records = [
            (Table::Spaces, index::ACCESS),
            (Table::Spaces, HELD),
            (Table::Spaces, ENDORSED),
            (Table::Spaces, SHARED),
            (Table::Spaces, UNPUBLISHED),
            (Table::Progress, accounts::ACCOUNT),
            (Table::Progress, accounts::BESIDE),
            (Table::Progress, SEEN),
        ];
        for (table, prefix) in records {
            for (key, _) in self.store.scan(table, &[prefix, id.as_bytes()].concat())? {
                self.store.delete(table, &key)?;
            }
        }
        for (key, _) in self.store.scan(Table::Peers, index::MEMBER)? {
            if key.ends_with(id.as_bytes()) {
                self.store.delete(Table::Peers, &key)?;
            }
        }
        Ok(())
    }

    /// Whether anybody has to do with a space now.
    pub(super) fn is_open(&self, id: SpaceId) -> bool {
        locked(&self.open).get(&id).is_some_and(in_use)
    }

    /// Devices of members are here. Blocks.
    pub fn are_seen(&self, spaces: &[SpaceId], now: u64) -> Result<(), StoreError> {
        spaces.iter().try_for_each(|space| self.note_seen(*space, now))
    }

    /// A device of a member is here, or what it wrote has come.
    pub(super) fn note_seen(&self, id: SpaceId, now: u64) -> Result<(), StoreError> {
        let key = [SEEN, id.as_bytes()].concat();
        if self.seen(&key)?.is_none_or(|seen| seen.saturating_add(EXACTLY) <= now) {
            self.store.put(Table::Progress, &key, &now.to_le_bytes())?;
        }
        Ok(())
    }

    /// When a device of a member was last here. If that is not known, the time begins now.
    pub(super) fn last_seen(&self, id: SpaceId, now: u64) -> Result<u64, StoreError> {
        let key = [SEEN, id.as_bytes()].concat();
        if let Some(seen) = self.seen(&key)? {
            return Ok(seen);
        }
        self.store.put(Table::Progress, &key, &now.to_le_bytes())?;
        Ok(now)
    }

    fn seen(&self, key: &[u8]) -> Result<Option<u64>, StoreError> {
        let value = self.store.get(Table::Progress, key)?;
        Ok(value.and_then(|value| value.as_slice().try_into().ok()).map(u64::from_le_bytes))
    }
}
