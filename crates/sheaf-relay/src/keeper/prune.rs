//! Giving disk back: entries that an endorsed checkpoint stands for, and the journal's copy of what the store has (C2, C5).

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::time::Duration;

use sheaf_access::SpaceId;
use sheaf_log::Frontier;
use sheaf_store::{BlobStore, Pruned, StoreError};

use super::accept::now;
use super::{Keeper, Space, locked};

/// For how long a relay keeps what a checkpoint stands for at least, whatever its operator says (C2).
const LEAST: u64 = 7 * 24 * 60 * 60 * 1_000;

impl Keeper {
    /// For how long what an endorsed checkpoint stands for stays; none: always.
    pub fn set_prune_after(&self, after: Option<Duration>) {
        *locked(&self.prune_after) = after;
    }

    /// Prunes what may be in every space, and shortens the journal. Answers the spaces in which something was. Blocks.
    pub fn sweep(&self) -> Result<Vec<SpaceId>, StoreError> {
        let mut changed = Vec::new();
        if let Some(after) = *locked(&self.prune_after) {
            let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            for id in self.store.spaces()? {
                let pruned = self.prune(&*self.open(id)?, after)?;
                if pruned.entries > 0 {
                    tracing::info!(space = %id.short(), entries = pruned.entries, bytes = pruned.bytes, "pruned");
                    self.count_anew(id)?;
                    self.board.meters().pruned.add(pruned.bytes);
                    changed.push(id);
                }
            }
        }
        let bytes = self.tidy_journal()?;
        tracing::debug!(bytes, "dropped from the journal");
        Ok(changed)
    }

    /// Deletes what may be deleted below the last endorsed checkpoint that has been held for `after` milliseconds, and for a
    /// week at least: the checkpoint before it and its tail are kept, what is older goes. Blocks.
    fn prune(&self, space: &Space, after: u64) -> Result<Pruned, StoreError> {
        let Some(access) = space.access() else { return Ok(Pruned::default()) };
        let ripe = now().saturating_sub(after.max(LEAST));
        let (floors, old) = {
            let checkpoints = space.checkpoints();
            let good = |at: &usize| {
                let kept = &checkpoints.held[*at];
                kept.since <= ripe && checkpoints.is_endorsed(kept.entry, kept.by, &access)
            };
            let Some(last) = (0..checkpoints.held.len()).rev().find(good) else { return Ok(Pruned::default()) };
            let covers = &checkpoints.held[last].covers;
            let mut old: Vec<_> =
                checkpoints.held[..last].iter().filter(|kept| covers.covers(&kept.covers)).cloned().collect();
            let floors = old.pop().map_or_else(|| covers.clone(), |previous| previous.covers);
            (floors, old)
        };
        let pruned = self.store.prune(space.id, &floors)?;
        space.set_floors(self.store.floors(space.id)?);
        for gone in old {
            self.home.blobs().delete_bundle(space.id, gone.entry)?;
            self.forget_held(space, gone.entry)?;
            for blob in &gone.blobs {
                if !space.checkpoints().names(blob.id) {
                    self.home.blobs().delete(blob.id)?;
                }
            }
        }
        Ok(pruned)
    }

    /// Drops the parts of the journal that the store has on the disk. sled's own flush is no barrier (S1), so its files are
    /// synced first. Answers how many bytes that gave back. Blocks.
    fn tidy_journal(&self) -> Result<u64, StoreError> {
        let folder = self.home.folder().join("store");
        let failed = |error: &std::io::Error| StoreError::io(&folder, "syncing the store", error);
        for entry in std::fs::read_dir(&folder).map_err(|error| failed(&error))? {
            let path = entry.map_err(|error| failed(&error))?.path();
            if path.is_file() {
                File::open(&path).and_then(|file| file.sync_all()).map_err(|error| failed(&error))?;
            }
        }
        let frontiers: RefCell<HashMap<SpaceId, Frontier>> = RefCell::default();
        self.home.journal().drop_covered(|space, log, seq| {
            let mut frontiers = frontiers.borrow_mut();
            // What cannot be read is kept.
            let frontier = frontiers.entry(space).or_insert_with(|| self.store.frontier(space).unwrap_or_default());
            frontier.holds(&log, seq)
        })
    }
}
