//! Opening sled after whatever happened.
//!
//! A ladder, tried from the top: open it; open a copy without its snapshots of the page table (a crash can leave those
//! torn, and sled can do without); read what can be read into a new one; begin an empty one. Nothing is deleted on the
//! way: the folder as it was found stays beside the store under another name, until `sheaf doctor` is told otherwise.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::rows::{Rows, Trouble};
use super::salvage::{self, Why};
use super::state::State;
use super::{Open, beside, layout, mark};
use crate::caches::Caches;
use crate::damage::DamageList;
use crate::{Damaged, Files, RealFiles, Repair, Result, StoreError, VaultKey};

/// What a folder that is being salvaged into is called, next to the store's.
const SALVAGE: &str = "salvage";

/// Where a store is, and what is needed to open it.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) folder: &'a Path,
    pub(super) vault: &'a VaultKey,
    /// They were not sealed either when the store was not.
    pub(super) caches: &'a Caches,
    pub(super) damage: &'a DamageList,
}

/// Opens the store in a folder, making it if it is not there, and says what had to be done.
pub(super) fn open(site: Site<'_>, repairs: &mut Vec<Repair>) -> Result<Open> {
    let Site { folder, damage, .. } = site;
    let named = |error: &io::Error| StoreError::io(folder, "opening the store", error);
    finish_interrupted(folder).map_err(|error| named(&error))?;
    RealFiles.create_folder(folder).map_err(|error| named(&error))?;
    let swept = sweep(folder).map_err(|error| named(&error))?;
    repairs.extend((swept > 0).then_some(Repair::UnfinishedSnapshots { count: swept }));

    let why = match attempt(site) {
        Ok(open) => return Ok(open),
        Err(Failed::Open(Trouble::Corrupt(why))) => why,
        Err(Failed::Read(rows, Trouble::Corrupt(why))) => return salvaged(site, rows, why, repairs),
        Err(Failed::Unsealed(rows)) => return sealed(site, rows),
        Err(failed) => return Err(failed.trouble().named(folder, "opening the store")),
    };

    // sled may have written before it gave up, and may still hold the files: go on with copies.
    let aside = set_aside(folder, Aside::Damaged).map_err(|error| named(&error))?;
    copy_without_snapshots(&aside, folder).map_err(|error| named(&error))?;
    match attempt(site) {
        Ok(open) => {
            damage.report(Damaged::Store, format!("{why}; it opened without its snapshots"));
            repairs.push(Repair::SnapshotsDropped { why, kept: aside });
            return Ok(open);
        }
        Err(Failed::Read(rows, Trouble::Corrupt(why))) => return salvaged(site, rows, why, repairs),
        Err(Failed::Unsealed(rows)) => {
            repairs.push(Repair::SnapshotsDropped { why, kept: aside });
            return sealed(site, rows);
        }
        Err(Failed::Open(Trouble::Corrupt(_))) => {}
        Err(failed) => return Err(failed.trouble().named(folder, "opening the store")),
    }

    // The copy in the way is not worth keeping: what it was made from is.
    retire(folder).map_err(|error| named(&error))?;
    mark::forget(folder).map_err(|error| named(&error))?;
    RealFiles.create_folder(folder).map_err(|error| named(&error))?;
    let open = attempt(site).map_err(|failed| failed.trouble().named(folder, "starting an empty store"))?;
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
    /// It is well, and from before its records were sealed.
    Unsealed(Rows),
}

impl Failed {
    fn trouble(self) -> Trouble {
        match self {
            Self::Open(trouble) | Self::Read(_, trouble) => trouble,
            // Only a store that was there before can be, and that one is looked for.
            Self::Unsealed(_) => Trouble::Corrupt("it is not sealed".to_owned()),
        }
    }
}

fn attempt(site: Site<'_>) -> std::result::Result<Open, Failed> {
    let rows = Rows::open(site.folder).map_err(Failed::Open)?;
    let read = || {
        let sealed = layout::check(&rows, site.vault)?;
        mark::check(site.folder, mark::last_change(&rows)?)?;
        Ok((State::load(&rows)?, sealed))
    };
    match read() {
        Ok((state, true)) => {
            tighten(site.folder);
            Open::new(rows, state).map_err(Failed::Open)
        }
        Ok((_, false)) => Err(Failed::Unsealed(rows)),
        Err(trouble) => Err(Failed::Read(rows, trouble)),
    }
}

fn salvaged(site: Site<'_>, rows: Rows, why: String, repairs: &mut Vec<Repair>) -> Result<Open> {
    let salvaged = salvage::salvage(site, rows, Why::Damage(&why))
        .map_err(|trouble| trouble.named(site.folder, "salvaging the store"))?;
    repairs.push(Repair::Salvaged { why });
    Ok(salvaged.open)
}

/// A store from before there was a vault key is written anew, so that nothing unsealed lingers in sled's old pages.
fn sealed(site: Site<'_>, rows: Rows) -> Result<Open> {
    let sealed = salvage::salvage(site, rows, Why::Unsealed);
    sealed.map(|sealed| sealed.open).map_err(|trouble| trouble.named(site.folder, "sealing the store"))
}

/// What a store was that is kept under another name.
#[derive(Clone, Copy)]
pub(super) enum Aside {
    /// Something in it could not be read.
    Damaged,
    /// All that is whole in it is in the new one too.
    Replaced,
}

/// Puts a finished salvage in place of the store it was made from, and answers where that is kept, if it is.
pub(super) fn replace_with_salvage(folder: &Path, keep: Option<Aside>) -> io::Result<Option<PathBuf>> {
    // sled's own flush does not wait for the disk, and the old store may be all that is on it.
    let salvage = salvage_folder(folder);
    for name in RealFiles.list(&salvage)? {
        let path = salvage.join(name);
        if path.is_file() {
            fs::File::open(path)?.sync_all()?;
        }
    }
    RealFiles.sync_folder(&salvage)?;
    let kept = keep.map(|aside| set_aside(folder, aside)).transpose()?;
    if kept.is_none() {
        remove_all(&retired(folder))?;
        fs::rename(folder, retired(folder))?;
    }
    fs::rename(salvage, folder)?;
    sync_above(folder)?;
    remove_all(&retired(folder))?;
    Ok(kept)
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

/// A crash between the two renames of a salvage leaves no store but a finished salvage; one after them, a store that
/// nobody needs any more.
fn finish_interrupted(folder: &Path) -> io::Result<()> {
    let salvage = salvage_folder(folder);
    if salvage.exists() {
        if folder.exists() { remove_all(&salvage)? } else { fs::rename(&salvage, folder)? }
    }
    remove_all(&retired(folder))
}

/// What a store is called that is about to be removed.
fn retired(folder: &Path) -> PathBuf {
    beside(folder, "retired")
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
fn set_aside(folder: &Path, what: Aside) -> io::Result<PathBuf> {
    let word = match what {
        Aside::Damaged => "damaged",
        Aside::Replaced => "replaced",
    };
    let mut number = 1;
    let aside = loop {
        let aside = beside(folder, &format!("{word}-{number}"));
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
    remove_all(&retired(folder))?;
    fs::rename(folder, retired(folder))?;
    remove_all(&retired(folder))
}

/// Copies a store's folder without sled's snapshots of its page table: it can do without.
pub(crate) fn copy_without_snapshots(from: &Path, to: &Path) -> io::Result<()> {
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
