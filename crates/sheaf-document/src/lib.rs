//! The document: what it is made of, how it changes, and how windows look at it.
//!
//! # Overview
//!
//! A document is one Automerge document whose root holds a text. The outside never sees Automerge: it sees a row of
//! [`Item`](model::Item)s, changes it with [`Edit`](edit::Edit)s, and hears of changes as [`Patch`](patch::Patch)es.
//! All three are plain values, shared with the window, whose TypeScript types are generated from these.
//!
//! - [`model`]: the values. Text, block markers and embeds in one sequence of UTF-16 code units; blocks are flat.
//! - [`reading`]: a whole document at one state, in blocks that states share. Edits, patches, comparison, checksum.
//! - [`document`]: one Automerge document. Reads it, writes edits into it with exactly the marks they say, saves, loads
//!   within limits, applies others' changes, survives what breaks Automerge.
//! - [`check`]: what must hold for a change from outside before Automerge sees it (rule L3).
//! - [`session`]: open windows on a document (rules W). A pure state machine: messages and the time go in, messages and
//!   changes come out.
//! - [`index`]: a space's index document: which documents and people there are (D1).
//! - [`belongings`]: what a person's devices share: their spaces, the devices themselves, whom they have verified (D2).
//! - [`import`] and [`export`]: Markdown, HTML, plain text, and other programs' Automerge files.
//!
//! # Typical use
//!
//! The owner of a document (one task, W1) holds a [`Sessions`](session::Sessions). A window opens and gets a `Reset`
//! with the whole document; its batches of edits go in with [`handle`](session::Sessions::handle), the changes that come
//! out as [`Out::Committed`](session::Out::Committed) are sealed and journaled; changes from others pass
//! [`check_change`](check::check_change) and go in with [`apply`](session::Sessions::apply).
//!
//! # What is absent
//!
//! No logs, no network, no clock, no randomness, no disk. Time is a number passed in.

pub mod belongings;
pub mod check;
pub mod cursor;
pub mod document;
pub mod edit;
pub mod export;
pub mod import;
pub mod index;
pub mod limits;
pub mod model;
pub mod naive;
pub mod patch;
pub mod reading;
pub mod session;

pub use automerge::ChangeHash;
pub use check::{Checker, Expect, Invalid, ValidChange, check_change};
pub use document::{
    Applied, Attested, Committed, Document, Genesis, LoadError, NotAccepted, RefusedChange, Slot, WriteError, merge,
};
pub use reading::{Reading, checksum};
pub use session::{Out, SessionId, Sessions};

use crate::{model::Item, patch::Patch};

/// The patches that make `new` of `old`: block by block, then as small as is quick to find.
pub fn compare(old: &[Item], new: &[Item]) -> Vec<Patch> {
    Reading::from_items(old.iter().cloned()).compare(&Reading::from_items(new.iter().cloned()))
}
