//! What can be said of an access entry without knowing any other: its signatures, and that it agrees with itself.
//!
//! Checked once, when the entry arrives, so that evaluating a set again costs no cryptography.

use crate::certificate::DeviceCertificate;
use crate::epoch::Wrap;
use crate::keys::SealingKey;
use crate::operation::{AccessEntry, AccessOp};
use crate::verdict::Void;
use crate::{LogId, SpaceId};

pub(crate) fn check_alone(space: SpaceId, entry: &AccessEntry) -> Result<(), Void> {
    match &entry.operation {
        AccessOp::Create { founder, epoch, .. } => {
            if entry.space != SpaceId::UNBORN || entry.seq != 1 || !entry.access_heads.is_empty() {
                return Err(Void::NotTheCreation);
            }
            own_certificate(founder, entry)?;
            if epoch.wraps.len() != 1 {
                return Err(Void::WrongReaders);
            }
            if !epoch.parents.is_empty() {
                return Err(Void::WrongParents);
            }
        }
        AccessOp::Invite { sealing_key, wraps, .. } => {
            one_recipient(wraps, *sealing_key)?;
            usable(*sealing_key)?;
        }
        AccessOp::Redeem { invitation, certificate, proof, wraps } => {
            if entry.seq != 1 {
                return Err(Void::NotFirstOfLog);
            }
            own_certificate(certificate, entry)?;
            invitation.verify_redemption(space, certificate, &entry.access_heads, proof).map_err(|_| Void::BadProof)?;
            one_recipient(wraps, certificate.sealing_key)?;
        }
        AccessOp::Grant { wraps, .. } | AccessOp::Rewrap { wraps, .. } => rising(wraps)?,
        AccessOp::Remove { grants, watermarks, .. } => {
            if grants.is_empty() || !grants.is_sorted_by(|a, b| a < b) {
                return Err(Void::WrongGrants);
            }
            rising_logs(watermarks)?;
        }
        AccessOp::AddDevice { certificate, consent, wraps, .. } => {
            certificate.verify().map_err(|_| Void::ForgedCertificate)?;
            certificate.verify_consent(consent).map_err(|_| Void::NoConsent)?;
            usable(certificate.sealing_key)?;
            one_recipient(wraps, certificate.sealing_key)?;
            if certificate.device == entry.log.device && entry.seq != 1 {
                return Err(Void::NotFirstOfLog);
            }
        }
        AccessOp::RemoveDevice { revocation, watermarks, .. } => {
            revocation.verify().map_err(|_| Void::ForgedRevocation)?;
            rising_logs(watermarks)?;
            if watermarks.iter().any(|(log, _)| log.device != revocation.device) {
                return Err(Void::WrongWatermarks);
            }
        }
        AccessOp::Close { accepted, .. } => {
            if !accepted.is_sorted_by(|a, b| a < b) {
                return Err(Void::UnknownRedemption);
            }
        }
        AccessOp::Rotate { .. }
        | AccessOp::Destroy { .. }
        | AccessOp::NameRelay { .. }
        | AccessOp::DropRelay { .. }
        | AccessOp::Introduce { .. } => {}
    }
    let parents = entry.operation.epoch_start().map_or(&[][..], |start| &start.parents);
    if parents.is_sorted_by(|a, b| a.epoch < b.epoch) { Ok(()) } else { Err(Void::WrongParents) }
}

fn own_certificate(certificate: &DeviceCertificate, entry: &AccessEntry) -> Result<(), Void> {
    if certificate.device != entry.log.device {
        return Err(Void::CertificateOfAnother);
    }
    certificate.verify().map_err(|_| Void::ForgedCertificate)?;
    usable(certificate.sealing_key)
}

fn usable(key: SealingKey) -> Result<(), Void> {
    if key.is_usable() { Ok(()) } else { Err(Void::UnusableKey) }
}

/// There is one wrap at most for each epoch and recipient, in one order.
fn rising(wraps: &[Wrap]) -> Result<(), Void> {
    let key = |wrap: &Wrap| (wrap.epoch, wrap.recipient);
    if wraps.is_sorted_by(|a, b| key(a) < key(b)) { Ok(()) } else { Err(Void::WrongWraps) }
}

fn one_recipient(wraps: &[Wrap], recipient: SealingKey) -> Result<(), Void> {
    rising(wraps)?;
    if wraps.iter().all(|wrap| wrap.recipient == recipient) { Ok(()) } else { Err(Void::WrongWraps) }
}

fn rising_logs(watermarks: &[(LogId, u64)]) -> Result<(), Void> {
    if watermarks.is_sorted_by(|a, b| a.0 < b.0) { Ok(()) } else { Err(Void::WrongWatermarks) }
}
