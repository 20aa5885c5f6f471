//! XML as a row of events, with names that do not depend on a file's own prefixes. Entities that a file defines itself are
//! not known here, so none can grow.

use quick_xml::{
    XmlVersion,
    events::{BytesStart, Event},
    name::{Namespace, ResolveResult},
    reader::NsReader,
};

use super::DocxError;

/// How deep elements may stand in each other. Word's own tables in tables stay far below.
const MAX_DEPTH: usize = 512;

/// Vocabularies, and what stands before names from them here. Those of the text itself have nothing before them.
const VOCABULARIES: [(&str, &str); 9] = [
    ("http://schemas.openxmlformats.org/wordprocessingml/2006/main", ""),
    ("http://purl.oclc.org/ooxml/wordprocessingml/main", ""),
    ("http://schemas.openxmlformats.org/package/2006/relationships", ""),
    ("http://schemas.openxmlformats.org/markup-compatibility/2006", "mc:"),
    ("http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing", "wp:"),
    ("http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing", "wp:"),
    ("http://schemas.openxmlformats.org/drawingml/2006/picture", "pic:"),
    ("http://purl.oclc.org/ooxml/drawingml/picture", "pic:"),
    ("urn:schemas-microsoft-com:vml", "v:"),
];

/// Something that comes in a part.
#[derive(Debug)]
pub(super) enum Piece {
    /// An element starts. One that is empty ends right after.
    Start(Element),
    /// An element ends.
    End(String),
    /// Text in an element.
    Text(String),
}

/// An element's beginning.
#[derive(Debug)]
pub(super) struct Element {
    /// Its name, as in [`VOCABULARIES`]; `?` for one of any other.
    pub name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    /// An attribute, by its name without a prefix.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a property that is on or off is on: it is when it says nothing else.
    pub fn is_on(&self) -> bool {
        !matches!(self.attribute("val"), Some("0" | "false" | "off" | "none"))
    }
}

/// Reads a part, piece by piece.
pub(super) struct Pieces<'t> {
    part: &'t str,
    reader: NsReader<&'t [u8]>,
    /// The end of an empty element, still to be told.
    ending: Option<String>,
    depth: usize,
}

impl<'t> Pieces<'t> {
    pub fn new(part: &'t str, text: &'t str) -> Self {
        Self { part, reader: NsReader::from_str(text), ending: None, depth: 0 }
    }

    /// The next piece; none at the end.
    pub fn next(&mut self) -> Result<Option<Piece>, DocxError> {
        if let Some(name) = self.ending.take() {
            return Ok(Some(Piece::End(name)));
        }
        loop {
            let event = match self.reader.read_resolved_event() {
                Ok((vocabulary, event)) => (prefix(&vocabulary), event),
                Err(error) => return Err(self.broken(error.to_string())),
            };
            let (prefix, event) = event;
            let piece = match event {
                Event::Start(start) => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(self.broken("its elements stand too deep in each other".into()));
                    }
                    Piece::Start(element(prefix, &start))
                }
                Event::Empty(start) => {
                    let element = element(prefix, &start);
                    self.ending = Some(element.name.clone());
                    Piece::Start(element)
                }
                Event::End(end) => {
                    self.depth = self.depth.saturating_sub(1);
                    Piece::End(named(prefix, end.local_name().as_ref()))
                }
                Event::Text(text) => Piece::Text(text.xml_content(XmlVersion::Explicit1_0).into_owned()),
                Event::CData(text) => Piece::Text(text.xml_content(XmlVersion::Explicit1_0).into_owned()),
                Event::GeneralRef(reference) => {
                    let known = match reference.resolve_char_ref() {
                        Ok(Some(c)) => Some(c),
                        _ => match &*reference.into_inner() {
                            "amp" => Some('&'),
                            "lt" => Some('<'),
                            "gt" => Some('>'),
                            "quot" => Some('"'),
                            "apos" => Some('\''),
                            _ => None,
                        },
                    };
                    Piece::Text(known.unwrap_or('\u{fffd}').to_string())
                }
                Event::Eof if self.depth > 0 => return Err(self.broken("it ends in the middle".into())),
                Event::Eof => return Ok(None),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => continue,
            };
            return Ok(Some(piece));
        }
    }

    fn broken(&self, reason: String) -> DocxError {
        let offset = self.reader.error_position().max(self.reader.buffer_position());
        DocxError::Broken { part: self.part.to_owned(), offset, reason }
    }
}

fn prefix(vocabulary: &ResolveResult<'_>) -> Option<&'static str> {
    let ResolveResult::Bound(Namespace(name)) = vocabulary else { return None };
    VOCABULARIES.iter().find(|(known, _)| known == name).map(|(_, prefix)| *prefix)
}

fn named(prefix: Option<&str>, local: &str) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}{local}"),
        None => "?".to_owned(),
    }
}

fn element(prefix: Option<&str>, start: &BytesStart<'_>) -> Element {
    // A broken attribute says nothing; what it stands at is read all the same.
    let mut all = start.attributes();
    let attributes = all.with_checks(false).flatten().map(|attribute| {
        let name = attribute.key.local_name().as_ref().to_owned();
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).map(std::borrow::Cow::into_owned);
        (name, value.unwrap_or_default())
    });
    Element { name: named(prefix, start.local_name().as_ref()), attributes: attributes.collect() }
}
