//! The secret of an invitation, and what can be done with it.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use hpke::rand_core::CryptoRng;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::certificate::DeviceCertificate;
use crate::domain;
use crate::keys::{BadSignature, SealingKey, SealingSecret, Signature};
use crate::{DeviceId, EntryHash, InvitationId, SpaceId};

/// The 32 bytes that an invitation link carries. Whoever holds them can read the space (I1) and join it.
///
/// Two keys grow from them: one that signs redemptions, whose public half is the invitation's id, and one that the
/// space's content keys are wrapped for.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationSecret(Zeroizing<[u8; 32]>);

impl InvitationSecret {
    /// A new one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self(seed)
    }

    /// From its 32 bytes.
    pub fn from_bytes(seed: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*seed))
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The invitation's public id.
    pub fn id(&self) -> InvitationId {
        InvitationId::from_bytes(self.signing().verifying_key().to_bytes())
    }

    /// What content keys are wrapped for, so that the link reads (I1).
    pub fn sealing_key(&self) -> SealingKey {
        self.sealing_secret().public()
    }

    /// What opens the keys wrapped for the link.
    pub fn sealing_secret(&self) -> SealingSecret {
        SealingSecret::from_bytes(&Zeroizing::new(domain::hash(domain::INVITATION_SEALING, &[self.0.as_ref()])))
    }

    /// Signs a redemption (I2): that this certificate's person joins this space by this invitation, knowing these
    /// access heads.
    pub fn prove_redemption(
        &self,
        space: SpaceId,
        certificate: &DeviceCertificate,
        access_heads: &[EntryHash],
    ) -> Signature {
        self.sign(&redemption_statement(space, self.id(), certificate, access_heads))
    }

    /// Proves on a connection that this device holds the link, before it is a member (N1).
    pub fn prove_on_channel(&self, space: SpaceId, device: DeviceId, nonce: &[u8; 32]) -> Signature {
        self.sign(&channel_statement(space, self.id(), device, nonce))
    }

    fn signing(&self) -> SigningKey {
        SigningKey::from_bytes(&Zeroizing::new(domain::hash(domain::INVITATION_SIGNING, &[self.0.as_ref()])))
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature::from_bytes(&self.signing().sign(message).to_bytes())
    }
}

// The only field wipes itself.
impl ZeroizeOnDrop for InvitationSecret {}

impl fmt::Debug for InvitationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvitationSecret({})", self.id().short())
    }
}

impl InvitationId {
    /// Checks a redemption's proof (I2).
    pub fn verify_redemption(
        &self,
        space: SpaceId,
        certificate: &DeviceCertificate,
        access_heads: &[EntryHash],
        proof: &Signature,
    ) -> Result<(), BadSignature> {
        self.verify(&redemption_statement(space, *self, certificate, access_heads), proof)
    }

    /// Checks that the device on the other side of a connection holds the link (N1).
    pub fn verify_on_channel(
        &self,
        space: SpaceId,
        device: DeviceId,
        nonce: &[u8; 32],
        proof: &Signature,
    ) -> Result<(), BadSignature> {
        self.verify(&channel_statement(space, *self, device, nonce), proof)
    }
}

fn redemption_statement(
    space: SpaceId,
    invitation: InvitationId,
    certificate: &DeviceCertificate,
    access_heads: &[EntryHash],
) -> [u8; 32] {
    let signature = certificate.signature.to_bytes();
    let count = (access_heads.len() as u64).to_le_bytes();
    let mut parts: Vec<&[u8]> = vec![
        space.as_bytes(),
        invitation.as_bytes(),
        certificate.person.as_bytes(),
        certificate.device.as_bytes(),
        certificate.sealing_key.as_bytes(),
        &signature,
        &count,
    ];
    parts.extend(access_heads.iter().map(|head| head.as_bytes().as_slice()));
    domain::hash(domain::REDEMPTION, &parts)
}

fn channel_statement(space: SpaceId, invitation: InvitationId, device: DeviceId, nonce: &[u8; 32]) -> [u8; 32] {
    domain::hash(domain::INVITATION_CHANNEL, &[space.as_bytes(), invitation.as_bytes(), device.as_bytes(), nonce])
}
