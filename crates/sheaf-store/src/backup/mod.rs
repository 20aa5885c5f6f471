//! A backup: everything a home has, in one file that can be checked without opening any of it.
//!
//! ```text
//! file     "SHEAFBAK" version:u32 frame*
//! frame    length:u32 BLAKE3(offset, payload) payload           offset: where the frame begins
//! first    what the caller says of it, in clear: how to get at the key, when it was made
//! others   sealed(zstd(postcard(Vec<Item>)))                    sealed for its number, under the vault key
//! ```
//!
//! The last item says how many there were, so that a file that was cut short is known. A damaged file is refused with the
//! byte at which the damage begins, before anything is made of it.
//!
//! What is in it: the journal, all rows of the store at one moment, the small files, the blobs. The journal is read before
//! the rows, so that an own entry that is in the first is in the second too; the blobs after them, so that what the rows say a
//! checkpoint stands for is there (C5). Caches are left out: they can be made again.
//!
//! The home may be in use meanwhile. The journal is held until it is read; a blob that nothing needs any more may go before it
//! is, and is passed over.

pub(crate) mod format;
mod restore;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use self::format::{Counts, Item, Writer};
use crate::home::{self, Home};
use crate::{Result, StoreError, disk};

pub use self::format::{BackupFile, Counts as BackupCounts};
pub use self::restore::restore;

/// How much of a file goes into one item.
const PART: usize = 256 * 1024;

impl Home {
    /// Writes a backup, reads it back, and only then gives it its name. `about` stands at its beginning, in clear. `leave`
    /// are small files that are no part of it.
    pub fn back_up(&self, path: &Path, about: &[u8], leave: &[&str]) -> Result<BackupCounts> {
        let unfinished = beside(path, "writing");
        let written = self.write_backup(&unfinished, about, leave, &|_| {});
        let checked = written.and_then(|counts| {
            // What cannot be read back is not a backup.
            let file = BackupFile::open(&unfinished)?;
            let read = file.check(self.vault())?;
            if read == counts { Ok(counts) } else { Err(damaged(&unfinished, 0, "it does not hold what was written")) }
        });
        let placed = checked.and_then(|counts| {
            let named = |error: &io::Error| StoreError::io(path, "writing a backup", error);
            fs::rename(&unfinished, path).map_err(|error| named(&error))?;
            home::sync_above(path).map_err(|error| named(&error))?;
            Ok(counts)
        });
        if placed.is_err() {
            // Best effort: it is no backup.
            let _ = fs::remove_file(&unfinished);
        }
        placed
    }

    /// Says the name of each file before it is read, and that of the store.
    fn write_backup(&self, path: &Path, about: &[u8], leave: &[&str], next: &dyn Fn(&str)) -> Result<Counts> {
        let mut out = Writer::begin(path, about, self.vault())?;
        let put = |out: &mut Writer, name: &str| {
            next(name);
            copy(out, self.folder(), name)
        };
        let journal_stays = self.journal().hold();
        for name in files_in(&self.folder().join(home::JOURNAL))? {
            put(&mut out, &format!("{}/{name}", home::JOURNAL))?;
        }
        drop(journal_stays);
        for name in files_in(self.folder())? {
            if !home::is_of_the_process(&name) && !leave.contains(&name.as_str()) {
                put(&mut out, &name)?;
            }
        }
        next(home::STORE);
        self.store().each_row(|key, value| {
            out.put(Item::Row { key: key.to_vec(), value: value.to_vec() }, u64::from(disk::is_entry(key)))
        })?;
        // Of each bundle that is found the blobs are there before, and so are found after it.
        let blobs = self.folder().join(home::BLOBS);
        let is_bundle = |name: &String| name.ends_with(crate::blobs::BUNDLE);
        let bundles: Vec<String> = files_in(&blobs)?.into_iter().filter(is_bundle).collect();
        let others: Vec<String> = files_in(&blobs)?.into_iter().filter(|name| !is_bundle(name)).collect();
        for name in bundles.iter().chain(&others) {
            put(&mut out, &format!("{}/{name}", home::BLOBS))?;
        }
        out.finish()
    }
}

/// Whether what has this name already may give way to a backup: an earlier one may, also a damaged one, and an empty file.
/// Anything else is something that somebody wrote.
pub fn may_be_replaced(path: &Path) -> bool {
    let mut begins = Vec::new();
    match fs::File::open(path) {
        Err(error) => error.kind() == io::ErrorKind::NotFound,
        Ok(file) => {
            file.take(format::MAGIC.len() as u64).read_to_end(&mut begins).is_ok()
                && (begins.is_empty() || begins == format::MAGIC)
        }
    }
}

/// Puts a file in, a part at a time. It may grow meanwhile; what was there is there whole. One that has gone is passed over.
fn copy(out: &mut Writer, folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(name);
    let named = |error: &io::Error| StoreError::io(&path, "reading a file for a backup", error);
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(named(&error)),
    };
    let mut rest = file.metadata().map_err(|error| named(&error))?.len();
    let (mut file, mut offset) = (file, 0);
    loop {
        let mut bytes = vec![0; PART.min(usize::try_from(rest).unwrap_or(PART))];
        file.read_exact(&mut bytes).map_err(|error| named(&error))?;
        let length = bytes.len() as u64;
        out.put(Item::File { name: name.to_owned(), offset, bytes }, 0)?;
        (rest, offset) = (rest - length, offset + length);
        if rest == 0 {
            return Ok(());
        }
    }
}

/// The files in a folder, by name, without those that are being written.
fn files_in(folder: &Path) -> Result<Vec<String>> {
    let failed = |error: &io::Error| StoreError::io(folder, "reading a folder for a backup", error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed(&error))?;
        let is_file = entry.file_type().map_err(|error| failed(&error))?.is_file();
        // A name that is not Unicode is not one of ours.
        names.extend(
            entry
                .file_name()
                .into_string()
                .ok()
                .filter(|name| is_file && !name.ends_with(crate::files::TEMPORARY) && format::is_name(name)),
        );
    }
    names.sort_unstable();
    Ok(names)
}

fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(word);
    path.with_file_name(name)
}

fn damaged(path: &Path, at: u64, what: &str) -> StoreError {
    StoreError::DamagedBackup { path: path.to_path_buf(), at, what: what.to_owned() }
}

/// A new file for its owner alone.
fn create(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.flush()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use sheaf_log::{BlobId, BlobLink};

    use super::*;
    use crate::{BlobStore, Store, Table, VaultKey};

    /// The home is in use while it is backed up: files go that were there a moment ago, and the store comes to name blobs.
    #[test]
    fn what_comes_and_goes_meanwhile_leaves_the_backup_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (vault, path) = (VaultKey::generate(), folder.path().join("backup"));
        let (home, _) = Home::open(&folder.path().join("home"), &vault).expect("a home");
        let blobs = home.blobs();
        let put = |bytes: &[u8]| {
            blobs.put(BlobId::of(bytes), bytes).expect("a blob");
            BlobId::of(bytes)
        };
        let (stays, goes) = (put(b"it stays"), put(b"it goes"));
        let fetched = BlobLink { id: BlobId::of(b"it ends"), size: 7 };
        blobs.add(fetched, 0, b"it").expect("a piece");
        let is_blob = |name: &str| name.starts_with(home::BLOBS);
        let next = |name: &str| {
            if name == home::STORE {
                let taken = put(b"it was taken over");
                home.store().put(Table::Settings, b"taken", taken.as_bytes()).expect("a row");
            }
            if is_blob(name) {
                blobs.delete(goes).expect("it goes");
                blobs.add(fetched, 2, b" ends").expect("it is whole");
            }
        };
        home.write_backup(&path, b"", &[], &next).expect("a backup");
        drop(home);
        let restored = folder.path().join("restored");
        restore(&path, &vault, &restored, &[]).expect("it is restored");
        let (home, _) = Home::open(&restored, &vault).expect("a home");
        let named = home.store().get(Table::Settings, b"taken").expect("a row").expect("it is there");
        assert_eq!(named, BlobId::of(b"it was taken over").as_bytes());
        assert!(home.blobs().has(BlobId::of(b"it was taken over")).expect("it is looked up"), "the row names it");
        assert!(home.blobs().has(stays).expect("it is looked up"));
    }
}
