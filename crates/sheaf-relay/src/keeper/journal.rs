//! The journal's copy of what the store has, given back (S1).
//!
//! An entry becomes durable in the journal; the store is where it is looked up, and sled's own flush is no barrier. So a part of
//! the journal may go when all that is in it was in the store *before* the store's files were synced: what the store says it
//! holds is read first, then its files are synced, and what came meanwhile stays in the journal until the next time.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;

use sheaf_access::SpaceId;
use sheaf_log::Frontier;
use sheaf_store::{Files, IfBroken, RealFiles, StoreError};

use super::{Keeper, locked};

impl Keeper {
    /// Drops the parts of the journal that the store has on the disk, and forgets the spaces that are gone from it. Answers how
    /// many bytes that gave back. Blocks.
    pub(super) fn tidy_journal(&self) -> Result<u64, StoreError> {
        let folder = self.home.folder().join("store");
        self.tidy_journal_after(|| {
            sync_all(&folder).map_err(|error| StoreError::io(&folder, "syncing the store", &error))
        })
    }

    /// The same, with any way to see to it that all the store says it holds is on the disk.
    pub(super) fn tidy_journal_after(&self, sync: impl FnOnce() -> Result<(), StoreError>) -> Result<u64, StoreError> {
        // Two at once could take what has come of a space since it was removed for what it was removed with.
        let _tidying = locked(&self.tidying);
        let removed = self.home.store().removed()?;
        let mut held: HashMap<SpaceId, Frontier> = HashMap::new();
        for (space, ..) in self.home.journal().tips() {
            // What cannot be read is kept.
            held.entry(space).or_insert_with(|| self.store.frontier(space).unwrap_or_default());
        }
        sync()?;
        let freed = self.home.journal().drop_covered(IfBroken::Drop, |space, log, seq| {
            removed.contains(&space) || held.get(&space).is_some_and(|held| held.holds(&log, seq))
        })?;
        self.home.forget_removed()?;
        Ok(freed)
    }
}

/// Syncs all files of a folder, and their names.
fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_all(&path)?;
        } else if let Err(error) = File::open(&path).and_then(|file| file.sync_all())
            // sled replaces some of its files as it goes.
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
    }
    RealFiles.sync_folder(folder)
}
