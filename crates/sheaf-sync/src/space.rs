//! [`Space`]: what this node holds of a space, and who follows it.

use std::collections::{BTreeMap, BTreeSet};

use sheaf_access::{LogId, SpaceId};

use crate::Frontier;
use crate::tag::Digest;

/// All spaces of this node.
pub(crate) type Spaces<P> = BTreeMap<SpaceId, Space<P>>;

/// One space.
#[derive(Debug)]
pub(crate) struct Space<P> {
    frontier: Frontier,
    /// Taken when the frontier is loaded or moved and someone asks, not for every entry.
    digest: Option<Digest>,
    /// The peers that have a lane for it: those, and no others, are looked at when an entry is stored.
    pub peers: BTreeSet<P>,
}

impl<P> Space<P> {
    pub fn new(frontier: Frontier) -> Self {
        Self { frontier, digest: None, peers: BTreeSet::new() }
    }

    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The highest number held of a log.
    pub fn held(&self, log: &LogId) -> u64 {
        self.frontier.get(log)
    }

    /// An entry is durable here. Answers the number before, unless that was not lower.
    pub fn advance(&mut self, log: LogId, seq: u64) -> Option<u64> {
        let before = self.frontier.get(&log);
        if seq <= before {
            return None;
        }
        self.frontier.advance(log, seq);
        self.digest = None;
        Some(before)
    }

    /// Makes sure that [`Self::digest`] has one to give.
    pub fn take_digest(&mut self) {
        if self.digest.is_none() {
            self.digest = Some(Digest::from_bytes(self.frontier.digest()));
        }
    }

    pub fn digest(&self) -> Digest {
        self.digest.unwrap_or_else(|| Digest::from_bytes(self.frontier.digest()))
    }
}
