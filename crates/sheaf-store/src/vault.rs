//! The vault key: what seals everything readable that lies in a home beside the entries, which are sealed already.
//!
//! There is one key for each home, 32 random bytes, and one code path: records, caches and small files are always sealed.
//! Where the key itself is kept (a keyring, a file, under a passphrase) is not this crate's business.
//!
//! ```text
//! sealed   version:1 nonce:24 XChaCha20-Poly1305(plain)      associated data: where it belongs
//! ```
//!
//! What is sealed for one place does not open in another, so that nobody who can write to the disk can swap two of them.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// The version of the form above.
const VERSION: u8 = 1;
const NONCE: usize = 24;
/// How much longer a sealed value is.
pub(crate) const OVERHEAD: usize = 1 + NONCE + 16;

/// What is sealed. Each purpose has a key of its own, derived from the vault key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A small record in the store.
    Record,
    /// A cached copy of a document.
    Cache,
    /// A small file of the home.
    File,
    /// The vault key itself, under another key.
    Key,
    /// A part of a backup.
    Backup,
}

impl Purpose {
    const fn context(self) -> &'static str {
        match self {
            Self::Record => "sheaf 2026 vault record v1",
            Self::Cache => "sheaf 2026 vault cache v1",
            Self::File => "sheaf 2026 vault file v1",
            Self::Key => "sheaf 2026 vault key wrap v1",
            Self::Backup => "sheaf 2026 vault backup v1",
        }
    }
}

/// A home's vault key. Wiped when dropped.
#[derive(Clone)]
pub struct VaultKey(Zeroizing<[u8; 32]>);

impl VaultKey {
    /// A new one.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut());
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

    /// A number by which the key is known again, and from which nothing follows about it.
    pub fn check(&self) -> [u8; 16] {
        let mut check = [0; 16];
        check.copy_from_slice(&blake3::derive_key("sheaf 2026 vault check v1", self.as_bytes())[..16]);
        check
    }

    /// Seals something for its place.
    pub fn seal(&self, purpose: Purpose, place: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = rand::random();
        // It refuses nothing shorter than 256 GiB, and all that is stored is bounded far below that.
        let sealed = self
            .cipher(purpose)
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: place })
            .expect("what is stored is shorter than the cipher's limit");
        let mut bytes = Vec::with_capacity(1 + NONCE + sealed.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        bytes
    }

    /// What was sealed for this place; nothing if this is anything else.
    pub fn open(&self, purpose: Purpose, place: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = bytes.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        if *version != VERSION {
            return None;
        }
        self.cipher(purpose).decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: place }).ok()
    }

    fn cipher(&self, purpose: Purpose) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(blake3::derive_key(purpose.context(), self.as_bytes()));
        XChaCha20Poly1305::new(&Key::from(*key))
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_under_its_key_and_nowhere_else() {
        let key = VaultKey::generate();
        let sealed = key.seal(Purpose::Record, b"place", b"words");
        assert_eq!(sealed.len(), OVERHEAD + 5);
        assert_eq!(key.open(Purpose::Record, b"place", &sealed).as_deref(), Some(b"words".as_slice()));
        assert_eq!(key.open(Purpose::Record, b"elsewhere", &sealed), None);
        assert_eq!(key.open(Purpose::Cache, b"place", &sealed), None);
        assert_eq!(VaultKey::generate().open(Purpose::Record, b"place", &sealed), None);
        assert_ne!(sealed, key.seal(Purpose::Record, b"place", b"words"));
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(key.open(Purpose::Record, b"place", &bent), None);
            assert_eq!(key.open(Purpose::Record, b"place", &sealed[..at]), None);
        }
        assert_eq!(format!("{key:?}"), "VaultKey(..)");
    }
}
