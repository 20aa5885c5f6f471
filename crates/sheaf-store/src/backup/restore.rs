//! A home from a backup: made beside its place, and put there when it is whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::format::{BackupFile, Counts, Item};
use super::{beside, create, damaged};
use crate::disk::NewStore;
use crate::home::{self, Home};
use crate::{Files, RealFiles, Result, StoreError, VaultKey, write_whole};

/// Makes a home in `folder`, which is empty or not there, from a backup that is whole. `files` are written into it besides.
/// Nothing is made by half: the home is made beside its place, opened, and then renamed.
pub fn restore(path: &Path, vault: &VaultKey, folder: &Path, files: &[(&str, &[u8])]) -> Result<Counts> {
    // All of it is read once before anything is made of it.
    BackupFile::open(path)?.check(vault)?;
    let named = |error: &io::Error| StoreError::io(folder, "restoring a backup", error);
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(StoreError::NotEmpty { folder: folder.to_path_buf() });
    }
    let making = beside(folder, "restoring");
    clear(&making).map_err(|error| named(&error))?;
    let made = make(path, vault, &making, files);
    let placed = made.and_then(|counts| {
        // An empty folder may be in the place.
        match fs::remove_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(&error)),
            _ => {}
        }
        fs::rename(&making, folder).map_err(|error| named(&error))?;
        home::sync_above(folder).map_err(|error| named(&error))?;
        Ok(counts)
    });
    if placed.is_err() {
        // Best effort: the next attempt clears it too.
        let _ = clear(&making);
    }
    placed
}

fn make(path: &Path, vault: &VaultKey, folder: &Path, files: &[(&str, &[u8])]) -> Result<Counts> {
    let named = |error: &io::Error| StoreError::io(folder, "restoring a backup", error);
    for folder in [folder.to_path_buf(), folder.join(home::JOURNAL), folder.join(home::BLOBS)] {
        RealFiles.create_folder(&folder).map_err(|error| named(&error))?;
    }
    let mut store = NewStore::begin(folder)?;
    let mut open: Option<(String, u64, File)> = None;
    let counts = BackupFile::open(path)?.each(vault, |item| match item {
        Item::Row { key, value } => store.put(key, value),
        Item::File { name, offset, bytes } => {
            let mut part = || {
                if offset == 0 {
                    finish(open.take())?;
                    open = Some((name.clone(), 0, create(&folder.join(&name))?));
                }
                match &mut open {
                    Some((known, end, file)) if *known == name && *end == offset => {
                        file.write_all(&bytes)?;
                        *end += bytes.len() as u64;
                        Ok(true)
                    }
                    _ => Ok(false),
                }
            };
            match part() {
                Ok(true) => Ok(()),
                Ok(false) => Err(damaged(path, 0, "the parts of a file are out of order")),
                Err(error) => Err(named(&error)),
            }
        }
        Item::End(_) => Ok(()),
    })?;
    finish(open).map_err(|error| named(&error))?;
    store.finish()?;
    for (name, bytes) in files {
        write_whole(&folder.join(name), bytes)?;
    }
    for folder in [folder.join(home::JOURNAL), folder.join(home::BLOBS), folder.to_path_buf()] {
        RealFiles.sync_folder(&folder).map_err(|error| named(&error))?;
    }
    // A home that does not open has not been restored. Opening also gives the store what the journal has and it has not.
    let (home, _) = Home::open(folder, vault)?;
    drop(home);
    Ok(counts)
}

fn finish(open: Option<(String, u64, File)>) -> io::Result<()> {
    open.map_or(Ok(()), |(_, _, file)| file.sync_all())
}

fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
