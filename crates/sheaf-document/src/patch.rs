//! Patches: how one reading of a document becomes another, as values the window applies.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::model::{Block, Item, MarkValue};

/// One step from an older reading to a newer one. The patches of an update apply one after another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "p", rename_all = "camelCase")]
#[ts(export)]
pub enum Patch {
    /// `delete` places at `at` go, `insert` comes instead, with exactly the marks it says.
    Splice {
        /// Where, as an index.
        at: u32,
        /// How many places go.
        delete: u32,
        /// What comes instead.
        insert: Vec<Item>,
    },
    /// A mark over the text in `from..to` is set, or taken off when `value` is null. Markers and embeds in the range
    /// carry no marks and stay as they are.
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
    /// The marker or embed at `at` now reads `block`.
    SetBlock {
        /// Where it stands.
        at: u32,
        /// What it is now.
        block: Block,
    },
}
