//! Sessions: open windows on one document (rules W).
//!
//! # The idea
//!
//! A window holds no CRDT. It shows the document at heads that the core knows exactly, and every edit it sends was made
//! at a state both sides know by number. So there is never anything to rebase: a batch made at older heads is carried out
//! at those heads, and Automerge merges. An update says which update and which batch it builds on; the window applies it
//! only if that is exactly where it stands, and otherwise drops it and is sent a fresh one.
//!
//! # The open transaction
//!
//! Keystrokes are carried out on the session's [`Reading`] at once, and gathered as a plan. The plan becomes a change:
//! the first key after a rest at once and then every 40 ms while others have the document open, otherwise at a pause or
//! after a second; and always before anything else needs the document at that session's state (W6). As the plan is not
//! in Automerge before, there are never operations without heads.
//!
//! # The life of an update
//!
//! Whenever the document has moved on from a session's state, and no update is on its way there, one is made (W4). It may
//! cross with a batch: then the window drops it, and the batch, which says what the window had seen, tells so. It may be
//! dropped for a composition: then the window asks with `Refresh`. An update that was given up on may still arrive and
//! fit; so the states that sent updates lead to are remembered until one of them is confirmed.
//!
//! [`Sessions`] is pure: the time is passed in, and what is to be sent comes back as a list.

mod message;
mod pending;
mod presence;
mod rebuild;
mod window;

use std::collections::BTreeMap;

pub use message::{Caret, Refused, ToCore, ToWindow};
pub use presence::RemoteCaret;

use automerge::ChangeHash;
use pending::Pending;
use window::Window;

use crate::{
    check::ValidChange,
    document::{Committed, Document, RefusedChange, Slot, WriteError, same_heads},
    edit::Edit,
    model::Item,
    patch::Patch,
    reading::Reading,
};

/// Names a session. A restarted window is a new one (W7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// What the sessions ask for, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// Send this to a window.
    ToWindow(SessionId, ToWindow),
    /// A change was made: seal it, journal it, send it. Then say [`Sessions::journaled`].
    Committed(Committed),
    /// A session's caret has moved: tell others. Nothing in it: the caret is gone.
    Caret {
        /// Whose.
        session: SessionId,
        /// The fixed end, as the bytes of an Automerge cursor.
        anchor: Option<Vec<u8>>,
        /// The moving end.
        head: Option<Vec<u8>>,
    },
}

/// Times and thresholds. Tests make them small.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// While others have the document open: how long after a change the next one may be made, in milliseconds.
    pub shared_interval: u64,
    /// While nobody has: how long a pause ends a change.
    pub pause: u64,
    /// While nobody has: the longest a change stays open.
    pub longest: u64,
    /// How long after one caret message the next may be sent.
    pub caret_interval: u64,
    /// How many places an edit at older heads may have Automerge look up before it is made in a fork (W12); a tenth of
    /// that where forks are cheap.
    pub fork_after: usize,
    /// How many updates in a row may be dropped before the window is asked to hold (W8).
    pub hold_after: u32,
    /// Every how many updates a checksum is sent along (W11); 0 is never.
    pub checksum_every: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shared_interval: 40,
            pause: 250,
            longest: 1_000,
            caret_interval: 40,
            fork_after: 100,
            hold_after: 2,
            checksum_every: if cfg!(debug_assertions) { 1 } else { 32 },
        }
    }
}

/// What became of others' changes.
#[derive(Debug, Default)]
pub struct Arrived {
    /// What to do now.
    pub out: Vec<Out>,
    /// The changes that are in the document now and were not before.
    pub applied: Vec<ChangeHash>,
    /// The changes that broke the document and were left out: their logs are to be closed (L3).
    pub refused: Vec<RefusedChange>,
}

/// The windows on one document, and the document.
pub struct Sessions {
    document: Document,
    slot_for: Box<dyn Fn(u32) -> Slot + Send>,
    config: Config,
    windows: BTreeMap<SessionId, Window>,
    pending: Option<Pending>,
    /// When a change was last made.
    last_commit: Option<u64>,
    /// Whether others, elsewhere, have the document open.
    shared: bool,
    /// Why nothing may be written, if so.
    read_only: Option<String>,
    /// The last step the document took, as patches, for windows that stood exactly where it began.
    recent: Option<Recent>,
    carets: Vec<RemoteCaret>,
    updates: u64,
    /// What came out of a call that failed for another reason: given with the next one, for none of it may be lost.
    owed: Vec<Out>,
}

struct Recent {
    from: Vec<ChangeHash>,
    to: Vec<ChangeHash>,
    patches: Vec<Patch>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions")
            .field("windows", &self.windows.keys())
            .field("heads", &self.document.heads())
            .finish_non_exhaustive()
    }
}

impl Sessions {
    /// Takes a document. `slot_for` gives the actor and author of each slot (W12).
    pub fn new(document: Document, slot_for: impl Fn(u32) -> Slot + Send + 'static, config: Config) -> Self {
        Self {
            document,
            slot_for: Box::new(slot_for),
            config,
            windows: BTreeMap::new(),
            pending: None,
            last_commit: None,
            shared: false,
            read_only: None,
            recent: None,
            carets: Vec::new(),
            updates: 0,
            owed: Vec::new(),
        }
    }

    /// The document, without what is not committed yet; see [`Sessions::flush`].
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Opens a window. The first thing it gets is a `Reset` with the whole document.
    pub fn open(&mut self, session: SessionId, now: u64) -> Vec<Out> {
        let mut out = self.close(session, now);
        out.extend(self.commit_pending(now));
        let slot = self.free_slot(&self.document.heads());
        self.windows.insert(session, Window::new(slot));
        self.reset(session, None, &mut out);
        self.serve(now, &mut out);
        out
    }

    /// Opens a window that was painted from the view cache (W9): it was sent, as `Reset` number 1, the `items` that the
    /// document read at `heads`, and may have made batches since. If that is what the document still says of those heads,
    /// the window goes on from there; otherwise it gets a `Reset`.
    pub fn open_cached(&mut self, session: SessionId, heads: &[ChangeHash], items: &[Item], now: u64) -> Vec<Out> {
        let mut out = self.close(session, now);
        out.extend(self.commit_pending(now));
        let reading = if same_heads(heads, &self.document.heads()) {
            Some(self.document.reading().clone())
        } else {
            self.document.reading_at(heads)
        };
        let cached = Reading::from_items(items.iter().cloned());
        let slot = self.free_slot(heads);
        let mut window = Window::new(slot);
        window.painted_from_cache();
        if let Some(reading) = reading.filter(|reading| *reading == cached) {
            window.stand_at(reading, heads.to_vec());
            self.windows.insert(session, window);
        } else {
            window.slot = self.free_slot(&self.document.heads());
            self.windows.insert(session, window);
            self.reset(session, None, &mut out);
        }
        self.serve(now, &mut out);
        out
    }

    /// Closes a window. What it had sent is committed; what it still sends is not taken (W7).
    pub fn close(&mut self, session: SessionId, now: u64) -> Vec<Out> {
        let mut out = std::mem::take(&mut self.owed);
        if !self.windows.contains_key(&session) {
            return out;
        }
        if self.pending_of(session).is_some() {
            out.extend(self.commit_pending(now));
        }
        if self.windows.remove(&session).is_some_and(|window| window.caret.was_shown()) {
            out.push(Out::Caret { session, anchor: None, head: None });
        }
        if self.windows.is_empty() {
            self.document.end_trail();
        }
        self.serve(now, &mut out);
        out
    }

    /// Takes a message from a window. Messages of a session that is not open are not taken.
    pub fn handle(&mut self, session: SessionId, message: ToCore, now: u64) -> Vec<Out> {
        let mut out = std::mem::take(&mut self.owed);
        if !self.windows.contains_key(&session) {
            return out;
        }
        match message {
            ToCore::Batch { made, seen, edits } => self.batch(session, made, seen, &edits, now, &mut out),
            ToCore::Seen { seen, made } => self.seen(session, seen, made, &mut out),
            ToCore::Refresh { seen, made } => self.refresh(session, seen, made, now, &mut out),
            ToCore::Select { seen, made, anchor, head } => self.select(session, seen, made, anchor, head),
        }
        self.serve(now, &mut out);
        self.carets(now, &mut out);
        out
    }

    /// Applies others' changes, all that have arrived at once. They must have passed [`crate::check`].
    pub fn apply(&mut self, changes: Vec<ValidChange>, now: u64) -> Arrived {
        let mut arrived = Arrived { out: std::mem::take(&mut self.owed), ..Arrived::default() };
        arrived.out.extend(self.commit_pending(now));
        // What the windows are compared with later must be known before it changes.
        let _ = self.document.reading();
        self.begin_trail();
        let from = self.document.heads();
        let applied = self.document.apply(changes);
        self.remember_step(from, applied.patches);
        arrived.applied = applied.applied;
        arrived.refused = applied.refused;
        self.serve(now, &mut arrived.out);
        self.carets(now, &mut arrived.out);
        arrived
    }

    /// Does what is due; see [`Sessions::next_wake`].
    pub fn tick(&mut self, now: u64) -> Vec<Out> {
        let mut out = std::mem::take(&mut self.owed);
        if self.pending.as_ref().is_some_and(|pending| self.due(pending) <= now) {
            out.extend(self.commit_pending(now));
        }
        self.serve(now, &mut out);
        self.carets(now, &mut out);
        out
    }

    /// When [`Sessions::tick`] next has something to do.
    pub fn next_wake(&self) -> Option<u64> {
        let commit = self.pending.as_ref().map(|pending| self.due(pending));
        let carets = self.windows.iter().filter(|(session, _)| self.pending_of(**session).is_none());
        let carets = carets.filter_map(|(_, window)| window.caret.due(self.config.caret_interval));
        let owed = (!self.owed.is_empty()).then_some(0);
        commit.into_iter().chain(carets).chain(owed).min()
    }

    /// Whether others, elsewhere, have this document open. Then changes are made often, to be seen soon.
    pub fn set_shared(&mut self, shared: bool) {
        self.shared = shared;
    }

    /// Says that nothing may be written, and why, in a sentence for the person; or, with none, that it may again.
    pub fn set_read_only(&mut self, reason: Option<String>) {
        self.read_only = reason;
    }

    /// Commits what is open, for instance before saving or sealing (W6).
    pub fn flush(&mut self, now: u64) -> Vec<Out> {
        let mut out = std::mem::take(&mut self.owed);
        out.extend(self.commit_pending(now));
        self.serve(now, &mut out);
        self.carets(now, &mut out);
        out
    }

    /// The whole document, to be stored. Commits what is open first.
    pub fn save(&mut self, now: u64) -> (Vec<Out>, Vec<u8>) {
        let out = self.flush(now);
        (out, self.document.save())
    }

    /// What the view cache is to hold (W9): the heads and what the document reads there. Commits what is open first.
    pub fn view(&mut self, now: u64) -> (Vec<Out>, Vec<ChangeHash>, Vec<Item>) {
        let out = self.flush(now);
        (out, self.document.heads(), self.document.reading().items())
    }

    /// A change of ours is in the journal, synced (S1).
    pub fn journaled(&mut self, change: ChangeHash) -> Vec<Out> {
        let mut out = Vec::new();
        for (session, window) in &mut self.windows {
            out.extend(window.journaled(&change).map(|made| Out::ToWindow(*session, ToWindow::Saved { made })));
        }
        out
    }

    /// Saving failed; `reason` is a sentence for the person.
    pub fn save_failed(&mut self, reason: &str) -> Vec<Out> {
        self.windows
            .keys()
            .map(|session| Out::ToWindow(*session, ToWindow::SaveFailed { reason: reason.to_owned() }))
            .collect()
    }

    /// Edits the document without a window, as the command line does: at its present state, at once.
    pub fn edit(&mut self, edits: &[Edit], now: u64) -> Result<Vec<Out>, WriteError> {
        self.headless(now, |document, slot| document.edit(slot, edits))
    }

    /// Makes the document read as `items`, with the smallest edits that do it, without a window.
    pub fn replace_with(&mut self, items: &[Item], now: u64) -> Result<Vec<Out>, WriteError> {
        self.headless(now, |document, slot| document.replace_with(slot, items))
    }

    /// Changes the document through Automerge itself, without a window: for what has no edits, such as an index.
    pub fn change(
        &mut self,
        now: u64,
        change: impl FnOnce(&mut Document, &Slot) -> Result<Option<Committed>, WriteError>,
    ) -> Result<Vec<Out>, WriteError> {
        self.headless(now, |document, slot| Ok(change(document, slot)?.into_iter().collect()))
    }

    fn headless(
        &mut self,
        now: u64,
        edit: impl FnOnce(&mut Document, &Slot) -> Result<Vec<Committed>, WriteError>,
    ) -> Result<Vec<Out>, WriteError> {
        let mut out = std::mem::take(&mut self.owed);
        out.extend(self.commit_pending(now));
        self.begin_trail();
        let slot = (self.slot_for)(self.free_slot(&self.document.heads()));
        let result = edit(&mut self.document, &slot);
        match result {
            Ok(committed) => {
                out.extend(committed.into_iter().map(Out::Committed));
                self.serve(now, &mut out);
                self.carets(now, &mut out);
                Ok(out)
            }
            Err(error) => {
                self.owed = out;
                Err(error)
            }
        }
    }

    /// What a window shows, as far as the core knows: for tests, and for what is offered for copying.
    pub fn view_of(&self, session: SessionId) -> Option<&Reading> {
        self.windows.get(&session).map(|window| &window.view)
    }

    /// The slots in use.
    pub fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.windows.values().map(|window| window.slot)
    }

    /// The lowest slot nobody uses and whose last change, if any, is below `heads`: passing its actor's own last change to
    /// `transaction_at` must not add anything to what the window shows.
    fn free_slot(&self, heads: &[ChangeHash]) -> u32 {
        let current = same_heads(heads, &self.document.heads());
        (0..u32::MAX)
            .find(|slot| {
                let used = self.windows.values().any(|window| window.slot == *slot);
                !used && (current || self.document.covers_tip(&(self.slot_for)(*slot).actor, heads))
            })
            .unwrap_or(u32::MAX)
    }

    /// Before the document moves on from what the windows show, keeps a copy of it to fork from.
    fn begin_trail(&mut self) {
        let heads = self.document.heads();
        if !self.windows.is_empty() && self.windows.values().all(|window| same_heads(&window.heads, &heads)) {
            self.document.begin_trail();
        }
    }

    fn remember_step(&mut self, from: Vec<ChangeHash>, patches: Option<Vec<Patch>>) {
        self.recent = patches.map(|patches| Recent { from, to: self.document.heads(), patches });
    }
}
