//! [`EntryBytes`] and [`Item`]: entries as the machine sees them, which is hardly at all.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sheaf_access::{EntryHash, LogId};

/// The largest entry that is taken from a frame: the protocol's limit on an entry.
pub const MAX_ENTRY_BYTES: usize = 512 * 1024;

/// An entry, encoded and signed, on its way through: opaque, and shared rather than copied, so that pushing one entry to
/// a thousand readers holds it once.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryBytes(Arc<[u8]>);

impl EntryBytes {
    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none, which no entry does.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for EntryBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&[u8]> for EntryBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Arc<[u8]>> for EntryBytes {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for EntryBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for EntryBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryBytes({} bytes)", self.len())
    }
}

impl Serialize for EntryBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for EntryBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = EntryBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the bytes of an entry")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<EntryBytes, E> {
                if bytes.is_empty() || bytes.len() > MAX_ENTRY_BYTES {
                    return Err(E::custom("an entry has 1 to 524,288 bytes"));
                }
                Ok(EntryBytes::from(bytes))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// An entry with its place: what the node hands to the machine. The machine passes the bytes on, or lets them go; what
/// it keeps are the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// When it became durable here: a number that grows within a space. Arrival order is causal order, because an entry
    /// is only admitted when everything it builds on is held (L2).
    pub arrival: u64,
    /// The log it belongs to.
    pub log: LogId,
    /// Its number in that log, from 1.
    pub seq: u64,
    /// Its hash: two nodes that hold different entries in one place of a log must see that they differ (L6).
    pub hash: EntryHash,
    /// The entry, as signed and sent.
    pub bytes: EntryBytes,
}
