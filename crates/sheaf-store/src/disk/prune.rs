//! Floors: taking a checkpoint over, and deleting what it stands for (C3, C5).

use std::collections::BTreeMap;

use sheaf_access::{LogId, SpaceId};
use sheaf_log::{Entry, Frontier, Kind};

use super::entries::{decode_entry, insert};
use super::keys;
use super::rows::Batch;
use super::state::{Floor, LogState, Tip, index_value};
use super::value::{self, Unread};
use super::{Open, SledStore, Stop, reclaim};
use crate::{DocumentRow, Pruned};

type Answer<T> = std::result::Result<T, Stop>;

/// How many entries are deleted in one step.
const STEP: u64 = 512;

impl SledStore {
    /// See [`crate::Store::cover`].
    pub(super) fn cover_in(open: &Open, space: SpaceId, covers: &Frontier, entries: &[Entry]) -> Answer<()> {
        let mut jumped: Vec<(LogId, u64)> = Vec::new();
        let mut filled: Vec<(LogId, u64)> = Vec::new();
        {
            let _writing = open.writing();
            let mut batch = Batch::default();
            let mut last = open.state().spaces.get(&space).map_or(0, |space| space.last);
            for (log, seq) in covers.iter() {
                let known = open.state().log(space, *log).map(|log| (log.tip, log.floor()));
                let (tip, floor) = known.unwrap_or((0, LogState::new().floor()));
                if tip >= seq {
                    continue;
                }
                let key = keys::tip(space, *log);
                batch.insert(key.to_vec(), index_value(&key, &Tip { seq }));
                let key = keys::floor(space, *log);
                batch.insert(key.to_vec(), index_value(&key, &Floor { seq, ..floor }));
                jumped.push((*log, seq));
            }
            for entry in entries.iter().filter(|entry| covers.holds(&entry.log(), entry.seq())) {
                let (log, seq) = (entry.log(), entry.seq());
                let key = keys::entry(space, log, seq);
                match value::read(&open.rows, &key) {
                    Ok(Some(stored)) if decode_entry(space, log, seq, &stored).is_some() => continue,
                    Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
                    _ => {}
                }
                let hole = open.state().log(space, log).and_then(|log| log.holes.get(&seq).copied());
                if let Some(hole) = hole {
                    if hole.hash.is_some_and(|expected| expected != entry.hash()) {
                        continue;
                    }
                    batch.remove(keys::hole(space, log, seq).to_vec());
                    batch.remove(keys::aside(&key).to_vec());
                    filled.push((log, seq));
                }
                let arrival = hole.and_then(|hole| hole.arrival).unwrap_or(last + 1);
                last = last.max(arrival);
                insert(&mut batch, space, arrival, entry);
            }
            let key = keys::last(space);
            batch.insert(key.to_vec(), index_value(&key, &last));
            open.apply(batch)?;
            let mut state = open.state();
            let held = state.spaces.entry(space).or_default();
            held.last = last;
            for (log, seq) in &jumped {
                let log = held.logs.entry(*log).or_insert_with(LogState::new);
                (log.tip, log.floor) = (*seq, *seq);
            }
            for (log, seq) in filled {
                held.logs.get_mut(&log).and_then(|log| log.holes.remove(&seq));
            }
        }
        open.flush()?;
        let mut state = open.state();
        for (log, seq) in jumped {
            if let Some(log) = state.log_mut(space, log) {
                log.flushed = log.flushed.max(seq);
            }
        }
        Ok(())
    }

    /// See [`crate::Store::prune`].
    pub(super) fn prune_in(open: &Open, space: SpaceId, floors: &Frontier) -> Answer<Pruned> {
        {
            let _writing = open.writing();
            let mut batch = Batch::default();
            let mut raised = Vec::new();
            // Numbers of arrival are never given twice, also when the entries that had the last ones are gone.
            let last = open.state().spaces.get(&space).map_or(0, |space| space.last);
            let key = keys::last(space);
            batch.insert(key.to_vec(), index_value(&key, &last));
            for (log, seq) in floors.iter() {
                let state = open.state();
                let Some(held) = state.log(space, *log) else { continue };
                // What is damaged may be an access entry, and is fetched again first.
                let seq = seq.min(held.claimed());
                if seq > held.prune {
                    let key = keys::floor(space, *log);
                    let floor = Floor { seq: held.floor.max(seq), prune: seq, done: held.done };
                    batch.insert(key.to_vec(), index_value(&key, &floor));
                    raised.push((*log, seq));
                }
            }
            open.apply(batch)?;
            // On the disk before anything is deleted (C5): sled would else be free to do it the other way round.
            open.flush()?;
            let mut state = open.state();
            for (log, seq) in raised {
                if let Some(log) = state.log_mut(space, log) {
                    (log.floor, log.prune) = (log.floor.max(seq), seq);
                }
            }
        }
        Self::go_on_pruning(open)
    }

    /// Deletes what is below the floors and still there: after they were raised, and after a crash in the middle.
    pub(super) fn go_on_pruning(open: &Open) -> Answer<Pruned> {
        let mut waiting: BTreeMap<SpaceId, Vec<(LogId, u64, Floor)>> = BTreeMap::new();
        for (space, held) in &open.state().spaces {
            let logs = held.logs.iter().filter(|(_, log)| log.done < log.prune);
            let logs: Vec<_> = logs.map(|(id, log)| (*id, log.done, log.floor())).collect();
            if !logs.is_empty() {
                waiting.insert(*space, logs);
            }
        }
        let mut pruned = Pruned::default();
        for (space, logs) in waiting {
            for (log, done, floor) in &logs {
                let mut from = done + 1;
                while from <= floor.prune {
                    let to = floor.prune.min(from + STEP - 1);
                    delete(open, space, *log, from, to, &mut pruned)?;
                    from = to + 1;
                }
            }
            forget_notes(open, space)?;
            let _writing = open.writing();
            let mut batch = Batch::default();
            for (log, _, floor) in &logs {
                let key = keys::floor(space, *log);
                batch.insert(key.to_vec(), index_value(&key, &Floor { done: floor.prune, ..*floor }));
            }
            open.apply(batch)?;
            open.flush()?;
            let mut state = open.state();
            for (log, _, floor) in logs {
                if let Some(log) = state.log_mut(space, log) {
                    log.done = floor.prune;
                }
            }
        }
        Ok(pruned)
    }
}

/// Deletes the entries in some places of a log, but for access entries.
fn delete(open: &Open, space: SpaceId, log: LogId, from: u64, to: u64, pruned: &mut Pruned) -> Answer<()> {
    let _writing = open.writing();
    let (mut batch, before) = (Batch::default(), pruned.bytes);
    for seq in from..=to {
        let key = keys::entry(space, log, seq);
        let Some(found) = open.rows.get(&key)? else { continue };
        let entry = match value::open(&open.rows, &key, &found) {
            Ok(stored) => decode_entry(space, log, seq, &stored),
            Err(Unread::Broken(_)) => None,
            Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
        };
        // One that is damaged is left to be found and reported: it may be an access entry.
        let Some((arrival, entry)) = entry.filter(|(_, entry)| entry.header().kind != Kind::Access) else { continue };
        value::remove(&mut batch, &key, &found);
        batch.remove(keys::arrival(space, arrival).to_vec());
        batch.remove(keys::hash(space, entry.hash()).to_vec());
        pruned.entries += 1;
        pruned.bytes += entry.encoded().len() as u64;
    }
    reclaim::count(open, &mut batch, pruned.bytes - before)?;
    Ok(open.apply(batch)?)
}

/// Forgets what was noted of entries that are below a floor.
fn forget_notes(open: &Open, space: SpaceId) -> Answer<()> {
    let prefix = keys::in_space(keys::DOCUMENT, space);
    let mut gone: Vec<Vec<u8>> = Vec::new();
    for row in open.rows.scan(&prefix, &prefix) {
        let (key, stored) = row?;
        let note = match value::open(&open.rows, &key, &stored) {
            Ok(value) => postcard::from_bytes::<DocumentRow>(&value).ok(),
            Err(Unread::Broken(_)) => None,
            Err(Unread::Trouble(trouble)) => return Err(trouble.into()),
        };
        let floor = |note: &DocumentRow| open.state().log(space, note.log).map_or(0, |log| log.prune);
        if note.is_some_and(|note| note.seq <= floor(&note)) {
            gone.push(key.to_vec());
        }
    }
    for keys in gone.chunks(256) {
        let _writing = open.writing();
        let mut batch = Batch::default();
        for key in keys {
            if let Some(found) = open.rows.get(key)? {
                value::remove(&mut batch, key, &found);
            }
        }
        open.apply(batch)?;
    }
    Ok(())
}
