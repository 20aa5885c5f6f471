//! A store that forgets: for tests, and as the plain statement of what a store does. The sled store is compared with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sheaf_access::{DocumentId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, Frontier, Kind};

use crate::store::belongs;
use crate::{Arrival, CacheKind, Damage, DocumentRow, Pruned, Result, Store, StoreError, Table, limits};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    spaces: BTreeMap<SpaceId, Space>,
    documents: BTreeMap<(SpaceId, DocumentId), BTreeMap<Arrival, DocumentRow>>,
    records: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    caches: HashMap<(CacheKind, DocumentId), Vec<u8>>,
}

#[derive(Debug, Default)]
struct Space {
    /// By arrival number.
    entries: BTreeMap<Arrival, Entry>,
    /// The last arrival number given.
    last: Arrival,
    logs: BTreeMap<LogId, Log>,
    hashes: HashMap<EntryHash, (LogId, u64)>,
}

#[derive(Debug, Default)]
struct Log {
    /// The arrival numbers of those of its entries that are here.
    arrivals: BTreeMap<u64, Arrival>,
    tip: u64,
    /// Up to where entries may be missing.
    floor: u64,
    /// Up to where they were pruned.
    pruned: u64,
}

impl Space {
    fn arrival(&self, log: LogId, seq: u64) -> Option<Arrival> {
        self.logs.get(&log)?.arrivals.get(&seq).copied()
    }

    fn at(&self, arrival: Arrival) -> Option<&Entry> {
        self.entries.get(&arrival)
    }

    fn insert(&mut self, entry: &Entry) -> Arrival {
        let (log, seq) = (entry.log(), entry.seq());
        self.last += 1;
        self.entries.insert(self.last, entry.clone());
        self.logs.entry(log).or_default().arrivals.insert(seq, self.last);
        self.hashes.insert(entry.hash(), (log, seq));
        self.last
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change below is complete before anything in it can panic, so a poisoned store is a whole one.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn append(&self, space: SpaceId, entries: &[Entry]) -> Result<Vec<Arrival>> {
        let mut inner = self.lock();
        let mut arrivals = Vec::with_capacity(entries.len());
        for entry in entries {
            belongs(space, entry)?;
            let (log, seq) = (entry.header().log, entry.header().seq);
            let held = inner.spaces.entry(space).or_default();
            let length = held.logs.get(&log).map_or(0, |log| log.tip);
            if seq == 0 || seq > length + 1 {
                return Err(StoreError::OutOfOrder { log, expected: length + 1, found: seq });
            }
            if seq <= length && held.arrival(log, seq).is_none() {
                arrivals.push(0);
                continue;
            }
            if seq <= length {
                if held.hashes.get(&entry.hash()) != Some(&(log, seq)) {
                    return Err(StoreError::Conflict { log, seq });
                }
                arrivals.extend(held.arrival(log, seq));
                continue;
            }
            arrivals.push(held.insert(entry));
            held.logs.entry(log).or_default().tip = seq;
        }
        Ok(arrivals)
    }

    fn entry(&self, space: SpaceId, log: LogId, seq: u64) -> Result<Option<Entry>> {
        let inner = self.lock();
        Ok(inner.spaces.get(&space).and_then(|space| space.at(space.arrival(log, seq)?)).cloned())
    }

    fn by_hash(&self, space: SpaceId, hash: EntryHash) -> Result<Option<(LogId, u64)>> {
        Ok(self.lock().spaces.get(&space).and_then(|space| space.hashes.get(&hash).copied()))
    }

    fn range(&self, space: SpaceId, log: LogId, from_seq: u64, max_bytes: usize) -> Result<Vec<Entry>> {
        let inner = self.lock();
        let Some(space) = inner.spaces.get(&space) else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        let mut bytes = 0;
        for seq in from_seq.max(1).. {
            let Some(entry) = space.arrival(log, seq).and_then(|arrival| space.at(arrival)) else { break };
            bytes += entry.encoded().len();
            if bytes > max_bytes && !entries.is_empty() {
                break;
            }
            entries.push(entry.clone());
        }
        Ok(entries)
    }

    fn since(&self, space: SpaceId, arrival: Arrival, max_bytes: usize) -> Result<Vec<(Arrival, Entry)>> {
        let inner = self.lock();
        let Some(space) = inner.spaces.get(&space) else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        let mut bytes = 0;
        for (arrival, entry) in space.entries.range(arrival.saturating_add(1)..) {
            bytes += entry.encoded().len();
            if bytes > max_bytes && !entries.is_empty() {
                break;
            }
            entries.push((*arrival, entry.clone()));
        }
        Ok(entries)
    }

    fn arrival_of(&self, space: SpaceId, log: LogId, seq: u64) -> Result<Option<Arrival>> {
        Ok(self.lock().spaces.get(&space).and_then(|space| space.arrival(log, seq)))
    }

    fn frontier(&self, space: SpaceId) -> Result<Frontier> {
        let inner = self.lock();
        let logs = inner.spaces.get(&space).map(|space| &space.logs);
        Ok(logs.into_iter().flatten().map(|(log, held)| (*log, held.tip)).collect())
    }

    fn floors(&self, space: SpaceId) -> Result<Frontier> {
        let inner = self.lock();
        let logs = inner.spaces.get(&space).map(|space| &space.logs);
        Ok(logs.into_iter().flatten().map(|(log, held)| (*log, held.floor)).collect())
    }

    fn cover(&self, space: SpaceId, covers: &Frontier, entries: &[Entry]) -> Result<()> {
        entries.iter().try_for_each(|entry| belongs(space, entry))?;
        let mut inner = self.lock();
        let held = inner.spaces.entry(space).or_default();
        for (log, seq) in covers.iter() {
            let log = held.logs.entry(*log).or_default();
            if log.tip < seq {
                (log.tip, log.floor) = (seq, seq);
            }
        }
        for entry in entries.iter().filter(|entry| covers.holds(&entry.log(), entry.seq())) {
            if held.arrival(entry.log(), entry.seq()).is_none() {
                held.insert(entry);
            }
        }
        Ok(())
    }

    fn prune(&self, space: SpaceId, floors: &Frontier) -> Result<Pruned> {
        let mut inner = self.lock();
        let (mut pruned, mut progress) = (Pruned::default(), false);
        let Some(held) = inner.spaces.get_mut(&space) else { return Ok(pruned) };
        for (id, floor) in floors.iter() {
            let Some(log) = held.logs.get_mut(id) else { continue };
            let floor = floor.min(log.tip);
            if floor <= log.pruned {
                continue;
            }
            progress = true;
            (log.floor, log.pruned) = (log.floor.max(floor), floor);
            let gone: Vec<(u64, Arrival)> =
                log.arrivals.range(..=floor).map(|(seq, arrival)| (*seq, *arrival)).collect();
            for (seq, arrival) in gone {
                if held.entries.get(&arrival).is_some_and(|entry| entry.header().kind != Kind::Access) {
                    log.arrivals.remove(&seq);
                    if let Some(entry) = held.entries.remove(&arrival) {
                        held.hashes.remove(&entry.hash());
                        pruned.entries += 1;
                        pruned.bytes += entry.encoded().len() as u64;
                    }
                }
            }
        }
        let pruned_to: BTreeMap<LogId, u64> = held.logs.iter().map(|(id, log)| (*id, log.pruned)).collect();
        for ((_, _), rows) in inner.documents.iter_mut().filter(|((of, _), _)| *of == space && progress) {
            rows.retain(|_, row| row.seq > pruned_to.get(&row.log).copied().unwrap_or(0));
        }
        Ok(pruned)
    }

    fn spaces(&self) -> Result<Vec<SpaceId>> {
        Ok(self.lock().spaces.iter().filter(|(_, space)| !space.logs.is_empty()).map(|(id, _)| *id).collect())
    }

    fn note(&self, space: SpaceId, document: DocumentId, rows: &[DocumentRow]) -> Result<()> {
        let mut inner = self.lock();
        let noted = inner.documents.entry((space, document)).or_default();
        noted.extend(rows.iter().map(|row| (row.arrival, row.clone())));
        Ok(())
    }

    fn document_rows(&self, space: SpaceId, document: DocumentId, from: Arrival) -> Result<Vec<DocumentRow>> {
        let inner = self.lock();
        let noted = inner.documents.get(&(space, document));
        Ok(noted.into_iter().flat_map(|rows| rows.range(from..)).map(|(_, row)| row.clone()).collect())
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.lock().records.get(&(table, key.to_vec())).cloned())
    }

    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        limits::check_record(key, value)?;
        self.lock().records.insert((table, key.to_vec()), value.to_vec());
        Ok(())
    }

    fn delete(&self, table: Table, key: &[u8]) -> Result<()> {
        self.lock().records.remove(&(table, key.to_vec()));
        Ok(())
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let inner = self.lock();
        Ok(inner
            .records
            .range((table, prefix.to_vec())..)
            .take_while(|((of, key), _)| *of == table && key.starts_with(prefix))
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }

    fn put_cache(&self, kind: CacheKind, document: DocumentId, bytes: &[u8]) -> Result<()> {
        limits::check_cache(bytes)?;
        self.lock().caches.insert((kind, document), bytes.to_vec());
        Ok(())
    }

    fn cache(&self, kind: CacheKind, document: DocumentId) -> Result<Option<Vec<u8>>> {
        Ok(self.lock().caches.get(&(kind, document)).cloned())
    }

    fn change_cache(
        &self,
        kind: CacheKind,
        document: DocumentId,
        change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<()> {
        let mut inner = self.lock();
        let Some(changed) = inner.caches.get(&(kind, document)).and_then(|bytes| change(bytes)) else { return Ok(()) };
        limits::check_cache(&changed)?;
        inner.caches.insert((kind, document), changed);
        Ok(())
    }

    fn drop_cache(&self, kind: CacheKind, document: DocumentId) -> Result<()> {
        self.lock().caches.remove(&(kind, document));
        Ok(())
    }

    fn damage(&self) -> Vec<Damage> {
        Vec::new()
    }
}
