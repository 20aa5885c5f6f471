//! [`Space`]: what this node holds of a space, and who follows it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use sheaf_access::{EntryHash, LogId, SpaceId};
use sheaf_log::{BlobLink, Frontier, FrontierDigest};

use crate::gathering::Gathering;
use crate::tip::Tip;

/// All spaces of this node.
pub(crate) type Spaces<P> = BTreeMap<SpaceId, Space<P>>;

/// One space.
#[derive(Debug)]
pub(crate) struct Space<P> {
    frontier: Frontier,
    /// The last entry of each log, as far as the node has told.
    tips: BTreeMap<LogId, EntryHash>,
    /// Logs that are forked, and the last place before that.
    forked: BTreeMap<LogId, u64>,
    digest: OnceLock<FrontierDigest>,
    /// The peers that have a lane for it: those, and no others, are looked at when an entry is stored.
    pub peers: BTreeSet<P>,
    /// What waits to go out to them together.
    pub gathering: Gathering<P>,
    /// The last entry that was passed on before it was durable, until it is.
    pub admitted: Option<(LogId, u64)>,
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
            tips: BTreeMap::new(),
            forked: BTreeMap::new(),
            digest: OnceLock::new(),
            peers: BTreeSet::new(),
            gathering: Gathering::default(),
            admitted: None,
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
        let news = self.frontier.advance(log, seq);
        if news {
            // Which entry it is has yet to be told.
            self.tips.remove(&log);
            self.digest = OnceLock::new();
        }
        news.then_some(before)
    }

    /// The last entry of a log is this one.
    pub fn tip(&mut self, log: LogId, seq: u64, hash: EntryHash) {
        if self.frontier.get(&log) == seq {
            self.tips.insert(log, hash);
            self.digest = OnceLock::new();
        }
    }

    /// A log has branches from after a place on (L6): what is held of it from there on is not compared, for each may hold
    /// another branch there.
    pub fn fork(&mut self, log: LogId, before: u64) {
        let at = self.forked.entry(log).or_insert(before);
        *at = before.min(*at);
        self.digest = OnceLock::new();
    }

    /// How each log ends, in the order of the frontier.
    pub fn tips(&self) -> Vec<Tip> {
        let tip = |(log, seq): (&LogId, u64)| match self.tips.get(log) {
            Some(hash) if !self.is_forked(log, seq) => Tip::of(hash),
            _ => Tip::UNTOLD,
        };
        self.frontier.iter().map(tip).collect()
    }

    /// Of a peer's logs, those which end in a place that is held here, perhaps with another entry in it.
    pub fn unsure(&self, held: &Frontier, tips: &[Tip]) -> Vec<(LogId, u64, Tip)> {
        let theirs = held.iter().zip(tips).filter(|(_, tip)| **tip != Tip::UNTOLD);
        let same = |log: &LogId, seq: u64, tip: &Tip| {
            self.held(log) == seq && self.tips.get(log).is_some_and(|hash| Tip::of(hash) == *tip)
        };
        theirs
            .filter(|((log, seq), tip)| *seq <= self.held(log) && !self.is_forked(log, *seq) && !same(log, *seq, tip))
            .map(|((log, seq), tip)| (*log, seq, *tip))
            .collect()
    }

    /// The last place of a log before it is forked, if it is.
    pub fn forked_after(&self, log: &LogId) -> Option<u64> {
        self.forked.get(log).copied()
    }

    fn is_forked(&self, log: &LogId, seq: u64) -> bool {
        self.forked.get(log).is_some_and(|before| *before < seq)
    }

    /// A digest of what is held: how far each log, and with which entry at its end.
    pub fn digest(&self) -> FrontierDigest {
        *self.digest.get_or_init(|| {
            let tip = |log: &LogId, seq: u64| match self.forked.get(log) {
                Some(before) => (*log, (*before).min(seq), None),
                None => (*log, seq, self.tips.get(log).copied()),
            };
            FrontierDigest::with_tips(self.frontier.iter().map(|(log, seq)| tip(log, seq)))
        })
    }
}
