//! sled, kept at arm's length: every call answers with an error where sled would panic, and nothing above this file
//! knows that it is sled.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sled::IVec;

use crate::StoreError;

/// What sled answers instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The system's fault. sled refuses everything from then on, until it is opened anew.
    Io { kind: io::ErrorKind, reason: String },
    /// What is on the disk is not what sled wrote; or sled has lost its way, which comes to the same.
    Corrupt(String),
    /// Someone has the file open.
    Busy,
    /// What it holds is sealed with another key.
    OtherKey,
    /// A store that was written anew lacks so many things that are whole in the old one.
    Lacking(u64),
}

impl Trouble {
    /// The error a caller gets, for the store in this folder.
    pub(super) fn named(self, folder: &Path, doing: &'static str) -> StoreError {
        match self {
            Self::Io { kind, reason } => StoreError::from_kind(&folder.join("db"), doing, kind, reason),
            Self::Corrupt(what) => StoreError::Damaged { path: folder.join("db"), what },
            Self::Busy => StoreError::Locked { folder: folder.to_path_buf(), holder: None },
            Self::OtherKey => StoreError::OtherKey { folder: folder.to_path_buf() },
            Self::Lacking(count) => StoreError::WouldLose { folder: folder.to_path_buf(), count },
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io { kind: error.kind(), reason: error.to_string() }
    }
}

impl From<sled::Error> for Trouble {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => match error.kind() {
                // The file ends too soon, or holds what cannot be.
                io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                    Self::Corrupt(error.to_string())
                }
                io::ErrorKind::Other if error.to_string().contains("could not acquire lock") => Self::Busy,
                // sled copies an error it has met before, and keeps of it only the kind and the words.
                kind => Self::Io { kind, reason: error.to_string() },
            },
            other => Self::Corrupt(other.to_string()),
        }
    }
}

/// Runs a call into sled. On damaged files sled 0.34 panics in places where it should answer an error.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Trouble> {
    // What a panic leaves behind is only looked at again after the database has been dropped and opened anew.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(answer) => answer.map_err(Trouble::from),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(Trouble::Corrupt(format!("sled lost its way: {said}")))
        }
    }
}

/// A sorted map on the disk.
#[derive(Debug)]
pub(super) struct Rows {
    /// Always there, until it is dropped.
    db: Option<sled::Db>,
    folder: PathBuf,
}

impl Drop for Rows {
    fn drop(&mut self) {
        // On its way out sled flushes, and it may lose its way there too.
        if let Err(trouble) = guarded(|| {
            drop(self.db.take());
            Ok(())
        }) {
            tracing::warn!(?trouble, "closing the store");
        }
    }
}

/// Changes that are made together or not at all.
pub(super) use sled::Batch;

impl Rows {
    /// How long a database that is just being let go in this process is waited for.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// Memory for pages. sled would take a gigabyte.
    const CACHE: u64 = 64 * 1024 * 1024;

    pub(super) fn open(folder: &Path) -> Result<Self, Trouble> {
        let deadline = Instant::now() + Self::PATIENCE;
        loop {
            match guarded(|| sled::Config::new().path(folder).cache_capacity(Self::CACHE).open()) {
                // sled lets go of its file a little after the database is dropped. No other process is in the way: the
                // home's own lock is taken first.
                Err(Trouble::Busy) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                opened => return Ok(Self { db: Some(opened?), folder: folder.to_path_buf() }),
            }
        }
    }

    /// How many bytes its files have.
    pub(super) fn size(&self) -> Result<u64, Trouble> {
        self.call(sled::Db::size_on_disk)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn call<T>(&self, call: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, Trouble> {
        match &self.db {
            Some(db) => guarded(|| call(db)),
            None => Err(Trouble::Corrupt("the store is closed".to_owned())),
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, Trouble> {
        self.call(|db| db.get(key))
    }

    pub(super) fn apply(&self, batch: Batch) -> Result<(), Trouble> {
        self.call(|db| db.apply_batch(batch))
    }

    pub(super) fn flush(&self) -> Result<(), Trouble> {
        self.call(|db| db.flush().map(drop))
    }

    /// Rows from `from` (included) as long as their keys begin with `prefix`.
    pub(super) fn scan<'a>(&self, prefix: &'a [u8], from: &[u8]) -> Scan<'a> {
        Scan { prefix, iter: self.db.as_ref().map(|db| db.range(from..)) }
    }

    /// The last row whose key begins with `prefix`, which must not be all 0xff.
    pub(super) fn last(&self, prefix: &[u8]) -> Result<Option<(IVec, IVec)>, Trouble> {
        let last = self.call(|db| db.range(..after(prefix)).next_back().transpose())?;
        Ok(last.filter(|(key, _)| key.starts_with(prefix)))
    }
}

/// The first key after all that begin with `prefix`.
pub(super) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}

/// Rows, by key. It ends after the first error.
pub(super) struct Scan<'a> {
    prefix: &'a [u8],
    /// None when it has ended.
    iter: Option<sled::Iter>,
}

impl Iterator for Scan<'_> {
    type Item = Result<(IVec, IVec), Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        let iter = self.iter.as_mut()?;
        let next = guarded(|| iter.next().transpose()).transpose();
        let next = next.filter(|row| row.as_ref().map_or(true, |(key, _)| key.starts_with(self.prefix)));
        if !matches!(next, Some(Ok(_))) {
            self.iter = None;
        }
        next
    }
}
