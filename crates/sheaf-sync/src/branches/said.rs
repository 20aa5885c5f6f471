//! The words that devices and relays have for each other about a space, besides its entries.

use serde::{Deserialize, Serialize};
use sheaf_access::{EntryHash, LogId};

use crate::entry_bytes::EntryBytes;

/// A word. Encoded as a version and postcard; what does not decode is not heard.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said {
    /// To a former member, or of a device that was removed: the access entries that say so, each after those it names.
    /// Nobody else tells them, for they are offered the space no more.
    Farewell(Vec<EntryBytes>),
    /// The entry in a place of a log, please.
    Ask {
        /// The log.
        log: LogId,
        /// The place.
        seq: u64,
    },
    /// Here it is, or it is not here.
    Answer {
        /// The log.
        log: LogId,
        /// The place.
        seq: u64,
        /// The entry.
        entry: Option<EntryBytes>,
    },
    /// A log is forked, and these are the ends of its branches here (L6).
    Fork {
        /// The proof.
        proof: Vec<u8>,
        /// The ends.
        ends: Vec<End>,
    },
    /// What leads to an end of a branch, please.
    Want {
        /// The log.
        log: LogId,
        /// The end.
        end: EntryHash,
        /// From which place on.
        from: u64,
        /// Somebody has built on it.
        needed: bool,
    },
    /// Here it is.
    Path {
        /// The log.
        log: LogId,
        /// The end.
        end: EntryHash,
        /// The entries, in their order.
        entries: Vec<EntryBytes>,
        /// Where it goes on, if that is not all.
        next: Option<u64>,
        /// As it was asked for.
        needed: bool,
    },
}

/// How a branch ends.
#[derive(Debug, Serialize, Deserialize)]
pub struct End {
    /// The last entry.
    pub hash: EntryHash,
    /// Its place.
    pub seq: u64,
    /// The one before it, if that is on the branch.
    pub prev: Option<EntryHash>,
}

const VERSION: u8 = 1;
/// How many bytes of entries go into one word.
pub const ROOM: usize = 700 * 1024;

impl Said {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Plain data into memory: nothing in it can fail.
        postcard::to_extend(self, vec![VERSION]).unwrap_or_default()
    }

    /// From bytes that anyone may have sent: never longer than a frame.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        (*version == VERSION).then(|| postcard::from_bytes(rest).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_and_anything_else_is_not_heard() {
        let word = Said::Farewell(vec![EntryBytes::from(vec![1, 2, 3])]);
        let bytes = word.encode();
        let Some(Said::Farewell(entries)) = Said::decode(&bytes) else { panic!("{bytes:?}") };
        assert_eq!(entries, [EntryBytes::from(vec![1, 2, 3])]);
        for end in 0..bytes.len() {
            assert!(Said::decode(&bytes[..end]).is_none());
        }
        assert!(Said::decode(&[2, 0, 0]).is_none() && Said::decode(&[1, 9]).is_none());
    }
}
