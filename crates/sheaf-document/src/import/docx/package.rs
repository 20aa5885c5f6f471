//! The file as a package: a zip archive of parts, and which part is which.

use std::{
    collections::HashMap,
    io::{Cursor, Read},
};

use zip::{ZipArchive, result::ZipError};

use super::{
    DocxError,
    xml::{Piece, Pieces},
};

/// The most parts there may be. Each picture is one.
const MAX_PARTS: usize = 20_000;
/// The most that one part may be when it is inflated, in bytes, and all that are read together.
const MAX_PART: u64 = 64 << 20;
const MAX_ALL: u64 = 128 << 20;

/// An open package.
pub(super) struct Package<'b> {
    archive: ZipArchive<Cursor<&'b [u8]>>,
    /// How much has been inflated.
    read: u64,
}

/// A part and what it points at.
pub(super) struct Part {
    /// Its name in the package.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Where something leads that a part points at.
#[derive(Clone, Debug, Default)]
pub(super) struct Relation {
    /// Its kind: the last word of its type, as `hyperlink` or `styles`.
    pub kind: String,
    /// Where it leads: for what is within the package a part's whole name.
    pub target: String,
}

impl<'b> Package<'b> {
    pub fn open(bytes: &'b [u8]) -> Result<Self, DocxError> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| DocxError::NotZip(error.to_string()))?;
        if archive.len() > MAX_PARTS {
            return Err(DocxError::TooLarge { part: "the whole file".into(), limit: MAX_PARTS as u64 });
        }
        Ok(Self { archive, read: 0 })
    }

    /// A part's text; none if there is no such part.
    pub fn part(&mut self, name: &str) -> Result<Option<Part>, DocxError> {
        let broken = |reason: String| DocxError::Broken { part: name.to_owned(), offset: 0, reason };
        let room = MAX_PART.min(MAX_ALL.saturating_sub(self.read));
        let file = match self.archive.by_name(name) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(broken(error.to_string())),
        };
        // What the archive says of sizes is not believed: what comes out is counted.
        let mut bytes = Vec::new();
        file.take(room + 1).read_to_end(&mut bytes).map_err(|error| broken(error.to_string()))?;
        let size = bytes.len() as u64;
        if size > room {
            return Err(DocxError::TooLarge { part: name.to_owned(), limit: room });
        }
        self.read += size;
        let text = text(bytes).map_err(|offset| DocxError::Broken {
            part: name.to_owned(),
            offset,
            reason: "it is not UTF-8 text".into(),
        })?;
        Ok(Some(Part { name: name.to_owned(), text }))
    }

    /// What a part points at, by id; the package itself is the part without a name.
    pub fn relations(&mut self, name: &str) -> Result<HashMap<String, Relation>, DocxError> {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let relations =
            if folder.is_empty() { format!("_rels/{file}.rels") } else { format!("{folder}/_rels/{file}.rels") };
        let mut known = HashMap::new();
        let Some(part) = self.part(&relations)? else { return Ok(known) };
        let mut pieces = Pieces::new(&part.name, &part.text);
        while let Some(piece) = pieces.next()? {
            let Piece::Start(element) = piece else { continue };
            let (Some(id), Some(target)) = (element.attribute("Id"), element.attribute("Target")) else { continue };
            let kind = element.attribute("Type").and_then(|kind| kind.rsplit('/').next()).unwrap_or_default();
            let outside = element.attribute("TargetMode") == Some("External");
            let target = if outside { target.to_owned() } else { within(folder, target) };
            known.insert(id.to_owned(), Relation { kind: kind.to_owned(), target });
        }
        Ok(known)
    }
}

/// A part's name, as another part in a folder names it. Nothing leads out of the package: it is only a name to look up.
fn within(folder: &str, target: &str) -> String {
    if let Some(whole) = target.strip_prefix('/') {
        return whole.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// UTF-8, or UTF-16 with its mark, which the format allows too. Else where it stops being text.
fn text(bytes: Vec<u8>) -> Result<String, u64> {
    let wide = |read: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect::<String>()
    };
    match bytes.get(..2) {
        Some([0xff, 0xfe]) => Ok(wide(u16::from_le_bytes)),
        Some([0xfe, 0xff]) => Ok(wide(u16::from_be_bytes)),
        _ => {
            let text = String::from_utf8(bytes).map_err(|error| error.utf8_error().valid_up_to() as u64)?;
            Ok(match text.strip_prefix('\u{feff}') {
                Some(rest) => rest.to_owned(),
                None => text,
            })
        }
    }
}
