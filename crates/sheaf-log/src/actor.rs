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

/// The id of a space's index document (D1).
pub fn index_document(space: &SpaceId) -> DocumentId {
    DocumentId::from_bytes(domain::hash(domain::INDEX_DOCUMENT, &[space.as_bytes()]))
}

/// The id of the document in a person's private space that their devices share (D2).
pub fn belongings_document(private: &SpaceId) -> DocumentId {
    DocumentId::from_bytes(domain::hash(domain::BELONGINGS_DOCUMENT, &[private.as_bytes()]))
}
