//! Operations as bytes: one encoding of each, with a version, and nothing longer than its limit.

use super::{AccessOp, MAX_NAMED, MAX_WATERMARKS, MAX_WRAPS, version1};
use crate::epoch::{MAX_PARENTS, MAX_READERS};
use crate::introduction::SEALED_NAME;

/// The version of the encoding of operations.
const VERSION: u8 = 4;
/// How many operations it knows: the first byte after the version is an operation's number.
const KNOWN: u8 = 14;
/// The versions before, which differ in nothing but that they know fewer.
const VERSION_3: u8 = 3;
const KNOWN_3: u8 = 13;
const VERSION_2: u8 = 2;
const KNOWN_2: u8 = 11;
/// The longest operation: an entry's limit is checked before, this is for callers that have no entry.
const MAX_SIZE: usize = 512 * 1024;

/// Why bytes are not an access operation.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum OperationError {
    /// A version or an operation that this version of Sheaf does not know.
    #[error("this access operation was written by a newer Sheaf; update to take part in this space")]
    Unknown,
    /// Not an operation, or not encoded the one way there is.
    #[error("this is not an access operation")]
    Malformed,
    /// Longer than an operation may be.
    #[error("this access operation is longer than the protocol allows")]
    TooLarge,
}

impl AccessOp {
    /// Its bytes, as they stand in an entry.
    pub fn encode(&self) -> Vec<u8> {
        // Writing plain data into a growing vector has nothing that can fail.
        let mut bytes = postcard::to_extend(self, vec![VERSION]).expect("an operation encodes into memory");
        // As early a version as has it, so that as many as can read it.
        match bytes.get(1) {
            Some(operation) if *operation < KNOWN_2 => bytes[0] = VERSION_2,
            Some(operation) if *operation < KNOWN_3 => bytes[0] = VERSION_3,
            _ => {}
        }
        bytes
    }

    /// From bytes of an entry. There is one encoding of each operation in each version: any other is refused. No list is
    /// longer than the bytes there are, and none longer than its own limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, OperationError> {
        if bytes.len() > MAX_SIZE {
            return Err(OperationError::TooLarge);
        }
        match bytes {
            [] | [VERSION_2 | VERSION_3 | VERSION] | [0, ..] => return Err(OperationError::Malformed),
            [version1::VERSION, rest @ ..] => return version1::decode(rest),
            [VERSION_2, operation, ..] if *operation < KNOWN_2 => {}
            [VERSION_3, operation, ..] if *operation < KNOWN_3 => {}
            [VERSION, operation, ..] if *operation < KNOWN => {}
            _ => return Err(OperationError::Unknown),
        }
        let operation: Self = postcard::from_bytes(&bytes[1..]).map_err(|_| OperationError::Malformed)?;
        if !operation.is_within_limits() {
            return Err(OperationError::TooLarge);
        }
        if operation.encode() != bytes {
            return Err(OperationError::Malformed);
        }
        Ok(operation)
    }

    fn is_within_limits(&self) -> bool {
        let named = match self {
            Self::Remove { grants, .. } => grants.len(),
            Self::Close { accepted, .. } => accepted.len(),
            _ => 0,
        };
        let relay = match self {
            Self::NameRelay { relay, .. } => relay.is_within_limits(),
            _ => true,
        };
        let name = match self {
            Self::Introduce { name, .. } => name.sealed.len() == SEALED_NAME,
            _ => true,
        };
        let epoch = |start: &crate::EpochStart| start.wraps.len() <= MAX_READERS && start.parents.len() <= MAX_PARENTS;
        self.wraps().len() <= MAX_WRAPS
            && self.watermarks().len() <= MAX_WATERMARKS
            && named <= MAX_NAMED
            && relay
            && name
            && self.epoch_start().is_none_or(epoch)
    }
}
