//! Opening: stored entries, own and received, become changes of documents.
//!
//! Entries are opened in the order they arrived, from a mark that is kept (so that a crash only opens some twice). Those
//! whose key is not here wait for it (see `unopened`); nothing else does. For each document it is noted which entries hold
//! its changes; if the document is open, its thread gets them at once, otherwise it finds them when it is.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sheaf_access::{DocumentId, EpochId, PersonId};
use sheaf_document::check::peek;
use sheaf_log::{Entry, EntryRef, Kind, MineKey, Part, belongings_document, index_document};
use sheaf_store::{Arrival, CacheKind, DocumentRow, StoreError};

use crate::core::{Core, READ, locked};
use crate::document::cache_name;
use crate::ledger::{Committed, Ledgers, own_changes};
use crate::space::Space;
use crate::unopened::Opened;
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
        let closed = space.lock().closed.clone();
        self.open_what_waited(space, &mut opened)?;
        self.open_from(space, &mut opened, first)?;
        // What comes after an entry that closed its log, and what builds on that, does not count.
        if space.lock().closed == closed { Ok(()) } else { self.recount(space) }
    }

    fn open_from(&self, space: &Space, opened: &mut Opened, first: Option<Arrival>) -> Result<(), StoreError> {
        let before = opened.upto;
        if let Some(first) = first.filter(|first| *first <= before) {
            opened.upto = first.saturating_sub(1);
        }
        loop {
            let batch = self.store.since(space.id, opened.upto, READ)?;
            let Some((last, _)) = batch.last() else { return Ok(()) };
            let mut found = Found::default();
            for (arrival, entry) in &batch {
                if let Some(epoch) = self.open_one(space, &mut opened.ledgers, (*arrival, entry), &mut found)? {
                    self.wait_for_key(space, opened, epoch, *arrival)?;
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
            self.finder.changed((space.id, *document));
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

    /// Opens one entry. Answers the epoch whose key it waits for, if that is not here: its own, or that of one before it in
    /// its log.
    pub fn open_one(
        &self,
        space: &Space,
        ledgers: &mut Ledgers,
        (arrival, entry): (Arrival, &Entry),
        found: &mut Found,
    ) -> Result<Option<EpochId>, StoreError> {
        if !matches!(entry.header().kind, Kind::Body | Kind::Talk) {
            return self.held_to(space, ledgers, entry, &[]).map(|held| held.break_value().flatten());
        }
        let epoch = entry.header().epoch;
        let (key, author, own_log) = {
            let state = space.lock();
            let key = state.keys.get(&epoch).cloned();
            let author = state.access.as_ref().and_then(|access| access.now().person_of(&entry.log().device));
            (key, author, state.log.id)
        };
        let Some(key) = key else { return Ok(Some(epoch)) };
        let close = |reason: &str| self.close_log(space, entry.log(), entry.seq(), reason);
        let content = match entry.open(&key) {
            Ok(content) => content,
            Err(error) => {
                close(&error.to_string());
                return Ok(None);
            }
        };
        let peeks = match content.changes.iter().map(|change| peek(change)).collect::<Result<Vec<_>, _>>() {
            Ok(peeks) => peeks,
            Err(error) => {
                close(&error.to_string());
                return Ok(None);
            }
        };
        let Some(own) = own_changes(entry, &content, &peeks) else {
            close("it holds a change by an actor of another log");
            return Ok(None);
        };
        let held = self.held_to(space, ledgers, entry, &own)?;
        if let ControlFlow::Break(Some(epoch)) = held {
            return Ok(Some(epoch));
        }
        let Some(author) = author else { return Ok(None) };
        if entry.log() == own_log && held.is_continue() {
            found.own.extend(own);
        }
        // Noted also where the log is closed: whether an entry names what it builds on does not hang on what is known of others.
        let changes = peeks.iter().map(|peek| peek.hash.0).collect();
        let row = DocumentRow { arrival, log: entry.log(), seq: entry.seq(), changes };
        found.rows.entry(content.document).or_default().push(row);
        let (names, changes) = (named_by(entry), content.changes);
        let arrived = Arrived { arrival, entry: entry.reference(), author, names, changes };
        // A discussion is kept until there is something to read it with.
        if content.part == Part::Body {
            found.arrived.entry(content.document).or_default().push(arrived);
        }
        Ok(None)
    }

    /// Holds an entry to what its log wrote, and closes the log if it commits to something else. What breaks off is done
    /// with for now, or waits for the key of an epoch.
    fn held_to(
        &self,
        space: &Space,
        ledgers: &mut Ledgers,
        entry: &Entry,
        changes: &[(MineKey, u64, [u8; 32])],
    ) -> Result<ControlFlow<Option<EpochId>>, StoreError> {
        Ok(match self.commits(space, ledgers, entry, changes)? {
            Committed::Yes => ControlFlow::Continue(()),
            Committed::Waits(epoch) => ControlFlow::Break(Some(epoch)),
            Committed::No => {
                let reason = "it commits to other changes than its log has";
                self.close_log(space, entry.log(), entry.seq(), reason);
                ControlFlow::Break(None)
            }
        })
    }
}

/// What an entry builds on: the one before it, and those that it names.
pub fn named_by(entry: &Entry) -> Vec<EntryRef> {
    let header = entry.header();
    let before = header.prev.map(|hash| EntryRef { log: header.log, seq: header.seq - 1, hash });
    before.into_iter().chain(header.builds_on.iter().copied()).collect()
}
