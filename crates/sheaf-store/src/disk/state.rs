//! What is kept in memory of the rows: the tips of all logs, so that a frontier costs nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sheaf_access::{EntryHash, LogId, SpaceId};

use super::keys::{self, Parts};
use super::rows::{Rows, Trouble};
use crate::Arrival;
use crate::frame;

/// All spaces.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) spaces: BTreeMap<SpaceId, SpaceState>,
}

/// One space.
#[derive(Debug, Default)]
pub(super) struct SpaceState {
    /// The last arrival number given.
    pub(super) last: Arrival,
    pub(super) logs: BTreeMap<LogId, LogState>,
}

/// One log.
#[derive(Debug)]
pub(super) struct LogState {
    /// The highest number stored. All below it are stored too, except the holes.
    pub(super) tip: u64,
    /// The highest number that is known to be flushed.
    pub(super) flushed: u64,
    /// Up to where entries may be missing because a checkpoint stands for them.
    pub(super) floor: u64,
    /// Up to where they are to be deleted, and up to where they have been.
    pub(super) prune: u64,
    pub(super) done: u64,
    /// Entries below the tip that are damaged.
    pub(super) holes: BTreeMap<u64, Hole>,
}

/// What is still known of an entry that is damaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hole {
    /// Its arrival number, which it gets again when it is fetched again, so that the order of arrival stays causal.
    pub(super) arrival: Option<Arrival>,
    /// Its hash: nothing else may fill the hole.
    pub(super) hash: Option<EntryHash>,
}

/// The value of an arrival row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Arrived {
    pub(super) log: LogId,
    pub(super) seq: u64,
    pub(super) hash: EntryHash,
}

/// The value of a hash row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) log: LogId,
    pub(super) seq: u64,
}

/// The value of a tip row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tip {
    pub(super) seq: u64,
}

/// The value of a floor row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Floor {
    pub(super) seq: u64,
    pub(super) prune: u64,
    pub(super) done: u64,
}

impl LogState {
    pub(super) const fn new() -> Self {
        Self { tip: 0, flushed: 0, floor: 0, prune: 0, done: 0, holes: BTreeMap::new() }
    }

    /// The last number before the first hole.
    pub(super) fn whole(&self) -> u64 {
        self.holes.keys().next().map_or(self.tip, |hole| hole.saturating_sub(1))
    }

    /// Its row.
    pub(super) const fn floor(&self) -> Floor {
        Floor { seq: self.floor, prune: self.prune, done: self.done }
    }

    /// What the frontier says.
    pub(super) fn claimed(&self) -> u64 {
        self.flushed.min(self.whole())
    }
}

impl State {
    /// Reads the tips and the holes.
    pub(super) fn load(rows: &Rows) -> Result<Self, Trouble> {
        let mut state = Self::default();
        for row in rows.scan(&[keys::TIP], &[keys::TIP]) {
            let (key, value) = row?;
            let mut parts = Parts::of(&key);
            let (Some(space), Some(log)) = (parts.space(), parts.log()) else { return Err(unreadable("a tip's key")) };
            let tip: Tip = index_row(&key, &value)?;
            let log = state.spaces.entry(space).or_default().logs.entry(log).or_insert_with(LogState::new);
            (log.tip, log.flushed) = (tip.seq, tip.seq);
        }
        for row in rows.scan(&[keys::FLOOR], &[keys::FLOOR]) {
            let (key, value) = row?;
            let mut parts = Parts::of(&key);
            let (Some(space), Some(log)) = (parts.space(), parts.log()) else {
                return Err(unreadable("a floor's key"));
            };
            let floor: Floor = index_row(&key, &value)?;
            let log = state.spaces.get_mut(&space).and_then(|space| space.logs.get_mut(&log));
            let log = log.ok_or_else(|| unreadable("a floor in no log"))?;
            (log.floor, log.prune, log.done) = (floor.seq, floor.prune, floor.done);
        }
        for row in rows.scan(&[keys::HOLE], &[keys::HOLE]) {
            let (key, value) = row?;
            let mut parts = Parts::of(&key);
            let (Some(space), Some(log), Some(seq)) = (parts.space(), parts.log(), parts.number()) else {
                return Err(unreadable("a hole's key"));
            };
            let hole = index_row(&key, &value)?;
            let log = state.spaces.get_mut(&space).and_then(|space| space.logs.get_mut(&log));
            log.ok_or_else(|| unreadable("a hole in no log"))?.holes.insert(seq, hole);
        }
        for (space, state) in &mut state.spaces {
            if let Some((key, _)) = rows.last(&keys::in_space(keys::ARRIVAL, *space))? {
                let mut parts = Parts::of(&key);
                parts.space();
                state.last = parts.number().ok_or_else(|| unreadable("an arrival's key"))?;
            }
            let key = keys::last(*space);
            if let Some(value) = rows.get(&key)? {
                state.last = state.last.max(index_row(&key, &value)?);
            }
        }
        Ok(state)
    }
}

/// Reads a row of an index. A broken one is trouble for the whole store: the indexes are then made again from the entries.
pub(super) fn index_row<T: for<'de> Deserialize<'de>>(key: &[u8], value: &[u8]) -> Result<T, Trouble> {
    let payload = frame::open(key, value).map_err(|broken| unreadable(&format!("a row of an index ({broken})")))?;
    postcard::from_bytes(payload).map_err(|_| unreadable("a row of an index"))
}

/// Writes a row of an index.
pub(super) fn index_value<T: Serialize>(key: &[u8], row: &T) -> Vec<u8> {
    // Postcard into memory fails on none of the rows above: they are plain numbers.
    frame::seal(key, &postcard::to_allocvec(row).unwrap_or_default())
}

pub(super) fn unreadable(what: &str) -> Trouble {
    Trouble::Corrupt(format!("{what} cannot be read"))
}
