//! A block marker: what kind of block starts here, and how deep it is nested.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::marks::Scalar;

/// A block marker or an embed, as the published Automerge rich text schema has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Block {
    /// The published name of the block's kind; see [`BlockKind`] for those that Sheaf draws. Others survive untouched.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kinds of the blocks this one is nested in, outermost first.
    pub parents: Vec<String>,
    /// Attributes by name: `level` of a heading, `checked` of a task, `language` of a code block, …
    pub attrs: BTreeMap<String, Scalar>,
    /// An embed stands inside a line of text and starts no block.
    pub is_embed: bool,
}

/// The kinds of block that Sheaf draws. The names are those of the published schema, or prefixed `__ext__`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// `paragraph`
    Paragraph,
    /// `heading`, with `level` 1 to 6.
    Heading,
    /// `unordered-list-item`; with a `checked` attribute it is a task.
    Bullet,
    /// `ordered-list-item`
    Ordered,
    /// `blockquote`
    Quote,
    /// `code-block`, with an optional `language`. Its text holds its line ends as `\n`.
    Code,
    /// Anything else: drawn as a plain block with its text, and kept as it is.
    Other,
}

impl BlockKind {
    /// The kind a published name stands for.
    pub fn of(name: &str) -> Self {
        match name {
            "paragraph" => Self::Paragraph,
            "heading" => Self::Heading,
            "unordered-list-item" => Self::Bullet,
            "ordered-list-item" => Self::Ordered,
            "blockquote" => Self::Quote,
            "code-block" => Self::Code,
            _ => Self::Other,
        }
    }

    /// The published name; `None` for [`BlockKind::Other`].
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Paragraph => "paragraph",
            Self::Heading => "heading",
            Self::Bullet => "unordered-list-item",
            Self::Ordered => "ordered-list-item",
            Self::Quote => "blockquote",
            Self::Code => "code-block",
            Self::Other => return None,
        })
    }
}
