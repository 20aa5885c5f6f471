//! The header of an entry (L1): what anyone may read, and what the signature is over.

use serde::{Deserialize, Serialize};
use sheaf_access::{EntryHash, EpochId, LogId, Role, SpaceId};

use crate::content::Part;
use crate::domain;
use crate::mine::MineRoot;

/// The version of headers, and with it of entries. The first byte of a header.
pub(crate) const VERSION: u8 = 1;
/// The most access heads a header names (a protocol constant: a member's latest access entry each).
pub const MAX_ACCESS_HEADS: usize = 5_000;
/// The most entries a header builds on (a protocol constant: one of each log).
pub const MAX_BUILDS_ON: usize = 5_000;

/// The highest place in a log (a protocol constant). Nobody writes as many; what is beyond it is no place, so that numbers can
/// be added up and counted on from.
pub const MAX_SEQ: u64 = 1 << 53;

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

impl Kind {
    /// The role that content of this kind wants (A2). Access operations are judged by what they do, not by this.
    pub const fn wants(self) -> Role {
        match self {
            Self::Talk => Role::Commenter,
            Self::Body | Self::Access | Self::Checkpoint => Role::Editor,
        }
    }
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

    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

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
    /// `seq` is 0 or beyond [`MAX_SEQ`], or that of an entry it builds on is; or it has no `prev` where it should, or one where it should not.
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
        let is_place = |seq: u64| (1..=MAX_SEQ).contains(&seq);
        let first = self.seq == 1;
        if !is_place(self.seq) || first != self.prev.is_none() || !self.builds_on.iter().all(|on| is_place(on.seq)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mine::Mine;
    use sheaf_access::DeviceId;

    fn log(number: u8) -> LogId {
        LogId { device: DeviceId::from_bytes([number; 32]), nonce: 5 }
    }

    fn on(number: u8) -> EntryRef {
        EntryRef { log: log(number), seq: 3, hash: EntryHash::from_bytes([number; 32]) }
    }

    fn header() -> Header {
        Header {
            space: SpaceId::from_bytes([1; 32]),
            log: log(9),
            seq: 2,
            prev: Some(EntryHash::from_bytes([2; 32])),
            access_heads: vec![EntryHash::from_bytes([3; 32]), EntryHash::from_bytes([4; 32])],
            epoch: EpochId::from_bytes([5; 32]),
            kind: Kind::Body,
            time: 1_000,
            builds_on: vec![on(1), on(2)],
            payload_hash: PayloadHash::of(b"payload"),
            mine: Mine::new().root(),
        }
    }

    fn bent(bend: impl FnOnce(&mut Header)) -> Result<Header, HeaderError> {
        let mut header = header();
        bend(&mut header);
        Header::decode(&header.encode())
    }

    #[test]
    fn a_header_comes_back() {
        assert_eq!(Header::decode(&header().encode()), Ok(header()));
    }

    #[test]
    fn lists_have_one_order() {
        assert_eq!(bent(|header| header.access_heads.reverse()), Err(HeaderError::NotCanonical));
        assert_eq!(bent(|header| header.builds_on.reverse()), Err(HeaderError::NotCanonical));
        assert_eq!(
            bent(|header| header.access_heads = vec![header.access_heads[0]; 2]),
            Err(HeaderError::NotCanonical)
        );
        assert_eq!(
            bent(|header| header.builds_on = vec![on(1), EntryRef { seq: 4, ..on(1) }]),
            Err(HeaderError::NotCanonical)
        );
        assert_eq!(bent(|header| header.builds_on.push(on(9))), Err(HeaderError::NotCanonical));
    }

    #[test]
    fn a_place_in_a_log_makes_sense() {
        assert_eq!(bent(|header| header.seq = 0), Err(HeaderError::Place));
        assert_eq!(bent(|header| header.seq = 1), Err(HeaderError::Place));
        assert_eq!(bent(|header| header.prev = None), Err(HeaderError::Place));
        assert_eq!(bent(|header| header.builds_on[0].seq = 0), Err(HeaderError::Place));
        assert!(bent(|header| (header.seq, header.builds_on[1].seq) = (MAX_SEQ, MAX_SEQ)).is_ok());
        for beyond in [MAX_SEQ + 1, u64::MAX] {
            assert_eq!(bent(|header| header.seq = beyond), Err(HeaderError::Place));
            assert_eq!(bent(|header| header.builds_on[1].seq = beyond), Err(HeaderError::Place));
        }
    }

    #[test]
    fn lists_are_bounded() {
        let hash = |at: usize| {
            let mut bytes = [0; 32];
            bytes[24..].copy_from_slice(&(at as u64).to_be_bytes());
            EntryHash::from_bytes(bytes)
        };
        assert!(bent(|header| header.access_heads = (0..MAX_ACCESS_HEADS).map(hash).collect()).is_ok());
        assert_eq!(
            bent(|header| header.access_heads = (0..=MAX_ACCESS_HEADS).map(hash).collect()),
            Err(HeaderError::TooMany)
        );
        let many = |count: u64| (0..count).map(|nonce| EntryRef { log: LogId { nonce, ..log(1) }, ..on(1) }).collect();
        assert_eq!(bent(|header| header.builds_on = many(MAX_BUILDS_ON as u64 + 1)), Err(HeaderError::TooMany));
    }

    #[test]
    fn numbers_have_one_length() {
        let bytes = header().encode();
        // The log's nonce, 5, as two bytes.
        let nonce = 1 + 32 + 32;
        assert_eq!(bytes[nonce], 5);
        let longer = [&bytes[..nonce], &[0x85, 0], &bytes[nonce + 1..]].concat();
        assert_eq!(Header::decode(&longer), Err(HeaderError::NotCanonical));
    }

    #[test]
    fn cut_lengthened_and_later_headers_are_told() {
        let bytes = header().encode();
        for end in 0..bytes.len() {
            assert_eq!(Header::decode(&bytes[..end]), Err(HeaderError::Malformed), "{end}");
        }
        assert_eq!(Header::decode(&[bytes.as_slice(), &[0]].concat()), Err(HeaderError::Malformed));
        for (version, error) in [(0, HeaderError::Malformed), (2, HeaderError::Newer), (255, HeaderError::Newer)] {
            assert_eq!(Header::decode(&[&[version], &bytes[1..]].concat()), Err(error));
        }
        // 2^60 access heads, and none there.
        let count = 1 + 32 + 33 + 1 + 33;
        assert_eq!(bytes[count], 2);
        let huge = [&bytes[..count], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
        assert_eq!(Header::decode(&huge), Err(HeaderError::Malformed));
    }

    #[test]
    fn the_associated_data_is_all_but_the_payload_hash() {
        let encode = |header: &Header| Header::associated_data(&header.encode());
        let mut other = header();
        other.payload_hash = PayloadHash::of(b"another");
        assert_eq!(encode(&header()), encode(&other));
        assert_eq!(encode(&header()).len(), header().encode().len() - 32);
        other.mine = {
            let mut mine = Mine::new();
            let document = sheaf_access::DocumentId::from_bytes([1; 32]);
            mine.set(crate::mine::MineKey { document, part: Part::Body, slot: 0 }, 1, [1; 32]);
            mine.root()
        };
        assert_ne!(encode(&header()), encode(&other));
    }
}
