//! Keys: the root key of a person, the two keys of a device, and what they sign and open.
//!
//! Randomness is passed in, secrets are wiped when dropped, and `Debug` shows public halves only.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use hpke::rand_core::CryptoRng;
use hpke::{Deserializable, Kem as _, Serializable};
use serde::{Deserialize, Serialize};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::epoch::Kem;
use crate::{DeviceId, PersonId};

/// An Ed25519 signature.
///
/// Kept as two halves only because serde knows arrays of up to 32 bytes; encoded it is the usual 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature([u8; 32], [u8; 32]);

impl Signature {
    /// How long a signature is.
    pub const SIZE: usize = 64;

    /// From its 64 bytes.
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&bytes[..32]);
        s.copy_from_slice(&bytes[32..]);
        Self(r, s)
    }

    /// Its 64 bytes.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..32].copy_from_slice(&self.0);
        bytes[32..].copy_from_slice(&self.1);
        bytes
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// A signature that the named key did not make over these bytes.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
#[error("the signature is not the named key's over these bytes")]
pub struct BadSignature;

/// Checks a signature by the key with these bytes. Strict: weak keys and malleable signatures are refused, so that two
/// devices can never disagree on whether one is good.
fn verify(key: &[u8; 32], message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
    VerifyingKey::from_bytes(key)
        .and_then(|key| key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.to_bytes())))
        .map_err(|_| BadSignature)
}

fn sign(key: &SigningKey, message: &[u8]) -> Signature {
    Signature::from_bytes(&key.sign(message).to_bytes())
}

impl DeviceId {
    /// Checks that this device signed the message. The message must carry its own domain separation.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        verify(self.as_bytes(), message, signature)
    }
}

impl PersonId {
    /// Checks that this person's root key signed the message. The message must carry its own domain separation.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        verify(self.as_bytes(), message, signature)
    }
}

impl crate::InvitationId {
    /// Checks that this invitation's key signed the message. The message must carry its own domain separation.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        verify(self.as_bytes(), message, signature)
    }
}

/// A person's root key: it certifies devices and does nothing else, so that it can be kept away from daily use (A7).
#[derive(Clone)]
pub struct PersonKey(SigningKey);

impl PersonKey {
    /// A new one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// From the 32 bytes it grows from.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The 32 bytes it grows from: the person's whole identity. Wiped when dropped.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn id(&self) -> PersonId {
        PersonId::from_bytes(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        sign(&self.0, message)
    }
}

// The only field is wiped when it is dropped: by its own crate.
impl ZeroizeOnDrop for PersonKey {}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonKey({})", self.id().short())
    }
}

/// A device's keys: one that signs (and is its endpoint key on the network), one that content keys are wrapped for.
#[derive(Clone)]
pub struct DeviceKeys {
    signing: SigningKey,
    sealing: SealingSecret,
}

impl DeviceKeys {
    /// New ones.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self { signing: SigningKey::from_bytes(&seed), sealing: SealingSecret::generate(rng) }
    }

    /// From the two secrets, as [`Self::signing_seed`] and [`Self::sealing_secret`] give them.
    pub fn from_secrets(signing_seed: &[u8; 32], sealing: SealingSecret) -> Self {
        Self { signing: SigningKey::from_bytes(signing_seed), sealing }
    }

    /// The device's public id.
    pub fn id(&self) -> DeviceId {
        DeviceId::from_bytes(self.signing.verifying_key().to_bytes())
    }

    /// The seed of the signing key, which the network endpoint uses too, so that a connection proves the device.
    pub fn signing_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }

    /// What opens keys wrapped for this device.
    pub fn sealing_secret(&self) -> &SealingSecret {
        &self.sealing
    }

    /// What others wrap content keys for.
    pub fn sealing_key(&self) -> SealingKey {
        self.sealing.public()
    }

    /// Signs a message as this device. The message must carry its own domain separation.
    pub fn sign(&self, message: &[u8]) -> Signature {
        sign(&self.signing, message)
    }
}

// Both fields are wiped when they are dropped: by their own types.
impl ZeroizeOnDrop for DeviceKeys {}

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKeys({})", self.id().short())
    }
}

/// The X25519 public key that a content key is wrapped for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(")?;
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// The secret half of a [`SealingKey`].
#[derive(Clone)]
pub struct SealingSecret(Zeroizing<[u8; 32]>);

impl SealingSecret {
    /// A new one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    /// From its 32 bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half.
    pub fn public(&self) -> SealingKey {
        let mut bytes = [0; 32];
        Kem::sk_to_pk(&self.to_hpke()).write_exact(&mut bytes);
        SealingKey(bytes)
    }

    pub(crate) fn to_hpke(&self) -> <Kem as hpke::Kem>::PrivateKey {
        // Any 32 bytes are an X25519 secret (they are clamped), so the length, which is fixed here, is all that can be wrong.
        <Kem as hpke::Kem>::PrivateKey::from_bytes(self.0.as_ref()).expect("32 bytes are an X25519 secret")
    }
}

// The only field wipes itself.
impl ZeroizeOnDrop for SealingSecret {}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingSecret(..)")
    }
}
