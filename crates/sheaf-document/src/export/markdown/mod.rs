//! Markdown that reads back as the same document.
//!
//! [`crate::import::markdown`](mod@crate::import::markdown) says what becomes what. Reading back gives an equal document, but for what Markdown has
//! no words for: marks and kinds of block that are not in that table (their text stays), blanks at the end of a block,
//! and marks in code. Every block is written as exactly one block, empty ones too: that is what lets
//! [`crate::import::revise`] match what it reads with what was there.
//!
//! | here | Markdown |
//! | --- | --- |
//! | an empty paragraph | `<br>` on a line of its own |
//! | an empty list item | the bare marker, or `- <br>` when more is nested in it |
//! | a line break | a backslash at the end of the line; `<br>` in headings and at the edges of a block |
//! | a blank at the start of a line | `&#32;` |
//! | a divider | `***`, because `---` may also be front matter or underline a heading |
//! | marks where Markdown's stars do not work, as in a **_word_'s** middle beside a blank | `<strong>`, `<em>`, `<del>` |

mod escape;
mod inline;

use std::fmt::Write;

use super::{
    nesting::{Container, ListItem, Placed, Shape, placed},
    runs::{bare_text, runs},
};
use crate::{import, model::Item};

/// Writes Markdown; see the [module](self).
pub fn markdown(items: &[Item]) -> String {
    let mut writer = Writer::default();
    let mut blocks = placed(items).peekable();
    while let Some(block) = blocks.next() {
        writer.block(&block, blocks.peek());
    }
    writer.out
}

#[derive(Default)]
struct Writer {
    out: String,
    open: Vec<Open>,
    /// Whether the last block was a list item of one line, which a list may follow without an empty line.
    after_line_item: bool,
    /// Whether that line was empty.
    after_empty_item: bool,
}

/// A container that is open.
struct Open {
    /// What stands before each of its lines but the first.
    prefix: String,
    /// The number of an ordered list's item, and the sign behind it.
    number: u32,
    sign: char,
}

impl Writer {
    fn block(&mut self, block: &Placed<'_>, next: Option<&Placed<'_>>) {
        let body = Body::of(block, next, self.out.is_empty());
        let (number, sign) = self.number(block);
        self.separate(block, &body, number);

        self.open.truncate(block.kept);
        let mut first: String = self.open.iter().map(|open| open.prefix.as_str()).collect();
        for container in &block.opened {
            let marker = match container {
                Container::Quote => "> ".to_owned(),
                Container::Bullet => "- ".to_owned(),
                Container::Ordered => format!("{number}{sign} "),
            };
            first.push_str(&marker);
            let prefix = if *container == Container::Quote { marker } else { " ".repeat(marker.len()) };
            self.open.push(Open { prefix, number, sign });
        }
        let rest: String = self.open.iter().map(|open| open.prefix.as_str()).collect();
        for (number, line) in body.text.split('\n').enumerate() {
            let start = self.out.len();
            self.out.push_str(if number == 0 { &first } else { &rest });
            self.out.push_str(line);
            if line.is_empty() {
                let end = start + self.out[start..].trim_end().len();
                self.out.truncate(end);
            }
            self.out.push('\n');
        }
        self.after_line_item = block.item.is_some() && body.is_line;
        self.after_empty_item = self.after_line_item && body.text.is_empty();
    }

    /// The number of an ordered item. A list that starts anew beside another takes another sign, which sets it apart.
    fn number(&self, block: &Placed<'_>) -> (u32, char) {
        let before = self.open.get(block.kept);
        match (block.item, before) {
            (Some(ListItem { continues: true, start, .. }), Some(before)) => match start {
                None => ((before.number + 1).min(999_999_999), before.sign),
                Some(start) => (start, if before.sign == '.' { ')' } else { '.' }),
            },
            (item, _) => (item.and_then(|item| item.start).unwrap_or(1), '.'),
        }
    }

    /// An empty line before the block, unless it goes on with a list, or starts one, right below an item's line.
    fn separate(&mut self, block: &Placed<'_>, body: &Body, number: u32) {
        if self.out.is_empty() {
            return;
        }
        let Some(item) = block.item else {
            return self.empty_line(block.kept);
        };
        // Neither an empty item nor one that counts from another number than 1 may break into a line of text.
        let may_follow = item.continues || self.after_empty_item || number == 1 && !body.text.is_empty();
        if !(self.after_line_item && may_follow && block.is_in_list_only()) {
            self.empty_line(block.kept);
        }
    }

    fn empty_line(&mut self, kept: usize) {
        let prefix: String = self.open[..kept].iter().map(|open| open.prefix.as_str()).collect();
        self.out.push_str(prefix.trim_end());
        self.out.push('\n');
    }
}

/// What a block says, without what the containers round it put before its lines.
struct Body {
    text: String,
    /// Whether it is but a line of text.
    is_line: bool,
}

impl Body {
    fn of(block: &Placed<'_>, next: Option<&Placed<'_>>, first: bool) -> Self {
        let text = match &block.shape {
            Shape::Divider => "***".to_owned(),
            Shape::Code { language, verbatim } => {
                code_block(&bare_text(block.inside), language, verbatim, block, first)
            }
            Shape::Heading(level) => {
                let line = inline::lines(&runs(block.inside), true);
                let mut text = "#".repeat(usize::from(*level));
                if !line.is_empty() {
                    let _ = write!(text, " {line}");
                }
                text
            }
            Shape::Paragraph => {
                let lines = inline::lines(&runs(block.inside), false);
                match block.item {
                    None if lines.is_empty() => "<br>".to_owned(),
                    None => lines,
                    Some(item) => item_text(item, &lines, block.depth(), next),
                }
            }
        };
        let is_line = block.shape == Shape::Paragraph && !text.contains('\n');
        Self { text, is_line }
    }
}

fn item_text(item: ListItem, lines: &str, depth: usize, next: Option<&Placed<'_>>) -> String {
    match item.checked {
        Some(checked) => {
            let ticked = if checked { "[x]" } else { "[ ]" };
            format!("{ticked} {lines}").trim_end().to_owned()
        }
        // An item that starts with an empty line would not hold what comes after another one.
        None if lines.is_empty() && next.is_some_and(|next| next.kept >= depth && !next.is_in_list_only()) => {
            "<br>".to_owned()
        }
        None => lines.to_owned(),
    }
}

fn code_block(code: &str, language: &str, verbatim: &str, block: &Placed<'_>, first: bool) -> String {
    let stands = match verbatim {
        "front-matter" => first && block.depth() == 0 && import::is_front_matter(code),
        "table" => import::is_table(code),
        _ => false,
    };
    if stands {
        return code.to_owned();
    }
    let code: String = code
        .chars()
        .map(|c| match c {
            '\0' => '\u{fffd}',
            '\r' => '\n',
            c => c,
        })
        .collect();
    let language: String =
        language.trim().chars().map(|c| if matches!(c, '\n' | '\r' | '\0') { ' ' } else { c }).collect();
    let mark = if language.contains('`') { '~' } else { '`' };
    let fence = mark.to_string().repeat(escape::longest_row(&code, mark).max(2) + 1);
    let mut text = fence.clone();
    escape::info(&mut text, &language);
    text.push('\n');
    if !code.is_empty() {
        text.push_str(&code);
        text.push('\n');
    }
    text.push_str(&fence);
    text
}
