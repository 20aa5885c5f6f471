//! Telling somebody that they were removed.
//!
//! Whoever is no member is shown the space no more, and so not the removal either. Their devices go on naming it; to those a
//! relay says farewell, as a member's device does: the access entries that led to the removal, which they were entitled to see
//! when it was written, and nothing that came after. They believe what follows from these, and nothing because a relay says it.

use sheaf_access::{DeviceId, EntryHash};
use sheaf_store::StoreError;
use sheaf_sync::EntryBytes;
use sheaf_sync::branches::{ROOM, Said};

use super::{Keeper, Space};

impl Keeper {
    /// What to say to a device that was removed from a space; nothing, if it was not, or is let in again.
    pub fn farewell(&self, space: &Space, device: DeviceId) -> Result<Option<Vec<u8>>, StoreError> {
        if !space.had(device) || self.guests().has(space.id, device) {
            return Ok(None);
        }
        let hashes: Vec<EntryHash> = {
            let state = space.lock();
            let Some(history) = &state.access else { return Ok(None) };
            // A device's removal concerns each of its logs alike, whatever they are called.
            let log = sheaf_access::LogId { device, nonce: 0 };
            let by: Vec<EntryHash> = history.now().challenges(&log).iter().map(|challenge| challenge.by).collect();
            history.entries().map(|entry| entry.hash).filter(|hash| history.in_past(&by, hash)).collect()
        };
        let (mut entries, mut size) = (Vec::new(), 0);
        // The latest first, in case not all of them fit: the earlier ones they have.
        for hash in hashes.into_iter().rev() {
            let Some((log, seq)) = self.store.by_hash(space.id, hash)? else { continue };
            let Some(entry) = self.store.entry(space.id, log, seq)? else { continue };
            size += entry.encoded().len();
            if size > ROOM {
                break;
            }
            entries.push(EntryBytes::from(entry.encoded()));
        }
        entries.reverse();
        Ok(Some(Said::Farewell(entries).encode()))
    }
}
