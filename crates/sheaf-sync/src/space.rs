//! [`Space`]: what this node holds of a space, and who follows it.

use std::collections::{BTreeMap, BTreeSet};

use sheaf_access::{LogId, SpaceId};
use sheaf_log::{BlobLink, Frontier, FrontierDigest};

/// All spaces of this node.
pub(crate) type Spaces<P> = BTreeMap<SpaceId, Space<P>>;

/// One space.
#[derive(Debug)]
pub(crate) struct Space<P> {
    frontier: Frontier,
    /// The peers that have a lane for it: those, and no others, are looked at when an entry is stored.
    pub peers: BTreeSet<P>,
    /// Up to where entries may be pruned.
    pub floors: Frontier,
    /// What to fetch instead.
    pub bundles: Vec<(BlobLink, Frontier)>,
    /// Endorsements of the checkpoint, as signed.
    pub endorsements: BTreeSet<Vec<u8>>,
}

impl<P> Space<P> {
    pub fn new(frontier: Frontier) -> Self {
        Self {
            frontier,
            peers: BTreeSet::new(),
            floors: Frontier::new(),
            bundles: Vec::new(),
            endorsements: BTreeSet::new(),
        }
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
        self.frontier.advance(log, seq).then_some(before)
    }

    pub fn digest(&self) -> FrontierDigest {
        self.frontier.digest()
    }
}
