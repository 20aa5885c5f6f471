//! Edits: what a person did, as values made at known heads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::model::{Item, MarkValue, Scalar};

/// One change to the sequence. The edits of a batch apply one after another, each at the indices the ones before left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "e", rename_all = "camelCase")]
#[ts(export)]
pub enum Edit {
    /// Takes out `delete` places at `at` and puts `insert` there. Inserted text carries exactly the marks it says,
    /// whatever lies beside it.
    Splice {
        /// Where, as an index.
        at: u32,
        /// How many places go.
        delete: u32,
        /// What comes instead.
        insert: Vec<Item>,
    },
    /// Sets a mark over `from..to`, or takes it off when `value` is null.
    Mark {
        /// The first place.
        from: u32,
        /// One past the last.
        to: u32,
        /// The mark's name.
        name: String,
        /// Its value; null takes it off.
        value: MarkValue,
    },
    /// Changes the block marker or embed at `at`; what it does not name stays as it is, also what Sheaf does not know.
    SetBlock {
        /// Where the marker stands.
        at: u32,
        /// A new kind.
        #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        kind: Option<String>,
        /// New parents.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        parents: Option<Vec<String>>,
        /// Attributes to set; null takes one away.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        #[ts(as = "Option<BTreeMap<String, Scalar>>", optional)]
        attrs: BTreeMap<String, Scalar>,
    },
}

/// Why an edit cannot be carried out on the document it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The edit reaches past the end of the document.
    #[error("the edit is for place {at}, but the document has {len}")]
    OutOfRange {
        /// The place it names.
        at: usize,
        /// How many places there are.
        len: usize,
    },
    /// The edit begins or ends inside a character that takes two UTF-16 units.
    #[error("the edit cuts the character at place {at} in two")]
    SplitsCharacter {
        /// The place it names.
        at: usize,
    },
    /// The edit would change a block where there is none.
    #[error("there is no block at place {at}")]
    NotABlock {
        /// The place it names.
        at: usize,
    },
}
