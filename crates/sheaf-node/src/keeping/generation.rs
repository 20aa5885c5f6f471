//! The generation of a home (L5): a number that is drawn at every start and at every clean end, and kept twice, in the home
//! and in the user's state folder.
//!
//! A log's numbers must never be used twice. A home that was copied or put back from a backup has forgotten the entries
//! it wrote since, and would. So when the two numbers are not the same, or one is missing, nothing is written to a log
//! that may have gone further: every space gets a new one.
//!
//! If, besides, the home was last open on another machine, it is a *copy*, and the machine it was copied from may be
//! writing under the same device's key at this moment. Then it needs a device key of its own.
//!
//! The number outside is written first. A crash between the two looks like a home that was put back, which costs a new log
//! and nothing else. What is outside is filed by the home's id *and* its path: a copy beside the original finds nothing.
//!
//! A home that was copied while it was open, and put back after a crash, is not noticed here; then others show it, who hold
//! more of this device's log than it does itself.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sheaf_store::{Files, RealFiles, StoreError};

use crate::keeping::Surroundings;

/// The file's name in the home.
pub const FILE: &str = "generation";
const VERSION: u32 = 1;
/// A number that is never drawn: the home was made anew, and no log of it may be gone on with.
const NOBODYS: &str = "none";
/// What is outside is much shorter.
const LONGEST: u64 = 4096;

/// What the two numbers say of a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the home it was.
    Same,
    /// It has been copied or put back on this machine, or that cannot be ruled out: new logs.
    PutBack,
    /// It comes from another machine: a new device.
    Copied,
}

/// The generation of one home.
#[derive(Debug)]
pub struct Generation {
    /// The file outside; none if there is nowhere to keep it.
    outside: Option<PathBuf>,
    machine: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Inside {
    version: u32,
    number: String,
    /// A hash, so that the file does not tell which machine it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
}

impl Generation {
    /// That of the home with this id, in this folder.
    pub fn of(home: [u8; 16], folder: &Path, surroundings: &Surroundings) -> Self {
        let machine = surroundings.machine.as_ref().map(|machine| {
            let mut hasher = blake3::Hasher::new_derive_key("sheaf 2026 machine of a home v1");
            hasher.update(&home).update(machine.as_bytes());
            hasher.finalize().to_hex().to_string()
        });
        let outside = surroundings.state.as_ref().and_then(|state| {
            let state = state.join("homes");
            // A folder that cannot be made, or not be written, bears no witness; claiming that something is missing there
            // would open new logs at every start.
            let writable = RealFiles.create_folder(&state).and_then(|()| probe(&state));
            if let Err(error) = writable {
                tracing::warn!(%error, folder = %state.display(), "the state folder cannot be used");
                return None;
            }
            let path = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
            let mut hasher = blake3::Hasher::new_derive_key("sheaf 2026 generation of a home v1");
            hasher.update(&home).update(path.as_os_str().as_encoded_bytes());
            Some(state.join(hasher.finalize().to_hex().as_str()))
        });
        Self { outside, machine }
    }

    /// How a home stands whose own file is this. `known`: whether it was open before with a program that kept generations.
    pub fn standing(&self, inside: Option<&[u8]>, known: bool) -> Standing {
        let inside = inside.and_then(|bytes| serde_json::from_slice::<Inside>(bytes).ok());
        let Some(outside) = &self.outside else {
            let anew = inside.is_some_and(|inside| inside.number == NOBODYS);
            return if anew { Standing::PutBack } else { Standing::Same };
        };
        if !known {
            return Standing::Same;
        }
        let outside = RealFiles.read(outside, LONGEST).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (Some(inside), number) = (inside, outside) else { return Standing::PutBack };
        if number.as_ref() == Some(&inside.number) {
            return Standing::Same;
        }
        match (&inside.machine, &self.machine) {
            (Some(then), Some(now)) if then != now => Standing::Copied,
            _ => Standing::PutBack,
        }
    }

    /// Draws a new number: outside first, then inside, which `write` does. `anew`: new logs have just been opened.
    pub fn renew<E: From<StoreError>>(&self, anew: bool, write: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let number: [u8; 16] = rand::random();
        let number = data_encoding::HEXLOWER.encode(&number);
        match &self.outside {
            Some(outside) => {
                sheaf_store::write_whole(outside, number.as_bytes())?;
                write(&self.encode(number))
            }
            // Whoever opens it next where there is a state folder is to find what was there before; but one that was made
            // anew has its new logs now.
            None if anew => write(&self.encode(number)),
            None => Ok(()),
        }
    }

    /// What the file in a home says that is made from a backup: the machine of the backup, and a number that is nobody's.
    pub fn restored(machine: Option<String>) -> Vec<u8> {
        serde_json::to_vec(&Inside { version: VERSION, number: NOBODYS.to_owned(), machine }).unwrap_or_default()
    }

    /// What it says when this home's store was thrown away.
    pub fn rebuilt() -> Vec<u8> {
        Self::restored(None)
    }

    /// The machine, as the file has it.
    pub fn machine(&self) -> Option<String> {
        self.machine.clone()
    }

    fn encode(&self, number: String) -> Vec<u8> {
        // Plain fields: nothing in them that JSON cannot say.
        serde_json::to_vec(&Inside { version: VERSION, number, machine: self.machine.clone() }).unwrap_or_default()
    }
}

fn probe(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!("probe-{}", std::process::id()));
    RealFiles.create(&path)?;
    RealFiles.remove(&path)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    struct Place {
        _folder: tempfile::TempDir,
        home: PathBuf,
        surroundings: Surroundings,
        inside: RefCell<Option<Vec<u8>>>,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let home = folder.path().join("home");
            std::fs::create_dir(&home).unwrap();
            let state = Some(folder.path().join("state"));
            let machine = Some("laptop".into());
            let surroundings = Surroundings { state, machine, ..Surroundings::default() };
            Self { _folder: folder, home, surroundings, inside: RefCell::default() }
        }

        fn generation(&self) -> Generation {
            Generation::of([7; 16], &self.home, &self.surroundings)
        }

        fn standing(&self) -> Standing {
            self.generation().standing(self.inside.borrow().as_deref(), true)
        }

        fn renew(&self) {
            let write = |bytes: &[u8]| {
                *self.inside.borrow_mut() = Some(bytes.to_vec());
                Ok::<(), StoreError>(())
            };
            self.generation().renew(false, write).unwrap();
        }
    }

    #[test]
    fn a_home_that_nobody_touched_is_the_same() {
        let place = Place::new();
        assert_eq!(place.generation().standing(None, false), Standing::Same);
        for _ in 0..3 {
            place.renew();
            assert_eq!(place.standing(), Standing::Same);
        }
    }

    #[test]
    fn a_home_that_was_put_back_or_lost_its_witness_is_not() {
        let place = Place::new();
        place.renew();
        let backup = place.inside.borrow().clone();
        place.renew();
        *place.inside.borrow_mut() = backup;
        assert_eq!(place.standing(), Standing::PutBack);
        place.renew();
        assert_eq!(place.standing(), Standing::Same);
        *place.inside.borrow_mut() = None;
        assert_eq!(place.standing(), Standing::PutBack);
        place.renew();
        std::fs::remove_dir_all(place.surroundings.state.as_ref().unwrap()).unwrap();
        assert_eq!(place.standing(), Standing::PutBack);
        *place.inside.borrow_mut() = Some(b"{".to_vec());
        assert_eq!(place.standing(), Standing::PutBack);
    }

    #[test]
    fn a_copy_beside_the_original_is_not_the_same() {
        let mut place = Place::new();
        place.renew();
        place.home = place.home.with_file_name("copy");
        assert_eq!(place.standing(), Standing::PutBack);
    }

    #[test]
    fn another_machine_alone_is_nothing_and_with_another_number_it_is_a_copy() {
        let mut place = Place::new();
        place.renew();
        place.surroundings.machine = Some("desktop".into());
        assert_eq!(place.standing(), Standing::Same);
        place.surroundings.state = Some(place.home.with_file_name("elsewhere"));
        assert_eq!(place.standing(), Standing::Copied);
        place.surroundings.machine = None;
        assert_eq!(place.standing(), Standing::PutBack);
        *place.inside.borrow_mut() = Some(Generation::restored(place.generation().machine()));
        assert_eq!(place.standing(), Standing::PutBack);
    }

    #[test]
    fn without_a_state_folder_nothing_is_claimed() {
        let mut place = Place::new();
        place.renew();
        place.surroundings.state = None;
        *place.inside.borrow_mut() = None;
        assert_eq!(place.standing(), Standing::Same);
        // But for what the home says of itself, until that is done.
        *place.inside.borrow_mut() = Some(Generation::rebuilt());
        assert_eq!(place.standing(), Standing::PutBack);
        place.renew();
        assert_eq!(place.standing(), Standing::PutBack);
        let write = |bytes: &[u8]| {
            *place.inside.borrow_mut() = Some(bytes.to_vec());
            Ok::<(), StoreError>(())
        };
        place.generation().renew(true, write).unwrap();
        assert_eq!(place.standing(), Standing::Same);
        // A file where the folder should be.
        let blocked = place.home.with_file_name("blocked");
        std::fs::write(&blocked, b"").unwrap();
        place.surroundings.state = Some(blocked);
        assert_eq!(place.standing(), Standing::Same);
    }
}
