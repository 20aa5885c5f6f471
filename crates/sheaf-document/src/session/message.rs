//! What a window and the core say to each other about one open document (rules W2, W3, W7, W8).

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{edit::Edit, model::Item, patch::Patch};

/// From a window to the core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "m", rename_all = "camelCase")]
#[ts(export)]
pub enum ToCore {
    /// A transaction a person made (W2). `made` counts 1, 2, 3, … per session; `seen` is the last update applied.
    Batch {
        /// This batch's number.
        #[ts(type = "number")]
        made: u64,
        /// The last update or reset applied before it.
        #[ts(type = "number")]
        seen: u64,
        /// What was done.
        edits: Vec<Edit>,
    },
    /// The update or reset `seen` was applied while `made` was the last batch made (W3).
    Seen {
        /// The update applied.
        #[ts(type = "number")]
        seen: u64,
        /// The last batch made.
        #[ts(type = "number")]
        made: u64,
    },
    /// An update was dropped and there is nothing to send: please make a fresh one (W3).
    Refresh {
        /// The last update applied.
        #[ts(type = "number")]
        seen: u64,
        /// The last batch made.
        #[ts(type = "number")]
        made: u64,
    },
    /// Where this person's caret is, in the window's present state.
    Select {
        /// The last update applied.
        #[ts(type = "number")]
        seen: u64,
        /// The last batch made.
        #[ts(type = "number")]
        made: u64,
        /// The fixed end of the selection; none when the window has no focus.
        anchor: Option<u32>,
        /// The moving end.
        head: Option<u32>,
    },
}

/// From the core to a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "m", rename_all = "camelCase")]
#[ts(export)]
pub enum ToWindow {
    /// What others did (W3). Applied iff `base` is the last update applied, `after` the last batch made, and no
    /// composition is active; otherwise dropped whole.
    Update {
        /// Its number; numbers rise and are never reused.
        #[ts(type = "number")]
        number: u64,
        /// The update or reset it builds on.
        #[ts(type = "number")]
        base: u64,
        /// The batch it builds on.
        #[ts(type = "number")]
        after: u64,
        /// The steps.
        patches: Vec<Patch>,
        /// The checksum of the model afterwards (W11), when one was taken.
        checksum: Option<u32>,
    },
    /// The whole state anew (W7).
    Reset {
        /// Its number; batches with a lower `seen` are void from here on.
        #[ts(type = "number")]
        number: u64,
        /// The document.
        items: Vec<Item>,
        /// The batches that were not taken, lowest and highest number, if any: their text is offered for copying.
        refused: Option<Refused>,
        /// The checksum of the model (W11), when one was taken.
        checksum: Option<u32>,
        /// Whether it must not wait for a composition to end.
        forced: bool,
    },
    /// Two updates in a row were dropped: hold input until the next one is here, at most 250 ms (W8).
    Hold,
    /// Everything up to batch `made` is in the journal, synced (S1).
    Saved {
        /// The last batch that is safe.
        #[ts(type = "number")]
        made: u64,
    },
    /// The last save failed; what is on screen is not on disk.
    SaveFailed {
        /// A sentence for the person: what happened, and what to do.
        reason: String,
    },
    /// Where others are, as of the state after update `number` and batch `after`.
    Presence {
        /// The update it refers to.
        #[ts(type = "number")]
        number: u64,
        /// The batch it refers to.
        #[ts(type = "number")]
        after: u64,
        /// Everyone who has the document open, this session left out.
        people: Vec<Caret>,
    },
}

/// Batches the core did not take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Refused {
    /// The first batch that was not taken.
    #[ts(type = "number")]
    pub from: u64,
    /// The last one.
    #[ts(type = "number")]
    pub to: u64,
    /// A sentence for the person: why, and what to do.
    pub reason: String,
}

/// Someone else's caret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Caret {
    /// Tells two carets apart; stays the same while the session lasts.
    pub id: String,
    /// The person's name.
    pub name: String,
    /// The person's colour, 1 to 8.
    pub colour: u8,
    /// The fixed end of the selection; none when they are here without a caret.
    pub anchor: Option<u32>,
    /// The moving end.
    pub head: Option<u32>,
}
