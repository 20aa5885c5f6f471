//! A space's index (D1): an Automerge document of its own that says which documents the space has and what its people
//! call themselves.
//!
//! Its root maps `documents` and `people` come from a fixed genesis change. Each document is a map under its id, with
//! `title`, `created` (milliseconds since 1970) and, once it was deleted, `deleted`; deleting is only a mark. Each person
//! is a map under their public key, with `name` and `colour`. The space's own name is the string `name` in the root. Work
//! that was set aside and that somebody has adopted stands in the root as `adopted/` and what it is called by, with the
//! number of the last entry that was adopted: a scalar each, for two people might adopt something at the same time.

use std::collections::HashMap;

use automerge::{AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value, transaction::Transactable};

use crate::document::{Committed, Document, Genesis, Slot, WriteError};

/// What stands before the name of work that was adopted.
const ADOPTED: &str = "adopted/";
/// Longer titles and names are cut when read: they come from others, and stand in every list.
const MAX_NAME: usize = 500;

/// A document as the index has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedDocument {
    /// Its id.
    pub id: String,
    /// Its title; may be empty.
    pub title: String,
    /// When it was made, in milliseconds since 1970.
    pub created: i64,
    /// Whether it was put into the trash.
    pub deleted: bool,
}

/// A person as the index has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedPerson {
    /// Their public key, in the form the caller wrote it.
    pub id: String,
    /// What they call themselves.
    pub name: String,
    /// Their colour, 1 to 8.
    pub colour: u8,
}

/// The index, read from its document.
#[derive(Clone, Copy, Debug)]
pub struct Index<'a> {
    doc: &'a Document,
}

impl<'a> Index<'a> {
    /// Reads an index document.
    pub fn of(doc: &'a Document) -> Self {
        Self { doc }
    }

    /// The space's name; empty if nobody gave it one.
    pub fn space_name(&self) -> String {
        text(self.doc, &ROOT, "name").unwrap_or_default()
    }

    /// All documents, the deleted ones too, in the order they were made.
    pub fn documents(&self) -> Vec<IndexedDocument> {
        let doc = self.doc.automerge();
        let mut all: Vec<_> = doc.keys(documents()).filter_map(|id| self.document(&id)).collect();
        all.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// One document.
    pub fn document(&self, id: &str) -> Option<IndexedDocument> {
        let map = map_in(self.doc, &documents(), id)?;
        let doc = self.doc.automerge();
        let created = match doc.get(&map, "created") {
            Ok(Some((Value::Scalar(value), _))) => value.as_i64().unwrap_or(0),
            _ => 0,
        };
        let deleted =
            matches!(doc.get(&map, "deleted"), Ok(Some((Value::Scalar(value), _))) if value.as_bool() == Some(true));
        Some(IndexedDocument {
            id: id.to_owned(),
            title: text(self.doc, &map, "title").unwrap_or_default(),
            created,
            deleted,
        })
    }

    /// Work that was set aside and that somebody has adopted: what it is called by, and up to which entry.
    pub fn adopted(&self) -> HashMap<String, u64> {
        let doc = self.doc.automerge();
        let one = |key: String| match doc.get(&ROOT, key.as_str()) {
            Ok(Some((Value::Scalar(value), _))) => Some((key.strip_prefix(ADOPTED)?.to_owned(), value.as_u64()?)),
            _ => None,
        };
        doc.keys(&ROOT).filter(|key| key.starts_with(ADOPTED)).filter_map(one).collect()
    }

    /// Everyone who said what they are called.
    pub fn people(&self) -> Vec<IndexedPerson> {
        let doc = self.doc.automerge();
        doc.keys(people())
            .filter_map(|id| {
                let map = map_in(self.doc, &people(), &id)?;
                let colour = match doc.get(&map, "colour") {
                    Ok(Some((Value::Scalar(value), _))) => {
                        value.as_i64().and_then(|colour| u8::try_from(colour).ok()).unwrap_or(1).clamp(1, 8)
                    }
                    _ => 1,
                };
                Some(IndexedPerson { name: text(self.doc, &map, "name").unwrap_or_default(), id, colour })
            })
            .collect()
    }
}

/// Enters a new document.
pub fn put_document(
    doc: &mut Document,
    slot: &Slot,
    id: &str,
    title: &str,
    created: i64,
) -> Result<Option<Committed>, WriteError> {
    change(doc, slot, |tx| {
        let map = tx.put_object(documents(), id, ObjType::Map)?;
        tx.put(&map, "title", title)?;
        tx.put(&map, "created", ScalarValue::Timestamp(created))
    })
}

/// Renames a document. Nothing happens if the index does not have it.
pub fn set_title(doc: &mut Document, slot: &Slot, id: &str, title: &str) -> Result<Option<Committed>, WriteError> {
    let Some(map) = map_in(doc, &documents(), id) else { return Ok(None) };
    change(doc, slot, |tx| tx.put(&map, "title", title))
}

/// Puts a document into the trash, or takes it out again. Nothing happens if the index does not have it.
pub fn set_deleted(doc: &mut Document, slot: &Slot, id: &str, deleted: bool) -> Result<Option<Committed>, WriteError> {
    let Some(map) = map_in(doc, &documents(), id) else { return Ok(None) };
    change(doc, slot, |tx| tx.put(&map, "deleted", deleted))
}

/// Says what a person is called, and their colour.
pub fn put_person(
    doc: &mut Document,
    slot: &Slot,
    id: &str,
    name: &str,
    colour: u8,
) -> Result<Option<Committed>, WriteError> {
    let known = map_in(doc, &people(), id);
    change(doc, slot, |tx| {
        let map = match known {
            Some(map) => map,
            None => tx.put_object(people(), id, ObjType::Map)?,
        };
        tx.put(&map, "name", name)?;
        tx.put(&map, "colour", i64::from(colour))
    })
}

/// Says that work that was set aside has been adopted, up to an entry. Nothing happens if that was said before.
pub fn put_adopted(doc: &mut Document, slot: &Slot, id: &str, upto: u64) -> Result<Option<Committed>, WriteError> {
    if Index::of(doc).adopted().get(id).is_some_and(|known| *known >= upto) {
        return Ok(None);
    }
    change(doc, slot, |tx| tx.put(ROOT, format!("{ADOPTED}{id}"), ScalarValue::Uint(upto)))
}

/// Names the space.
pub fn set_space_name(doc: &mut Document, slot: &Slot, name: &str) -> Result<Option<Committed>, WriteError> {
    change(doc, slot, |tx| tx.put(ROOT, "name", name))
}

fn change(
    doc: &mut Document,
    slot: &Slot,
    change: impl FnOnce(&mut automerge::transaction::Transaction<'_>) -> Result<(), AutomergeError>,
) -> Result<Option<Committed>, WriteError> {
    Ok(doc.change(slot, change)?.1)
}

fn documents() -> ObjId {
    Genesis::object(1)
}

fn people() -> ObjId {
    Genesis::object(2)
}

fn map_in(doc: &Document, parent: &ObjId, key: &str) -> Option<ObjId> {
    match doc.automerge().get(parent, key) {
        Ok(Some((Value::Object(ObjType::Map), id))) => Some(id),
        _ => None,
    }
}

fn text(doc: &Document, map: &ObjId, key: &str) -> Option<String> {
    match doc.automerge().get(map, key) {
        Ok(Some((Value::Scalar(value), _))) => value.as_str().map(|text| text.chars().take(MAX_NAME).collect()),
        Ok(Some((Value::Object(ObjType::Text), id))) => {
            doc.automerge().text(id).ok().map(|text| text.chars().take(MAX_NAME).collect())
        }
        _ => None,
    }
}
