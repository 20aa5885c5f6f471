//! [`Theirs`]: what a peer holds, as its difference from what is held here.

use std::collections::BTreeMap;

use sheaf_access::LogId;
use sheaf_log::Frontier;

/// A peer's frontier of one space, kept only where it differs from ours.
///
/// Most peers hold most of the time exactly what this node holds, so most of the time this is empty, however many logs
/// the space has; and whether two frontiers are equal is one question, not a comparison. Every change on either side is
/// told to it: [`Self::we_have`] and [`Self::they_have`].
#[derive(Debug, Default)]
pub(crate) struct Theirs {
    differs: BTreeMap<LogId, u64>,
}

impl Theirs {
    /// From here on they are taken to hold what is held here.
    pub fn equal_ours(&mut self) {
        self.differs.clear();
    }

    /// They said what they hold: all of it.
    pub fn are(&mut self, theirs: &Frontier, ours: &Frontier) {
        self.differs.clear();
        for (log, seq) in ours.iter() {
            let held = theirs.get(log);
            if held != seq {
                self.differs.insert(*log, held);
            }
        }
        for (log, seq) in theirs.iter() {
            if ours.get(log) == 0 {
                self.differs.insert(*log, seq);
            }
        }
    }

    /// The highest number they hold of a log of which `ours` is held here.
    pub fn of(&self, log: &LogId, ours: u64) -> u64 {
        self.differs.get(log).copied().unwrap_or(ours)
    }

    /// Our number in a log went up.
    pub fn we_have(&mut self, log: LogId, before: u64, now: u64) {
        if *self.differs.entry(log).or_insert(before) == now {
            self.differs.remove(&log);
        }
    }

    /// They hold a log at least up to `seq`. Answers whether that is news.
    pub fn they_have(&mut self, log: LogId, seq: u64, ours: u64) -> bool {
        if seq <= self.of(&log, ours) {
            return false;
        }
        if seq == ours {
            self.differs.remove(&log);
        } else {
            self.differs.insert(log, seq);
        }
        true
    }

    /// In how many logs they differ.
    pub fn len(&self) -> usize {
        self.differs.len()
    }

    /// The logs in which they differ, with their number.
    pub fn iter(&self) -> impl Iterator<Item = (LogId, u64)> + '_ {
        self.differs.iter().map(|(log, seq)| (*log, *seq))
    }
}
