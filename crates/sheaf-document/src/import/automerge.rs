//! Documents that Automerge programs wrote, this one or others.

use crate::{
    document::{Document, LoadError},
    model::Item,
};

/// Reads the text of a saved Automerge document as it is now, without its history.
///
/// The text is the one under `content`, `text`, `body` or `doc` in the root, else the only one there. Blocks and marks
/// that Sheaf does not know are kept. Nothing is inflated before it is known to stay within limits.
pub fn automerge(bytes: &[u8]) -> Result<Vec<Item>, LoadError> {
    let document = Document::load(bytes)?;
    match document.content() {
        Some(_) => Ok(document.items()),
        None => Err(LoadError::NoText),
    }
}
