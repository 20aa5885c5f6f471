//! A file, by its name.

use super::{automerge, docx, docx::DocxError, html, markdown, plain};
use crate::{
    document::LoadError,
    model::{BlockKind, Item, blocks_of},
};

/// More than any document that was written by hand; 50 MB of pasted text are within it.
const MAX_FILE: usize = 64 * 1024 * 1024;

/// How long a title may be that is taken from a heading, in characters.
const MAX_TITLE: usize = 200;

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The first heading, or else the file's name without its extension.
    pub title: String,
    /// The document.
    pub items: Vec<Item>,
    /// How many pictures in it are only described.
    pub pictures: usize,
}

/// Why a file was not imported. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The name tells no format that is known.
    #[error("{name} is of no kind Sheaf can import; it imports .md, .html, .docx, .txt and .automerge files")]
    UnknownKind {
        /// The file's name.
        name: String,
    },
    /// The text is not UTF-8.
    #[error(
        "{name} is not UTF-8 text: byte {offset} (0x{byte:02x}) cannot stand there; save it as UTF-8 and try again"
    )]
    NotUtf8 {
        /// The file's name.
        name: String,
        /// How many bytes before it are.
        offset: usize,
        /// What stands there.
        byte: u8,
    },
    /// It is not what its name says, or damaged.
    #[error("{name} cannot be read: {reason}")]
    NotDocx {
        /// The file's name.
        name: String,
        /// What is wrong with it.
        reason: DocxError,
    },
    /// It is larger than a document can be.
    #[error("{name} takes {bytes} bytes; a file to import may take at most {limit}: split it")]
    TooLarge {
        /// The file's name.
        name: String,
        /// Its size.
        bytes: usize,
        /// The most it may take.
        limit: usize,
    },
    /// It is not what its name says.
    #[error("{name} is not an Automerge document with a text in it: {reason}")]
    NotAutomerge {
        /// The file's name.
        name: String,
        /// What is wrong with it.
        reason: LoadError,
    },
}

/// Reads a file as the kind of document its name says: `.md` or `.markdown`, `.html` or `.htm`, `.docx`, `.automerge`, and plain
/// text for `.txt` or no extension at all. `name` may be a path; only its last part counts.
pub fn file(name: &str, bytes: &[u8]) -> Result<Imported, ImportError> {
    let path = name.trim_end_matches(['/', '\\']);
    let last = path.rsplit(['/', '\\']).next().unwrap_or(path);
    // The dot of a hidden file starts no extension.
    let (stem, extension) = match last.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, extension.to_ascii_lowercase()),
        _ => (last, String::new()),
    };
    if bytes.len() > MAX_FILE {
        let name = last.to_owned();
        return Err(ImportError::TooLarge { name, bytes: bytes.len(), limit: MAX_FILE });
    }
    let mut pictures = 0;
    let items = match extension.as_str() {
        "md" | "markdown" | "mdown" | "mkd" => markdown(utf8(last, bytes)?),
        "html" | "htm" | "xhtml" => html(utf8(last, bytes)?),
        "txt" | "text" | "" => plain(utf8(last, bytes)?),
        "docx" => {
            let read = docx(bytes).map_err(|reason| ImportError::NotDocx { name: last.to_owned(), reason })?;
            pictures = read.pictures;
            read.items
        }
        "automerge" => {
            automerge(bytes).map_err(|reason| ImportError::NotAutomerge { name: last.to_owned(), reason })?
        }
        _ => return Err(ImportError::UnknownKind { name: last.to_owned() }),
    };
    let title = title_of(&items).unwrap_or_else(|| stem.to_owned());
    Ok(Imported { title, items, pictures })
}

fn utf8<'b>(name: &str, bytes: &'b [u8]) -> Result<&'b str, ImportError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let byte = bytes.get(offset).copied().unwrap_or_default();
        ImportError::NotUtf8 { name: name.to_owned(), offset, byte }
    })
}

/// The text of a document's first heading that has any, on one line.
pub fn title_of(items: &[Item]) -> Option<String> {
    blocks_of(items).find_map(|(marker, inside)| {
        let is_heading = marker.is_some_and(|block| BlockKind::of(&block.kind) == BlockKind::Heading);
        let texts = inside.iter().filter(|_| is_heading).filter_map(|item| match item {
            Item::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        let words = texts.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then(|| words.chars().take(MAX_TITLE).collect())
    })
}
