//! Notes out of a folder: what they are called, their tags, and the links between them.
//!
//! A folder of Markdown files, such as an Obsidian vault, says more than each file alone. A [`Note`] is one file read with
//! that in mind: the title, tags and other names in its front matter, the `#tags` in its text. [`relink`] then turns its
//! links to other notes, `[[Wiki links]]` and relative Markdown links alike, into whatever the caller says they lead to.
//! What the front matter says besides stays at the top of the document as it is.

mod front;
mod links;

use std::collections::BTreeSet;

pub use links::{Leads, Target, relink};

use super::{file::title_of, markdown};
use crate::{
    index,
    model::{Block, BlockKind, Item, Marks, Scalar, blocks_of},
};

/// The most tags that are taken from one file.
const MAX_TAGS: usize = 50;
/// How long a name taken from the first words is, in characters.
const FIRST_WORDS: usize = 80;

/// A file of a folder of notes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Note {
    /// What its front matter says that it is called.
    pub title: Option<String>,
    /// What else it is called.
    pub aliases: Vec<String>,
    /// Its tags, as the index writes them.
    pub tags: BTreeSet<String>,
    /// Its blocks.
    pub items: Vec<Item>,
}

/// Reads a Markdown file of a folder of notes.
pub fn note(text: &str) -> Note {
    let mut items = markdown(text);
    let mut note = Note::default();
    let front = match items.first() {
        Some(Item::Block { block }) if verbatim(block) == Some("front-matter") => match items.get(1) {
            Some(Item::Text { text, .. }) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    if let Some(front) = front {
        let front = front::read(&front);
        match front.rest {
            Some(rest) => items[1] = Item::Text { text: rest, marks: Marks::new() },
            None => drop(items.drain(..2)),
        }
        note.title = front.title;
        note.aliases = front.aliases;
        note.tags.extend(front.tags.iter().filter_map(|tag| index::tag(tag)));
    }
    for tag in tags_in(&items) {
        if note.tags.len() < MAX_TAGS {
            note.tags.insert(tag);
        }
    }
    note.items = items;
    note
}

/// What a document is called by its own words: the first heading that has any, or else its first words.
pub fn called(items: &[Item]) -> String {
    let first_words = || {
        let text = items.iter().find_map(|item| match item {
            Item::Text { text, .. } if !text.trim().is_empty() => text.trim().lines().next(),
            _ => None,
        });
        text.map(|text| text.chars().take(FIRST_WORDS).collect())
    };
    title_of(items).or_else(first_words).unwrap_or_default()
}

/// Puts a heading at the top, behind front matter, unless one of the first level is the first thing there.
pub fn put_title(items: &mut Vec<Item>, title: &str) {
    let is_front = |item: &Item| matches!(item, Item::Block { block } if verbatim(block) == Some("front-matter"));
    let mut at = 0;
    if items.first().is_some_and(is_front) {
        at = 1 + items.iter().skip(1).take_while(|item| !matches!(item, Item::Block { .. })).count();
    }
    if title.is_empty() || items.get(at).is_some_and(is_title) {
        return;
    }
    let level = ("level".to_owned(), Scalar::Number(1.0));
    let block = Block { kind: "heading".into(), parents: Vec::new(), attrs: [level].into(), is_embed: false };
    let heading = [Item::Block { block }, Item::Text { text: title.to_owned(), marks: Marks::new() }];
    items.splice(at..at, heading);
}

fn is_title(item: &Item) -> bool {
    let Item::Block { block } = item else { return false };
    let is_first = block.attrs.get("level").is_none_or(|level| *level == Scalar::Number(1.0));
    BlockKind::of(&block.kind) == BlockKind::Heading && is_first
}

/// Front matter that says which tags a document has, in front of its Markdown; with what front matter it has already.
pub fn with_tags(markdown: &str, tags: &BTreeSet<String>) -> String {
    if tags.is_empty() {
        return markdown.to_owned();
    }
    let list: Vec<&str> = tags.iter().map(String::as_str).collect();
    let line = format!("tags: [{}]\n", list.join(", "));
    match markdown.strip_prefix("---\n").filter(|_| starts_with_front_matter(markdown)) {
        Some(rest) => format!("---\n{line}{rest}"),
        None => format!("---\n{line}---\n\n{markdown}"),
    }
}

fn starts_with_front_matter(text: &str) -> bool {
    matches!(markdown(text).first(), Some(Item::Block { block }) if verbatim(block) == Some("front-matter"))
}

fn verbatim(block: &Block) -> Option<&str> {
    match block.attrs.get("verbatim") {
        Some(Scalar::Text(what)) => Some(what),
        _ => None,
    }
}

/// The `#tags` in the text: not in code, and not `#1`, which is the number of something.
fn tags_in(items: &[Item]) -> impl Iterator<Item = String> {
    let lines =
        blocks_of(items).filter(|(marker, _)| marker.is_none_or(|block| BlockKind::of(&block.kind) != BlockKind::Code));
    let texts = lines.flat_map(|(_, inside)| inside).filter_map(|item| match item {
        Item::Text { text, marks } if !marks.contains_key("code") && !marks.contains_key("link") => Some(text),
        _ => None,
    });
    texts.flat_map(|text| text.split_whitespace()).filter_map(|word| {
        let tag = word.strip_prefix('#')?.trim_end_matches(|c: char| c.is_ascii_punctuation());
        tag.contains(|c: char| !c.is_ascii_digit()).then(|| index::tag(tag)).flatten()
    })
}
