//! What can go wrong on a disk, said so that a person knows which file it is and what to do.

use std::io;
use std::path::{Path, PathBuf};

use sheaf_access::{LogId, SpaceId};

/// What every function of this crate answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why the store could not do what it was asked. Every variant that concerns a disk names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No room, or a quota is used up.
    #[error("the disk that holds {} is full (while {doing}). Free some space and try again; what was saved before is safe", path.display())]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
    },
    /// The folder or the disk does not let this user write.
    #[error("{} may not be written or read (while {doing}): {reason}. Check the permissions of the folder, and that the disk is not mounted read-only", path.display())]
    NotPermitted {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The system's own words.
        reason: String,
    },
    /// Another process uses this data folder.
    #[error("the data folder {} is in use{}. Close that program, or choose another folder with --home", folder.display(), holder.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    Locked {
        /// The data folder.
        folder: PathBuf,
        /// The process that holds it, as far as it has said so.
        holder: Option<u32>,
    },
    /// A file does not hold what was written to it, and what it held could not be put aside yet.
    #[error("{} is damaged: {what}. Start Sheaf again: it sets the damaged part aside, takes your own work from the journal and the rest from the others", path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// Any other error of the system.
    #[error("{}: {reason} (while {doing}). {}", path.display(), advice(*kind))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What sort of error the system said it is.
        kind: io::ErrorKind,
        /// The system's own words.
        reason: String,
    },
    /// The journal stopped at an earlier error, so nothing more may be called saved until it is started again.
    #[error("nothing can be saved since this happened: {cause}")]
    JournalStopped {
        /// The error that stopped it.
        cause: Box<StoreError>,
    },
    /// An entry whose predecessor is not held. Entries of a log are stored in order, so that a frontier can be one number.
    #[error("entry {found} of log {log} came before entry {expected}")]
    OutOfOrder {
        /// The log.
        log: LogId,
        /// What would be next.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// Another entry is held in this place: the log is forked (L6), which the caller has to deal with.
    #[error("log {log} already holds another entry {seq}: two entries were written with one number")]
    Conflict {
        /// The log.
        log: LogId,
        /// The number both have.
        seq: u64,
    },
    /// An entry that belongs to another space.
    #[error("an entry of space {found} does not belong in space {expected}")]
    WrongSpace {
        /// Where it was to be stored.
        expected: SpaceId,
        /// Where it belongs.
        found: SpaceId,
    },
    /// A file that is no backup at all.
    #[error("{} is not a backup of Sheaf's. Nothing was restored; choose the file that the backup was written to", path.display())]
    NoBackup {
        /// The file.
        path: PathBuf,
    },
    /// A backup is not what was written.
    #[error("{} is damaged at byte {at}: {what}. Nothing was restored; use another backup", path.display())]
    DamagedBackup {
        /// The file.
        path: PathBuf,
        /// Where the damage begins.
        at: u64,
        /// What was found.
        what: String,
    },
    /// A home is to be made where something is already.
    #[error("{} is not empty. Restore into an empty folder: choose one with --home, or move this one away", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// The store is whole and this is not the key it is sealed with.
    #[error("{} is sealed with another key than the one this home has. Put `vault.json` back as it was, or restore a backup", folder.display())]
    OtherKey {
        /// The store's folder.
        folder: PathBuf,
    },
    /// A store made anew would lack something that is whole in the one there is.
    #[error("{} was not made anew: {count} of the entries and records that are whole in it would be missing in the new one. It stays as it is. Make a backup of this home, and exchange with the others before you try again", folder.display())]
    WouldLose {
        /// The store's folder.
        folder: PathBuf,
        /// How many.
        count: u64,
    },
    /// A value larger than the store takes.
    #[error("{what} of {size} bytes is more than the store takes ({limit} bytes)")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The most that is taken.
        limit: usize,
    },
}

/// What to do about an error of the system that has no name of its own.
const fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            "Look whether the path is right, and whether the disk it is on is there"
        }
        _ => "If the disk was unplugged, put it back and try again",
    }
}

impl StoreError {
    /// An error of the system, sorted by what a person can do about it.
    pub fn io(path: &Path, doing: &'static str, error: &io::Error) -> Self {
        Self::from_kind(path, doing, error.kind(), error.to_string())
    }

    pub(crate) fn from_kind(path: &Path, doing: &'static str, kind: io::ErrorKind, reason: String) -> Self {
        let path = path.to_path_buf();
        match kind {
            // A file size limit and a quota are, for the person, a full disk.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { path, doing }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotPermitted { path, doing, reason }
            }
            _ => Self::Io { path, doing, kind, reason },
        }
    }

    /// Whether the same call may succeed later without anything being repaired: a full disk that got room, a disk
    /// that came back.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::DiskFull { .. } | Self::NotPermitted { .. } | Self::Io { .. } | Self::Locked { .. } => true,
            Self::JournalStopped { cause } => cause.may_pass(),
            _ => false,
        }
    }
}
