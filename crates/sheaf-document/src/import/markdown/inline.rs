//! What stands in the lines: text, marks, breaks and images.

use std::collections::VecDeque;

use comrak::nodes::{AstNode, NodeValue};

use crate::{
    import::{
        build::{Attrs, Builder},
        link::Link,
    },
    model::{Marks, Scalar},
};

/// Where the reading of one block's lines stands.
#[derive(Default)]
pub(super) struct Inline {
    /// How many openings of each mark are not closed yet.
    strong: usize,
    em: usize,
    strike: usize,
    link: Option<OpenLink>,
    image: Option<OpenImage>,
    /// For each HTML tag to come in this block: whether it is one half of a pair that is a mark.
    tags: VecDeque<bool>,
    /// The first text starts with the box of a task, which is no text.
    pub(super) skip_task: bool,
    /// Nothing is to be read, because the block is kept as it was written.
    pub(super) muted: bool,
}

struct OpenLink {
    /// None when it would run something: its text stays.
    link: Option<Link>,
    /// Whether something was shown that can carry the link.
    shown: bool,
}

struct OpenImage {
    depth: usize,
    src: String,
    title: String,
    alt: String,
}

impl Inline {
    /// Starts the lines of a block.
    pub(super) fn begin<'a>(&mut self, block: &'a AstNode<'a>) {
        self.tags = pair_tags(block);
    }

    /// Ends them.
    pub(super) fn end(&mut self) {
        *self = Self { muted: self.muted, ..Self::default() };
    }

    pub(super) fn enter(&mut self, builder: &mut Builder, value: &NodeValue) {
        if self.muted {
            return;
        }
        match value {
            NodeValue::Text(text) => {
                let text = if std::mem::take(&mut self.skip_task) { after_task(text) } else { text };
                self.text(builder, text, false);
            }
            NodeValue::Code(code) => self.text(builder, &code.literal, true),
            NodeValue::SoftBreak => self.text(builder, " ", false),
            NodeValue::LineBreak => self.text(builder, "\n", false),
            NodeValue::HtmlInline(html) => self.html(builder, html),
            NodeValue::Strong => self.strong += 1,
            NodeValue::Emph => self.em += 1,
            NodeValue::Strikethrough => self.strike += 1,
            NodeValue::Link(link) => {
                let link = Link::to(&link.url).titled(&link.title);
                self.link = Some(OpenLink { link: link.is_safe().then_some(link), shown: false });
            }
            NodeValue::Image(image) => match &mut self.image {
                Some(open) => open.depth += 1,
                None => {
                    self.image = Some(OpenImage {
                        depth: 0,
                        src: image.url.clone(),
                        title: image.title.clone(),
                        alt: String::new(),
                    });
                }
            },
            _ => {}
        }
    }

    pub(super) fn leave(&mut self, builder: &mut Builder, value: &NodeValue) {
        if self.muted {
            return;
        }
        match value {
            NodeValue::Strong => self.strong = self.strong.saturating_sub(1),
            NodeValue::Emph => self.em = self.em.saturating_sub(1),
            NodeValue::Strikethrough => self.strike = self.strike.saturating_sub(1),
            NodeValue::Link(link) => {
                // A link on nothing shows its address, so that it is not lost.
                if self.link.as_ref().is_some_and(|open| !open.shown) && self.image.is_none() {
                    self.text(builder, &link.url, false);
                }
                self.link = None;
            }
            NodeValue::Image(_) => match &mut self.image {
                Some(open) if open.depth > 0 => open.depth -= 1,
                _ => self.image(builder),
            },
            _ => {}
        }
    }

    fn text(&mut self, builder: &mut Builder, text: &str, code: bool) {
        if let Some(image) = &mut self.image {
            image.alt.push_str(text);
            return;
        }
        let mut marks = Marks::new();
        let on = [("strong", self.strong > 0), ("em", self.em > 0), ("strike", self.strike > 0), ("code", code)];
        for (name, _) in on.into_iter().filter(|(_, on)| *on) {
            marks.insert(name.to_owned(), Scalar::Bool(true));
        }
        if let Some(open) = &mut self.link {
            open.shown |= !text.is_empty();
            if let Some(link) = &open.link {
                marks.insert("link".to_owned(), link.to_mark());
            }
        }
        builder.text(text, &marks);
    }

    fn image(&mut self, builder: &mut Builder) {
        let Some(image) = self.image.take() else {
            return;
        };
        let mut attrs = Attrs::from([("src".to_owned(), Scalar::Text(image.src))]);
        for (name, value) in [("alt", image.alt), ("title", image.title)] {
            if !value.is_empty() {
                attrs.insert(name.to_owned(), Scalar::Text(value));
            }
        }
        if let Some(open) = &mut self.link {
            open.shown = true;
            if let Some(link) = open.link.as_ref().filter(|link| !link.href.is_empty()) {
                attrs.insert("href".to_owned(), Scalar::Text(link.href.clone()));
            }
        }
        builder.embed("image", attrs);
    }

    fn html(&mut self, builder: &mut Builder, html: &str) {
        let paired = self.tags.pop_front().unwrap_or(false);
        if is_break(html) {
            self.text(builder, "\n", false);
        } else if let (true, Some((opens, mark))) = (paired, mark_tag(html)) {
            let count = match mark {
                Mark::Strong => &mut self.strong,
                Mark::Em => &mut self.em,
                Mark::Strike => &mut self.strike,
            };
            *count = if opens { *count + 1 } else { count.saturating_sub(1) };
        } else {
            self.text(builder, html, false);
        }
    }
}

/// A mark that HTML has a plain tag for.
#[derive(Clone, Copy)]
enum Mark {
    Strong,
    Em,
    Strike,
}

/// Whether a tag opens or closes a mark, and which.
fn mark_tag(html: &str) -> Option<(bool, Mark)> {
    let inside = html.strip_prefix('<')?.strip_suffix('>')?;
    let (opens, name) = match inside.strip_prefix('/') {
        Some(name) => (false, name),
        None => (true, inside),
    };
    let mark = match name.to_ascii_lowercase().as_str() {
        "strong" | "b" => Mark::Strong,
        "em" | "i" => Mark::Em,
        "del" | "s" | "strike" => Mark::Strike,
        _ => return None,
    };
    Some((opens, mark))
}

/// Whether a tag is a line break.
pub(super) fn is_break(html: &str) -> bool {
    let inside = html.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inside.is_some_and(|inside| {
        inside.trim_end_matches('/').trim_end().eq_ignore_ascii_case("br") && inside.matches('/').count() < 2
    })
}

/// Finds which of a block's HTML tags come in pairs that are marks; a lone one is text.
fn pair_tags<'a>(block: &'a AstNode<'a>) -> VecDeque<bool> {
    let mut paired = VecDeque::new();
    let mut open: [Vec<usize>; 3] = Default::default();
    for node in block.descendants() {
        if let NodeValue::HtmlInline(html) = &node.data().value {
            let number = paired.len();
            paired.push_back(false);
            match mark_tag(html) {
                Some((true, mark)) => open[mark as usize].push(number),
                Some((false, mark)) => {
                    if let Some(opening) = open[mark as usize].pop() {
                        paired[opening] = true;
                        paired[number] = true;
                    }
                }
                None => {}
            }
        }
    }
    paired
}

/// Whether a list item's first block starts with the box of a task, and whether that is ticked.
pub(super) fn task<'a>(block: &'a AstNode<'a>) -> Option<bool> {
    if !matches!(block.data().value, NodeValue::Paragraph) {
        return None;
    }
    let first = block.first_child()?;
    let data = first.data();
    let NodeValue::Text(text) = &data.value else {
        return None;
    };
    let checked = match text.get(..3)? {
        "[ ]" => false,
        "[x]" | "[X]" => true,
        _ => return None,
    };
    let alone = text.len() == 3 && first.next_sibling().is_none();
    (alone || text[3..].starts_with([' ', '\t'])).then_some(checked)
}

/// The text after the box and one blank.
fn after_task(text: &str) -> &str {
    text.get(4..).unwrap_or("")
}
