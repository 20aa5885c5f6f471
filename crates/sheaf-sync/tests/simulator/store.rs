//! What is durable on a simulated node: entries, admitted in causal order only (L2).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sheaf_access::{LogId, SpaceId};
use sheaf_log::{Frontier, Range};
use sheaf_sync::{EntryBytes, Item, Refusal};

/// An entry of the simulation. The machine sees its bytes; stores look inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    pub space: SpaceId,
    pub log: LogId,
    pub seq: u64,
    /// Entries of other logs that must be held before this one.
    pub builds_on: Vec<(LogId, u64)>,
    /// It makes this node a member.
    pub grants: Option<usize>,
    pub padding: Vec<u8>,
}

impl Entry {
    pub fn encode(&self) -> EntryBytes {
        postcard::to_stdvec(self).unwrap().into()
    }

    pub fn decode(bytes: &EntryBytes) -> Self {
        postcard::from_bytes(bytes.as_slice()).expect("an entry arrives as it was sent")
    }
}

/// One space on one node.
#[derive(Debug, Default)]
pub struct Store {
    /// In order of arrival; the arrival is the index plus one.
    entries: Vec<(Entry, EntryBytes)>,
    /// The arrival of each entry of each log.
    logs: BTreeMap<LogId, Vec<u64>>,
    members: BTreeSet<usize>,
}

impl Store {
    pub fn frontier(&self) -> Frontier {
        let mut frontier = Frontier::new();
        for (log, arrivals) in &self.logs {
            frontier.advance(*log, arrivals.len() as u64);
        }
        frontier
    }

    pub fn held(&self, log: &LogId) -> u64 {
        self.logs.get(log).map_or(0, |arrivals| arrivals.len() as u64)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The members, as far as is known here.
    pub fn members(&self) -> &BTreeSet<usize> {
        &self.members
    }

    pub fn logs(&self) -> impl Iterator<Item = (LogId, u64)> + '_ {
        self.logs.iter().map(|(log, arrivals)| (*log, arrivals.len() as u64))
    }

    /// Stores an entry if all it builds on is here; `None` if it is here itself.
    pub fn append(&mut self, entry: Entry, bytes: EntryBytes) -> Result<Option<Item>, Refusal> {
        if entry.seq <= self.held(&entry.log) {
            return Ok(None);
        }
        let previous = (entry.seq > 1).then_some((entry.log, entry.seq - 1));
        let missing: Vec<_> = previous
            .into_iter()
            .chain(entry.builds_on.iter().copied())
            .filter(|(log, seq)| self.held(log) < *seq)
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::Missing { entries: missing });
        }
        let arrival = self.entries.len() as u64 + 1;
        self.members.extend(entry.grants);
        self.logs.entry(entry.log).or_default().push(arrival);
        let item = Item { arrival, log: entry.log, seq: entry.seq, bytes: bytes.clone() };
        self.entries.push((entry, bytes));
        Ok(Some(item))
    }

    /// What a node answers to [`Action::Read`](sheaf_sync::Action::Read).
    pub fn read(&self, from: u64, lacking: &[Range], max_bytes: usize, max_entries: usize) -> (Vec<Item>, bool) {
        let lacking: BTreeMap<LogId, Range> = lacking.iter().map(|lacking| (lacking.log, *lacking)).collect();
        let mut items: Vec<Item> = Vec::new();
        let mut size = 0;
        for (index, (entry, bytes)) in self.entries.iter().enumerate().skip(from.saturating_sub(1) as usize) {
            if lacking.get(&entry.log).is_none_or(|range| entry.seq < range.from || entry.seq > range.to) {
                continue;
            }
            if !items.is_empty() && (size + bytes.len() > max_bytes || items.len() == max_entries) {
                return (items, false);
            }
            size += bytes.len();
            items.push(Item { arrival: index as u64 + 1, log: entry.log, seq: entry.seq, bytes: bytes.clone() });
        }
        (items, true)
    }
}
