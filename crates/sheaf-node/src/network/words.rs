//! What nodes say to each other about a space besides its entries.

use serde::{Deserialize, Serialize};
use sheaf_sync::EntryBytes;

/// A word. Encoded as a version and postcard; what does not decode is not heard.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said {
    /// To a former member, or of a device that was removed: the access entries that say so, each after those it names.
    /// Nobody else tells them, for they are offered the space no more.
    Farewell(Vec<EntryBytes>),
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
