//! One item of the sequence that a document is.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{block::Block, marks::Marks};

/// A run of text with the same marks, a block marker, or an embed. A whole document is a `Vec<Item>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "t", rename_all = "camelCase")]
#[ts(export)]
pub enum Item {
    /// Text under one set of marks. A line break inside a block is `\n`.
    Text {
        /// The text; its length in the sequence is its length in UTF-16 code units. Never empty in a reading.
        text: String,
        /// The marks over all of it.
        #[serde(default, skip_serializing_if = "Marks::is_empty")]
        #[ts(as = "Option<Marks>", optional)]
        marks: Marks,
    },
    /// The start of a block; takes one place.
    Block {
        /// What starts here.
        block: Block,
    },
    /// Something that stands in the line, such as a picture; takes one place.
    Embed {
        /// What stands here.
        block: Block,
    },
}

impl Item {
    /// How many places it takes in the sequence.
    pub fn len(&self) -> usize {
        match self {
            Self::Text { text, .. } => text.encode_utf16().count(),
            Self::Block { .. } | Self::Embed { .. } => 1,
        }
    }

    /// Whether it takes no place at all.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Text { text, .. } if text.is_empty())
    }
}

/// How many places a row of items takes.
pub fn len_of(items: &[Item]) -> usize {
    items.iter().map(Item::len).sum()
}

/// The blocks of a document: each the marker (absent for an implicit first paragraph) and the items inside it.
pub fn blocks_of(items: &[Item]) -> impl Iterator<Item = (Option<&Block>, &[Item])> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let (marker, body) = match rest.split_first()? {
            (Item::Block { block }, tail) => (Some(block), tail),
            _ => (None, rest),
        };
        let end = body.iter().position(|i| matches!(i, Item::Block { .. })).unwrap_or(body.len());
        let (inside, after) = body.split_at(end);
        rest = after;
        Some((marker, inside))
    })
}
