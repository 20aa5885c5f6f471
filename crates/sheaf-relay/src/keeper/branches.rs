//! Forked logs (L6), as a relay keeps them.
//!
//! Which side of a fork counts is the members' to work out; they can only if they have both. So a relay keeps what came
//! first in the log, and the other branches beside it, and tells of them whoever comes, as devices do. What members have built
//! on either side it lets in like anything else.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use sheaf_access::{DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, ForkProof, Forked, Forks, Kind, Taken};
use sheaf_store::{StoreError, branch_entry, delete_branches, main_from, put_branch, put_fork};
use sheaf_sync::Tip;
use sheaf_sync::branches::{self, Branched, End, Said, Searches, Suspicion, Talk};

use super::held::HeldHere;
use super::{Keeper, Space, locked};

/// How many entries are kept beside the logs of one space. Devices keep what is beyond that among themselves.
const MOST_BESIDE: usize = 16_384;

/// What comes of a word, or of a suspicion.
#[derive(Default)]
pub struct Told {
    /// What to say to whom.
    pub answers: Vec<(DeviceId, Said)>,
    /// What to say to every member who is here.
    pub to_all: Vec<Said>,
    /// Logs that are known to be forked now, and where.
    pub forked: Vec<(LogId, u64)>,
    /// Whether who may do what has changed.
    pub access: bool,
    /// Who brought something that a quota leaves no room for.
    pub full: Option<DeviceId>,
    /// What is kept beside logs now, as it was signed: other relays are to keep it too, for somebody may have built on it.
    pub beside: Vec<(DeviceId, Vec<u8>)>,
}

/// A space of this relay's.
struct Here<'a> {
    keeper: &'a Keeper,
    space: &'a Space,
    /// Who says what is heard, if anybody does.
    from: Option<DeviceId>,
    told: Mutex<Told>,
}

impl Branched for Here<'_> {
    type Error = StoreError;

    fn space(&self) -> SpaceId {
        self.space.id
    }

    fn entry(&self, log: LogId, seq: u64) -> Result<Option<Entry>, StoreError> {
        self.keeper.store.entry(self.space.id, log, seq)
    }

    fn beside(&self, log: LogId, hash: EntryHash) -> Result<Option<Entry>, StoreError> {
        branch_entry(&*self.keeper.store, self.space.id, log, hash)
    }

    fn height(&self, log: &LogId) -> Result<u64, StoreError> {
        Ok(self.space.lock().frontier.get(log))
    }

    fn forks(&self) -> Arc<Forks> {
        Arc::clone(&self.space.lock().forks)
    }

    fn counts(&self, _log: &LogId, forked: &Forked, end: &End) -> bool {
        forked.is_main(&end.hash)
    }

    fn knows(&self, device: &DeviceId) -> bool {
        self.space.access().is_some_and(|access| access.person_of(device).is_some())
    }

    fn may_see(&self, device: &DeviceId) -> bool {
        // Whoever was let in by an invitation reads what led to it, and joins then.
        self.space.has(*device) || self.keeper.guests().has(self.space.id, *device)
    }

    fn fork_proved(&self, proof: &ForkProof) -> Result<(), StoreError> {
        let (log, at) = (proof.log(), proof.seq());
        let _branching = locked(&self.space.branching);
        let behind = self.space.lock().forks.at(&log);
        // Where a checkpoint stands for that place, it says which entry it was (C1).
        if behind.is_some_and(|known| known <= at) || self.space.floors().holds(&log, at) {
            return Ok(());
        }
        let store = &*self.keeper.store;
        put_fork(store, proof, behind)?;
        let main = main_from(store, self.space.id, log, at)?;
        Arc::make_mut(&mut self.space.lock().forks).begin(proof, &main);
        tracing::warn!(space = %self.space.id.short(), "a device wrote two entries in one place of its log");
        locked(&self.told).forked.push((log, at));
        Ok(())
    }

    fn take(&self, entry: &Entry, needed: bool) -> Result<Taken, StoreError> {
        let _branching = locked(&self.space.branching);
        let store = &*self.keeper.store;
        let access = {
            let state = self.space.lock();
            let here = HeldHere::new(store, &state, self.space.id);
            let taken = state.forks.admit(entry, needed, here, state.access.as_ref())?;
            if taken != Taken::New {
                return Ok(taken);
            }
            if state.forks.count_beside() >= MOST_BESIDE {
                return Ok(Taken::Refused);
            }
            state.access.as_ref().map(|access| Arc::clone(access.now()))
        };
        if self.keeper.charge_branch(access.as_deref(), entry).is_err() {
            // Not a verdict: whoever has it keeps it, and it is asked for again when something builds on it.
            locked(&self.told).full = self.from;
            return Ok(Taken::Refused);
        }
        if let Err(error) = put_branch(store, entry) {
            self.keeper.give_back_branch(access.as_deref(), entry);
            return Err(error);
        }
        let mut state = self.space.lock();
        Arc::make_mut(&mut state.forks).add(entry);
        // A set of access entries has no branches (A1): both sides of a fork are in it.
        if entry.header().kind == Kind::Access && state.admit_access(entry).is_ok() {
            locked(&self.told).access = true;
        }
        if self.keeper.is_clustered() {
            let from = self.from.unwrap_or(entry.log().device);
            locked(&self.told).beside.push((from, entry.encoded().to_vec()));
        }
        Ok(Taken::New)
    }

    fn grew(&self, log: &LogId) {
        if let Err(error) = self.thin_out(log) {
            tracing::warn!(%error, space = %self.space.id.short(), "more is kept of a forked log than need be");
        }
        locked(&self.told).to_all.extend(branches::word(self, log));
    }

    fn searches(&self) -> &Searches {
        &self.keeper.searches
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        locked(&self.space.talk)
    }
}

impl Here<'_> {
    /// Lets go of what there is too much of beside a log.
    fn thin_out(&self, log: &LogId) -> Result<(), StoreError> {
        let _branching = locked(&self.space.branching);
        let asked = locked(&self.space.talk).asked(log);
        let gone = {
            let mut state = self.space.lock();
            let chosen: BTreeSet<EntryHash> = state.forks.chosen();
            Arc::make_mut(&mut state.forks).thin_out(log, &chosen, &asked)
        };
        let (store, access) = (&*self.keeper.store, self.space.access());
        for hash in &gone {
            if let Some(entry) = branch_entry(store, self.space.id, *log, *hash)? {
                self.keeper.give_back_branch(access.as_deref(), &entry);
            }
        }
        delete_branches(store, self.space.id, *log, &gone)
    }
}

impl Keeper {
    /// Somebody says something about a space. Blocks.
    pub fn hear(&self, space: &Space, from: DeviceId, word: &[u8]) -> Told {
        self.talking(space, Some(from), |here| match Said::decode(word) {
            Some(said) => Ok(answers(from, branches::hear(here, from, said)?)),
            None => Ok(Vec::new()),
        })
    }

    /// Follows up what points to forks in what somebody sent, or in how their logs end. Blocks.
    pub fn follow_up(&self, space: &Space, from: DeviceId, found: Vec<Suspicion>) -> Told {
        self.talking(space, Some(from), |here| {
            let mut said = Vec::new();
            for suspicion in found {
                said.extend(answers(from, branches::follow_up(here, from, suspicion)?));
            }
            Ok(said)
        })
    }

    /// Somebody's logs end in places that are held here. Blocks.
    pub fn compare(&self, space: &Space, from: DeviceId, tips: &[(LogId, u64, Tip)]) -> Told {
        let here = Here { keeper: self, space, from: Some(from), told: Mutex::default() };
        match branches::differing(&here, tips) {
            Ok(found) => self.follow_up(space, from, found),
            Err(error) => {
                tracing::warn!(%error, space = %space.id.short(), "how logs end cannot be compared");
                Told::default()
            }
        }
    }

    /// More of a space is here: what waited for it is looked at again. Blocks.
    pub fn ask_again(&self, space: &Space) -> Told {
        self.talking(space, None, |here| branches::ask_again(here))
    }

    /// What to say to a member who is here now. Blocks.
    pub fn introduce(&self, space: &Space, device: DeviceId) -> Told {
        self.talking(space, None, |here| Ok(answers(device, branches::words(here))))
    }

    fn talking(
        &self,
        space: &Space,
        from: Option<DeviceId>,
        talk: impl FnOnce(&Here<'_>) -> Result<Vec<(DeviceId, Said)>, StoreError>,
    ) -> Told {
        let here = Here { keeper: self, space, from, told: Mutex::default() };
        let said = talk(&here);
        let mut told = here.told.into_inner().unwrap_or_default();
        match said {
            Ok(said) => told.answers = said,
            Err(error) => {
                tracing::warn!(%error, space = %space.id.short(), "what is said of a fork is not followed up");
            }
        }
        told
    }
}

fn answers(to: DeviceId, said: Vec<Said>) -> Vec<(DeviceId, Said)> {
    said.into_iter().map(|said| (to, said)).collect()
}
