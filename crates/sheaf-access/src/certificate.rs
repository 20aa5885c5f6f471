//! What makes a device a person's: a certificate signed by the person's root key.

use serde::{Deserialize, Serialize};

use crate::domain;
use crate::keys::{BadSignature, DeviceKeys, PersonKey, SealingKey, Signature};
use crate::{DeviceId, PersonId};

/// "This device is mine": a person's root key over a device's two public keys.
///
/// It names no space, so that a device is certified once. It proves nothing about who sends it: that is what the
/// device's own signature on the entry or the connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceCertificate {
    /// Whose device it is.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// What content keys are wrapped for, for this device to read.
    pub sealing_key: SealingKey,
    /// The root key's signature over the three.
    pub signature: Signature,
}

impl DeviceCertificate {
    /// Certifies a device whose keys are here.
    pub fn issue(person: &PersonKey, device: &DeviceKeys) -> Self {
        Self::issue_for(person, device.id(), device.sealing_key())
    }

    /// Certifies a device by its public keys: another machine, that is being paired.
    pub fn issue_for(person: &PersonKey, device: DeviceId, sealing_key: SealingKey) -> Self {
        let id = person.id();
        let signature = person.sign(&Self::statement(&id, &device, &sealing_key));
        Self { person: id, device, sealing_key, signature }
    }

    /// Checks that the person's root key signed it.
    pub fn verify(&self) -> Result<(), BadSignature> {
        self.person.verify(&Self::statement(&self.person, &self.device, &self.sealing_key), &self.signature)
    }

    /// The device's own word that it agrees to be this person's. Without it anyone could claim somebody else's device, by a
    /// certificate that they sign themselves.
    pub fn consent(&self, device: &DeviceKeys) -> Signature {
        device.sign(&self.consent_statement())
    }

    /// Checks that the device agreed.
    pub fn verify_consent(&self, consent: &Signature) -> Result<(), BadSignature> {
        self.device.verify(&self.consent_statement(), consent)
    }

    fn consent_statement(&self) -> [u8; 32] {
        domain::hash(domain::CONSENT, &[self.person.as_bytes(), self.device.as_bytes(), self.sealing_key.as_bytes()])
    }

    fn statement(person: &PersonId, device: &DeviceId, sealing_key: &SealingKey) -> [u8; 32] {
        domain::hash(domain::CERTIFICATE, &[person.as_bytes(), device.as_bytes(), sealing_key.as_bytes()])
    }
}
