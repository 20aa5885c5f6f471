//! A key from a passphrase: Argon2id, so that each guess costs memory and time.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use sheaf_store::VaultKey;
use zeroize::Zeroizing;

use crate::keeping::SecretText;

/// How a passphrase is stretched. Kept beside what it opens, so that it can be made stronger later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stretch {
    /// The function: `argon2id`, version 0x13.
    function: String,
    /// Memory, in KiB.
    memory_kib: u32,
    /// Passes over it.
    passes: u32,
    /// Lanes.
    lanes: u32,
    /// Drawn with each passphrase, in hex.
    salt: String,
}

const FUNCTION: &str = "argon2id";
/// About half a second on a laptop of 2020; OWASP and RFC 9106 ask for less.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 4;
const LANES: u32 = 1;
/// What is read from a file may ask for no more than this: a home or a backup may have come from anywhere.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;
const MOST_LANES: u32 = 16;

impl Stretch {
    /// With a new salt.
    pub fn draw() -> Self {
        let salt: [u8; 16] = rand::random();
        Self {
            function: FUNCTION.to_owned(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: data_encoding::HEXLOWER.encode(&salt),
        }
    }

    /// The key that a passphrase makes; nothing if this asks for what is not done.
    pub fn key(&self, passphrase: &SecretText) -> Option<VaultKey> {
        let modest = self.memory_kib <= MOST_MEMORY_KIB && self.passes <= MOST_PASSES && self.lanes <= MOST_LANES;
        if self.function != FUNCTION || !modest {
            return None;
        }
        let salt = data_encoding::HEXLOWER_PERMISSIVE.decode(self.salt.as_bytes()).ok()?;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_str().as_bytes(), &salt, key.as_mut())
            .ok()?;
        Some(VaultKey::from_bytes(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_makes_one_key_with_each_salt() {
        let passphrase = SecretText::new("correct horse".into());
        let stretch = Stretch { memory_kib: 64, passes: 1, ..Stretch::draw() };
        let key = stretch.key(&passphrase).unwrap();
        assert_eq!(stretch.key(&passphrase).unwrap().as_bytes(), key.as_bytes());
        assert_ne!(stretch.key(&SecretText::new("correct horsf".into())).unwrap().as_bytes(), key.as_bytes());
        let salted = Stretch { salt: "00".repeat(16), ..stretch.clone() };
        assert_ne!(salted.key(&passphrase).unwrap().as_bytes(), key.as_bytes());
    }

    #[test]
    fn a_file_cannot_ask_for_all_memory() {
        let passphrase = SecretText::new("correct horse".into());
        let cheap = Stretch { memory_kib: 64, passes: 1, ..Stretch::draw() };
        for greedy in [
            Stretch { memory_kib: u32::MAX, ..cheap.clone() },
            Stretch { passes: u32::MAX, ..cheap.clone() },
            Stretch { lanes: 1_000, ..cheap.clone() },
            Stretch { salt: "zz".into(), ..cheap.clone() },
            Stretch { function: "md5".into(), ..cheap },
        ] {
            assert!(greedy.key(&passphrase).is_none());
        }
    }
}
