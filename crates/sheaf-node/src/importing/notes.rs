//! The files, read.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sheaf_document::import::{self, Note};
use sheaf_document::model::Item;

use super::left_out;
use super::walk::{File, Found, unreadable};
use crate::core::Core;
use crate::errand::Errand;
use crate::error::NodeError;
use crate::view::LeftOut;

/// The largest file that is read as text, in bytes, and the largest of any kind.
const TEXT: u64 = 16 << 20;
const ANY: u64 = 64 << 20;
/// The most that is read of all files together.
const ALL: u64 = 512 << 20;
/// The most blocks a document is made with.
const BLOCKS: usize = 100_000;

/// What was read.
pub struct Notes {
    /// What becomes documents.
    pub read: Vec<Read>,
    /// Files of other kinds, which notes may point at: their paths and their names, in small letters.
    pub others: BTreeSet<String>,
    /// What is not read.
    pub left_out: Vec<LeftOut>,
    /// How many pictures in them are only described.
    pub pictures: usize,
}

/// A file that was read.
pub struct Read {
    /// Where it was found.
    pub below: Vec<String>,
    /// Its name without what it ends in.
    pub stem: String,
    /// What is in it.
    pub note: Note,
}

/// How a file is read.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Note,
    Text,
    Package,
}

fn kind(name: &str) -> Option<Kind> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "md" | "markdown" | "mdown" | "mkd" => Kind::Note,
        "html" | "htm" | "xhtml" | "txt" | "text" => Kind::Text,
        "docx" | "automerge" => Kind::Package,
        _ => return None,
    })
}

/// Reads all files that can be documents.
pub fn read(core: &Core, found: Found, errand: &Errand) -> Result<Notes, NodeError> {
    let Found { files, left_out: not_walked, single } = found;
    let mut all = Notes { read: Vec::new(), others: BTreeSet::new(), left_out: not_walked, pictures: 0 };
    let total = files.len();
    let mut bytes = 0;
    for (number, file) in files.into_iter().enumerate() {
        let shown = file.shown();
        errand.step(core, number, total, &shown)?;
        let name = file.below.last().cloned().unwrap_or_default();
        let Some(kind) = kind(&name).or(single.then_some(Kind::Text)) else {
            all.left_out.push(left_out(&shown, "Sheaf cannot keep files of this kind yet"));
            all.others.extend([shown.to_lowercase(), name.to_lowercase()]);
            continue;
        };
        match one(&file, &name, kind, &mut bytes) {
            Ok((note, pictures)) => {
                all.pictures += pictures;
                let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).to_owned();
                all.read.push(Read { below: file.below, stem, note });
            }
            Err(error) if single => return Err(error),
            Err(NodeError::BadInput(why)) => all.left_out.push(left_out(&shown, why)),
            Err(NodeError::File { error, .. }) => all.left_out.push(left_out(&shown, error.to_string())),
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn one(file: &File, name: &str, kind: Kind, all: &mut u64) -> Result<(Note, usize), NodeError> {
    let most = if kind == Kind::Package { ANY } else { TEXT };
    let opened = std::fs::File::open(&file.path).map_err(|error| unreadable(&file.path, error))?;
    let mut bytes = Vec::new();
    // Not what the system says it has: it may grow while it is read.
    opened.take(most + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&file.path, error))?;
    let size = bytes.len() as u64;
    *all += size;
    if size > most {
        let most = most >> 20;
        return Err(NodeError::BadInput(format!(
            "{name} is larger than {most} MB, the most a document is made of. Split it; nothing of it was imported."
        )));
    }
    if *all > ALL {
        return Err(NodeError::CannotWrite(format!(
            "there are more than {} MB of text. Import the folders one by one; nothing was imported.",
            ALL >> 20
        )));
    }
    // A file that a reader breaks on is one that cannot be read.
    let read = catch_unwind(AssertUnwindSafe(|| import::file(name, &bytes)));
    let read = read.map_err(|_| {
        NodeError::BadInput(format!("{name} cannot be read: it is damaged in a way that is not known."))
    })?;
    let read = read.map_err(|error| NodeError::BadInput(error.to_string()))?;
    let note = match (kind, std::str::from_utf8(&bytes)) {
        (Kind::Note, Ok(text)) => import::note(text),
        _ => Note { items: read.items, ..Note::default() },
    };
    let blocks = note.items.iter().filter(|item| matches!(item, Item::Block { .. })).count();
    if blocks > BLOCKS {
        return Err(NodeError::BadInput(format!(
            "{name} has {blocks} paragraphs, and a document takes at most {BLOCKS}. Split it; nothing of it was imported."
        )));
    }
    Ok((note, read.pictures))
}
