//! What is kept of a document so that it opens at once: the blocks as last shown, and the CRDT as last saved.
//!
//! Both may be lost or old: the entries are the truth. What they claim is checked against it when they are read (W9).

use serde::{Deserialize, Serialize};
use sheaf_access::{EntryHash, LogId};
use sheaf_document::model::Item;
use sheaf_log::EntryRef;
use sheaf_store::Arrival;

use crate::counting::Void;

/// The version of the blocks as last shown.
const VIEW_VERSION: u8 = 1;
/// The version of the CRDT as last saved. The first did not say what had not counted.
const SNAPSHOT_VERSION: u8 = 3;

/// The blocks as last shown (W9).
#[derive(Serialize, Deserialize)]
pub struct View {
    version: u8,
    /// The heads they belong to.
    pub heads: Vec<[u8; 32]>,
    /// The blocks.
    pub items: Vec<Item>,
}

impl View {
    /// The blocks at these heads.
    pub fn new(heads: Vec<[u8; 32]>, items: Vec<Item>) -> Self {
        Self { version: VIEW_VERSION, heads, items }
    }

    /// As bytes. JSON, because an item's scalars say by their shape what they are.
    pub fn encode(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }

    /// From bytes; nothing if they are of another version, or anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|view: &Self| view.version == VIEW_VERSION)
    }
}

/// The CRDT as last saved.
#[derive(Serialize, Deserialize)]
pub struct Snapshot {
    version: u8,
    /// The number of the store that the arrivals are of.
    pub store: u64,
    /// Every entry of the document up to this arrival is in it, if it counts.
    pub upto: Arrival,
    /// What did not count when it was made: of each log the first place.
    pub void: Vec<(LogId, u64)>,
    /// The entries of branches, kept beside their logs, that counted.
    pub branch: Vec<EntryHash>,
    /// Which entries hold the changes that new ones may build on directly.
    pub holders: Vec<([u8; 32], EntryRef)>,
    /// The document, compressed.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

impl Snapshot {
    /// The document as saved.
    pub fn new(store: u64, upto: Arrival, void: &Void, holders: Vec<([u8; 32], EntryRef)>, bytes: Vec<u8>) -> Self {
        let branch = void.branch.iter().copied().collect();
        let void = void.from.iter().map(|(log, seq)| (*log, *seq)).collect();
        Self { version: SNAPSHOT_VERSION, store, upto, void, branch, holders, bytes }
    }

    /// As bytes.
    pub fn encode(&self) -> Option<Vec<u8>> {
        postcard::to_allocvec(self).ok()
    }

    /// From bytes; nothing if they are of another version, or anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok().filter(|snapshot: &Self| snapshot.version == SNAPSHOT_VERSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_anything_else_does_not() {
        let items = vec![Item::Text { text: "a\u{1f600}".into(), marks: [].into() }];
        let view = View::new(vec![[1; 32]], items.clone());
        let bytes = view.encode().unwrap();
        assert_eq!(View::decode(&bytes).unwrap().items, items);
        assert!(View::decode(&bytes[..bytes.len() - 1]).is_none());
        let snapshot = Snapshot::new(1, 7, &Void::default(), Vec::new(), vec![1, 2, 3]);
        let mut bytes = snapshot.encode().unwrap();
        assert_eq!(Snapshot::decode(&bytes).unwrap().upto, 7);
        bytes[0] = SNAPSHOT_VERSION + 1;
        assert!(Snapshot::decode(&bytes).is_none());
    }
}
