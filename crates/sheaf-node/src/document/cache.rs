//! What is kept of a document so that it opens at once: the blocks as last shown, and the CRDT as last saved.
//!
//! Both may be lost or old: the entries are the truth. What they claim is checked against it when they are read (W9).
//! Both take as little room as they can: the blocks are compressed, and a CRDT that a checkpoint keeps already is not kept
//! a second time.

use serde::{Deserialize, Serialize};
use sheaf_access::{EntryHash, LogId};
use sheaf_document::model::Item;
use sheaf_log::EntryRef;
use sheaf_store::{Arrival, MAX_CACHE};

use crate::counting::Void;
use crate::packed::{pack, unpack};

/// The version of the blocks as last shown. The first was not compressed.
const VIEW_VERSION: u8 = 2;
/// The version of the CRDT as last saved. The first did not say what had not counted, the third always had the document.
const SNAPSHOT_VERSION: u8 = 4;

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

    /// As bytes. JSON, because an item's scalars say by their shape what they are; compressed, because it says it at length.
    pub fn encode(&self) -> Option<Vec<u8>> {
        pack(&serde_json::to_vec(self).ok()?)
    }

    /// From bytes; nothing if they are of another version, or anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let plain = unpack(bytes, MAX_CACHE)?;
        serde_json::from_slice(&plain).ok().filter(|view: &Self| view.version == VIEW_VERSION)
    }
}

/// Where the CRDT is.
#[derive(Serialize, Deserialize)]
pub enum Content {
    /// Here, compressed.
    Here {
        /// The heads it has.
        heads: Vec<[u8; 32]>,
        /// The document.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// In the checkpoints that are held, which have these heads.
    InCheckpoint {
        /// The heads.
        heads: Vec<[u8; 32]>,
    },
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
    /// The document.
    pub content: Content,
}

impl Snapshot {
    /// The document as saved.
    pub fn new(store: u64, upto: Arrival, void: &Void, holders: Vec<([u8; 32], EntryRef)>, content: Content) -> Self {
        let branch = void.branch.iter().copied().collect();
        let void = void.from.iter().map(|(log, seq)| (*log, *seq)).collect();
        Self { version: SNAPSHOT_VERSION, store, upto, void, branch, holders, content }
    }

    /// The same without the document, if that is in it: checkpoints have all of it.
    pub fn without_content(mut self) -> Option<Self> {
        let Content::Here { heads, .. } = self.content else { return None };
        self.content = Content::InCheckpoint { heads };
        Some(self)
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

    fn snapshot(content: Content) -> Snapshot {
        Snapshot::new(1, 7, &Void::default(), Vec::new(), content)
    }

    #[test]
    fn records_come_back_and_anything_else_does_not() {
        let items = vec![Item::Text { text: "a\u{1f600}".into(), marks: [].into() }];
        let view = View::new(vec![[1; 32]], items.clone());
        let bytes = view.encode().unwrap();
        assert_eq!(View::decode(&bytes).unwrap().items, items);
        assert!(View::decode(&bytes[..bytes.len() - 1]).is_none());
        assert!(View::decode(&serde_json::to_vec(&view).unwrap()).is_none(), "the first version is made anew");
        let mut bytes = snapshot(Content::Here { heads: vec![[1; 32]], bytes: vec![1, 2, 3] }).encode().unwrap();
        assert_eq!(Snapshot::decode(&bytes).unwrap().upto, 7);
        bytes[0] = SNAPSHOT_VERSION + 1;
        assert!(Snapshot::decode(&bytes).is_none());
    }

    #[test]
    fn blocks_take_less_room_than_their_text() {
        let text = "Two floats and a rope, and the tide at four. ".repeat(2_000);
        let view = View::new(vec![[1; 32]], vec![Item::Text { text: text.clone(), marks: [].into() }]);
        assert!(view.encode().unwrap().len() < text.len() / 4);
    }

    #[test]
    fn a_document_that_is_left_out_leaves_its_heads() {
        let heads = vec![[1; 32]];
        let here = snapshot(Content::Here { heads: heads.clone(), bytes: vec![0; 1000] });
        let without = here.without_content().unwrap();
        assert!(without.encode().unwrap().len() < 100);
        let again = Snapshot::decode(&without.encode().unwrap()).unwrap();
        assert!(matches!(&again.content, Content::InCheckpoint { heads: kept } if *kept == heads));
        assert!(again.without_content().is_none(), "there is nothing to leave out");
    }
}
