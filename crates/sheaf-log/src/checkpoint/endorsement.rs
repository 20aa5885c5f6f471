//! Endorsements (C2): a reader's signed word that a checkpoint says what they hold themselves.

use serde::{Deserialize, Serialize};
use sheaf_access::{DeviceId, DeviceKeys, EntryHash, Signature, SpaceId};

use crate::domain;

/// "I have fetched this checkpoint's blobs, and derived from them what I hold."
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Endorsement {
    /// The space.
    pub space: SpaceId,
    /// The checkpoint's entry.
    pub checkpoint: EntryHash,
    /// Who says so.
    pub device: DeviceId,
    signature: Signature,
}

/// Bytes that are not an endorsement, or one that its device did not sign.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
#[error("this is not an endorsement that the device it names has signed")]
pub struct EndorsementError;

impl Endorsement {
    /// Longer than any encoding of one.
    pub const MAX_SIZE: usize = 256;

    fn statement(space: SpaceId, checkpoint: EntryHash, device: DeviceId) -> [u8; 32] {
        domain::hash(domain::ENDORSEMENT, &[space.as_bytes(), checkpoint.as_bytes(), device.as_bytes()])
    }

    /// Signs one.
    pub fn sign(space: SpaceId, checkpoint: EntryHash, device: &DeviceKeys) -> Self {
        let signature = device.sign(&Self::statement(space, checkpoint, device.id()));
        Self { space, checkpoint, device: device.id(), signature }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Writing plain data into a growing vector has nothing that can fail.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// From its bytes, if the device it names has signed it.
    pub fn verify(bytes: &[u8]) -> Result<Self, EndorsementError> {
        if bytes.len() > Self::MAX_SIZE {
            return Err(EndorsementError);
        }
        let one: Self = postcard::from_bytes(bytes).map_err(|_| EndorsementError)?;
        let statement = Self::statement(one.space, one.checkpoint, one.device);
        one.device.verify(&statement, &one.signature).map_err(|_| EndorsementError)?;
        Ok(one)
    }
}
