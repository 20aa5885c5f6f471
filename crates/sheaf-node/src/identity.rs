//! Who this is: the person's and the device's keys, and the name and colour others see.
//!
//! Kept in one file of the home that only its owner may read. Written to a second file and renamed, so that a crash
//! leaves the old one or the new one, never half.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sheaf_access::{DeviceCertificate, DeviceKeys, PersonKey, SealingSecret};
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
    person: PersonKey,
    /// The device's keys.
    pub device: DeviceKeys,
    /// What makes the device the person's.
    pub certificate: DeviceCertificate,
    /// The name others see.
    pub name: String,
    /// The colour others see, 1 to 8.
    pub colour: u8,
}

/// The file. Hexadecimal, so that it can be looked at and copied.
#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    name: String,
    colour: u8,
    person: String,
    device: String,
    sealing: String,
}

impl Drop for File {
    fn drop(&mut self) {
        self.person.zeroize();
        self.device.zeroize();
        self.sealing.zeroize();
    }
}

impl Identity {
    /// A new person on a new device.
    pub fn generate(name: &str, colour: u8) -> Result<Self, NodeError> {
        let mut rng = rand::rng();
        let person = PersonKey::generate(&mut rng);
        let device = DeviceKeys::generate(&mut rng);
        let certificate = DeviceCertificate::issue(&person, &device);
        Ok(Self { person, device, certificate, name: checked_name(name)?, colour: checked_colour(colour)? })
    }

    /// The same person with another name and colour.
    pub fn renamed(&self, name: &str, colour: u8) -> Result<Self, NodeError> {
        Ok(Self {
            person: self.person.clone(),
            device: self.device.clone(),
            certificate: self.certificate,
            name: checked_name(name)?,
            colour: checked_colour(colour)?,
        })
    }

    /// For show.
    pub fn me(&self) -> Me {
        Me {
            person: self.certificate.person.to_string(),
            device: self.certificate.device.to_string(),
            name: self.name.clone(),
            colour: self.colour,
        }
    }

    /// Reads the home's identity; none when there is none yet.
    pub fn read(home: &Path) -> Result<Option<Self>, NodeError> {
        let path = home.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(NodeError::File { path, error }),
        };
        Self::parse(&text).map(Some).ok_or_else(|| {
            NodeError::Damaged(format!(
                "{} does not hold this device's keys any more. Put it back from a backup; without it this home cannot be opened.",
                path.display()
            ))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let file: File = serde_json::from_str(text).ok()?;
        if file.version != VERSION {
            return None;
        }
        let person = PersonKey::from_seed(&secret(&file.person)?);
        let sealing = SealingSecret::from_bytes(&secret(&file.sealing)?);
        let device = DeviceKeys::from_secrets(&secret(&file.device)?, sealing);
        let certificate = DeviceCertificate::issue(&person, &device);
        Some(Self { person, device, certificate, name: file.name.clone(), colour: file.colour })
    }

    /// Writes it to the home.
    pub fn write(&self, home: &Path) -> Result<(), NodeError> {
        let file = File {
            version: VERSION,
            name: self.name.clone(),
            colour: self.colour,
            person: HEXLOWER.encode(self.person.seed().as_ref()),
            device: HEXLOWER.encode(self.device.signing_seed().as_ref()),
            sealing: HEXLOWER.encode(self.device.sealing_secret().as_bytes()),
        };
        // Plain text fields: nothing in them that JSON cannot say.
        let text = Zeroizing::new(serde_json::to_string_pretty(&file).unwrap_or_default());
        let path = home.join(FILE);
        replace_privately(&path, text.as_bytes()).map_err(|error| NodeError::File { path, error })
    }
}

/// Writes a file that only its owner may read, whole or not at all.
fn replace_privately(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new: PathBuf = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn secret(hex: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(HEXLOWER.decode(hex.as_bytes()).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
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

    #[test]
    fn an_identity_is_the_same_after_a_restart_and_nobody_else_can_read_it() {
        let home = tempfile::tempdir().unwrap();
        assert!(Identity::read(home.path()).unwrap().is_none());
        let identity = Identity::generate("  Ana Ferreira ", 3).unwrap();
        identity.write(home.path()).unwrap();
        let again = Identity::read(home.path()).unwrap().unwrap();
        assert_eq!(again.me(), identity.me());
        assert_eq!(again.me().name, "Ana Ferreira");
        assert_eq!(again.certificate, identity.certificate);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(home.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
    }

    #[test]
    fn a_damaged_identity_says_which_file_it_is() {
        let home = tempfile::tempdir().unwrap();
        Identity::generate("Ana", 1).unwrap().write(home.path()).unwrap();
        let path = home.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        for broken in [text.replace("\"version\": 1", "\"version\": 9"), text[..text.len() / 2].to_owned(), String::new()] {
            fs::write(&path, broken).unwrap();
            let Err(error) = Identity::read(home.path()) else { panic!("a broken file was read") };
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
