//! A home: the folder that holds everything one installation has.
//!
//! | name | what it is |
//! | --- | --- |
//! | `lock` | locked by the process that uses the home, as long as it lives; `lock.pid` beside it says which that is |
//! | `store/` | sled: entries, indexes, records |
//! | `store.mark` | how much sled has said is flushed |
//! | `store.damaged-1/` ... | stores as they were found when they could not be opened; for `sheaf doctor`, or to be deleted |
//! | `journal/` | own entries, in the order they were written (S1) |
//! | `cache/snapshot/`, `cache/view/` | cached copies of documents; all of it may be deleted |
//! | others | small whole files, such as `keys`: see [`Home::put_file`] |
//!
//! Everything is for its owner's eyes only: folders 0700, files 0600 on Unix.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::damage::DamageList;
use crate::files::replace;
use crate::{Files, Journal, JournalConfig, RealFiles, Repair, Result, SledStore, Store, StoreError};

pub(crate) const STORE: &str = "store";
pub(crate) const CACHE: &str = "cache";
const JOURNAL: &str = "journal";
const LOCK: &str = "lock";
const HOLDER: &str = "lock.pid";

/// The largest of the small files.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// A home that is open. While it lives, no other process can open it.
#[derive(Debug)]
pub struct Home {
    folder: PathBuf,
    store: Arc<SledStore>,
    journal: Arc<Journal>,
    /// The store and the journal have it as well: whoever holds on to one of them holds on to the home.
    _lock: Arc<Lock>,
}

/// What opening a home found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// What had to be put in order.
    pub repaired: Vec<Repair>,
    /// How many own entries the store had lost and got back from the journal.
    pub restored: u64,
    /// How many own entries the journal had lost and got back from the store.
    pub copied_back: u64,
}

impl Opened {
    /// Whether own entries may have been lost that had left this device, so that their numbers must not be used again: every
    /// own log is to be closed, and new ones opened (L5).
    pub fn needs_new_logs(&self) -> bool {
        self.copied_back > 0 || self.repaired.iter().any(Repair::is_of_damage)
    }
}

impl Home {
    /// Opens the home in a folder, or makes one: takes its lock, opens the journal and the store, puts both in order, and
    /// gives the store those of the journal's entries that it lacks.
    pub fn open(folder: &Path) -> Result<(Self, Opened)> {
        let files: Arc<dyn Files> = Arc::new(RealFiles);
        let made = if folder.exists() { Ok(()) } else { files.create_folder(folder) };
        made.map_err(|error| StoreError::io(folder, "making the data folder", &error))?;
        let lock = Arc::new(Lock::take(folder)?);
        let damage = Arc::new(DamageList::default());
        let config = JournalConfig::default();
        let (journal, repaired) = Journal::open_on(
            &folder.join(JOURNAL),
            Arc::clone(&files),
            config,
            Arc::clone(&damage),
            Some(Arc::clone(&lock)),
        )?;
        let mut opened = Opened { repaired, ..Opened::default() };
        let (store, repaired) = SledStore::open_on(folder, files, damage, Some(Arc::clone(&lock)))?;
        opened.repaired.extend(repaired);
        let home =
            Self { folder: folder.to_path_buf(), store: Arc::new(store), journal: Arc::new(journal), _lock: lock };
        home.reconcile(&mut opened)?;
        Ok((home, opened))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The store.
    pub fn store(&self) -> &Arc<SledStore> {
        &self.store
    }

    /// The journal of own entries.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// A small file of this home, such as `keys`. A name has no slashes in it.
    pub fn file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.folder.join(name);
        match RealFiles.read(&path, MAX_FILE) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(&path, "reading a file of the home", &error)),
        }
    }

    /// Writes a small file of this home, durably and whole or not at all, readable by this user alone.
    pub fn put_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        replace(&RealFiles, &path, &[bytes], true)
            .map_err(|error| StoreError::io(&path, "writing a file of the home", &error))
    }

    /// The journal and the store each may have lost what the other has: the store's last writes when the machine went down,
    /// the journal's last group when its end was damaged.
    fn reconcile(&self, opened: &mut Opened) -> Result<()> {
        opened.restored = self.store.back_up_with(&self.journal)?;
        for (space, log, tip) in self.journal.tips() {
            let mut next = tip + 1;
            loop {
                let missing = self.store.range(space, log, next, 1024 * 1024)?;
                if missing.is_empty() {
                    break;
                }
                self.journal.append(space, &missing)?.wait()?;
                next += missing.len() as u64;
                opened.copied_back += missing.len() as u64;
            }
        }
        Ok(())
    }
}

/// The right to use a home. The system takes it back from a process that dies, however it dies.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    holder: PathBuf,
}

impl Lock {
    fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        let named = |error: &io::Error| StoreError::io(&path, "locking the data folder", error);
        let file = private().open(&path).map_err(|error| named(&error))?;
        let holder = folder.join(HOLDER);
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { folder: folder.to_path_buf(), holder: read_holder(&holder) });
            }
            Err(TryLockError::Error(error)) => return Err(named(&error)),
        }
        // In a file of its own, because Windows lets nobody read a locked one.
        private()
            .truncate(true)
            .open(&holder)
            .and_then(|mut file| writeln!(file, "{}", std::process::id()))
            .map_err(|error| StoreError::io(&holder, "locking the data folder", &error))?;
        Ok(Self { file, holder })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is locked still: afterwards the file may be the next holder's. Left behind, it does no harm.
        let _ = fs::remove_file(&self.holder);
        let _ = self.file.unlock();
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Who holds the lock. They may be just about to write it down.
fn read_holder(path: &Path) -> Option<u32> {
    for _ in 0..5 {
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(32).read_to_string(&mut text));
        if let (Ok(_), Ok(pid)) = (read, text.trim().parse()) {
            return Some(pid);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}
