//! The end of a device: a person's root key takes back what a certificate said.

use serde::{Deserialize, Serialize};

use crate::domain;
use crate::keys::{BadSignature, PersonKey, Signature};
use crate::{DeviceId, PersonId};

/// "This device is mine no longer", by a person's root key (A7).
///
/// Like a certificate it names no space: signed once, it ends the device in each space that one of the person's other
/// devices writes it into. There is no way back; a device that returns does so with new keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub struct DeviceRevocation {
    /// Whose device it was.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// The root key's signature over both.
    pub signature: Signature,
}

impl DeviceRevocation {
    /// Takes a device back.
    pub fn issue(person: &PersonKey, device: DeviceId) -> Self {
        let id = person.id();
        Self { person: id, device, signature: person.sign(&Self::statement(&id, &device)) }
    }

    /// Checks that the person's root key signed it.
    pub fn verify(&self) -> Result<(), BadSignature> {
        self.person.verify(&Self::statement(&self.person, &self.device), &self.signature)
    }

    fn statement(person: &PersonId, device: &DeviceId) -> [u8; 32] {
        domain::hash(domain::REVOCATION, &[person.as_bytes(), device.as_bytes()])
    }
}
