//! Who a relay is: its key, by which devices know it and with which it signs receipts, and the key its small records are
//! sealed with. Both lie in one file of the data folder that only its owner can read.

use sheaf_access::{DeviceKeys, SealingSecret};
use sheaf_store::{Claim, StoreError, VaultKey};
use zeroize::Zeroizing;

/// The file in the data folder.
pub(crate) const FILE: &str = "relay.key";
const VERSION: u8 = 1;
const LENGTH: usize = 1 + 32 + 32;

/// A relay's secrets.
pub struct Identity {
    /// What a connection with the relay proves.
    pub keys: DeviceKeys,
    /// What the small records in the data folder are sealed with. Entries come sealed: there is nothing in them to hide.
    pub vault: VaultKey,
}

impl Identity {
    /// Reads who the relay of a data folder is, or makes one, if the folder is new.
    pub fn of(claim: &Claim) -> Result<Self, StoreError> {
        if let Some(bytes) = claim.file(FILE)?.map(Zeroizing::new) {
            return Self::read(&bytes).ok_or_else(|| damaged(claim, "it is not the file that a relay wrote"));
        }
        if claim.has_store() {
            // With another key it would be another relay, to which nobody's spaces lead.
            return Err(damaged(claim, "it is not there, and the folder is not new; put it back from a backup"));
        }
        let made = Self { keys: DeviceKeys::generate(&mut rand::rng()), vault: VaultKey::generate() };
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH));
        bytes.push(VERSION);
        bytes.extend_from_slice(made.keys.signing_seed().as_ref());
        bytes.extend_from_slice(made.vault.as_bytes());
        claim.put_key_file(FILE, &bytes)?;
        Ok(made)
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let (seed, vault) = rest.split_first_chunk::<32>()?;
        // Nothing is ever sealed for a relay.
        let sealing = SealingSecret::generate(&mut rand::rng());
        Some(Self {
            keys: DeviceKeys::from_secrets(seed, sealing),
            vault: VaultKey::from_bytes(vault.try_into().ok()?),
        })
    }
}

fn damaged(claim: &Claim, what: &str) -> StoreError {
    StoreError::Damaged { path: claim.folder().join(FILE), what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_stays_who_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let claim = Claim::take(folder.path()).unwrap();
        let first = Identity::of(&claim).unwrap();
        let again = Identity::of(&claim).unwrap();
        assert_eq!(first.keys.id(), again.keys.id());
        assert_eq!(first.vault.check(), again.vault.check());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_key_is_said_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let claim = Claim::take(folder.path()).unwrap();
        Identity::of(&claim).unwrap();
        let path = folder.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..40]).unwrap();
        assert!(matches!(Identity::of(&claim), Err(StoreError::Damaged { .. })));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(folder.path().join("store")).unwrap();
        assert!(matches!(Identity::of(&claim), Err(StoreError::Damaged { .. })), "it would be another relay");
    }
}
