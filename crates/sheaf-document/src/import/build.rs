//! The one place where imported items are put in a row, so that every reader yields the same normal form: adjacent text
//! with equal marks is one item, and no text is empty.

use std::collections::BTreeMap;

use crate::model::{Block, Item, Marks, Scalar};

/// How deep blocks may be nested; what lies deeper is kept at this depth. A block carries the kinds of all blocks it is
/// nested in, so without a limit the memory of a hostile file would grow with the square of its size.
pub(crate) const MAX_DEPTH: usize = 16;

/// Attributes of a block, while it is being put together.
pub(crate) type Attrs = BTreeMap<String, Scalar>;

/// Collects items in normal form.
#[derive(Default)]
pub(crate) struct Builder {
    items: Vec<Item>,
    /// The kind of the present block.
    kind: String,
}

impl Builder {
    /// Starts a block.
    pub(crate) fn block(&mut self, kind: &str, parents: Vec<String>, attrs: Attrs) {
        kind.clone_into(&mut self.kind);
        self.items.push(Item::Block { block: Block { kind: kind.to_owned(), parents, attrs, is_embed: false } });
    }

    /// Starts a paragraph, which right inside a quote is a `blockquote`.
    pub(crate) fn paragraph(&mut self, mut parents: Vec<String>) {
        let kind = if parents.last().is_some_and(|last| last == "blockquote") {
            parents.pop();
            "blockquote"
        } else {
            "paragraph"
        };
        self.block(kind, parents, Attrs::new());
    }

    /// Adds text to the present block.
    pub(crate) fn text(&mut self, text: &str, marks: &Marks) {
        if text.is_empty() {
            return;
        }
        match self.items.last_mut() {
            Some(Item::Text { text: last, marks: same }) if same == marks => last.push_str(text),
            _ => self.items.push(Item::Text { text: text.to_owned(), marks: marks.clone() }),
        }
    }

    /// Adds something that stands in the line.
    pub(crate) fn embed(&mut self, kind: &str, attrs: Attrs) {
        self.items
            .push(Item::Embed { block: Block { kind: kind.to_owned(), parents: Vec::new(), attrs, is_embed: true } });
    }

    /// Takes blanks off the end of the present block, as far as they are not code.
    pub(crate) fn trim_end(&mut self) {
        while let Some(Item::Text { text, marks }) = self.items.last_mut() {
            if !marks.contains_key("code") {
                text.truncate(text.trim_end_matches([' ', '\t']).len());
            }
            if !text.is_empty() {
                break;
            }
            self.items.pop();
        }
    }

    /// Ends a block as HTML does: a line end that nothing follows only holds the line open. A paragraph of nothing but a
    /// hard blank is how HTML writes an empty one.
    pub(crate) fn end_line(&mut self) {
        if let Some(Item::Text { text, .. }) = self.items.last_mut()
            && text.ends_with('\n')
        {
            text.pop();
            if text.is_empty() {
                self.items.pop();
            }
        }
        if let [.., Item::Block { block }, Item::Text { text, .. }] = &self.items[..]
            && block.kind == "paragraph"
            && text == "\u{a0}"
        {
            self.items.pop();
        }
    }

    /// Sets an attribute of the present block, if nothing is in it yet.
    pub(crate) fn set_attr(&mut self, name: &str, value: Scalar) {
        if let Some(Item::Block { block }) = self.items.last_mut() {
            block.attrs.insert(name.to_owned(), value);
        }
    }

    /// Whether the present block is of this kind.
    pub(crate) fn is_in(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// Everything collected.
    pub(crate) fn finish(self) -> Vec<Item> {
        self.items
    }
}
