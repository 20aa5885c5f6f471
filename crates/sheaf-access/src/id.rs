//! Identifiers: newtypes, so that a person is never taken for a device, nor a hash for a key.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};

/// A text that is not the identifier it was taken for.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
#[error("`{text}` is not {what}: it should be 52 letters and digits. Copy it again, whole.")]
pub struct ParseIdError {
    what: &'static str,
    text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From its 32 bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Its 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first eight letters, for a log line.
            pub fn short(&self) -> String {
                self.to_string()[..8].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                BASE32_NOPAD
                    .decode(text.trim().to_ascii_uppercase().as_bytes())
                    .ok()
                    .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                    .map(Self)
                    .ok_or_else(|| ParseIdError { what: $what, text: text.chars().take(64).collect() })
            }
        }
    };
}

id!(
    /// A person: the Ed25519 public key that certifies their devices.
    PersonId, "a person's id"
);
id!(
    /// A device: its Ed25519 public key, which is also its iroh endpoint id.
    DeviceId, "a device's id"
);
id!(
    /// A space: the hash of its first entry.
    SpaceId, "a space's id"
);
id!(
    /// A document: 16 random bytes and a hash of them and its space, or the hash of what it was imported from (D3).
    DocumentId, "a document's id"
);
id!(
    /// An entry: the BLAKE3 hash of its header's bytes as signed.
    EntryHash, "an entry's hash"
);
id!(
    /// An invitation: the Ed25519 public key that belongs to the link's secret.
    InvitationId, "an invitation's id"
);
id!(
    /// A generation of a space's content key: the hash of the entry that started it (E1).
    EpochId, "an epoch's id"
);

impl SpaceId {
    /// What the first entry of a space, whose hash is the space's id, has in its place.
    pub const UNBORN: Self = Self([0; 32]);
}

impl EpochId {
    /// What the entry that starts an epoch, whose hash is the epoch's id, has in its place.
    pub const UNBORN: Self = Self([0; 32]);
}

impl From<EntryHash> for SpaceId {
    fn from(first: EntryHash) -> Self {
        Self(first.0)
    }
}

impl From<EntryHash> for EpochId {
    fn from(rotate: EntryHash) -> Self {
        Self(rotate.0)
    }
}

/// A log: the device that writes it, and a random number that tells that device's logs apart (a device opens a new log
/// after a restore or a fork, L5, when it may not know which numbers it has used).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogId {
    /// The device that writes the log.
    pub device: DeviceId,
    /// Drawn at random when the log is opened.
    pub nonce: u64,
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogId({}.{:x})", self.device.short(), self.nonce)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:016x}", self.device, self.nonce)
    }
}
