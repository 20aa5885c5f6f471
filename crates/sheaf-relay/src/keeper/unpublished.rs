//! What is durable here and may not be in the cluster yet: written down, so that a crash does not make it look safe.
//!
//! A row says of a space up to which arrival everything is in the cluster; there is none for a space of which everything is.
//! It is written before the first entry that goes beyond it becomes durable, and taken away a while after the last has been
//! published. So it may say too little, and then something is published twice, which is harmless; never too much.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;

use sheaf_access::{LogId, SpaceId};
use sheaf_log::Frontier;
use sheaf_store::{Arrival, BlobStore, StoreError, Table};
use sheaf_sync::Item;

use super::Keeper;
use super::read::item;
use super::space::{Space, State};

/// Up to which arrival everything is in the cluster: space.
pub(super) const UNPUBLISHED: &[u8] = b"unpublished/";
/// That the relay was in a cluster when it last ran.
const CLUSTERED: &[u8] = b"clustered";
/// How many bytes of entries are read at a time.
const READ: usize = 256 << 10;

/// What may not be in the cluster yet.
#[derive(Debug, Clone)]
pub(super) struct Unpublished {
    /// Up to here everything is.
    mark: Arrival,
    /// The last that has to be.
    latest: Arrival,
    /// What counted as held when it was last loaded.
    safe: Frontier,
    /// How many times entries are being made durable right now, whose arrival is not known yet.
    keeping: usize,
}

impl Unpublished {
    fn is_behind(&self) -> bool {
        self.keeping > 0 || self.latest > self.mark
    }
}

impl Space {
    /// What counts as held: what is in the cluster, or what is here, where there is none. It is asked when the space is opened.
    pub fn shown(&self) -> Frontier {
        let state = self.lock();
        let lacking = state.unpublished.as_ref().filter(|unpublished| unpublished.is_behind());
        lacking.map_or_else(|| state.frontier.clone(), |unpublished| unpublished.safe.clone())
    }

    /// Up to where everything is in the cluster, if something may not be.
    pub fn behind(&self) -> Option<Arrival> {
        let state = self.lock();
        state.unpublished.as_ref().filter(|unpublished| unpublished.is_behind()).map(|unpublished| unpublished.mark)
    }

    /// Everything is in the cluster up to an arrival. That it is, is written down later.
    pub fn is_published(&self, mark: Arrival) {
        if let Some(unpublished) = &mut self.lock().unpublished {
            unpublished.mark = unpublished.mark.max(mark);
        }
    }

    /// They are durable, or are not going to be.
    pub(super) fn has_kept(&self, last: Option<Arrival>) {
        if let Some(unpublished) = &mut self.lock().unpublished {
            unpublished.keeping -= 1;
            unpublished.latest = unpublished.latest.max(last.unwrap_or(0));
        }
    }
}

impl Keeper {
    /// From now on what devices bring is to be published. What was kept before the relay was in a cluster is too, entries and
    /// checkpoints. Answers the spaces of which something may have to be. Blocks.
    pub fn join_cluster(&self) -> Result<Vec<SpaceId>, StoreError> {
        if self.store.get(Table::Settings, CLUSTERED)?.is_none() {
            for space in self.store.spaces()? {
                self.store.put(Table::Spaces, &key(space), &0u64.to_le_bytes())?;
            }
            self.nothing_is_shared()?;
            self.store.put(Table::Settings, CLUSTERED, &[])?;
        }
        self.clustered.store(true, Ordering::Relaxed);
        let rows = self.store.scan(Table::Spaces, UNPUBLISHED)?;
        let space = |key: &[u8]| key[UNPUBLISHED.len()..].try_into().ok().map(SpaceId::from_bytes);
        let mut left: BTreeSet<SpaceId> = rows.iter().filter_map(|(key, _)| space(key)).collect();
        for space in self.home.blobs().bundled_spaces()? {
            if !self.unshared(space)?.is_empty() {
                left.insert(space);
            }
        }
        Ok(left.into_iter().collect())
    }

    /// Whether the relay was in a cluster when it last ran. Blocks.
    pub fn was_clustered(&self) -> Result<bool, StoreError> {
        Ok(self.store.get(Table::Settings, CLUSTERED)?.is_some())
    }

    /// The relay is in no cluster: should it be in one again, everything is published.
    pub fn leave_cluster(&self) -> Result<(), StoreError> {
        self.nobody_to_say_removals_to()?;
        self.store.delete(Table::Settings, CLUSTERED)
    }

    /// What of a space may not be in the cluster, from the disk.
    pub(super) fn load_unpublished(&self, id: SpaceId, frontier: &Frontier) -> Result<Option<Unpublished>, StoreError> {
        if !self.clustered.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let Some(row) = self.store.get(Table::Spaces, &key(id))? else { return Ok(None) };
        // A row of another form says nothing: then all of it is published again.
        let mark = row.as_slice().try_into().map_or(0, u64::from_le_bytes);
        let (mut latest, mut first) = (mark, HashMap::<LogId, u64>::new());
        loop {
            let batch = self.store.since(id, latest, READ)?;
            let Some((last, _)) = batch.last() else { break };
            latest = *last;
            for (_, entry) in &batch {
                let lowest = first.entry(entry.log()).or_insert(entry.seq());
                *lowest = entry.seq().min(*lowest);
            }
        }
        let mut safe = Frontier::new();
        for (log, seq) in frontier.iter() {
            safe.advance(*log, first.get(log).map_or(seq, |first| first - 1));
        }
        Ok(Some(Unpublished { mark, latest, safe, keeping: 0 }))
    }

    /// Entries are about to become durable that have to be published. Blocks.
    pub(super) fn will_keep(&self, space: &Space) -> Result<(), StoreError> {
        let mut state = space.lock();
        if let Some(unpublished) = &mut state.unpublished {
            unpublished.keeping += 1;
            return Ok(());
        }
        let mark = self.last_arrival(space.id, &state)?;
        self.store.put(Table::Spaces, &key(space.id), &mark.to_le_bytes())?;
        let safe = state.frontier.clone();
        state.unpublished = Some(Unpublished { mark, latest: mark, safe, keeping: 1 });
        Ok(())
    }

    /// Everything of a space is in the cluster up to an arrival. Blocks.
    pub fn published(&self, id: SpaceId, mark: Arrival) -> Result<(), StoreError> {
        let space = self.open(id)?;
        let mut state = space.lock();
        let Some(unpublished) = &mut state.unpublished else { return Ok(()) };
        unpublished.mark = unpublished.mark.max(mark);
        if unpublished.is_behind() {
            return self.store.put(Table::Spaces, &key(id), &unpublished.mark.to_le_bytes());
        }
        // With the lock held: the next entry writes it anew, and not before it is gone.
        self.store.delete(Table::Spaces, &key(id))?;
        state.unpublished = None;
        Ok(())
    }

    /// Entries that arrived after this one, and whether these are all. Blocks.
    pub fn arrived_after(&self, space: SpaceId, after: Arrival) -> Result<(Vec<Item>, bool), StoreError> {
        let batch = self.store.since(space, after, READ)?;
        Ok((batch.iter().map(|(arrival, entry)| item(*arrival, entry)).collect(), batch.is_empty()))
    }

    /// The last arrival of a space.
    fn last_arrival(&self, id: SpaceId, state: &State) -> Result<Arrival, StoreError> {
        let mut last = 0;
        for (log, seq) in state.frontier.iter() {
            // The last of each log came after all others of it. One that was pruned came before what is left.
            last = self.store.arrival_of(id, *log, seq)?.unwrap_or(0).max(last);
        }
        Ok(last)
    }

    /// Whether what devices bring has to be published.
    pub fn is_clustered(&self) -> bool {
        self.clustered.load(Ordering::Relaxed)
    }
}

fn key(space: SpaceId) -> Vec<u8> {
    [UNPUBLISHED, space.as_bytes()].concat()
}
