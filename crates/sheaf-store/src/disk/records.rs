//! Records, and notes of what documents are made of.

use sheaf_access::{DocumentId, SpaceId};

use super::keys::{self, Parts};
use super::rows::Batch;
use super::value::{self, Unread};
use super::{Open, SledStore, Stop};
use crate::frame::Broken;
use crate::vault::{Purpose, VaultKey};
use crate::{Arrival, Damaged, DocumentRow, StoreError, Table};

type Answer<T> = std::result::Result<T, Stop>;

/// See [`crate::Store::put`].
pub(super) fn put(open: &Open, vault: &VaultKey, table: Table, key: &[u8], value: &[u8]) -> Answer<()> {
    let row = keys::record(table, key);
    let sealed = vault.seal(Purpose::Record, &row, value);
    {
        let _writing = open.writing();
        let mut batch = Batch::default();
        replace(open, &mut batch, &row, &sealed)?;
        open.apply(batch)?;
    }
    Ok(open.flush()?)
}

/// See [`crate::Store::delete`].
pub(super) fn delete(open: &Open, table: Table, key: &[u8]) -> Answer<()> {
    {
        let _writing = open.writing();
        let row = keys::record(table, key);
        let Some(found) = open.rows.get(&row)? else { return Ok(()) };
        let mut batch = Batch::default();
        value::remove(&mut batch, &row, &found);
        open.apply(batch)?;
    }
    Ok(open.flush()?)
}

/// See [`crate::Store::note`].
pub(super) fn note(open: &Open, space: SpaceId, document: DocumentId, rows: &[DocumentRow]) -> Answer<()> {
    let _writing = open.writing();
    for rows in rows.chunks(256) {
        let mut batch = Batch::default();
        for row in rows {
            let key = keys::document_row(space, document, row.arrival);
            // Postcard into memory does not fail on numbers and arrays.
            replace(open, &mut batch, &key, &postcard::to_allocvec(row).unwrap_or_default())?;
        }
        open.apply(batch)?;
    }
    Ok(())
}

/// Puts a value in place of what may be there.
fn replace(open: &Open, batch: &mut Batch, key: &[u8], value: &[u8]) -> Answer<()> {
    if let Some(found) = open.rows.get(key)? {
        value::remove(batch, key, &found);
    }
    value::insert(batch, key, value);
    Ok(())
}

/// The record in a row, `stored` being what is there.
fn unseal(open: &Open, vault: &VaultKey, row: &[u8], stored: &[u8]) -> Result<Vec<u8>, Unread> {
    let sealed = value::open(&open.rows, row, stored)?;
    vault.open(Purpose::Record, row, &sealed).ok_or_else(|| Broken::Content.into())
}

impl SledStore {
    /// See [`crate::Store::get`].
    pub(super) fn record(&self, open: &Open, table: Table, key: &[u8]) -> Answer<Option<Vec<u8>>> {
        let row = keys::record(table, key);
        let Some(stored) = open.rows.get(&row)? else { return Ok(None) };
        match unseal(open, &self.vault, &row, &stored) {
            Ok(value) => Ok(Some(value)),
            Err(Unread::Trouble(trouble)) => Err(trouble.into()),
            Err(Unread::Broken(_)) => self.set_record_aside(open, table, key),
        }
    }

    /// See [`crate::Store::scan`].
    pub(super) fn records(&self, open: &Open, table: Table, prefix: &[u8]) -> Answer<Vec<(Vec<u8>, Vec<u8>)>> {
        let begin = keys::record(table, prefix);
        let mut found = Vec::new();
        for row in open.rows.scan(&begin, &begin) {
            let (row, stored) = row?;
            let mut parts = Parts::of(&row);
            parts.table();
            let key = parts.rest();
            let value = match unseal(open, &self.vault, &row, &stored) {
                Ok(value) => Some(value),
                Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
                Err(Unread::Broken(_)) => self.set_record_aside(open, table, key)?,
            };
            found.extend(value.map(|value| (key.to_vec(), value)));
        }
        Ok(found)
    }

    /// Takes a damaged record out of the way; or answers it, if it only seemed so because it was just being replaced.
    fn set_record_aside(&self, open: &Open, table: Table, key: &[u8]) -> Answer<Option<Vec<u8>>> {
        let _writing = open.writing();
        let row = keys::record(table, key);
        let Some(found) = open.rows.get(&row)? else { return Ok(None) };
        let broken = match unseal(open, &self.vault, &row, &found) {
            Ok(value) => return Ok(Some(value)),
            Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
            Err(Unread::Broken(broken)) => broken,
        };
        let mut batch = Batch::default();
        batch.insert(keys::aside(&row).to_vec(), &found);
        value::remove(&mut batch, &row, &found);
        open.apply(batch)?;
        self.damage.report(Damaged::Record { table, key: key.to_vec() }, broken.to_string());
        Ok(None)
    }

    /// See [`crate::Store::document_rows`].
    pub(super) fn rows_of(
        &self,
        open: &Open,
        space: SpaceId,
        document: DocumentId,
        from: Arrival,
    ) -> Answer<Vec<DocumentRow>> {
        let mut found = Vec::new();
        for row in open.rows.scan(&keys::document(space, document), &keys::document_row(space, document, from)) {
            let (key, stored) = row?;
            match note_in(open, &key, &stored) {
                Ok(row) => found.push(row),
                Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
                Err(Unread::Broken(_)) => found.extend(self.set_note_aside(open, space, document, &key)?),
            }
        }
        Ok(found)
    }

    /// Takes a damaged note out of the way, and with it every mark of how far notes have got, so that all is noted again;
    /// and refuses this once, for the answer would lack something. Or answers it, if it was just being replaced.
    fn set_note_aside(
        &self,
        open: &Open,
        space: SpaceId,
        document: DocumentId,
        key: &[u8],
    ) -> Answer<Option<DocumentRow>> {
        let _writing = open.writing();
        let Some(found) = open.rows.get(key)? else { return Ok(None) };
        let broken = match note_in(open, key, &found) {
            Ok(row) => return Ok(Some(row)),
            Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
            Err(Unread::Broken(broken)) => broken,
        };
        let mut batch = Batch::default();
        batch.insert(keys::aside(key).to_vec(), &found);
        value::remove(&mut batch, key, &found);
        let marks = keys::record(Table::Progress, &[]);
        for row in open.rows.scan(&marks, &marks) {
            let (key, found) = row?;
            value::remove(&mut batch, &key, &found);
        }
        open.apply(batch)?;
        open.flush()?;
        self.damage.report(Damaged::DocumentRow { space, document }, broken.to_string());
        let what = format!("a note of what document {document} is made of ({broken})");
        Err(StoreError::Damaged { path: self.folder.join("db"), what }.into())
    }
}

fn note_in(open: &Open, key: &[u8], stored: &[u8]) -> Result<DocumentRow, Unread> {
    let value = value::open(&open.rows, key, stored)?;
    postcard::from_bytes(&value).map_err(|_| Broken::Content.into())
}
