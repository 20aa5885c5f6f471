//! Names that are derived rather than drawn, so that everyone derives the same.

use sheaf_access::{DocumentId, LogId, SpaceId};

use crate::content::Part;
use crate::domain;

/// The most session slots of one log in one part of a document (a protocol constant). A slot is reused when its window
/// closes, so this is the number of windows open at once.
pub const MAX_SLOTS: u32 = 64;

/// The Automerge actor that a log's session slot writes as, in one part of one document (W12).
///
/// Derived, so that a reader can tell from an entry's header alone which actors its changes may name (L3).
pub fn actor(log: &LogId, document: &DocumentId, part: Part, slot: u32) -> [u8; 32] {
    domain::hash(
        domain::ACTOR,
        &[log.device.as_bytes(), &log.nonce.to_le_bytes(), document.as_bytes(), &[part.number()], &slot.to_le_bytes()],
    )
}

/// Which slot of a log an actor is; none, if it is not this log's there.
pub fn slot_of(log: &LogId, document: &DocumentId, part: Part, name: &[u8]) -> Option<u32> {
    (0..MAX_SLOTS).find(|slot| actor(log, document, part, *slot) == name)
}

/// The id of a new document of a space, from 16 random bytes: these, and a hash of them and the space.
///
/// So that everyone can tell whose it is ([`is_document_of`]). An id that were random alone could be taken up by an entry of
/// any other space, and which of the two a device believes would be a matter of which it met first.
pub fn new_document(space: &SpaceId, random: &[u8; 16]) -> DocumentId {
    let mut id = [0; 32];
    id[..16].copy_from_slice(random);
    id[16..].copy_from_slice(&domain::hash(domain::DOCUMENT, &[space.as_bytes(), random])[..16]);
    DocumentId::from_bytes(id)
}

/// Whether an id was made for a document of this space.
pub fn is_document_of(space: &SpaceId, document: &DocumentId) -> bool {
    let mut random = [0; 16];
    random.copy_from_slice(&document.as_bytes()[..16]);
    new_document(space, &random) == *document
}

/// The id of a space's index document (D1).
pub fn index_document(space: &SpaceId) -> DocumentId {
    DocumentId::from_bytes(domain::hash(domain::INDEX_DOCUMENT, &[space.as_bytes()]))
}

/// The id of the document in a person's private space that their devices share (D2).
pub fn belongings_document(private: &SpaceId) -> DocumentId {
    DocumentId::from_bytes(domain::hash(domain::BELONGINGS_DOCUMENT, &[private.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_which_space_it_was_made_for() {
        let (ours, theirs) = (SpaceId::from_bytes([1; 32]), SpaceId::from_bytes([2; 32]));
        let made = new_document(&ours, &[7; 16]);
        assert!(is_document_of(&ours, &made) && !is_document_of(&theirs, &made));
        assert_ne!(made, new_document(&ours, &[8; 16]));
        assert!(!is_document_of(&ours, &DocumentId::from_bytes([7; 32])), "one from before");
        let mut bent = *made.as_bytes();
        bent[0] ^= 1;
        assert!(!is_document_of(&ours, &DocumentId::from_bytes(bent)));
    }
}
