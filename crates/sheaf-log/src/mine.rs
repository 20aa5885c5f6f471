//! `mine`: what the signed header of an entry commits to, so that one signature proves a log's whole history (L1, C1).
//!
//! A log's own map has, for each document, part and session slot it ever wrote in, the sequence number and hash of that
//! actor's latest change. Automerge's change hashes cover their dependencies, and L3 makes each change of an actor descend
//! from its previous one. So whoever knows the map at a log's last header can tell whether a document holds all of that
//! log's work and nothing that it did not write.
//!
//! The commitment is a tree of one level: 256 buckets by a fixed function, in each the leaves in the order of their keys.
//! Setting one slot hashes one bucket and the root again.
//!
//! ```text
//! key     document (32) | part (1) | slot (4, little endian)
//! leaf    key | seq (8, little endian) | hash of the change (32)
//! bucket  first byte of hash("…mine bucket of…", key)
//! hash of a bucket   32 zeros when empty, else hash("…mine bucket…", its leaves in the order of their keys)
//! root    hash("…mine root…", the 256 buckets' hashes)
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use sheaf_access::DocumentId;

use crate::content::Part;
use crate::domain;

const BUCKETS: usize = 256;
const KEY: usize = 32 + 1 + 4;
const LEAF: usize = KEY + 8 + 32;
const EMPTY: [u8; 32] = [0; 32];
const VERSION: u8 = 1;

/// The root of a [`Mine`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MineRoot([u8; 32]);

impl MineRoot {
    pub(crate) const SIZE: usize = 32;

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MineRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MineRoot(")?;
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// One actor of a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MineKey {
    /// The document it writes in.
    pub document: DocumentId,
    /// The part of it.
    pub part: Part,
    /// The session slot.
    pub slot: u32,
}

impl MineKey {
    fn bytes(&self) -> [u8; KEY] {
        let mut bytes = [0; KEY];
        bytes[..32].copy_from_slice(self.document.as_bytes());
        bytes[32] = self.part.number();
        bytes[33..].copy_from_slice(&self.slot.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; KEY]) -> Option<Self> {
        let (document, rest) = bytes.split_first_chunk::<32>()?;
        let part = match rest[0] {
            0 => Part::Body,
            1 => Part::Talk,
            _ => return None,
        };
        let slot = u32::from_le_bytes(rest[1..].try_into().ok()?);
        Some(Self { document: DocumentId::from_bytes(*document), part, slot })
    }

    fn bucket(&self) -> usize {
        usize::from(domain::hash(domain::MINE_BUCKET_OF, &[&self.bytes()])[0])
    }
}

#[derive(Clone, Default)]
struct Bucket {
    leaves: BTreeMap<[u8; KEY], (u64, [u8; 32])>,
    hash: [u8; 32],
}

/// A log's own map: the latest change of each of its actors.
#[derive(Clone)]
pub struct Mine {
    buckets: Vec<Bucket>,
    len: usize,
    root: OnceLock<MineRoot>,
}

/// Why bytes are not a stored map.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
#[error("this is not a log's map of its latest changes")]
pub struct MineError;

impl Default for Mine {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Mine {
    fn eq(&self, other: &Self) -> bool {
        self.root() == other.root()
    }
}

impl Eq for Mine {}

impl fmt::Debug for Mine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mine({} actors, {:?})", self.len, self.root())
    }
}

impl Mine {
    /// The map of a log that has written nothing.
    pub fn new() -> Self {
        Self { buckets: vec![Bucket::default(); BUCKETS], len: 0, root: OnceLock::new() }
    }

    /// Notes an actor's latest change.
    pub fn set(&mut self, key: MineKey, seq: u64, change: [u8; 32]) {
        let bucket = &mut self.buckets[key.bucket()];
        if bucket.leaves.insert(key.bytes(), (seq, change)).is_none() {
            self.len += 1;
        }
        bucket.hash = hash_of(&bucket.leaves);
        self.root = OnceLock::new();
    }

    /// An actor's latest change: its sequence number and hash.
    pub fn get(&self, key: &MineKey) -> Option<(u64, [u8; 32])> {
        self.buckets[key.bucket()].leaves.get(&key.bytes()).copied()
    }

    /// The commitment.
    pub fn root(&self) -> MineRoot {
        *self.root.get_or_init(|| {
            let hashes: Vec<&[u8]> = self.buckets.iter().map(|bucket| bucket.hash.as_slice()).collect();
            MineRoot(domain::hash(domain::MINE_ROOT, &hashes))
        })
    }

    /// How many actors there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All actors with their latest changes, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (MineKey, u64, [u8; 32])> + '_ {
        self.buckets.iter().flat_map(|bucket| {
            bucket.leaves.iter().filter_map(|(key, (seq, hash))| Some((MineKey::from_bytes(key)?, *seq, *hash)))
        })
    }

    /// Its bytes, for keeping it: a version, then the leaves by bucket and key.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.len * LEAF);
        bytes.push(VERSION);
        for (key, (seq, hash)) in self.buckets.iter().flat_map(|bucket| &bucket.leaves) {
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(&seq.to_le_bytes());
            bytes.extend_from_slice(hash);
        }
        bytes
    }

    /// From its bytes. That they are this log's is for the root to show.
    pub fn decode(bytes: &[u8]) -> Result<Self, MineError> {
        let Some((&VERSION, leaves)) = bytes.split_first() else { return Err(MineError) };
        let (leaves, []) = leaves.as_chunks::<LEAF>() else { return Err(MineError) };
        let mut mine = Self::new();
        for leaf in leaves {
            let (key, rest) = leaf.split_first_chunk::<KEY>().ok_or(MineError)?;
            let (seq, hash) = rest.split_first_chunk::<8>().ok_or(MineError)?;
            let place = MineKey::from_bytes(key).ok_or(MineError)?.bucket();
            let hash: [u8; 32] = hash.try_into().map_err(|_| MineError)?;
            mine.buckets[place].leaves.insert(*key, (u64::from_le_bytes(*seq), hash));
        }
        mine.len = leaves.len();
        for bucket in &mut mine.buckets {
            bucket.hash = hash_of(&bucket.leaves);
        }
        // Twice the same key, or another order, is not how it is written.
        if mine.encode() == bytes { Ok(mine) } else { Err(MineError) }
    }
}

fn hash_of(leaves: &BTreeMap<[u8; KEY], (u64, [u8; 32])>) -> [u8; 32] {
    if leaves.is_empty() {
        return EMPTY;
    }
    let mut bytes = Vec::with_capacity(leaves.len() * LEAF);
    for (key, (seq, hash)) in leaves {
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&seq.to_le_bytes());
        bytes.extend_from_slice(hash);
    }
    domain::hash(domain::MINE_BUCKET, &[&bytes])
}
