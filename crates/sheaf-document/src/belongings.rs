//! What all devices of a person share, in a document of its own in their private space (D2): which spaces there are, which
//! devices, which persons were verified, and what the person is called.
//!
//! Every map is flat, from an id to a plain value: two devices that write down the same thing at the same time, before
//! they have heard of each other, then write the same value twice, and nothing that one of them put beside it is lost.
//! What came later stands in the root, under a name of its own: `pinned/` and the id of a document that the person wants at
//! hand, with the time.
//!
//! The values are what this person's own devices wrote; what a certificate or a revocation says is checked by whoever
//! reads it.

use std::collections::BTreeMap;

use automerge::{AutomergeError, ObjId, ROOT, ReadDoc, ScalarValue, Value, transaction::Transactable};

use crate::document::{Committed, Document, Genesis, Slot, WriteError};

/// The maps, in the order in which the genesis change makes them.
pub(crate) const MAPS: [&str; 8] = ["spaces", "left", "devices", "names", "added", "revoked", "verified", "profile"];

/// What stands before a document that is pinned.
const PINNED: &str = "pinned/";
/// Longer names are cut when read.
const MAX_NAME: usize = 200;
/// Longer values are not read: a certificate or a revocation has about 200 bytes.
const MAX_BYTES: usize = 1024;

#[derive(Clone, Copy)]
enum Map {
    Spaces = 1,
    Left,
    Devices,
    Names,
    Added,
    Revoked,
    Verified,
    Profile,
}

impl Map {
    fn id(self) -> ObjId {
        Genesis::object(self as u64)
    }
}

/// A space on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSpace {
    /// Its id.
    pub id: String,
    /// When it was put on the list, in milliseconds since 1970.
    pub added: i64,
    /// Whether the person has left it.
    pub left: bool,
}

/// A device on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDevice {
    /// Its id.
    pub id: String,
    /// What the person calls it; empty if nothing.
    pub name: String,
    /// When it was put on the list, in milliseconds since 1970.
    pub added: i64,
    /// What makes it the person's, as the caller wrote it.
    pub proof: Vec<u8>,
}

/// What a person's devices share, read from its document.
#[derive(Clone, Copy, Debug)]
pub struct Belongings<'a> {
    doc: &'a Document,
}

impl<'a> Belongings<'a> {
    /// Reads the document.
    pub fn of(doc: &'a Document) -> Self {
        Self { doc }
    }

    /// The spaces.
    pub fn spaces(&self) -> Vec<ListedSpace> {
        let left = |id: &str| matches!(self.scalar(Map::Left, id), Some(value) if value.as_bool() == Some(true));
        self.keys(Map::Spaces)
            .map(|id| ListedSpace { added: self.number(Map::Spaces, &id), left: left(&id), id })
            .collect()
    }

    /// The devices, the removed ones too.
    pub fn devices(&self) -> Vec<ListedDevice> {
        self.keys(Map::Devices)
            .map(|id| ListedDevice {
                name: self.text(Map::Names, &id).unwrap_or_default(),
                added: self.number(Map::Added, &id),
                proof: self.bytes(Map::Devices, &id).unwrap_or_default(),
                id,
            })
            .collect()
    }

    /// The revocations of devices, by device, as the caller wrote them.
    pub fn revocations(&self) -> Vec<(String, Vec<u8>)> {
        self.keys(Map::Revoked).filter_map(|id| Some((id.clone(), self.bytes(Map::Revoked, &id)?))).collect()
    }

    /// The persons of whom somebody has said whether their words were the same, and what.
    pub fn verified(&self) -> Vec<(String, bool)> {
        let said = |id: String| {
            let is = self.scalar(Map::Verified, &id)?.as_bool()?;
            Some((id, is))
        };
        self.keys(Map::Verified).filter_map(said).collect()
    }

    /// The documents that are pinned, and since when, in milliseconds since 1970.
    pub fn pinned(&self) -> BTreeMap<String, i64> {
        let doc = self.doc.automerge();
        let one = |key: String| match doc.get(&ROOT, key.as_str()) {
            Ok(Some((Value::Scalar(value), _))) => match &*value {
                ScalarValue::Timestamp(time) => Some((key.strip_prefix(PINNED)?.to_owned(), *time)),
                _ => None,
            },
            _ => None,
        };
        doc.keys(&ROOT).filter(|key| key.starts_with(PINNED)).filter_map(one).collect()
    }

    /// The person's name and colour, if they were written down.
    pub fn profile(&self) -> Option<(String, u8)> {
        let name = self.text(Map::Profile, "name")?;
        let colour = self.scalar(Map::Profile, "colour")?.as_i64().and_then(|colour| u8::try_from(colour).ok())?;
        Some((name, colour.clamp(1, 8)))
    }

    fn keys(self, map: Map) -> impl Iterator<Item = String> + use<'a> {
        self.doc.automerge().keys(map.id())
    }

    fn scalar(self, map: Map, key: &str) -> Option<ScalarValue> {
        match self.doc.automerge().get(map.id(), key) {
            Ok(Some((Value::Scalar(value), _))) => Some(value.into_owned()),
            _ => None,
        }
    }

    fn number(self, map: Map, key: &str) -> i64 {
        match self.scalar(map, key) {
            Some(ScalarValue::Timestamp(time)) => time,
            Some(value) => value.as_i64().unwrap_or(0),
            None => 0,
        }
    }

    fn text(self, map: Map, key: &str) -> Option<String> {
        let value = self.scalar(map, key)?;
        value.as_str().map(|text| text.chars().take(MAX_NAME).collect())
    }

    fn bytes(self, map: Map, key: &str) -> Option<Vec<u8>> {
        match self.scalar(map, key) {
            Some(ScalarValue::Bytes(bytes)) if bytes.len() <= MAX_BYTES => Some(bytes),
            _ => None,
        }
    }
}

/// Puts a space on the list; one that was left is back.
pub fn put_space(doc: &mut Document, slot: &Slot, id: &str, now: i64) -> Result<Option<Committed>, WriteError> {
    let listed = Belongings::of(doc).spaces().into_iter().find(|space| space.id == id);
    if listed.as_ref().is_some_and(|space| !space.left) {
        return Ok(None);
    }
    change(doc, slot, |tx| {
        if listed.is_some() {
            return tx.put(Map::Left.id(), id, false);
        }
        tx.put(Map::Spaces.id(), id, ScalarValue::Timestamp(now))
    })
}

/// Marks a space as left.
pub fn set_left(doc: &mut Document, slot: &Slot, id: &str) -> Result<Option<Committed>, WriteError> {
    put(doc, slot, Map::Left, id, ScalarValue::Boolean(true))
}

/// Puts a device on the list, with what makes it the person's.
pub fn put_device(
    doc: &mut Document,
    slot: &Slot,
    id: &str,
    proof: &[u8],
    now: i64,
) -> Result<Option<Committed>, WriteError> {
    if Belongings::of(doc).bytes(Map::Devices, id).is_some_and(|known| known == proof) {
        return Ok(None);
    }
    change(doc, slot, |tx| {
        tx.put(Map::Devices.id(), id, ScalarValue::Bytes(proof.to_vec()))?;
        tx.put(Map::Added.id(), id, ScalarValue::Timestamp(now))
    })
}

/// Calls a device something.
pub fn set_device_name(doc: &mut Document, slot: &Slot, id: &str, name: &str) -> Result<Option<Committed>, WriteError> {
    put(doc, slot, Map::Names, id, name.into())
}

/// Writes down that a device is the person's no longer.
pub fn put_revocation(
    doc: &mut Document,
    slot: &Slot,
    id: &str,
    revocation: &[u8],
) -> Result<Option<Committed>, WriteError> {
    put(doc, slot, Map::Revoked, id, ScalarValue::Bytes(revocation.to_vec()))
}

/// Writes down whether a person's words were compared and found the same.
pub fn set_verified(
    doc: &mut Document,
    slot: &Slot,
    person: &str,
    verified: bool,
) -> Result<Option<Committed>, WriteError> {
    put(doc, slot, Map::Verified, person, ScalarValue::Boolean(verified))
}

/// Pins a document, or takes the pin off. Nothing happens if that is so already.
pub fn set_pinned(
    doc: &mut Document,
    slot: &Slot,
    id: &str,
    since: Option<i64>,
) -> Result<Option<Committed>, WriteError> {
    if Belongings::of(doc).pinned().contains_key(id) == since.is_some() {
        return Ok(None);
    }
    let value = since.map_or(ScalarValue::Null, ScalarValue::Timestamp);
    change(doc, slot, |tx| tx.put(ROOT, format!("{PINNED}{id}"), value))
}

/// Writes down what the person is called.
pub fn set_profile(doc: &mut Document, slot: &Slot, name: &str, colour: u8) -> Result<Option<Committed>, WriteError> {
    if Belongings::of(doc).profile().is_some_and(|known| known == (name.to_owned(), colour)) {
        return Ok(None);
    }
    change(doc, slot, |tx| {
        tx.put(Map::Profile.id(), "name", name)?;
        tx.put(Map::Profile.id(), "colour", i64::from(colour))
    })
}

/// Puts a value where it is not already.
fn put(
    doc: &mut Document,
    slot: &Slot,
    map: Map,
    key: &str,
    value: ScalarValue,
) -> Result<Option<Committed>, WriteError> {
    if Belongings::of(doc).scalar(map, key).as_ref() == Some(&value) {
        return Ok(None);
    }
    change(doc, slot, |tx| tx.put(map.id(), key, value))
}

fn change(
    doc: &mut Document,
    slot: &Slot,
    change: impl FnOnce(&mut automerge::transaction::Transaction<'_>) -> Result<(), AutomergeError>,
) -> Result<Option<Committed>, WriteError> {
    // Whoever reads a document that is something else finds nothing; whoever writes is told.
    if doc.automerge().get(ROOT, MAPS[0])?.is_none() {
        return Err(WriteError::NoText);
    }
    Ok(doc.change(slot, change)?.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checker, Expect};

    fn slot(name: u8) -> Slot {
        Slot { actor: vec![name; 32], author: vec![9; 32] }
    }

    fn exchange(from: &Committed, author: &Slot, to: &mut Document) {
        let expect = Expect { actors: vec![author.actor.clone()], author: author.author.clone() };
        let change = Checker::new(to).check(&from.bytes, &expect).unwrap();
        assert!(to.apply(vec![change]).refused.is_empty());
    }

    #[test]
    fn what_two_devices_write_at_the_same_time_is_all_there() {
        let (mut one, mut other) = (Document::new(Genesis::Belongings), Document::new(Genesis::Belongings));
        let (here, there) = (slot(1), slot(2));
        let first = put_space(&mut one, &here, "s", 5).unwrap().unwrap();
        let second = put_device(&mut one, &here, "d", &[1, 2], 6).unwrap().unwrap();
        let third = put_space(&mut other, &there, "s", 7).unwrap().unwrap();
        let fourth = set_device_name(&mut other, &there, "d", "Laptop").unwrap().unwrap();
        for change in [&first, &second] {
            exchange(change, &here, &mut other);
        }
        for change in [&third, &fourth] {
            exchange(change, &there, &mut one);
        }
        for doc in [&one, &other] {
            let all = Belongings::of(doc);
            assert_eq!(all.spaces().len(), 1);
            let device = ListedDevice { id: "d".into(), name: "Laptop".into(), added: 6, proof: vec![1, 2] };
            assert_eq!(all.devices(), vec![device]);
        }
        assert_eq!(Belongings::of(&one).spaces(), Belongings::of(&other).spaces());
    }

    #[test]
    fn saying_it_again_writes_nothing_and_leaving_is_a_mark() {
        let (mut doc, me) = (Document::new(Genesis::Belongings), slot(1));
        for _ in 0..2 {
            put_space(&mut doc, &me, "s", 5).unwrap();
        }
        assert!(put_space(&mut doc, &me, "s", 6).unwrap().is_none());
        assert!(set_left(&mut doc, &me, "s").unwrap().is_some());
        assert!(set_left(&mut doc, &me, "s").unwrap().is_none());
        assert_eq!(Belongings::of(&doc).spaces(), vec![ListedSpace { id: "s".into(), added: 5, left: true }]);
        put_space(&mut doc, &me, "s", 9).unwrap();
        assert!(!Belongings::of(&doc).spaces()[0].left);
        assert!(set_profile(&mut doc, &me, "Ana", 3).unwrap().is_some());
        assert!(set_profile(&mut doc, &me, "Ana", 3).unwrap().is_none());
        assert_eq!(Belongings::of(&doc).profile(), Some(("Ana".into(), 3)));
        set_verified(&mut doc, &me, "p", true).unwrap();
        assert_eq!(Belongings::of(&doc).verified(), vec![("p".to_owned(), true)]);
        set_verified(&mut doc, &me, "p", false).unwrap();
        assert_eq!(Belongings::of(&doc).verified(), vec![("p".to_owned(), false)]);
        for (since, is) in [(Some(5), true), (Some(6), true), (None, false), (None, false)] {
            set_pinned(&mut doc, &me, "x", since).unwrap();
            assert_eq!(Belongings::of(&doc).pinned(), is.then(|| ("x".to_owned(), 5)).into_iter().collect());
        }
        put_revocation(&mut doc, &me, "d", &[7]).unwrap();
        assert_eq!(Belongings::of(&doc).revocations(), vec![("d".to_owned(), vec![7])]);
    }

    #[test]
    fn it_is_saved_and_read_again() {
        let mut doc = Document::new(Genesis::Belongings);
        put_space(&mut doc, &slot(1), "s", 5).unwrap();
        let again = Document::load(&doc.save()).unwrap();
        assert_eq!(Belongings::of(&again).spaces(), Belongings::of(&doc).spaces());
        assert!(Belongings::of(&Document::new(Genesis::Text)).spaces().is_empty());
        assert!(put_space(&mut Document::new(Genesis::Text), &slot(1), "s", 5).is_err());
    }
}
