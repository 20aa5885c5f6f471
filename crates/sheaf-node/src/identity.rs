//! Who this is: the device's keys and certificate, and the name and colour others see.
//!
//! Kept in one small file of the home, written whole or not at all. All of it is sealed with the home's vault key, the name
//! too. As long as the person has not written the recovery phrase down, their root secret is in it as well (A7).

use serde::{Deserialize, Serialize};
use sheaf_access::{DeviceCertificate, DeviceKeys, Identity as Keys, PersonId, PersonKey, SealingSecret};
use sheaf_store::{Claim, Home, Purpose, VaultKey};
use zeroize::{Zeroize, Zeroizing};

use crate::error::NodeError;
use crate::view::Me;

/// The file's name in the home.
pub const FILE: &str = "identity.json";
/// The version this program writes.
const VERSION: u32 = 2;
/// The one before: nothing in it was sealed.
const UNSEALED: u32 = 1;
/// What somebody is called who has come back by their phrase, until a space says what they were called.
const NAMELESS: &str = "Recovered";
/// The longest name a person may take, in characters.
pub const NAME: usize = 80;

/// This person, on this device.
#[derive(Clone)]
pub struct Identity {
    /// The keys, and the certificate that makes the device the person's.
    pub keys: Keys,
    /// The name others see.
    pub name: String,
    /// The colour others see, 1 to 8.
    pub colour: u8,
    /// The name is only what this device calls somebody whose name it does not know yet. Nobody else is told.
    pub nameless: bool,
    /// The person has said that the recovery phrase is written down.
    pub phrase_written: bool,
    /// What opens the keys that were wrapped for the devices this home was before (L5).
    pub former: Vec<SealingSecret>,
    /// This home is a copy of another machine's, and the device key may be in use there: nothing is written with it.
    pub copied: bool,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    sealed: String,
}

/// What is sealed in it; in version 1, the file.
#[derive(Serialize, Deserialize)]
struct Content {
    name: String,
    colour: u8,
    keys: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    nameless: bool,
    #[serde(default)]
    phrase_written: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<String>,
}

impl Drop for Content {
    fn drop(&mut self) {
        self.keys.zeroize();
        self.former.zeroize();
    }
}

impl Identity {
    /// A new person on a new device; without a colour, with that which follows from who it is.
    pub fn generate(name: &str, colour: Option<u8>) -> Result<Self, NodeError> {
        let keys = Keys::generate(&mut rand::rng());
        let colour = colour.unwrap_or_else(|| colour_of(&keys.certificate.person));
        Self::new(keys, name, colour, false)
    }

    /// A person on a new device, which they have certified elsewhere: the root secret is not here.
    pub fn for_new_device(
        certificate: DeviceCertificate,
        device: DeviceKeys,
        name: &str,
        colour: u8,
    ) -> Result<Self, NodeError> {
        let fits = certificate.device == device.id() && certificate.sealing_key == device.sealing_key();
        if !fits || certificate.verify().is_err() {
            return Err(NodeError::BadInput("this certificate is not for this device. Pair the two again.".into()));
        }
        // Whoever certified it has the phrase.
        Self::new(Keys { device, certificate, root: None }, name, colour, true)
    }

    /// A person who was restored from their recovery phrase: they have it in writing. Without a name, they go by one of this
    /// device's invention until a space says what they are called.
    pub fn recovered(root: &PersonKey, device: DeviceKeys, name: Option<&str>, colour: u8) -> Result<Self, NodeError> {
        let certificate = DeviceCertificate::issue(root, &device);
        let identity = Self::for_new_device(certificate, device, name.unwrap_or(NAMELESS), colour)?;
        Ok(Self { nameless: name.is_none(), ..identity })
    }

    fn new(keys: Keys, name: &str, colour: u8, phrase_written: bool) -> Result<Self, NodeError> {
        let (name, colour) = (checked_name(name)?, checked_colour(colour)?);
        Ok(Self { keys, name, colour, nameless: false, phrase_written, former: Vec::new(), copied: false })
    }

    /// The same person with another name and colour.
    pub fn renamed(&self, name: &str, colour: u8) -> Result<Self, NodeError> {
        Ok(Self { name: checked_name(name)?, colour: checked_colour(colour)?, nameless: false, ..self.clone() })
    }

    /// The person.
    pub fn person(&self) -> PersonId {
        self.keys.certificate.person
    }

    /// For show.
    pub fn me(&self) -> Me {
        Me {
            person: self.person().to_string(),
            device: self.keys.device.id().to_string(),
            name: self.name.clone(),
            colour: self.colour,
        }
    }

    /// Whether there is a person in a claimed home, readable or not.
    pub fn is_there(claim: &Claim) -> Result<bool, NodeError> {
        Ok(claim.file(FILE)?.is_some())
    }

    /// Whether a claimed home has an identity that is sealed, so that there must be a key to it.
    pub fn is_sealed(claim: &Claim) -> Result<bool, NodeError> {
        let Some(bytes) = claim.file(FILE)?.map(Zeroizing::new) else { return Ok(false) };
        Ok(serde_json::from_slice::<Stored>(&bytes).is_ok())
    }

    /// Reads the home's identity; none when there is none yet. One from before it was sealed is sealed now.
    pub fn read(home: &Home) -> Result<Option<Self>, NodeError> {
        let Some(bytes) = home.file(FILE)?.map(Zeroizing::new) else { return Ok(None) };
        let (identity, sealed) = Self::parse(home.vault(), &bytes)
            .map_err(|reason| NodeError::Damaged(format!("{}: {reason}", home.folder().join(FILE).display())))?;
        if !sealed {
            identity.write(home)?;
        }
        Ok(Some(identity))
    }

    /// From the file's bytes, and whether it was sealed.
    pub(crate) fn parse(vault: &VaultKey, bytes: &[u8]) -> Result<(Self, bool), String> {
        let unreadable = || "it does not hold this device's keys. Put it back from a backup".to_owned();
        let file: serde_json::Value = serde_json::from_slice(bytes).map_err(|_| unreadable())?;
        let version = file["version"].as_u64().ok_or_else(unreadable)?;
        if version > VERSION.into() {
            return Err("it was written by a newer Sheaf. Update to open this folder".to_owned());
        }
        let sealed = version > UNSEALED.into();
        let content = if sealed {
            let hex = file["sealed"].as_str().ok_or_else(unreadable)?;
            let sealed = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| unreadable())?;
            vault.open(Purpose::File, FILE.as_bytes(), &sealed).map(Zeroizing::new).ok_or_else(unreadable)?
        } else {
            Zeroizing::new(bytes.to_vec())
        };
        let content: Content = serde_json::from_slice(&content).map_err(|_| unreadable())?;
        let keys = Keys::from_secret_text(&content.keys).map_err(|error| error.to_string())?;
        let Content { name, colour, nameless, phrase_written, .. } = &content;
        let (name, colour, nameless, phrase_written) = (name.clone(), *colour, *nameless, *phrase_written);
        let former: Option<Vec<SealingSecret>> = content.former.iter().map(|hex| secret(hex)).collect();
        let former = former.ok_or_else(unreadable)?;
        Ok((Self { keys, name, colour, nameless, phrase_written, former, copied: false }, sealed))
    }

    /// Writes it to the home, sealed.
    pub fn write(&self, home: &Home) -> Result<(), NodeError> {
        let content = Content {
            name: self.name.clone(),
            colour: self.colour,
            keys: self.keys.to_secret_text().to_string(),
            nameless: self.nameless,
            phrase_written: self.phrase_written,
            former: self.former.iter().map(|secret| data_encoding::HEXLOWER.encode(secret.as_bytes())).collect(),
        };
        // Plain text fields: nothing in them that JSON cannot say.
        let content = Zeroizing::new(serde_json::to_vec(&content).unwrap_or_default());
        let sealed = home.vault().seal(Purpose::File, FILE.as_bytes(), &content);
        let stored = Stored { version: VERSION, sealed: data_encoding::HEXLOWER.encode(&sealed) };
        Ok(home.put_key_file(FILE, &serde_json::to_vec_pretty(&stored).unwrap_or_default())?)
    }
}

fn secret(hex: &str) -> Option<SealingSecret> {
    let bytes = Zeroizing::new(data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?);
    bytes.as_slice().try_into().ok().map(SealingSecret::from_bytes)
}

/// The colour of a person who has chosen none: it follows from their id, so that people differ and everyone sees the same.
pub fn colour_of(person: &PersonId) -> u8 {
    person.as_bytes()[0] % 8 + 1
}

fn checked_name(name: &str) -> Result<String, NodeError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(NodeError::BadInput(format!("a name has 1 to {NAME} characters, on one line.")));
    }
    Ok(name.to_owned())
}

/// A colour, if it is one.
pub fn checked_colour(colour: u8) -> Result<u8, NodeError> {
    if (1..=8).contains(&colour) {
        Ok(colour)
    } else {
        Err(NodeError::BadInput("a colour is a number from 1 to 8.".into()))
    }
}

#[cfg(test)]
mod tests {
    use sheaf_store::VaultKey;

    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let (home, _) = Home::open(&folder.path().join("home"), &VaultKey::generate()).unwrap();
        (folder, home)
    }

    #[test]
    fn an_identity_is_the_same_after_a_restart_and_cannot_be_read() {
        let (_folder, home) = home();
        assert!(Identity::read(&home).unwrap().is_none());
        let mut identity = Identity::generate("  Ana Ferreira ", Some(3)).unwrap();
        identity.phrase_written = true;
        identity.nameless = true;
        identity.former.push(SealingSecret::from_bytes(&[9; 32]));
        identity.write(&home).unwrap();
        let again = Identity::read(&home).unwrap().unwrap();
        assert_eq!(again.me(), identity.me());
        assert_eq!((again.me().name.as_str(), again.phrase_written, again.nameless), ("Ana Ferreira", true, true));
        assert!(!again.renamed("Ana", 3).unwrap().nameless);
        assert_eq!(again.former.iter().map(SealingSecret::as_bytes).collect::<Vec<_>>(), [&[9; 32]]);
        let text = String::from_utf8(home.file(FILE).unwrap().unwrap()).unwrap();
        assert!(!text.contains("Ana") && !text.contains("sheaf-identity"), "{text}");
    }

    #[test]
    fn an_identity_from_before_is_sealed_when_it_is_read() {
        let (_folder, home) = home();
        let identity = Identity::generate("Ana", Some(3)).unwrap();
        let keys = identity.keys.to_secret_text();
        let text = serde_json::json!({ "version": 1, "name": "Ana", "colour": 3, "keys": keys.as_str() });
        home.put_file(FILE, text.to_string().as_bytes()).unwrap();
        for _ in 0..2 {
            let read = Identity::read(&home).unwrap().unwrap();
            assert_eq!(read.me(), identity.me());
            assert!(read.keys.root.is_some() && !read.phrase_written);
            let text = String::from_utf8(home.file(FILE).unwrap().unwrap()).unwrap();
            assert!(!text.contains("Ana") && !text.contains("sheaf-identity"), "{text}");
        }
    }

    #[test]
    fn a_damaged_identity_says_which_file_it_is() {
        let (_folder, home) = home();
        Identity::generate("Ana", Some(1)).unwrap().write(&home).unwrap();
        let text = String::from_utf8(home.file(FILE).unwrap().unwrap()).unwrap();
        for broken in [
            text.replace("\"version\": 2", "\"version\": 9"),
            text.replace("\"sealed\": \"01", "\"sealed\": \"0101"),
            text[..text.len() / 2].to_owned(),
            String::new(),
        ] {
            home.put_file(FILE, broken.as_bytes()).unwrap();
            let Err(error) = Identity::read(&home) else { panic!("a broken file was read") };
            assert!(matches!(error, NodeError::Damaged(_)) && error.to_string().contains(FILE));
        }
    }

    #[test]
    fn a_certificate_is_taken_only_with_its_own_keys() {
        let root = PersonKey::generate(&mut rand::rng());
        let (one, other) = (DeviceKeys::generate(&mut rand::rng()), DeviceKeys::generate(&mut rand::rng()));
        let certificate = DeviceCertificate::issue(&root, &one);
        let paired = Identity::for_new_device(certificate, one.clone(), "Ana", 2).unwrap();
        assert!(paired.keys.root.is_none() && paired.phrase_written);
        assert!(Identity::for_new_device(certificate, other, "Ana", 2).is_err());
        assert_eq!(Identity::recovered(&root, one, Some("Ana"), 2).unwrap().me(), paired.me());
    }

    #[test]
    fn names_and_colours_are_checked() {
        assert!(Identity::generate("", Some(1)).is_err());
        assert!(Identity::generate("a\nb", Some(1)).is_err());
        assert!(Identity::generate(&"a".repeat(81), Some(1)).is_err());
        assert!(Identity::generate("Ana", Some(0)).is_err());
        assert!(Identity::generate("Ana", Some(9)).is_err());
    }
}
