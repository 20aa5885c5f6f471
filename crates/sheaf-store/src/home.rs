//! A home: the folder that holds everything one installation has.
//!
//! | name | what it is |
//! | --- | --- |
//! | `lock` | locked by the process that uses the home, as long as it lives; `lock.pid` beside it says which that is |
//! | `store/` | sled: entries, indexes, records |
//! | `store.mark` | how much sled has said is flushed |
//! | `store.damaged-1/` ... | stores as they were when something in them could not be read: see [`Home::take_over`] |
//! | `store.replaced-1/` ... | stores that were made anew on request: all that was whole in them is in the new one |
//! | `journal/` | own entries, in the order they were written (S1) |
//! | `journal.remade/` | a journal that is being written anew |
//! | `journal.damaged-1/` ... | journals in which something was broken, as they were: what was whole in them is in the new one |
//! | `blobs/` | what checkpoints stand for: sealed blobs by name, and what belongs with each checkpoint (C5) |
//! | `cache/snapshot/`, `cache/view/` | cached copies of documents; all of it may be deleted |
//! | others | small whole files, sealed or not: see [`Home::put_sealed_file`] |
//!
//! Everything is for its owner's eyes only: folders 0700, files 0600 on Unix. What can be read is sealed besides, with the
//! home's [`VaultKey`].

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sheaf_access::SpaceId;
use sheaf_log::Entry;

use crate::blobs::blobs_of;
use crate::damage::DamageList;
use crate::files::replace;
use crate::vault::Purpose;
use crate::{
    BlobStore, FileBlobs, Files, Journal, JournalConfig, Pruned, RealFiles, Repair, Result, SledStore, Store,
    StoreError, VaultKey, decode_bundle,
};

pub(crate) const STORE: &str = "store";
pub(crate) const CACHE: &str = "cache";
pub(crate) const JOURNAL: &str = "journal";
pub(crate) const BLOBS: &str = "blobs";
const MARK: &str = "store.mark";
const LOCK: &str = "lock";
const HOLDER: &str = "lock.pid";

/// The largest of the small files.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// A home that is locked, and not open yet: the small files can be read, which say where its key is.
#[derive(Debug)]
pub struct Claim {
    folder: PathBuf,
    lock: Arc<Lock>,
}

/// A home that is open. While it lives, no other process can open it.
#[derive(Debug)]
pub struct Home {
    folder: PathBuf,
    store: Arc<SledStore>,
    journal: Arc<Journal>,
    blobs: Arc<FileBlobs>,
    vault: VaultKey,
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

impl Claim {
    /// Takes the lock of the home in a folder, which is made if it is not there.
    pub fn take(folder: &Path) -> Result<Self> {
        let made = if folder.exists() { Ok(()) } else { RealFiles.create_folder(folder) };
        made.map_err(|error| StoreError::io(folder, "making the data folder", &error))?;
        let lock = Arc::new(Lock::take(folder)?);
        Ok(Self { folder: folder.to_path_buf(), lock })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a store has been made in it.
    pub fn has_store(&self) -> bool {
        self.folder.join(STORE).exists()
    }

    /// A small file of the home; see [`Home::file`].
    pub fn file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        read_file(&self.folder, name)
    }

    /// Writes a small file of the home; see [`Home::put_file`].
    pub fn put_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        put_file(&self.folder, name, bytes)
    }

    /// Writes a small file that holds a key, or held one; see [`Home::put_key_file`].
    pub fn put_key_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        put_key_file(&self.folder, name, bytes)
    }

    /// Opens the home: the journal and the store are put in order, and the store gets those of the journal's entries that it
    /// lacks. What is sealed is sealed with this key; a store from before there was one is sealed now.
    pub fn open(self, vault: &VaultKey) -> Result<(Home, Opened)> {
        self.open_on(vault, Arc::new(RealFiles))
    }

    /// The same, with the journal, the caches and the blobs on any disk. sled has its own way to the real one.
    pub fn open_on(self, vault: &VaultKey, files: Arc<dyn Files>) -> Result<(Home, Opened)> {
        let Self { folder, lock } = self;
        let damage = Arc::new(DamageList::default());
        let config = JournalConfig::default();
        crate::remake::finish_interrupted(&folder)?;
        crate::takeover::clear(&folder)?;
        let (journal, repaired) = Journal::open_on(
            &folder.join(JOURNAL),
            Arc::clone(&files),
            config,
            Arc::clone(&damage),
            Some(Arc::clone(&lock)),
        )?;
        let mut opened = Opened { repaired, ..Opened::default() };
        let blobs = Arc::new(FileBlobs::open_on(&folder.join(BLOBS), Arc::clone(&files), Arc::clone(&damage))?);
        let (store, repaired) = SledStore::open_on(&folder, vault, files, damage, Some(Arc::clone(&lock)))?;
        opened.repaired.extend(repaired);
        let home = Home {
            folder,
            store: Arc::new(store),
            journal: Arc::new(journal),
            vault: vault.clone(),
            blobs,
            _lock: lock,
        };
        // What a crash interrupted.
        for space in home.store.removed()? {
            home.remove(space)?;
        }
        home.cover_again()?;
        home.reconcile(&mut opened)?;
        Ok((home, opened))
    }
}

impl Home {
    /// Claims the home in a folder and opens it with its key.
    pub fn open(folder: &Path, vault: &VaultKey) -> Result<(Self, Opened)> {
        Claim::take(folder)?.open(vault)
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

    /// The blobs.
    pub fn blobs(&self) -> &Arc<FileBlobs> {
        &self.blobs
    }

    /// The key that what is readable here is sealed with.
    pub fn vault(&self) -> &VaultKey {
        &self.vault
    }

    /// A small file of this home that is not sealed, such as `first-space`. A name has no slashes in it.
    pub fn file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        read_file(&self.folder, name)
    }

    /// Writes a small file of this home, durably and whole or not at all, readable by this user alone.
    pub fn put_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        put_file(&self.folder, name, bytes)
    }

    /// The same, and what was in the file before is overwritten on the disk, as far as a file system lets anyone do that.
    pub fn put_key_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        put_key_file(&self.folder, name, bytes)
    }

    /// The same, of a file that is sealed with the vault key.
    pub fn sealed_file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.file(name)? else { return Ok(None) };
        let opened = self.vault.open(Purpose::File, name.as_bytes(), &bytes);
        let what = || "it is not what was sealed with this home's key".to_owned();
        opened.map(Some).ok_or_else(|| StoreError::Damaged { path: self.folder.join(name), what: what() })
    }

    /// Writes a small file of this home, sealed with the vault key.
    pub fn put_sealed_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.put_file(name, &self.vault.seal(Purpose::File, name.as_bytes(), bytes))
    }

    /// Makes the store anew: from all that is whole in it, from the checkpoints beside it, and from the journal. One that
    /// would lack anything which is whole in the old one is refused, and the old one stays. Answers where that is kept. Blocks.
    pub fn rebuild_store(&self) -> Result<Option<PathBuf>> {
        let kept = self.store.rebuild()?;
        self.cover_again()?;
        self.store.back_up_with(&self.journal)?;
        Ok(kept)
    }

    /// Removes all there is of a space but for what the caller has written down in tables: blobs, bundles, entries. It stays
    /// removed, and nothing may be stored of it, until [`forget_removed`](Self::forget_removed) has found that the journal has
    /// nothing of it either. A crash in the middle is made good when the home is opened. Blocks.
    pub fn remove(&self, space: SpaceId) -> Result<Pruned> {
        let removed = self.store.remove(space)?;
        for (checkpoint, bundle) in self.blobs.bundles(space)? {
            // The bundle last: it says which blobs there are.
            for blob in blobs_of(&bundle) {
                self.blobs.delete_unneeded(blob, Some(space))?;
            }
            self.blobs.delete_bundle(space, checkpoint)?;
        }
        Ok(removed)
    }

    /// Forgets of those removed spaces that they were removed of which the journal has nothing any more. Blocks.
    pub fn forget_removed(&self) -> Result<()> {
        let mut removed = self.store.removed()?;
        if removed.is_empty() {
            return Ok(());
        }
        for item in self.journal.replay(0)? {
            let (space, _) = item?;
            removed.retain(|other| *other != space);
        }
        removed.into_iter().try_for_each(|space| self.store.forget_removed(space))
    }

    /// A store that was lost, or has lost its last writes, stands again on the checkpoints that are kept beside it; own
    /// entries after those then follow from the journal.
    fn cover_again(&self) -> Result<()> {
        for space in self.blobs.bundled_spaces()? {
            for (_, bundle) in self.blobs.bundles(space)? {
                // Only what was verified is kept as a bundle, under a checksum.
                let entries = decode_bundle(&bundle).unwrap_or_default().into_iter();
                let entries: Vec<Entry> = entries.filter_map(|entry| entry.verified_before().ok()).collect();
                let checkpoint = entries.last().and_then(|entry| entry.checkpoint()?.ok());
                if let Some(checkpoint) = checkpoint.filter(|_| entries.iter().all(|entry| entry.space() == space))
                    && !self.store.frontier(space)?.covers(&checkpoint.covers)
                {
                    self.store.cover(space, &checkpoint.covers, &entries)?;
                    let own = entries.last().filter(|own| checkpoint.covers.get(&own.log()) + 1 == own.seq());
                    if let Some(own) = own {
                        self.store.append(space, std::slice::from_ref(own))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The journal and the store each may have lost what the other has: the store's last writes when the machine went down,
    /// the journal's last group when its end was damaged.
    fn reconcile(&self, opened: &mut Opened) -> Result<()> {
        opened.restored = self.store.back_up_with(&self.journal)?;
        for (space, log, tip) in self.journal.tips() {
            let mut next = tip + 1;
            loop {
                let missing = self.store.range(space, log, next, 1024 * 1024)?;
                let (Some(first), Some(last)) = (missing.first(), missing.last()) else { break };
                // A checkpoint may stand for what is in neither.
                let held = [(log, first.seq() - 1)].into_iter().collect();
                self.journal.append_after(space, &missing, &held)?.wait()?;
                next = last.seq() + 1;
                opened.copied_back += missing.len() as u64;
            }
        }
        Ok(())
    }
}

/// Whether a file is there for the process that uses the home, and no part of what the home has.
pub(crate) fn is_of_the_process(name: &str) -> bool {
    [LOCK, HOLDER, MARK].contains(&name)
}

/// Makes the name of a file or folder durable.
pub(crate) fn sync_above(path: &Path) -> io::Result<()> {
    // A bare name lies in the folder that the process is in.
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    RealFiles.sync_folder(above.unwrap_or(Path::new(".")))
}

fn read_file(folder: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let path = folder.join(name);
    match RealFiles.read(&path, MAX_FILE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(&path, "reading a file of the home", &error)),
    }
}

fn put_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    write_whole(&folder.join(name), bytes)
}

/// Writes a file, durably and whole or not at all, readable by this user alone.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(&RealFiles, path, &[bytes], true).map_err(|error| StoreError::io(path, "writing a file", &error))
}

fn put_key_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    // Held open, so that what it held can be reached when its name is another file's.
    let before = cfg!(unix).then(|| OpenOptions::new().write(true).open(&path).ok()).flatten();
    put_file(folder, name, bytes)?;
    if let Some(before) = before
        && let Err(error) = overwrite(before)
    {
        // The new file is in its place all the same.
        tracing::debug!(%error, path = %path.display(), "what a file held before is not overwritten");
    }
    Ok(())
}

/// Writes zeros over a file that has no name any more. One that has another name yet is somebody's copy.
fn overwrite(mut file: File) -> io::Result<()> {
    let metadata = file.metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if metadata.nlink() > 0 {
            return Ok(());
        }
    }
    let length = metadata.len().min(MAX_FILE);
    file.write_all(&vec![0; usize::try_from(length).unwrap_or(0)])?;
    file.sync_data()
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
