//! Bundles: the entries that make sense of a checkpoint to someone who has nothing else of the space.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sheaf_access::{AccessEntry, AccessHistory, EntryHash, SpaceId};
use sheaf_log::{Entry, Kind};
use sheaf_store::{StoreError, decode_bundle};

use crate::core::{Core, READ};
use crate::error::NodeError;
use crate::space::{Space, add_what_fits};

/// What a bundle holds, its signatures checked.
pub struct Bundle {
    /// The access entries.
    pub access: Vec<Entry>,
    /// The checkpoint's entry.
    pub checkpoint: Entry,
}

impl Bundle {
    /// Reads a bundle from another device, and checks every signature in it.
    pub fn read(bytes: &[u8], space: SpaceId) -> Result<Self, NodeError> {
        let bad = |why: &str| NodeError::BadInput(format!("what was sent for a checkpoint is not one: {why}"));
        let unverified = decode_bundle(bytes).ok_or_else(|| bad("it is damaged"))?;
        let mut entries = Vec::with_capacity(unverified.len());
        for entry in unverified {
            let entry = entry.verify().map_err(|error| bad(&error.to_string()))?;
            if entry.space() != space {
                return Err(bad("it is of another space"));
            }
            entries.push(entry);
        }
        let checkpoint = entries.pop().filter(|entry| entry.header().kind == Kind::Checkpoint);
        let checkpoint = checkpoint.ok_or_else(|| bad("there is no checkpoint in it"))?;
        if entries.iter().any(|entry| entry.header().kind != Kind::Access) {
            return Err(bad("there is more in it than belongs there"));
        }
        Ok(Self { access: entries, checkpoint })
    }

    /// The access history with what the bundle brings: a copy, for nothing of it takes effect before all is verified.
    pub fn history(&self, known: Option<&AccessHistory>) -> Result<AccessHistory, NodeError> {
        let bad =
            |error: &dyn std::fmt::Display| NodeError::BadInput(format!("its access entries are not good: {error}"));
        let mut entries: Vec<AccessEntry> = Vec::with_capacity(self.access.len());
        for entry in &self.access {
            entries.extend(entry.access_entry().transpose().map_err(|error| bad(&error))?);
        }
        let mut history = if let Some(known) = known {
            known.clone()
        } else {
            let creation = EntryHash::from_bytes(*self.checkpoint.space().as_bytes());
            let first = entries.iter().position(|entry| entry.hash == creation);
            let first = first.ok_or_else(|| bad(&"the space's first entry is not among them"))?;
            AccessHistory::found(entries.swap_remove(first)).map_err(|error| bad(&error))?
        };
        entries.retain(|entry| !history.contains(&entry.hash));
        if add_what_fits(&mut history, entries).is_empty() {
            Ok(history)
        } else {
            Err(bad(&"some of them do not follow from the others"))
        }
    }
}

impl Core {
    /// The access entries of a space that a checkpoint builds on, in the order they arrived; those that stand beside a forked
    /// log come last.
    pub fn access_entries(
        &self,
        space: &Space,
        history: &AccessHistory,
        at: &[EntryHash],
    ) -> Result<Vec<Entry>, NodeError> {
        let entries = self.stored_access_entries(space, history, at)?;
        entries.ok_or_else(|| NodeError::Damaged("an access entry of this space is missing here.".into()))
    }

    /// The same; nothing, if one of them is not kept here.
    pub fn stored_access_entries(
        &self,
        space: &Space,
        history: &AccessHistory,
        at: &[EntryHash],
    ) -> Result<Option<Vec<Entry>>, StoreError> {
        let mut wanted: BTreeSet<EntryHash> = BTreeSet::new();
        let mut next = at.to_vec();
        while let Some(hash) = next.pop() {
            if wanted.insert(hash) {
                next.extend(history.get(&hash).into_iter().flat_map(|entry| entry.access_heads.iter().copied()));
            }
        }
        let mut found: BTreeMap<(u64, EntryHash), Entry> = BTreeMap::new();
        let mut elsewhere = BTreeSet::new();
        for hash in wanted {
            let place = self.store.by_hash(space.id, hash)?;
            let stored = place.map(|(log, seq)| self.store.entry(space.id, log, seq)).transpose()?.flatten();
            let Some((entry, (log, seq))) = stored.zip(place) else {
                elsewhere.insert(hash);
                continue;
            };
            found.insert((self.store.arrival_of(space.id, log, seq)?.unwrap_or(0), hash), entry);
        }
        let mut entries: Vec<Entry> = found.into_values().collect();
        if elsewhere.is_empty() {
            return Ok(Some(entries));
        }
        // A set of access entries has no branches (A1), but a log has one entry in each place: the other is beside it, or a
        // checkpoint's bundle has told of it.
        let log_of = |hash: &EntryHash| history.get(hash).map(|entry| entry.log);
        let beside = elsewhere.iter().filter_map(|hash| Some((log_of(hash)?, *hash)));
        let mut others: Vec<Entry> = Vec::with_capacity(elsewhere.len());
        for (log, hash) in beside {
            others.extend(self.branch_entry(space.id, log, hash)?);
        }
        let bundles: Vec<_> = space.checkpoints().held.iter().map(|base| Arc::clone(&base.bundle)).collect();
        let told = bundles.iter().filter_map(|bytes| Bundle::read(bytes, space.id).ok()).flat_map(|told| told.access);
        others.extend(told);
        for entry in others {
            if elsewhere.remove(&entry.hash()) {
                entries.push(entry);
            }
        }
        Ok(elsewhere.is_empty().then_some(entries))
    }

    /// How many bytes of content a space has beyond a frontier.
    pub fn tail_of(&self, space: SpaceId, covers: &sheaf_log::Frontier) -> Result<u64, NodeError> {
        let (mut bytes, mut from) = (0, 0);
        loop {
            let batch = self.store.since(space, from, READ)?;
            let Some((last, _)) = batch.last() else { return Ok(bytes) };
            from = *last;
            let beyond = batch.iter().filter(|(_, entry)| !covers.holds(&entry.log(), entry.seq()));
            bytes += beyond.map(|(_, entry)| entry.encoded().len() as u64).sum::<u64>();
        }
    }
}
