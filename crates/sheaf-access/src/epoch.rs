//! Epochs: the generations of a space's content key, and how a reader is given one (E).
//!
//! Content is sealed under a [`ContentKey`]. The entry that starts an epoch carries a [`Commitment`] to the key, and
//! [`Wrap`]s of it: the key itself, HPKE-sealed to the sealing key of each device (or open invitation) that may read.
//! A wrap that opens to another key than the one committed to is caught on opening (E4).

use std::fmt;

use hpke::aead::{AeadTag, ChaCha20Poly1305};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::rand_core::CryptoRng;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain;
use crate::keys::{SealingKey, SealingSecret};
use crate::{EpochId, SpaceId};

/// The key encapsulation of every wrap.
pub(crate) type Kem = hpke::kem::X25519HkdfSha256;

/// The key that a space's content is sealed under during one epoch.
#[derive(Clone)]
pub struct ContentKey(Zeroizing<[u8; 32]>);

impl ContentKey {
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

    /// What the entry that starts the epoch says of the key: enough to recognise it, nothing to learn it from.
    pub fn commitment(&self) -> Commitment {
        Commitment(domain::hash(domain::EPOCH_COMMITMENT, &[self.0.as_ref()]))
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(..)")
    }
}

/// A hash of a content key, by which every reader knows that they were given the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Commitment([u8; 32]);

impl Commitment {
    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commitment(")?;
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// How an epoch begins (E1): the commitment to its key, and the key wrapped for those who may read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EpochStart {
    /// The commitment to the key.
    pub commitment: Commitment,
    /// The key, for each reader.
    pub wraps: Vec<Wrap>,
}

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
/// stands in is signed).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrap {
    /// The epoch whose key it is; [`EpochId::UNBORN`] in the entry that starts it.
    pub epoch: EpochId,
    /// Who can open it.
    pub recipient: SealingKey,
    encapsulated: [u8; 32],
    sealed: [u8; 32],
    tag: [u8; 16],
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

impl Wrap {
    /// Seals the key for a reader.
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
        Ok(Self { epoch, recipient, encapsulated, sealed: *sealed, tag })
    }

    /// Opens it, and checks that it holds the key that was committed to (E4). The context's space and epoch are those it
    /// was sealed under: see [`WrapContext`].
    pub fn open(&self, context: &WrapContext, secret: &SealingSecret) -> Result<ContentKey, UnwrapError> {
        if secret.public() != self.recipient {
            return Err(UnwrapError::NotForYou);
        }
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
        let key = ContentKey(bytes);
        if key.commitment() == context.commitment { Ok(key) } else { Err(UnwrapError::WrongKey) }
    }
}
