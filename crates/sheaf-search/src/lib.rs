//! Finding documents by their words: an index over what this device can read.
//!
//! # Overview
//!
//! A [`Page`] is what is known of a document: its words, and what it can be filtered by. A [`SearchIndex`] holds pages and answers
//! [`Query`]s with [`Hit`]s, the best first, each with a snippet in which the words that were found are marked.
//!
//! - `words`: what a word is, in any script. The same for pages, queries and snippets.
//! - `sealed`: the index's files, each sealed before it is written. In memory they are open.
//! - `query`: from what a person types to what is looked for: every word, as it stands, as the beginning of one, or with a
//!   letter or two wrong.
//! - `snippet`: the piece of a text that shows best why it was found.
//!
//! # It is a cache
//!
//! Everything in the index can be read again from the documents. So its files are written without waiting for the disk, and
//! when one of them does not open, after a power cut or with another key, the whole index begins anew. Each page carries
//! a *stamp* of what it was made from: whoever feeds the index compares stamps, and so finds what it has missed.
//!
//! # What is absent
//!
//! No documents, no logs, no clock, no keys: sealing is passed in, as [`Seal`].

mod index;
mod query;
mod sealed;
mod snippet;
mod words;

pub use index::{Hit, Page, SearchError, SearchIndex};
pub use query::Query;
pub use sealed::Seal;
pub use snippet::Piece;
