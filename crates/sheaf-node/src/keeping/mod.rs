//! Keeping: where this home's secrets lie, and how it is known that the home is the one it was.
//!
//! Everything readable in a home is sealed with its *vault key* ([`sheaf_store::VaultKey`]), always and in one way. Only
//! where that key lies differs, and the small file `vault.json` says which it is ([`vault`]):
//!
//! - in the system's [`keyring`], where there is one that answers;
//! - else in `vault.json` itself, which only its owner may read. Who can read that file can read the home;
//! - or, under a passphrase, nowhere: it is wrapped with a key that Argon2id makes of the passphrase.
//!
//! Setting, changing and removing a passphrase wraps the same key anew, and rewrites one small file.
//!
//! The [`generation`] is a number drawn at every start and kept twice, in the home and in the user's state folder. When the
//! two differ, the home has been copied or put back, and may have forgotten entries that it has sent: it opens new logs
//! (L5). When the machine is another besides, the home is a copy, and this device has to become one of its own.
//!
//! What lies outside of the home, [`Surroundings`], is passed in, so that tests touch nothing of the person's who runs them.

mod backup;
mod blobs;
mod device;
mod doctor;
pub mod generation;
pub mod keyring;
mod secret;
mod secrets;
mod start;
mod stretch;
mod surroundings;
pub mod vault;

pub use backup::{restore, restore_over};
pub use doctor::doctor;
pub use keyring::{Keyring, KeyringError};
pub use secret::SecretText;
pub use start::{Start, open_below};
pub use surroundings::{Resolver, Surroundings};
