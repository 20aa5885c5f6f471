//! Operations as the first version wrote them: spaces that were founded then open for ever.
//!
//! It knew three. An epoch's wraps said for whom they were, and an invitation had neither an end nor a number of uses.

use serde::{Deserialize, Serialize};

use super::{AccessOp, MAX_WRAPS, OperationError};
use crate::certificate::DeviceCertificate;
use crate::epoch::{Commitment, EpochStart, Wrap};
use crate::keys::{SealingKey, Signature};
use crate::{EntryHash, EpochId, InvitationId, Role};

/// The number of this version.
pub(super) const VERSION: u8 = 1;
const KNOWN: u8 = 3;

#[derive(Serialize, Deserialize)]
struct Start {
    commitment: Commitment,
    wraps: Vec<Wrap>,
}

#[derive(Serialize, Deserialize)]
enum Operation {
    Create { founder: DeviceCertificate, nonce: [u8; 16], epoch: Start },
    Invite { under: EntryHash, invitation: InvitationId, sealing_key: SealingKey, role: Role, wraps: Vec<Wrap> },
    Redeem { invitation: InvitationId, certificate: DeviceCertificate, proof: Signature, wraps: Vec<Wrap> },
}

impl Operation {
    fn wraps(&self) -> &[Wrap] {
        match self {
            Self::Create { epoch, .. } => &epoch.wraps,
            Self::Invite { wraps, .. } | Self::Redeem { wraps, .. } => wraps,
        }
    }
}

/// From the bytes after the version.
pub(super) fn decode(bytes: &[u8]) -> Result<AccessOp, OperationError> {
    match bytes {
        [] => return Err(OperationError::Malformed),
        [operation, ..] if *operation >= KNOWN => return Err(OperationError::Unknown),
        _ => {}
    }
    let operation: Operation = postcard::from_bytes(bytes).map_err(|_| OperationError::Malformed)?;
    if operation.wraps().len() > MAX_WRAPS {
        return Err(OperationError::TooLarge);
    }
    // Writing plain data into a growing vector has nothing that can fail.
    let again = postcard::to_extend(&operation, Vec::new()).expect("an operation encodes into memory");
    if again != bytes {
        return Err(OperationError::Malformed);
    }
    Ok(match operation {
        Operation::Create { founder, nonce, epoch: Start { commitment, wraps } } => {
            // Said for whom, it was for the founder alone.
            let for_founder = |wrap: &Wrap| wrap.recipient == founder.sealing_key && wrap.epoch == EpochId::UNBORN;
            if !wraps.iter().all(for_founder) {
                return Err(OperationError::Malformed);
            }
            let wraps = wraps.into_iter().map(|wrap| wrap.key).collect();
            AccessOp::Create { founder, nonce, epoch: EpochStart { commitment, parents: Vec::new(), wraps } }
        }
        Operation::Invite { under, invitation, sealing_key, role, wraps } => {
            AccessOp::Invite { under, invitation, sealing_key, role, wraps, expires: None, uses: None }
        }
        Operation::Redeem { invitation, certificate, proof, wraps } => {
            AccessOp::Redeem { invitation, certificate, proof, wraps }
        }
    })
}
