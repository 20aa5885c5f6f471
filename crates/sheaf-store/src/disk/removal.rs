//! Removing a space whole.
//!
//! That a space is to go is written down first, as a record; then the rows that make it a space go together, and then the
//! many that are nothing without them. A crash in between leaves the record, by which opening goes on; it stays until the
//! journal has nothing of the space either, so that nothing of it is put back from there.

use sheaf_access::SpaceId;

use super::keys;
use super::rows::{Batch, Trouble};
use super::{Open, SledStore, Stop, reclaim, value};
use crate::{Pruned, Result, Store, Table};

/// That a space was removed: space.
const REMOVED: &[u8] = b"removed/";
/// How many rows are deleted in one step.
const STEP: usize = 512;

impl SledStore {
    /// Removes everything of a space: its entries, what was noted of them, its floors. What the caller has written down of it
    /// in tables is the caller's to delete. Nothing is stored of it before [`forget_removed`](Self::forget_removed). Answers
    /// what that was. Blocks.
    pub fn remove(&self, space: SpaceId) -> Result<Pruned> {
        self.put(Table::Settings, &key(space), &[1])?;
        let removed = self.with("removing a space", |open| remove_in(open, space))?;
        self.reclaim()?;
        Ok(removed)
    }

    /// The spaces that were removed, and of which the journal may still have something.
    pub fn removed(&self) -> Result<Vec<SpaceId>> {
        let rows = self.scan(Table::Settings, REMOVED)?;
        Ok(rows.into_iter().filter_map(|(key, _)| space_of(&key)).collect())
    }

    /// The journal has nothing of it any more: a space may come again under this name.
    pub fn forget_removed(&self, space: SpaceId) -> Result<()> {
        self.delete(Table::Settings, &key(space))
    }

    /// The same as [`removed`](Self::removed), while the store is being put in order.
    pub(super) fn removed_in(&self, open: &Open) -> std::result::Result<Vec<SpaceId>, Stop> {
        let rows = self.records(open, Table::Settings, REMOVED)?;
        Ok(rows.into_iter().filter_map(|(key, _)| space_of(&key)).collect())
    }
}

fn key(space: SpaceId) -> Vec<u8> {
    [REMOVED, space.as_bytes()].concat()
}

fn space_of(key: &[u8]) -> Option<SpaceId> {
    key.get(REMOVED.len()..)?.try_into().ok().map(SpaceId::from_bytes)
}

fn remove_in(open: &Open, space: SpaceId) -> std::result::Result<Pruned, Stop> {
    {
        let _writing = open.writing();
        let mut batch = Batch::default();
        for sort in [keys::TIP, keys::FLOOR, keys::HOLE, keys::LAST] {
            let prefix = keys::in_space(sort, space);
            for row in open.rows.scan(&prefix, &prefix) {
                batch.remove(row?.0.to_vec());
            }
        }
        open.apply(batch)?;
        open.state().spaces.remove(&space);
    }
    open.flush()?;
    let mut removed = Pruned::default();
    for sort in [keys::ARRIVAL, keys::HASH, keys::DOCUMENT, keys::ENTRY] {
        // Entries and notes may be in pieces.
        let in_pieces = [keys::DOCUMENT, keys::ENTRY].contains(&sort);
        while remove_some(open, &keys::aside(&keys::in_space(sort, space)), false)?.is_some() {}
        while let Some((rows, bytes)) = remove_some(open, &keys::in_space(sort, space), in_pieces)? {
            if sort == keys::ENTRY {
                removed.entries += rows;
                removed.bytes += bytes;
            }
        }
    }
    open.flush()?;
    Ok(removed)
}

/// Deletes the first rows with a prefix, and says how many these were and how large; nothing, when there are none.
fn remove_some(open: &Open, prefix: &[u8], in_pieces: bool) -> std::result::Result<Option<(u64, u64)>, Trouble> {
    let _writing = open.writing();
    let (mut batch, mut rows, mut bytes) = (Batch::default(), 0, 0);
    for row in open.rows.scan(prefix, prefix).take(STEP) {
        let (key, stored) = row?;
        rows += 1;
        bytes += stored.len() as u64;
        if in_pieces {
            value::remove(&mut batch, &key, &stored);
        } else {
            batch.remove(key);
        }
    }
    if rows == 0 {
        return Ok(None);
    }
    reclaim::count(open, &mut batch, bytes)?;
    open.apply(batch)?;
    Ok(Some((rows, bytes)))
}
