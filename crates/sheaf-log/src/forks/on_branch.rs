//! Admission of an entry of a branch: before it in its log is what it follows, whichever branch that is on.

use std::collections::BTreeSet;

use sheaf_access::{AccessHistory, DeviceId, LogId};

use super::Forks;
use crate::{Admitted, Entry, EntryRef, Held, HeldEntry, NotAdmitted, Refusal, admit};

/// What becomes of an entry of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is to be kept, or is now.
    New,
    /// It was kept already, or is in the log proper.
    Known,
    /// Something that it names is not here.
    Lacking,
    /// It is not taken.
    Refused,
}

impl Forks {
    /// Whether a verified entry may be kept beside its log: the log is forked there, there is room for it, or it is `needed`,
    /// for somebody has built on it, and nothing speaks against it.
    pub fn admit<H: Held>(
        &self,
        entry: &Entry,
        needed: bool,
        here: H,
        access: Option<&AccessHistory>,
    ) -> Result<Taken, H::Error> {
        let Some(forked) = self.get(&entry.log()).filter(|forked| entry.seq() >= forked.at) else {
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
        let Some(access) = access else { return Ok(Taken::Lacking) };
        match admit(entry, &OnBranch { here, entry, forks: self }, access) {
            Ok(Admitted::New) => Ok(Taken::New),
            Ok(Admitted::Duplicate) => Ok(Taken::Known),
            Err(NotAdmitted::Refused(Refusal::Lacking(_) | Refusal::OtherBranch { .. })) => Ok(Taken::Lacking),
            Err(NotAdmitted::Refused(_)) => Ok(Taken::Refused),
            Err(NotAdmitted::Unreadable(error)) => Err(error),
        }
    }
}

/// What is held, as an entry of a branch finds it.
struct OnBranch<'a, H> {
    here: H,
    entry: &'a Entry,
    /// What is kept beside logs.
    forks: &'a Forks,
}

impl<H: Held> OnBranch<'_, H> {
    /// What the entry follows, if that is held: in the log proper, or beside it.
    fn before(&self) -> Result<Option<HeldEntry>, H::Error> {
        let (log, seq) = (self.entry.log(), self.entry.seq() - 1);
        let Some(hash) = self.entry.header().prev else { return Ok(None) };
        if let Some(beside) = self.forks.beside(&EntryRef { log, seq, hash }) {
            return Ok(Some(beside.clone()));
        }
        Ok(self.here.at(&log, seq)?.filter(|held| held.hash == hash))
    }
}

impl<H: Held> Held for OnBranch<'_, H> {
    type Error = H::Error;

    fn height(&self, log: &LogId) -> Result<u64, H::Error> {
        if *log != self.entry.log() {
            return self.here.height(log);
        }
        let seq = self.entry.seq() - 1;
        let held = seq == 0 || self.before()?.is_some() || self.here.covered(log, seq)?;
        Ok(if held { seq } else { seq.saturating_sub(1) })
    }

    fn at(&self, log: &LogId, seq: u64) -> Result<Option<HeldEntry>, H::Error> {
        if *log == self.entry.log() && seq + 1 == self.entry.seq() { self.before() } else { self.here.at(log, seq) }
    }

    fn branch(&self, on: &EntryRef) -> Result<Option<HeldEntry>, H::Error> {
        self.here.branch(on)
    }

    fn covered(&self, log: &LogId, seq: u64) -> Result<bool, H::Error> {
        self.here.covered(log, seq)
    }

    fn logs(&self) -> Result<usize, H::Error> {
        self.here.logs().map(|logs| logs.saturating_sub(1))
    }

    fn logs_of(&self, devices: &BTreeSet<DeviceId>) -> Result<usize, H::Error> {
        // It is a branch of a log that is there already.
        self.here.logs_of(devices).map(|logs| logs.saturating_sub(1))
    }
}
