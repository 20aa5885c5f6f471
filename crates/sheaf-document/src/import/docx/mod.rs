//! Word's files: `.docx`, as Word, LibreOffice, Google Docs and others write them.
//!
//! Such a file is a zip archive of XML parts. One holds the text as a flat row of paragraphs; others say what styles and
//! numberings mean. What becomes what:
//!
//! | in the file | here |
//! | --- | --- |
//! | a paragraph whose style is a heading, or builds on one, or has a place in the outline; the title | heading |
//! | one with a numbering | list item, nested by its level; with a box before it a task |
//! | one in a style for quotes or for code | quote; lines of code that follow each other are one code block |
//! | an empty one with a line drawn at it | divider |
//! | bold, italic, struck out, a font of equal widths, links | marks |
//! | a row of a table | a paragraph, its cells set apart by ` \| ` |
//! | foot- and endnotes | numbers in brackets, and the notes at the end |
//! | a picture | what it is described as, in brackets; how many there are is told |
//! | changes that are tracked | as if all were accepted |
//!
//! Comments, headers and footers, and how things look are left out. Nothing is believed of what the archive says about
//! sizes: what comes out is counted, and too much of it is an error. Nothing in a file is fetched or followed.

mod body;
mod lists;
mod package;
mod styles;
mod xml;

use self::{
    body::{Body, Notes, Reading},
    package::Package,
    styles::{Numberings, Styles},
};
use crate::model::Item;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum DocxError {
    /// It is no zip archive.
    #[error("it is not a .docx file, which is a zip archive: {0}")]
    NotZip(String),
    /// It is an archive of something else.
    #[error("no text of a document is in it; is it a .docx file?")]
    NoText,
    /// More comes out of it than a document can hold.
    #[error("{part} is larger than {limit} when it is unpacked, which no document is")]
    TooLarge {
        /// Which part of it.
        part: String,
        /// The most there may be.
        limit: u64,
    },
    /// A part of it is damaged.
    #[error("its part {part} does not make sense at byte {offset}: {reason}")]
    Broken {
        /// Which part.
        part: String,
        /// Where in the part, unpacked.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Docx {
    /// The document.
    pub items: Vec<Item>,
    /// How many pictures are only described.
    pub pictures: usize,
}

/// Reads a `.docx` file; see the [module](self) for what becomes what.
pub fn docx(bytes: &[u8]) -> Result<Docx, DocxError> {
    let mut package = Package::open(bytes)?;
    let document = package.relations("")?.into_values().find(|relation| relation.kind == "officeDocument");
    let name = document.map_or_else(|| "word/document.xml".to_owned(), |relation| relation.target);
    let part = package.part(&name)?.ok_or(DocxError::NoText)?;
    let relations = package.relations(&name)?;
    let mut of_kind = |kind: &str| {
        let target = relations.values().find(|relation| relation.kind == kind).map(|relation| &relation.target);
        target.map_or(Ok(None), |target| package.part(target))
    };
    let styles = of_kind("styles")?.map_or_else(|| Ok(Styles::default()), |part| Styles::read(&part))?;
    let numberings = of_kind("numbering")?.map_or_else(|| Ok(Numberings::default()), |part| Numberings::read(&part))?;
    let (foot, end) = (of_kind("footnotes")?, of_kind("endnotes")?);

    let mut body = Body::new(Reading { styles: &styles, numberings: &numberings, relations: &relations });
    body.read(&part)?;
    let mut pictures = body.pictures;
    let mut notes = |part: Option<package::Part>| -> Result<Notes, DocxError> {
        let Some(part) = part else { return Ok(Notes::new()) };
        let relations = package.relations(&part.name)?;
        let mut notes = Body::new(Reading { styles: &styles, numberings: &numberings, relations: &relations });
        notes.read(&part)?;
        pictures += notes.pictures;
        Ok(notes.into_notes())
    };
    let (foot, end) = (notes(foot)?, notes(end)?);
    Ok(Docx { items: body.finish(foot, end), pictures })
}
