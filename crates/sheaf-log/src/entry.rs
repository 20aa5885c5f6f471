//! Entries: the unit of storage and of sync. Encoded once, and never again: the bytes that were signed are the bytes
//! that are stored and sent.
//!
//! ```text
//! length of the header (4, little endian) | header | signature (64) | payload
//! ```

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use sheaf_access::{AccessEntry, AccessOp, ContentKey, EntryHash, LogId, OperationError, Signature, SpaceId};

use crate::checkpoint::{Checkpoint, CheckpointError, MAX_MANIFEST, Sealed, SignedHeader};
use crate::content::{Content, ContentError, MAX_CONTENT};
use crate::header::{EntryRef, Header, HeaderError, Kind, PayloadHash};
use crate::seal::{self, SealError};

/// The most bytes of an entry (a protocol constant).
pub const MAX_ENTRY: usize = 512 * 1024;
const LENGTH: usize = 4;

/// Why bytes are not an entry, or not one that its device signed.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum EntryError {
    /// Longer than an entry may be.
    #[error("an entry of {0} bytes; the most is {MAX_ENTRY}")]
    TooLarge(usize),
    /// The bytes end before the entry does.
    #[error("this entry is cut short")]
    Truncated,
    /// The header is not one.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The payload is not the one the header names.
    #[error("the payload is not the one that was signed")]
    Payload,
    /// The device that the header names did not sign it.
    #[error("the signature is not the device's that this entry names")]
    Signature,
}

/// Why an entry's payload does not open.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum OpenError {
    /// It is not sealed content.
    #[error("this entry holds no content ({0:?})")]
    NotContent(Kind),
    /// The seal.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What was sealed.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// What is sealed in a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The header says one part and the content another: it was let in under the wrong role.
    #[error("the entry is not for the part of the document that its header says")]
    OtherPart,
}

struct Parts {
    header: Header,
    hash: EntryHash,
    encoded: Box<[u8]>,
    header_range: Range<usize>,
}

impl Parts {
    fn payload(&self) -> &[u8] {
        &self.encoded[self.header_range.end + Signature::SIZE..]
    }

    fn header_bytes(&self) -> &[u8] {
        &self.encoded[self.header_range.clone()]
    }

    fn signature(&self) -> Signature {
        let mut bytes = [0; Signature::SIZE];
        bytes.copy_from_slice(&self.encoded[self.header_range.end..][..Signature::SIZE]);
        Signature::from_bytes(&bytes)
    }
}

/// Bytes that have the shape of an entry, from whoever they came. Nothing in them can be read before the device's
/// signature is checked.
pub struct Unverified(Parts);

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverified({} bytes)", self.0.encoded.len())
    }
}

impl Unverified {
    /// Reads the shape. Nothing is allocated beyond the bytes' own length.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        let (length, _) = bytes.split_first_chunk::<LENGTH>().ok_or(EntryError::Truncated)?;
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_ENTRY {
            return Err(EntryError::TooLarge(length));
        }
        let header_range = LENGTH..LENGTH + length;
        if bytes.len() < header_range.end + Signature::SIZE {
            return Err(EntryError::Truncated);
        }
        let header_bytes = &bytes[header_range.clone()];
        let header = Header::decode(header_bytes)?;
        let hash = Header::hash(header_bytes);
        Ok(Self(Parts { header, hash, encoded: bytes.into(), header_range }))
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        self.0.encoded.len()
    }

    /// Checks that the payload is the header's, and that the header's device signed it.
    pub fn verify(self) -> Result<Entry, EntryError> {
        let Parts { header, .. } = &self.0;
        let statement = Header::statement(self.0.header_bytes());
        header.log.device.verify(&statement, &self.0.signature()).map_err(|_| EntryError::Signature)?;
        self.verified_before()
    }

    /// For bytes that this device itself verified, stored, and has read back: checks the payload against the header, and
    /// leaves out the signature, which the store's own checksum stands in for (S2). Never for bytes from outside.
    pub fn verified_before(self) -> Result<Entry, EntryError> {
        if PayloadHash::of(self.0.payload()) == self.0.header.payload_hash {
            Ok(Entry(Arc::new(self.0)))
        } else {
            Err(EntryError::Payload)
        }
    }
}

/// An entry whose device signed it. Cheap to clone.
#[derive(Clone)]
pub struct Entry(Arc<Parts>);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.0.encoded == other.0.encoded
    }
}

impl Eq for Entry {}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { log, seq, kind, .. } = &self.0.header;
        write!(f, "Entry({kind:?} {}.{:x}/{seq} {})", log.device.short(), log.nonce, self.hash().short())
    }
}

impl Entry {
    /// Puts together what [`crate::Draft`] has signed.
    pub(crate) fn assemble(
        header: Header,
        header_bytes: &[u8],
        signature: &Signature,
        payload: &[u8],
    ) -> Result<Self, EntryError> {
        let size = LENGTH + header_bytes.len() + Signature::SIZE + payload.len();
        if size > MAX_ENTRY {
            return Err(EntryError::TooLarge(size));
        }
        let mut encoded = Vec::with_capacity(size);
        encoded.extend_from_slice(&(header_bytes.len() as u32).to_le_bytes());
        encoded.extend_from_slice(header_bytes);
        encoded.extend_from_slice(&signature.to_bytes());
        encoded.extend_from_slice(payload);
        Ok(Self(Arc::new(Parts {
            header,
            hash: Header::hash(header_bytes),
            encoded: encoded.into(),
            header_range: LENGTH..LENGTH + header_bytes.len(),
        })))
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// Its hash: the hash of its header's bytes.
    pub fn hash(&self) -> EntryHash {
        self.0.hash
    }

    /// The space it belongs to: the one its header names, or, for the first entry of a space, the one it begins.
    pub fn space(&self) -> SpaceId {
        if self.0.header.is_creation() { SpaceId::from(self.hash()) } else { self.0.header.space }
    }

    /// Its log.
    pub fn log(&self) -> LogId {
        self.0.header.log
    }

    /// Its place in its log.
    pub fn seq(&self) -> u64 {
        self.0.header.seq
    }

    /// Its log, place and hash, as an entry that builds on it names it.
    pub fn reference(&self) -> EntryRef {
        EntryRef { log: self.log(), seq: self.seq(), hash: self.hash() }
    }

    /// Its bytes, as signed, stored and sent.
    pub fn encoded(&self) -> &[u8] {
        &self.0.encoded
    }

    /// Opens sealed content. The changes in it are as the author made them: L3 has not been checked.
    pub fn open(&self, key: &ContentKey) -> Result<Content, OpenError> {
        let kind = self.0.header.kind;
        if !matches!(kind, Kind::Body | Kind::Talk) {
            return Err(OpenError::NotContent(kind));
        }
        let bound_to = Header::associated_data(self.0.header_bytes());
        let content = Content::decode(&seal::open(key, &bound_to, self.0.payload(), MAX_CONTENT)?)?;
        if Kind::from(content.part) == kind { Ok(content) } else { Err(OpenError::OtherPart) }
    }

    /// Its header and signature alone, as a checkpoint keeps them.
    pub fn signed_header(&self) -> SignedHeader {
        SignedHeader::new(self.0.header_bytes(), self.0.signature())
    }

    /// The plain part, if this is a checkpoint.
    pub fn checkpoint(&self) -> Option<Result<Checkpoint, CheckpointError>> {
        let header = &self.0.header;
        (header.kind == Kind::Checkpoint).then(|| {
            let (checkpoint, _) = Checkpoint::decode(self.0.payload())?;
            let covers_itself = checkpoint.covers.holds(&header.log, header.seq);
            if covers_itself { Err(CheckpointError::CoversItself) } else { Ok(checkpoint) }
        })
    }

    /// Opens the sealed part of a checkpoint: where its manifest is.
    pub fn open_checkpoint(&self, key: &ContentKey) -> Result<Sealed, OpenError> {
        let kind = self.0.header.kind;
        if kind != Kind::Checkpoint {
            return Err(OpenError::NotContent(kind));
        }
        let payload = self.0.payload();
        let (_, plain) = Checkpoint::decode(payload)?;
        let bound_to = [&Header::associated_data(self.0.header_bytes()), &payload[..plain]].concat();
        let bytes = seal::open(key, &bound_to, &payload[plain..], MAX_MANIFEST)?;
        Ok(Sealed::decode(&bytes)?)
    }

    /// The access operation, if this is an access entry.
    pub fn access_op(&self) -> Option<Result<AccessOp, OperationError>> {
        (self.0.header.kind == Kind::Access).then(|| AccessOp::decode(self.0.payload()))
    }

    /// The access entry as `sheaf-access` takes it, if this is one.
    pub fn access_entry(&self) -> Option<Result<AccessEntry, OperationError>> {
        let header = &self.0.header;
        Some(self.access_op()?.map(|operation| AccessEntry {
            hash: self.hash(),
            space: header.space,
            log: header.log,
            seq: header.seq,
            access_heads: header.access_heads.clone(),
            time: header.time,
            operation,
        }))
    }
}
