//! Access operations: what an entry of kind `Access` says, plain, so that a relay can judge it too (A1).

use hpke::rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::certificate::DeviceCertificate;
use crate::epoch::{ContentKey, EpochStart, UnusableSealingKey, Wrap};
use crate::invitation::InvitationSecret;
use crate::keys::{SealingKey, Signature};
use crate::{EntryHash, EpochId, InvitationId, LogId, Role, SpaceId};

/// The version of the encoding of operations.
const VERSION: u8 = 1;
/// How many operations this version knows: the first byte after the version is an operation's number.
const KNOWN: u8 = 3;
/// The longest operation: an entry's limit is checked before, this is for callers that have no entry.
const MAX_SIZE: usize = 512 * 1024;
/// The most wraps in one operation: more do not fit into an entry.
pub const MAX_WRAPS: usize = 3_500;

/// One access operation.
///
/// Encoded as a version byte and postcard. New operations are added at the end, and an operation that this version does
/// not know is refused as such, so that "update Sheaf" and "this is damaged" are told apart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AccessOp {
    /// The first entry of a space: its founder becomes its first owner, and its first epoch begins.
    Create {
        /// The founder's device, certified.
        founder: DeviceCertificate,
        /// Random, so that two spaces founded by one person in one moment differ.
        nonce: [u8; 16],
        /// The first epoch.
        epoch: EpochStart,
    },
    /// Opens an invitation: a key that can read from now on (I1), and that lets whoever holds it join with a role.
    Invite {
        /// The grant that the inviter acts under (A1): the entry that made them a member.
        under: EntryHash,
        /// The invitation's public key.
        invitation: InvitationId,
        /// What content keys are wrapped for, so that the link reads.
        sealing_key: SealingKey,
        /// The role that joining by it gives.
        role: Role,
        /// The content key of each epoch it reads, for the invitation.
        wraps: Vec<Wrap>,
    },
    /// Joins by an invitation (I2): the first entry of the newcomer's log.
    Redeem {
        /// The invitation.
        invitation: InvitationId,
        /// The newcomer's device, certified.
        certificate: DeviceCertificate,
        /// The invitation key over the space, the invitation, the certificate and the entry's access heads.
        proof: Signature,
        /// The content keys, opened with the link's key and wrapped again for the newcomer's own device.
        wraps: Vec<Wrap>,
    },
}

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
    /// Founds a space: the entry's `Create`, with the first epoch's key wrapped for the founder's device.
    pub fn create(
        founder: DeviceCertificate,
        key: &ContentKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnusableSealingKey> {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        let wrap = Wrap::seal(key, SpaceId::UNBORN, EpochId::UNBORN, founder.sealing_key, rng)?;
        Ok(Self::Create { founder, nonce, epoch: EpochStart { commitment: key.commitment(), wraps: vec![wrap] } })
    }

    /// Opens an invitation to a space whose content keys are given.
    pub fn invite(
        space: SpaceId,
        under: EntryHash,
        secret: &InvitationSecret,
        role: Role,
        keys: &[(EpochId, ContentKey)],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnusableSealingKey> {
        let sealing_key = secret.sealing_key();
        let wraps = wrap_all(space, sealing_key, keys, rng)?;
        Ok(Self::Invite { under, invitation: secret.id(), sealing_key, role, wraps })
    }

    /// Joins a space by an invitation, with the content keys that its link's key opened.
    pub fn redeem(
        space: SpaceId,
        secret: &InvitationSecret,
        certificate: DeviceCertificate,
        access_heads: &[EntryHash],
        keys: &[(EpochId, ContentKey)],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnusableSealingKey> {
        let wraps = wrap_all(space, certificate.sealing_key, keys, rng)?;
        let proof = secret.prove_redemption(space, &certificate, access_heads);
        Ok(Self::Redeem { invitation: secret.id(), certificate, proof, wraps })
    }

    /// The keys it hands out, with whom they are for.
    pub fn wraps(&self) -> &[Wrap] {
        match self {
            Self::Create { epoch, .. } => &epoch.wraps,
            Self::Invite { wraps, .. } | Self::Redeem { wraps, .. } => wraps,
        }
    }

    /// Its bytes, as they stand in an entry.
    pub fn encode(&self) -> Vec<u8> {
        // Writing plain data into a growing vector has nothing that can fail.
        postcard::to_extend(self, vec![VERSION]).expect("an operation encodes into memory")
    }

    /// From bytes of an entry. There is one encoding of each operation: any other is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, OperationError> {
        if bytes.len() > MAX_SIZE {
            return Err(OperationError::TooLarge);
        }
        match bytes {
            [] | [VERSION] | [0, ..] => return Err(OperationError::Malformed),
            [VERSION, operation, ..] if *operation < KNOWN => {}
            _ => return Err(OperationError::Unknown),
        }
        let operation: Self = postcard::from_bytes(&bytes[1..]).map_err(|_| OperationError::Malformed)?;
        if operation.wraps().len() > MAX_WRAPS {
            return Err(OperationError::TooLarge);
        }
        if operation.encode() != bytes {
            return Err(OperationError::Malformed);
        }
        Ok(operation)
    }
}

fn wrap_all(
    space: SpaceId,
    recipient: SealingKey,
    keys: &[(EpochId, ContentKey)],
    rng: &mut impl CryptoRng,
) -> Result<Vec<Wrap>, UnusableSealingKey> {
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort_unstable_by_key(|(epoch, _)| *epoch);
    keys.into_iter().map(|(epoch, key)| Wrap::seal(key, space, *epoch, recipient, rng)).collect()
}

/// An access entry, as far as access is concerned: whoever makes one has checked its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessEntry {
    /// The entry.
    pub hash: EntryHash,
    /// The space its header names; [`SpaceId::UNBORN`] in the first.
    pub space: SpaceId,
    /// The log it stands in, which names the device that signed it.
    pub log: LogId,
    /// Its place in the log, from 1.
    pub seq: u64,
    /// The access entries its author knew.
    pub access_heads: Vec<EntryHash>,
    /// When its author's clock said it was written, in milliseconds since 1970. Shown, never judged by.
    pub time: u64,
    /// What it does.
    pub operation: AccessOp,
}
