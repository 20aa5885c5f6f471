//! Blobs: what is too large for an entry, sealed in chunks and named by the hash of the sealed bytes.
//!
//! ```text
//! version (1) | commitment (32) | chunk | chunk | … | last chunk
//! chunk   XChaCha20-Poly1305 over 64 KiB (the last: 1 byte to 64 KiB), 16 bytes of tag
//! nonce   position of the chunk (8, little endian) | 1 for the last, 0 for others | zeros
//! inside  packing (1) | length packed (4) | length unpacked (4) | content, zstd where it helps | zeros up to the size class
//! ```
//!
//! **The key is the content's own.** It is a hash of the content under a secret of the space's readers, so what has not
//! changed is sealed to the same bytes and keeps its name: a checkpoint that changes one document of a thousand sends one
//! blob. It is never used for two contents, so a chunk's position is nonce enough. Whoever may read is told the key beside
//! the name, so a blob outlives the epoch it was sealed in.
//!
//! **A chunk that is moved, cut off or added is told**: its position and whether it is the last are in its nonce. As with
//! an entry (see `seal`), a commitment binds the bytes to one key.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sheaf_access::ContentKey;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::domain;
use crate::seal::SealError;

/// The most bytes of a sealed blob (a protocol constant).
pub const MAX_BLOB: u64 = 256 * 1024 * 1024;
/// The most bytes that a checkpoint's blob unpacks to (a protocol constant).
pub const MAX_BLOB_CONTENT: usize = 256 * 1024 * 1024;
const VERSION: u8 = 1;
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
const COMMITMENT: usize = 32;
const FRONT: usize = 1 + 4 + 4;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const LEVEL: i32 = 9;
/// The smallest size class of a blob.
const SMALLEST: usize = 512;

/// A blob: the BLAKE3 hash of its sealed bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// The name of sealed bytes.
    pub fn of(sealed: &[u8]) -> Self {
        Self(*blake3::hash(sealed).as_bytes())
    }

    /// The name of sealed bytes that were hashed piece by piece.
    pub fn of_hasher(hasher: &blake3::Hasher) -> Self {
        Self(*hasher.finalize().as_bytes())
    }

    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobId(")?;
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// The key one blob is sealed under.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct BlobKey([u8; 32]);

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobKey(..)")
    }
}

/// A blob by its name and its length, as everyone may know it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct BlobLink {
    /// Its name.
    pub id: BlobId,
    /// How many bytes it has, sealed.
    pub size: u64,
}

/// A blob and its key, as readers know it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BlobRef {
    /// The blob.
    pub link: BlobLink,
    /// Its key.
    pub key: BlobKey,
}

/// Seals content. The same content under the same content key gives the same bytes.
pub fn seal_blob(secret: &ContentKey, content: &[u8]) -> Result<(BlobRef, Vec<u8>), SealError> {
    if content.len() > MAX_BLOB_CONTENT {
        return Err(SealError::TooLarge);
    }
    let secret = Zeroizing::new(domain::hash(domain::BLOB_SECRET, &[secret.as_bytes()]));
    let key = BlobKey(*blake3::keyed_hash(&secret, content).as_bytes());
    let packed =
        zstd::bulk::compress(content, LEVEL).ok().filter(|packed| packed.len() + packed.len() / 16 < content.len());
    let (packing, body) = packed.as_deref().map_or((PLAIN, content), |packed| (ZSTD, packed));
    let size = class(FRONT + body.len());
    let mut plaintext = Zeroizing::new(Vec::with_capacity(size));
    plaintext.push(packing);
    plaintext.extend_from_slice(&(body.len() as u32).to_le_bytes());
    plaintext.extend_from_slice(&(content.len() as u32).to_le_bytes());
    plaintext.extend_from_slice(body);
    plaintext.resize(size, 0);
    let (cipher, commitment) = derive(&key);
    let chunks = plaintext.chunks(CHUNK);
    let mut sealed = Vec::with_capacity(1 + COMMITMENT + size + chunks.len() * TAG);
    sealed.push(VERSION);
    sealed.extend_from_slice(&commitment);
    let last = chunks.len() - 1;
    for (number, chunk) in chunks.enumerate() {
        // XChaCha20-Poly1305 refuses only what is longer than 256 GiB.
        let chunk = cipher.encrypt(&nonce(number, number == last), chunk).map_err(|_| SealError::TooLarge)?;
        sealed.extend_from_slice(&chunk);
    }
    let link = BlobLink { id: BlobId::of(&sealed), size: sealed.len() as u64 };
    Ok((BlobRef { link, key }, sealed))
}

/// Opens sealed bytes that are known to be the blob's (their hash is its name). Nothing is unpacked to more than `limit`.
pub fn open_blob(key: &BlobKey, sealed: &[u8], limit: usize) -> Result<Vec<u8>, SealError> {
    if sealed.len() as u64 > MAX_BLOB {
        return Err(SealError::TooLarge);
    }
    let Some((&VERSION, rest)) = sealed.split_first() else { return Err(SealError::Malformed) };
    let (claimed, rest) = rest.split_first_chunk::<COMMITMENT>().ok_or(SealError::Malformed)?;
    let (cipher, commitment) = derive(key);
    if blake3::Hash::from(commitment) != blake3::Hash::from(*claimed) {
        return Err(SealError::OtherKey);
    }
    let chunks = rest.chunks(CHUNK + TAG);
    let Some(last) = chunks.len().checked_sub(1) else { return Err(SealError::Malformed) };
    let mut plaintext = Zeroizing::new(Vec::with_capacity(rest.len()));
    for (number, chunk) in chunks.enumerate() {
        let chunk =
            Zeroizing::new(cipher.decrypt(&nonce(number, number == last), chunk).map_err(|_| SealError::Broken)?);
        plaintext.extend_from_slice(&chunk);
    }
    unpack(&plaintext, limit)
}

fn unpack(plaintext: &[u8], limit: usize) -> Result<Vec<u8>, SealError> {
    let (packing, rest) = plaintext.split_first().ok_or(SealError::Unpack)?;
    let (body_length, rest) = rest.split_first_chunk::<4>().ok_or(SealError::Unpack)?;
    let (content_length, rest) = rest.split_first_chunk::<4>().ok_or(SealError::Unpack)?;
    let body_length = u32::from_le_bytes(*body_length) as usize;
    let content_length = u32::from_le_bytes(*content_length) as usize;
    let body = rest.get(..body_length).ok_or(SealError::Unpack)?;
    if class(FRONT + body_length) != plaintext.len() || rest[body_length..].iter().any(|byte| *byte != 0) {
        return Err(SealError::Unpack);
    }
    if content_length > limit.min(MAX_BLOB_CONTENT) {
        return Err(SealError::TooLarge);
    }
    match *packing {
        PLAIN if body_length == content_length => Ok(body.to_vec()),
        ZSTD => crate::seal::inflate(body, content_length),
        _ => Err(SealError::Unpack),
    }
}

/// The size class of a blob: 32 classes to each doubling, which costs at most a thirty-second. Blobs are few and large, so
/// finer classes than an entry's give little away.
const fn class(length: usize) -> usize {
    if length <= SMALLEST {
        return SMALLEST;
    }
    let step = (1_usize << (length - 1).ilog2()) / 32;
    length.div_ceil(step) * step
}

fn nonce(number: usize, last: bool) -> XNonce {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(&(number as u64).to_le_bytes());
    nonce[8] = u8::from(last);
    XNonce::from(nonce)
}

fn derive(key: &BlobKey) -> (XChaCha20Poly1305, [u8; COMMITMENT]) {
    let sealing = Zeroizing::new(domain::hash(domain::BLOB_KEY, &[&key.0]));
    let commitment = domain::hash(domain::BLOB_COMMITMENT, &[&key.0]);
    (XChaCha20Poly1305::new(&Key::from(*sealing)), commitment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> ContentKey {
        ContentKey::from_bytes(&[7; 32])
    }

    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn content_of_every_length_comes_back() {
        for length in [0, 1, 502, 503, 504, CHUNK - FRONT, CHUNK - FRONT + 1, CHUNK, 2 * CHUNK, 200_000] {
            let content = noise(length);
            let (blob, sealed) = seal_blob(&secret(), &content).unwrap();
            assert_eq!(blob.link, BlobLink { id: BlobId::of(&sealed), size: sealed.len() as u64 });
            assert_eq!(open_blob(&blob.key, &sealed, length), Ok(content), "{length}");
            assert!(sealed.len() <= 600 + length + length / 30, "{length}: {}", sealed.len());
            if length > 0 {
                assert_eq!(open_blob(&blob.key, &sealed, length - 1), Err(SealError::TooLarge));
            }
        }
    }

    #[test]
    fn the_same_content_keeps_its_name_and_another_key_gives_another() {
        let content = noise(1000);
        assert_eq!(seal_blob(&secret(), &content).unwrap(), seal_blob(&secret(), &content).unwrap());
        let other = seal_blob(&ContentKey::from_bytes(&[8; 32]), &content).unwrap().0;
        assert_ne!(other.link.id, seal_blob(&secret(), &content).unwrap().0.link.id);
        let (blob, sealed) = seal_blob(&secret(), &content).unwrap();
        assert_eq!(open_blob(&other.key, &sealed, 2000), Err(SealError::OtherKey));
        assert_ne!(blob.key, other.key);
    }

    #[test]
    fn chunks_cannot_be_bent_moved_cut_or_added() {
        let (blob, sealed) = seal_blob(&secret(), &noise(3 * CHUNK + 100)).unwrap();
        let open = |bytes: &[u8]| open_blob(&blob.key, bytes, 1 << 20);
        let front = 1 + COMMITMENT;
        let at = |number: usize| front + number * (CHUNK + TAG);
        assert!(open(&sealed).is_ok());
        assert_eq!(open(&sealed[..at(3)]), Err(SealError::Broken), "the last one is missing");
        assert_eq!(open(&sealed[..front]), Err(SealError::Malformed));
        assert_eq!(open(&[]), Err(SealError::Malformed));
        let swapped = [&sealed[..front], &sealed[at(1)..at(2)], &sealed[front..at(1)], &sealed[at(2)..]].concat();
        assert_eq!(open(&swapped), Err(SealError::Broken));
        let twice = [&sealed[..at(1)], &sealed[front..]].concat();
        assert_eq!(open(&twice), Err(SealError::Broken));
        let more = [sealed.as_slice(), &[0; 40]].concat();
        assert_eq!(open(&more), Err(SealError::Broken));
        for place in [0, 5, front, at(2) + 7, sealed.len() - 1] {
            let mut bent = sealed.clone();
            bent[place] ^= 1;
            assert!(open(&bent).is_err(), "{place}");
        }
    }

    #[test]
    fn a_bomb_is_not_inflated() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).unwrap();
        let mut plaintext = vec![ZSTD];
        plaintext.extend_from_slice(&(bomb.len() as u32).to_le_bytes());
        plaintext.extend_from_slice(&(64_u32 << 20).to_le_bytes());
        plaintext.extend_from_slice(&bomb);
        plaintext.resize(class(plaintext.len()), 0);
        assert_eq!(unpack(&plaintext, 1 << 20), Err(SealError::TooLarge));
        plaintext[5..9].copy_from_slice(&1000_u32.to_le_bytes());
        assert_eq!(unpack(&plaintext, 1 << 20), Err(SealError::Unpack));
    }
}
