//! Entries and the indexes over them.

use std::collections::BTreeMap;

use sheaf_access::{EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, Unverified};

use super::keys::{self, Parts};
use super::rows::Batch;
use super::state::{self, Arrived, Hole, LogState, Place, Tip, index_row, index_value};
use super::value::{self, Unread};
use super::{Open, SledStore, Stop};
use crate::frame::Broken;
use crate::store::belongs;
use crate::{Arrival, Damaged, StoreError, limits};

type Answer<T> = std::result::Result<T, Stop>;

impl SledStore {
    /// The entry in a row, checked, with its arrival number. One that is damaged becomes a hole.
    pub(super) fn read_entry(
        &self,
        open: &Open,
        space: SpaceId,
        log: LogId,
        seq: u64,
    ) -> Answer<Option<(Arrival, Entry)>> {
        let key = keys::entry(space, log, seq);
        let broken = match value::read(&open.rows, &key) {
            Ok(None) => {
                let state = open.state();
                let log = state.spaces.get(&space).and_then(|space| space.logs.get(&log));
                if log.is_none_or(|log| seq <= log.floor || seq > log.tip || log.holes.contains_key(&seq)) {
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
        self.mend(open, space, log, seq)
    }

    /// Fills a hole at once if the journal has what was in it.
    fn mend(&self, open: &Open, space: SpaceId, log: LogId, seq: u64) -> Answer<Option<(Arrival, Entry)>> {
        let Some(journal) = self.journal.get() else { return Ok(None) };
        for item in journal.replay(0)? {
            let (of, entry) = item?;
            if (of, entry.log(), entry.seq()) == (space, log, seq) {
                return match self.append_to(open, space, std::slice::from_ref(&entry)) {
                    Ok(arrivals) => Ok(arrivals.first().map(|arrival| (*arrival, entry))),
                    // It is not the one that was damaged: that one is to be had from others.
                    Err(Stop::Refused(_)) => Ok(None),
                    Err(trouble) => Err(trouble),
                };
            }
        }
        Ok(None)
    }

    /// Makes a hole of an entry that was found damaged, unless someone came first and it has even been fetched again.
    fn set_entry_aside(&self, open: &Open, space: SpaceId, log: LogId, seq: u64, broken: Broken) -> Answer<()> {
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
    fn make_hole(&self, open: &Open, space: SpaceId, log: LogId, seq: u64, broken: Broken) -> Answer<()> {
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
        open.apply(batch)?;
        open.flush()?;
        Ok(())
    }

    /// Takes up one entry, which may be held already. The caller holds the writing lock.
    fn append_one(&self, open: &Open, space: SpaceId, entry: &Entry, appending: &mut Appending) -> Answer<Arrival> {
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
                // Pruned, and not stored again.
                Ok(None) if open.state().log(space, log).is_some_and(|log| seq <= log.floor) => return Ok(0),
                Ok(None) => Broken::Missing,
                Err(Unread::Broken(broken)) => broken,
                Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
            };
            // Here comes the very entry that is damaged: it fills the hole at once.
            self.make_hole(open, space, log, seq, broken)?;
        }
        Err(state::unreadable("an entry that was just set aside").into())
    }

    /// Stores entries and flushes them. `Err(Refused)` if one of them may not be stored; those before it are.
    pub(super) fn append_to(&self, open: &Open, space: SpaceId, entries: &[Entry]) -> Answer<Vec<Arrival>> {
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
        open.flush()?;
        let mut state = open.state();
        for (log, tip) in tips {
            if let Some(log) = state.log_mut(space, log) {
                log.flushed = log.flushed.max(tip.seq);
            }
        }
        refused.map_or(Ok(arrivals), |error| Err(error.into()))
    }

    /// See [`crate::Store::since`].
    pub(super) fn since_in(
        &self,
        open: &Open,
        space: SpaceId,
        arrival: Arrival,
        max_bytes: usize,
    ) -> Answer<Vec<(Arrival, Entry)>> {
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
    }

    /// See [`crate::Store::range`].
    pub(super) fn range_in(
        &self,
        open: &Open,
        space: SpaceId,
        log: LogId,
        from_seq: u64,
        max_bytes: usize,
    ) -> Answer<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        // Behind a hole nothing is given, even to one who begins behind it.
        let whole = open.state().log(space, log).map_or(0, LogState::whole);
        for seq in from_seq.max(1)..=whole {
            let Some((_, entry)) = self.read_entry(open, space, log, seq)? else { break };
            bytes += entry.encoded().len();
            if bytes > max_bytes && !entries.is_empty() {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// An entry's rows: itself, and the indexes over it.
pub(super) fn insert(batch: &mut Batch, space: SpaceId, arrival: Arrival, entry: &Entry) {
    let (log, seq, hash) = (entry.log(), entry.seq(), entry.hash());
    value::insert(batch, &keys::entry(space, log, seq), &encode_entry(arrival, entry));
    let key = keys::arrival(space, arrival);
    batch.insert(key.to_vec(), index_value(&key, &Arrived { log, seq, hash }));
    let key = keys::hash(space, hash);
    batch.insert(key.to_vec(), index_value(&key, &Place { log, seq }));
}

/// An entry as it is stored: its arrival number, and its bytes as signed.
fn encode_entry(arrival: Arrival, entry: &Entry) -> Vec<u8> {
    let mut stored = arrival.to_le_bytes().to_vec();
    stored.extend_from_slice(entry.encoded());
    stored
}

/// The entry, if it is the one that belongs in this place.
pub(super) fn decode_entry(space: SpaceId, log: LogId, seq: u64, stored: &[u8]) -> Option<(Arrival, Entry)> {
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
    tips: BTreeMap<LogId, Tip>,
    filled: Vec<(LogId, u64)>,
}

impl Appending {
    /// Takes one entry up. `None`: it is held already.
    fn take(&mut self, open: &Open, space: SpaceId, entry: &Entry) -> Answer<Option<Arrival>> {
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
        insert(&mut self.batch, space, arrival, entry);
        self.bytes += entry.encoded().len();
        Ok(Some(arrival))
    }

    /// Writes it, all or nothing, and lets everyone see it.
    fn write(&mut self, open: &Open, space: SpaceId) -> Answer<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        open.apply(std::mem::take(&mut self.batch))?;
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

/// Where the entry with a hash is.
pub(super) fn place(open: &Open, space: SpaceId, hash: EntryHash) -> Answer<Option<(LogId, u64)>> {
    let key = keys::hash(space, hash);
    let Some(value) = open.rows.get(&key)? else { return Ok(None) };
    let Place { log, seq } = index_row(&key, &value)?;
    // An entry that is damaged is not held.
    let hole = open.state().log(space, log).is_none_or(|log| log.holes.contains_key(&seq));
    Ok((!hole).then_some((log, seq)))
}
