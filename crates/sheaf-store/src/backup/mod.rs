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
//! the rows, so that an own entry that is in the first is in the second too. Caches are left out: they can be made again.

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
        let written = self.write_backup(&unfinished, about, leave);
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

    fn write_backup(&self, path: &Path, about: &[u8], leave: &[&str]) -> Result<Counts> {
        let mut out = Writer::begin(path, about, self.vault())?;
        let journal_stays = self.journal().hold();
        for folder in [home::JOURNAL, home::BLOBS] {
            for name in files_in(&self.folder().join(folder))? {
                copy(&mut out, self.folder(), &format!("{folder}/{name}"))?;
            }
        }
        drop(journal_stays);
        for name in files_in(self.folder())? {
            if !home::is_of_the_process(&name) && !leave.contains(&name.as_str()) {
                copy(&mut out, self.folder(), &name)?;
            }
        }
        self.store().each_row(|key, value| {
            out.put(Item::Row { key: key.to_vec(), value: value.to_vec() }, u64::from(disk::is_entry(key)))
        })?;
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

/// Puts a file in, a part at a time. It may grow meanwhile; what was there is there whole.
fn copy(out: &mut Writer, folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(name);
    let named = |error: &io::Error| StoreError::io(&path, "reading a file for a backup", error);
    let file = fs::File::open(&path).map_err(|error| named(&error))?;
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
