//! [`Coming`]: what was let in of a space and is not durable yet.
//!
//! Whatever is let in is passed on at once, and what builds on it may come before the disk is done (R1): it is judged as if what
//! came before were held. Should the disk fail, all of that is held no more, and none of it was acknowledged: what was let in
//! on the strength of something that is not kept is not kept either.

use std::collections::HashMap;

use sheaf_access::LogId;
use sheaf_log::{Entry, Frontier, HeldEntry};

/// What is on its way to the disk, of one space.
#[derive(Debug, Default, Clone)]
pub(super) struct Coming {
    entries: HashMap<(LogId, u64), HeldEntry>,
    /// How often it was given up.
    given_up: u64,
}

impl Coming {
    /// These were let in.
    pub fn let_in(&mut self, entries: HashMap<(LogId, u64), HeldEntry>) {
        self.entries.extend(entries);
    }

    /// These are durable.
    pub fn durable<'e>(&mut self, entries: impl Iterator<Item = &'e Entry>) {
        for entry in entries {
            self.entries.remove(&(entry.log(), entry.seq()));
        }
    }

    /// None of it is going to be durable.
    pub fn give_up(&mut self) {
        self.entries.clear();
        self.given_up += 1;
    }

    /// What was let in before this has changed is not kept.
    pub fn attempt(&self) -> u64 {
        self.given_up
    }

    /// An entry, if it is one of them.
    pub fn at(&self, log: &LogId, seq: u64) -> Option<&HeldEntry> {
        self.entries.get(&(*log, seq))
    }

    /// What is held besides, when all of them are.
    pub fn raise(&self, frontier: &mut Frontier) {
        for (log, seq) in self.entries.keys() {
            frontier.advance(*log, *seq);
        }
    }
}
