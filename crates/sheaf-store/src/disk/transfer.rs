//! All rows out of a store, and into a new one: for backups. A row goes as it lies here, framed and sealed, so that what
//! is in it and what it means is nobody's business on the way.

use std::path::Path;
use std::sync::PoisonError;

use sheaf_log::Entry;

use super::SledStore;
use super::entries::decode_entry;
use super::keys::{self, Parts};
use super::rows::{Batch, Rows};
use super::value::{self, Unread};
use crate::{Files, RealFiles, Result, StoreError, limits};

impl SledStore {
    /// Shows all rows as they are at one moment: nothing is written meanwhile.
    pub(crate) fn each_row(&self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        const DOING: &str = "reading the store for a backup";
        self.heal(DOING)?;
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let closed = || StoreError::Damaged { path: self.folder.join("db"), what: "it is closed".to_owned() };
        let open = open.as_ref().ok_or_else(closed)?;
        let _writing = open.writing();
        for row in open.rows.scan(&[], &[]) {
            let (key, value) = row.map_err(|trouble| trouble.named(&self.folder, DOING))?;
            visit(&key, &value)?;
        }
        Ok(())
    }

    /// Shows all entries that are whole, log by log, also those that come after one which is not.
    pub(crate) fn each_entry(&self, mut visit: impl FnMut(Entry) -> Result<()>) -> Result<()> {
        const DOING: &str = "reading a store that was put aside";
        let place = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let closed = || StoreError::Damaged { path: self.folder.join("db"), what: "it is closed".to_owned() };
        let open = place.as_ref().ok_or_else(closed)?;
        for row in open.rows.scan(&[keys::ENTRY], &[keys::ENTRY]) {
            let (key, stored) = row.map_err(|trouble| trouble.named(&self.folder, DOING))?;
            let mut parts = Parts::of(&key);
            let (Some(space), Some(log), Some(seq)) = (parts.space(), parts.log(), parts.number()) else { continue };
            let entry = match value::open(&open.rows, &key, &stored) {
                Ok(value) => decode_entry(space, log, seq, &value),
                Err(Unread::Broken(_)) => None,
                Err(Unread::Trouble(trouble)) => return Err(trouble.named(&self.folder, DOING)),
            };
            if let Some((_, entry)) = entry {
                visit(entry)?;
            }
        }
        Ok(())
    }
}

/// A new store that rows are put into.
pub(crate) struct NewStore {
    rows: Rows,
    batch: Batch,
    bytes: usize,
}

impl NewStore {
    /// Makes it in a home's folder.
    pub(crate) fn begin(home: &Path) -> Result<Self> {
        let folder = home.join(crate::home::STORE);
        RealFiles
            .create_folder(&folder)
            .map_err(|error| StoreError::io(&folder, "making the store of a backup", &error))?;
        let rows = Rows::open(&folder).map_err(|trouble| trouble.named(&folder, "making the store of a backup"))?;
        Ok(Self { rows, batch: Batch::default(), bytes: 0 })
    }

    /// Puts a row in.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        self.bytes += key.len() + value.len();
        self.batch.insert(key, value);
        if self.bytes < limits::BATCH { Ok(()) } else { self.commit() }
    }

    /// Everything is in.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.commit()?;
        self.rows.flush().map_err(|trouble| trouble.named(self.rows.folder(), "flushing the store of a backup"))
    }

    fn commit(&mut self) -> Result<()> {
        self.bytes = 0;
        let applied = self.rows.apply(std::mem::take(&mut self.batch));
        applied.map_err(|trouble| trouble.named(self.rows.folder(), "writing the store of a backup"))
    }
}

/// Whether a row is of an entry.
pub(crate) fn is_entry(key: &[u8]) -> bool {
    key.first() == Some(&keys::ENTRY)
}
