//! Plain text.

use super::build::{Attrs, Builder};
use crate::model::{Item, Marks};

/// Reads plain text: each line becomes a paragraph. One empty line only sets paragraphs apart, as it does on paper; each
/// further one is an empty paragraph. Line ends may be `\n`, `\r\n` or `\r`.
///
/// A line and not a run of lines is a paragraph because an editor works block by block: a log of a million lines must
/// not become one block.
pub fn plain(text: &str) -> Vec<Item> {
    let text = normal(text.strip_prefix('\u{feff}').unwrap_or(text));
    let text = text.trim_end_matches('\n');
    let mut builder = Builder::default();
    if text.is_empty() {
        return Vec::new();
    }
    let mut empty = 0_usize;
    let mut paragraph = |line: &str| {
        builder.block("paragraph", Vec::new(), Attrs::new());
        builder.text(line, &Marks::new());
    };
    for (number, line) in text.split('\n').enumerate() {
        if line.is_empty() {
            empty += 1;
            // At the very start there is nothing to set apart.
            if empty > 1 || number == 0 {
                paragraph("");
            }
        } else {
            empty = 0;
            paragraph(line);
        }
    }
    builder.finish()
}

/// The same text with `\n` for every line end, and U+FFFD for NUL, which no text holds.
pub(crate) fn normal(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains(['\r', '\0']) {
        text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}
