//! Keeping what is beside a log: the proof of a fork, and the entries of the branches that are not in the log proper.

use std::sync::Arc;

use sheaf_access::{EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, ForkProof, Kind, Taken};
use sheaf_store::{StoreError, branch_entry, delete_branches, main_from, put_branch, put_fork};

use crate::accept::HeldHere;
use crate::core::{Core, locked};
use crate::network::Input;
use crate::space::Space;
use crate::view::NodeEvent;

impl Core {
    /// Lets go of what there is too much of beside a log. Blocks.
    pub fn thin_out(&self, space: &Space, log: &LogId) -> Result<(), StoreError> {
        let _branching = locked(&space.branching);
        let asked = locked(&space.talk).asked(log);
        let gone = {
            let mut state = space.lock();
            let void = Arc::clone(&state.void);
            Arc::make_mut(&mut state.forks).thin_out(log, &void.branch, &asked)
        };
        delete_branches(&*self.store, space.id, *log, &gone)
    }

    /// An entry beside a log.
    pub fn branch_entry(&self, space: SpaceId, log: LogId, hash: EntryHash) -> Result<Option<Entry>, StoreError> {
        branch_entry(&*self.store, space, log, hash)
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
        put_fork(&*self.store, proof, space.lock().forks.at(&log))?;
        let main = main_from(&*self.store, space.id, log, at)?;
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
            let here = HeldHere::new(&*self.store, &state, space)?;
            let taken = state.forks.admit(entry, needed, here, state.access.as_ref())?;
            if taken != Taken::New {
                return Ok(taken);
            }
        }
        put_branch(&*self.store, entry)?;
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
