//! Keeping what is beside a log: the proof of a fork, and the entries of the branches that are not in the log proper.

use std::collections::BTreeSet;
use std::sync::Arc;

use sheaf_access::{DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::{Admitted, Entry, EntryRef, ForkProof, Held, HeldEntry, Kind, NotAdmitted, Refusal, Unverified, admit};
use sheaf_store::{Store, StoreError, Table};

use super::Forks;
use crate::accept::HeldHere;
use crate::core::{Core, READ, locked};
use crate::network::Input;
use crate::space::{Space, State};
use crate::view::NodeEvent;

/// That a log is forked.
const FORK: &[u8] = b"fork/";
/// An entry beside a log.
const BRANCH: &[u8] = b"branch/";

/// The forks that a store knows of, as their proofs have them.
pub fn proved(store: &dyn Store) -> Result<Vec<ForkProof>, StoreError> {
    let proofs = store.scan(Table::Spaces, FORK)?;
    Ok(proofs.iter().filter_map(|(_, bytes)| ForkProof::verify(bytes).ok()).collect())
}

/// What became of an entry of a branch.
pub enum Taken {
    /// It is kept now.
    New,
    /// It was kept already, or is in the log proper.
    Known,
    /// Something that it names is not here.
    Lacking,
    /// It is not taken.
    Refused,
}

impl Core {
    /// What is known of the forks of a space, as the store has it.
    pub fn load_forks(&self, space: SpaceId) -> Result<(Forks, Vec<Entry>), StoreError> {
        let mut forks = Forks::default();
        let mut proofs: Vec<ForkProof> = self
            .store
            .scan(Table::Spaces, &key(FORK, space, None))?
            .iter()
            .filter_map(|(_, bytes)| ForkProof::verify(bytes).ok())
            .collect();
        // Of several of one log the first fork is what counts: it is begun last.
        proofs.sort_by_key(|proof| std::cmp::Reverse(proof.seq()));
        for proof in &proofs {
            forks.begin(proof, &self.main_from(space, proof.log(), proof.seq())?);
        }
        let mut entries: Vec<Entry> = self
            .store
            .scan(Table::Spaces, &key(BRANCH, space, None))?
            .into_iter()
            .filter_map(|(_, bytes)| Unverified::decode(&bytes).ok()?.verified_before().ok())
            .collect();
        entries.sort_by_key(Entry::seq);
        for entry in &entries {
            forks.add(entry);
        }
        entries.retain(|entry| entry.header().kind == Kind::Access);
        self.find_needed(space, &mut forks)?;
        Ok((forks, entries))
    }

    /// What is stored that builds on entries of branches.
    fn find_needed(&self, space: SpaceId, forks: &mut Forks) -> Result<(), StoreError> {
        let mut after = 0;
        while !forks.is_empty() {
            let batch = self.store.since(space, after, READ)?;
            let Some((last, _)) = batch.last() else { break };
            after = *last;
            for (_, entry) in &batch {
                forks.builds_on(&entry.header().builds_on);
            }
        }
        Ok(())
    }

    /// Lets go of what there is too much of beside a log. Blocks.
    pub fn thin_out(&self, space: &Space, log: &LogId) -> Result<(), StoreError> {
        let _branching = locked(&space.branching);
        let asked: Vec<EntryHash> =
            locked(&space.needed).iter().filter(|(of, _)| of == log).map(|(_, end)| *end).collect();
        let gone = {
            let mut state = space.lock();
            let void = Arc::clone(&state.void);
            Arc::make_mut(&mut state.forks).thin_out(log, &void.branch, &asked)
        };
        for hash in gone {
            self.store.delete(Table::Spaces, &key(BRANCH, space.id, Some((*log, hash.as_bytes()))))?;
        }
        Ok(())
    }

    /// What the log proper has from a place on.
    pub(super) fn main_from(&self, space: SpaceId, log: LogId, seq: u64) -> Result<Vec<Entry>, StoreError> {
        let (mut entries, mut from) = (Vec::new(), seq);
        loop {
            let batch = self.store.range(space, log, from, READ)?;
            let Some(last) = batch.last() else { return Ok(entries) };
            from = last.seq() + 1;
            entries.extend(batch);
        }
    }

    /// An entry beside a log.
    pub fn branch_entry(&self, space: SpaceId, log: LogId, hash: EntryHash) -> Result<Option<Entry>, StoreError> {
        let bytes = self.store.get(Table::Spaces, &key(BRANCH, space, Some((log, hash.as_bytes()))))?;
        Ok(bytes.and_then(|bytes| Unverified::decode(&bytes).ok()?.verified_before().ok()))
    }

    /// It is proved that a log is forked. Blocks.
    pub fn fork_proved(&self, space: &Space, proof: &ForkProof) -> Result<(), StoreError> {
        let (log, at) = (proof.log(), proof.seq());
        let _branching = locked(&space.branching);
        if space.lock().forks.at(&log).is_some_and(|known| known <= at) {
            return Ok(());
        }
        if self.store.floors(space.id)?.holds(&log, at) {
            // A checkpoint stands for that place, and says which entry it was (C1).
            return Ok(());
        }
        let named = |at: u64| key(FORK, space.id, Some((log, &at.to_be_bytes())));
        self.store.put(Table::Spaces, &named(at), &proof.encode())?;
        // The first fork is what counts. One that was known behind it would only take room.
        if let Some(behind) = space.lock().forks.at(&log) {
            self.store.delete(Table::Spaces, &named(behind))?;
        }
        let main = self.main_from(space.id, log, at)?;
        {
            let mut state = space.lock();
            Arc::make_mut(&mut state.forks).begin(proof, &main);
            if state.log.id == log {
                self.begin_log(space.id, &mut state);
            }
        }
        Self::doubt_checkpoints(space);
        tracing::warn!(%log, at, space = %space.id, "a device wrote two entries in one place of its log");
        self.tell_network(Input::Forked { space: space.id, log, at });
        self.say(NodeEvent::Forked { space: space.id.to_string(), device: log.device.to_string() });
        Ok(())
    }

    /// Takes in an entry of a branch, verified; `needed`, if somebody has built on it. Blocks.
    pub fn take_branch_entry(&self, space: &Space, entry: &Entry, needed: bool) -> Result<Taken, StoreError> {
        let _branching = locked(&space.branching);
        {
            let state = space.lock();
            let Some(forked) = state.forks.get(&entry.log()).filter(|forked| entry.seq() >= forked.at) else {
                return Ok(Taken::Refused);
            };
            if forked.tree.contains(&entry.hash()) {
                return Ok(Taken::Known);
            }
            let first = entry.seq() == forked.at;
            let prev = entry.header().prev.filter(|_| !first);
            if !forked.has_room(&entry.hash(), entry.header().kind, prev, needed) {
                return Ok(Taken::Refused);
            }
            let Some(history) = &state.access else { return Ok(Taken::Lacking) };
            let held = OnBranch { here: HeldHere::new(&*self.store, &state, space)?, entry, state: &state };
            match admit(entry, &held, history) {
                Ok(Admitted::New) => {}
                Ok(Admitted::Duplicate) => return Ok(Taken::Known),
                Err(NotAdmitted::Refused(Refusal::Lacking(_) | Refusal::OtherBranch { .. })) => {
                    return Ok(Taken::Lacking);
                }
                Err(NotAdmitted::Refused(_)) => return Ok(Taken::Refused),
                Err(NotAdmitted::Unreadable(error)) => return Err(error),
            }
        }
        let name = key(BRANCH, space.id, Some((entry.log(), entry.hash().as_bytes())));
        self.store.put(Table::Spaces, &name, entry.encoded())?;
        let access = {
            let mut state = space.lock();
            Arc::make_mut(&mut state.forks).add(entry);
            // A set of access entries has no branches (A1): both sides of a fork are in it.
            let is_access = entry.header().kind == Kind::Access;
            is_access && state.admit_access(entry).is_ok()
        };
        if access {
            self.access_changed(space);
        }
        Ok(Taken::New)
    }
}

/// What is held, as an entry of a branch finds it: before it in its log is what it follows, whichever branch that is on.
struct OnBranch<'s> {
    here: HeldHere<'s>,
    entry: &'s Entry,
    state: &'s State,
}

impl OnBranch<'_> {
    /// What the entry follows, if that is held: in the log proper, or beside it.
    fn before(&self) -> Result<Option<HeldEntry>, StoreError> {
        let (log, seq) = (self.entry.log(), self.entry.seq() - 1);
        let Some(hash) = self.entry.header().prev else { return Ok(None) };
        if let Some(beside) = self.state.forks.beside(&EntryRef { log, seq, hash }) {
            return Ok(Some(beside.clone()));
        }
        Ok(self.here.at(&log, seq)?.filter(|held| held.hash == hash))
    }
}

impl Held for OnBranch<'_> {
    type Error = StoreError;

    fn height(&self, log: &LogId) -> Result<u64, StoreError> {
        if *log != self.entry.log() {
            return self.here.height(log);
        }
        let seq = self.entry.seq() - 1;
        let held = seq == 0 || self.before()?.is_some() || self.here.covered(log, seq)?;
        Ok(if held { seq } else { seq.saturating_sub(1) })
    }

    fn at(&self, log: &LogId, seq: u64) -> Result<Option<HeldEntry>, StoreError> {
        if *log == self.entry.log() && seq + 1 == self.entry.seq() { self.before() } else { self.here.at(log, seq) }
    }

    fn branch(&self, on: &EntryRef) -> Result<Option<HeldEntry>, StoreError> {
        self.here.branch(on)
    }

    fn covered(&self, log: &LogId, seq: u64) -> Result<bool, StoreError> {
        self.here.covered(log, seq)
    }

    fn logs(&self) -> Result<usize, StoreError> {
        self.here.logs().map(|logs| logs.saturating_sub(1))
    }

    fn logs_of(&self, devices: &BTreeSet<DeviceId>) -> Result<usize, StoreError> {
        // It is a branch of a log that is there already.
        self.here.logs_of(devices).map(|logs| logs.saturating_sub(1))
    }
}

fn key(prefix: &[u8], space: SpaceId, rest: Option<(LogId, &[u8])>) -> Vec<u8> {
    let mut key = [prefix, space.as_bytes()].concat();
    if let Some((log, rest)) = rest {
        key.extend_from_slice(log.device.as_bytes());
        key.extend_from_slice(&log.nonce.to_le_bytes());
        key.extend_from_slice(rest);
    }
    key
}
