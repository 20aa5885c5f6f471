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
    /// Certifies a device.
    pub fn issue(person: &PersonKey, device: &DeviceKeys) -> Self {
        let (person_id, device_id, sealing_key) = (person.id(), device.id(), device.sealing_key());
        let signature = person.sign(&Self::statement(&person_id, &device_id, &sealing_key));
        Self { person: person_id, device: device_id, sealing_key, signature }
    }

    /// Checks that the person's root key signed it.
    pub fn verify(&self) -> Result<(), BadSignature> {
        self.person.verify(&Self::statement(&self.person, &self.device, &self.sealing_key), &self.signature)
    }

    fn statement(person: &PersonId, device: &DeviceId, sealing_key: &SealingKey) -> [u8; 32] {
        domain::hash(domain::CERTIFICATE, &[person.as_bytes(), device.as_bytes(), sealing_key.as_bytes()])
    }
}
