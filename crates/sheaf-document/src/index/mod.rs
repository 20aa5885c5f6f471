//! A space's index (D1): an Automerge document of its own that says which documents the space has and what its people
//! call themselves.
//!
//! Its root maps `documents` and `people` come from a fixed genesis change. Each document is a map under its id, with
//!
//! - `title`, and `created` (milliseconds since 1970);
//! - `place`, once it was moved: its key among its siblings and, after a space, the id of what it is under (see [`tree`]);
//! - `deleted` and `deletedAt`, once it was put into the trash: deleting is only a mark;
//! - `tag/` and a tag: true, or false once it was taken off, a scalar each, so that tags that two people give are both there;
//! - `template`: true, if others are made after it.
//!
//! Each person is a map under their public key, with `name` and `colour`. The space's own name is the string `name` in the
//! root. Work that was set aside and that somebody has adopted stands in the root as `adopted/` and what it is called by,
//! with the number of the last entry that was adopted: a scalar each, for two people might adopt something at the same time.

mod order;
mod tags;
pub mod tree;

use std::collections::{BTreeSet, HashMap};

use automerge::{
    AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, ScalarValueRef, Value, ValueRef,
    transaction::Transactable,
};

pub use tags::{MAX_TAG, tag};
pub use tree::{MoveError, Moving, Tree};

use crate::document::{Committed, Document, Genesis, Slot, WriteError};

/// What stands before the name of work that was adopted.
const ADOPTED: &str = "adopted/";
/// Longer titles and names are cut when read: they come from others, and stand in every list.
const MAX_NAME: usize = 500;

/// A document as the index has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexedDocument {
    /// Its id.
    pub id: String,
    /// Its title; may be empty.
    pub title: String,
    /// When it was made, in milliseconds since 1970.
    pub created: i64,
    /// When it was put into the trash, in milliseconds since 1970, if it is there; 0 if that was not written down.
    pub trashed: Option<i64>,
    /// Where it says that it is.
    pub place: Place,
    /// Its tags, by letter.
    pub tags: BTreeSet<String>,
    /// Whether others are made after it.
    pub template: bool,
}

/// Where a document says that it is. What comes of that for all of them is a [`Tree`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Under which document; none: at the top.
    pub under: Option<String>,
    /// Its key among its siblings: they are in the order of their keys.
    pub(crate) key: String,
    /// When it was put there, in an order that is the same for all; nothing, if it never was.
    pub(crate) moved: Option<(u64, Vec<u8>)>,
}

/// A document that is to be entered.
#[derive(Clone, Debug, Default)]
pub struct NewDocument<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// When it was made, in milliseconds since 1970.
    pub created: i64,
    /// Where it goes; none: last, at the top.
    pub place: Option<Spot<'a>>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// A place in the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spot<'a> {
    /// Under which document; none: at the top.
    pub under: Option<&'a str>,
    /// Before which of those there; none: last.
    pub before: Option<&'a str>,
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

    /// All documents, those in the trash too, in the order they were made.
    pub fn documents(&self) -> Vec<IndexedDocument> {
        let doc = self.doc.automerge();
        let mut all: Vec<_> = doc.keys(documents()).filter_map(|id| self.document(&id)).collect();
        all.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// One document.
    pub fn document(&self, id: &str) -> Option<IndexedDocument> {
        let map = map_in(self.doc, &documents(), id)?;
        let mut read = IndexedDocument { id: id.to_owned(), ..IndexedDocument::default() };
        let (mut deleted, mut at) = (false, 0);
        let mut place = None;
        for item in self.doc.automerge().map_range(&map, ..) {
            let ValueRef::Scalar(value) = &item.value else { continue };
            match (&*item.key, value) {
                ("created", ScalarValueRef::Timestamp(time) | ScalarValueRef::Int(time)) => read.created = *time,
                ("deleted", ScalarValueRef::Boolean(is)) => deleted = *is,
                ("deletedAt", ScalarValueRef::Timestamp(time)) => at = *time,
                ("template", ScalarValueRef::Boolean(is)) => read.template = *is,
                ("place", ScalarValueRef::Str(text)) => place = Some((text.to_string(), item.id())),
                (key, ScalarValueRef::Boolean(true)) if read.tags.len() < tags::MAX_TAGS => {
                    // What is no tag was not written here.
                    let tag = key.strip_prefix(tags::TAG).filter(|name| tag(name).as_deref() == Some(name));
                    read.tags.extend(tag.map(str::to_owned));
                }
                _ => {}
            }
        }
        read.title = text(self.doc, &map, "title").unwrap_or_default();
        read.trashed = deleted.then_some(at);
        read.place = place.map(|(text, moved)| Place::read(&text, moved)).unwrap_or_default();
        if read.place.key.is_empty() {
            read.place.key = order::by_time(read.created, id);
        }
        Some(read)
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

impl Place {
    fn read(text: &str, moved: ObjId) -> Self {
        let (key, under) = text.split_once(' ').map_or((text, None), |(key, under)| (key, Some(under)));
        let key = if order::is_key(key) { key.to_owned() } else { String::new() };
        let moved = match moved {
            ObjId::Id(counter, actor, _) => Some((counter, actor.to_bytes().to_vec())),
            ObjId::Root => None,
        };
        Self { under: under.map(|under| under.chars().take(MAX_NAME).collect()), key, moved }
    }
}

/// Enters a new document.
pub fn put_document(doc: &mut Document, slot: &Slot, new: &NewDocument<'_>) -> Result<Option<Committed>, WriteError> {
    let place = new.place.and_then(|spot| {
        let all = Index::of(doc).documents();
        let own = IndexedDocument { id: new.id.to_owned(), created: new.created, ..IndexedDocument::default() };
        let tree = Tree::of(all.into_iter().chain([own]).collect());
        // What it should be beside or under may have gone meanwhile; then it is at the top.
        tree.moving(new.id, spot.under, spot.before, new.created).ok()
    });
    change(doc, slot, |tx| {
        let map = tx.put_object(documents(), new.id, ObjType::Map)?;
        tx.put(&map, "title", new.title)?;
        tx.put(&map, "created", ScalarValue::Timestamp(new.created))?;
        for tag in &new.tags {
            tx.put(&map, format!("{}{tag}", tags::TAG), true)?;
        }
        // Its siblings may have to be placed anew as well.
        for (id, place) in place.iter().flat_map(|moving| &moving.0) {
            if let Some((Value::Object(ObjType::Map), map)) = tx.get(documents(), id.as_str())? {
                tx.put(&map, "place", place.as_str())?;
            }
        }
        Ok(())
    })
}

/// A document that is entered with others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnteredDocument {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// When it was made, in milliseconds since 1970; those that are made later stand below those made before.
    pub created: i64,
    /// What it is under; none: at the top.
    pub under: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// Enters many new documents with one change, each last where it belongs. What they are under is there, or among them.
pub fn enter_documents(
    doc: &mut Document,
    slot: &Slot,
    new: &[EnteredDocument],
) -> Result<Option<Committed>, WriteError> {
    change(doc, slot, |tx| {
        for one in new {
            let map = tx.put_object(documents(), &one.id, ObjType::Map)?;
            tx.put(&map, "title", &one.title)?;
            tx.put(&map, "created", ScalarValue::Timestamp(one.created))?;
            for tag in &one.tags {
                tx.put(&map, format!("{}{tag}", tags::TAG), true)?;
            }
            if let Some(under) = &one.under {
                let key = order::by_time(one.created, &one.id);
                tx.put(&map, "place", format!("{key} {under}"))?;
            }
        }
        Ok(())
    })
}

/// Moves documents, as a [`Tree`] has worked it out.
pub fn move_documents(doc: &mut Document, slot: &Slot, moving: &Moving) -> Result<Option<Committed>, WriteError> {
    let maps: Vec<_> =
        moving.0.iter().filter_map(|(id, place)| Some((map_in(doc, &documents(), id)?, place))).collect();
    change(doc, slot, |tx| maps.iter().try_for_each(|(map, place)| tx.put(map, "place", place.as_str())))
}

/// Renames a document. Nothing happens if the index does not have it.
pub fn set_title(doc: &mut Document, slot: &Slot, id: &str, title: &str) -> Result<Option<Committed>, WriteError> {
    let Some(map) = map_in(doc, &documents(), id) else { return Ok(None) };
    change(doc, slot, |tx| tx.put(&map, "title", title))
}

/// Puts a document into the trash. Nothing happens if the index does not have it, or has it there already.
pub fn put_in_trash(doc: &mut Document, slot: &Slot, id: &str, now: i64) -> Result<Option<Committed>, WriteError> {
    let Some(map) = map_in(doc, &documents(), id) else { return Ok(None) };
    if Index::of(doc).document(id).is_none_or(|known| known.trashed.is_some()) {
        return Ok(None);
    }
    change(doc, slot, |tx| {
        tx.put(&map, "deleted", true)?;
        tx.put(&map, "deletedAt", ScalarValue::Timestamp(now))
    })
}

/// Takes a document out of the trash again, in the tree as it is. If it is under another one that stays there, it comes to
/// the top.
pub fn restore(
    doc: &mut Document,
    slot: &Slot,
    tree: &Tree,
    id: &str,
    now: i64,
) -> Result<Option<Committed>, WriteError> {
    let Some(map) = map_in(doc, &documents(), id) else { return Ok(None) };
    let place = tree.rising(id, now).and_then(|moving| moving.0.into_iter().find(|(moved, _)| moved == id));
    change(doc, slot, |tx| {
        tx.put(&map, "deleted", false)?;
        match &place {
            Some((_, place)) => tx.put(&map, "place", place.as_str()),
            None => Ok(()),
        }
    })
}

/// Takes documents out of the index, with everything it says of them: they have been destroyed.
pub fn forget_documents(doc: &mut Document, slot: &Slot, ids: &[String]) -> Result<Option<Committed>, WriteError> {
    let known: Vec<&String> = ids.iter().filter(|id| map_in(doc, &documents(), id).is_some()).collect();
    change(doc, slot, |tx| known.iter().try_for_each(|id| tx.delete(documents(), id.as_str())))
}

/// Gives a document a tag, or takes it off. Nothing happens if that is so already.
pub fn set_tag(
    doc: &mut Document,
    slot: &Slot,
    id: &str,
    tag: &str,
    is: bool,
) -> Result<Option<Committed>, WriteError> {
    let Some(map) = map_in(doc, &documents(), id) else { return Ok(None) };
    if Index::of(doc).document(id).is_none_or(|known| known.tags.contains(tag) == is) {
        return Ok(None);
    }
    change(doc, slot, |tx| tx.put(&map, format!("{}{tag}", tags::TAG), is))
}

/// Says whether others are made after a document. Nothing happens if that is so already.
pub fn set_template(doc: &mut Document, slot: &Slot, id: &str, is: bool) -> Result<Option<Committed>, WriteError> {
    let Some(map) = map_in(doc, &documents(), id) else { return Ok(None) };
    if Index::of(doc).document(id).is_none_or(|known| known.template == is) {
        return Ok(None);
    }
    change(doc, slot, |tx| tx.put(&map, "template", is))
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
