//! Forks (L6): two entries that a device has signed in one place of its log.
//!
//! An honest device never does that; a home that was copied, or put back from a backup, may. Two headers with their
//! signatures prove it to anyone, whoever brings them: a [`ForkProof`]. The log closes there. What was written behind it,
//! on either side, is kept, and one side counts: [`Branches`] says which, from what is held and nothing else, so that
//! everyone who holds the same comes to the same answer.
//!
//! The side that counts is the one that most other people have built on, for theirs would be lost with it; between equals,
//! the one whose first entry has the lower hash. Entries do not name the proofs their authors knew of, so a vote cast in
//! knowledge of the fork cannot be told from one cast before; it need not be, for an honest device that knows builds on the
//! side that counts already.

use std::collections::{BTreeMap, BTreeSet};

use sheaf_access::{EntryHash, LogId, PersonId, SpaceId};

use crate::checkpoint::SignedHeader;
use crate::entry::{Entry, EntryError};

const VERSION: u8 = 1;

/// Why bytes prove no fork.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum ForkError {
    /// Written by a later version.
    #[error("this proof of a fork was written by a newer Sheaf; update to take part")]
    Newer,
    /// Not a proof, or not whole.
    #[error("this is not a proof of a fork")]
    Malformed,
    /// One of the two is no header, or was not signed by the device it names.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// They are of different spaces, logs or places, or one and the same.
    #[error("these two entries do not contradict each other")]
    NoFork,
}

/// Two headers of one log in one place, each signed by the device. There is no other way to have one than to check both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForkProof {
    space: SpaceId,
    log: LogId,
    seq: u64,
    /// With the lower hash first.
    entries: [(EntryHash, SignedHeader); 2],
}

impl ForkProof {
    /// From two entries that contradict each other.
    pub fn of(a: &Entry, b: &Entry) -> Result<Self, ForkError> {
        Self::verified([a.signed_header(), b.signed_header()])
    }

    fn verified([a, b]: [SignedHeader; 2]) -> Result<Self, ForkError> {
        let ((one, hash_of_one), (other, hash_of_other)) = (a.verify()?, b.verify()?);
        // One place of one log may be taken in two spaces: the log's name is the device's to choose.
        let same_place = (one.space, one.log, one.seq) == (other.space, other.log, other.seq);
        if !same_place || hash_of_one == hash_of_other {
            return Err(ForkError::NoFork);
        }
        let mut entries = [(hash_of_one, a), (hash_of_other, b)];
        entries.sort_unstable_by_key(|(hash, _)| *hash);
        Ok(Self { space: one.space, log: one.log, seq: one.seq, entries })
    }

    /// The space that both entries name.
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// The log.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// The place that is taken twice.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The two entries that take it, the lower hash first.
    pub fn entries(&self) -> [EntryHash; 2] {
        [self.entries[0].0, self.entries[1].0]
    }

    /// Its bytes: a version, then postcard of both headers with their signatures, the lower hash first.
    pub fn encode(&self) -> Vec<u8> {
        let headers = (&self.entries[0].1, &self.entries[1].1);
        // Writing plain data into a growing vector has nothing that can fail.
        postcard::to_extend(&headers, vec![VERSION]).unwrap_or_default()
    }

    /// From bytes that anyone may have sent: both signatures are checked. Nothing is allocated beyond the bytes' length.
    pub fn verify(bytes: &[u8]) -> Result<Self, ForkError> {
        let rest = match bytes.split_first() {
            Some((&VERSION, rest)) => rest,
            Some((&version, _)) if version > VERSION => return Err(ForkError::Newer),
            _ => return Err(ForkError::Malformed),
        };
        let headers: (SignedHeader, SignedHeader) = postcard::from_bytes(rest).map_err(|_| ForkError::Malformed)?;
        let proof = Self::verified([headers.0, headers.1])?;
        // In one order only.
        if proof.encode() == bytes { Ok(proof) } else { Err(ForkError::Malformed) }
    }
}

#[derive(Clone, Debug, Default)]
struct Node {
    seq: u64,
    prev: Option<EntryHash>,
    /// What follows it, by hash.
    next: BTreeSet<EntryHash>,
    /// Who else has built on it.
    votes: BTreeSet<PersonId>,
}

/// A log from its first fork on, as a tree, and who has built on what of it.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    nodes: BTreeMap<EntryHash, Node>,
    /// The entries that are in the place of the first fork.
    roots: BTreeSet<EntryHash>,
}

impl Branches {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry, after the one it follows; one that follows none of these stands in the place of the first fork.
    /// Adding one twice changes nothing.
    pub fn add(&mut self, entry: EntryHash, seq: u64, prev: Option<EntryHash>) {
        if self.nodes.contains_key(&entry) {
            return;
        }
        let prev = prev.filter(|prev| self.nodes.contains_key(prev));
        match prev.and_then(|prev| self.nodes.get_mut(&prev)) {
            Some(before) => {
                before.next.insert(entry);
            }
            None => {
                self.roots.insert(entry);
            }
        }
        self.nodes.insert(entry, Node { seq, prev, ..Node::default() });
    }

    /// Somebody else has built on an entry of the log. Answers whether that was not known, and of one of these.
    pub fn vote(&mut self, entry: &EntryHash, person: PersonId) -> bool {
        self.nodes.get_mut(entry).is_some_and(|node| node.votes.insert(person))
    }

    /// Whether an entry is one of these.
    pub fn contains(&self, entry: &EntryHash) -> bool {
        self.nodes.contains_key(entry)
    }

    /// The place of an entry in the log.
    pub fn seq_of(&self, entry: &EntryHash) -> Option<u64> {
        self.nodes.get(entry).map(|node| node.seq)
    }

    /// What an entry follows, if that is one of these.
    pub fn before(&self, entry: &EntryHash) -> Option<EntryHash> {
        self.nodes.get(entry)?.prev
    }

    /// What follows an entry, the lowest hash first; with none, what stands in the place of the first fork.
    pub fn following(&self, entry: Option<EntryHash>) -> Vec<EntryHash> {
        let following = match entry {
            Some(entry) => self.nodes.get(&entry).map(|node| &node.next),
            None => Some(&self.roots),
        };
        following.into_iter().flatten().copied().collect()
    }

    /// The entries of each place that is taken more than once, the lowest hash first.
    pub fn contested(&self) -> impl Iterator<Item = &BTreeSet<EntryHash>> {
        let places = std::iter::once(&self.roots).chain(self.nodes.values().map(|node| &node.next));
        places.filter(|siblings| siblings.len() > 1)
    }

    /// Takes an entry out, with all that follows it. Answers what went.
    pub fn remove(&mut self, entry: &EntryHash) -> Vec<EntryHash> {
        let Some(node) = self.nodes.get(entry) else { return Vec::new() };
        match node.prev.and_then(|prev| self.nodes.get_mut(&prev)) {
            Some(before) => before.next.remove(entry),
            None => self.roots.remove(entry),
        };
        let mut gone = vec![*entry];
        let mut at = 0;
        while let Some(node) = gone.get(at).and_then(|entry| self.nodes.remove(entry)) {
            gone.extend(node.next);
            at += 1;
        }
        gone
    }

    /// An entry, and those before it, the first one first.
    pub fn path(&self, entry: &EntryHash) -> Vec<EntryHash> {
        let mut path = Vec::new();
        let mut at = Some(*entry);
        while let Some(entry) = at {
            let Some(node) = self.nodes.get(&entry) else { break };
            path.push(entry);
            at = node.prev;
        }
        path.reverse();
        path
    }

    /// The entries that nothing follows.
    pub fn tips(&self) -> impl Iterator<Item = EntryHash> + '_ {
        self.nodes.iter().filter(|(_, node)| node.next.is_empty()).map(|(entry, _)| *entry)
    }

    /// The branch that counts, the first entry first. At each fork it goes on with the side that most have built on,
    /// anywhere on it, and between equals with the lower hash.
    pub fn chosen(&self) -> Vec<EntryHash> {
        self.goes_on(Vec::new(), &self.roots)
    }

    /// The branch that counts if it is settled that it has this entry.
    pub fn chosen_through(&self, entry: &EntryHash) -> Vec<EntryHash> {
        let Some(node) = self.nodes.get(entry) else { return Vec::new() };
        self.goes_on(self.path(entry), &node.next)
    }

    fn goes_on(&self, mut chosen: Vec<EntryHash>, from: &BTreeSet<EntryHash>) -> Vec<EntryHash> {
        let voters = self.voters();
        let count = |entry: &EntryHash| voters.get(entry).map_or(0, BTreeSet::len);
        // The lowest hash of those with the most votes: sets are in the order of hashes, and the first of equals is taken.
        let best = |side: &BTreeSet<EntryHash>| side.iter().copied().rev().max_by_key(|entry| count(entry));
        let mut at = best(from);
        while let Some(entry) = at {
            chosen.push(entry);
            at = self.nodes.get(&entry).and_then(|node| best(&node.next));
        }
        chosen
    }

    /// Of each entry, who has built on it or on what follows it.
    fn voters(&self) -> BTreeMap<EntryHash, BTreeSet<PersonId>> {
        let mut by_place: Vec<(&EntryHash, &Node)> = self.nodes.iter().collect();
        by_place.sort_unstable_by_key(|(_, node)| std::cmp::Reverse(node.seq));
        let mut voters: BTreeMap<EntryHash, BTreeSet<PersonId>> = BTreeMap::new();
        for (entry, node) in by_place {
            let mut all = node.votes.clone();
            all.extend(node.next.iter().filter_map(|next| voters.get(next)).flatten());
            voters.insert(*entry, all);
        }
        voters
    }
}
