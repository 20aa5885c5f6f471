//! The values a document is made of, as the window and the core both see them.
//!
//! A document's text is one sequence. Each UTF-16 code unit of text takes one place in it, and so does each block
//! marker and each embed; an *index* is a place in that sequence and means the same in Rust, in Automerge (loaded with
//! [`automerge::TextEncoding::Utf16CodeUnit`]) and in the window.
//!
//! A block runs from its marker to the next one. Text before the first marker belongs to an implicit paragraph, which
//! only a document that another program wrote can have.

mod block;
mod item;
mod marks;

pub use block::{Block, BlockKind};
pub use item::{Item, blocks_of, len_of};
pub use marks::{MarkValue, Marks, Scalar};
