//! [`Timers`]: when to look at which lane again.

use std::collections::BTreeSet;

use sheaf_access::SpaceId;

/// Moments at which something is due, in order, so that a tick costs what is due and nothing more.
#[derive(Debug)]
pub(crate) struct Timers<P> {
    due: BTreeSet<(u64, P, SpaceId)>,
    /// When what has gathered in which space goes out.
    flushes: BTreeSet<(u64, SpaceId)>,
    /// The earliest moment the node was asked to wake us at, and has not yet.
    announced: Option<u64>,
}

impl<P: Copy + Ord> Timers<P> {
    pub fn new() -> Self {
        Self { due: BTreeSet::new(), flushes: BTreeSet::new(), announced: None }
    }

    pub fn set(&mut self, at: u64, peer: P, space: SpaceId) {
        self.due.insert((at, peer, space));
    }

    pub fn clear(&mut self, at: u64, peer: P, space: SpaceId) {
        self.due.remove(&(at, peer, space));
    }

    pub fn set_flush(&mut self, at: u64, space: SpaceId) {
        self.flushes.insert((at, space));
    }

    pub fn clear_flush(&mut self, at: u64, space: SpaceId) {
        self.flushes.remove(&(at, space));
    }

    /// Takes one space whose moment has come.
    pub fn pop_flush(&mut self, now: u64) -> Option<SpaceId> {
        let first = *self.flushes.first()?;
        (first.0 <= now).then(|| {
            self.flushes.remove(&first);
            first.1
        })
    }

    /// Takes one moment that has come.
    pub fn pop(&mut self, now: u64) -> Option<(P, SpaceId)> {
        let first = *self.due.first()?;
        (first.0 <= now).then(|| {
            self.due.remove(&first);
            (first.1, first.2)
        })
    }

    /// The moment to ask the node for, if it has to be asked.
    pub fn announce(&mut self, now: u64) -> Option<u64> {
        if self.announced.is_some_and(|at| at <= now) {
            self.announced = None;
        }
        let due = self.due.first().map(|(at, ..)| *at);
        let first = due.into_iter().chain(self.flushes.first().map(|(at, _)| *at)).min()?;
        if self.announced.is_some_and(|at| at <= first) {
            return None;
        }
        self.announced = Some(first);
        Some(first)
    }
}
