//! Other formats read as items.
//!
//! Every function here is pure: text or bytes in, a document's items out, in the normal form that reading a document
//! gives too. [`file`](fn@file) chooses by a file's name and is what most callers want; [`markdown`](fn@markdown),
//! [`html`](fn@html), [`plain`] and [`automerge`](fn@automerge) are the readers themselves. [`revise`] takes a document
//! back that went out as Markdown and was edited elsewhere.

mod automerge;
mod build;
mod file;
pub mod html;
mod link;
pub mod markdown;
mod plain;
mod revise;

pub use self::{
    automerge::automerge,
    file::{ImportError, Imported, file, title_of},
    html::html,
    link::Link,
    markdown::markdown,
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
