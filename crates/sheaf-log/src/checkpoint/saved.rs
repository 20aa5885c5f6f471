//! Documents as a checkpoint keeps them.

use serde::{Deserialize, Serialize};
use sheaf_access::DocumentId;

use super::CheckpointError;
use crate::content::Part;

const VERSION: u8 = 1;

/// Which fixed first change a document begins with (D2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Root {
    /// A text.
    Text,
    /// A space's index.
    Index,
    /// What a person's devices share.
    Belongings,
}

/// One document's part.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDocument {
    /// The document.
    pub document: DocumentId,
    /// The part of it.
    pub part: Part,
    /// What it begins with.
    pub root: Root,
    /// The changes nothing builds on, in order.
    pub heads: Vec<[u8; 32]>,
    /// The Automerge save.
    #[serde(with = "serde_bytes")]
    pub save: Vec<u8>,
}

impl std::fmt::Debug for SavedDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SavedDocument({:?} of {:?}, {} bytes)", self.part, self.document, self.save.len())
    }
}

/// Which of the 256 groups a document is in. Documents of two groups are never in one blob, so a change in one leaves the
/// other's alone.
pub fn group_of(document: &DocumentId) -> u8 {
    document.as_bytes()[0]
}

/// The content of a blob of documents.
pub fn encode_documents(documents: &[SavedDocument]) -> Vec<u8> {
    // Writing plain data into a growing vector has nothing that can fail.
    postcard::to_extend(&documents, vec![VERSION]).unwrap_or_default()
}

/// Reads the content of a blob of documents. Nothing is allocated beyond the bytes' own length.
pub fn decode_documents(bytes: &[u8]) -> Result<Vec<SavedDocument>, CheckpointError> {
    let Some((&VERSION, rest)) = bytes.split_first() else { return Err(CheckpointError::Malformed) };
    postcard::from_bytes(rest).map_err(|_| CheckpointError::Malformed)
}
