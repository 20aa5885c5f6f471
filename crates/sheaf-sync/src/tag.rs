//! [`Tag`], [`Nonce`] and [`Digest`]: how two nodes find what they have in common without naming it to an outsider.

use serde::{Deserialize, Serialize};
use sheaf_access::SpaceId;
use sheaf_log::FrontierDigest;

/// What makes one connection's tags differ from another's: both ends hold the same one, and nobody else knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; 32]);

impl Nonce {
    /// From the 32 bytes both ends derived from their channel.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// The name of a space on one connection (N1): a hash of its id and the channel's nonce.
///
/// Who knows the space recognises it; who does not learns nothing, not even that two tags on two connections are the
/// same space. Sixteen bytes, because the nonce is not of anyone's choosing, so there is nothing to search a collision
/// for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag([u8; 16]);

impl Tag {
    /// The tag of a space on the connection with this nonce.
    pub fn of(space: &SpaceId, nonce: &Nonce) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(space.as_bytes());
        hasher.update(&nonce.0);
        let mut tag = [0; 16];
        hasher.finalize_xof().fill(&mut tag);
        Self(tag)
    }

    /// Its bytes, for the network, which keeps a stream for each.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// One digest over the frontiers of all spaces that two nodes share (N2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Over these spaces, each with the digest of its frontier, in the order of their ids.
    pub fn over<'a>(spaces: impl IntoIterator<Item = (&'a SpaceId, FrontierDigest)>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("sheaf 1 digest over the frontiers of shared spaces");
        for (space, digest) in spaces {
            hasher.update(space.as_bytes());
            hasher.update(digest.as_bytes());
        }
        Self(*hasher.finalize().as_bytes())
    }
}
