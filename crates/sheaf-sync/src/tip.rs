//! [`Tip`]: which entry a log ends with, as briefly as will do.

use serde::{Deserialize, Serialize};
use sheaf_access::EntryHash;

/// The beginning of the hash of the last entry of a log. Beside a frontier it shows that two nodes which hold as much of a
/// log as each other do not hold the same (L6), and whether what one would send goes on from what the other has (L5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip([u8; 16]);

impl Tip {
    /// Nothing is said of which entry it is.
    pub const UNTOLD: Self = Self([0; 16]);

    /// Of an entry.
    pub fn of(entry: &EntryHash) -> Self {
        let mut tip = [0; 16];
        tip.copy_from_slice(&entry.as_bytes()[..16]);
        Self(tip)
    }
}
