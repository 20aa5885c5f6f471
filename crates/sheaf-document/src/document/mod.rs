//! One Automerge document: read as items, written by edits, saved, loaded, and thrown away when it breaks.
//!
//! Automerge trusts its input, and panics on some of it. Whatever may meet such input runs where a panic ends the
//! attempt and not the program (L3); the document is then thrown away and rebuilt from what was kept: the bytes it was
//! last loaded from or saved to, and the raw changes since.

mod accept;
pub(crate) mod apply;
pub(crate) mod convert;
mod genesis;
pub(crate) mod guard;
mod load;
pub(crate) mod patch_log;
pub(crate) mod plan;
pub(crate) mod rework;
mod trail;
mod write;
mod writing;

use std::{
    collections::{BTreeSet, HashMap},
    mem::ManuallyDrop,
    sync::{Arc, OnceLock},
};

use automerge::{
    ActorId, Author, Automerge, AutomergeError, ChangeHash, ObjId, PatchLog, ROOT, ReadDoc, TextEncoding, Value,
    transaction::Transaction,
};

pub use accept::{Attested, NotAccepted};
pub use apply::{Applied, RefusedChange};
pub use genesis::Genesis;
pub use load::LoadError;
pub use rework::merge;
use trail::Trail;

use crate::{
    check::scan,
    edit::{Edit, EditError},
    model::Item,
    reading::Reading,
};

/// How many bytes of changes are kept beside the last save before the document is saved anew.
const MAX_TAIL: usize = 8 * 1024 * 1024;

/// Who writes: an actor of the log's, and the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The actor id, 32 bytes, derived from the log, the document, the part and the slot's number (W12).
    pub actor: Vec<u8>,
    /// The person's public key, 32 bytes. The `author` of every change.
    pub author: Vec<u8>,
}

/// A change this device has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The change chunk, raw: never deflated.
    pub bytes: Vec<u8>,
    /// Its hash.
    pub hash: ChangeHash,
    /// The changes it builds on.
    pub deps: Vec<ChangeHash>,
    /// Its actor.
    pub actor: Vec<u8>,
    /// Its number among the actor's changes, from 1.
    pub seq: u64,
}

/// Why something could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The edit does not fit the document.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Automerge refused.
    #[error("the document did not take the change: {0}")]
    Automerge(#[from] AutomergeError),
    /// Automerge broke off. The document was rebuilt from what was kept.
    #[error("the document broke while it was being changed, and was rebuilt as it was before: {0}")]
    Broke(String),
    /// Heads were named that this document does not have.
    #[error("the edit was made at a state of the document that is not here")]
    UnknownHeads,
    /// This document holds no text.
    #[error("this document has no text in it")]
    NoText,
}

/// An actor's latest change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tip {
    pub(crate) seq: u64,
    pub(crate) hash: ChangeHash,
}

/// One Automerge document.
#[derive(Debug)]
pub struct Document {
    pub(crate) doc: Automerge,
    /// The text, and the key in the root it is found under.
    content: Option<(ObjId, String)>,
    /// The latest change of each actor. Gathered when first asked for: that looks at every change there is.
    tips: OnceLock<HashMap<ActorId, Tip>>,
    /// The present state as items, when it is known.
    reading: Option<Reading>,
    /// What it was before it was not known: most of its blocks are still the same.
    stale: Option<Reading>,
    /// Of the changes made or applied since opening: whether they begin or end marks.
    marking: HashMap<ChangeHash, bool>,
    kept: Kept,
    trail: Option<Trail>,
}

/// What the document can be rebuilt from.
#[derive(Debug, Default)]
struct Kept {
    base: Arc<[u8]>,
    tail: Vec<Arc<[u8]>>,
    tail_bytes: usize,
}

impl Kept {
    fn drop_last(&mut self, count: usize) {
        for dropped in self.tail.drain(self.tail.len().saturating_sub(count)..) {
            self.tail_bytes -= dropped.len();
        }
    }
}

impl Document {
    /// A new document, which holds its genesis change and nothing else.
    pub fn new(genesis: Genesis) -> Self {
        // The bytes are constants with a known hash; a test loads both.
        Self::load(genesis.bytes()).unwrap_or_else(|error| unreachable!("a genesis change does not load: {error}"))
    }

    fn around(doc: Automerge, content: Option<(ObjId, String)>) -> Self {
        Self {
            doc,
            content,
            tips: OnceLock::new(),
            reading: None,
            stale: None,
            marking: HashMap::new(),
            kept: Kept::default(),
            trail: None,
        }
    }

    /// The heads: the changes nothing builds on yet, in order.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.doc.get_heads()
    }

    /// Whether a change is in this document.
    pub fn has(&self, hash: &ChangeHash) -> bool {
        self.doc.get_change_meta_by_hash(hash).is_some()
    }

    /// Whether all of these changes are in this document. Automerge reads an *empty* document at heads it does not know
    /// (W9), so ask this first.
    pub fn has_all(&self, heads: &[ChangeHash]) -> bool {
        !heads.is_empty() && heads.iter().all(|head| self.has(head))
    }

    /// The document as items, now.
    pub fn items(&self) -> Vec<Item> {
        match &self.reading {
            Some(reading) => reading.items(),
            None => self.read_afresh().items(),
        }
    }

    /// The document as items at older heads; nothing if one of them is not here.
    pub fn items_at(&self, heads: &[ChangeHash]) -> Option<Vec<Item>> {
        Some(self.reading_at(heads)?.items())
    }

    /// The text alone: a line for each block.
    pub fn text(&self) -> String {
        match &self.reading {
            Some(reading) => reading.text(),
            None => self.read_afresh().text(),
        }
    }

    /// The present state, read from Automerge and not from what is remembered of it.
    pub fn read_afresh(&self) -> Reading {
        let items = self.content.as_ref().and_then(|(content, _)| convert::read(&self.doc, content, None).ok());
        Reading::from_items(items.unwrap_or_default())
    }

    /// The state at older heads; nothing if one of them is not here.
    pub fn reading_at(&self, heads: &[ChangeHash]) -> Option<Reading> {
        if !self.has_all(heads) {
            return None;
        }
        let (content, _) = self.content.as_ref()?;
        Some(Reading::from_items(convert::read(&self.doc, content, Some(heads)).ok()?))
    }

    /// The present state. Remembered, so that only the first call after an unusual change reads the whole document.
    pub fn reading(&mut self) -> &Reading {
        let reading = self.reading.take().unwrap_or_else(|| {
            let mut reading = self.read_afresh();
            if let Some(stale) = self.stale.take() {
                reading.share_with(&stale);
            }
            reading
        });
        self.reading.insert(reading)
    }

    /// The present state is no longer the one that is remembered.
    pub(crate) fn forget_reading(&mut self) {
        if let Some(reading) = self.reading.take() {
            self.stale = Some(reading);
        }
    }

    /// The Automerge document, to read from.
    pub fn automerge(&self) -> &Automerge {
        &self.doc
    }

    /// The text object.
    pub fn content(&self) -> Option<&ObjId> {
        self.content.as_ref().map(|(id, _)| id)
    }

    /// The whole document, compressed. Also what it is rebuilt from should it break later.
    pub fn save(&mut self) -> Vec<u8> {
        let bytes = self.doc.save();
        self.kept = Kept { base: bytes.as_slice().into(), ..Kept::default() };
        bytes
    }

    /// Changes the document through Automerge itself, as `slot`, at its present heads. For what has no edits: the index.
    /// Nothing is committed when `change` fails or does nothing.
    pub fn change<R>(
        &mut self,
        slot: &Slot,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<R, AutomergeError>,
    ) -> Result<(R, Option<Committed>), WriteError> {
        self.become_slot(slot);
        let doc = &mut self.doc;
        let done = guard::caught(|| {
            // Not dropped by a panic, for a second one would end the program; see `write::carry_out`.
            let mut tx = ManuallyDrop::new(doc.transaction_log_patches(PatchLog::inactive())?);
            let result = change(&mut tx);
            let tx = ManuallyDrop::into_inner(tx);
            match result {
                Ok(result) => Ok((result, tx.commit().0)),
                Err(error) => {
                    tx.rollback();
                    Err(error)
                }
            }
        });
        let (result, hash) = match done {
            Ok(done) => done?,
            Err(panic) => {
                self.rebuild();
                return Err(WriteError::Broke(panic));
            }
        };
        self.forget_reading();
        let committed = hash.and_then(|hash| self.note_own(&hash));
        Ok((result, committed))
    }

    /// Who has written in it: the `author` of each actor's first change.
    pub fn authors(&self) -> BTreeSet<Vec<u8>> {
        let first = self.doc.get_changes_meta(&[]).into_iter().filter(|change| change.seq == 1);
        first.filter_map(|change| Some(change.author?.as_bytes().to_vec())).collect()
    }

    /// Applies edits at the present heads, in one go: all of them or none.
    pub fn edit(&mut self, slot: &Slot, edits: &[Edit]) -> Result<Vec<Committed>, WriteError> {
        let before = self.reading().clone();
        let mut after = before.clone();
        let mut steps = Vec::new();
        for edit in edits {
            plan::add(&mut steps, edit, &after)?;
            after.apply_edit(edit)?;
        }
        let heads = self.heads();
        let outcome = self.write(slot, &heads, steps, &before, &after, usize::MAX);
        match outcome.failure {
            None => {
                self.trim();
                Ok(outcome.committed)
            }
            Some(failure) => {
                // A large edit is several changes. Those that were made are not to stay without the others.
                self.kept.drop_last(outcome.committed.len());
                if let Some(trail) = &mut self.trail {
                    trail.drop_last(outcome.committed.len());
                }
                self.rebuild();
                Err(failure)
            }
        }
    }

    /// Makes the document read as `items`, with the smallest edits that do it.
    pub fn replace_with(&mut self, slot: &Slot, items: &[Item]) -> Result<Vec<Committed>, WriteError> {
        let wanted = Reading::from_items(items.iter().cloned());
        let edits = self.reading().edits_to(&wanted);
        self.edit(slot, &edits)
    }

    pub(crate) fn become_slot(&mut self, slot: &Slot) {
        become_slot(&mut self.doc, slot);
    }

    /// The latest change of every actor: with the heads, what a change made now may build on directly.
    pub fn tips(&self) -> Vec<ChangeHash> {
        self.all_tips().values().map(|tip| tip.hash).collect()
    }

    /// The latest change of an actor.
    pub(crate) fn tip(&self, actor: &[u8]) -> Option<Tip> {
        self.all_tips().get(&ActorId::from(actor)).copied()
    }

    fn all_tips(&self) -> &HashMap<ActorId, Tip> {
        self.tips.get_or_init(|| load::tips_of(&self.doc))
    }

    /// Notes the latest change of an actor, if notes are taken already.
    pub(crate) fn set_tip(&mut self, actor: &ActorId, tip: Tip) {
        if let Some(tips) = self.tips.get_mut() {
            let known = tips.entry(actor.clone()).or_insert(tip);
            if known.seq < tip.seq {
                *known = tip;
            }
        }
    }

    /// The last change of the slot the document writes as, found without looking at all the others.
    fn own_tip(&self, slot: &Slot) -> Option<ChangeHash> {
        match self.tips.get() {
            Some(tips) => tips.get(&ActorId::from(slot.actor.as_slice())).map(|tip| tip.hash),
            None => self.doc.get_last_local_change().map(|change| change.hash()),
        }
    }

    /// Whether an actor's last change, if there is one, is below these heads.
    pub(crate) fn covers_tip(&self, actor: &[u8], heads: &[ChangeHash]) -> bool {
        let Some(tip) = self.tip(actor) else { return true };
        !self.doc.get_changes_meta(heads).iter().any(|change| change.hash == tip.hash)
    }

    pub(crate) fn keep(&mut self, hash: &ChangeHash, bytes: &[u8]) {
        self.marking.insert(*hash, scan::has_marks(bytes));
        let bytes: Arc<[u8]> = bytes.into();
        if let Some(trail) = &mut self.trail {
            trail.keep(*hash, &bytes);
        }
        self.kept.tail_bytes += bytes.len();
        self.kept.tail.push(bytes);
    }

    /// Saves when much has been kept beside the last save.
    pub(crate) fn trim(&mut self) {
        if self.kept.tail_bytes > MAX_TAIL {
            self.save();
        }
    }

    /// Whether the text is where it is read from. Someone may put something else in its place in the root; then patches
    /// no longer speak of it, and it is read instead.
    pub(crate) fn text_is_reachable(&self) -> bool {
        let Some((content, key)) = &self.content else { return false };
        matches!(self.doc.get(ROOT, key.as_str()), Ok(Some((Value::Object(_), id))) if id == *content)
    }
}

pub(crate) fn become_slot(doc: &mut Automerge, slot: &Slot) {
    // In this order: setting the author picks a random actor.
    doc.set_author(Some(Author::from(slot.author.clone())));
    doc.set_actor(ActorId::from(slot.actor.as_slice()));
}

/// Whether two lists name the same heads.
pub(crate) fn same_heads(a: &[ChangeHash], b: &[ChangeHash]) -> bool {
    a.len() == b.len() && a.iter().all(|head| b.contains(head))
}

pub(crate) fn empty_automerge() -> Automerge {
    Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit)
}
