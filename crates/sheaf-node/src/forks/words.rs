//! The conversation about forks, as a node has it (see [`sheaf_sync::branches`]).

use std::sync::{Arc, MutexGuard};

use sheaf_access::{DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, ForkProof, Forked, Forks, Frontier, Taken};
use sheaf_store::StoreError;
use sheaf_sync::branches::{self, Branched, End, Said, Searches, Suspicion, Talk};

use crate::core::{Core, locked};
use crate::network::Input;
use crate::space::Space;

/// A space of this node's.
struct Here<'a> {
    core: &'a Core,
    space: &'a Space,
}

impl Branched for Here<'_> {
    type Error = StoreError;

    fn space(&self) -> SpaceId {
        self.space.id
    }

    fn entry(&self, log: LogId, seq: u64) -> Result<Option<Entry>, StoreError> {
        self.core.store.entry(self.space.id, log, seq)
    }

    fn beside(&self, log: LogId, hash: EntryHash) -> Result<Option<Entry>, StoreError> {
        self.core.branch_entry(self.space.id, log, hash)
    }

    fn height(&self, log: &LogId) -> Result<u64, StoreError> {
        Ok(self.core.store.frontier(self.space.id)?.get(log))
    }

    fn forks(&self) -> Arc<Forks> {
        Arc::clone(&self.space.lock().forks)
    }

    fn counts(&self, log: &LogId, forked: &Forked, end: &End) -> bool {
        let void = Arc::clone(&self.space.lock().void);
        if forked.is_main(&end.hash) { !void.is_from(log, end.seq) } else { void.branch.contains(&end.hash) }
    }

    fn knows(&self, device: &DeviceId) -> bool {
        self.space.access().is_some_and(|access| access.person_of(device).is_some())
    }

    fn may_see(&self, device: &DeviceId) -> bool {
        let shown = |access: &sheaf_access::AccessState| {
            // A relay that keeps the space is shown its entries as well.
            access.role_of(device).is_some() || access.relay(device).is_some()
        };
        // And whoever was let in by an invitation: they read what led to it, and join then.
        self.space.access().is_some_and(|access| shown(&access)) || self.core.is_guest(self.space.id, *device)
    }

    fn fork_proved(&self, proof: &ForkProof) -> Result<(), StoreError> {
        self.core.fork_proved(self.space, proof)
    }

    fn take(&self, entry: &Entry, needed: bool) -> Result<Taken, StoreError> {
        self.core.take_branch_entry(self.space, entry, needed)
    }

    fn grew(&self, log: &LogId) {
        self.core.open_new(self.space, None);
        // Not before it is known what counts, and documents have been told.
        if let Err(error) = self.core.thin_out(self.space, log) {
            tracing::warn!(%error, space = %self.space.id, "more is kept of a forked log than need be");
        }
        if let Some(word) = branches::word(self, log) {
            self.core.tell_network(Input::Words { space: self.space.id, word });
        }
    }

    fn searches(&self) -> &Searches {
        &self.core.searches
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        locked(&self.space.talk)
    }
}

impl Core {
    /// What is said to a device that a space is shared with: which logs of it are forked.
    pub fn words_of_forks(&self, space: SpaceId) -> Vec<Said> {
        self.space(space).map(|space| branches::words(&Here { core: self, space: &space })).unwrap_or_default()
    }

    /// The last entry of every log, where it is known.
    pub fn tips(&self, space: &Space, frontier: &Frontier) -> Result<Vec<(LogId, u64, EntryHash)>, StoreError> {
        let headers = space.checkpoints().headers();
        let mut tips = Vec::with_capacity(frontier.len());
        for (log, seq) in frontier.iter() {
            // What a checkpoint stands for comes before what is here.
            let hash = match headers.get(&(*log, seq)) {
                Some(held) => Some(held.hash),
                None => self.store.entry(space.id, *log, seq)?.map(|entry| entry.hash()),
            };
            tips.extend(hash.map(|hash| (*log, seq, hash)));
        }
        Ok(tips)
    }

    /// Follows up what admission has found. Blocks.
    pub fn suspect(&self, space: &Space, from: DeviceId, suspicion: Suspicion) {
        match branches::follow_up(&Here { core: self, space }, from, suspicion) {
            Ok(words) => words.into_iter().for_each(|word| self.say_to(space, from, word)),
            Err(error) => tracing::warn!(%error, space = %space.id, "what points to a fork is not followed up"),
        }
    }

    /// What waited for more of a space is looked at, or asked for, again.
    pub fn ask_again(&self, space: &Space) {
        match branches::ask_again(&Here { core: self, space }) {
            Ok(words) => words.into_iter().for_each(|(device, word)| self.say_to(space, device, word)),
            Err(error) => tracing::warn!(%error, space = %space.id, "the proof of a fork is not followed up"),
        }
    }

    fn say_to(&self, space: &Space, device: DeviceId, word: Said) {
        self.tell_network(Input::Word { device, space: space.id, word });
    }

    /// A peer's logs end in places that are held here. Where there is another entry in one of them, it is found out where
    /// the log forks. Blocks.
    pub fn compare(&self, id: SpaceId, from: DeviceId, tips: &[(LogId, u64, sheaf_sync::Tip)]) {
        let Some(space) = self.space(id) else { return };
        match branches::differing(&Here { core: self, space: &space }, tips) {
            Ok(found) => found.into_iter().for_each(|suspicion| self.suspect(&space, from, suspicion)),
            Err(error) => tracing::warn!(%error, space = %id, "how logs end cannot be compared"),
        }
    }

    /// A peer says something of forks. Answers what to say to it. Blocks.
    pub fn hear_of_forks(&self, space: &Space, from: DeviceId, word: Said) -> Result<Vec<Said>, StoreError> {
        branches::hear(&Here { core: self, space }, from, word)
    }
}
