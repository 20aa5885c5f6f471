//! Forked logs (L6): two entries in one place, both signed.
//!
//! From the place where it forks on, a log is a tree. What of it came first is in the log proper, as it was stored; what
//! came in a place that was taken is kept *beside* it, one record an entry. Neither side is better for that: which counts
//! is worked out from both ([`Branches`]), and everyone who holds both comes to the same answer. So nothing is
//! moved when the answer changes: another part of what is held is void (A5), and documents follow as ever (A6).
//!
//! What others have built on either side is admitted like anything else, for what it names is held. The log itself takes no
//! more entries: its branches are exchanged beside it, by name and not by number. A device that finds its own log forked begins a new one.

mod on_branch;
mod room;
mod settled;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use sheaf_access::{EntryHash, LogId, PersonId};

use crate::{Branches, Entry, EntryRef, ForkProof, HeldEntry, Kind};

pub use on_branch::Taken;
pub use settled::Settled;

/// The forked logs of a space.
#[derive(Clone, Default)]
pub struct Forks {
    logs: BTreeMap<LogId, Forked>,
    /// Rises with every entry of a branch: what was worked out before is worked out again.
    version: u64,
}

/// A forked log, from the fork on.
#[derive(Clone)]
pub struct Forked {
    /// The first place that is taken twice.
    pub at: u64,
    /// All its entries from there on, as far as they are held.
    pub tree: Branches,
    /// What proves it, encoded.
    pub proof: Vec<u8>,
    /// By what it is settled which side counts.
    settled: Settled,
    /// Those in the log proper, and what they are for.
    main: BTreeMap<EntryHash, Kind>,
    /// The others.
    beside: HashMap<EntryHash, HeldEntry>,
    /// Those that something builds on which is held, and those before them.
    needed: BTreeSet<EntryHash>,
    /// Those that counted lately, the last ones last: documents may still be letting go of them.
    lately: VecDeque<EntryHash>,
}

impl Forks {
    /// The place from which on a log is forked.
    pub fn at(&self, log: &LogId) -> Option<u64> {
        self.logs.get(log).map(|forked| forked.at)
    }

    /// One of them.
    pub fn get(&self, log: &LogId) -> Option<&Forked> {
        self.logs.get(log)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&LogId, &Forked)> {
        self.logs.iter()
    }

    /// Whether there are none, as nearly always.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Changes whenever they do.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// An entry that is kept beside a log.
    pub fn beside(&self, on: &EntryRef) -> Option<&HeldEntry> {
        self.logs.get(&on.log)?.beside.get(&on.hash)
    }

    /// How many entries are kept beside logs.
    pub fn count_beside(&self) -> usize {
        self.logs.values().map(|forked| forked.beside.len()).sum()
    }

    /// Everything that is kept beside a log, each after what it follows.
    pub fn all_beside(&self) -> Vec<(LogId, EntryHash)> {
        let of = |(log, forked): (&LogId, &Forked)| {
            let log = *log;
            forked.in_order().into_iter().map(move |hash| (log, hash))
        };
        self.logs.iter().flat_map(of).collect()
    }

    /// Somebody has built on an entry of a forked log. Answers whether that is news.
    pub fn vote(&mut self, on: &EntryRef, by: PersonId) -> bool {
        self.logs.get_mut(&on.log).is_some_and(|forked| forked.tree.vote(&on.hash, by))
    }

    /// The entries of the branches that count, as far as is known who has built on which, and what checkpoints decide.
    pub fn chosen(&self) -> BTreeSet<EntryHash> {
        self.logs.values().flat_map(Forked::chosen).collect()
    }

    /// A log is forked at a place; `main` is what the log proper has from there on. What was known beside it stays.
    pub fn begin(&mut self, proof: &ForkProof, main: &[Entry]) {
        let before = self.logs.remove(&proof.log());
        let needed: Vec<EntryHash> = before.iter().flat_map(|before| before.needed.iter().copied()).collect();
        let mut forked = Forked {
            at: proof.seq(),
            tree: Branches::new(),
            proof: proof.encode(),
            settled: Settled::ByVotes,
            main: main.iter().map(|entry| (entry.hash(), entry.header().kind)).collect(),
            beside: HashMap::new(),
            needed: BTreeSet::new(),
            lately: VecDeque::new(),
        };
        for entry in main {
            forked.tree.add(entry.hash(), entry.seq(), entry.header().prev);
        }
        for (hash, seq, prev, held) in before.into_iter().flat_map(Forked::into_beside) {
            forked.tree.add(hash, seq, prev);
            forked.beside.insert(hash, held);
        }
        for hash in &needed {
            forked.need(hash);
        }
        self.logs.insert(proof.log(), forked);
        self.version += 1;
    }

    /// Another entry of a branch, after the one it follows.
    pub fn add(&mut self, entry: &Entry) {
        if let Some(forked) = self.logs.get_mut(&entry.log()) {
            forked.tree.add(entry.hash(), entry.seq(), entry.header().prev);
            forked.beside.insert(entry.hash(), HeldEntry::from(entry));
            if entry.header().kind == Kind::Access {
                // What is in the access history stays there.
                forked.need(&entry.hash());
            }
            self.version += 1;
        }
        self.builds_on(&entry.header().builds_on);
    }
}

impl Forked {
    /// Whether an entry is in the log proper.
    pub fn is_main(&self, entry: &EntryHash) -> bool {
        self.main.contains_key(entry)
    }

    /// The entries in the log proper.
    pub fn main(&self) -> impl Iterator<Item = &EntryHash> {
        self.main.keys()
    }

    /// Those kept beside it, each after the one it follows.
    pub fn in_order(&self) -> Vec<EntryHash> {
        let mut all: Vec<(u64, EntryHash)> =
            self.beside.keys().filter_map(|hash| Some((self.tree.seq_of(hash)?, *hash))).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, hash)| hash).collect()
    }

    fn into_beside(self) -> Vec<(EntryHash, u64, Option<EntryHash>, HeldEntry)> {
        let order = self.in_order();
        let Self { tree, mut beside, .. } = self;
        let one = |hash: EntryHash| {
            let held = beside.remove(&hash)?;
            Some((hash, tree.seq_of(&hash)?, tree.before(&hash), held))
        };
        order.into_iter().filter_map(one).collect()
    }
}
