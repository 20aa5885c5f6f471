//! HTML: a whole page that needs nothing else.

use std::fmt::Write;

use super::{
    nesting::{Container, ListItem, Placed, Shape, placed, text_attr},
    runs::{Content, Mark, Run, Step, bare_text, runs, steps},
};
use crate::{
    import::is_safe_source,
    model::{Block, Item},
};

/// Enough to read it with pleasure, on paper too; blanks show as they were typed.
const STYLE: &str = "body{max-width:42rem;margin:2rem auto;padding:0 1rem;font:1.0625rem/1.6 system-ui,sans-serif}\
p,h1,h2,h3,h4,h5,h6{white-space:pre-wrap}li>p:first-child,blockquote>p{margin:0}\
blockquote{margin:1em 0;padding-left:1em;border-left:3px solid #8886}\
pre{padding:.75em 1em;overflow:auto;background:#8881;border-radius:4px}img{max-width:100%}\
:root{color-scheme:light dark}";

/// Writes a whole page: lists really nested, everything escaped, no script, nothing fetched but the document's images.
/// Links and images that would run something are left out; their text stays.
pub fn html(title: &str, items: &[Item]) -> String {
    let mut page = String::from("<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    escape(&mut page, title);
    let _ = write!(page, "</title>\n<style>{STYLE}</style>\n</head>\n<body>\n");
    body(&mut page, items);
    page.push_str("</body>\n</html>\n");
    page
}

/// Writes the blocks alone, for the clipboard.
pub fn html_fragment(items: &[Item]) -> String {
    let mut out = String::new();
    body(&mut out, items);
    out
}

fn body(out: &mut String, items: &[Item]) {
    let mut open: Vec<Container> = Vec::new();
    for block in placed(items) {
        let continues = block.item.is_some_and(|item| item.continues && item.start.is_none());
        close(out, &mut open, block.kept, continues);
        for (at, container) in block.opened.iter().enumerate() {
            let is_own = block.item.is_some() && at + 1 == block.opened.len();
            match (container, block.item) {
                (Container::Quote, _) => out.push_str("<blockquote>"),
                (container, Some(item)) if is_own => {
                    if !continues {
                        list(out, *container, item);
                    }
                    out.push_str("<li>");
                }
                // Only an item's own container opens without a block of its own before it.
                _ => {}
            }
            open.push(*container);
        }
        write_block(out, &block);
        if open.is_empty() {
            out.push('\n');
        }
    }
    close(out, &mut open, 0, false);
}

/// Closes all but `kept` containers; the outermost list that ends stays open when its next item follows.
fn close(out: &mut String, open: &mut Vec<Container>, kept: usize, continues: bool) {
    let closed_any = open.len() > kept;
    while open.len() > kept {
        let list_goes_on = continues && open.len() == kept + 1;
        let end = match open.pop() {
            Some(Container::Quote) => "</blockquote>",
            Some(_) if list_goes_on => "</li>",
            Some(Container::Bullet) => "</li></ul>",
            _ => "</li></ol>",
        };
        out.push_str(end);
    }
    if closed_any && open.is_empty() && !continues {
        out.push('\n');
    }
}

fn list(out: &mut String, container: Container, item: ListItem) {
    match (container, item.start) {
        (Container::Ordered, Some(start)) => {
            let _ = write!(out, "<ol start=\"{start}\">");
        }
        (Container::Ordered, None) => out.push_str("<ol>"),
        _ => out.push_str("<ul>"),
    }
}

fn write_block(out: &mut String, block: &Placed<'_>) {
    match &block.shape {
        Shape::Divider => out.push_str("<hr>"),
        Shape::Heading(level) => {
            let _ = write!(out, "<h{level}>");
            line(out, block);
            let _ = write!(out, "</h{level}>");
        }
        Shape::Code { language, .. } => {
            out.push_str("<pre><code");
            if !language.is_empty() {
                out.push_str(" class=\"language-");
                escape(out, language);
                out.push('"');
            }
            out.push('>');
            let code = bare_text(block.inside);
            escape(out, &code);
            // As everyone writes it; the last line end is no text.
            if !code.is_empty() {
                out.push('\n');
            }
            out.push_str("</code></pre>");
        }
        Shape::Paragraph => {
            let checked = block.item.and_then(|item| item.checked);
            if let Some(checked) = checked {
                let checked = if checked { " checked" } else { "" };
                let _ = write!(out, "<input type=\"checkbox\" disabled{checked}>");
            }
            out.push_str("<p>");
            line(out, block);
            out.push_str("</p>");
        }
    }
}

/// The content of a block. What would hold no line open gets a line break, which shows nothing of its own at the end.
fn line(out: &mut String, block: &Placed<'_>) {
    let runs = runs(block.inside);
    let mut ends_open = runs.is_empty();
    for step in steps(&runs) {
        match step {
            Step::Open(mark) => open_mark(out, mark),
            Step::Close(mark) => out.push_str(match mark {
                Mark::Link(_) => "</a>",
                Mark::Strong => "</strong>",
                Mark::Em => "</em>",
                Mark::Strike => "</s>",
            }),
            Step::Run(number) => ends_open = run(out, &runs[number]),
        }
    }
    if ends_open {
        out.push_str("<br>");
    }
}

fn open_mark(out: &mut String, mark: &Mark) {
    match mark {
        Mark::Link(link) => {
            out.push_str("<a href=\"");
            escape(out, &link.href);
            attribute(out, "title", link.title.as_deref().unwrap_or_default());
            out.push_str("\">");
        }
        Mark::Strong => out.push_str("<strong>"),
        Mark::Em => out.push_str("<em>"),
        Mark::Strike => out.push_str("<s>"),
    }
}

/// Writes one run; answers whether it ends with a line break.
fn run(out: &mut String, run: &Run<'_>) -> bool {
    match &run.content {
        Content::Text(text) => {
            for (number, line) in text.split('\n').enumerate() {
                if number > 0 {
                    out.push_str("<br>");
                }
                escape(out, line);
            }
            text.ends_with('\n')
        }
        Content::Code(code) => {
            out.push_str("<code>");
            escape(out, code);
            out.push_str("</code>");
            false
        }
        Content::Image(block) => {
            image(out, block);
            false
        }
    }
}

fn image(out: &mut String, block: &Block) {
    let alt = text_attr(block, "alt");
    let src = text_attr(block, "src");
    if src.is_empty() || !is_safe_source(src) {
        return escape(out, alt);
    }
    out.push_str("<img src=\"");
    escape(out, src);
    attribute(out, "alt", alt);
    attribute(out, "title", text_attr(block, "title"));
    out.push_str("\">");
}

/// Writes `" name="value`, inside a tag whose last value is still open.
fn attribute(out: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = write!(out, "\" {name}=\"");
        escape(out, value);
    }
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\0' => out.push('\u{fffd}'),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}
