//! Opening sled after whatever happened.
//!
//! A ladder, tried from the top: open it; open a copy without its snapshots of the page table (a crash can leave those
//! torn, and sled can do without); read what can be read into a new one; begin an empty one. Nothing is deleted on the
//! way: the folder as it was found stays beside the store under another name, until `sheaf doctor` is told otherwise.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::rows::{Batch, Rows, Trouble};
use super::state::State;
use super::{Open, beside, keys, mark, salvage};
use crate::damage::DamageList;
use crate::{Damaged, Files, RealFiles, Repair, Result, StoreError};

/// What a folder that is being salvaged into is called, next to the store's.
const SALVAGE: &str = "salvage";

/// Opens the store in a folder, making it if it is not there, and says what had to be done.
pub(super) fn open(folder: &Path, damage: &DamageList, repairs: &mut Vec<Repair>) -> Result<Open> {
    let named = |error: &io::Error| StoreError::io(folder, "opening the store", error);
    finish_interrupted(folder).map_err(|error| named(&error))?;
    RealFiles.create_folder(folder).map_err(|error| named(&error))?;
    let swept = sweep(folder).map_err(|error| named(&error))?;
    repairs.extend((swept > 0).then_some(Repair::UnfinishedSnapshots { count: swept }));

    let why = match attempt(folder) {
        Ok(open) => return Ok(open),
        Err(Failed::Open(Trouble::Corrupt(why))) => why,
        Err(Failed::Read(rows, Trouble::Corrupt(why))) => {
            return salvaged(folder, rows, why, damage, repairs);
        }
        Err(failed) => return Err(failed.trouble().named(folder, "opening the store")),
    };

    // sled may have written before it gave up, and may still hold the files: go on with copies.
    let aside = set_aside(folder).map_err(|error| named(&error))?;
    copy_without_snapshots(&aside, folder).map_err(|error| named(&error))?;
    match attempt(folder) {
        Ok(open) => {
            damage.report(Damaged::Store, format!("{why}; it opened without its snapshots"));
            repairs.push(Repair::SnapshotsDropped { why, kept: aside });
            return Ok(open);
        }
        Err(Failed::Read(rows, Trouble::Corrupt(why))) => return salvaged(folder, rows, why, damage, repairs),
        Err(Failed::Open(Trouble::Corrupt(_))) => {}
        Err(failed) => return Err(failed.trouble().named(folder, "opening the store")),
    }

    // The copy in the way is not worth keeping: what it was made from is.
    retire(folder).map_err(|error| named(&error))?;
    mark::forget(folder).map_err(|error| named(&error))?;
    RealFiles.create_folder(folder).map_err(|error| named(&error))?;
    let open = attempt(folder).map_err(|failed| failed.trouble().named(folder, "starting an empty store"))?;
    damage.report(Damaged::Store, format!("{why}; nothing in it could be read, an empty one was begun"));
    repairs.push(Repair::StoreLost { why, kept: aside });
    Ok(open)
}

/// How an attempt ended.
enum Failed {
    /// sled does not open.
    Open(Trouble),
    /// sled opened, but not all of what is read at once can be.
    Read(Rows, Trouble),
}

impl Failed {
    fn trouble(self) -> Trouble {
        match self {
            Self::Open(trouble) | Self::Read(_, trouble) => trouble,
        }
    }
}

fn attempt(folder: &Path) -> std::result::Result<Open, Failed> {
    let rows = Rows::open(folder).map_err(Failed::Open)?;
    let read = || {
        check_version(&rows)?;
        mark::check(folder, mark::last_change(&rows)?)?;
        State::load(&rows)
    };
    match read() {
        Ok(state) => {
            tighten(folder);
            Open::new(rows, state).map_err(Failed::Open)
        }
        Err(trouble) => Err(Failed::Read(rows, trouble)),
    }
}

/// The version of the layout in `keys`. A later one is not damage: it is left alone.
fn check_version(rows: &Rows) -> std::result::Result<(), Trouble> {
    const VERSION: &[u8] = &[1];
    match rows.get(&[keys::VERSION])? {
        Some(found) if found == VERSION => Ok(()),
        Some(found) if found.len() == 1 && found[0] > VERSION[0] => Err(Trouble::Io {
            kind: io::ErrorKind::Unsupported,
            reason: "it was written by a later version of Sheaf; install that one".to_owned(),
        }),
        Some(_) => Err(Trouble::Corrupt("the version of its layout cannot be read".to_owned())),
        None => {
            let mut batch = Batch::default();
            batch.insert(&[keys::VERSION], VERSION);
            rows.apply(batch)?;
            rows.flush()
        }
    }
}

fn salvaged(folder: &Path, rows: Rows, why: String, damage: &DamageList, repairs: &mut Vec<Repair>) -> Result<Open> {
    let open = salvage::salvage(rows, &why, damage).map_err(|trouble| trouble.named(folder, "salvaging the store"))?;
    repairs.push(Repair::Salvaged { why });
    Ok(open)
}

/// Puts a finished salvage in place of the store it was made from.
pub(super) fn replace_with_salvage(folder: &Path) -> io::Result<()> {
    set_aside(folder)?;
    fs::rename(salvage_folder(folder), folder)?;
    sync_above(folder)
}

/// Where a salvage is written. Left-overs of an earlier one are removed.
pub(super) fn fresh_salvage_folder(folder: &Path) -> io::Result<PathBuf> {
    let salvage = salvage_folder(folder);
    remove_all(&salvage)?;
    RealFiles.create_folder(&salvage)?;
    Ok(salvage)
}

fn salvage_folder(folder: &Path) -> PathBuf {
    beside(folder, SALVAGE)
}

/// A crash between the two renames of a salvage leaves no store but a finished salvage.
fn finish_interrupted(folder: &Path) -> io::Result<()> {
    let salvage = salvage_folder(folder);
    if !salvage.exists() {
        return Ok(());
    }
    if folder.exists() { remove_all(&salvage) } else { fs::rename(&salvage, folder) }
}

/// Removes the snapshots that a crash has left half written: sled takes one for a snapshot, and gives up on it.
fn sweep(folder: &Path) -> io::Result<usize> {
    let mut swept = 0;
    for name in RealFiles.list(folder)? {
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(folder.join(name))?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Gives the folder a name under which nothing will touch it.
fn set_aside(folder: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    let aside = loop {
        let aside = beside(folder, &format!("damaged-{number}"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    fs::rename(folder, &aside)?;
    sync_above(folder)?;
    Ok(aside)
}

/// Takes a copy of a set-aside folder out of the way. It is renamed first, for sled may hold its files still.
fn retire(folder: &Path) -> io::Result<()> {
    let retired = beside(folder, "retired");
    remove_all(&retired)?;
    fs::rename(folder, &retired)?;
    remove_all(&retired)
}

fn copy_without_snapshots(from: &Path, to: &Path) -> io::Result<()> {
    RealFiles.create_folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        // `conf` holds three settings that are always the same here; sled writes it anew.
        if text.starts_with("snap.") || text == "conf" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_without_snapshots(&entry.path(), &to.join(name))?;
        } else {
            let copy = to.join(name);
            fs::copy(entry.path(), &copy)?;
            fs::File::open(copy)?.sync_all()?;
        }
    }
    RealFiles.sync_folder(to)
}

fn remove_all(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_above(folder: &Path) -> io::Result<()> {
    folder.parent().map_or(Ok(()), |above| RealFiles.sync_folder(above))
}

/// sled makes its files readable by everyone; the folder already keeps everyone out, this is for copies of it.
fn tighten(folder: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for name in RealFiles.list(folder).unwrap_or_default() {
            let path = folder.join(name);
            let mode = if path.is_dir() { 0o700 } else { 0o600 };
            // Not worth failing for: see above.
            let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode));
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
}
