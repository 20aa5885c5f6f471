//! Automerge changes: honest ones, by whoever is named, and chunks put together by hand.

use std::io::Write;

use sha2::{Digest, Sha256};
use sheaf_access::{DocumentId, LogId, PersonId};
use sheaf_document::edit::Edit;
use sheaf_document::model::{Item, Marks};
use sheaf_document::{Document, Genesis, Slot, ValidChange};
use sheaf_log::{Part, actor};

use super::{Held, Raw};

/// Who a change says it is by.
pub struct Author {
    /// The log whose actor it names.
    pub log: LogId,
    /// The person it names.
    pub person: PersonId,
    /// The document the actor is derived for.
    pub document: DocumentId,
}

impl Author {
    /// As it should be.
    pub fn of(raw: &Raw, held: &Held, document: DocumentId) -> Self {
        Self { log: held.log, person: raw.certificate.person, document }
    }

    fn slot(&self) -> Slot {
        let actor = actor(&self.log, &self.document, Part::Body, 0).to_vec();
        Slot { actor, author: self.person.as_bytes().to_vec() }
    }
}

/// A change that types a text at the beginning of a document, knowing nothing of what is in it.
///
/// # Panics
/// Never: such a change can always be made.
pub fn typed(author: &Author, text: &str) -> Vec<u8> {
    let insert = vec![Item::Text { text: text.to_owned(), marks: Marks::new() }];
    let edits = [Edit::Splice { at: 0, delete: 0, insert }];
    let made = Document::new(Genesis::Text).edit(&author.slot(), &edits).expect("an honest edit");
    made.into_iter().next().expect("one change").bytes
}

/// A change that types a text on top of one that this other author has made, and that nobody else has.
///
/// # Panics
/// Never: such a change can always be made.
pub fn typed_on(author: &Author, unknown: &Author, text: &str) -> Vec<u8> {
    let insert = vec![Item::Text { text: text.to_owned(), marks: Marks::new() }];
    let edits = [Edit::Splice { at: 0, delete: 0, insert }];
    let mut document = Document::new(Genesis::Text);
    document.edit(&unknown.slot(), &edits).expect("an honest edit");
    let made = document.edit(&author.slot(), &edits).expect("an honest edit");
    made.into_iter().next().expect("one change").bytes
}

/// A change that types a text on top of what is in a document, as far as this is held.
///
/// # Panics
/// When what is held is not an honest document.
pub fn typed_over(author: &Author, held: &Held, text: &str) -> Vec<u8> {
    let contents = held.entries.iter().filter_map(|entry| entry.open(held.keys.get(&entry.header().epoch)?).ok());
    let changes = contents.filter(|content| content.document == author.document).flat_map(|content| content.changes);
    let changes = changes.map(|bytes| ValidChange::unchecked(&bytes).expect("an honest change"));
    let mut document = Document::new(Genesis::Text);
    let applied = document.apply(changes.collect());
    assert!(applied.refused.is_empty() && !applied.applied.is_empty(), "{applied:?}");
    let insert = vec![Item::Text { text: text.to_owned(), marks: Marks::new() }];
    let made = document.edit(&author.slot(), &[Edit::Splice { at: 0, delete: 0, insert }]).expect("an honest edit");
    made.into_iter().next().expect("one change").bytes
}

/// A change of a hundred bytes that stands for so many operations: every column is one run.
pub fn billions(author: &Author, operations: u64) -> Vec<u8> {
    const NAME: u32 = 0x15;
    const INSERT: u32 = 0x34;
    const ACTION: u32 = 0x42;
    const META: u32 = 0x56;
    const PRED: u32 = 0x70;
    let mut insert = Vec::new();
    leb(operations, &mut insert);
    chunk(
        author,
        &[
            (NAME, run(operations, b"\x03key")),
            (INSERT, insert),
            (ACTION, run(operations, &[1])),
            (META, run(operations, &[0])),
            (PRED, run(operations, &[0])),
        ],
    )
}

/// A change chunk that says it is deflated, and inflates to so many bytes.
///
/// # Panics
/// Never: it is written to memory.
pub fn deflated(author: &Author, bytes: u64) -> Vec<u8> {
    const DEFLATED: u8 = 2;
    let honest = typed(author, "x");
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), bytes), &mut encoder).expect("memory can be written");
    encoder.flush().expect("memory can be written");
    let body = encoder.finish().expect("memory can be written");
    // The checksum is the honest change's: nobody can tell before inflating.
    let mut out = honest[..8].to_vec();
    out.push(DEFLATED);
    leb(body.len() as u64, &mut out);
    out.extend(body);
    out
}

/// A change with these columns, at the very beginning of a document.
fn chunk(author: &Author, columns: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let Slot { actor, author: person } = author.slot();
    let heads = Document::new(Genesis::Text).heads();
    let mut body = Vec::new();
    leb(heads.len() as u64, &mut body);
    for head in &heads {
        body.extend(head.0);
    }
    leb(actor.len() as u64, &mut body);
    body.extend(actor);
    leb(1, &mut body); // its number among the actor's
    leb(2, &mut body); // its first operation, after that of the beginning
    body.extend([0, 0, 0]); // time, message, other actors
    leb(columns.len() as u64, &mut body);
    for (name, data) in columns {
        leb(u64::from(*name), &mut body);
        leb(data.len() as u64, &mut body);
    }
    for (_, data) in columns {
        body.extend(data);
    }
    body.extend([&[1, 32][..], &person].concat());
    let mut out = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    leb(body.len() as u64, &mut out);
    out.extend(body);
    let hash = Sha256::digest(&out[8..]);
    out[4..8].copy_from_slice(&hash[..4]);
    out
}

fn leb(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// `count` times the same value, as one run; the count is signed.
fn run(count: u64, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = count;
    while rest > 0x3f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend(value);
    out
}
