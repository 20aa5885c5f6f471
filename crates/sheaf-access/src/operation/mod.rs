//! Access operations: what an entry of kind `Access` says, plain, so that a relay can judge it too (A1).

mod encoding;
mod version1;

pub use encoding::OperationError;
use serde::{Deserialize, Serialize};

use crate::certificate::DeviceCertificate;
use crate::epoch::{EpochStart, Wrap};
use crate::introduction::Introduction;
use crate::keys::{SealingKey, Signature};
use crate::relay::Relay;
use crate::revocation::DeviceRevocation;
use crate::{DeviceId, DocumentId, EntryHash, InvitationId, LogId, PersonId, Role, SpaceId};

/// The most wraps in one operation, beside those of an epoch that begins: more do not fit into an entry.
pub const MAX_WRAPS: usize = 3_500;
/// The most grants a removal names, and redemptions a close lists.
pub const MAX_NAMED: usize = 5_000;
/// The most logs that a removal gives a watermark for: there are no more in a space.
pub const MAX_WATERMARKS: usize = 5_000;

/// One access operation.
///
/// Each but the first and the newcomers' own names in `under` the grant that it acts under (A1): the entry that made its
/// author what they are. Encoded as a version byte and postcard. New operations are added at the end, and an operation that
/// this version does not know is refused as such, so that "update Sheaf" and "this is damaged" are told apart.
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
        /// The grant that the inviter acts under.
        under: EntryHash,
        /// The invitation's public key.
        invitation: InvitationId,
        /// What content keys are wrapped for, so that the link reads.
        sealing_key: SealingKey,
        /// The role that joining by it gives.
        role: Role,
        /// The content key of each epoch it reads, for the invitation.
        wraps: Vec<Wrap>,
        /// Until when it is to be accepted, in milliseconds since 1970: binds on admission (I3).
        expires: Option<u64>,
        /// How many may join by it: binds on admission (I3).
        uses: Option<u32>,
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
    /// Gives someone who is known here a further grant: a higher role, or a way back after a removal.
    Grant {
        /// The grant that the owner acts under.
        under: EntryHash,
        /// To whom.
        person: PersonId,
        /// What they may do.
        role: Role,
        /// Content keys for their devices; rising by epoch and recipient.
        wraps: Vec<Wrap>,
    },
    /// Ends grants of a person, or lowers the role they give (A4). A person may do this to their own grants, and an owner to
    /// later ones than the one they act under (A3).
    Remove {
        /// The grant that the author acts under.
        under: EntryHash,
        /// Whose grants they are.
        person: PersonId,
        /// The grants, rising.
        grants: Vec<EntryHash>,
        /// What they give from now on; none ends them.
        leaves: Option<Role>,
        /// The last entry of each of the person's logs that is to count without question, rising by log; not named: none.
        watermarks: Vec<(LogId, u64)>,
        /// The next epoch. Taking reading away without one is not allowed (E2).
        rotate: Option<EpochStart>,
    },
    /// Adds a device to a person who is in the space (A7): written by another of their devices, or by the new one itself as
    /// the first entry of its log.
    AddDevice {
        /// The person's word that the device is theirs.
        certificate: DeviceCertificate,
        /// The device's word that it agrees.
        consent: Signature,
        /// The grant that the person acts under; not needed where the device adds itself.
        under: Option<EntryHash>,
        /// Content keys for the device; rising by epoch.
        wraps: Vec<Wrap>,
    },
    /// Removes one of the author's own devices (A7).
    RemoveDevice {
        /// The grant that the person acts under.
        under: EntryHash,
        /// The person's word.
        revocation: DeviceRevocation,
        /// The last entry of each of the device's logs that is to count without question, rising by log; not named: none.
        watermarks: Vec<(LogId, u64)>,
        /// The next epoch (E2).
        rotate: Option<EpochStart>,
    },
    /// Closes an invitation (I3): it reads no more, and those who joined by it are the ones listed.
    Close {
        /// The grant that the owner acts under.
        under: EntryHash,
        /// The invitation.
        invitation: InvitationId,
        /// The redemptions that are accepted, rising.
        accepted: Vec<EntryHash>,
        /// The next epoch (E2).
        rotate: Option<EpochStart>,
    },
    /// Begins an epoch, by whoever may write (E3, E4).
    Rotate {
        /// The grant that the author acts under.
        under: EntryHash,
        /// The next epoch.
        epoch: EpochStart,
    },
    /// Gives readers content keys that they lack (E2).
    Rewrap {
        /// The grant that the author acts under.
        under: EntryHash,
        /// Content keys; rising by epoch and recipient.
        wraps: Vec<Wrap>,
    },
    /// Destroys a document for good (A8).
    Destroy {
        /// The grant that the owner acts under.
        under: EntryHash,
        /// The document.
        document: DocumentId,
    },
    /// Names a relay, so that everyone in the space keeps it there (N1); or says anew where a named one can be reached.
    NameRelay {
        /// The grant that the owner acts under.
        under: EntryHash,
        /// The relay.
        relay: Relay,
    },
    /// Names a relay no more.
    DropRelay {
        /// The grant that the owner acts under.
        under: EntryHash,
        /// The relay's key.
        relay: DeviceId,
    },
    /// Says what the author is called, sealed for those who read. Anyone in the space may; whoever may write has it in the
    /// space's index instead.
    Introduce {
        /// The grant that the author acts under.
        under: EntryHash,
        /// The name.
        name: Introduction,
    },
}

impl AccessOp {
    /// The grant it says it acts under; none in a creation, a redemption and a device that adds itself.
    pub const fn under(&self) -> Option<EntryHash> {
        match self {
            Self::Create { .. } | Self::Redeem { .. } => None,
            Self::AddDevice { under, .. } => *under,
            Self::Invite { under, .. }
            | Self::Grant { under, .. }
            | Self::Remove { under, .. }
            | Self::RemoveDevice { under, .. }
            | Self::Close { under, .. }
            | Self::Rotate { under, .. }
            | Self::Rewrap { under, .. }
            | Self::Destroy { under, .. }
            | Self::NameRelay { under, .. }
            | Self::DropRelay { under, .. }
            | Self::Introduce { under, .. } => Some(*under),
        }
    }

    /// The epoch it begins.
    pub const fn epoch_start(&self) -> Option<&EpochStart> {
        match self {
            Self::Create { epoch, .. } | Self::Rotate { epoch, .. } => Some(epoch),
            Self::Remove { rotate, .. } | Self::RemoveDevice { rotate, .. } | Self::Close { rotate, .. } => {
                rotate.as_ref()
            }
            _ => None,
        }
    }

    /// The keys of epochs that are there already which it hands out, with whom they are for.
    pub fn wraps(&self) -> &[Wrap] {
        match self {
            Self::Invite { wraps, .. }
            | Self::Redeem { wraps, .. }
            | Self::Grant { wraps, .. }
            | Self::AddDevice { wraps, .. }
            | Self::Rewrap { wraps, .. } => wraps,
            _ => &[],
        }
    }

    /// How far it has seen the logs of whom it removes.
    pub fn watermarks(&self) -> &[(LogId, u64)] {
        match self {
            Self::Remove { watermarks, .. } | Self::RemoveDevice { watermarks, .. } => watermarks,
            _ => &[],
        }
    }

    /// The last entry of a log that counts without question; 0 for a log that it does not name (A4).
    pub fn watermark(&self, log: &LogId) -> u64 {
        let watermarks = self.watermarks();
        watermarks.binary_search_by_key(log, |(log, _)| *log).map_or(0, |at| watermarks[at].1)
    }

    /// The certificate it brings.
    pub const fn certificate(&self) -> Option<&DeviceCertificate> {
        match self {
            Self::Create { founder: certificate, .. }
            | Self::Redeem { certificate, .. }
            | Self::AddDevice { certificate, .. } => Some(certificate),
            _ => None,
        }
    }
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
