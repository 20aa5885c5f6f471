//! The first change of every document: the same bytes everywhere (D2).
//!
//! Two people may begin a document's root objects without having met. Were these made by ordinary changes, each would
//! have its own `content`, and one of the two texts would vanish when they meet. So they come from one fixed change
//! with a known hash, which every document starts from and which is exempt from the rules for changes.

use automerge::{ActorId, ChangeHash, ObjId};

/// What a document is for, and so which root objects it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Genesis {
    /// A text: one text object at the key `content`.
    Text,
    /// A space's index (D1): the maps `documents` and `people`.
    Index,
    /// What all devices of a person share, kept in their private space: the maps of [`crate::belongings`].
    Belongings,
}

/// The actor of every genesis change. Actors of logs are hashes, so none of them is this.
const ACTOR: [u8; 32] = *b"sheaf genesis, the same for all.";

/// Makes a text at `content`.
const TEXT: &[u8] = b"\x85oJ\x83\x8cVs\x19\x01\x42\x00\x20sheaf genesis, the same for all.\x01\x01\x00\x00\x00\x05\x15\x09\x34\x01\x42\x02\x56\x02\x70\x02\x7f\x07content\x01\x7f\x04\x7f\x00\x7f\x00";

/// Makes maps at `documents` and `people`.
const INDEX: &[u8] = b"\x85oJ\x83\x6c\xaa\xa8\xd2\x01\x4b\x00\x20sheaf genesis, the same for all.\x01\x01\x00\x00\x00\x05\x15\x12\x34\x01\x42\x02\x56\x02\x70\x02\x7e\x09documents\x06people\x02\x02\x00\x02\x00\x02\x00";

/// Makes the maps of what a person's devices share.
const BELONGINGS: &[u8] = b"\x85oJ\x83\xd62\x85>\x01s\x00 sheaf genesis, the same for all.\x01\x01\x00\x00\x00\x05\x15:4\x01B\x02V\x02p\x02x\x06spaces\x04left\x07devices\x05names\x05added\x07revoked\x08verified\x07profile\x08\x08\x00\x08\x00\x08\x00";

/// 8c567319…
const TEXT_HASH: [u8; 32] = [
    0x8c, 0x56, 0x73, 0x19, 0x7d, 0x73, 0x91, 0xe1, 0x0f, 0x3d, 0xef, 0xca, 0xf2, 0x67, 0x9a, 0x16, 0xbe, 0x2d, 0x2a,
    0x15, 0xaa, 0x98, 0x0b, 0x22, 0x40, 0xd4, 0xa3, 0x66, 0xc7, 0x5b, 0x44, 0xf0,
];

/// 6caaa8d2…
const INDEX_HASH: [u8; 32] = [
    0x6c, 0xaa, 0xa8, 0xd2, 0x9f, 0x15, 0x86, 0x8a, 0x41, 0xb1, 0xa9, 0x13, 0xb0, 0x74, 0x02, 0xb6, 0x02, 0x23, 0x39,
    0x7b, 0x4e, 0xf2, 0xe1, 0xe4, 0x8a, 0xd9, 0xf9, 0xc7, 0xdf, 0xd4, 0xa0, 0xac,
];

/// d632853e…
const BELONGINGS_HASH: [u8; 32] = [
    0xd6, 0x32, 0x85, 0x3e, 0xa8, 0xa3, 0x90, 0x0f, 0x5d, 0xfc, 0x7a, 0x97, 0x39, 0x77, 0x1d, 0x0c, 0x2e, 0x5b, 0x36,
    0x2e, 0xb6, 0xee, 0x6d, 0xcb, 0xa1, 0x3b, 0xa6, 0xf0, 0x2e, 0xaa, 0x03, 0xee,
];

impl Genesis {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Text, Self::Index, Self::Belongings];

    /// The change itself.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Text => TEXT,
            Self::Index => INDEX,
            Self::Belongings => BELONGINGS,
        }
    }

    /// The hash of the change.
    pub fn hash(self) -> ChangeHash {
        ChangeHash(match self {
            Self::Text => TEXT_HASH,
            Self::Index => INDEX_HASH,
            Self::Belongings => BELONGINGS_HASH,
        })
    }

    /// The actor of every genesis change.
    pub(crate) const fn actor() -> [u8; 32] {
        ACTOR
    }

    /// Whether this is the hash of some genesis change.
    pub fn is_genesis(hash: &ChangeHash) -> bool {
        Self::ALL.iter().any(|genesis| *hash == genesis.hash())
    }

    /// The id of the `number`-th object the change makes, counted from 1.
    pub(crate) fn object(number: u64) -> ObjId {
        ObjId::Id(number, ActorId::from(ACTOR), 0)
    }
}

#[cfg(test)]
mod tests {
    use automerge::{Automerge, Change, ObjType, ROOT, ReadDoc, TextEncoding, transaction::Transactable};

    use super::*;

    fn made_anew(genesis: Genesis) -> Change {
        let mut doc = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
        doc.set_actor(ActorId::from(ACTOR));
        let mut tx = doc.transaction();
        match genesis {
            Genesis::Text => {
                assert_eq!(tx.put_object(ROOT, "content", ObjType::Text).unwrap(), Genesis::object(1));
            }
            Genesis::Index => {
                assert_eq!(tx.put_object(ROOT, "documents", ObjType::Map).unwrap(), Genesis::object(1));
                assert_eq!(tx.put_object(ROOT, "people", ObjType::Map).unwrap(), Genesis::object(2));
            }
            Genesis::Belongings => {
                for (name, number) in crate::belongings::MAPS.into_iter().zip(1..) {
                    assert_eq!(tx.put_object(ROOT, name, ObjType::Map).unwrap(), Genesis::object(number));
                }
            }
        }
        tx.commit();
        doc.get_last_local_change().unwrap()
    }

    #[test]
    fn the_genesis_changes_are_what_they_say() {
        for genesis in Genesis::ALL {
            let change = Change::from_bytes(genesis.bytes().to_vec()).unwrap();
            assert_eq!(change.hash(), genesis.hash(), "the hash is known");
            assert_eq!(change.raw_bytes(), made_anew(genesis).raw_bytes(), "and Automerge would make it the same way");
            let mut doc = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
            doc.apply_changes([change]).unwrap();
            assert_eq!(doc.get_heads(), vec![genesis.hash()]);
        }
    }

    #[test]
    fn genesis_objects_are_found_by_their_id() {
        let mut doc = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
        doc.apply_changes([Change::from_bytes(TEXT.to_vec()).unwrap()]).unwrap();
        assert_eq!(doc.object_type(Genesis::object(1)).unwrap(), ObjType::Text);
    }
}
