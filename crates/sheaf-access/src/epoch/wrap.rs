//! A content key, wrapped for one reader.

use std::fmt;

use hpke::aead::{AeadTag, ChaCha20Poly1305};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::rand_core::CryptoRng;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Commitment, ContentKey};
use crate::domain;
use crate::keys::{SealingKey, SealingSecret};
use crate::{EpochId, SpaceId};

/// The key encapsulation of every wrap.
pub(crate) type Kem = hpke::kem::X25519HkdfSha256;

/// Which key, of which epoch of which space, a wrap is of. Bound into the wrap, so that one cannot be passed off as
/// another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrapContext {
    /// The space; [`SpaceId::UNBORN`] in the space's first entry, whose hash is the space's id.
    pub space: SpaceId,
    /// The epoch; [`EpochId::UNBORN`] in the entry that starts it, whose hash is the epoch's id.
    pub epoch: EpochId,
    /// The commitment to the key, which says which epoch is meant even where the ids cannot be known yet.
    pub commitment: Commitment,
}

impl WrapContext {
    fn info(&self) -> [u8; 32] {
        domain::hash(domain::WRAP, &[self.space.as_bytes(), self.epoch.as_bytes(), self.commitment.as_bytes()])
    }
}

/// A content key, sealed for one reader by HPKE (X25519, HKDF-SHA256, ChaCha20-Poly1305; base mode, for the entry it
/// stands in is signed). It does not say for whom, nor of which epoch: what it stands in does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKey {
    encapsulated: [u8; 32],
    sealed: [u8; 32],
    tag: [u8; 16],
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKey(..)")
    }
}

/// A sealed key that says of which epoch it is, and for whom.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrap {
    /// The epoch whose key it is.
    pub epoch: EpochId,
    /// Who can open it.
    pub recipient: SealingKey,
    /// The key.
    pub key: SealedKey,
}

impl fmt::Debug for Wrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrap({:?} for {:?})", self.epoch, self.recipient)
    }
}

/// Why a content key could not be wrapped.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
#[error(
    "the key cannot be wrapped for {0:?}: that is not a usable sealing key. Ask for a new certificate or invitation."
)]
pub struct UnusableSealingKey(pub SealingKey);

/// Why a wrap gave no key.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum UnwrapError {
    /// There is no wrap for this device (or invitation) of that epoch's key.
    #[error("nobody has wrapped the key of this epoch for this device yet; a member who is online will")]
    NotForYou,
    /// The wrap does not open: it was damaged, or made for another space or epoch.
    #[error("the key wrapped for this device does not open; ask a member to wrap it again")]
    Damaged,
    /// The wrap opens, but to another key than the epoch's (E4).
    #[error("the key wrapped for this device is not the epoch's; whoever wrapped it broke rule E4")]
    WrongKey,
}

impl SealedKey {
    /// Seals the key for a reader. The context's commitment is the key's own.
    pub fn seal(
        key: &ContentKey,
        space: SpaceId,
        epoch: EpochId,
        recipient: SealingKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnusableSealingKey> {
        let unusable = UnusableSealingKey(recipient);
        let public = <Kem as hpke::Kem>::PublicKey::from_bytes(recipient.as_bytes()).map_err(|_| unusable)?;
        let context = WrapContext { space, epoch, commitment: key.commitment() };
        let mut sealed = Zeroizing::new(*key.as_bytes());
        let (encapped, aead_tag) = hpke::single_shot_seal_inout_detached_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeS::Base,
            &public,
            &context.info(),
            InOutBuf::from(sealed.as_mut_slice()),
            &[],
            rng,
        )
        .map_err(|_| unusable)?;
        let (mut encapsulated, mut tag) = ([0; 32], [0; 16]);
        encapped.write_exact(&mut encapsulated);
        aead_tag.write_exact(&mut tag);
        Ok(Self { encapsulated, sealed: *sealed, tag })
    }

    /// Opens it, and checks that it holds the key that was committed to (E4). The context's space and epoch are those it
    /// was sealed under: see [`WrapContext`].
    pub fn open(&self, context: &WrapContext, secret: &SealingSecret) -> Result<ContentKey, UnwrapError> {
        let encapped =
            <Kem as hpke::Kem>::EncappedKey::from_bytes(&self.encapsulated).map_err(|_| UnwrapError::Damaged)?;
        let tag = AeadTag::from_bytes(&self.tag).map_err(|_| UnwrapError::Damaged)?;
        let mut bytes = Zeroizing::new(self.sealed);
        hpke::single_shot_open_inout_detached::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeR::Base,
            &secret.to_hpke(),
            &encapped,
            &context.info(),
            InOutBuf::from(bytes.as_mut_slice()),
            &[],
            &tag,
        )
        .map_err(|_| UnwrapError::Damaged)?;
        let key = ContentKey::from_bytes(&bytes);
        if key.commitment() == context.commitment { Ok(key) } else { Err(UnwrapError::WrongKey) }
    }
}

impl Wrap {
    /// Seals the key for a reader.
    pub fn seal(
        key: &ContentKey,
        space: SpaceId,
        epoch: EpochId,
        recipient: SealingKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnusableSealingKey> {
        Ok(Self { epoch, recipient, key: SealedKey::seal(key, space, epoch, recipient, rng)? })
    }

    /// Opens it, as [`SealedKey::open`] does, if it is for this secret.
    pub fn open(&self, context: &WrapContext, secret: &SealingSecret) -> Result<ContentKey, UnwrapError> {
        if secret.public() == self.recipient { self.key.open(context, secret) } else { Err(UnwrapError::NotForYou) }
    }
}

impl SealingKey {
    /// Whether a key can be wrapped for it at all. Points of low order cannot; a member who brought one would keep everyone
    /// else from ever rotating, so they are refused where they are named (E1).
    pub fn is_usable(&self) -> bool {
        let mut point = *self.as_bytes();
        // X25519 does not look at the highest bit.
        point[31] &= 0x7f;
        !LOW_ORDER.contains(&point)
    }
}

/// The points of low order: 0, 1, the two of order eight, and p - 1, p and p + 1, which are -1, 0 and 1 again.
const LOW_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    small(1),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
        0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    near_p(0xec),
    near_p(0xed),
    near_p(0xee),
];

const fn small(number: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = number;
    bytes
}

/// The field's prime is 0x7fff...ffed, written here from its low end.
const fn near_p(lowest: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = lowest;
    bytes[31] = 0x7f;
    bytes
}
