//! How far a space's entries have been opened, and which of them wait for a key.
//!
//! An entry whose key is not here is passed over: whoever changes the key of a space can keep it from others, and what they
//! write under it must not keep anyone from reading the rest (E4). What builds on it waits in its document, and what comes
//! after it in its own log waits with it, for what that commits to cannot be judged (see `ledger`). Of each epoch
//! whose key is not here, the first entry under it is remembered; once the key comes, the entries under it are opened from
//! there on, as if they had just arrived.

use std::collections::{BTreeMap, HashSet};

use sheaf_access::{EpochId, LogId, SpaceId};
use sheaf_store::{Arrival, StoreError, Table};

use crate::core::{Core, READ, UNOPENED};
use crate::ledger::Ledgers;
use crate::opening::Found;
use crate::space::Space;

/// How far a space's entries have been opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// Every entry up to this arrival was opened, but for those that wait.
    pub upto: Arrival,
    /// Of each epoch under which entries wait for its key, the arrival of the first.
    waiting: BTreeMap<EpochId, Arrival>,
    /// What its logs have written so far.
    pub ledgers: Ledgers,
}

impl Opened {
    /// Whether entries under an epoch wait for its key, or are about to be opened with it.
    pub fn waits_for(&self, epoch: &EpochId) -> bool {
        self.waiting.contains_key(epoch)
    }
}

impl Core {
    /// How far a space's entries had been opened when the node ended.
    pub fn load_opened(&self, space: SpaceId, upto: Arrival) -> Result<Opened, StoreError> {
        let prefix = record(space, None);
        let one = |(name, value): (Vec<u8>, Vec<u8>)| {
            let epoch = name.get(prefix.len()..)?.try_into().ok().map(EpochId::from_bytes)?;
            Some((epoch, Arrival::from_le_bytes(value.try_into().ok()?)))
        };
        let waiting = self.store.scan(Table::Progress, &prefix)?.into_iter().filter_map(one).collect();
        Ok(Opened { upto, waiting, ledgers: Ledgers::default() })
    }

    /// Remembers that an entry waits for the key of an epoch. Called before it is passed over.
    pub fn wait_for_key(
        &self,
        space: &Space,
        opened: &mut Opened,
        epoch: EpochId,
        arrival: Arrival,
    ) -> Result<(), StoreError> {
        if opened.waiting.get(&epoch).is_some_and(|first| *first <= arrival) {
            return Ok(());
        }
        tracing::debug!(space = %space.id, ?epoch, arrival, "an entry waits for its key");
        self.store.put(Table::Progress, &record(space.id, Some(epoch)), &arrival.to_le_bytes())?;
        opened.waiting.insert(epoch, arrival);
        Ok(())
    }

    /// Opens what has waited for keys that are here now. That it waits is forgotten only afterwards, so that a crash opens
    /// some of it twice.
    pub fn open_what_waited(&self, space: &Space, opened: &mut Opened) -> Result<(), StoreError> {
        let ready: BTreeMap<EpochId, Arrival> = {
            let state = space.lock();
            let waiting = opened.waiting.iter();
            waiting.filter(|(epoch, _)| state.keys.contains_key(epoch)).map(|(epoch, first)| (*epoch, *first)).collect()
        };
        let Some(first) = ready.values().min() else { return Ok(()) };
        let mut from = first.saturating_sub(1);
        // What came after one of them in its log waited for it, whatever its own key.
        let mut behind: HashSet<LogId> = HashSet::new();
        while from < opened.upto {
            let batch = self.store.since(space.id, from, READ)?;
            let Some((last, _)) = batch.last() else { break };
            from = *last;
            let mut found = Found::default();
            let upto = opened.upto;
            for (arrival, entry) in batch.iter().take_while(|(arrival, _)| *arrival <= upto) {
                if ready.contains_key(&entry.header().epoch) {
                    behind.insert(entry.log());
                }
                if !behind.contains(&entry.log()) {
                    continue;
                }
                if let Some(epoch) = self.open_one(space, &mut opened.ledgers, (*arrival, entry), &mut found)? {
                    self.wait_for_key(space, opened, epoch, *arrival)?;
                }
            }
            self.take_found(space, opened.upto, opened.upto, found)?;
        }
        for epoch in ready.into_keys() {
            self.store.delete(Table::Progress, &record(space.id, Some(epoch)))?;
            opened.waiting.remove(&epoch);
        }
        Ok(())
    }
}

/// The name of what is remembered of an epoch in a space, or what all of those in that space begin with.
fn record(space: SpaceId, epoch: Option<EpochId>) -> Vec<u8> {
    let epoch = epoch.as_ref().map_or(&[][..], |epoch| epoch.as_bytes());
    [UNOPENED, space.as_bytes(), epoch].concat()
}
