//! Pairing: how a new device becomes one of a person's devices.
//!
//! The new device has keys and nothing else. It shows a [`PairingCode`]: its id, where it can be called, and a secret for
//! this one pairing. The person takes the code to a device of theirs, which calls the new one. The network proves both
//! devices' keys; what is said then is:
//!
//! ```text
//!  old device                                                         new device
//!   |-- Greet { its certificate, nonce, proof of the secret } ----------->|
//!   |<------------ Answer { sealing key, name, nonce, proof of the secret } |
//!   |    both show the same six words; the person compares, and confirms here
//!   |-- Welcome { the new device's certificate, name, private space } ---->|
//!   |<------------------------------------------------------------ Done --|
//! ```
//!
//! Each proof is a hash of the secret with everything said so far and with the connection's *channel*, 32 bytes that only
//! its two ends know. So what is seen on one connection is worth nothing on another. The words are a hash of the same:
//! they are equal only if both devices saw one exchange, with each other. They are what catches a code that was
//! exchanged on its way: the old device would be talking to somebody else's.
//!
//! The root key signs the new device's certificate on the old device, and never travels. [`NewDevice`] and [`OldDevice`]
//! are the two sides: what has been heard goes in, steps come out; time and randomness are passed in.

mod code;
mod frame;
mod new_device;
mod old_device;
mod transcript;

pub use code::{PairingCode, PairingSecret, ParsePairingError};
pub use frame::{MAX_DEVICE_NAME, MAX_DEVICES, PairingFrame, PairingRefusal, Welcome};
pub use new_device::{NewDevice, NewStep};
pub use old_device::{OldDevice, OldStep};

/// How long a code can be used, in milliseconds.
pub const CODE_LIFE: u64 = 10 * 60_000;
/// How long the person may take to compare the words, in milliseconds.
const COMPARING: u64 = 5 * 60_000;
/// How long the other device may take to answer, in milliseconds.
const ANSWERING: u64 = 30_000;

#[cfg(test)]
mod tests;
