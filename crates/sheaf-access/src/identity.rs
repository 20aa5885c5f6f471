//! An identity as it is kept: a person's device, and as long as it is here, the root key.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::certificate::DeviceCertificate;
use crate::domain;
use crate::keys::{DeviceKeys, PersonKey, SealingSecret};

const PREFIX: &str = "sheaf-identity-1:";
const CHECKSUM: usize = 8;
/// Longer than any identity of this version is.
const MAX_TEXT: usize = 4096;

/// Who this device is: its keys, and the certificate that makes it a person's.
///
/// The root key is here only where it has to be; a device that was paired has none (A7).
#[derive(Clone, Debug)]
pub struct Identity {
    /// The device's keys.
    pub device: DeviceKeys,
    /// The person's word that the device is theirs.
    pub certificate: DeviceCertificate,
    /// The person's root key.
    pub root: Option<PersonKey>,
}

/// Why a text is no identity.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum ParseIdentityError {
    /// It is something else, or of a later version.
    #[error("this is not an identity that this version of Sheaf can read")]
    NotAnIdentity,
    /// It was one.
    #[error("the stored identity is damaged; restore it from a backup or from the recovery phrase")]
    Damaged,
    /// Its parts do not belong together.
    #[error(
        "the stored identity's certificate is not for its keys; restore it from a backup or from the recovery phrase"
    )]
    Mismatch,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    signing: [u8; 32],
    sealing: [u8; 32],
    certificate: DeviceCertificate,
    root: Option<[u8; 32]>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.signing.zeroize();
        self.sealing.zeroize();
        self.root.zeroize();
    }
}

impl Identity {
    /// A new person on a new device.
    pub fn generate(rng: &mut impl hpke::rand_core::CryptoRng) -> Self {
        let (root, device) = (PersonKey::generate(rng), DeviceKeys::generate(rng));
        let certificate = DeviceCertificate::issue(&root, &device);
        Self { device, certificate, root: Some(root) }
    }

    /// As text, with its secrets: for a file that only the user can read, a keyring, or a sealed file. Wiped when
    /// dropped.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let stored = Stored {
            signing: *self.device.signing_seed(),
            sealing: *self.device.sealing_secret().as_bytes(),
            certificate: self.certificate,
            root: self.root.as_ref().map(|root| *root.seed()),
        };
        // Writing plain data into memory has nothing that can fail.
        let mut bytes = Zeroizing::new(postcard::to_allocvec(&stored).expect("an identity encodes into memory"));
        let sum = domain::hash(domain::IDENTITY_CHECKSUM, &[&bytes]);
        bytes.extend_from_slice(&sum[..CHECKSUM]);
        let hex = Zeroizing::new(data_encoding::HEXLOWER.encode(&bytes));
        Zeroizing::new(format!("{PREFIX}{}", hex.as_str()))
    }

    /// From that text.
    pub fn from_secret_text(text: &str) -> Result<Self, ParseIdentityError> {
        let hex = text.trim().strip_prefix(PREFIX).ok_or(ParseIdentityError::NotAnIdentity)?;
        if hex.len() > MAX_TEXT {
            return Err(ParseIdentityError::Damaged);
        }
        let bytes =
            data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| ParseIdentityError::Damaged)?;
        let bytes = Zeroizing::new(bytes);
        let body_end = bytes.len().checked_sub(CHECKSUM).ok_or(ParseIdentityError::Damaged)?;
        let (body, sum) = bytes.split_at(body_end);
        if domain::hash(domain::IDENTITY_CHECKSUM, &[body])[..CHECKSUM] != *sum {
            return Err(ParseIdentityError::Damaged);
        }
        let (stored, rest): (Stored, _) = postcard::take_from_bytes(body).map_err(|_| ParseIdentityError::Damaged)?;
        if !rest.is_empty() {
            return Err(ParseIdentityError::Damaged);
        }
        let device = DeviceKeys::from_secrets(&stored.signing, SealingSecret::from_bytes(&stored.sealing));
        let identity =
            Self { device, certificate: stored.certificate, root: stored.root.as_ref().map(PersonKey::from_seed) };
        if identity.belongs_together() { Ok(identity) } else { Err(ParseIdentityError::Mismatch) }
    }

    fn belongs_together(&self) -> bool {
        let certificate = &self.certificate;
        certificate.device == self.device.id()
            && certificate.sealing_key == self.device.sealing_key()
            && certificate.verify().is_ok()
            && self.root.as_ref().is_none_or(|root| root.id() == certificate.person)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "person {} on device {}", self.certificate.person.short(), self.certificate.device.short())
    }
}
