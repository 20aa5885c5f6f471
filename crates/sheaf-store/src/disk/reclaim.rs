//! Giving back the room of what was deleted: sled's file stays as large as it ever was, so what is left is copied into a new
//! one.
//!
//! The file says how large it is, and the rows how much of that is needed: sled takes a multiple of it for small rows, so how
//! much was deleted says little. But looking at all rows takes time, so it is only done when a good deal was deleted since
//! the last time. That stands in a row, which is raised together with each deletion: so many small prunings count as much as
//! a large one, and it is known also when the process was killed in between.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::rows::{Batch, Rows, Trouble};
use super::state::{index_row, index_value};
use super::{Open, SledStore, Stop, health, keys, recovery};
use crate::Result;

/// Below this size the room is not worth copying everything for: two segments of sled's, of which one is always there.
const WORTH: u64 = 1024 * 1024;
/// The rows are looked at when this part of the file was deleted.
const LOOK: u64 = 16;
/// A file of this size takes long to copy, and nothing is stored meanwhile: it has to be worth it.
const LARGE: u64 = 1024 * 1024 * 1024;
/// The part of a large file.
const LOOK_LARGE: u64 = 4;
/// How many times the size of its rows a file may have.
const LOOSE: u64 = 2;
/// Where it stands.
const FREED: &[u8] = &[keys::FREED];

/// Counts bytes that a batch deletes, in that batch. The caller holds the writing lock.
pub(super) fn count(open: &Open, batch: &mut Batch, bytes: u64) -> std::result::Result<(), Trouble> {
    if bytes > 0 {
        let all = freed(&open.rows)?.saturating_add(bytes);
        batch.insert(FREED, index_value(FREED, &all));
    }
    Ok(())
}

/// How many bytes were deleted since the rows were last looked at.
fn freed(rows: &Rows) -> std::result::Result<u64, Trouble> {
    // One that is damaged costs room for a while, and nothing else.
    Ok(rows.get(FREED)?.and_then(|row| index_row(FREED, &row).ok()).unwrap_or(0))
}

/// Whether a new file would be much smaller.
fn is_loose(open: &Open) -> std::result::Result<bool, Stop> {
    let size = open.rows.size()?;
    let look = if size < LARGE { LOOK } else { LOOK_LARGE };
    if size < WORTH || freed(&open.rows)? < size / look {
        return Ok(false);
    }
    let mut needed = 0;
    for row in open.rows.scan(&[], &[]) {
        let (key, value) = row?;
        needed += (key.len() + value.len()) as u64;
    }
    let loose = size > WORTH / 2 + needed * LOOSE;
    if !loose {
        let _writing = open.writing();
        let mut batch = Batch::default();
        batch.remove(FREED);
        open.apply(batch)?;
    }
    Ok(loose)
}

impl SledStore {
    /// Copies what is left into a new sled, if that takes much less room.
    pub(super) fn reclaim(&self) -> Result<()> {
        const DOING: &str = "giving room back";
        if !self.with(DOING, is_loose)? {
            return Ok(());
        }
        let mut place = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = place.as_ref() else { return Ok(()) };
        let copied = copy(&open.rows);
        // From here on there is either the old store or the whole new one in the folder, and opening finds it.
        drop(place.take());
        let replaced = copied.and_then(|()| recovery::replace_with_salvage(&self.folder, None).map_err(Trouble::from));
        if let Err(trouble) = &replaced {
            tracing::warn!(?trouble, "the store keeps the room of what was pruned");
        }
        self.health.store(health::FAILED, Ordering::SeqCst);
        drop(place);
        self.heal(DOING)
    }
}

/// Copies all rows into a new sled, beside this one.
fn copy(rows: &Rows) -> std::result::Result<(), Trouble> {
    let new = Rows::open(&recovery::fresh_salvage_folder(rows.folder())?)?;
    let (mut batch, mut bytes, mut count) = (Batch::default(), 0, 0_u64);
    for row in rows.scan(&[], &[]) {
        let (key, value) = row?;
        if *key == *FREED {
            continue;
        }
        bytes += key.len() + value.len();
        count += 1;
        batch.insert(key, value);
        if bytes >= crate::limits::BATCH {
            new.apply(std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    new.apply(batch)?;
    new.flush()?;
    // Written, flushed, read back; only then is the old one let go.
    let mut copied = 0_u64;
    for row in new.scan(&[], &[]) {
        row?;
        copied += 1;
    }
    if copied == count { Ok(()) } else { Err(Trouble::Corrupt("a copy of the store lacks rows".to_owned())) }
}
