//! The store on sled.
//!
//! `rows` keeps sled at arm's length, `keys` names the rows, `value` frames them and cuts large ones in pieces, `state`
//! holds the tips in memory, `entries` and `records` are what the trait asks for; `recovery` opens what a crash or a bad
//! disk has left, `salvage` makes a new store of what can still be read of a damaged one. This file holds them together:
//! it runs every call on whatever store there is, and puts that in order when a call finds it is not.

mod entries;
mod keys;
mod layout;
mod mark;
mod prune;
mod rebuild;
mod reclaim;
mod records;
mod recovery;
mod removal;
mod rows;
mod salvage;
mod state;
mod transfer;
mod value;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use sheaf_access::{DocumentId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, Frontier};

use self::mark::Mark;
use self::recovery::Site;
pub(crate) use self::recovery::copy_without_snapshots;
use self::rows::{Batch, Rows, Trouble};
use self::salvage::Why;
use self::state::{LogState, State, index_row, index_value};
pub(crate) use self::transfer::{NewStore, is_entry};
use crate::caches::Caches;
use crate::damage::DamageList;
use crate::home::Lock;
use crate::store::belongs;
use crate::{
    Arrival, CacheKind, Damage, DocumentRow, Files, Journal, Pruned, RealFiles, Repair, Result, Store, StoreError,
    Table, VaultKey, limits,
};

/// The store on sled, and on files beside it.
#[derive(Debug)]
pub struct SledStore {
    folder: PathBuf,
    caches: Caches,
    vault: VaultKey,
    /// `None` after an attempt to open it anew that failed.
    open: RwLock<Option<Open>>,
    health: AtomicU8,
    damage: Arc<DamageList>,
    /// Where own entries come back from.
    journal: OnceLock<Arc<Journal>>,
    _lock: Option<Arc<Lock>>,
}

#[derive(Debug)]
struct Open {
    rows: Rows,
    state: Mutex<State>,
    /// Held by whoever changes rows, so that what they looked at before is still so.
    writing: Mutex<()>,
    /// The number of the last change.
    change: AtomicU64,
    mark: Mark,
}

/// `store` and `word` make `store.word`.
fn beside(folder: &Path, word: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(word);
    folder.with_file_name(name)
}

impl Open {
    fn new(rows: Rows, state: State) -> std::result::Result<Self, Trouble> {
        let change = mark::last_change(&rows)?;
        let mark = Mark::open(rows.folder(), change)?;
        let (state, writing) = (Mutex::new(state), Mutex::new(()));
        Ok(Self { rows, state, writing, change: AtomicU64::new(change), mark })
    }

    /// Makes changes, all or none. The caller holds the writing lock.
    fn apply(&self, mut batch: Batch) -> std::result::Result<(), Trouble> {
        const KEY: &[u8] = &[keys::CHANGE];
        let number = self.change.load(Ordering::SeqCst) + 1;
        batch.insert(KEY, index_value(KEY, &number));
        self.rows.apply(batch)?;
        self.change.store(number, Ordering::SeqCst);
        Ok(())
    }

    /// Makes all changes so far outlive the process.
    fn flush(&self) -> std::result::Result<(), Trouble> {
        let number = self.change.load(Ordering::SeqCst);
        self.rows.flush()?;
        Ok(self.mark.raise(number)?)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is changed in single steps after the rows were: whoever panics holding it leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As far as the last call could tell.
mod health {
    pub(super) const FINE: u8 = 0;
    /// The system failed: sled has to be opened anew, for it refuses everything now.
    pub(super) const FAILED: u8 = 1;
    /// Rows cannot be read that should be: the store has to be salvaged.
    pub(super) const DAMAGED: u8 = 2;
}

/// Why a call stopped.
enum Stop {
    /// The store is not well.
    Trouble(Trouble),
    /// The caller asked for what cannot be.
    Refused(StoreError),
}

impl Stop {
    fn named(self, folder: &Path, doing: &'static str) -> StoreError {
        match self {
            Self::Trouble(trouble) => trouble.named(folder, doing),
            Self::Refused(error) => error,
        }
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl SledStore {
    /// Opens the store in a home's folder, or makes one there, and brings it in order after a crash. The caller holds the
    /// home's lock.
    pub fn open(home: &Path, vault: &VaultKey) -> Result<(Self, Vec<Repair>)> {
        Self::open_on(home, vault, Arc::new(RealFiles), Arc::default(), None)
    }

    pub(crate) fn open_on(
        home: &Path,
        vault: &VaultKey,
        files: Arc<dyn Files>,
        damage: Arc<DamageList>,
        lock: Option<Arc<Lock>>,
    ) -> Result<(Self, Vec<Repair>)> {
        let folder = home.join(crate::home::STORE);
        let caches = Caches::open(&home.join(crate::home::CACHE), files, Arc::clone(&damage), vault)?;
        let mut repairs = Vec::new();
        let site = Site { folder: &folder, vault, caches: &caches, damage: &damage };
        let open = recovery::open(site, &mut repairs)?;
        let health = AtomicU8::new(health::FINE);
        let (open, journal, vault) = (RwLock::new(Some(open)), OnceLock::new(), vault.clone());
        let store = Self { folder, caches, vault, open, health, damage, journal, _lock: lock };
        // What a crash interrupted.
        store.with("pruning", Self::go_on_pruning)?;
        store.reclaim()?;
        Ok((store, repairs))
    }

    fn site(&self) -> Site<'_> {
        Site { folder: &self.folder, vault: &self.vault, caches: &self.caches, damage: &self.damage }
    }

    /// Runs a call on the rows. One that meets damage puts the store in order and is run again.
    fn with<T>(&self, doing: &'static str, call: impl Fn(&Open) -> std::result::Result<T, Stop>) -> Result<T> {
        let mut tries = 0;
        loop {
            tries += 1;
            self.heal(doing)?;
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            // Another call failed between the two lines above: heal first.
            let Some(open) = open.as_ref() else { continue };
            match call(open) {
                Ok(answer) => return Ok(answer),
                Err(Stop::Refused(error)) => return Err(error),
                Err(Stop::Trouble(trouble)) => {
                    let damaged = matches!(trouble, Trouble::Corrupt(_));
                    tracing::warn!(?trouble, doing, "the store failed");
                    self.health.fetch_max(if damaged { health::DAMAGED } else { health::FAILED }, Ordering::SeqCst);
                    if !damaged || tries == 3 {
                        return Err(trouble.named(&self.folder, doing));
                    }
                }
            }
        }
    }

    /// Opens sled anew if it has failed, and salvages it if it is damaged.
    fn heal(&self, doing: &'static str) -> Result<()> {
        if self.health.load(Ordering::SeqCst) == health::FINE {
            return Ok(());
        }
        let mut place = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let health = self.health.load(Ordering::SeqCst);
        if health == health::FINE {
            return Ok(());
        }
        let open = match place.take() {
            Some(Open { rows, .. }) if health == health::DAMAGED => {
                salvage::salvage(self.site(), rows, Why::Damage("rows that should be there cannot be read"))
                    .map_err(|trouble| trouble.named(&self.folder, doing))?
                    .open
            }
            failed => {
                drop(failed);
                recovery::open(self.site(), &mut Vec::new())?
            }
        };
        // Before anyone sees it: what this device wrote must never seem to be missing.
        if let Some(journal) = self.journal.get() {
            self.refill(&open, journal).map_err(|stop| stop.named(&self.folder, doing))?;
        }
        *place = Some(open);
        self.health.store(health::FINE, Ordering::SeqCst);
        Ok(())
    }

    /// Gives the store what the journal has and it has not, now and whenever it had to be put in order. Answers how many
    /// entries that were.
    pub(crate) fn back_up_with(&self, journal: &Arc<Journal>) -> Result<u64> {
        let restored = self.with("restoring own entries", |open| self.refill(open, journal))?;
        // A second journal would be a second home.
        let _ = self.journal.set(Arc::clone(journal));
        Ok(restored)
    }

    fn refill(&self, open: &Open, journal: &Journal) -> std::result::Result<u64, Stop> {
        const MARK: &[u8] = &[keys::JOURNAL];
        let mark = open.rows.get(MARK)?;
        let from = mark.and_then(|mark| index_row::<u64>(MARK, &mark).ok()).unwrap_or(0);
        let mut restored = 0;
        let mut lacking: Vec<Entry> = Vec::new();
        let removed = self.removed_in(open)?;
        for item in journal.replay(from)? {
            let (space, entry) = item?;
            if removed.contains(&space)
                || open.state().log(space, entry.log()).is_some_and(|log| log.whole() >= entry.seq())
            {
                continue;
            }
            if lacking.len() == 256 || lacking.first().is_some_and(|first| first.space() != space) {
                restored += self.restore(open, &std::mem::take(&mut lacking))?;
            }
            lacking.push(entry);
        }
        restored += self.restore(open, &lacking)?;
        // Everything in earlier segments is in the store now, and stays there unless this mark is lost with it.
        let segment = journal.segment();
        if segment != from {
            let mut batch = Batch::default();
            batch.insert(MARK, index_value(MARK, &segment));
            {
                let _writing = open.writing();
                open.apply(batch)?;
            }
            open.flush()?;
        }
        Ok(restored)
    }

    /// Puts own entries of one space back.
    fn restore(&self, open: &Open, entries: &[Entry]) -> std::result::Result<u64, Stop> {
        let Some(first) = entries.first() else { return Ok(0) };
        match self.append_to(open, first.space(), entries) {
            Ok(_) => return Ok(entries.len() as u64),
            Err(Stop::Refused(_)) => {}
            Err(trouble) => return Err(trouble),
        }
        let mut restored = 0;
        for entry in entries {
            match self.append_to(open, first.space(), std::slice::from_ref(entry)) {
                Ok(_) => restored += 1,
                // Damage in the journal has taken its predecessor along. Others may have that.
                Err(Stop::Refused(StoreError::OutOfOrder { .. })) => {}
                // Its number was used twice, before and after something was lost. What is in the store may have left this
                // device; if both have, the log is forked, and dealt with there (L6).
                Err(Stop::Refused(StoreError::Conflict { log, seq })) => {
                    tracing::warn!(%log, seq, "the journal has another entry than the store");
                }
                Err(stop) => return Err(stop),
            }
        }
        Ok(restored)
    }
}

impl State {
    fn log(&self, space: SpaceId, log: LogId) -> Option<&LogState> {
        self.spaces.get(&space)?.logs.get(&log)
    }

    fn log_mut(&mut self, space: SpaceId, log: LogId) -> Option<&mut LogState> {
        self.spaces.get_mut(&space)?.logs.get_mut(&log)
    }
}

impl Store for SledStore {
    fn append(&self, space: SpaceId, entries: &[Entry]) -> Result<Vec<Arrival>> {
        for entry in entries {
            belongs(space, entry)?;
        }
        self.with("storing entries", |open| self.append_to(open, space, entries))
    }

    fn entry(&self, space: SpaceId, log: LogId, seq: u64) -> Result<Option<Entry>> {
        self.with("reading an entry", |open| Ok(self.read_entry(open, space, log, seq)?.map(|(_, entry)| entry)))
    }

    fn by_hash(&self, space: SpaceId, hash: EntryHash) -> Result<Option<(LogId, u64)>> {
        self.with("looking an entry up", |open| entries::place(open, space, hash))
    }

    fn range(&self, space: SpaceId, log: LogId, from_seq: u64, max_bytes: usize) -> Result<Vec<Entry>> {
        self.with("reading a log", |open| self.range_in(open, space, log, from_seq, max_bytes))
    }

    fn since(&self, space: SpaceId, arrival: Arrival, max_bytes: usize) -> Result<Vec<(Arrival, Entry)>> {
        self.with("reading a space", |open| self.since_in(open, space, arrival, max_bytes))
    }

    fn arrival_of(&self, space: SpaceId, log: LogId, seq: u64) -> Result<Option<Arrival>> {
        self.with("looking an entry up", |open| Ok(self.read_entry(open, space, log, seq)?.map(|(arrival, _)| arrival)))
    }

    fn frontier(&self, space: SpaceId) -> Result<Frontier> {
        self.with("reading the frontier", |open| {
            let state = open.state();
            let logs = state.spaces.get(&space).map(|space| &space.logs);
            let claims = logs.into_iter().flatten().map(|(log, state)| (*log, state.claimed()));
            Ok(claims.collect())
        })
    }

    fn floors(&self, space: SpaceId) -> Result<Frontier> {
        self.with("reading the floors", |open| {
            let state = open.state();
            let logs = state.spaces.get(&space).map(|space| &space.logs);
            Ok(logs.into_iter().flatten().map(|(log, state)| (*log, state.floor)).collect())
        })
    }

    fn cover(&self, space: SpaceId, covers: &Frontier, entries: &[Entry]) -> Result<()> {
        for entry in entries {
            belongs(space, entry)?;
        }
        self.with("taking a checkpoint over", |open| Self::cover_in(open, space, covers, entries))
    }

    fn prune(&self, space: SpaceId, floors: &Frontier) -> Result<Pruned> {
        let pruned = self.with("pruning", |open| Self::prune_in(open, space, floors))?;
        self.reclaim()?;
        Ok(pruned)
    }

    fn spaces(&self) -> Result<Vec<SpaceId>> {
        self.with("listing the spaces", |open| Ok(open.state().spaces.keys().copied().collect()))
    }

    fn note(&self, space: SpaceId, document: DocumentId, rows: &[DocumentRow]) -> Result<()> {
        self.with("noting what a document is made of", |open| records::note(open, space, document, rows))
    }

    fn document_rows(&self, space: SpaceId, document: DocumentId, from: Arrival) -> Result<Vec<DocumentRow>> {
        self.with("reading what a document is made of", |open| self.rows_of(open, space, document, from))
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.with("reading a record", |open| self.record(open, table, key))
    }

    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        limits::check_record(key, value)?;
        self.with("writing a record", |open| records::put(open, &self.vault, table, key, value))
    }

    fn delete(&self, table: Table, key: &[u8]) -> Result<()> {
        self.with("deleting a record", |open| records::delete(open, table, key))
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.with("reading records", |open| self.records(open, table, prefix))
    }

    fn put_cache(&self, kind: CacheKind, document: DocumentId, bytes: &[u8]) -> Result<()> {
        self.caches.put(kind, document, bytes)
    }

    fn cache(&self, kind: CacheKind, document: DocumentId) -> Result<Option<Vec<u8>>> {
        self.caches.get(kind, document)
    }

    fn change_cache(
        &self,
        kind: CacheKind,
        document: DocumentId,
        change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<()> {
        self.caches.change(kind, document, change)
    }

    fn drop_cache(&self, kind: CacheKind, document: DocumentId) -> Result<()> {
        self.caches.remove(kind, document)
    }

    fn damage(&self) -> Vec<Damage> {
        self.damage.all()
    }
}

/// Reads any bytes as everything that is stored in rows; for fuzzing.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn decode_all(bytes: &[u8]) {
    const KEY: &[u8] = b"key";
    let sealed = crate::frame::seal(KEY, bytes);
    let _ = index_row::<state::Tip>(KEY, &sealed);
    let _ = index_row::<state::Hole>(KEY, &sealed);
    let _ = index_row::<state::Arrived>(KEY, &sealed);
    let _ = index_row::<state::Place>(KEY, &sealed);
    let _ = postcard::from_bytes::<DocumentRow>(bytes);
    let space = SpaceId::from_bytes([1; 32]);
    let log = LogId { device: sheaf_access::DeviceId::from_bytes([2; 32]), nonce: 3 };
    assert!(entries::decode_entry(space, log, 1, bytes).is_none());
    value::decode_any(bytes);
    let mut parts = keys::Parts::of(bytes);
    let _ = (parts.space(), parts.log(), parts.number(), parts.document(), parts.table(), parts.rest());
}
