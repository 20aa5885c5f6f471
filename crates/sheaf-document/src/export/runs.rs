//! The lines of a block as runs under the marks that other formats have, and those marks as pairs that open and close.

use super::nesting::text_attr;
use crate::{
    import::Link,
    model::{Block, Item, Marks, Scalar},
};

/// A mark that other formats have, in the order in which they nest when they cover the same text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    Link(Link),
    Strong,
    Em,
    Strike,
}

/// How many kinds of [`Mark`] there are.
const KINDS: usize = 4;

/// A stretch of one block's content.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run<'a> {
    pub content: Content<'a>,
    /// One place per kind of mark.
    marks: [Option<Mark>; KINDS],
}

impl Run<'_> {
    /// Whether a link lies on it.
    pub(super) fn is_linked(&self) -> bool {
        self.marks[0].is_some()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content<'a> {
    Text(String),
    /// Code holds no line breaks; they stand between.
    Code(String),
    Image(&'a Block),
}

/// A step in writing a block's lines.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step<'r> {
    Open(&'r Mark),
    Close(&'r Mark),
    /// The run of this number.
    Run(usize),
}

/// Reads the content of a block as runs. Marks and embeds that no other format has are left out, and so are blanks at
/// the end, which hardly any format keeps.
pub(super) fn runs(inside: &[Item]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for item in inside {
        match item {
            Item::Text { text, marks } => {
                let known = known(marks);
                if is_on(marks, "code") {
                    for (number, line) in text.split('\n').enumerate() {
                        if number > 0 {
                            push(&mut runs, Content::Text("\n".to_owned()), known.clone());
                        }
                        push(&mut runs, Content::Code(line.to_owned()), known.clone());
                    }
                } else {
                    push(&mut runs, Content::Text(text.clone()), known);
                }
            }
            Item::Embed { block } if block.kind == "image" => {
                let href = text_attr(block, "href");
                let link = (!href.is_empty()).then(|| Mark::Link(Link::to(href)));
                runs.push(Run { content: Content::Image(block), marks: [link, None, None, None] });
            }
            Item::Embed { .. } | Item::Block { .. } => {}
        }
    }
    trim_end(&mut runs);
    runs
}

/// A block's content as bare text, for where no mark can be.
pub(super) fn bare_text(inside: &[Item]) -> String {
    let texts = inside.iter().filter_map(|item| match item {
        Item::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn push<'a>(runs: &mut Vec<Run<'a>>, content: Content<'a>, marks: [Option<Mark>; KINDS]) {
    if let Content::Text(text) | Content::Code(text) = &content
        && text.is_empty()
    {
        return;
    }
    if let Some(last) = runs.last_mut()
        && last.marks == marks
    {
        match (&mut last.content, &content) {
            (Content::Text(last), Content::Text(text)) | (Content::Code(last), Content::Code(text)) => {
                last.push_str(text);
                return;
            }
            _ => {}
        }
    }
    runs.push(Run { content, marks });
}

fn trim_end(runs: &mut Vec<Run<'_>>) {
    while let Some(Run { content: Content::Text(text), .. }) = runs.last_mut() {
        text.truncate(text.trim_end_matches([' ', '\t']).len());
        if !text.is_empty() {
            break;
        }
        runs.pop();
    }
}

fn is_on(marks: &Marks, name: &str) -> bool {
    marks.get(name).is_some_and(|value| !matches!(value, Scalar::Null | Scalar::Bool(false)))
}

fn known(marks: &Marks) -> [Option<Mark>; KINDS] {
    let link = marks.get("link").and_then(Link::of_mark).filter(Link::is_safe);
    [
        link.map(Mark::Link),
        is_on(marks, "strong").then_some(Mark::Strong),
        is_on(marks, "em").then_some(Mark::Em),
        is_on(marks, "strike").then_some(Mark::Strike),
    ]
}

/// Puts the marks of the runs as pairs that nest: whenever several open together, the one that reaches furthest opens
/// first; where one has to close while others inside of it go on, those close and open again.
pub(super) fn steps<'r>(runs: &'r [Run<'_>]) -> Vec<Step<'r>> {
    // Up to which run each mark of each run goes on.
    let mut reach: Vec<[usize; KINDS]> = vec![[0; KINDS]; runs.len()];
    for number in (0..runs.len()).rev() {
        let next = number + 1;
        reach[number] = std::array::from_fn(|kind| {
            let goes_on = runs.get(next).is_some_and(|run| run.marks[kind] == runs[number].marks[kind]);
            if goes_on { reach[next][kind] } else { next }
        });
    }
    let mut steps = Vec::new();
    let mut open: Vec<(usize, &Mark)> = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let goes_on = |(kind, mark): &(usize, &Mark)| run.marks[*kind].as_ref() == Some(*mark);
        let stays = open.iter().take_while(|open| goes_on(open)).count();
        steps.extend(open.drain(stays..).rev().map(|(_, mark)| Step::Close(mark)));

        let is_open = |kind: usize| open.iter().any(|(open, _)| *open == kind);
        let mut opening: Vec<usize> = (0..KINDS).filter(|&kind| run.marks[kind].is_some() && !is_open(kind)).collect();
        opening.sort_by_key(|&kind| (std::cmp::Reverse(reach[number][kind]), kind));
        for kind in opening {
            if let Some(mark) = &run.marks[kind] {
                open.push((kind, mark));
                steps.push(Step::Open(mark));
            }
        }
        steps.push(Step::Run(number));
    }
    steps.extend(open.drain(..).rev().map(|(_, mark)| Step::Close(mark)));
    steps
}
