//! Taking up spaces from the store, when the home is opened, or when one comes back that was off the list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sheaf_access::{AccessEntry, AccessHistory, DeviceId, DocumentId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, Kind, Mine, MineKey, Part};
use sheaf_store::{StoreError, Table, load_forks};

use crate::core::{CLOSED, Core, JOINING, LOG, MINE, OPENED, READ, UNOPENED, key};
use crate::error::NodeError;
use crate::identity::Identity;
use crate::own_log::OwnLog;
use crate::space::{Space, State};

/// A number drawn with the store, so that what speaks of its arrivals is known to speak of this one.
const STORE: &[u8] = b"store";

impl Core {
    /// Takes up every space that is stored, but for those that are off the list.
    pub fn load_spaces(self: &Arc<Self>, new_logs: bool) -> Result<(), NodeError> {
        let me = self.me()?;
        if new_logs || self.store_number()?.is_none() {
            // Arrivals may be others than they were: nothing that speaks of the old ones is believed.
            for prefix in [OPENED, UNOPENED] {
                for (name, _) in self.store.scan(Table::Progress, prefix)? {
                    self.store.delete(Table::Progress, &name)?;
                }
            }
            self.store.put(Table::Progress, STORE, &rand::random::<u64>().to_le_bytes())?;
        }
        let mut ids: BTreeSet<SpaceId> = self.store.spaces()?.into_iter().collect();
        for (name, _) in self.store.scan(Table::Spaces, JOINING)? {
            ids.extend(name.get(JOINING.len()..).and_then(|id| id.try_into().ok()).map(SpaceId::from_bytes));
        }
        for id in self.forgotten()? {
            ids.remove(&id);
        }
        // The private space may still have to come from another of the person's devices.
        ids.extend(self.first_space_id());
        for id in ids {
            self.load(id, &me, new_logs)?;
        }
        Ok(())
    }

    /// Takes up a space that is stored.
    pub fn load(&self, id: SpaceId, me: &Identity, new_log: bool) -> Result<Arc<Space>, NodeError> {
        let space = self.load_space(id, me, new_log)?;
        self.load_receipts(&space)?;
        self.list(&space);
        self.load_checkpoints(&space)?;
        Self::mend_own_tip(&space);
        self.open_new(&space, None);
        self.note_removal(&space);
        Ok(space)
    }

    /// The number that was drawn with the store.
    pub fn store_number(&self) -> Result<Option<u64>, StoreError> {
        let number = self.store.get(Table::Progress, STORE)?;
        Ok(number.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes))
    }

    fn load_space(&self, id: SpaceId, me: &Identity, new_log: bool) -> Result<Arc<Space>, NodeError> {
        let device = me.keys.device.id();
        let known = self.store.get(Table::Logs, &key(LOG, id))?.and_then(|bytes| bytes.try_into().ok());
        // After a repair that may have lost numbers which had left this device, none of them is used again (L5).
        let known = known.map(|nonce| LogId { device, nonce: u64::from_le_bytes(nonce) });
        let held = self.store.frontier(id)?;
        let log = match known {
            Some(log) if !new_log => log,
            known => {
                let new = known.map_or_else(|| OwnLog::first(device, &held), |log| OwnLog::after(log, &held));
                self.put_log(id, new.id)?;
                new.id
            }
        };
        let seq = held.get(&log);
        let tip = if seq == 0 { None } else { self.store.entry(id, log, seq)?.map(|entry| entry.hash()) };
        let joining = self.store.get(Table::Spaces, &key(JOINING, id))?;
        let joining = joining.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        let (forks, beside) = load_forks(&*self.store, id)?;
        let (access, pending_access) = self.load_access(id, &beside)?;
        let mut state = State {
            access,
            pending_access,
            log: OwnLog { id: log, seq, tip, mine: self.load_mine(id, log)? },
            keys: BTreeMap::new(),
            closed: self.load_closed(id)?,
            void: Arc::default(),
            forks: Arc::new(forks),
            typed_under: None,
            removed: None,
            joining,
            needed: Arc::default(),
        };
        state.take_keys(me);
        let opened = self.store.get(Table::Progress, &key(OPENED, id))?.and_then(|bytes| bytes.try_into().ok());
        let opened = self.load_opened(id, opened.map_or(0, u64::from_le_bytes))?;
        Ok(Space::new(id, state, opened))
    }

    /// The access history, and the access entries that wait for others: after a loss, some may have to come again.
    fn load_access(
        &self,
        id: SpaceId,
        beside: &[Entry],
    ) -> Result<(Option<AccessHistory>, Vec<AccessEntry>), NodeError> {
        let mut entries = Vec::new();
        let mut from = 0;
        loop {
            let batch = self.store.since(id, from, READ)?;
            let Some((last, _)) = batch.last() else { break };
            from = *last;
            entries.extend(
                batch
                    .iter()
                    .filter(|(_, entry)| entry.header().kind == Kind::Access)
                    .filter_map(|(_, entry)| entry.access_entry()?.ok()),
            );
        }
        entries.extend(self.farewells(id)?);
        entries.extend(beside.iter().filter_map(|entry| entry.access_entry()?.ok()));
        let creation = EntryHash::from_bytes(*id.as_bytes());
        let Some(first) = entries.iter().position(|entry| entry.hash == creation) else { return Ok((None, entries)) };
        let mut history = AccessHistory::found(entries.swap_remove(first))
            .map_err(|error| NodeError::Damaged(format!("the first entry of space {id} is not one: {error}")))?;
        let waiting = crate::space::add_what_fits(&mut history, entries);
        Ok((Some(history), waiting))
    }

    fn load_mine(&self, id: SpaceId, log: LogId) -> Result<Mine, NodeError> {
        let mut mine = Mine::new();
        let prefix = key(MINE, id);
        for (name, value) in self.store.scan(Table::Logs, &prefix)? {
            let name = &name[prefix.len()..];
            let (Some((document, rest)), Some((nonce, value))) =
                (name.split_first_chunk::<32>(), value.split_first_chunk::<8>())
            else {
                continue;
            };
            let (Some((part, slot)), Some((seq, hash))) = (rest.split_first(), value.split_first_chunk::<8>()) else {
                continue;
            };
            let (Ok(slot), Ok(hash)) = (slot.try_into(), hash.try_into()) else { continue };
            if u64::from_le_bytes(*nonce) == log.nonce {
                let part = if *part == 0 { Part::Body } else { Part::Talk };
                let key = MineKey { document: DocumentId::from_bytes(*document), part, slot: u32::from_le_bytes(slot) };
                mine.set(key, u64::from_le_bytes(*seq), hash);
            }
        }
        Ok(mine)
    }

    fn load_closed(&self, id: SpaceId) -> Result<BTreeMap<LogId, u64>, NodeError> {
        let prefix = key(CLOSED, id);
        let records = self.store.scan(Table::Spaces, &prefix)?;
        let log = |(name, value): &(Vec<u8>, Vec<u8>)| {
            let (device, nonce) = name[prefix.len()..].split_first_chunk::<32>()?;
            let nonce = u64::from_le_bytes(nonce.try_into().ok()?);
            let seq = value.first_chunk::<8>().map_or(1, |seq| u64::from_le_bytes(*seq));
            Some((LogId { device: DeviceId::from_bytes(*device), nonce }, seq))
        };
        Ok(records.iter().filter_map(log).collect())
    }

    /// The own log's last entry may be one that a checkpoint stands for: then that says its hash.
    fn mend_own_tip(space: &Space) {
        let log = space.lock().log.id;
        let covered = space.checkpoints().covered(&log).map(|covered| (covered.seq, covered.held.hash));
        let mut state = space.lock();
        if let Some((seq, hash)) = covered
            && state.log.tip.is_none()
            && state.log.seq == seq
        {
            state.log.tip = Some(hash);
        }
    }
}
