//! Who this is: the device's keys and certificate, and the name and colour others see.
//!
//! Kept in one small file of the home that only its owner may read, written whole or not at all.

use serde::{Deserialize, Serialize};
use sheaf_access::{Identity as Keys, PersonId};
use sheaf_store::Home;
use zeroize::{Zeroize, Zeroizing};

use crate::error::NodeError;
use crate::view::Me;

/// The file's name in the home.
const FILE: &str = "identity.json";
/// The version this program writes.
const VERSION: u32 = 1;
/// The longest name a person may take, in characters.
pub const NAME: usize = 80;

/// This person, on this device.
pub struct Identity {
    /// The keys, and the certificate that makes the device the person's.
    pub keys: Keys,
    /// The name others see.
    pub name: String,
    /// The colour others see, 1 to 8.
    pub colour: u8,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    name: String,
    colour: u8,
    keys: String,
}

impl Drop for File {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

impl Identity {
    /// A new person on a new device.
    pub fn generate(name: &str, colour: u8) -> Result<Self, NodeError> {
        let (name, colour) = (checked_name(name)?, checked_colour(colour)?);
        Ok(Self { keys: Keys::generate(&mut rand::rng()), name, colour })
    }

    /// The same person with another name and colour.
    pub fn renamed(&self, name: &str, colour: u8) -> Result<Self, NodeError> {
        Ok(Self { keys: self.keys.clone(), name: checked_name(name)?, colour: checked_colour(colour)? })
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

    /// Reads the home's identity; none when there is none yet.
    pub fn read(home: &Home) -> Result<Option<Self>, NodeError> {
        let Some(bytes) = home.file(FILE)? else { return Ok(None) };
        let bytes = Zeroizing::new(bytes);
        Self::parse(&bytes)
            .map(Some)
            .map_err(|reason| NodeError::Damaged(format!("{}: {reason}", home.folder().join(FILE).display())))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let unreadable = "it does not hold this device's keys. Put it back from a backup";
        let file: File = serde_json::from_slice(bytes).map_err(|_| unreadable.to_owned())?;
        if file.version > VERSION {
            return Err("it was written by a newer Sheaf. Update to open this folder".to_owned());
        }
        let keys = Keys::from_secret_text(&file.keys).map_err(|error| error.to_string())?;
        Ok(Self { keys, name: file.name.clone(), colour: file.colour })
    }

    /// Writes it to the home.
    pub fn write(&self, home: &Home) -> Result<(), NodeError> {
        let file = File {
            version: VERSION,
            name: self.name.clone(),
            colour: self.colour,
            keys: self.keys.to_secret_text().to_string(),
        };
        // Plain text fields: nothing in them that JSON cannot say.
        let text = Zeroizing::new(serde_json::to_vec_pretty(&file).unwrap_or_default());
        Ok(home.put_file(FILE, &text)?)
    }
}

fn checked_name(name: &str) -> Result<String, NodeError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(NodeError::BadInput(format!("a name has 1 to {NAME} characters, on one line.")));
    }
    Ok(name.to_owned())
}

fn checked_colour(colour: u8) -> Result<u8, NodeError> {
    if (1..=8).contains(&colour) {
        Ok(colour)
    } else {
        Err(NodeError::BadInput("a colour is a number from 1 to 8.".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let (home, _) = Home::open(&folder.path().join("home")).unwrap();
        (folder, home)
    }

    #[test]
    fn an_identity_is_the_same_after_a_restart() {
        let (_folder, home) = home();
        assert!(Identity::read(&home).unwrap().is_none());
        let identity = Identity::generate("  Ana Ferreira ", 3).unwrap();
        identity.write(&home).unwrap();
        let again = Identity::read(&home).unwrap().unwrap();
        assert_eq!(again.me(), identity.me());
        assert_eq!(again.me().name, "Ana Ferreira");
    }

    #[test]
    fn a_damaged_identity_says_which_file_it_is() {
        let (_folder, home) = home();
        Identity::generate("Ana", 1).unwrap().write(&home).unwrap();
        let text = String::from_utf8(home.file(FILE).unwrap().unwrap()).unwrap();
        for broken in
            [text.replace("\"version\": 1", "\"version\": 9"), text[..text.len() / 2].to_owned(), String::new()]
        {
            home.put_file(FILE, broken.as_bytes()).unwrap();
            let Err(error) = Identity::read(&home) else { panic!("a broken file was read") };
            assert!(matches!(error, NodeError::Damaged(_)) && error.to_string().contains(FILE));
        }
    }

    #[test]
    fn names_and_colours_are_checked() {
        assert!(Identity::generate("", 1).is_err());
        assert!(Identity::generate("a\nb", 1).is_err());
        assert!(Identity::generate(&"a".repeat(81), 1).is_err());
        assert!(Identity::generate("Ana", 0).is_err());
        assert!(Identity::generate("Ana", 9).is_err());
    }
}
