//! By what it is settled which side of a fork counts: by votes, or by a checkpoint that someone vouches for (C2).

use std::collections::BTreeMap;

use sheaf_access::{EntryHash, LogId};

use super::{Forked, Forks};

/// By what it is settled which side of a fork counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Settled {
    /// By who has built on which.
    #[default]
    ByVotes,
    /// It is the side with this entry; what follows that goes by votes again.
    Through(EntryHash),
    /// It is none of which anything is here.
    Elsewhere,
}

impl Forks {
    /// Takes up what checkpoints decide: `covered` says of a log the furthest place that one of them stands for, and which
    /// entry that is; `parted`, whether something else is in the log proper.
    pub fn settle(&mut self, covered: impl Fn(&LogId) -> Option<(u64, EntryHash)>, parted: impl Fn(&LogId) -> bool) {
        for (log, forked) in &mut self.logs {
            let last = covered(log).filter(|(seq, _)| *seq >= forked.at);
            forked.settled = last.map_or(Settled::ByVotes, |last| forked.side_of(last, parted(log)));
        }
    }

    /// By what each of them is settled.
    pub fn settled(&self) -> BTreeMap<LogId, Settled> {
        self.logs.iter().map(|(log, forked)| (*log, forked.settled)).collect()
    }
}

impl Forked {
    fn side_of(&self, (seq, hash): (u64, EntryHash), parted: bool) -> Settled {
        if self.tree.contains(&hash) {
            return Settled::Through(hash);
        }
        let below = |hash: &&EntryHash| self.tree.seq_of(hash).is_some_and(|at| at <= seq);
        let last = self.main().filter(below).max_by_key(|hash| self.tree.seq_of(hash));
        last.filter(|_| !parted).map_or(Settled::Elsewhere, |last| Settled::Through(*last))
    }

    /// The entries that count.
    pub(super) fn chosen(&self) -> Vec<EntryHash> {
        match &self.settled {
            Settled::ByVotes => self.tree.chosen(),
            Settled::Through(end) => self.tree.chosen_through(end),
            Settled::Elsewhere => Vec::new(),
        }
    }
}
