//! Opening: stored entries, own and received, become changes of documents.
//!
//! Entries are opened in the order they arrived, from a mark that is kept (so that a crash only opens some twice). Those
//! whose key is not here wait for it (see `unopened`); nothing else does. For each document it is noted which entries hold
//! its changes; if the document is open, its thread gets them at once, otherwise it finds them when it is.

use std::collections::BTreeMap;

use sheaf_access::{DocumentId, PersonId};
use sheaf_document::check::{Peek, peek};
use sheaf_log::{
    Content, Entry, EntryRef, Kind, MineKey, OpenError, Part, belongings_document, index_document, slot_of,
};
use sheaf_store::{Arrival, CacheKind, DocumentRow, StoreError};

use crate::core::{Core, READ, locked};
use crate::document::cache_name;
use crate::space::Space;
use crate::view::NodeEvent;

/// Changes of one document, as an entry brought them.
pub struct Arrived {
    /// When the entry came.
    pub arrival: Arrival,
    /// The entry.
    pub entry: EntryRef,
    /// Who wrote it.
    pub author: PersonId,
    /// What it builds on: the entry before it, and those that it names.
    pub names: Vec<EntryRef>,
    /// The changes, unchecked.
    pub changes: Vec<Vec<u8>>,
}

/// What opening a run of entries found.
#[derive(Default)]
pub struct Found {
    rows: BTreeMap<DocumentId, Vec<DocumentRow>>,
    arrived: BTreeMap<DocumentId, Vec<Arrived>>,
    own: Vec<(MineKey, u64, [u8; 32])>,
}

impl Core {
    /// Opens what has been stored since the last time; `first` is the lowest arrival of what was just stored, which may be
    /// below the mark when it fills a hole that damage had left. Blocks.
    pub fn open_new(&self, space: &Space, first: Option<Arrival>) {
        if let Err(error) = self.try_open_new(space, first) {
            // What was not opened stays stored, and is opened the next time.
            tracing::error!(%error, space = %space.id, "stored entries cannot be opened");
        }
    }

    /// Opens everything again, because what was noted of it is lost. Blocks.
    pub fn open_all_again(&self, space: &Space) {
        self.open_new(space, Some(1));
    }

    fn try_open_new(&self, space: &Space, first: Option<Arrival>) -> Result<(), StoreError> {
        let mut opened = locked(&space.opened);
        self.recount(space)?;
        self.open_what_waited(space, &mut opened)?;
        let before = opened.upto;
        if let Some(first) = first.filter(|first| *first <= before) {
            opened.upto = first.saturating_sub(1);
        }
        loop {
            let batch = self.store.since(space.id, opened.upto, READ)?;
            let Some((last, _)) = batch.last() else { return Ok(()) };
            let mut found = Found::default();
            for (arrival, entry) in &batch {
                if !self.open_one(space, *arrival, entry, &mut found) {
                    self.wait_for_key(space, &mut opened, entry.header().epoch, *arrival)?;
                }
            }
            self.take_found(space, before, *last, found)?;
            opened.upto = *last;
        }
    }

    /// Notes what opening entries found, and tells the open documents; everything up to `upto` has been opened then, and
    /// everything up to `before` had been already.
    pub fn take_found(&self, space: &Space, before: Arrival, upto: Arrival, found: Found) -> Result<(), StoreError> {
        for (document, rows) in &found.rows {
            self.store.note(space.id, *document, rows)?;
            self.put_home_of(*document, space.id)?;
            if rows.iter().any(|row| row.arrival <= before) {
                // A saved copy that claims to hold everything up to there does not.
                self.store.drop_cache(CacheKind::Snapshot, cache_name(space.id, *document))?;
            }
        }
        if found.rows.contains_key(&index_document(&space.id)) {
            self.index_changed(space);
        }
        if found.rows.contains_key(&belongings_document(&space.id)) {
            self.say(NodeEvent::Devices);
            self.devices.wake();
        }
        for (document, arrived) in found.arrived {
            self.arrived((space.id, document), arrived);
        }
        self.put_opened(space, upto, &found.own)
    }

    /// Opens one entry. Answers no if its key is not here.
    pub fn open_one(&self, space: &Space, arrival: Arrival, entry: &Entry, found: &mut Found) -> bool {
        if !matches!(entry.header().kind, Kind::Body | Kind::Talk) {
            return true;
        }
        let (key, author, own_log) = {
            let state = space.lock();
            let key = state.keys.get(&entry.header().epoch).cloned();
            let author = state.access.as_ref().and_then(|access| access.now().person_of(&entry.log().device));
            (key, author, state.log.id)
        };
        let Some(key) = key else { return false };
        let Some(author) = author else { return true };
        match entry.open(&key) {
            Ok(content) => {
                let peeks = match content.changes.iter().map(|change| peek(change)).collect::<Result<Vec<_>, _>>() {
                    Ok(peeks) => peeks,
                    Err(error) => {
                        self.close_log(space, entry.log(), entry.seq(), &error.to_string());
                        return true;
                    }
                };
                if entry.log() == own_log {
                    found.own.extend(own_changes(entry, &content, &peeks));
                }
                let changes = peeks.iter().map(|peek| peek.hash.0).collect();
                let row = DocumentRow { arrival, log: entry.log(), seq: entry.seq(), changes };
                found.rows.entry(content.document).or_default().push(row);
                let (names, changes) = (named_by(entry), content.changes);
                let arrived = Arrived { arrival, entry: entry.reference(), author, names, changes };
                // A discussion is kept until there is something to read it with.
                if content.part == Part::Body {
                    found.arrived.entry(content.document).or_default().push(arrived);
                }
            }
            Err(
                error @ (OpenError::NotContent(_)
                | OpenError::OtherPart
                | OpenError::Seal(_)
                | OpenError::Content(_)
                | OpenError::Checkpoint(_)),
            ) => {
                self.close_log(space, entry.log(), entry.seq(), &error.to_string());
            }
        }
        true
    }
}

/// What an entry builds on: the one before it, and those that it names.
pub fn named_by(entry: &Entry) -> Vec<EntryRef> {
    let header = entry.header();
    let before = header.prev.map(|hash| EntryRef { log: header.log, seq: header.seq - 1, hash });
    before.into_iter().chain(header.builds_on.iter().copied()).collect()
}

/// The changes of an own entry, as its log's map has them.
fn own_changes(entry: &Entry, content: &Content, peeks: &[Peek]) -> Vec<(MineKey, u64, [u8; 32])> {
    let one = |peek: &Peek| {
        let slot = slot_of(&entry.log(), &content.document, content.part, &peek.actor)?;
        Some((MineKey { document: content.document, part: content.part, slot }, peek.seq, peek.hash.0))
    };
    peeks.iter().filter_map(one).collect()
}
