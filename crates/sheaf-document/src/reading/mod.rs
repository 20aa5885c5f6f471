//! A document as the core reads it: blocks, each with its length and its hash, shared between the states that hold it.
//!
//! A session needs the exact state its window shows, and the core the state the document is in. Most of the time these
//! differ in a block or two, or not at all. A [`Reading`] is therefore a row of shared blocks: cloning one copies
//! pointers, comparing two skips what they share, and an edit touches only the blocks it falls into. Nothing here
//! grows with the text outside those blocks, apart from sums over the row of lengths.

mod checksum;
mod compare;
pub(crate) mod items;

use std::sync::{Arc, OnceLock};

pub use checksum::checksum;

use crate::{
    edit::{Edit, EditError},
    model::{Block, Item, MarkValue, Marks, Scalar},
    patch::Patch,
};

/// One block: its marker, and the text and embeds inside.
#[derive(Debug, PartialEq)]
pub(crate) struct BlockReading {
    /// Absent only for an implicit first paragraph.
    pub(crate) marker: Option<Block>,
    pub(crate) inside: Vec<Item>,
}

#[derive(Clone, Debug)]
struct Entry {
    len: usize,
    hash: OnceLock<u32>,
    block: Arc<BlockReading>,
}

impl Entry {
    fn new(marker: Option<Block>, inside: Vec<Item>) -> Self {
        let len = usize::from(marker.is_some()) + items::len_of(&inside);
        Self { len, hash: OnceLock::new(), block: Arc::new(BlockReading { marker, inside }) }
    }

    fn hash(&self) -> u32 {
        *self.hash.get_or_init(|| checksum::block_hash(self.block.marker.as_ref(), &self.block.inside))
    }

    fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.block, &other.block) || (self.len == other.len && self.block == other.block)
    }
}

/// A whole document at one state.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    entries: Vec<Entry>,
    len: usize,
}

impl PartialEq for Reading {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && self.entries.len() == other.entries.len()
            && self.entries.iter().zip(&other.entries).all(|(a, b)| a.same(b))
    }
}

/// The marks of the text before and after a place, as far as text is there.
#[derive(Debug, Default)]
pub(crate) struct Neighbours<'a> {
    pub(crate) before: Option<&'a Marks>,
    pub(crate) after: Option<&'a Marks>,
}

fn text_marks(item: &Item) -> Option<&Marks> {
    match item {
        Item::Text { marks, .. } => Some(marks),
        Item::Block { .. } | Item::Embed { .. } => None,
    }
}

impl Reading {
    /// Reads a row of items, merging what belongs together.
    pub fn from_items(row: impl IntoIterator<Item = Item>) -> Self {
        let mut flat: Vec<Item> = row.into_iter().map(items::normal).collect();
        items::merge(&mut flat);
        let entries = group(flat);
        let len = entries.iter().map(|entry| entry.len).sum();
        Self { entries, len }
    }

    /// The whole row of items.
    pub fn items(&self) -> Vec<Item> {
        flatten(&self.entries)
    }

    /// How many places the document takes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing in it at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many blocks there are.
    pub fn block_count(&self) -> usize {
        self.entries.len()
    }

    /// The checksum (W11).
    pub fn checksum(&self) -> u32 {
        checksum::fold(self.entries.iter().map(Entry::hash))
    }

    /// The text alone: a line for each block, embeds as U+FFFC.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (number, entry) in self.entries.iter().enumerate() {
            if number > 0 {
                out.push('\n');
            }
            for item in &entry.block.inside {
                match item {
                    Item::Text { text, .. } => out.push_str(text),
                    Item::Block { .. } | Item::Embed { .. } => out.push('\u{fffc}'),
                }
            }
        }
        out
    }

    /// The patches that make `newer` of this reading, as few and as small as is quick to find.
    pub fn compare(&self, newer: &Self) -> Vec<Patch> {
        compare::compare(&self.entries, &newer.entries)
    }

    /// The edits that make `newer` of this reading.
    pub fn edits_to(&self, newer: &Self) -> Vec<Edit> {
        let mut now = self.clone();
        let mut edits = Vec::new();
        for patch in self.compare(newer) {
            let edit = match &patch {
                Patch::Splice { at, delete, insert } => {
                    Edit::Splice { at: *at, delete: *delete, insert: insert.clone() }
                }
                Patch::Mark { from, to, name, value } => {
                    Edit::Mark { from: *from, to: *to, name: name.clone(), value: value.clone() }
                }
                Patch::SetBlock { at, block } => match now.block_at(*at as usize) {
                    Some(old) => Edit::SetBlock {
                        at: *at,
                        kind: (old.kind != block.kind).then(|| block.kind.clone()),
                        parents: (old.parents != block.parents).then(|| block.parents.clone()),
                        attrs: (old.attrs.keys().filter(|name| !block.attrs.contains_key(*name)))
                            .map(|name| (name.clone(), Scalar::Null))
                            .chain(
                                block
                                    .attrs
                                    .iter()
                                    .filter(|(n, v)| old.attrs.get(*n) != Some(v))
                                    .map(|(n, v)| (n.clone(), v.clone())),
                            )
                            .collect(),
                    },
                    None => continue,
                },
            };
            // A patch of our own making fits the reading it was made from.
            if now.apply_patch(&patch).is_ok() {
                edits.push(edit);
            }
        }
        edits
    }

    /// Replaces every block that `other` has too by `other`'s copy of it, so that later comparisons are quick.
    pub(crate) fn share_with(&mut self, other: &Self) {
        let same = |(a, b): &(&mut Entry, &Entry)| a.same(b);
        let prefix = self.entries.iter_mut().zip(&other.entries).take_while(same).map(|(a, b)| *a = b.clone()).count();
        let (ours, theirs) = (&mut self.entries[prefix..], &other.entries[prefix..]);
        for (a, b) in ours.iter_mut().rev().zip(theirs.iter().rev()).take_while(same) {
            *a = b.clone();
        }
    }

    /// Carries out one edit.
    pub fn apply_edit(&mut self, edit: &Edit) -> Result<(), EditError> {
        match edit {
            Edit::Splice { at, delete, insert } => self.splice(*at as usize, *delete as usize, insert),
            Edit::Mark { from, to, name, value } => self.mark(*from as usize, *to as usize, name, value),
            Edit::SetBlock { at, kind, parents, attrs } => self.change_block(*at as usize, |block| {
                if let Some(kind) = kind {
                    block.kind.clone_from(kind);
                }
                if let Some(parents) = parents {
                    block.parents.clone_from(parents);
                }
                for (name, value) in attrs {
                    if *value == Scalar::Null {
                        block.attrs.remove(name);
                    } else {
                        block.attrs.insert(name.clone(), value.clone());
                    }
                }
            }),
        }
    }

    /// Carries out one patch.
    pub fn apply_patch(&mut self, patch: &Patch) -> Result<(), EditError> {
        match patch {
            Patch::Splice { at, delete, insert } => self.splice(*at as usize, *delete as usize, insert),
            Patch::Mark { from, to, name, value } => self.mark(*from as usize, *to as usize, name, value),
            Patch::SetBlock { at, block } => self.change_block(*at as usize, |old| {
                let is_embed = old.is_embed;
                old.clone_from(block);
                old.is_embed = is_embed;
            }),
        }
    }

    fn splice(&mut self, at: usize, delete: usize, insert: &[Item]) -> Result<(), EditError> {
        let end = self.check_range(at, at.saturating_add(delete))?;
        // A marker starts its block, so what is put right before it belongs to the block that ends there.
        let (first, start) = self.find(at.saturating_sub(1));
        let (last, _) = self.find(end.saturating_sub(1).max(at.saturating_sub(1)));
        self.rewrite(first, last, start, &[at, end], |row| items::splice(row, at - start, delete, insert))
    }

    fn mark(&mut self, from: usize, to: usize, name: &str, value: &MarkValue) -> Result<(), EditError> {
        if self.check_range(from, to)? == from {
            return Ok(());
        }
        let (first, start) = self.find(from);
        let (last, _) = self.find(to - 1);
        self.rewrite(first, last, start, &[from, to], |row| items::mark(row, from - start, to - start, name, value))
    }

    fn change_block(&mut self, at: usize, change: impl FnOnce(&mut Block)) -> Result<(), EditError> {
        if self.block_at(at).is_none() {
            return Err(EditError::NotABlock { at });
        }
        let (number, start) = self.find(at);
        self.rewrite(number, number, start, &[], |row| {
            let place = items::split(row, at - start)?;
            match row.get_mut(place) {
                Some(Item::Block { block } | Item::Embed { block }) => {
                    change(block);
                    Ok(())
                }
                _ => Err(EditError::NotABlock { at }),
            }
        })
    }

    /// The marker or embed at a place.
    pub(crate) fn block_at(&self, at: usize) -> Option<&Block> {
        if at >= self.len {
            return None;
        }
        let (number, start) = self.find(at);
        let block = &self.entries[number].block;
        let mut place = start;
        if let Some(marker) = &block.marker {
            if place == at {
                return Some(marker);
            }
            place += 1;
        }
        for item in &block.inside {
            if place == at {
                return items::block_of(item);
            }
            place += items::item_len(item);
        }
        None
    }

    /// What lies beside a place, looking past markers and embeds: that is what Automerge's marks may reach across.
    pub(crate) fn neighbours(&self, at: usize) -> Neighbours<'_> {
        let mut found = Neighbours::default();
        if self.entries.is_empty() {
            return found;
        }
        let (number, start) = self.find(at.saturating_sub(1));
        let mut place = start + usize::from(self.entries[number].block.marker.is_some());
        for item in &self.entries[number].block.inside {
            let end = place + items::item_len(item);
            if place < at {
                found.before = text_marks(item).or(found.before);
            }
            if end > at && found.after.is_none() {
                found.after = text_marks(item);
            }
            place = end;
        }
        let texts = |entry: &Entry| entry.block.inside.iter().any(|item| matches!(item, Item::Text { .. }));
        if found.before.is_none()
            && let Some(entry) = self.entries[..number].iter().rev().find(|e| texts(e))
        {
            found.before = entry.block.inside.iter().rev().find_map(text_marks);
        }
        if found.after.is_none()
            && let Some(entry) = self.entries[number + 1..].iter().find(|e| texts(e))
        {
            found.after = entry.block.inside.iter().find_map(text_marks);
        }
        found
    }

    /// Whether any text lies in a stretch.
    pub(crate) fn has_text(&self, from: usize, to: usize) -> bool {
        let mut start = 0;
        for entry in &self.entries {
            let end = start + entry.len;
            if start >= to {
                return false;
            }
            if end > from {
                let mut place = start + usize::from(entry.block.marker.is_some());
                for item in &entry.block.inside {
                    let item_end = place + items::item_len(item);
                    if item_end > from && place < to && matches!(item, Item::Text { .. }) {
                        return true;
                    }
                    place = item_end;
                }
            }
            start = end;
        }
        false
    }

    fn check_range(&self, from: usize, to: usize) -> Result<usize, EditError> {
        if from > to {
            return Err(EditError::OutOfRange { at: from, len: to });
        }
        if to > self.len {
            return Err(EditError::OutOfRange { at: to, len: self.len });
        }
        Ok(to)
    }

    /// The block a place is in, and where that block starts. Places past the end are in the last one.
    fn find(&self, at: usize) -> (usize, usize) {
        let mut start = 0;
        for (number, entry) in self.entries.iter().enumerate() {
            if at < start + entry.len {
                return (number, start);
            }
            start += entry.len;
        }
        let last = self.entries.len().saturating_sub(1);
        (last, start - self.entries.last().map_or(0, |entry| entry.len))
    }

    /// Takes the blocks `first..=last` apart, lets `change` work on their items, and puts blocks together again.
    /// `cuts` are the places that must not fall inside a character; they are looked at first, so that an error leaves
    /// everything as it was.
    fn rewrite(
        &mut self,
        first: usize,
        last: usize,
        start: usize,
        cuts: &[usize],
        change: impl FnOnce(&mut Vec<Item>) -> Result<(), EditError>,
    ) -> Result<(), EditError> {
        let range = if self.entries.is_empty() { 0..0 } else { first..last + 1 };
        for cut in cuts {
            let mut block_start = start;
            for entry in &self.entries[range.clone()] {
                let inside = block_start + usize::from(entry.block.marker.is_some());
                if *cut > inside && *cut < block_start + entry.len {
                    items::check_cut(&entry.block.inside, cut - inside)
                        .map_err(|_| EditError::SplitsCharacter { at: *cut })?;
                }
                block_start += entry.len;
            }
        }
        let mut row = Vec::new();
        let mut old_len = 0;
        for entry in self.entries.splice(range.clone(), []) {
            old_len += entry.len;
            let block = Arc::try_unwrap(entry.block)
                .unwrap_or_else(|shared| BlockReading { marker: shared.marker.clone(), inside: shared.inside.clone() });
            row.extend(block.marker.map(|block| Item::Block { block }));
            row.extend(block.inside);
        }
        let changed = change(&mut row);
        let entries = group(row);
        self.len = self.len - old_len + entries.iter().map(|entry| entry.len).sum::<usize>();
        self.entries.splice(range.start..range.start, entries);
        changed
    }
}

/// Cuts a row of items into blocks.
fn group(row: Vec<Item>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut marker = None;
    let mut inside = Vec::new();
    for item in row {
        if let Item::Block { block } = item {
            if marker.is_some() || !inside.is_empty() {
                entries.push(Entry::new(marker.take(), std::mem::take(&mut inside)));
            }
            marker = Some(block);
        } else {
            inside.push(item);
        }
    }
    if marker.is_some() || !inside.is_empty() {
        entries.push(Entry::new(marker, inside));
    }
    entries
}

fn flatten(entries: &[Entry]) -> Vec<Item> {
    let mut row = Vec::new();
    for entry in entries {
        row.extend(entry.block.marker.clone().map(|block| Item::Block { block }));
        row.extend(entry.block.inside.iter().cloned());
    }
    row
}
