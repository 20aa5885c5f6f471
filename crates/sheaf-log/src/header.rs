//! The header of an entry (L1): what anyone may read, and what the signature is over.

use serde::{Deserialize, Serialize};
use sheaf_access::{EntryHash, EpochId, LogId, SpaceId};

use crate::content::Part;
use crate::domain;
use crate::mine::MineRoot;

/// The version of headers, and with it of entries. The first byte of a header.
pub(crate) const VERSION: u8 = 1;
/// The most access heads a header names (a protocol constant: a member's latest access entry each).
pub const MAX_ACCESS_HEADS: usize = 5_000;
/// The most entries a header builds on (a protocol constant: one of each log).
pub const MAX_BUILDS_ON: usize = 5_000;

/// What an entry is for. Plain, so that a role can be checked without opening anything (A2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Changes of documents' text: wants an editor.
    Body,
    /// Changes of discussions: wants a commenter.
    Talk,
    /// An access operation, plain.
    Access,
    /// Stands for what came before (C).
    Checkpoint,
}

impl From<Part> for Kind {
    fn from(part: Part) -> Self {
        match part {
            Part::Body => Self::Body,
            Part::Talk => Self::Talk,
        }
    }
}

/// An entry, by its place and its hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct EntryRef {
    /// Its log.
    pub log: LogId,
    /// Its place there.
    pub seq: u64,
    /// Its hash.
    pub hash: EntryHash,
}

/// The hash of an entry's payload.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct PayloadHash([u8; 32]);

impl PayloadHash {
    pub(crate) const SIZE: usize = 32;

    pub(crate) fn of(payload: &[u8]) -> Self {
        Self(domain::hash(domain::PAYLOAD, &[payload]))
    }
}

/// The header of an entry (L1). Its last two fields have a fixed length, so that the associated data of the seal, which
/// is the header without `payload_hash`, is a cut.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// The space; [`SpaceId::UNBORN`] in its first entry.
    pub space: SpaceId,
    /// The log.
    pub log: LogId,
    /// The place in the log, from 1.
    pub seq: u64,
    /// The entry before it in the log; none for the first.
    pub prev: Option<EntryHash>,
    /// The access entries its author knew, by those that no other follows; in order.
    pub access_heads: Vec<EntryHash>,
    /// The epoch its payload is sealed under; [`EpochId::UNBORN`] in a space's first entry.
    pub epoch: EpochId,
    /// What it is for.
    pub kind: Kind,
    /// When the author's clock said it was written, in milliseconds since 1970.
    pub time: u64,
    /// The entries of other logs that hold what its changes directly depend on: of each log the latest; in order.
    pub builds_on: Vec<EntryRef>,
    /// The hash of the payload.
    pub payload_hash: PayloadHash,
    /// The commitment to this log's own map of latest changes (see [`crate::Mine`]).
    pub mine: MineRoot,
}

/// Why bytes are not a header.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum HeaderError {
    /// A later version.
    #[error("this entry was written by a newer Sheaf; update to take part")]
    Newer,
    /// Not a header at all.
    #[error("this is not the header of an entry")]
    Malformed,
    /// A header, but not in the one form that it has: lists out of order, numbers written longer than need be.
    #[error("the header of this entry is not in its canonical form")]
    NotCanonical,
    /// `seq` is 0, or it has no `prev` where it should, or one where it should not.
    #[error("the header's place in its log contradicts itself")]
    Place,
    /// More access heads or entries built on than there can be.
    #[error("the header names more entries than the protocol allows")]
    TooMany,
}

impl Header {
    /// Its bytes: the version, then the fields.
    pub(crate) fn encode(&self) -> Vec<u8> {
        // Writing plain data into a growing vector has nothing that can fail.
        postcard::to_extend(self, vec![VERSION]).expect("a header encodes into memory")
    }

    /// From its bytes, which must be the one encoding it has.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&version) if version > VERSION => return Err(HeaderError::Newer),
            _ => return Err(HeaderError::Malformed),
        }
        let (header, rest): (Self, _) = postcard::take_from_bytes(&bytes[1..]).map_err(|_| HeaderError::Malformed)?;
        if !rest.is_empty() {
            return Err(HeaderError::Malformed);
        }
        header.check()?;
        if header.encode() == bytes { Ok(header) } else { Err(HeaderError::NotCanonical) }
    }

    /// What can be said of a header alone.
    pub(crate) fn check(&self) -> Result<(), HeaderError> {
        if self.access_heads.len() > MAX_ACCESS_HEADS || self.builds_on.len() > MAX_BUILDS_ON {
            return Err(HeaderError::TooMany);
        }
        if self.seq == 0 || (self.seq == 1) != self.prev.is_none() || self.builds_on.iter().any(|on| on.seq == 0) {
            return Err(HeaderError::Place);
        }
        let heads_ordered = self.access_heads.windows(2).all(|pair| pair[0] < pair[1]);
        let one_of_each_log = self.builds_on.windows(2).all(|pair| pair[0].log < pair[1].log);
        let no_own = self.builds_on.iter().all(|on| on.log != self.log);
        if heads_ordered && one_of_each_log && no_own { Ok(()) } else { Err(HeaderError::NotCanonical) }
    }

    /// What the payload's seal is bound to: the header without `payload_hash`.
    pub(crate) fn associated_data(encoded: &[u8]) -> Vec<u8> {
        let mine = encoded.len() - MineRoot::SIZE;
        let payload_hash = mine - PayloadHash::SIZE;
        [&encoded[..payload_hash], &encoded[mine..]].concat()
    }

    pub(crate) fn hash(encoded: &[u8]) -> EntryHash {
        EntryHash::from_bytes(domain::hash(domain::ENTRY, &[encoded]))
    }

    /// What the device signs.
    pub(crate) fn statement(encoded: &[u8]) -> [u8; 32] {
        domain::hash(domain::ENTRY_SIGNATURE, &[encoded])
    }

    /// Whether this is the first entry of a space.
    pub fn is_creation(&self) -> bool {
        self.space == SpaceId::UNBORN
    }
}
