//! Rows of items as values: splitting, splicing, marking and merging them in place.

use crate::{
    edit::EditError,
    model::{Block, Item, MarkValue, Marks, Scalar},
};

/// The length of a text in UTF-16 code units.
pub(crate) fn utf16_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

/// Where the `unit`-th UTF-16 code unit of a text starts in its bytes; `None` inside a surrogate pair or past the end.
pub(crate) fn byte_of(text: &str, unit: usize) -> Option<usize> {
    if text.is_ascii() {
        return (unit <= text.len()).then_some(unit);
    }
    let mut seen = 0;
    for (byte, char) in text.char_indices() {
        if seen >= unit {
            return (seen == unit).then_some(byte);
        }
        seen += char.len_utf16();
    }
    (seen == unit).then_some(text.len())
}

/// How many places a row takes; like [`crate::model::len_of`], and quicker over plain text.
pub(crate) fn len_of(items: &[Item]) -> usize {
    items.iter().map(item_len).sum()
}

pub(crate) fn item_len(item: &Item) -> usize {
    match item {
        Item::Text { text, .. } => utf16_len(text),
        Item::Block { .. } | Item::Embed { .. } => 1,
    }
}

/// Cuts the row at `index`, so that an item ends there, and says how many items come before.
pub(crate) fn split(items: &mut Vec<Item>, index: usize) -> Result<usize, EditError> {
    let mut start = 0;
    for at in 0..items.len() {
        if start == index {
            return Ok(at);
        }
        let len = item_len(&items[at]);
        if index < start + len {
            let Item::Text { text, marks } = &mut items[at] else {
                return Err(EditError::OutOfRange { at: index, len: start });
            };
            let byte = byte_of(text, index - start).ok_or(EditError::SplitsCharacter { at: index })?;
            let tail = Item::Text { text: text.split_off(byte), marks: marks.clone() };
            items.insert(at + 1, tail);
            return Ok(at + 1);
        }
        start += len;
    }
    if start == index { Ok(items.len()) } else { Err(EditError::OutOfRange { at: index, len: start }) }
}

/// Whether the row may be cut at `index`.
pub(crate) fn check_cut(items: &[Item], index: usize) -> Result<(), EditError> {
    let mut start = 0;
    for item in items {
        let len = item_len(item);
        if index <= start + len {
            if let Item::Text { text, .. } = item
                && byte_of(text, index - start).is_none()
            {
                return Err(EditError::SplitsCharacter { at: index });
            }
            return Ok(());
        }
        start += len;
    }
    if start == index { Ok(()) } else { Err(EditError::OutOfRange { at: index, len: start }) }
}

/// Replaces `delete` places at `at` with `insert`.
pub(crate) fn splice(items: &mut Vec<Item>, at: usize, delete: usize, insert: &[Item]) -> Result<(), EditError> {
    // Most edits are a few characters within one run of text with the marks it already has: no splitting, no merging.
    if let Some(()) = splice_within_run(items, at, delete, insert) {
        return Ok(());
    }
    let end = at.checked_add(delete).ok_or(EditError::OutOfRange { at, len: len_of(items) })?;
    let from = split(items, at)?;
    let to = split(items, end)?;
    items.splice(from..to, insert.iter().cloned().map(normal));
    merge(items);
    Ok(())
}

/// The quick way: everything happens inside one text item. `None` when it does not, and nothing was changed.
fn splice_within_run(items: &mut [Item], at: usize, delete: usize, insert: &[Item]) -> Option<()> {
    let (new_text, new_marks) = match insert {
        [] => ("", None),
        [Item::Text { text, marks }] => (text.as_str(), Some(marks)),
        _ => return None,
    };
    let mut start = 0;
    for item in items {
        let len = item_len(item);
        // Strictly inside, or reaching the run's end from inside it: an edit at the very border may belong to a
        // neighbour, and one that empties the run must take it away.
        if at > start && at + delete <= start + len {
            let Item::Text { text, marks } = item else { return None };
            if new_marks.is_some_and(|m| m != marks) {
                return None;
            }
            let from = byte_of(text, at - start)?;
            let to = byte_of(text, at - start + delete)?;
            text.replace_range(from..to, new_text);
            return Some(());
        }
        start += len;
        if start >= at {
            return None;
        }
    }
    None
}

/// Sets a mark over the text in `from..to`, or takes it off.
pub(crate) fn mark(
    items: &mut Vec<Item>,
    from: usize,
    to: usize,
    name: &str,
    value: &MarkValue,
) -> Result<(), EditError> {
    let first = split(items, from)?;
    let last = split(items, to)?;
    for item in &mut items[first..last] {
        if let Item::Text { marks, .. } = item {
            set_mark(marks, name, value);
        }
    }
    merge(items);
    Ok(())
}

/// Puts a mark into a set, or takes it out when the value is null.
pub(crate) fn set_mark(marks: &mut Marks, name: &str, value: &MarkValue) {
    if *value == Scalar::Null {
        marks.remove(name);
    } else {
        marks.insert(name.to_owned(), value.clone());
    }
}

/// Joins neighbouring texts with equal marks and drops empty ones.
pub(crate) fn merge(items: &mut Vec<Item>) {
    items.retain(|item| !item.is_empty());
    items.dedup_by(|next, kept| match (next, kept) {
        (Item::Text { text, marks }, Item::Text { text: before, marks: same }) if marks == same => {
            before.push_str(text);
            true
        }
        _ => false,
    });
}

/// An item as a reading would give it: no null marks, and `is_embed` saying what the variant says.
pub(crate) fn normal(mut item: Item) -> Item {
    match &mut item {
        Item::Text { marks, .. } => marks.retain(|_, value| *value != Scalar::Null),
        Item::Block { block } => block.is_embed = false,
        Item::Embed { block } => block.is_embed = true,
    }
    item
}

/// The marker or embed of an item.
pub(crate) fn block_of(item: &Item) -> Option<&Block> {
    match item {
        Item::Block { block } | Item::Embed { block } => Some(block),
        Item::Text { .. } => None,
    }
}
