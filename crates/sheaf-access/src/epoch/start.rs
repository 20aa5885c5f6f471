//! How an epoch begins (E1).

use std::fmt;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce, Tag};
use hpke::rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Commitment, ContentKey, SealedKey, UnusableSealingKey, UnwrapError};
use crate::domain;
use crate::keys::SealingKey;
use crate::{EpochId, SpaceId};

/// The most readers that an epoch's key is wrapped for: as many as fit into an entry.
pub const MAX_READERS: usize = 6_000;
/// The most epochs that one carries on from.
pub const MAX_PARENTS: usize = 128;

/// How an epoch begins: the commitment to its key, the keys before it, and the key for those who may read.
///
/// The wraps stand in the order of the readers' sealing keys and do not repeat whose they are: who the readers are follows
/// from the access heads of the entry, and whoever lets the entry in has worked it out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EpochStart {
    /// The commitment to the key.
    pub commitment: Commitment,
    /// The epochs before it, rising by id.
    pub parents: Vec<ParentKey>,
    /// The key, for each reader in their order.
    pub wraps: Vec<SealedKey>,
}

/// An epoch that another carries on from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ParentKey {
    /// The epoch before.
    pub epoch: EpochId,
    /// Its key, sealed under the new one; none if whoever rotated could not open it themselves (E4).
    pub sealed: Option<SealedParent>,
}

/// An epoch's key, sealed under that of an epoch that follows it (ChaCha20-Poly1305 under a key made for this alone).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedParent {
    sealed: [u8; 32],
    tag: [u8; 16],
}

impl fmt::Debug for SealedParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedParent(..)")
    }
}

impl SealedParent {
    /// Seals an epoch's key under the one that follows it.
    pub fn seal(parent: &ContentKey, space: SpaceId, epoch: EpochId, child: &ContentKey) -> Option<Self> {
        let mut sealed = Zeroizing::new(*parent.as_bytes());
        let cipher = cipher(space, epoch, &parent.commitment(), child);
        let tag = cipher.encrypt_inout_detached(&Nonce::default(), &[], sealed.as_mut_slice().into()).ok()?;
        Some(Self { sealed: *sealed, tag: tag.into() })
    }

    /// Opens it, and checks that it holds the key that the earlier epoch committed to.
    pub fn open(
        &self,
        space: SpaceId,
        epoch: EpochId,
        commitment: &Commitment,
        child: &ContentKey,
    ) -> Result<ContentKey, UnwrapError> {
        let mut bytes = Zeroizing::new(self.sealed);
        cipher(space, epoch, commitment, child)
            .decrypt_inout_detached(&Nonce::default(), &[], bytes.as_mut_slice().into(), &Tag::from(self.tag))
            .map_err(|_| UnwrapError::Damaged)?;
        let key = ContentKey::from_bytes(&bytes);
        if key.commitment() == *commitment { Ok(key) } else { Err(UnwrapError::WrongKey) }
    }
}

/// A key for one pair of epochs, used for one message: so the nonce may be zero.
fn cipher(space: SpaceId, epoch: EpochId, commitment: &Commitment, child: &ContentKey) -> ChaCha20Poly1305 {
    let parts = [child.as_bytes().as_slice(), space.as_bytes(), epoch.as_bytes(), commitment.as_bytes()];
    let key = Zeroizing::new(domain::hash(domain::PARENT_KEY, &parts));
    ChaCha20Poly1305::new(&Key::from(*key))
}

impl EpochStart {
    /// Begins an epoch with a key, for these readers, carrying on from these epochs: with their keys, where known.
    pub fn new(
        key: &ContentKey,
        space: SpaceId,
        parents: &[(EpochId, Option<ContentKey>)],
        readers: &[SealingKey],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnusableSealingKey> {
        let parent = |(epoch, parent): &(EpochId, Option<ContentKey>)| ParentKey {
            epoch: *epoch,
            sealed: parent.as_ref().and_then(|parent| SealedParent::seal(parent, space, *epoch, key)),
        };
        let wrap = |reader: &SealingKey| SealedKey::seal(key, space, EpochId::UNBORN, *reader, rng);
        let mut parents: Vec<_> = parents.iter().map(parent).collect();
        parents.sort_unstable_by_key(|parent| parent.epoch);
        let wraps = readers.iter().map(wrap).collect::<Result<_, _>>()?;
        Ok(Self { commitment: key.commitment(), parents, wraps })
    }
}
