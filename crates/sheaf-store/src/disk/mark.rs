//! A witness beside sled: how many changes it has said are flushed.
//!
//! sled reads its file up to the first thing that is wrong and takes that for the end. If it is not, everything later is
//! gone without a word, and what is written from then on may go the same way when it is opened next. So each change carries
//! a number in a row, and the last number that was flushed stands in a small file. If sled opens with a lower one, it has
//! lost changes that it had acknowledged, and what it can still read is moved to a new store.
//!
//! The file is not synced: it needs to outlive a process, and when power fails it may only say too little.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::rows::{Rows, Trouble};
use super::state::index_row;
use super::{beside, keys};
use crate::frame;

const PLACE: &[u8] = b"mark";

#[derive(Debug)]
pub(super) struct Mark {
    inner: Mutex<(u64, File)>,
}

fn path(folder: &Path) -> PathBuf {
    beside(folder, "mark")
}

impl Mark {
    /// Opens the file, and makes it say `number`.
    pub(super) fn open(folder: &Path, number: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(path(folder))?;
        write(&mut file, number)?;
        Ok(Self { inner: Mutex::new((number, file)) })
    }

    /// All changes up to this number are flushed.
    pub(super) fn raise(&self, number: u64) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, file) = &mut *inner;
        if number > *last {
            write(file, number)?;
            *last = number;
        }
        Ok(())
    }
}

fn write(file: &mut File, number: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&frame::seal(PLACE, &number.to_le_bytes()))
}

/// The number in the file; 0 if there is none that can be believed.
fn read(folder: &Path) -> u64 {
    let bytes = fs::read(path(folder)).unwrap_or_default();
    let number = frame::open(PLACE, &bytes).ok().and_then(|payload| payload.try_into().ok());
    number.map_or(0, u64::from_le_bytes)
}

/// Forgets what was flushed: for a store that begins anew.
pub(super) fn forget(folder: &Path) -> io::Result<()> {
    match fs::remove_file(path(folder)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The number of the last change in a store.
pub(super) fn last_change(rows: &Rows) -> Result<u64, Trouble> {
    const KEY: &[u8] = &[keys::CHANGE];
    rows.get(KEY)?.map_or(Ok(0), |value| index_row(KEY, &value))
}

/// Refuses a store that lacks changes it had flushed.
pub(super) fn check(folder: &Path, last: u64) -> Result<(), Trouble> {
    let flushed = read(folder);
    if last >= flushed {
        return Ok(());
    }
    Err(Trouble::Corrupt(format!("the last {} changes are gone though they had been written", flushed - last)))
}
