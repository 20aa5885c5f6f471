//! JSON, for scripts.

use serde::Serialize;

use crate::model::Item;

/// Writes `{"title": …, "items": […]}`, indented, with a line end behind it.
///
/// `items` is the row a document is. Each is one of
///
/// - `{"t": "text", "text": …, "marks": {name: value, …}}`, `marks` left out when there are none;
/// - `{"t": "block", "block": {"type": …, "parents": [type, …], "attrs": {name: value, …}, "isEmbed": false}}`: here a
///   block starts, and runs to the next one;
/// - `{"t": "embed", "block": …}`: something in the line, such as an image.
///
/// The same document always gives the same bytes: keys stand in a fixed order, those of `marks` and `attrs` sorted.
pub fn json(title: &str, items: &[Item]) -> String {
    #[derive(Serialize)]
    struct Whole<'a> {
        title: &'a str,
        items: &'a [Item],
    }
    // Texts, numbers and maps with text keys always serialise; JSON writes a number that is none as null.
    let mut text = serde_json::to_string_pretty(&Whole { title, items }).unwrap_or_default();
    text.push('\n');
    text
}
