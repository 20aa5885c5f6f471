//! What a change says of itself, before anyone has decided whether to believe it.

use automerge::ChangeHash;
use sha2::{Digest, Sha256};

use super::scan::{self, ScanError};
use crate::limits::MAX_CHANGE_BYTES;

/// Where a change's type stands: after the magic bytes and the checksum.
const TYPE: usize = 8;

/// A change's name and place. Whether the change may be applied is for [`check_change`](super::check_change) to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// Its hash.
    pub hash: ChangeHash,
    /// Its actor.
    pub actor: Vec<u8>,
    /// Its number among the actor's changes.
    pub seq: u64,
    /// The changes it builds on.
    pub deps: Vec<ChangeHash>,
}

/// Reads a change's name and place from its bytes, without Automerge and without unfolding anything.
pub fn peek(bytes: &[u8]) -> Result<Peek, ScanError> {
    if bytes.len() > MAX_CHANGE_BYTES {
        let found = bytes.len() as u64;
        return Err(ScanError::TooMany { what: "bytes", found, limit: MAX_CHANGE_BYTES as u64 });
    }
    let scanned = scan::change(bytes)?;
    // The hash of a change is SHA-256 over its chunk from the type on (Automerge's binary format).
    let hash = Sha256::digest(&bytes[TYPE.min(bytes.len())..]);
    if hash[..4] != scanned.checksum {
        return Err(ScanError::Malformed { at: 4 });
    }
    Ok(Peek { hash: ChangeHash(hash.into()), actor: scanned.actor, seq: scanned.seq, deps: scanned.deps })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Genesis, Slot, edit::Edit, model::Item};

    #[test]
    fn a_change_is_named_as_automerge_names_it() {
        let mut document = Document::new(Genesis::Text);
        let slot = Slot { actor: vec![7; 32], author: vec![9; 32] };
        let insert = vec![Item::Text { text: "Four days on the island".into(), marks: [].into() }];
        let made = document.edit(&slot, &[Edit::Splice { at: 0, delete: 0, insert }]).unwrap();
        let peeked = peek(&made[0].bytes).unwrap();
        let deps = Document::new(Genesis::Text).heads();
        assert_eq!(peeked, Peek { hash: made[0].hash, actor: vec![7; 32], seq: 1, deps });
        for at in 0..made[0].bytes.len() {
            let mut damaged = made[0].bytes.clone();
            damaged[at] ^= 1;
            assert_ne!(peek(&damaged).ok(), Some(peeked.clone()));
        }
        assert!(peek(&[]).is_err());
    }
}
