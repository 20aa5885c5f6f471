//! Entries put together by hand: every field can be wrong, and the signature can be anybody's.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sheaf_access::{ContentKey, DeviceKeys, Signature};
use sheaf_log::{Entry, Header, padded_size};

/// The version a header begins with.
const VERSION: u8 = 1;
/// The lengths of the two hashes at the end of a header.
const HASH: usize = 32;

/// The parts of an entry, to be altered and put together again.
pub struct Forged {
    /// What it says of itself.
    pub header: Header,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Forged {
    /// The parts of an entry.
    pub fn of(entry: &Entry) -> Self {
        let header = entry.header().clone();
        let payload = entry.encoded()[4 + encode(&header).len() + Signature::SIZE..].to_vec();
        Self { header, payload }
    }

    /// Put together, and signed by whoever is asked.
    pub fn signed_by(mut self, device: &DeviceKeys) -> Vec<u8> {
        let hash = derive("sheaf 2026 entry payload v1", &[&self.payload]);
        self.header.payload_hash = postcard::from_bytes(&hash).expect("a hash has 32 bytes");
        let header = encode(&self.header);
        let signature = device.sign(&derive("sheaf 2026 entry signature v1", &[&header]));
        let length = (header.len() as u32).to_le_bytes();
        [length.as_slice(), &header, &signature.to_bytes(), &self.payload].concat()
    }
}

fn encode(header: &Header) -> Vec<u8> {
    postcard::to_extend(header, vec![VERSION]).expect("a header encodes into memory")
}

fn derive(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Seals a plaintext of one's own making under a header, as only a reader can: what is in it need not be content.
pub fn seal(key: &ContentKey, header: &Header, packing: u8, body: &[u8], claimed: u32) -> Vec<u8> {
    let mut plaintext = vec![packing];
    plaintext.extend((body.len() as u32).to_le_bytes());
    plaintext.extend(claimed.to_le_bytes());
    plaintext.extend(body);
    plaintext.resize(padded_size(plaintext.len()), 0);
    let header = encode(header);
    let bound_to = [&header[..header.len() - 2 * HASH], &header[header.len() - HASH..]].concat();
    let nonce: [u8; 24] = rand::random();
    let material = [key.as_bytes().as_slice(), &nonce].concat();
    let cipher = XChaCha20Poly1305::new(&Key::from(derive("sheaf 2026 seal key v1", &[&material])));
    let commitment = derive("sheaf 2026 seal commitment v1", &[&material]);
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: &plaintext, aad: &bound_to });
    [nonce.as_slice(), &commitment, &sealed.expect("a payload is far below the cipher's limit")].concat()
}

/// Zeros, so many bytes, as zstd: a few kilobytes for hundreds of megabytes, made without holding them.
///
/// # Panics
/// Never: it is written to memory.
pub fn bomb(bytes: u64) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("zstd is there");
    encoder.set_pledged_src_size(Some(bytes)).expect("before anything is written");
    encoder.include_contentsize(true).expect("before anything is written");
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), bytes), &mut encoder).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}
