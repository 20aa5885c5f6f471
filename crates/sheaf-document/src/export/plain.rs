//! Plain text, as one would write it in a letter.

use super::{
    nesting::{Container, Placed, Shape, placed, text_attr},
    runs::bare_text,
};
use crate::model::Item;

/// Writes plain text: blocks set apart by an empty line, list items line by line behind `-`, `1.` or a box, quotes behind
/// `>`, nested ones indented. Marks are left out; an image is its description.
pub fn plain(items: &[Item]) -> String {
    let mut out = String::new();
    // What stands before the lines of each open container, and the number of an ordered item.
    let mut open: Vec<(&'static str, u32)> = Vec::new();
    let mut after_item = false;
    for block in placed(items) {
        let text = content(&block);
        let is_item = block.item.is_some();
        let goes_on = if is_item { after_item } else { text.is_empty() };
        if !out.is_empty() && !goes_on {
            out.push('\n');
        }
        let number = number(&block, &open);
        open.truncate(block.kept);
        let mut first: String = open.iter().map(|(prefix, _)| *prefix).collect();
        for container in &block.opened {
            let (marker, prefix) = match container {
                Container::Quote => ("> ".to_owned(), "> "),
                Container::Bullet => (box_of(&block).unwrap_or("- ").to_owned(), "  "),
                Container::Ordered => (format!("{number}. "), "   "),
            };
            first.push_str(&marker);
            open.push((prefix, number));
        }
        let rest: String = open.iter().map(|(prefix, _)| *prefix).collect();
        for (at, line) in text.split('\n').enumerate() {
            let start = out.len();
            out.push_str(if at == 0 { &first } else { &rest });
            out.push_str(line);
            out.truncate(start + out[start..].trim_end_matches(' ').len());
            out.push('\n');
        }
        after_item = is_item;
    }
    out
}

fn number(block: &Placed<'_>, open: &[(&'static str, u32)]) -> u32 {
    let item = block.item;
    let before = item.filter(|item| item.continues).and_then(|_| open.get(block.kept));
    let next = before.map_or(1, |(_, number)| number.saturating_add(1));
    item.and_then(|item| item.start).unwrap_or(next)
}

fn box_of(block: &Placed<'_>) -> Option<&'static str> {
    Some(if block.item?.checked? { "[x] " } else { "[ ] " })
}

fn content(block: &Placed<'_>) -> String {
    if block.shape == Shape::Divider {
        return "---".to_owned();
    }
    if matches!(block.shape, Shape::Code { .. }) {
        return bare_text(block.inside);
    }
    let texts = block.inside.iter().map(|item| match item {
        Item::Text { text, .. } => text.as_str(),
        Item::Embed { block } => text_attr(block, "alt"),
        Item::Block { .. } => "",
    });
    texts.collect()
}
