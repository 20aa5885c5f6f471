//! Word's files: `.docx`, which Word, LibreOffice, Google Docs and others read.
//!
//! [`crate::import::docx`](mod@crate::import::docx) says what is what; reading back what this writes gives the same blocks,
//! but for what such a file has no words for: the language of code, what else than text and lists is nested in an item or
//! a quote, and code blocks that follow each other, which become one. Pictures are written as what they are described as.
//! The same document gives the same bytes: no time is in them.

mod parts;

use std::{
    fmt::Write as _,
    io::{Cursor, Write as _},
};

use zip::{CompressionMethod, ZipWriter, result::ZipError, write::SimpleFileOptions};

use self::parts::{HEADER, escape};
use super::{
    nesting::{Container, ListItem, Placed, Shape, placed, text_attr},
    runs::{Content, Mark, Run, Step, bare_text, runs, steps},
};
use crate::model::Item;

/// Deeper levels than these no list has there.
const LEVELS: usize = 9;
/// The numbering of all lists that do not count.
const BULLETS: usize = 1;

/// Writes a `.docx` file.
pub fn docx(title: &str, items: &[Item]) -> Result<Vec<u8>, std::io::Error> {
    let mut writer = Writer::default();
    for block in placed(items) {
        writer.block(&block);
    }
    Ok(writer.finish(title)?)
}

#[derive(Default)]
struct Writer {
    out: String,
    open: Vec<Container>,
    /// The numbering of each open list.
    numberings: Vec<usize>,
    /// The lists that count: at which level, and from where.
    counted: Vec<(usize, u32)>,
    /// Where links lead.
    links: Vec<String>,
}

impl Writer {
    fn block(&mut self, block: &Placed<'_>) {
        let before = self.numberings.get(lists(&self.open[..block.kept])).copied();
        self.open.truncate(block.kept);
        self.open.extend(&block.opened);
        let depth = lists(&self.open);
        self.numberings.truncate(depth);
        self.out.push_str("<w:p><w:pPr>");
        match (&block.shape, block.item) {
            (_, Some(item)) => self.numbered(item, depth, before),
            (Shape::Heading(level), _) => self.style(&format!("Heading{level}")),
            (Shape::Code { .. }, _) => self.style("SourceCode"),
            (Shape::Divider, _) => self.style("HorizontalLine"),
            (Shape::Paragraph, _) if self.open.last() == Some(&Container::Quote) => self.style("Quote"),
            (Shape::Paragraph, _) if depth == 1 => self.style("ListContinue"),
            (Shape::Paragraph, _) if depth > 1 => self.style(&format!("ListContinue{}", depth.min(LEVELS))),
            (Shape::Paragraph, _) => {}
        }
        let text = bare_text(block.inside);
        if text.chars().find(|c| c.is_alphabetic()).is_some_and(is_from_right) {
            self.out.push_str("<w:bidi/>");
        }
        self.out.push_str("</w:pPr>");
        match &block.shape {
            Shape::Code { .. } => self.run("", &text),
            Shape::Divider => {}
            _ => {
                if let Some(checked) = block.item.and_then(|item| item.checked) {
                    self.run("", if checked { "☒ " } else { "☐ " });
                }
                self.line(&runs(block.inside));
            }
        }
        self.out.push_str("</w:p>");
    }

    fn style(&mut self, id: &str) {
        self.out.push_str("<w:pStyle w:val=\"");
        self.out.push_str(id);
        self.out.push_str("\"/>");
    }

    /// An item, of the list that goes on or of a new one.
    fn numbered(&mut self, item: ListItem, depth: usize, before: Option<usize>) {
        let level = depth.saturating_sub(1);
        let goes_on = before.filter(|_| item.continues && item.start.is_none());
        let numbering = match (goes_on, self.open.last()) {
            (Some(before), _) => before,
            (None, Some(Container::Ordered)) => {
                self.counted.push((level.min(LEVELS - 1), item.start.unwrap_or(1)));
                BULLETS + self.counted.len()
            }
            _ => BULLETS,
        };
        self.numberings.resize(depth, BULLETS);
        if let Some(own) = self.numberings.last_mut() {
            *own = numbering;
        }
        self.style("ListParagraph");
        let level = level.min(LEVELS - 1);
        let _ = write!(self.out, "<w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"{numbering}\"/></w:numPr>");
    }

    fn line(&mut self, runs: &[Run<'_>]) {
        let (mut strong, mut em, mut strike, mut linked) = (false, false, false, false);
        for step in steps(runs) {
            let opens = matches!(step, Step::Open(_));
            match step {
                Step::Open(Mark::Link(link)) => {
                    self.links.push(link.href.clone());
                    linked = true;
                    let _ = write!(self.out, "<w:hyperlink r:id=\"link{}\">", self.links.len());
                }
                Step::Close(Mark::Link(_)) => {
                    linked = false;
                    self.out.push_str("</w:hyperlink>");
                }
                Step::Open(mark) | Step::Close(mark) => match mark {
                    Mark::Strong => strong = opens,
                    Mark::Em => em = opens,
                    Mark::Strike => strike = opens,
                    Mark::Link(_) => {}
                },
                Step::Run(number) => {
                    let content = &runs[number].content;
                    let style = match content {
                        Content::Code(_) => "<w:rStyle w:val=\"VerbatimChar\"/>",
                        _ if linked => "<w:rStyle w:val=\"Hyperlink\"/>",
                        _ => "",
                    };
                    let on = |is: bool, property: &'static str| if is { property } else { "" };
                    let look = [style, on(strong, "<w:b/>"), on(em, "<w:i/>"), on(strike, "<w:strike/>")].concat();
                    match content {
                        Content::Text(text) | Content::Code(text) => self.run(&look, text),
                        Content::Image(block) => match text_attr(block, "alt").trim() {
                            "" => self.run(&look, "[picture]"),
                            described => self.run(&look, &format!("[picture: {described}]")),
                        },
                    }
                }
            }
        }
    }

    /// Text under one look; line breaks and tabs are elements there.
    fn run(&mut self, look: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        self.out.push_str("<w:r>");
        if !look.is_empty() {
            self.out.push_str("<w:rPr>");
            self.out.push_str(look);
            self.out.push_str("</w:rPr>");
        }
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.out.push_str("<w:br/>");
            }
            for (number, piece) in line.split('\t').enumerate() {
                if number > 0 {
                    self.out.push_str("<w:tab/>");
                }
                if !piece.is_empty() {
                    self.out.push_str("<w:t xml:space=\"preserve\">");
                    escape(&mut self.out, piece);
                    self.out.push_str("</w:t>");
                }
            }
        }
        self.out.push_str("</w:r>");
    }

    fn finish(self, title: &str) -> Result<Vec<u8>, ZipError> {
        let document = parts::document(&self.out);
        let parts = [
            ("[Content_Types].xml", parts::CONTENT_TYPES.to_owned()),
            ("_rels/.rels", parts::RELATIONS.to_owned()),
            ("docProps/core.xml", parts::properties(title)),
            ("word/document.xml", document),
            ("word/_rels/document.xml.rels", parts::links(&self.links)),
            ("word/styles.xml", parts::styles()),
            ("word/numbering.xml", parts::numbering(&self.counted)),
        ];
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, part) in parts {
            archive.start_file(name, options)?;
            archive.write_all(HEADER.as_bytes())?;
            archive.write_all(part.as_bytes())?;
        }
        Ok(archive.finish()?.into_inner())
    }
}

/// How many of the containers are items of lists.
fn lists(open: &[Container]) -> usize {
    open.iter().filter(|container| **container != Container::Quote).count()
}

/// Whether a letter is of a script that is written from the right.
const fn is_from_right(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}
