//! Carets that stay on their text: Automerge cursors, as bytes.
//!
//! Presence carries bytes that others wrote. They are capped, parsed from bytes and never from a string (which panics
//! on hostile input), and looked up where a panic is only a cursor that leads nowhere.

use automerge::{ChangeHash, Cursor, CursorPosition, MoveCursor, ReadDoc, Value};

use crate::{
    document::{Document, guard},
    limits::MAX_CURSOR_BYTES,
    reading::items::utf16_len,
};

impl Document {
    /// The bytes of a cursor at a place, at heads that are here.
    ///
    /// A caret stands behind what was typed last, so it hangs on what is in front of it: what someone else writes at the
    /// same place comes after it, as it does in the window of whoever has the caret.
    pub fn cursor(&self, at: usize, heads: &[ChangeHash]) -> Option<Vec<u8>> {
        let content = self.content().filter(|_| !heads.is_empty())?;
        let doc = self.automerge();
        let Some(before) = at.checked_sub(1) else { return Some(Cursor::Start.to_bytes()) };
        let cursor = guard::caught(|| {
            doc.get_cursor_moving(content, CursorPosition::Index(before), Some(heads), MoveCursor::Before)
                .unwrap_or(Cursor::End)
        });
        cursor.ok().map(|cursor| cursor.to_bytes())
    }

    /// Where a cursor is, at heads that are here; nothing for bytes that are no cursor or lead nowhere.
    pub fn cursor_position(&self, bytes: &[u8], heads: &[ChangeHash]) -> Option<usize> {
        let cursor = parse_cursor(bytes)?;
        let content = self.content().filter(|_| !heads.is_empty())?;
        let doc = self.automerge();
        let place = || {
            let at = doc.get_cursor_position(content, &cursor, Some(heads)).ok()?;
            if matches!(cursor, Cursor::Start | Cursor::End) {
                return Some(at);
            }
            // Behind the character it hangs on, which takes two places where it is outside the basic plane.
            let width = match doc.get_at(content, at, heads).ok()? {
                Some((Value::Scalar(value), _)) => value.as_str().map_or(1, utf16_len),
                Some(_) => 1,
                None => 0,
            };
            Some(at + width)
        };
        guard::caught(place).ok().flatten()
    }
}

/// Reads a cursor from bytes that anyone may have written.
pub fn parse_cursor(bytes: &[u8]) -> Option<Cursor> {
    if bytes.is_empty() || bytes.len() > MAX_CURSOR_BYTES {
        return None;
    }
    guard::caught(|| Cursor::try_from(bytes).ok()).ok().flatten()
}

#[cfg(test)]
mod tests {
    use crate::{Document, Genesis, Slot, edit::Edit, model::Item};

    fn typed(document: &mut Document, slot: &Slot, at: u32, text: &str) {
        let insert = vec![Item::Text { text: text.into(), marks: [].into() }];
        document.edit(slot, &[Edit::Splice { at, delete: 0, insert }]).unwrap();
    }

    #[test]
    fn a_caret_stays_behind_what_its_owner_typed_when_others_write_at_it() {
        let mut document = Document::new(Genesis::Text);
        let slot = |n: u8| Slot { actor: vec![n; 32], author: vec![n; 32] };
        typed(&mut document, &slot(1), 0, "a\u{1f600}");
        let carets: Vec<_> = [0, 1, 3].map(|at| document.cursor(at, &document.heads()).unwrap()).into();
        typed(&mut document, &slot(2), 3, " and more");
        let places: Vec<_> = carets.iter().map(|c| document.cursor_position(c, &document.heads())).collect();
        assert_eq!(places, [Some(0), Some(1), Some(3)]);
        typed(&mut document, &slot(2), 0, "Before ");
        assert_eq!(document.cursor_position(&carets[2], &document.heads()), Some(10));
    }
}
