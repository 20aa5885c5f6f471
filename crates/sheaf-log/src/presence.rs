//! Presence: where others' cursors are. Sealed under the epoch, signed, counted, capped, never stored (N4).
//!
//! ```text
//! version (1) | space (32) | epoch (32) | device (32) | counter (8, little endian) | sealed payload | signature (64)
//! ```
//!
//! The seal is bound to everything before it, the signature is over everything before it. A relay can check it and
//! forward it; only readers open it.

use std::collections::HashMap;
use std::fmt;

use sheaf_access::{ContentKey, DeviceId, DeviceKeys, EpochId, Signature, SpaceId};

use crate::domain;
use crate::seal::{self, Nonce, SealError};

/// The most bytes of a presence message (a protocol constant).
pub const MAX_PRESENCE: usize = 4 * 1024;
const VERSION: u8 = 1;
const FRONT: usize = 1 + 32 + 32 + 32 + 8;

/// Why bytes are not a presence message, or one does not open.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum PresenceError {
    /// Longer than one may be.
    #[error("a presence message of {0} bytes; the most is {MAX_PRESENCE}")]
    TooLarge(usize),
    /// Not one.
    #[error("this is not a presence message")]
    Malformed,
    /// A later version.
    #[error("this presence message is of a newer Sheaf")]
    Newer,
    /// The device that it names did not sign it.
    #[error("the signature is not the device's that this presence message names")]
    Signature,
    /// It does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// A presence message that its device signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Presence {
    /// The space it is about.
    pub space: SpaceId,
    /// The epoch it is sealed under.
    pub epoch: EpochId,
    /// The device.
    pub device: DeviceId,
    /// Rises with every message of a device: see [`Counters`].
    pub counter: u64,
    encoded: Vec<u8>,
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presence(#{} of {:?} in {:?})", self.counter, self.device, self.space)
    }
}

/// Seals and signs a presence message. The counter must rise, over restarts too: the clock in milliseconds will do, as
/// long as no two messages share one.
pub fn seal_presence(
    (space, epoch, key): (SpaceId, EpochId, &ContentKey),
    counter: u64,
    content: &[u8],
    nonce: &Nonce,
    device: &DeviceKeys,
) -> Result<Vec<u8>, PresenceError> {
    if content.len() > MAX_PRESENCE {
        return Err(PresenceError::TooLarge(content.len()));
    }
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(space.as_bytes());
    bytes.extend_from_slice(epoch.as_bytes());
    bytes.extend_from_slice(device.id().as_bytes());
    bytes.extend_from_slice(&counter.to_le_bytes());
    let sealed = seal::seal(key, nonce, &bytes, content);
    bytes.extend_from_slice(&sealed);
    let signature = device.sign(&statement(&bytes));
    bytes.extend_from_slice(&signature.to_bytes());
    if bytes.len() > MAX_PRESENCE { Err(PresenceError::TooLarge(bytes.len())) } else { Ok(bytes) }
}

fn statement(signed: &[u8]) -> [u8; 32] {
    domain::hash(domain::PRESENCE_SIGNATURE, &[signed])
}

impl Presence {
    /// Checks the shape and the signature.
    pub fn verify(bytes: &[u8]) -> Result<Self, PresenceError> {
        if bytes.len() > MAX_PRESENCE {
            return Err(PresenceError::TooLarge(bytes.len()));
        }
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&version) if version > VERSION => return Err(PresenceError::Newer),
            _ => return Err(PresenceError::Malformed),
        }
        let (signed, signature) = bytes.split_last_chunk::<{ Signature::SIZE }>().ok_or(PresenceError::Malformed)?;
        let field = |from: usize| signed.get(from..).and_then(|rest| rest.first_chunk::<32>().copied());
        let counter = signed.get(97..).and_then(|rest| rest.first_chunk::<8>());
        let (Some(space), Some(epoch), Some(device), Some(counter)) = (field(1), field(33), field(65), counter) else {
            return Err(PresenceError::Malformed);
        };
        let device = DeviceId::from_bytes(device);
        device.verify(&statement(signed), &Signature::from_bytes(signature)).map_err(|_| PresenceError::Signature)?;
        Ok(Self {
            space: SpaceId::from_bytes(space),
            epoch: EpochId::from_bytes(epoch),
            device,
            counter: u64::from_le_bytes(*counter),
            encoded: bytes.to_vec(),
        })
    }

    /// Opens it.
    pub fn open(&self, key: &ContentKey) -> Result<Vec<u8>, PresenceError> {
        let sealed = &self.encoded[FRONT..self.encoded.len() - Signature::SIZE];
        Ok(seal::open(key, &self.encoded[..FRONT], sealed, MAX_PRESENCE)?)
    }
}

/// The highest counter seen of each device in each space, so that an old message sent again moves nobody's cursor.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    seen: HashMap<(SpaceId, DeviceId), u64>,
}

impl Counters {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a message is newer than all before it of the same device in the same space; if so, it is noted.
    ///
    /// Ask only for members' messages, so that the number of devices is bounded.
    pub fn accept(&mut self, presence: &Presence) -> bool {
        let seen = self.seen.entry((presence.space, presence.device)).or_default();
        let newer = presence.counter > *seen;
        if newer {
            *seen = presence.counter;
        }
        newer
    }

    /// Forgets a space that was left.
    pub fn forget(&mut self, space: &SpaceId) {
        self.seen.retain(|(known, _), _| known != space);
    }
}
