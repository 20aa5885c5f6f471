//! The text: paragraphs, runs, links, tables, notes.

use std::collections::HashMap;

use super::{
    DocxError,
    lists::Lists,
    package::{Part, Relation},
    styles::{Listed, Look, Numberings, Shape, Styles, heading},
    xml::{Element, Piece, Pieces},
};
use crate::{
    import::{
        build::{Attrs, Builder},
        link::Link,
    },
    model::{Item, Marks, Scalar},
};

/// What no word of is the document's: deleted text, what was before a change, what is there twice.
const SKIPPED: [&str; 8] =
    ["del", "moveFrom", "mc:Fallback", "pPrChange", "rPrChange", "tblPrChange", "sectPrChange", "delText"];

/// What everything in a file is read with.
pub(super) struct Reading<'r> {
    pub styles: &'r Styles,
    pub numberings: &'r Numberings,
    /// What the part points at.
    pub relations: &'r HashMap<String, Relation>,
}

/// Notes by their ids, each as the text of its paragraphs.
pub(super) type Notes = HashMap<String, Vec<Words>>;

/// A piece of a line.
pub(super) struct Words {
    text: String,
    marks: Marks,
}

/// A paragraph while it is read.
#[derive(Default)]
struct Paragraph {
    shape: Option<Shape>,
    style: Option<String>,
    numbering: Option<String>,
    level: Option<usize>,
    /// A line is drawn under or over it.
    border: bool,
    pieces: Vec<Words>,
}

/// A field: what it does is said before the text that it shows.
#[derive(Default)]
struct Field {
    says: String,
    shows: bool,
    link: Option<Link>,
}

/// In what the reading stands. None of these holds another that is read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Elsewhere,
    /// Text; blanks at its edges may be the file's, not the text's.
    Text { keeps_blanks: bool },
    /// What is said of a paragraph.
    Paragraph,
    /// What is said of a run.
    Run,
}

/// The body of a document, or its notes, while they are read.
pub(super) struct Body<'r> {
    reading: Reading<'r>,
    builder: Builder,
    lists: Lists,
    /// The paragraphs that are open: a text box stands in one.
    paragraphs: Vec<Paragraph>,
    look: Look,
    links: Vec<Option<Link>>,
    fields: Vec<Field>,
    /// The cells of the rows that are open.
    tables: usize,
    cells: Vec<Vec<Words>>,
    /// The lines of the code that is open.
    code: Option<Vec<String>>,
    place: Place,
    /// The text that is open, so far.
    text: String,
    described: String,
    /// The notes that were met, in their order: whether at the end, and their ids.
    pub notes: Vec<(bool, String)>,
    /// Pictures that are only described.
    pub pictures: usize,
    /// The notes of a part of notes.
    read_notes: Notes,
    note: Option<String>,
}

impl<'r> Body<'r> {
    pub fn new(reading: Reading<'r>) -> Self {
        Self {
            reading,
            builder: Builder::default(),
            lists: Lists::default(),
            paragraphs: Vec::new(),
            look: Look::default(),
            links: Vec::new(),
            fields: Vec::new(),
            tables: 0,
            cells: Vec::new(),
            code: None,
            place: Place::default(),
            text: String::new(),
            described: String::new(),
            notes: Vec::new(),
            pictures: 0,
            read_notes: Notes::new(),
            note: None,
        }
    }

    /// Reads a whole part.
    pub fn read(&mut self, part: &Part) -> Result<(), DocxError> {
        let mut pieces = Pieces::new(&part.name, &part.text);
        let mut skipped = 0_usize;
        while let Some(piece) = pieces.next()? {
            match piece {
                Piece::Start(_) if skipped > 0 => skipped += 1,
                Piece::End(_) if skipped > 0 => skipped -= 1,
                Piece::Text(_) if skipped > 0 => {}
                Piece::Start(element) if self.skips(&element) => skipped = 1,
                Piece::Start(element) => self.start(&element),
                Piece::End(name) => self.end(&name),
                Piece::Text(text) => match self.place {
                    // It comes in pieces: a character that is written as a reference is one.
                    Place::Text { .. } => self.text.push_str(&text),
                    _ => {
                        if let Some(field) = self.fields.last_mut().filter(|field| !field.shows) {
                            field.says.push_str(&text);
                        }
                    }
                },
            }
        }
        Ok(())
    }

    /// Ends the document with its notes.
    pub fn finish(mut self, mut foot: Notes, mut end: Notes) -> Vec<Item> {
        self.end_code();
        self.lists.end();
        for (number, (at_end, id)) in std::mem::take(&mut self.notes).into_iter().enumerate() {
            let pieces = if at_end { end.remove(&id) } else { foot.remove(&id) };
            let Some(pieces) = pieces else { continue };
            self.builder.block("paragraph", Vec::new(), Attrs::new());
            self.builder.text(&format!("[{}] ", number + 1), &Marks::new());
            self.write(pieces);
        }
        self.builder.finish()
    }

    /// The notes, if it was a part of notes.
    pub fn into_notes(self) -> Notes {
        self.read_notes
    }

    /// Whether nothing in an element is the document's.
    fn skips(&self, element: &Element) -> bool {
        SKIPPED.contains(&element.name.as_str()) || (self.place == Place::Paragraph && element.name == "rPr")
    }

    fn start(&mut self, element: &Element) {
        let value = element.attribute("val");
        match element.name.as_str() {
            "p" => self.paragraphs.push(Paragraph::default()),
            "pPr" => self.place = Place::Paragraph,
            "r" => self.look = Look::default(),
            "rPr" => self.place = Place::Run,
            "t" => self.place = Place::Text { keeps_blanks: element.attribute("space") == Some("preserve") },
            "tab" if self.place != Place::Paragraph => self.say("\t"),
            "br" if matches!(element.attribute("type"), None | Some("textWrapping")) => self.say("\n"),
            "cr" => self.say("\n"),
            "noBreakHyphen" => self.say("\u{2011}"),
            "hyperlink" => {
                let relation = element.attribute("id").and_then(|id| self.reading.relations.get(id));
                let link = relation.map(|relation| Link::to(&relation.target));
                self.links.push(link.filter(Link::is_safe));
            }
            "fldSimple" => self.links.push(element.attribute("instr").and_then(link_of)),
            "fldChar" => match element.attribute("fldCharType") {
                Some("begin") => self.fields.push(Field::default()),
                Some("separate") => {
                    if let Some(field) = self.fields.last_mut() {
                        field.shows = true;
                        field.link = link_of(&field.says);
                    }
                }
                _ => drop(self.fields.pop()),
            },
            "footnoteReference" | "endnoteReference" => self.refer(element),
            "footnote" | "endnote" => {
                self.note = element.attribute("id").map(str::to_owned);
                if let Some(id) = &self.note {
                    self.read_notes.insert(id.clone(), Vec::new());
                }
            }
            "tbl" => self.tables += 1,
            "tc" if self.tables == 1 => self.cells.push(Vec::new()),
            "wp:docPr" => {
                let described = element.attribute("descr").filter(|text| !text.trim().is_empty());
                described.unwrap_or_default().trim().clone_into(&mut self.described);
            }
            "pic:pic" | "v:imagedata" => self.picture(),
            _ if self.place == Place::Run => self.look.take(element, self.reading.styles),
            _ if self.place == Place::Paragraph => {
                let Some(paragraph) = self.paragraphs.last_mut() else { return };
                match element.name.as_str() {
                    "pStyle" => paragraph.style = value.map(str::to_owned),
                    "numId" => paragraph.numbering = value.map(str::to_owned),
                    "ilvl" => paragraph.level = value.and_then(|level| level.parse().ok()),
                    "outlineLvl" => paragraph.shape = value.and_then(|level| level.parse().ok()).and_then(heading),
                    "pBdr" => paragraph.border = true,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "p" => {
                if let Some(paragraph) = self.paragraphs.pop() {
                    self.end_paragraph(paragraph);
                }
            }
            "t" => self.end_text(),
            "pPr" | "rPr" => self.place = Place::Elsewhere,
            "hyperlink" | "fldSimple" => drop(self.links.pop()),
            "footnote" | "endnote" => self.note = None,
            "tr" if self.tables == 1 => self.end_row(),
            "tbl" => self.tables = self.tables.saturating_sub(1),
            _ => {}
        }
    }

    fn end_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        match std::mem::take(&mut self.place) {
            Place::Text { keeps_blanks: false } => self.say(text.trim_matches([' ', '\t', '\n', '\r'])),
            _ => self.say(&text),
        }
    }

    fn say(&mut self, text: &str) {
        let Some(paragraph) = self.paragraphs.last_mut() else { return };
        if self.look.hidden == Some(true) || text.is_empty() {
            return;
        }
        let link = self.links.last().cloned().flatten();
        let link = link.or_else(|| self.fields.iter().rev().find_map(|field| field.link.clone()));
        let on = |name: &str, look: Option<bool>| (look == Some(true)).then(|| (name.to_owned(), Scalar::Bool(true)));
        let Look { strong, em, strike, code, .. } = self.look;
        let mut marks: Marks = [on("strong", strong), on("em", em), on("strike", strike), on("code", code)]
            .into_iter()
            .flatten()
            .collect();
        if let Some(link) = link {
            marks.insert("link".to_owned(), link.to_mark());
        }
        paragraph.pieces.push(Words { text: text.replace('\0', "\u{fffd}"), marks });
    }

    fn refer(&mut self, element: &Element) {
        let Some(id) = element.attribute("id") else { return };
        self.notes.push((element.name == "endnoteReference", id.to_owned()));
        self.say(&format!("[{}]", self.notes.len()));
    }

    /// A picture is not taken over yet; that there is one is.
    fn picture(&mut self) {
        self.pictures += 1;
        let described = std::mem::take(&mut self.described);
        self.say(&if described.is_empty() { "[picture]".to_owned() } else { format!("[picture: {described}]") });
    }

    fn end_paragraph(&mut self, paragraph: Paragraph) {
        if let Some(note) = self.note.as_ref().and_then(|id| self.read_notes.get_mut(id)) {
            return add_line(note, paragraph.pieces, "\n");
        }
        if self.tables > 0 {
            if let Some(cell) = self.cells.last_mut() {
                add_line(cell, paragraph.pieces, " ");
            }
            return;
        }
        let shape = paragraph.shape.unwrap_or_else(|| self.shape(&paragraph));
        if shape == Shape::Code {
            let line: String = paragraph.pieces.iter().map(|piece| piece.text.as_str()).collect();
            return self.code.get_or_insert_default().push(line);
        }
        self.end_code();
        if let Some(listed) = self.listed(&paragraph).filter(|_| !matches!(shape, Shape::Heading(_))) {
            return self.item(&listed, paragraph.pieces);
        }
        let parents = match shape {
            Shape::Within(depth) => self.lists.within(depth),
            _ => Vec::new(),
        };
        self.lists.keep(parents.len());
        match shape {
            Shape::Heading(level) => {
                let level = ("level".to_owned(), Scalar::Number(level.into()));
                self.builder.block("heading", parents, Attrs::from([level]));
            }
            Shape::Quote => self.builder.paragraph(vec!["blockquote".to_owned()]),
            Shape::Divider => return self.builder.block("__ext__divider", parents, Attrs::new()),
            _ => self.builder.paragraph(parents),
        }
        self.write(paragraph.pieces);
    }

    fn shape(&self, paragraph: &Paragraph) -> Shape {
        let empty = paragraph.pieces.iter().all(|piece| piece.text.trim().is_empty());
        let shape = paragraph.style.as_ref().map_or(Shape::Plain, |id| self.reading.styles.shape(id));
        match shape {
            Shape::Plain if empty && paragraph.border => Shape::Divider,
            Shape::Divider if !empty => Shape::Plain,
            shape => shape,
        }
    }

    fn listed(&self, paragraph: &Paragraph) -> Option<Listed> {
        let by_style = || self.reading.styles.listed(paragraph.style.as_ref()?);
        match &paragraph.numbering {
            // It says that it is in none.
            Some(none) if none == "0" => None,
            Some(numbering) => Some((numbering.clone(), paragraph.level.unwrap_or(0))),
            None => by_style(),
        }
    }

    fn item(&mut self, listed: &Listed, mut pieces: Vec<Words>) {
        let mut item = self.lists.item(listed, self.reading.numberings);
        if let Some(first) = pieces.first_mut()
            && let Some((rest, ticked)) = after_box(&first.text)
        {
            first.text = rest;
            item.attrs.insert("checked".to_owned(), Scalar::Bool(ticked));
        }
        self.builder.block(item.kind, item.parents, item.attrs);
        self.write(pieces);
    }

    fn end_code(&mut self) {
        let Some(lines) = self.code.take() else { return };
        self.lists.end();
        self.builder.block("code-block", Vec::new(), Attrs::new());
        self.builder.text(&lines.join("\n"), &Marks::new());
    }

    /// A row becomes a paragraph, as it does in HTML.
    fn end_row(&mut self) {
        self.end_code();
        self.lists.end();
        self.builder.block("paragraph", Vec::new(), Attrs::new());
        for (number, cell) in std::mem::take(&mut self.cells).into_iter().enumerate() {
            if number > 0 {
                self.builder.text(" | ", &Marks::new());
            }
            for piece in cell {
                self.builder.text(&piece.text, &piece.marks);
            }
        }
        self.builder.trim_end();
    }

    fn write(&mut self, pieces: Vec<Words>) {
        for piece in pieces {
            self.builder.text(&piece.text, &piece.marks);
        }
        self.builder.trim_end();
    }
}

fn add_line(lines: &mut Vec<Words>, pieces: Vec<Words>, between: &str) {
    if !lines.is_empty() && !pieces.is_empty() {
        lines.push(Words { text: between.to_owned(), marks: Marks::new() });
    }
    lines.extend(pieces);
}

/// Where a field leads, if it is a link: `HYPERLINK "https://…"`.
fn link_of(says: &str) -> Option<Link> {
    let rest = says.trim().strip_prefix("HYPERLINK")?.trim_start();
    let address = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split_whitespace().next()?,
    };
    // `\l` is a place within the file.
    let link = Link::to(address);
    (!address.is_empty() && !address.starts_with('\\')).then_some(link).filter(Link::is_safe)
}

/// The text after the box of a task, and whether that is ticked.
fn after_box(text: &str) -> Option<(String, bool)> {
    let mut rest = text.chars();
    let ticked = match rest.next()? {
        '☐' => false,
        '☑' | '☒' => true,
        _ => return None,
    };
    Some((rest.as_str().trim_start().to_owned(), ticked))
}
