//! The thread of one open document.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use sheaf_access::DocumentId;
use sheaf_document::model::{BlockKind, Item};
use sheaf_document::session::{Config, RemoteCaret, ToCore, ToWindow};
use sheaf_document::{ChangeHash, Committed, Document, Genesis, Out, SessionId, Sessions, Slot, WriteError, checksum};
use sheaf_log::{EntryRef, MAX_SLOTS, Part, actor};
use sheaf_store::{Arrival, CacheKind};
use tokio::sync::{mpsc, oneshot};

use super::cache::View;
use super::load::{self, Loaded};
use super::{Handle, Message, Queue, cache_name};
use crate::core::{Core, locked};
use crate::counting::Void;
use crate::error::NodeError;
use crate::network::Input;
use crate::opening::Arrived;
use crate::presence::Word;
use crate::space::Space;

/// How long after the last change the caches are written.
const CACHE_AFTER: Duration = Duration::from_millis(1_500);
/// How long a document that nobody needs stays in memory.
const REST_AFTER: Duration = Duration::from_mins(1);
/// How soon it is tried again to seal what could not be sealed.
const SEAL_AGAIN: Duration = Duration::from_secs(1);

/// The state of a document's thread.
pub struct Task {
    pub(super) core: Arc<Core>,
    pub(super) space: Arc<Space>,
    pub(super) id: DocumentId,
    genesis: Genesis,
    pub(super) sessions: Sessions,
    windows: HashMap<u64, mpsc::UnboundedSender<ToWindow>>,
    /// What waits to be taken.
    queue: Arc<Queue>,
    /// Which entries hold the changes that new ones may build on directly.
    pub(super) holders: HashMap<[u8; 32], EntryRef>,
    /// Own changes that are not sealed yet, because that failed.
    pub(super) unsealed: VecDeque<Committed>,
    /// Own changes that are not in the journal yet.
    pub(super) unsaved: HashSet<[u8; 32]>,
    closing: Vec<oneshot::Sender<Result<(), NodeError>>>,
    pub(super) upto: Arrival,
    /// What does not count, as far as this document has heard.
    pub(super) void: Arc<Void>,
    pub(super) since_snapshot: usize,
    /// Changed since the caches were written.
    pub(super) stale: bool,
    /// Changed here, so that the title may be another.
    pub(super) retitle: bool,
    touched: Instant,
    /// When it last changed, here or elsewhere.
    pub(super) changed: Instant,
    /// Whether an entry waits for something that is not here.
    behind: bool,
    /// Who waits for this thread to end.
    resting: Option<oneshot::Sender<()>>,
    started: Instant,
}

/// What a window was shown before the document had loaded.
struct Painted {
    session: u64,
    window: mpsc::UnboundedSender<ToWindow>,
    view: Option<View>,
}

/// Runs the thread.
pub fn run(
    core: Arc<Core>,
    space: Arc<Space>,
    id: DocumentId,
    genesis: Genesis,
    handle: &Handle,
    incoming: &Receiver<Message>,
) {
    let mut early = Vec::new();
    let mut painted = Vec::new();
    // Windows that wait already see the document as it last was, while it loads (W9).
    while let Ok(message) = incoming.try_recv() {
        match message {
            Message::Open { session, window } => painted.push(paint(&core, &space, id, session, window)),
            other => early.push(other),
        }
    }
    let loaded = match load::load(&core, &space, id, genesis) {
        Ok(loaded) => loaded,
        Err(error) => {
            // Everyone who waits for an answer gets none, which says so; windows are told in words.
            tracing::error!(%error, document = %id, "a document does not open");
            for painted in painted {
                let _ = painted.window.send(ToWindow::SaveFailed { reason: error.to_string() });
            }
            while handle.close(incoming).is_some() {}
            return;
        }
    };
    let mut task = Task::new(core, space, id, genesis, loaded, Arc::clone(&handle.queue));
    for painted in painted {
        task.open(painted);
    }
    task.core.presence_changed((task.space.id, id));
    for message in early {
        task.take(message);
    }
    task.serve(handle, incoming);
}

/// Shows a window the document as it was last seen.
fn paint(core: &Core, space: &Space, id: DocumentId, session: u64, window: mpsc::UnboundedSender<ToWindow>) -> Painted {
    let cached = match core.store.cache(CacheKind::View, cache_name(space.id, id)) {
        Ok(cached) => cached,
        Err(error) => {
            tracing::warn!(%error, document = %id, "the view cache cannot be read");
            None
        }
    };
    let view = cached.and_then(|bytes| View::decode(&bytes));
    if let Some(view) = &view {
        let items = view.items.clone();
        let checksum = Some(checksum(&items));
        // A window that has gone meanwhile needs nothing.
        let _ = window.send(ToWindow::Reset { number: 1, items, refused: None, checksum, forced: true });
    }
    Painted { session, window, view }
}

impl Task {
    fn new(
        core: Arc<Core>,
        space: Arc<Space>,
        id: DocumentId,
        genesis: Genesis,
        loaded: Loaded,
        queue: Arc<Queue>,
    ) -> Self {
        let Loaded { document, holders, upto, void, since_snapshot, behind } = loaded;
        let sessions = Sessions::new(document, slots(&core, &space, id), Config::default());
        Self {
            core,
            space,
            id,
            genesis,
            sessions,
            windows: HashMap::new(),
            queue,
            holders,
            unsealed: VecDeque::new(),
            unsaved: HashSet::new(),
            closing: Vec::new(),
            upto,
            void,
            since_snapshot,
            stale: since_snapshot > 0,
            retitle: false,
            touched: Instant::now(),
            changed: Instant::now(),
            behind,
            resting: None,
            started: Instant::now(),
        }
    }

    /// The document's blocks, with everything that has been typed.
    pub fn items(&mut self) -> Vec<Item> {
        let out = self.sessions.flush(self.now());
        self.send(out);
        self.sessions.document().items()
    }

    /// The Automerge document, compressed.
    pub fn save(&mut self) -> Vec<u8> {
        let (out, bytes) = self.sessions.save(self.now());
        self.send(out);
        bytes
    }

    /// Makes the document read as `items`, with the smallest edits that do it.
    pub fn replace(&mut self, items: &[Item]) -> Result<(), NodeError> {
        self.may_write()?;
        let now = self.now();
        let out = self.sessions.replace_with(items, now).map_err(unwritable)?;
        self.wrote(out)
    }

    /// Adds blocks at the end; in place of the last one, if that is an empty paragraph.
    pub fn append(&mut self, more: Vec<Item>) -> Result<(), NodeError> {
        let mut items = self.items();
        let empty =
            matches!(items.last(), Some(Item::Block { block }) if BlockKind::of(&block.kind) == BlockKind::Paragraph);
        if empty && matches!(more.first(), Some(Item::Block { .. })) {
            items.pop();
        }
        items.extend(more);
        self.replace(&items)
    }

    /// Changes the index through its own functions, which see it as a document and this device's slot.
    pub fn change(
        &mut self,
        change: impl FnOnce(&mut Document, &Slot) -> Result<Option<Committed>, WriteError>,
    ) -> Result<(), NodeError> {
        self.may_write()?;
        let now = self.now();
        let out = self.sessions.change(now, change).map_err(unwritable)?;
        self.wrote(out)
    }

    /// The document, to be read.
    pub fn document(&self) -> &Document {
        self.sessions.document()
    }

    pub(super) fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Asked before anything is written that has no window to take it back.
    pub(super) fn may_write(&self) -> Result<(), NodeError> {
        let me = self.core.me()?;
        if self.core.device_was_removed() {
            return Err(NodeError::DeviceRemoved);
        }
        if self.space.is_destroyed(&self.id) {
            return Err(NodeError::Destroyed);
        }
        self.space.lock().may_write(&me)
    }

    fn wrote(&mut self, out: Vec<Out>) -> Result<(), NodeError> {
        let failures = self.send(out);
        failures.map_or(Ok(()), Err)
    }

    fn serve(&mut self, handle: &Handle, incoming: &Receiver<Message>) {
        loop {
            match incoming.recv_timeout(self.patience()) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.rest(),
            }
            // Everything that has come is taken before anything is made of it: changes are applied in one go.
            self.take_all(incoming);
            let out = self.sessions.tick(self.now());
            self.send(out);
            if self.changed.elapsed() >= CACHE_AFTER {
                self.look_after();
            }
            let idle = self.windows.is_empty() && self.is_saved() && self.touched.elapsed() >= REST_AFTER;
            if self.resting.is_some() && self.is_current() || idle {
                self.rest();
                if let Some(message) = handle.close(incoming) {
                    // Something came meanwhile: it is taken before the end.
                    self.take(message);
                } else {
                    if let Some(done) = self.resting.take() {
                        // Whoever asked may have stopped waiting.
                        let _ = done.send(());
                    }
                    return;
                }
            }
        }
    }

    fn take_all(&mut self, incoming: &Receiver<Message>) {
        let mut arrived = Vec::new();
        for _ in 0..256 {
            match incoming.try_recv() {
                Ok(Message::Arrived(more)) => {
                    self.queue.taken(&more);
                    arrived.extend(more);
                }
                Ok(other) => {
                    self.apply(std::mem::take(&mut arrived));
                    self.take(other);
                }
                Err(_) => break,
            }
        }
        self.apply(arrived);
    }

    /// How long to wait for the next message.
    fn patience(&self) -> Duration {
        let wake = self.sessions.next_wake().map(|at| Duration::from_millis(at.saturating_sub(self.now())));
        let tidy = (self.stale || self.retitle).then(|| CACHE_AFTER.saturating_sub(self.changed.elapsed()));
        let again = (!self.unsealed.is_empty()).then_some(SEAL_AGAIN);
        let rest = REST_AFTER.saturating_sub(self.touched.elapsed()).max(Duration::from_secs(1));
        [wake, tidy, again].into_iter().flatten().fold(rest, Duration::min)
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Open { session, window } => self.open(Painted { session, window, view: None }),
            Message::FromWindow { session, message } => self.said(session, message),
            Message::Close { session, done } => self.close(session, done),
            Message::Arrived(arrived) => {
                self.queue.taken(&arrived);
                self.apply(arrived);
            }
            Message::Gained(arrived) => self.apply(arrived),
            Message::Behind => {
                self.queue.caught_up();
                self.catch_up();
            }
            Message::Counted { void, lost } => self.recounted(void, &lost),
            Message::Seal(done) => {
                let out = self.sessions.flush(self.now());
                self.send(out);
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
            Message::Journaled(changes) => self.journaled(&changes),
            Message::SaveFailed(reason) => {
                let out = self.sessions.save_failed(&reason);
                self.send(out);
                for closing in self.closing.drain(..) {
                    let _ = closing.send(Err(NodeError::CannotWrite(reason.clone())));
                }
            }
            Message::Carets(carets) => self.carets(carets),
            Message::Run(job) => {
                self.touched = Instant::now();
                job(self);
            }
            Message::Covered => self.cover(),
            Message::Access => self.take_role(),
            Message::Rest(done) => self.resting = Some(done),
        }
    }

    fn open(&mut self, painted: Painted) {
        let Painted { session, window, view } = painted;
        self.touched = Instant::now();
        self.windows.insert(session, window);
        self.take_role();
        let (id, now) = (SessionId(session), self.now());
        let out = match view {
            Some(view) => {
                let heads: Vec<ChangeHash> = view.heads.iter().map(|head| ChangeHash(*head)).collect();
                self.sessions.open_cached(id, &heads, &view.items, now)
            }
            None => self.sessions.open(id, now),
        };
        self.send(out);
        self.say(session, None, None, false);
    }

    /// What this person may do here, as windows are told it.
    fn take_role(&mut self) {
        let reason = self.may_write().err().map(|error| error.to_string());
        self.sessions.set_read_only(reason);
    }

    /// Whether everything written here is in the journal.
    pub(super) fn is_saved(&self) -> bool {
        self.unsealed.is_empty() && self.unsaved.is_empty()
    }

    fn said(&mut self, session: u64, message: ToCore) {
        if matches!(message, ToCore::Batch { .. }) {
            self.touched = Instant::now();
            self.changed = self.touched;
        }
        let out = self.sessions.handle(SessionId(session), message, self.now());
        self.send(out);
    }

    fn close(&mut self, session: u64, done: Option<oneshot::Sender<Result<(), NodeError>>>) {
        let out = self.sessions.close(SessionId(session), self.now());
        let failed = self.send(out);
        if self.windows.remove(&session).is_some() {
            self.say(session, None, None, true);
        }
        let Some(done) = done else { return };
        match failed {
            Some(error) => {
                let _ = done.send(Err(error));
            }
            None if self.is_saved() => {
                let _ = done.send(Ok(()));
            }
            None => self.closing.push(done),
        }
    }

    pub(super) fn apply(&mut self, mut arrived: Vec<Arrived>) {
        if arrived.is_empty() {
            return;
        }
        let news = arrived.len();
        if self.behind {
            // What waited may have what it waited for now: everything from there on is read again.
            match load::read(&self.core, &self.space, self.id, self.upto + 1, &self.void) {
                Ok(all) => {
                    let known: HashSet<Arrival> = all.iter().map(|one| one.arrival).collect();
                    arrived.retain(|one| !known.contains(&one.arrival));
                    arrived.extend(all);
                }
                Err(error) => tracing::error!(%error, document = %self.id, "stored entries cannot be read"),
            }
        }
        let known = (self.sessions.document(), &self.holders);
        let checked = load::check(&self.core, &self.space, self.id, known, &self.void, &arrived);
        self.upto = checked.upto(&arrived, self.upto);
        self.behind = checked.waits.is_some();
        self.holders.extend(checked.holders);
        self.since_snapshot += news;
        self.changed = Instant::now();
        self.stale = true;
        let mut closed = checked.closed;
        if !checked.changes.is_empty() {
            let result = self.sessions.apply(checked.changes, self.now());
            for refused in &result.refused {
                load::close(&self.core, &self.space, self.id, refused, &self.holders);
            }
            closed |= !result.refused.is_empty();
            self.send(result.out);
        }
        if closed {
            // What comes after it in its log, in whatever document, does not count, nor what builds on that.
            self.core.open_new(&self.space, None);
        }
    }

    /// Applies what a checkpoint that was taken over has and this document has not.
    fn cover(&mut self) {
        let base = match load::from_checkpoint(&self.core, &self.space, self.id) {
            Ok(Some(base)) => base,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, document = %self.id, "a document in a checkpoint cannot be read");
                return;
            }
        };
        let changes: Vec<_> = base.accepted_changes();
        let news =
            changes.into_iter().filter(|change| !self.sessions.document().has(&change.hash())).collect::<Vec<_>>();
        if news.is_empty() {
            return;
        }
        self.changed = Instant::now();
        self.stale = true;
        self.since_snapshot += news.len();
        let result = self.sessions.apply(news, self.now());
        self.send(result.out);
        if !result.refused.is_empty() {
            // What was verified in a checkpoint does not break a document, unless that has something else in its place.
            tracing::warn!(document = %self.id, refused = result.refused.len(), "it is made anew from its checkpoint");
            let typed = self.sessions.flush(self.now());
            self.send(typed);
            self.reload(&HashSet::new());
        }
    }

    fn journaled(&mut self, changes: &[[u8; 32]]) {
        for change in changes {
            self.unsaved.remove(change);
            let out = self.sessions.journaled(ChangeHash(*change));
            self.send(out);
        }
        if self.is_saved() {
            for closing in self.closing.drain(..) {
                let _ = closing.send(Ok(()));
            }
        }
    }

    fn carets(&mut self, carets: Vec<RemoteCaret>) {
        self.sessions.set_shared(!carets.is_empty());
        let out = self.sessions.set_remote_carets(carets);
        self.send(out);
    }

    /// Carries out what the sessions ask for. Own changes that cannot be written down are the error.
    pub(super) fn send(&mut self, out: Vec<Out>) -> Option<NodeError> {
        self.route(out);
        if self.unsealed.is_empty() {
            return None;
        }
        let error = self.seal().err()?;
        tracing::error!(%error, document = %self.id, "own changes cannot be sealed");
        let reason = error.to_string();
        for window in self.windows.values() {
            let _ = window.send(ToWindow::SaveFailed { reason: reason.clone() });
        }
        Some(error)
    }

    /// The windows there are.
    pub(super) fn windows(&self) -> impl Iterator<Item = &mpsc::UnboundedSender<ToWindow>> {
        self.windows.values()
    }

    /// What the document begins from.
    pub(super) fn genesis(&self) -> Genesis {
        self.genesis
    }

    /// Hands on what the sessions ask for; own changes wait to be sealed.
    pub(super) fn route(&mut self, out: Vec<Out>) {
        let mut committed = Vec::new();
        for out in out {
            match out {
                Out::ToWindow(session, message) => {
                    if let Some(window) = self.windows.get(&session.0) {
                        // A window that has gone says so itself, or is dropped.
                        let _ = window.send(message);
                    }
                }
                Out::Committed(change) => committed.push(change),
                Out::Caret { session, anchor, head } => self.say(session.0, anchor, head, false),
            }
        }
        if !committed.is_empty() {
            self.stale = true;
            self.retitle = self.genesis == Genesis::Text;
            self.touched = Instant::now();
            self.changed = self.touched;
            self.unsealed.extend(committed);
        }
    }

    /// Tells the others who share the space where a caret is.
    fn say(&self, session: u64, anchor: Option<Vec<u8>>, head: Option<Vec<u8>>, gone: bool) {
        let Ok(me) = self.core.me() else { return };
        let word = Word { document: self.id, session, name: me.name.clone(), colour: me.colour, anchor, head, gone };
        self.core.tell_network(Input::Say { space: self.space.id, document: self.id, session, word });
    }
}

/// The actor and author of each slot (W12). The log is asked for each time, for it may change (L5).
fn slots(core: &Arc<Core>, space: &Arc<Space>, id: DocumentId) -> impl Fn(u32) -> Slot + Send + 'static {
    let author = core.me().map(|me| me.person().as_bytes().to_vec()).unwrap_or_default();
    let space = Arc::clone(space);
    move |slot| {
        let log = space.lock().log.id;
        Slot { actor: actor(&log, &id, Part::Body, slot.min(MAX_SLOTS - 1)).to_vec(), author: author.clone() }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn unwritable(error: WriteError) -> NodeError {
    NodeError::BadInput(error.to_string())
}

/// A document's title: its first heading, else its first words.
impl Drop for Task {
    fn drop(&mut self) {
        locked(&self.core.documents).retain(|_, handle| locked(&handle.messages).is_some());
    }
}
