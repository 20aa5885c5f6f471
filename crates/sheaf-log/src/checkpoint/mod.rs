//! Checkpoints (C): an entry that stands for everything up to a frontier, so that newcomers fetch state, not keystrokes.
//!
//! ```text
//! entry      plain: covers (a frontier), the names of all its blobs      | sealed: the manifest, or where it is
//! manifest   which blobs hold documents, which hold the history, and their keys
//! documents  blobs: each document's heads and its Automerge save, in the order of their ids, 256 groups by the first byte
//! history    blobs: of each covered log the signed header at exactly covers[log], and its map `mine`
//! ```
//!
//! The signed headers prove what the documents may hold: see [`Verifier`]. The plain part is for whoever passes the entry
//! on: which blobs have to come along, and what may be asked for by whom.
//!
//! An unchanged group of documents keeps its blob from one checkpoint to the next.

mod endorsement;
mod history;
mod saved;
mod verify;

use serde::{Deserialize, Serialize};

pub use endorsement::{Endorsement, EndorsementError};
pub use history::{LogHistory, SignedHeader, decode_history, encode_history};
pub use saved::{Root, SavedDocument, decode_documents, encode_documents, group_of};
pub use verify::{Attestation, Covered, Unacceptable, Verifier};

use crate::blob::{BlobLink, BlobRef, MAX_BLOB};
use crate::frontier::Frontier;

/// The most blobs of a checkpoint (a protocol constant).
pub const MAX_BLOBS: usize = 2_048;
/// The most bytes of a manifest (a protocol constant).
pub const MAX_MANIFEST: usize = 1024 * 1024;
const VERSION: u8 = 1;

/// The plain part of a checkpoint entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What it stands for.
    pub covers: Frontier,
    /// All its blobs, by name, each once.
    pub blobs: Vec<BlobLink>,
}

/// Why a payload is not a checkpoint's.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum CheckpointError {
    /// Not one, or not encoded the one way there is.
    #[error("this is not a checkpoint")]
    Malformed,
    /// A later version.
    #[error("this checkpoint was written by a newer Sheaf; update to read it")]
    Newer,
    /// More blobs, or larger ones, than there may be.
    #[error("this checkpoint has more or larger blobs than the protocol allows")]
    TooMany,
    /// It claims to stand for itself, or for what its device writes later.
    #[error("this checkpoint claims to cover entries that come after it")]
    CoversItself,
}

impl Checkpoint {
    /// The plain part over these blobs.
    pub fn new(covers: Frontier, blobs: impl IntoIterator<Item = BlobLink>) -> Self {
        let mut blobs: Vec<BlobLink> = blobs.into_iter().collect();
        blobs.sort_unstable();
        blobs.dedup();
        Self { covers, blobs }
    }

    /// How many bytes its blobs have.
    pub fn bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }

    fn check(&self) -> Result<(), CheckpointError> {
        if self.blobs.len() > MAX_BLOBS || self.blobs.iter().any(|blob| blob.size > MAX_BLOB) {
            return Err(CheckpointError::TooMany);
        }
        let ordered = self.blobs.windows(2).all(|pair| pair[0].id < pair[1].id);
        if ordered { Ok(()) } else { Err(CheckpointError::Malformed) }
    }

    /// The length (4, little endian), the version, and the plain part: what stands before the sealed part.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, CheckpointError> {
        self.check()?;
        // Writing plain data into a growing vector has nothing that can fail.
        let bytes = postcard::to_extend(self, vec![VERSION]).map_err(|_| CheckpointError::Malformed)?;
        Ok([(bytes.len() as u32).to_le_bytes().as_slice(), &bytes].concat())
    }

    /// From the beginning of a payload: the checkpoint, and how long it and the length before it are.
    pub(crate) fn decode(payload: &[u8]) -> Result<(Self, usize), CheckpointError> {
        let (length, rest) = payload.split_first_chunk::<4>().ok_or(CheckpointError::Malformed)?;
        let bytes = rest.get(..u32::from_le_bytes(*length) as usize).ok_or(CheckpointError::Malformed)?;
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&version) if version > VERSION => return Err(CheckpointError::Newer),
            _ => return Err(CheckpointError::Malformed),
        }
        let checkpoint: Self = postcard::from_bytes(&bytes[1..]).map_err(|_| CheckpointError::Malformed)?;
        checkpoint.check()?;
        let end = 4 + bytes.len();
        if checkpoint.encode()? == payload[..end] { Ok((checkpoint, end)) } else { Err(CheckpointError::Malformed) }
    }
}

/// A blob of documents.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Which of the 256 groups of documents is in it, or a part of which (see [`group_of`]).
    pub group: u8,
    /// The blob.
    pub blob: BlobRef,
}

/// Which blobs hold what, and their keys.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Blobs of documents, in the order of the documents in them.
    pub documents: Vec<Group>,
    /// Blobs of headers and maps, in the order of the logs in them.
    pub history: Vec<BlobRef>,
}

impl Manifest {
    /// Its blobs.
    pub fn blobs(&self) -> impl Iterator<Item = &BlobRef> {
        self.documents.iter().map(|group| &group.blob).chain(&self.history)
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Writing plain data into a growing vector has nothing that can fail.
        postcard::to_extend(self, vec![VERSION]).unwrap_or_default()
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        if bytes.len() > MAX_MANIFEST {
            return Err(CheckpointError::TooMany);
        }
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&version) if version > VERSION => return Err(CheckpointError::Newer),
            _ => return Err(CheckpointError::Malformed),
        }
        let manifest: Self = postcard::from_bytes(&bytes[1..]).map_err(|_| CheckpointError::Malformed)?;
        if manifest.blobs().count() > MAX_BLOBS {
            return Err(CheckpointError::TooMany);
        }
        Ok(manifest)
    }
}

/// The sealed part of a checkpoint entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Sealed {
    /// The manifest itself.
    Here(Manifest),
    /// The manifest is a blob of its own, because it is too large for an entry.
    Blob(BlobRef),
}

impl Sealed {
    pub(crate) fn encode(&self) -> Vec<u8> {
        // Writing plain data into a growing vector has nothing that can fail.
        postcard::to_extend(self, vec![VERSION]).unwrap_or_default()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&version) if version > VERSION => return Err(CheckpointError::Newer),
            _ => return Err(CheckpointError::Malformed),
        }
        let sealed: Self = postcard::from_bytes(&bytes[1..]).map_err(|_| CheckpointError::Malformed)?;
        match &sealed {
            Self::Here(manifest) if manifest.blobs().count() > MAX_BLOBS => Err(CheckpointError::TooMany),
            _ => Ok(sealed),
        }
    }
}
