//! Where the vault key lies: the file `vault.json`.
//!
//! ```json
//! { "version": 1, "home": "…", "check": "…", "key": { "in": "passphrase", "stretch": { … }, "wrapped": "…" } }
//! ```
//!
//! The file is written whole or not at all, and a new place for the key is written down before the old one is emptied, so
//! that there is no moment at which the key is nowhere.

use serde::{Deserialize, Serialize};
use sheaf_store::{Claim, Purpose, VaultKey};
use zeroize::{Zeroize, Zeroizing};

use crate::error::NodeError;
use crate::keeping::stretch::Stretch;
use crate::keeping::{Keyring, SecretText};

/// The file's name in the home.
pub const FILE: &str = "vault.json";
const VERSION: u32 = 1;
/// The fewest characters a passphrase has.
pub const SHORTEST: usize = 8;
/// The place a wrapped key is sealed for.
const WRAPPED: &[u8] = b"vault key under a passphrase";

/// A home's vault key, and where it lies.
pub struct Vault {
    key: VaultKey,
    home: [u8; 16],
    place: Place,
}

/// Where a vault key lies.
enum Place {
    /// In the system's keyring.
    Keyring,
    /// In the file, in clear.
    File,
    /// Under a passphrase. `left` if the keyring may still have it from before.
    Passphrase { stretch: Stretch, wrapped: Vec<u8>, left: bool },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    home: String,
    check: String,
    key: StoredKey,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "kebab-case")]
enum StoredKey {
    Keyring,
    File {
        key: String,
    },
    Passphrase {
        stretch: Stretch,
        wrapped: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        left_in_keyring: bool,
    },
}

impl Drop for StoredKey {
    fn drop(&mut self) {
        if let Self::File { key } = self {
            key.zeroize();
        }
    }
}

impl Vault {
    /// The vault key of a claimed home; drawn now if it has none yet. Under a passphrase this takes half a second.
    pub fn unlock(
        claim: &Claim,
        passphrase: Option<&SecretText>,
        keyring: Option<&dyn Keyring>,
    ) -> Result<Self, NodeError> {
        let Some(bytes) = claim.file(FILE)?.map(Zeroizing::new) else { return Self::begin(claim, keyring) };
        let path = claim.folder().join(FILE);
        let damaged = |reason: &str| NodeError::Damaged(format!("{}: {reason}", path.display()));
        let mut vault = Self::parse(&bytes, passphrase, keyring).map_err(|stop| match stop {
            Stop::Unreadable(reason) => damaged(reason),
            Stop::Other(error) => error,
        })?;
        if let (Place::Passphrase { left: left @ true, .. }, Some(keyring)) = (&mut vault.place, keyring)
            && keyring.remove(&entry(&vault.home)).is_ok()
        {
            *left = false;
            claim.put_key_file(FILE, &vault.encode())?;
        }
        Ok(vault)
    }

    /// A key for a home that has none: a new one, or one from before there were any.
    fn begin(claim: &Claim, keyring: Option<&dyn Keyring>) -> Result<Self, NodeError> {
        let vault = Self::draw(keyring);
        claim.put_key_file(FILE, &vault.encode())?;
        Ok(vault)
    }

    fn draw(keyring: Option<&dyn Keyring>) -> Self {
        let (key, home) = (VaultKey::generate(), rand::random());
        let place = Self::somewhere(&key, &home, keyring);
        Self { key, home, place }
    }

    /// The best place there is without a passphrase.
    fn somewhere(key: &VaultKey, home: &[u8; 16], keyring: Option<&dyn Keyring>) -> Place {
        let Some(keyring) = keyring else { return Place::File };
        let name = entry(home);
        // Read back: a keyring that takes everything and gives nothing back would lock the person out.
        let kept = keyring.put(&name, key.as_bytes()).and_then(|()| keyring.get(&name));
        match kept {
            Ok(Some(kept)) if *kept == key.as_bytes() => Place::Keyring,
            Ok(_) => {
                tracing::info!("the system's keyring does not give back what it takes, and is not used");
                Place::File
            }
            Err(error) => {
                tracing::info!(%error, "the system's keyring is not used");
                Place::File
            }
        }
    }

    fn parse(bytes: &[u8], passphrase: Option<&SecretText>, keyring: Option<&dyn Keyring>) -> Result<Self, Stop> {
        const UNREADABLE: &str = "it does not say where this home's key is. Put it back from a backup";
        let version = serde_json::from_slice::<serde_json::Value>(bytes).ok().and_then(|file| file["version"].as_u64());
        if version.is_some_and(|version| version > VERSION.into()) {
            return Err(Stop::Unreadable("it was written by a newer Sheaf. Update to open this folder"));
        }
        let stored: Stored = serde_json::from_slice(bytes).map_err(|_| Stop::Unreadable(UNREADABLE))?;
        let home = unhex::<16>(&stored.home).ok_or(Stop::Unreadable(UNREADABLE))?;
        let check = unhex::<16>(&stored.check).ok_or(Stop::Unreadable(UNREADABLE))?;
        let (key, place) = match &stored.key {
            StoredKey::File { key } => {
                let key = Zeroizing::new(unhex::<32>(key).ok_or(Stop::Unreadable(UNREADABLE))?);
                (VaultKey::from_bytes(&key), Place::File)
            }
            StoredKey::Keyring => (from_keyring(&home, keyring)?, Place::Keyring),
            StoredKey::Passphrase { stretch, wrapped, left_in_keyring } => {
                let wrapped = data_encoding::HEXLOWER_PERMISSIVE
                    .decode(wrapped.as_bytes())
                    .map_err(|_| Stop::Unreadable(UNREADABLE))?;
                let passphrase = passphrase.ok_or(Stop::Other(NodeError::Locked))?;
                let key = unwrap(stretch, &wrapped, passphrase).ok_or(Stop::Other(NodeError::WrongPassphrase))?;
                (key, Place::Passphrase { stretch: stretch.clone(), wrapped, left: *left_in_keyring })
            }
        };
        if key.check() != check {
            return Err(Stop::Unreadable("the key it leads to is not this home's. Put it back from a backup"));
        }
        Ok(Self { key, home, place })
    }

    /// The file.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let key = match &self.place {
            Place::Keyring => StoredKey::Keyring,
            Place::File => StoredKey::File { key: hex(self.key.as_bytes()) },
            Place::Passphrase { stretch, wrapped, left } => {
                StoredKey::Passphrase { stretch: stretch.clone(), wrapped: hex(wrapped), left_in_keyring: *left }
            }
        };
        let stored = Stored { version: VERSION, home: hex(&self.home), check: hex(&self.key.check()), key };
        // Plain fields: nothing in them that JSON cannot say.
        Zeroizing::new(serde_json::to_vec_pretty(&stored).unwrap_or_default())
    }

    /// The key.
    pub fn key(&self) -> &VaultKey {
        &self.key
    }

    /// What tells this home, and its copies, from other homes.
    pub fn home(&self) -> &[u8; 16] {
        &self.home
    }

    /// Whether the system's keyring has the key.
    pub fn in_keyring(&self) -> bool {
        matches!(self.place, Place::Keyring)
    }

    /// Whether a passphrase is needed to get at the key.
    pub fn has_passphrase(&self) -> bool {
        matches!(self.place, Place::Passphrase { .. })
    }

    /// Whether this is the passphrase; any is, where there is none.
    pub fn check_passphrase(&self, passphrase: Option<&SecretText>) -> Result<(), NodeError> {
        let Place::Passphrase { stretch, wrapped, .. } = &self.place else { return Ok(()) };
        let passphrase = passphrase.ok_or(NodeError::Locked)?;
        unwrap(stretch, wrapped, passphrase).map(drop).ok_or(NodeError::WrongPassphrase)
    }

    /// Wraps the key anew: under a passphrase, or, with none, back to the best place there is. `write` writes the file.
    pub fn rewrap(
        &mut self,
        passphrase: Option<&SecretText>,
        keyring: Option<&dyn Keyring>,
        write: impl Fn(&[u8]) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        let in_keyring = self.in_keyring();
        let place = match passphrase {
            Some(passphrase) => {
                check_strength(passphrase)?;
                let stretch = Stretch::draw();
                let wrapping = stretch.key(passphrase).ok_or_else(|| {
                    NodeError::CannotWrite("there is not enough memory to make a key of the passphrase.".into())
                })?;
                let wrapped = wrapping.seal(Purpose::Key, WRAPPED, self.key.as_bytes());
                let left = in_keyring || matches!(self.place, Place::Passphrase { left: true, .. });
                Place::Passphrase { stretch, wrapped, left }
            }
            None if !self.has_passphrase() => return Ok(()),
            None => Self::somewhere(&self.key, &self.home, keyring),
        };
        let before = std::mem::replace(&mut self.place, place);
        if let Err(error) = write(&self.encode()) {
            self.place = before;
            return Err(error);
        }
        let Place::Passphrase { left: left @ true, .. } = &mut self.place else { return Ok(()) };
        match keyring.map(|keyring| keyring.remove(&entry(&self.home))) {
            Some(Ok(())) => {
                *left = false;
                write(&self.encode())
            }
            failed => {
                tracing::warn!(?failed, "the keyring does not forget the key; it is asked again at the next start");
                Ok(())
            }
        }
    }

    /// Moves a key that lies in the file into the keyring, if there is one that takes it.
    pub fn settle(
        &mut self,
        keyring: Option<&dyn Keyring>,
        write: impl Fn(&[u8]) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        if !matches!(self.place, Place::File) || keyring.is_none() {
            return Ok(());
        }
        self.place = Self::somewhere(&self.key, &self.home, keyring);
        write(&self.encode())
    }

    /// The file as it goes into a backup: a backup is carried elsewhere, where this machine's keyring is not.
    pub fn for_backup(&self) -> Zeroizing<Vec<u8>> {
        let place = match &self.place {
            Place::Keyring | Place::File => Place::File,
            Place::Passphrase { stretch, wrapped, .. } => {
                Place::Passphrase { stretch: stretch.clone(), wrapped: wrapped.clone(), left: false }
            }
        };
        Self { key: self.key.clone(), home: self.home, place }.encode()
    }

    /// From such a file.
    pub fn from_backup(bytes: &[u8], passphrase: Option<&SecretText>) -> Result<Self, NodeError> {
        Self::parse(bytes, passphrase, None).map_err(|stop| match stop {
            Stop::Unreadable(reason) => NodeError::Damaged(format!("the backup's key: {reason}")),
            Stop::Other(error) => error,
        })
    }
}

/// Why a file did not lead to a key.
enum Stop {
    Unreadable(&'static str),
    Other(NodeError),
}

fn from_keyring(home: &[u8; 16], keyring: Option<&dyn Keyring>) -> Result<VaultKey, Stop> {
    let refused = |reason: &str| {
        Stop::Other(NodeError::Keyring(format!(
            "the key of this home is in the system's keyring, and {reason}. Unlock the keyring, or open Sheaf in the \
             session of the user whose keyring it is."
        )))
    };
    let Some(keyring) = keyring else { return Err(refused("there is none here")) };
    match keyring.get(&entry(home)) {
        Ok(Some(bytes)) => {
            let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new);
            bytes.map(|bytes| VaultKey::from_bytes(&bytes)).map_err(|_| refused("what is there is not a key"))
        }
        Ok(None) => Err(refused("is not there any more")),
        Err(error) => Err(refused(&format!("that does not give it ({error})"))),
    }
}

fn unwrap(stretch: &Stretch, wrapped: &[u8], passphrase: &SecretText) -> Option<VaultKey> {
    let key = Zeroizing::new(stretch.key(passphrase)?.open(Purpose::Key, WRAPPED, wrapped)?);
    key.as_slice().try_into().ok().map(VaultKey::from_bytes)
}

fn check_strength(passphrase: &SecretText) -> Result<(), NodeError> {
    if passphrase.as_str().chars().count() >= SHORTEST {
        return Ok(());
    }
    Err(NodeError::BadInput(format!(
        "a passphrase has at least {SHORTEST} characters. Four or five words that do not belong together are good."
    )))
}

/// What the keyring knows the key by.
fn entry(home: &[u8; 16]) -> String {
    format!("home {}", data_encoding::HEXLOWER.encode(home))
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = Zeroizing::new(data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?);
    bytes.as_slice().try_into().ok()
}

#[cfg(test)]
mod tests;
