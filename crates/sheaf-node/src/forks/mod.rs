//! Forked logs (L6): two entries in one place, both signed.
//!
//! From the place where it forks on, a log is a tree. What of it came first is in the log proper, as it was stored; what
//! came in a place that was taken is kept *beside* it, one record an entry. Neither side is better for that: which counts
//! is worked out from both ([`sheaf_log::Branches`]), and everyone who holds both comes to the same answer. So nothing is
//! moved when the answer changes: another part of what is held is void (A5), and documents follow as ever (A6).
//!
//! What others have built on either side is admitted like anything else, for what it names is held. The log itself takes no
//! more entries: its branches are exchanged beside it, see `words`. A device that finds its own log forked begins a new one.

mod keep;
mod search;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sheaf_access::{EntryHash, LogId, PersonId};
use sheaf_log::{Branches, Entry, EntryRef, ForkProof, HeldEntry};

pub use keep::proved;
pub use search::Searches;
pub use words::{Suspicion, Unbelieved, Waiting};

/// The most entries that may stand in one place of a log and be built on by nobody. Of more than these only one with a lower
/// hash than all of them is taken, for that is the one that counts: so who forges many has everyone keep few, and the
/// same one in the end.
const MOST_SIBLINGS: usize = 32;

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
    proof: Vec<u8>,
    /// Those in the log proper.
    main: BTreeSet<EntryHash>,
    /// The others.
    beside: HashMap<EntryHash, HeldEntry>,
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

    /// The entries of the branches that count, as far as is known who has built on which.
    pub fn chosen(&self) -> BTreeSet<EntryHash> {
        self.logs.values().flat_map(|forked| forked.tree.chosen()).collect()
    }

    /// A log is forked at a place; `main` is what the log proper has from there on. What was known beside it stays.
    fn begin(&mut self, proof: &ForkProof, main: &[Entry]) {
        let before = self.logs.remove(&proof.log());
        let mut forked = Forked {
            at: proof.seq(),
            tree: Branches::new(),
            proof: proof.encode(),
            main: main.iter().map(Entry::hash).collect(),
            beside: HashMap::new(),
        };
        for entry in main {
            forked.tree.add(entry.hash(), entry.seq(), entry.header().prev);
        }
        for (hash, seq, prev, held) in before.into_iter().flat_map(Forked::into_beside) {
            forked.tree.add(hash, seq, prev);
            forked.beside.insert(hash, held);
        }
        self.logs.insert(proof.log(), forked);
        self.version += 1;
    }

    /// Another entry of a branch, after the one it follows.
    fn add(&mut self, entry: &Entry) {
        if let Some(forked) = self.logs.get_mut(&entry.log()) {
            forked.tree.add(entry.hash(), entry.seq(), entry.header().prev);
            forked.beside.insert(entry.hash(), HeldEntry::from(entry));
            self.version += 1;
        }
    }
}

impl Forked {
    /// Whether an entry is in the log proper.
    pub fn is_main(&self, entry: &EntryHash) -> bool {
        self.main.contains(entry)
    }

    /// The entries in the log proper.
    pub fn main(&self) -> impl Iterator<Item = &EntryHash> {
        self.main.iter()
    }

    /// Those kept beside it, each after the one it follows.
    pub fn in_order(&self) -> Vec<EntryHash> {
        let mut all: Vec<(u64, EntryHash)> =
            self.beside.keys().filter_map(|hash| Some((self.tree.seq_of(hash)?, *hash))).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, hash)| hash).collect()
    }

    /// Whether there is room for an entry that follows this one, or stands in the place of the fork; `needed`, if somebody
    /// has built on it.
    fn has_room(&self, entry: &EntryHash, prev: Option<EntryHash>, needed: bool) -> bool {
        let siblings = self.tree.following(prev);
        needed || siblings.len() < MOST_SIBLINGS || siblings.first().is_some_and(|lowest| entry < lowest)
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
