//! The two indexes: which spaces a device is in, and where a space's access entries are.

use sheaf_access::{DeviceId, EntryHash, SpaceId};
use sheaf_store::{StoreError, Table};

use super::Keeper;

/// A space that a device is in: device, space.
pub(super) const MEMBER: &[u8] = b"member/";
/// An access entry of a space: space, hash.
pub(super) const ACCESS: &[u8] = b"access/";

impl Keeper {
    /// The spaces a device may be in.
    pub(super) fn spaces_of(&self, device: DeviceId) -> Result<Vec<SpaceId>, StoreError> {
        let prefix = [MEMBER, device.as_bytes()].concat();
        let rows = self.store.scan(Table::Peers, &prefix)?;
        let space = |(key, _): (Vec<u8>, Vec<u8>)| key[prefix.len()..].try_into().ok().map(SpaceId::from_bytes);
        Ok(rows.into_iter().filter_map(space).collect())
    }

    /// Notes that a device is in a space.
    pub(super) fn put_member(&self, device: DeviceId, space: SpaceId) -> Result<(), StoreError> {
        let key = member(device, space);
        // Whoever opens a space says so of all its members, and a row that is there costs no write.
        if self.store.get(Table::Peers, &key)?.is_none() { self.store.put(Table::Peers, &key, &[]) } else { Ok(()) }
    }

    /// Notes that it is not.
    pub(super) fn drop_member(&self, device: DeviceId, space: SpaceId) -> Result<(), StoreError> {
        self.store.delete(Table::Peers, &member(device, space))
    }

    /// The access entries that a space may have.
    pub(super) fn access_of(&self, space: SpaceId) -> Result<Vec<EntryHash>, StoreError> {
        let prefix = [ACCESS, space.as_bytes()].concat();
        let rows = self.store.scan(Table::Spaces, &prefix)?;
        let hash = |(key, _): (Vec<u8>, Vec<u8>)| key[prefix.len()..].try_into().ok().map(EntryHash::from_bytes);
        Ok(rows.into_iter().filter_map(hash).collect())
    }

    /// Notes that a space has an access entry.
    pub(super) fn put_access(&self, space: SpaceId, entry: EntryHash) -> Result<(), StoreError> {
        self.store.put(Table::Spaces, &[ACCESS, space.as_bytes(), entry.as_bytes()].concat(), &[])
    }
}

fn member(device: DeviceId, space: SpaceId) -> Vec<u8> {
    [MEMBER, device.as_bytes(), space.as_bytes()].concat()
}
