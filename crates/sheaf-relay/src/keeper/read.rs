//! Entries for a device, in the order in which they arrived here.

use std::collections::HashMap;

use sheaf_access::{LogId, SpaceId};
use sheaf_log::{Entry, Range};
use sheaf_store::{Arrival, StoreError};
use sheaf_sync::{EntryBytes, Item};

use super::Keeper;

/// How many bytes of entries are read at a time.
const READ: usize = 512 << 10;

impl Keeper {
    /// Those of the lacking entries that arrived at `from_arrival` or later, and whether these are all.
    pub fn read_for(
        &self,
        space: SpaceId,
        from_arrival: u64,
        lacking: &[Range],
        max_bytes: usize,
        max_entries: usize,
    ) -> Result<(Vec<Item>, bool), StoreError> {
        let wanted: HashMap<LogId, &Range> = lacking.iter().map(|range| (range.log, range)).collect();
        let (mut items, mut bytes) = (Vec::new(), 0);
        let mut after = from_arrival.saturating_sub(1);
        loop {
            let batch = self.store.since(space, after, READ)?;
            let Some((last, _)) = batch.last() else { return Ok((items, true)) };
            after = *last;
            for (arrival, entry) in &batch {
                if wanted.get(&entry.log()).is_none_or(|range| entry.seq() < range.from || entry.seq() > range.to) {
                    continue;
                }
                let size = entry.encoded().len();
                if !items.is_empty() && (bytes + size > max_bytes || items.len() >= max_entries) {
                    return Ok((items, false));
                }
                bytes += size;
                items.push(item(*arrival, entry));
            }
        }
    }
}

/// An entry as the sync machine wants it.
pub(super) fn item(arrival: Arrival, entry: &Entry) -> Item {
    let (log, seq, hash) = (entry.log(), entry.seq(), entry.hash());
    Item { arrival, log, seq, hash, bytes: EntryBytes::from(entry.encoded().to_vec()) }
}
