//! The library: documents, where they are among the others, and what is in the trash.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A document in the library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct DocumentInfo {
    /// The document's id.
    pub id: String,
    /// The space it is in.
    pub space: String,
    /// Its title: its first words, or what the space's index says.
    pub title: String,
    /// The document it is under; none: at the top of its space.
    pub parent: Option<String>,
    /// How many documents it is under.
    pub depth: usize,
    /// When it was made, in milliseconds since 1970.
    #[ts(type = "number")]
    pub created: u64,
    /// Its tags, by letter.
    pub tags: Vec<String>,
    /// Whether others are made after it.
    pub template: bool,
    /// Since when this person has it pinned, in milliseconds since 1970.
    #[ts(type = "number | null")]
    pub pinned: Option<u64>,
}

/// A document in the trash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct TrashedInfo {
    /// The document's id.
    pub id: String,
    /// The space it is in.
    pub space: String,
    /// Its title.
    pub title: String,
    /// When it was put there, in milliseconds since 1970; none if that is not known.
    #[ts(type = "number | null")]
    pub since: Option<u64>,
    /// How many documents under it are there with it.
    pub with: usize,
}

/// The beginning of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct DocumentPreview {
    /// The document's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What the space it is in is called.
    pub space: String,
    /// Whether it is in the trash.
    pub trashed: bool,
    /// The first of its lines that say something, without the title.
    pub lines: Vec<String>,
}

/// A document that links to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BacklinkInfo {
    /// The document's id.
    pub id: String,
    /// The space it is in.
    pub space: String,
    /// Its title.
    pub title: String,
    /// The words around its links.
    pub lines: Vec<String>,
}

/// What was found by its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SearchReport {
    /// The documents, the best first.
    pub found: Vec<FoundInfo>,
    /// How many documents have not been read for the search yet.
    pub unread: usize,
}

/// A document that was found by its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FoundInfo {
    /// The document's id.
    pub id: String,
    /// The space it is in.
    pub space: String,
    /// Its title.
    pub title: String,
    /// When it changed last, in milliseconds since 1970.
    #[ts(type = "number")]
    pub changed: u64,
    /// A piece of its text that shows why it was found.
    pub snippet: Vec<FoundPiece>,
}

/// A part of a piece of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FoundPiece {
    /// The words.
    pub text: String,
    /// Whether they were looked for.
    pub found: bool,
}

/// A tag, and how many documents have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct TagInfo {
    /// The tag.
    pub tag: String,
    /// How many documents have it.
    pub documents: usize,
}
