//! Markdown: CommonMark with GitHub's task lists, strikethrough and bare addresses.
//!
//! What becomes what:
//!
//! | Markdown | here |
//! | --- | --- |
//! | paragraph, heading, fenced or indented code | the block of that kind |
//! | list item | a list item block; its first paragraph is its text, whatever else it holds is blocks nested in it |
//! | quote | each paragraph a `blockquote`; other blocks are nested in one |
//! | `***` | an `__ext__divider` |
//! | a line that only says `<br>` | an empty paragraph; inside a line, a line break |
//! | soft line break | a space |
//! | `**`, `*`, `~~`, `` ` ``, links | marks; so are `<strong>`, `<em>`, `<del>` and their like, when they come in pairs |
//! | image | an embed `image` with `src`, `alt`, `title`, and `href` when a link lies on it |
//! | table, front matter | a code block with the source as it was written and `verbatim` = `table` or `front-matter` |
//! | other HTML, comments too | text, as it was written |
//!
//! Only two things go: definitions of link references (their addresses are in the links), and blanks at the edges of
//! lines. [`crate::export::markdown`](fn@crate::export::markdown) is the way back.

mod inline;
mod source;
mod tame;

use comrak::{
    Arena, Options,
    arena_tree::NodeEdge,
    nodes::{AstNode, ListType, NodeValue},
    parse_document,
};

use self::{
    inline::Inline,
    source::{Source, split_front_matter},
};
use super::{
    build::{Attrs, Builder, MAX_DEPTH},
    plain::{normal, plain},
};
use crate::model::{Item, Marks, Scalar};

/// Reads Markdown. Any text is Markdown, so this cannot fail; see the [module](self) for what becomes what.
pub fn markdown(text: &str) -> Vec<Item> {
    let text = normal(text.strip_prefix('\u{feff}').unwrap_or(text));
    let (front, body) = split_front_matter(&text);
    let body = &*tame::tame(body);
    // The parser asserts some of its own expectations. Should one fail on some input, no word of it is lost.
    let read = std::panic::catch_unwind(|| {
        let mut builder = Builder::default();
        if let Some(front) = front {
            verbatim(&mut builder, Vec::new(), "yaml", "front-matter", front);
        }
        let arena = Arena::new();
        let root = parse_document(&arena, body, &options());
        let mut reader =
            Reader { builder, containers: Vec::new(), inline: Inline::default(), source: Source::new(body) };
        for edge in root.traverse() {
            match edge {
                NodeEdge::Start(node) => reader.enter(node),
                NodeEdge::End(node) => reader.leave(node),
            }
        }
        reader.builder.finish()
    });
    read.unwrap_or_else(|_| plain(&text))
}

/// Whether `text` is front matter and nothing else.
pub(crate) fn is_front_matter(text: &str) -> bool {
    split_front_matter(text) == (Some(text), "")
}

/// Whether `text` is a table and nothing else, so that it can stand in Markdown as it is.
pub(crate) fn is_table(text: &str) -> bool {
    let read = std::panic::catch_unwind(|| {
        let arena = Arena::new();
        // Without its line end, a last line may read as something else.
        let root = parse_document(&arena, &format!("{text}\n"), &options());
        let mut children = root.children();
        let first = children.next();
        let is_table = first.is_some_and(|node| matches!(node.data().value, NodeValue::Table(_)));
        is_table && children.next().is_none()
    });
    read.unwrap_or(false) && !text.contains("\n\n") && text.trim() == text
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.extension.table = true;
    // Tells `\[x]` from `[x]`, and keeps `a\@b.org` from being taken for an address.
    options.parse.escaped_char_spans = true;
    options
}

/// A block that is written back as it is; see [`crate::export::markdown`](fn@crate::export::markdown).
fn verbatim(builder: &mut Builder, parents: Vec<String>, language: &str, what: &str, text: &str) {
    let mut attrs = Attrs::from([("language".to_owned(), Scalar::Text(language.to_owned()))]);
    if !what.is_empty() {
        attrs.insert("verbatim".to_owned(), Scalar::Text(what.to_owned()));
    }
    builder.block("code-block", parents, attrs);
    builder.text(text, &Marks::new());
}

/// Walks the parsed tree without recursion.
struct Reader<'t> {
    builder: Builder,
    /// The kinds of the quotes and list items that are open, outermost first.
    containers: Vec<&'static str>,
    inline: Inline,
    source: Source<'t>,
}

impl Reader<'_> {
    fn enter<'a>(&mut self, node: &'a AstNode<'a>) {
        let data = node.data();
        match &data.value {
            NodeValue::BlockQuote => {
                self.containers.push("blockquote");
                if node.first_child().is_none() {
                    self.paragraph();
                }
            }
            NodeValue::Item(list) => {
                let (kind, start) = match list.list_type {
                    ListType::Bullet => ("unordered-list-item", 1),
                    ListType::Ordered => ("ordered-list-item", list.start),
                };
                let mut attrs = Attrs::new();
                // Only the first number of a list means anything, and 1 goes without saying.
                if start != 1 && node.previous_sibling().is_none() {
                    attrs.insert("start".to_owned(), Scalar::Number(f64::from(u32::try_from(start).unwrap_or(1))));
                }
                let task = node.first_child().and_then(inline::task);
                if let Some(checked) = task {
                    attrs.insert("checked".to_owned(), Scalar::Bool(checked));
                }
                self.builder.block(kind, self.parents(), attrs);
                self.containers.push(kind);
                self.inline.skip_task = task.is_some();
            }
            NodeValue::Paragraph => {
                if !begins_item(node) {
                    self.paragraph();
                }
                self.inline.begin(node);
            }
            NodeValue::Heading(heading) => {
                let level = ("level".to_owned(), Scalar::Number(heading.level.into()));
                self.builder.block("heading", self.parents(), Attrs::from([level]));
                self.inline.begin(node);
            }
            NodeValue::CodeBlock(code) => {
                let mut attrs = Attrs::new();
                let language = code.info.trim();
                if !language.is_empty() {
                    attrs.insert("language".to_owned(), Scalar::Text(language.to_owned()));
                }
                self.builder.block("code-block", self.parents(), attrs);
                let text = code.literal.strip_suffix('\n').unwrap_or(&code.literal);
                self.builder.text(text, &Marks::new());
            }
            NodeValue::HtmlBlock(html) => {
                let text = html.literal.trim_end_matches([' ', '\t', '\n']);
                if !begins_item(node) {
                    self.paragraph();
                }
                if !inline::is_break(text.trim()) {
                    self.builder.text(text, &Marks::new());
                }
            }
            NodeValue::ThematicBreak => {
                self.builder.block("__ext__divider", self.parents(), Attrs::new());
            }
            NodeValue::Table(_) => {
                let text = self.source.of(data.sourcepos);
                let parents = self.parents();
                // Out of its place it may be no table: right below a line of text, `*` is a cell, and alone a list.
                let what = if is_table(&text) { "table" } else { "" };
                verbatim(&mut self.builder, parents, "markdown", what, &text);
                self.inline.muted = true;
            }
            NodeValue::Document | NodeValue::List(_) => {}
            value => self.inline.enter(&mut self.builder, value),
        }
    }

    fn leave<'a>(&mut self, node: &'a AstNode<'a>) {
        match &node.data().value {
            NodeValue::BlockQuote | NodeValue::Item(_) => {
                self.containers.pop();
            }
            NodeValue::Paragraph | NodeValue::Heading(_) => {
                self.inline.end();
                self.builder.trim_end();
            }
            NodeValue::Table(_) => self.inline.muted = false,
            value => self.inline.leave(&mut self.builder, value),
        }
    }

    /// The kinds of the open containers, as far as the limit of depth goes.
    fn parents(&self) -> Vec<String> {
        self.containers.iter().take(MAX_DEPTH).map(|&kind| kind.to_owned()).collect()
    }

    fn paragraph(&mut self) {
        self.builder.paragraph(self.parents());
    }
}

/// Whether a paragraph is the text of a list item, which has started its block already.
fn begins_item<'a>(node: &'a AstNode<'a>) -> bool {
    let in_item = node.parent().is_some_and(|parent| matches!(parent.data().value, NodeValue::Item(_)));
    in_item && node.previous_sibling().is_none()
}
