//! Other formats read as items.
//!
//! Every function here is pure: text or bytes in, a document's items out, in the normal form that reading a document
//! gives too. [`file`](fn@file) chooses by a file's name and is what most callers want; [`markdown`](fn@markdown),
//! [`html`](fn@html), [`docx`](fn@docx), [`plain`] and [`automerge`](fn@automerge) are the readers themselves; [`note`](fn@note) reads a file of a folder of notes. [`revise`] takes a document
//! back that went out as Markdown and was edited elsewhere.

mod automerge;
mod build;
pub mod docx;
mod file;
pub mod html;
mod link;
pub mod markdown;
pub mod note;
mod plain;
mod revise;

pub use self::{
    automerge::automerge,
    docx::docx,
    file::{ImportError, Imported, file, title_of},
    html::html,
    link::Link,
    markdown::markdown,
    note::{Leads, Note, Target, called, note, put_title, relink, with_tags},
    plain::plain,
    revise::revise,
};
pub(crate) use self::{
    build::MAX_DEPTH,
    html::is_safe_source,
    markdown::{is_front_matter, is_table},
};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use self::build::Builder;
