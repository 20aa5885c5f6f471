//! Of each covered log its last signed header and its map: what proves the documents.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sheaf_access::{EntryHash, Signature};

use super::CheckpointError;
use crate::entry::{Entry, EntryError, MAX_ENTRY};
use crate::header::Header;
use crate::room::MAX_LOGS;

const VERSION: u8 = 1;

/// An entry without its payload: the header's bytes, and the device's signature over them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedHeader {
    header: ByteBuf,
    signature: Signature,
}

impl SignedHeader {
    pub(crate) fn new(header: &[u8], signature: Signature) -> Self {
        Self { header: ByteBuf::from(header), signature }
    }

    /// The header and its hash, which is the entry's, if its device signed it.
    pub fn verify(&self) -> Result<(Header, EntryHash), EntryError> {
        if self.header.len() > MAX_ENTRY {
            return Err(EntryError::TooLarge(self.header.len()));
        }
        let header = Header::decode(&self.header)?;
        let statement = Header::statement(&self.header);
        header.log.device.verify(&statement, &self.signature).map_err(|_| EntryError::Signature)?;
        Ok((header, Header::hash(&self.header)))
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Writing plain data into a growing vector has nothing that can fail.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// From its bytes. Nothing of it is believed before [`SignedHeader::verify`].
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

impl From<&Entry> for SignedHeader {
    fn from(entry: &Entry) -> Self {
        entry.signed_header()
    }
}

/// One covered log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogHistory {
    /// The header at exactly the covered number.
    pub header: SignedHeader,
    /// The log's map there, as [`crate::Mine::encode`] has it.
    #[serde(with = "serde_bytes")]
    pub mine: Vec<u8>,
}

/// The content of a history blob.
pub fn encode_history(logs: &[LogHistory]) -> Vec<u8> {
    // Writing plain data into a growing vector has nothing that can fail.
    postcard::to_extend(&logs, vec![VERSION]).unwrap_or_default()
}

/// Reads the content of a history blob. Nothing is allocated beyond the bytes' own length.
pub fn decode_history(bytes: &[u8]) -> Result<Vec<LogHistory>, CheckpointError> {
    let Some((&VERSION, rest)) = bytes.split_first() else { return Err(CheckpointError::Malformed) };
    let logs: Vec<LogHistory> = postcard::from_bytes(rest).map_err(|_| CheckpointError::Malformed)?;
    if logs.len() > MAX_LOGS { Err(CheckpointError::TooMany) } else { Ok(logs) }
}
