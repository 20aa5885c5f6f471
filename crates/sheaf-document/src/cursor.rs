//! Carets that stay on their text: Automerge cursors, as bytes.
//!
//! Presence carries bytes that others wrote. They are capped, parsed from bytes and never from a string (which panics
//! on hostile input), and looked up where a panic is only a cursor that leads nowhere.

use automerge::{ChangeHash, Cursor, CursorPosition, MoveCursor, ReadDoc};

use crate::{
    document::{Document, guard},
    limits::MAX_CURSOR_BYTES,
};

impl Document {
    /// The bytes of a cursor at a place, at heads that are here. The end of the text has a cursor of its own.
    pub fn cursor(&self, at: usize, heads: &[ChangeHash]) -> Option<Vec<u8>> {
        let content = self.content()?;
        let doc = self.automerge();
        let cursor = guard::caught(|| {
            doc.get_cursor_moving(content, CursorPosition::Index(at), Some(heads), MoveCursor::After)
                .unwrap_or(Cursor::End)
        });
        cursor.ok().map(|cursor| cursor.to_bytes())
    }

    /// Where a cursor is, at heads that are here; nothing for bytes that are no cursor or lead nowhere.
    pub fn cursor_position(&self, bytes: &[u8], heads: &[ChangeHash]) -> Option<usize> {
        let cursor = parse_cursor(bytes)?;
        let content = self.content()?;
        let doc = self.automerge();
        guard::caught(|| doc.get_cursor_position(content, &cursor, Some(heads)).ok()).ok().flatten()
    }
}

/// Reads a cursor from bytes that anyone may have written.
pub fn parse_cursor(bytes: &[u8]) -> Option<Cursor> {
    if bytes.is_empty() || bytes.len() > MAX_CURSOR_BYTES {
        return None;
    }
    guard::caught(|| Cursor::try_from(bytes).ok()).ok().flatten()
}
