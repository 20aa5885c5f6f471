//! The few things this crate does with files, behind a trait, so that a test can be a disk that fails or loses power.
//!
//! The journal and the caches go through it; sled has its own way to the disk.

mod real;
mod simulated;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

pub use real::RealFiles;
pub use simulated::{Fault, SimulatedDisk};

/// A disk. What has been written is durable only after a `sync` of the file, and what has been created, renamed or removed
/// only after a `sync_folder` of the folder it is in.
pub trait Files: Send + Sync + fmt::Debug {
    /// Makes a folder, and those above it, for this user's eyes only. One that is there already is tightened.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// The names of what is in a folder, sorted. A folder that is not there is empty.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// How long a file is.
    fn length(&self, path: &Path) -> io::Result<u64>;
    /// A whole file. One longer than `limit` is refused ([`io::ErrorKind::InvalidData`]) before anything is allocated.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;
    /// The first bytes of a file: `length`, or all there are.
    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>>;
    /// Bytes of a file from an offset on: `length`, or as many as there are.
    fn read_at(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>>;
    /// Makes an empty file, for this user's eyes only, in place of one that may be there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;
    /// Opens a file to write at its end.
    fn append(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;
    /// Cuts a file off, and syncs it.
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;
    /// Writes over what is there, and syncs it. This makes bytes durable that can be read but may be in memory only.
    fn overwrite(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Gives a file another name, in place of what may have had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes what was created, renamed or removed in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// A file that is open for writing.
pub trait OpenFile: Send + fmt::Debug {
    /// Writes all of it at the end.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable. After an error nothing may be assumed about what was written since the last
    /// success, nor about a later one: the system may have dropped the pages and forgotten the error.
    fn sync(&mut self) -> io::Result<()>;
}

/// Puts a whole file in place, so that a reader sees the old one or the new one. If `durable`, it is on the disk when this
/// returns; else only the order is kept as far as the file system keeps it, and the reader needs a checksum.
pub(crate) fn replace(files: &dyn Files, path: &Path, parts: &[&[u8]], durable: bool) -> io::Result<()> {
    // Two writers of one file must not share the half-written one.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}{TEMPORARY}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    let temporary = path.with_file_name(name);
    let mut file = files.create(&temporary)?;
    let written = parts.iter().try_for_each(|part| file.write(part));
    let synced = written.and_then(|()| if durable { file.sync() } else { Ok(()) });
    drop(file);
    if let Err(error) = synced.and_then(|()| files.rename(&temporary, path)) {
        // Best effort: it is swept when the folder is next opened.
        let _ = files.remove(&temporary);
        return Err(error);
    }
    match path.parent() {
        Some(folder) if durable => files.sync_folder(folder),
        _ => Ok(()),
    }
}

/// What the name of a file ends in while it is being written.
pub(crate) const TEMPORARY: &str = ".writing";
