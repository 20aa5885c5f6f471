//! Sealing (L1): compress, pad, encrypt, commit.
//!
//! A sealed payload is
//!
//! ```text
//! nonce (24) | commitment (32) | XChaCha20-Poly1305 ciphertext and tag
//! ```
//!
//! and the plaintext under it
//!
//! ```text
//! packing (1: 0 plain, 1 zstd) | length of the body (4) | length of the content (4) | body | zeros up to the size class
//! ```
//!
//! with lengths in little endian; zstd is used where it reaches a smaller size class. The cipher alone does not bind a ciphertext to one key: someone could craft one that
//! opens to different texts under two. So nothing is encrypted under the content key itself. From it and the nonce two
//! values are derived under different contexts: the key for this one payload, and a *commitment*, sent along, which a
//! reader recomputes before decrypting. Finding two content keys with one commitment means finding a collision of
//! BLAKE3. A key for each nonce also means that the number of payloads under one epoch needs no thought.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sheaf_access::ContentKey;
use zeroize::Zeroizing;

use crate::domain;
use crate::padding::padded_size;

/// How long a nonce is.
pub const NONCE_SIZE: usize = 24;
/// A number used once: 24 random bytes, drawn by the caller for each payload.
pub type Nonce = [u8; NONCE_SIZE];

const COMMITMENT: usize = 32;
const TAG: usize = 16;
const FRONT: usize = 1 + 4 + 4;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const LEVEL: i32 = 3;

/// Why a sealed payload does not open.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum SealError {
    /// It is too short, or not of a size class.
    #[error("this is not a sealed payload")]
    Malformed,
    /// It was sealed under another content key.
    #[error("this was sealed under another key")]
    OtherKey,
    /// It, or what it is bound to, was changed.
    #[error("the seal is broken")]
    Broken,
    /// It opens, but what is inside does not unpack to what it says.
    #[error("what was sealed does not unpack")]
    Unpack,
    /// It opens, but unpacks to more than the protocol allows.
    #[error("what was sealed unpacks to more than the protocol allows")]
    TooLarge,
}

/// Seals `content` (at most `u32::MAX` bytes, which the callers' limits are far below).
pub(crate) fn seal(key: &ContentKey, nonce: &Nonce, bound_to: &[u8], content: &[u8]) -> Vec<u8> {
    let packed = pack(content);
    let (packing, body) = packed.as_deref().map_or((PLAIN, content), |packed| (ZSTD, packed));
    let size = padded_size(FRONT + body.len());
    let mut plaintext = Zeroizing::new(Vec::with_capacity(size));
    plaintext.push(packing);
    plaintext.extend_from_slice(&(body.len() as u32).to_le_bytes());
    plaintext.extend_from_slice(&(content.len() as u32).to_le_bytes());
    plaintext.extend_from_slice(body);
    plaintext.resize(size, 0);
    let (cipher, commitment) = derive(key, nonce);
    let sealed = cipher
        .encrypt(&XNonce::from(*nonce), Payload { msg: &plaintext, aad: bound_to })
        // XChaCha20-Poly1305 refuses only what is longer than 256 GiB.
        .expect("a payload is far below the cipher's limit");
    [nonce.as_slice(), &commitment, &sealed].concat()
}

/// Compresses where it helps: where it reaches a smaller size class. A keystroke is in the smallest already, and is spared
/// the attempt.
fn pack(content: &[u8]) -> Option<Vec<u8>> {
    let plain = padded_size(FRONT + content.len());
    if plain == padded_size(0) {
        return None;
    }
    let packed = zstd::bulk::compress(content, LEVEL).ok()?;
    (padded_size(FRONT + packed.len()) < plain).then_some(packed)
}

/// Opens what [`seal`] made. Nothing is unpacked to more than `limit` bytes.
pub(crate) fn open(key: &ContentKey, bound_to: &[u8], payload: &[u8], limit: usize) -> Result<Vec<u8>, SealError> {
    let (nonce, rest) = payload.split_first_chunk::<NONCE_SIZE>().ok_or(SealError::Malformed)?;
    let (claimed, sealed) = rest.split_first_chunk::<COMMITMENT>().ok_or(SealError::Malformed)?;
    let size = sealed.len().checked_sub(TAG).ok_or(SealError::Malformed)?;
    if padded_size(size) != size {
        return Err(SealError::Malformed);
    }
    let (cipher, commitment) = derive(key, nonce);
    if blake3::Hash::from(commitment) != blake3::Hash::from(*claimed) {
        return Err(SealError::OtherKey);
    }
    let plaintext =
        cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: bound_to }).map_err(|_| SealError::Broken)?;
    unpack(&Zeroizing::new(plaintext), limit)
}

pub(crate) fn unpack(plaintext: &[u8], limit: usize) -> Result<Vec<u8>, SealError> {
    let (packing, rest) = plaintext.split_first().ok_or(SealError::Unpack)?;
    let (body_length, rest) = rest.split_first_chunk::<4>().ok_or(SealError::Unpack)?;
    let (content_length, rest) = rest.split_first_chunk::<4>().ok_or(SealError::Unpack)?;
    let body_length = u32::from_le_bytes(*body_length) as usize;
    let content_length = u32::from_le_bytes(*content_length) as usize;
    let body = rest.get(..body_length).ok_or(SealError::Unpack)?;
    // One length has one class, and padding has one value: nothing can be hidden there.
    if padded_size(FRONT + body_length) != plaintext.len() || rest[body_length..].iter().any(|byte| *byte != 0) {
        return Err(SealError::Unpack);
    }
    if content_length > limit {
        return Err(SealError::TooLarge);
    }
    match *packing {
        PLAIN if body_length == content_length => Ok(body.to_vec()),
        ZSTD => inflate(body, content_length),
        _ => Err(SealError::Unpack),
    }
}

/// Unpacks to exactly `length` bytes, which the caller has capped: what the compressed bytes claim is not believed. In one
/// call, because unpacking as a stream would let them ask for a window of 128 MiB.
pub(crate) fn inflate(body: &[u8], length: usize) -> Result<Vec<u8>, SealError> {
    match zstd::bulk::decompress(body, length) {
        Ok(content) if content.len() == length => Ok(content),
        _ => Err(SealError::Unpack),
    }
}

fn derive(key: &ContentKey, nonce: &Nonce) -> (XChaCha20Poly1305, [u8; COMMITMENT]) {
    let material = Zeroizing::new([key.as_bytes().as_slice(), nonce].concat());
    let sealing = Zeroizing::new(domain::hash(domain::SEAL_KEY, &[&material]));
    let commitment = domain::hash(domain::SEAL_COMMITMENT, &[&material]);
    (XChaCha20Poly1305::new(&Key::from(*sealing)), commitment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 2 * 1024 * 1024;

    fn key() -> ContentKey {
        ContentKey::from_bytes(&[7; 32])
    }

    /// Seals a plaintext as a hostile writer would, who holds the key.
    fn seal_raw(plaintext: &[u8]) -> Vec<u8> {
        let nonce = [1; NONCE_SIZE];
        let (cipher, commitment) = derive(&key(), &nonce);
        let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plaintext, aad: b"header" }).unwrap();
        [nonce.as_slice(), &commitment, &sealed].concat()
    }

    fn plaintext(packing: u8, body_length: u32, content_length: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![packing];
        bytes.extend_from_slice(&body_length.to_le_bytes());
        bytes.extend_from_slice(&content_length.to_le_bytes());
        bytes.extend_from_slice(body);
        bytes.resize(padded_size(bytes.len()), 0);
        bytes
    }

    fn open_raw(plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        open(&key(), b"header", &seal_raw(plaintext), LIMIT)
    }

    #[test]
    fn a_bomb_is_not_inflated() {
        // 744 MB of zeros in a few kilobytes, honestly and dishonestly declared.
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).unwrap();
        assert!(bomb.len() < 8 * 1024);
        let length = bomb.len() as u32;
        assert_eq!(open_raw(&plaintext(ZSTD, length, 64 << 20, &bomb)), Err(SealError::TooLarge));
        assert_eq!(open_raw(&plaintext(ZSTD, length, u32::MAX, &bomb)), Err(SealError::TooLarge));
        assert_eq!(open_raw(&plaintext(ZSTD, length, 100, &bomb)), Err(SealError::Unpack));
        assert_eq!(open_raw(&plaintext(ZSTD, length, LIMIT as u32, &bomb)), Err(SealError::Unpack));
    }

    #[test]
    fn two_frames_are_not_one() {
        let frame = zstd::bulk::compress(&[5; 1000], 3).unwrap();
        let two = [frame.as_slice(), &frame].concat();
        assert_eq!(open_raw(&plaintext(ZSTD, two.len() as u32, 1000, &two)), Err(SealError::Unpack));
        assert_eq!(open_raw(&plaintext(ZSTD, frame.len() as u32, 1000, &frame)), Ok(vec![5; 1000]));
        assert_eq!(open_raw(&plaintext(ZSTD, frame.len() as u32, 1001, &frame)), Err(SealError::Unpack));
        assert_eq!(open_raw(&plaintext(ZSTD, frame.len() as u32 - 1, 1000, &frame)), Err(SealError::Unpack));
    }

    #[test]
    fn lengths_and_padding_are_held_to() {
        assert_eq!(open_raw(&plaintext(PLAIN, 5, 5, b"hello")), Ok(b"hello".to_vec()));
        assert_eq!(open_raw(&plaintext(2, 5, 5, b"hello")), Err(SealError::Unpack));
        assert_eq!(open_raw(&plaintext(PLAIN, 5, 6, b"hello")), Err(SealError::Unpack));
        assert_eq!(open_raw(&plaintext(PLAIN, u32::MAX, u32::MAX, b"hello")), Err(SealError::Unpack));
        // A byte hidden in the padding.
        let mut hidden = plaintext(PLAIN, 5, 5, b"hello");
        *hidden.last_mut().unwrap() = 1;
        assert_eq!(open_raw(&hidden), Err(SealError::Unpack));
        // A larger class than need be, and no class at all.
        let mut larger = plaintext(PLAIN, 5, 5, b"hello");
        larger.resize(320, 0);
        assert_eq!(open_raw(&larger), Err(SealError::Unpack));
        assert_eq!(open_raw(&larger[..300]), Err(SealError::Malformed));
        assert_eq!(open(&key(), b"header", &[0; 71], LIMIT), Err(SealError::Malformed));
        assert_eq!(open(&key(), b"header", &[], LIMIT), Err(SealError::Malformed));
    }

    #[test]
    fn a_payload_is_bound_to_its_header_and_its_key() {
        let sealed = seal(&key(), &[1; 24], b"header", b"hello");
        assert_eq!(open(&key(), b"header", &sealed, LIMIT), Ok(b"hello".to_vec()));
        assert_eq!(open(&key(), b"heade", &sealed, LIMIT), Err(SealError::Broken));
        assert_eq!(open(&ContentKey::from_bytes(&[8; 32]), b"header", &sealed, LIMIT), Err(SealError::OtherKey));
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 0x40;
            // A bent nonce or commitment is another key's; anything else breaks the seal.
            let expected = if at < NONCE_SIZE + COMMITMENT { SealError::OtherKey } else { SealError::Broken };
            assert_eq!(open(&key(), b"header", &bent, LIMIT), Err(expected), "byte {at}");
        }
    }

    #[test]
    fn text_is_compressed_and_noise_is_not() {
        let text = b"the same words, ".repeat(200);
        assert!(seal(&key(), &[1; 24], b"", &text).len() < text.len() / 2);
        let noise: Vec<u8> = (0..40_u8).flat_map(|at| domain::hash("noise", &[&[at]])).collect();
        let sealed = seal(&key(), &[1; 24], b"", &noise);
        assert_eq!(sealed.len(), NONCE_SIZE + COMMITMENT + TAG + padded_size(FRONT + noise.len()));
        assert_eq!(open(&key(), b"", &sealed, LIMIT), Ok(noise));
        assert_eq!(open(&key(), b"", &seal(&key(), &[1; 24], b"", b""), LIMIT), Ok(vec![]));
    }
}
