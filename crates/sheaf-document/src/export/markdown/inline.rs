//! The lines of a block: text, marks, links, images.

use super::escape::{self, Follows, Inside, Place};
use crate::{
    export::{
        nesting::text_attr,
        runs::{Content, Mark, Run, Step, steps},
    },
    import,
    model::Item,
};

/// How marks are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// With `*`, `**` and `~~` wherever Markdown's rules of flanking allow it there.
    Stars,
    /// With HTML tags, which work anywhere.
    Tags,
}

/// Writes the lines of a block; the line ends in it are line breaks.
///
/// Markdown's rules for stars look at what is round them, and rows of stars of several marks run together. So what was
/// written is read back, and if it says anything else, tags take the place of the stars.
pub(super) fn lines(runs: &[Run<'_>], in_heading: bool) -> String {
    let stars = write(runs, in_heading, Style::Stars);
    if !stars.contains(['*', '~']) {
        return stars;
    }
    let tags = write(runs, in_heading, Style::Tags);
    if stars == tags || reads_alike(&stars, &tags) { stars } else { tags }
}

fn reads_alike(one: &str, other: &str) -> bool {
    let content = |text: &str| -> Vec<Item> {
        let items = import::markdown(text);
        items.into_iter().skip(1).collect()
    };
    content(one) == content(other)
}

fn write(runs: &[Run<'_>], in_heading: bool, style: Style) -> String {
    let mut out = String::new();
    let steps = steps(runs);
    // How each mark that is open was opened.
    let mut open: Vec<&'static str> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Open(Mark::Link(_)) if is_address_alone(runs, &steps[at..]) => open.push("<"),
            Step::Open(Mark::Link(_)) => {
                out.push('[');
                open.push("[");
            }
            Step::Open(mark) => {
                let stars = style == Style::Stars && may_use_stars(runs, &steps, at, mark);
                let opening = match (mark, stars) {
                    (Mark::Strong, true) => "**",
                    (Mark::Strong, false) => "<strong>",
                    (Mark::Em, true) => "*",
                    (Mark::Em, false) => "<em>",
                    (_, true) => "~~",
                    (_, false) => "<del>",
                };
                out.push_str(opening);
                open.push(opening);
            }
            Step::Close(mark) => match (open.pop(), mark) {
                (Some("["), Mark::Link(link)) => {
                    out.push_str("](");
                    escape::destination(&mut out, &link.href, link.title.as_deref().unwrap_or_default());
                    out.push(')');
                }
                (Some("<strong>"), _) => out.push_str("</strong>"),
                (Some("<em>"), _) => out.push_str("</em>"),
                (Some("<del>"), _) => out.push_str("</del>"),
                (Some("<") | None, _) => {}
                (Some(stars), _) => out.push_str(stars),
            },
            Step::Run(number) => {
                let run = &runs[*number];
                let next = runs.get(number + 1);
                match &run.content {
                    Content::Text(text) if open.last() == Some(&"<") => {
                        out.push('<');
                        out.push_str(text);
                        out.push('>');
                    }
                    Content::Text(text) => {
                        let line = if in_heading { Inside::Heading } else { Inside::Line };
                        let inside = if run.is_linked() { Inside::Link } else { line };
                        let follows = match next {
                            None => Follows::Nothing,
                            Some(next) if next.is_linked() => Follows::Link,
                            Some(_) => Follows::Something,
                        };
                        let place = Place { inside, follows };
                        escape::text(&mut out, text, place);
                    }
                    Content::Code(code) => escape::code(&mut out, code),
                    Content::Image(block) => {
                        out.push_str("![");
                        escape::description(&mut out, text_attr(block, "alt"));
                        out.push_str("](");
                        escape::destination(&mut out, text_attr(block, "src"), text_attr(block, "title"));
                        out.push(')');
                    }
                }
            }
        }
    }
    out
}

/// Whether a link that opens here shows nothing but its own address, and Markdown can write it as `<address>`.
fn is_address_alone(runs: &[Run<'_>], steps: &[Step<'_>]) -> bool {
    let [Step::Open(Mark::Link(link)), Step::Run(number), Step::Close(_), ..] = steps else {
        return false;
    };
    let Content::Text(text) = &runs[*number].content else {
        return false;
    };
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let is_scheme = (2..=32).contains(&scheme.len())
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let is_rest = rest.chars().all(|c| !(c.is_control() || c.is_whitespace() || "<>&\\".contains(c)));
    *text == link.href && link.title.is_none() && is_scheme && is_rest
}

/// Whether the stars that open here may open, and those that close them may close: neither may stand inside of a space,
/// nor between a letter and something that is neither.
fn may_use_stars(runs: &[Run<'_>], steps: &[Step<'_>], opening: usize, mark: &Mark) -> bool {
    let after = |at: usize| steps[at..].iter().find_map(|step| edge(runs, step, false));
    let before = |at: usize| steps[..at].iter().rev().find_map(|step| edge(runs, step, true));
    let Some(closing) = steps[opening..].iter().position(|step| *step == Step::Close(mark)) else {
        return false;
    };
    let closing = opening + closing;
    let flanks = |inner: Option<char>, outer: Option<char>| {
        let apart = outer.is_none_or(|c| !c.is_alphanumeric());
        inner.is_some_and(|c| c.is_alphanumeric() || !c.is_whitespace() && apart)
    };
    flanks(after(opening), before(opening)) && flanks(before(closing), after(closing))
}

/// The first or last character a step shows.
fn edge(runs: &[Run<'_>], step: &Step<'_>, last: bool) -> Option<char> {
    match step {
        Step::Open(Mark::Link(_)) => Some('['),
        Step::Close(Mark::Link(_)) => Some(')'),
        Step::Open(_) | Step::Close(_) => None,
        Step::Run(number) => match &runs[*number].content {
            Content::Text(text) if last => text.chars().next_back(),
            Content::Text(text) => text.chars().next(),
            Content::Code(_) => Some('`'),
            Content::Image(_) => Some('!'),
        },
    }
}
