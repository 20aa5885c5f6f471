//! The store on sled.
//!
//! `rows` keeps sled at arm's length, `keys` names the rows, `value` frames them and cuts large ones in pieces, `state`
//! holds the tips in memory, `recovery` opens what a crash or a bad disk has left, `salvage` makes a new store of what can
//! still be read of a damaged one. This file is what the trait asks for, on top of them.

mod keys;
mod recovery;
mod rows;
mod salvage;
mod state;
mod value;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use sheaf_access::{DocumentId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, Frontier, Unverified};

use self::keys::Parts;
use self::rows::{Batch, Rows, Trouble};
use self::state::{Arrived, Hole, LogState, Place, State, Tip, index_row, index_value};
use self::value::Unread;
use crate::caches::Caches;
use crate::damage::DamageList;
use crate::frame::Broken;
use crate::store::belongs;
use crate::{
    Arrival, CacheKind, Damage, Damaged, DocumentRow, Files, RealFiles, Repair, Result, Store, StoreError, Table,
    limits,
};

/// The store on sled, and on files beside it.
#[derive(Debug)]
pub struct SledStore {
    folder: PathBuf,
    caches: Caches,
    /// `None` after an attempt to open it anew that failed.
    open: RwLock<Option<Open>>,
    health: AtomicU8,
    damage: Arc<DamageList>,
}

#[derive(Debug)]
struct Open {
    rows: Rows,
    state: Mutex<State>,
    /// Held by whoever changes rows, so that what they looked at before is still so.
    writing: Mutex<()>,
}

impl Open {
    fn new(rows: Rows, state: State) -> Self {
        Self { rows, state: Mutex::new(state), writing: Mutex::new(()) }
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
    pub fn open(home: &Path) -> Result<(Self, Vec<Repair>)> {
        Self::open_on(home, Arc::new(RealFiles), Arc::default())
    }

    pub(crate) fn open_on(home: &Path, files: Arc<dyn Files>, damage: Arc<DamageList>) -> Result<(Self, Vec<Repair>)> {
        let folder = home.join(crate::home::STORE);
        let caches = Caches::open(&home.join(crate::home::CACHE), files, Arc::clone(&damage))?;
        let mut repairs = Vec::new();
        let open = recovery::open(&folder, &damage, &mut repairs)?;
        let health = AtomicU8::new(health::FINE);
        Ok((Self { folder, caches, open: RwLock::new(Some(open)), health, damage }, repairs))
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
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let health = self.health.load(Ordering::SeqCst);
        if health == health::FINE {
            return Ok(());
        }
        let healed = match open.take() {
            Some(Open { rows, .. }) if health == health::DAMAGED => {
                salvage::salvage(rows, &self.damage).map_err(|trouble| trouble.named(&self.folder, doing))
            }
            failed => {
                drop(failed);
                recovery::open(&self.folder, &self.damage, &mut Vec::new())
            }
        };
        *open = Some(healed?);
        self.health.store(health::FINE, Ordering::SeqCst);
        Ok(())
    }

    /// The entry in a row, checked, with its arrival number. One that is damaged becomes a hole.
    fn read_entry(
        &self,
        open: &Open,
        space: SpaceId,
        log: LogId,
        seq: u64,
    ) -> std::result::Result<Option<(Arrival, Entry)>, Stop> {
        let key = keys::entry(space, log, seq);
        let broken = match value::read(&open.rows, &key) {
            Ok(None) => {
                let state = open.state();
                let log = state.spaces.get(&space).and_then(|space| space.logs.get(&log));
                if log.is_none_or(|log| seq == 0 || seq > log.tip || log.holes.contains_key(&seq)) {
                    return Ok(None);
                }
                Broken::Missing
            }
            Ok(Some(stored)) => match decode_entry(space, log, seq, &stored) {
                Some(found) => return Ok(Some(found)),
                None => Broken::Content,
            },
            Err(Unread::Broken(broken)) => broken,
            Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
        };
        self.set_entry_aside(open, space, log, seq, broken)?;
        Ok(None)
    }

    /// Makes a hole of an entry that was found damaged, unless someone came first and it has even been fetched again.
    fn set_entry_aside(
        &self,
        open: &Open,
        space: SpaceId,
        log: LogId,
        seq: u64,
        broken: Broken,
    ) -> std::result::Result<(), Stop> {
        let _writing = open.writing();
        if open.state().log(space, log).is_none_or(|log| log.holes.contains_key(&seq)) {
            return Ok(());
        }
        match value::read(&open.rows, &keys::entry(space, log, seq)) {
            Ok(Some(stored)) if decode_entry(space, log, seq, &stored).is_some() => Ok(()),
            Err(Unread::Trouble(trouble)) => Err(trouble.into()),
            _ => self.make_hole(open, space, log, seq, broken),
        }
    }

    /// Makes a hole of an entry. The caller holds the writing lock.
    fn make_hole(
        &self,
        open: &Open,
        space: SpaceId,
        log: LogId,
        seq: u64,
        broken: Broken,
    ) -> std::result::Result<(), Stop> {
        let key = keys::entry(space, log, seq);
        let found = open.rows.get(&key)?;
        let mut hole = Hole::default();
        for row in open.rows.scan(&keys::in_space(keys::ARRIVAL, space), &keys::arrival(space, 0)) {
            let (arrival_key, value) = row?;
            let arrived: Arrived = index_row(&arrival_key, &value)?;
            if (arrived.log, arrived.seq) == (log, seq) {
                let mut parts = Parts::of(&arrival_key);
                parts.space();
                hole = Hole { arrival: parts.number(), hash: Some(arrived.hash) };
                break;
            }
        }
        let mut batch = Batch::default();
        if let Some(found) = &found {
            batch.insert(keys::aside(&key).to_vec(), found);
            value::remove(&mut batch, &key, found);
        }
        let hole_key = keys::hole(space, log, seq);
        batch.insert(hole_key.to_vec(), index_value(&hole_key, &hole));
        // The frontier must not claim it from now on, whether or not this can be written down.
        if let Some(log) = open.state().log_mut(space, log) {
            log.holes.insert(seq, hole);
        }
        self.damage.report(Damaged::Entry { space, log, seq }, broken.to_string());
        open.rows.apply(batch)?;
        open.rows.flush()?;
        Ok(())
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

/// An entry as it is stored: its arrival number, and its bytes as signed.
fn encode_entry(arrival: Arrival, entry: &Entry) -> Vec<u8> {
    let mut stored = arrival.to_le_bytes().to_vec();
    stored.extend_from_slice(entry.encoded());
    stored
}

/// The entry, if it is the one that belongs in this place.
fn decode_entry(space: SpaceId, log: LogId, seq: u64, stored: &[u8]) -> Option<(Arrival, Entry)> {
    let (arrival, encoded) = stored.split_first_chunk::<8>()?;
    let entry = Unverified::decode(encoded).ok()?.verified_before().ok()?;
    let here = belongs(space, &entry).is_ok() && (entry.header().log, entry.header().seq) == (log, seq);
    here.then(|| (Arrival::from_le_bytes(*arrival), entry))
}

/// What one call to append has decided so far, and not yet written.
#[derive(Default)]
struct Appending {
    batch: Batch,
    bytes: usize,
    /// The last arrival number given.
    last: Arrival,
    tips: std::collections::BTreeMap<LogId, Tip>,
    filled: Vec<(LogId, u64)>,
}

impl Appending {
    /// Takes one entry up. `None`: it is held already.
    fn take(&mut self, open: &Open, space: SpaceId, entry: &Entry) -> std::result::Result<Option<Arrival>, Stop> {
        let (log, seq, hash) = (entry.header().log, entry.header().seq, entry.hash());
        let (tip, hole) = {
            let state = open.state();
            let held = state.log(space, log);
            let tip = self.tips.get(&log).map_or(held.map_or(0, |held| held.tip), |tip| tip.seq);
            let filled = self.filled.contains(&(log, seq));
            (tip, held.and_then(|held| held.holes.get(&seq).copied()).filter(|_| !filled))
        };
        let arrival = if let Some(hole) = hole {
            if hole.hash.is_some_and(|expected| expected != hash) {
                return Err(StoreError::Conflict { log, seq }.into());
            }
            self.batch.remove(keys::hole(space, log, seq).to_vec());
            self.batch.remove(keys::aside(&keys::entry(space, log, seq)).to_vec());
            self.filled.push((log, seq));
            hole.arrival
        } else if seq == tip.saturating_add(1) {
            let key = keys::tip(space, log);
            let tip = Tip { seq };
            self.batch.insert(key.to_vec(), index_value(&key, &tip));
            self.tips.insert(log, tip);
            None
        } else if seq == 0 || seq > tip {
            return Err(StoreError::OutOfOrder { log, expected: tip.saturating_add(1), found: seq }.into());
        } else {
            return Ok(None);
        };
        let arrival = arrival.unwrap_or(self.last + 1);
        self.last = self.last.max(arrival);
        let key = keys::entry(space, log, seq);
        value::insert(&mut self.batch, &key, &encode_entry(arrival, entry));
        let key = keys::arrival(space, arrival);
        self.batch.insert(key.to_vec(), index_value(&key, &Arrived { log, seq, hash }));
        let key = keys::hash(space, hash);
        self.batch.insert(key.to_vec(), index_value(&key, &Place { log, seq }));
        self.bytes += entry.encoded().len();
        Ok(Some(arrival))
    }

    /// Writes it, all or nothing, and lets everyone see it.
    fn write(&mut self, open: &Open, space: SpaceId) -> std::result::Result<(), Stop> {
        if self.bytes == 0 {
            return Ok(());
        }
        open.rows.apply(std::mem::take(&mut self.batch))?;
        let mut state = open.state();
        let held = state.spaces.entry(space).or_default();
        held.last = self.last;
        for (log, tip) in &self.tips {
            held.logs.entry(*log).or_insert_with(LogState::new).tip = tip.seq;
        }
        for (log, seq) in self.filled.drain(..) {
            held.logs.get_mut(&log).and_then(|log| log.holes.remove(&seq));
        }
        self.bytes = 0;
        Ok(())
    }
}

impl Store for SledStore {
    fn append(&self, space: SpaceId, entries: &[Entry]) -> Result<Vec<Arrival>> {
        for entry in entries {
            belongs(space, entry)?;
        }
        self.with("storing entries", |open| {
            let mut arrivals = Vec::with_capacity(entries.len());
            let mut refused = None;
            let tips = {
                let _writing = open.writing();
                let last = open.state().spaces.get(&space).map_or(0, |space| space.last);
                let mut appending = Appending { last, ..Appending::default() };
                for entry in entries {
                    match self.append_one(open, space, entry, &mut appending) {
                        Ok(arrival) => arrivals.push(arrival),
                        Err(Stop::Refused(error)) => {
                            refused = Some(error);
                            break;
                        }
                        Err(trouble) => return Err(trouble),
                    }
                    if appending.bytes >= limits::BATCH {
                        appending.write(open, space)?;
                    }
                }
                appending.write(open, space)?;
                appending.tips
            };
            // Not under the lock: whoever writes meanwhile shares the flush.
            open.rows.flush()?;
            let mut state = open.state();
            for (log, tip) in tips {
                if let Some(log) = state.log_mut(space, log) {
                    log.flushed = log.flushed.max(tip.seq);
                }
            }
            refused.map_or(Ok(arrivals), |error| Err(error.into()))
        })
    }

    fn entry(&self, space: SpaceId, log: LogId, seq: u64) -> Result<Option<Entry>> {
        self.with("reading an entry", |open| Ok(self.read_entry(open, space, log, seq)?.map(|(_, entry)| entry)))
    }

    fn by_hash(&self, space: SpaceId, hash: EntryHash) -> Result<Option<(LogId, u64)>> {
        self.with("looking an entry up", |open| Ok(place(open, space, hash)?.map(|place| (place.log, place.seq))))
    }

    fn range(&self, space: SpaceId, log: LogId, from_seq: u64, max_bytes: usize) -> Result<Vec<Entry>> {
        self.with("reading a log", |open| {
            let mut entries = Vec::new();
            let mut bytes = 0;
            for seq in from_seq.max(1).. {
                let Some((_, entry)) = self.read_entry(open, space, log, seq)? else { break };
                bytes += entry.encoded().len();
                if bytes > max_bytes && !entries.is_empty() {
                    break;
                }
                entries.push(entry);
            }
            Ok(entries)
        })
    }

    fn since(&self, space: SpaceId, arrival: Arrival, max_bytes: usize) -> Result<Vec<(Arrival, Entry)>> {
        self.with("reading a space", |open| {
            let mut entries = Vec::new();
            let mut bytes = 0;
            let Some(from) = arrival.checked_add(1) else { return Ok(entries) };
            for row in open.rows.scan(&keys::in_space(keys::ARRIVAL, space), &keys::arrival(space, from)) {
                let (key, value) = row?;
                let arrived: Arrived = index_row(&key, &value)?;
                let whole = open.state().log(space, arrived.log).map_or(0, LogState::whole);
                if arrived.seq > whole {
                    continue;
                }
                let Some((arrival, entry)) = self.read_entry(open, space, arrived.log, arrived.seq)? else { continue };
                bytes += entry.encoded().len();
                if bytes > max_bytes && !entries.is_empty() {
                    break;
                }
                entries.push((arrival, entry));
            }
            Ok(entries)
        })
    }

    fn arrival_of(&self, space: SpaceId, log: LogId, seq: u64) -> Result<Option<Arrival>> {
        self.with("looking an entry up", |open| Ok(self.read_entry(open, space, log, seq)?.map(|(arrival, _)| arrival)))
    }

    fn frontier(&self, space: SpaceId) -> Result<Frontier> {
        self.with("reading the frontier", |open| {
            let state = open.state();
            let logs = state.spaces.get(&space).map(|space| &space.logs);
            let claims = logs.into_iter().flatten().map(|(log, state)| (*log, state.claimed()));
            Ok(claims.filter(|(_, seq)| *seq > 0).collect())
        })
    }

    fn spaces(&self) -> Result<Vec<SpaceId>> {
        self.with("listing the spaces", |open| Ok(open.state().spaces.keys().copied().collect()))
    }

    fn note(&self, space: SpaceId, document: DocumentId, rows: &[DocumentRow]) -> Result<()> {
        self.with("noting what a document is made of", |open| {
            let _writing = open.writing();
            for rows in rows.chunks(256) {
                let mut batch = Batch::default();
                for row in rows {
                    let key = keys::document_row(space, document, row.arrival);
                    put_value(open, &mut batch, &key, &index_payload(row))?;
                }
                open.rows.apply(batch)?;
            }
            Ok(())
        })
    }

    fn document_rows(&self, space: SpaceId, document: DocumentId, from: Arrival) -> Result<Vec<DocumentRow>> {
        self.with("reading what a document is made of", |open| {
            let prefix = keys::document(space, document);
            let mut found = Vec::new();
            for row in open.rows.scan(&prefix, &keys::document_row(space, document, from)) {
                let (key, stored) = row?;
                let read = value::open(&open.rows, &key, &stored)
                    .and_then(|value| postcard::from_bytes(&value).map_err(|_| Broken::Content.into()));
                match read {
                    Ok(row) => found.push(row),
                    Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
                    Err(Unread::Broken(broken)) => {
                        self.forget_progress(open, &key, &stored)?;
                        self.damage.report(Damaged::DocumentRow { space, document }, broken.to_string());
                        let what = "a note of what a document is made of".to_owned();
                        return Err(StoreError::Damaged { path: self.folder.join("db"), what }.into());
                    }
                }
            }
            Ok(found)
        })
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.with("reading a record", |open| {
            let row = keys::record(table, key);
            match value::read(&open.rows, &row) {
                Ok(value) => Ok(value),
                Err(Unread::Trouble(trouble)) => Err(trouble.into()),
                Err(Unread::Broken(broken)) => {
                    self.set_record_aside(open, table, key, broken)?;
                    Ok(None)
                }
            }
        })
    }

    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        limits::check_record(key, value)?;
        self.with("writing a record", |open| {
            {
                let _writing = open.writing();
                let mut batch = Batch::default();
                put_value(open, &mut batch, &keys::record(table, key), value)?;
                open.rows.apply(batch)?;
            }
            Ok(open.rows.flush()?)
        })
    }

    fn delete(&self, table: Table, key: &[u8]) -> Result<()> {
        self.with("deleting a record", |open| {
            {
                let _writing = open.writing();
                let row = keys::record(table, key);
                let Some(found) = open.rows.get(&row)? else { return Ok(()) };
                let mut batch = Batch::default();
                value::remove(&mut batch, &row, &found);
                open.rows.apply(batch)?;
            }
            Ok(open.rows.flush()?)
        })
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.with("reading records", |open| {
            let begin = keys::record(table, prefix);
            let mut found = Vec::new();
            for row in open.rows.scan(&begin, &begin) {
                let (row, stored) = row?;
                let mut parts = Parts::of(&row);
                parts.table();
                let key = parts.rest();
                match value::open(&open.rows, &row, &stored) {
                    Ok(value) => found.push((key.to_vec(), value)),
                    Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
                    Err(Unread::Broken(broken)) => self.set_record_aside(open, table, key, broken)?,
                }
            }
            Ok(found)
        })
    }

    fn put_cache(&self, kind: CacheKind, document: DocumentId, bytes: &[u8]) -> Result<()> {
        self.caches.put(kind, document, bytes)
    }

    fn cache(&self, kind: CacheKind, document: DocumentId) -> Result<Option<Vec<u8>>> {
        self.caches.get(kind, document)
    }

    fn drop_cache(&self, kind: CacheKind, document: DocumentId) -> Result<()> {
        self.caches.remove(kind, document)
    }

    fn damage(&self) -> Vec<Damage> {
        self.damage.all()
    }
}

impl SledStore {
    /// Takes up one entry, which may be held already. The caller holds the writing lock.
    fn append_one(
        &self,
        open: &Open,
        space: SpaceId,
        entry: &Entry,
        appending: &mut Appending,
    ) -> std::result::Result<Arrival, Stop> {
        let (log, seq) = (entry.log(), entry.seq());
        for _ in 0..2 {
            if let Some(arrival) = appending.take(open, space, entry)? {
                return Ok(arrival);
            }
            // It is held already. What is still in the batch can be looked at only once it is written.
            appending.write(open, space)?;
            let key = keys::entry(space, log, seq);
            let broken = match value::read(&open.rows, &key) {
                Ok(Some(stored)) => match decode_entry(space, log, seq, &stored) {
                    Some((arrival, held)) if held.hash() == entry.hash() => return Ok(arrival),
                    Some(_) => return Err(StoreError::Conflict { log, seq }.into()),
                    None => Broken::Content,
                },
                Ok(None) => Broken::Missing,
                Err(Unread::Broken(broken)) => broken,
                Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
            };
            // Here comes the very entry that is damaged: it fills the hole at once.
            self.make_hole(open, space, log, seq, broken)?;
        }
        Err(state::unreadable("an entry that was just set aside").into())
    }

    /// Takes a damaged record out of the way.
    fn set_record_aside(&self, open: &Open, table: Table, key: &[u8], broken: Broken) -> std::result::Result<(), Stop> {
        let _writing = open.writing();
        let row = keys::record(table, key);
        let Some(found) = open.rows.get(&row)? else { return Ok(()) };
        // It may have been written anew since.
        if !matches!(value::open(&open.rows, &row, &found), Err(Unread::Broken(_))) {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.insert(keys::aside(&row).to_vec(), &found);
        value::remove(&mut batch, &row, &found);
        open.rows.apply(batch)?;
        self.damage.report(Damaged::Record { table, key: key.to_vec() }, broken.to_string());
        Ok(())
    }

    /// Takes a damaged note out of the way, and every mark of how far notes have got.
    #[expect(clippy::unused_self, reason = "beside its siblings")]
    fn forget_progress(&self, open: &Open, key: &[u8], found: &[u8]) -> std::result::Result<(), Stop> {
        let _writing = open.writing();
        let mut batch = Batch::default();
        batch.insert(keys::aside(key).to_vec(), found);
        value::remove(&mut batch, key, found);
        let marks = keys::record(Table::Progress, &[]);
        for row in open.rows.scan(&marks, &marks) {
            let (key, found) = row?;
            value::remove(&mut batch, &key, &found);
        }
        open.rows.apply(batch)?;
        Ok(open.rows.flush()?)
    }
}

/// Where the entry with a hash is.
fn place(open: &Open, space: SpaceId, hash: EntryHash) -> std::result::Result<Option<Place>, Stop> {
    let key = keys::hash(space, hash);
    let Some(value) = open.rows.get(&key)? else { return Ok(None) };
    let place: Place = index_row(&key, &value)?;
    // An entry that is damaged is not held.
    let hole = open.state().log(space, place.log).is_none_or(|log| log.holes.contains_key(&place.seq));
    Ok((!hole).then_some(place))
}

/// Puts a value in place of what may be there.
fn put_value(open: &Open, batch: &mut Batch, key: &[u8], value: &[u8]) -> std::result::Result<(), Stop> {
    if let Some(found) = open.rows.get(key)? {
        value::remove(batch, key, &found);
    }
    value::insert(batch, key, value);
    Ok(())
}

fn index_payload(row: &DocumentRow) -> Vec<u8> {
    // Postcard into memory does not fail on numbers and arrays.
    postcard::to_allocvec(row).unwrap_or_default()
}
