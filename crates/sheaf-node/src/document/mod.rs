//! An open document: one thread owns it, and everything about it goes through that thread (W1).
//!
//! The thread is started when someone needs the document, and ends by itself some time after nobody does. A message that
//! comes too late to be taken is given back, and starts the thread anew.

pub(crate) mod cache;
mod keep;
pub mod load;
mod named;
mod rebuild;
mod seal;
mod task;
mod whole;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sheaf_access::{DocumentId, SpaceId};
use sheaf_document::Genesis;
use sheaf_document::session::{RemoteCaret, ToCore, ToWindow};
use tokio::sync::{mpsc, oneshot};

use crate::core::{Core, locked};
use crate::counting::Void;
use crate::error::NodeError;
use crate::opening::Arrived;
use crate::space::Space;

pub use task::Task;
pub use whole::apply_all;

/// How many bytes of changes from others may wait for a document's thread before it is told to read the store.
const WAITING: usize = 8 << 20;
/// How long to wait for documents to seal what has been typed.
const SEALING: Duration = Duration::from_secs(5);

/// Something for a document's thread to do.
pub enum Message {
    /// A window opened.
    Open {
        /// Its session.
        session: u64,
        /// The way to it.
        window: mpsc::UnboundedSender<ToWindow>,
    },
    /// A window said something.
    FromWindow {
        /// Its session.
        session: u64,
        /// What.
        message: ToCore,
    },
    /// A window closed.
    Close {
        /// Its session.
        session: u64,
        /// Told when all it wrote is saved, or cannot be.
        done: Option<oneshot::Sender<Result<(), NodeError>>>,
    },
    /// Changes came, through [`Handle::arrived`].
    Arrived(Vec<Arrived>),
    /// Changes that came before have come to count.
    Gained(Vec<Arrived>),
    /// More came than are kept for a thread that is slow to take them: they are in the store.
    Behind,
    /// Other entries count than before.
    Counted {
        /// What does not count now.
        void: Arc<Void>,
        /// The changes of this document that have come not to.
        lost: Arc<HashSet<[u8; 32]>>,
    },
    /// Seal what has been typed, and say when that is done.
    Seal(std::sync::mpsc::Sender<()>),
    /// Own changes are in the journal.
    Journaled(Vec<[u8; 32]>),
    /// Own changes could not be saved.
    SaveFailed(String),
    /// A checkpoint was taken over, which may hold changes that are not here.
    Covered,
    /// This person's role may be another.
    Access,
    /// Where others are.
    Carets(Vec<RemoteCaret>),
    /// Something else, with the thread's own state.
    Run(Job),
    /// Write what is kept of it, and end.
    Rest(oneshot::Sender<()>),
}

/// What the cached copies of a document are kept under: no other space can name them.
pub fn cache_name(space: SpaceId, document: DocumentId) -> DocumentId {
    let mut hasher = blake3::Hasher::new_derive_key("sheaf 2026 cached document v1");
    hasher.update(space.as_bytes()).update(document.as_bytes());
    DocumentId::from_bytes(*hasher.finalize().as_bytes())
}

/// Work that runs on a document's thread.
pub type Job = Box<dyn FnOnce(&mut Task) + Send>;

/// The way to a document's thread.
#[derive(Clone)]
pub struct Handle {
    messages: Arc<Mutex<Option<Sender<Message>>>>,
    queue: Arc<Queue>,
}

/// How much that came from others waits for a document's thread. It is all in the store, so a thread that is slow to take
/// it is told to read there, and the rest is let go.
#[derive(Default)]
pub struct Queue {
    bytes: AtomicUsize,
    behind: AtomicBool,
}

impl Queue {
    /// Whether this much may wait too.
    fn admits(&self, size: usize) -> bool {
        let room = |waiting: usize| (waiting <= WAITING).then_some(waiting + size);
        self.bytes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, room).is_ok()
    }

    /// The thread has taken this.
    fn taken(&self, arrived: &[Arrived]) {
        self.bytes.fetch_sub(size_of(arrived), Ordering::SeqCst);
    }

    /// The thread is about to read what did not fit.
    fn caught_up(&self) {
        self.behind.store(false, Ordering::SeqCst);
    }
}

fn size_of(arrived: &[Arrived]) -> usize {
    arrived.iter().flat_map(|one| &one.changes).map(Vec::len).sum()
}

impl Handle {
    /// Tells it of what came, as it was stored, or, if much is waiting for it already, that more came.
    pub fn arrived(&self, arrived: Vec<Arrived>) {
        // A thread that has ended finds it when it is started again.
        if self.queue.admits(size_of(&arrived)) {
            let _ = self.tell(Message::Arrived(arrived));
        } else if !self.queue.behind.swap(true, Ordering::SeqCst) {
            let _ = self.tell(Message::Behind);
        }
    }

    /// Tells it something; gives the message back if the thread has ended.
    pub fn tell(&self, message: Message) -> Result<(), Message> {
        let mut messages = locked(&self.messages);
        let Some(way) = &*messages else { return Err(message) };
        let Err(unsent) = way.send(message) else { return Ok(()) };
        // It ended without closing the way: it broke. Whoever comes next starts another.
        *messages = None;
        Err(unsent.0)
    }

    /// Closes the way, if nothing is under way on it.
    fn close(&self, incoming: &Receiver<Message>) -> Option<Message> {
        let mut messages = locked(&self.messages);
        let under_way = incoming.try_recv().ok();
        if under_way.is_none() {
            *messages = None;
        }
        under_way
    }
}

impl Core {
    /// Tells a document's thread something; starts it if there is none.
    pub fn tell(
        self: &Arc<Self>,
        space: &Arc<Space>,
        id: DocumentId,
        genesis: Genesis,
        mut message: Message,
    ) -> Result<Handle, NodeError> {
        loop {
            let handle = self.handle(space, id, genesis)?;
            match handle.tell(message) {
                Ok(()) => return Ok(handle),
                Err(unsent) => message = unsent,
            }
        }
    }

    fn handle(self: &Arc<Self>, space: &Arc<Space>, id: DocumentId, genesis: Genesis) -> Result<Handle, NodeError> {
        let mut documents = locked(&self.documents);
        let place = (space.id, id);
        if let Some(handle) = documents.get(&place)
            && locked(&handle.messages).is_some()
        {
            return Ok(handle.clone());
        }
        let (messages, incoming) = channel();
        let handle = Handle { messages: Arc::new(Mutex::new(Some(messages))), queue: Arc::default() };
        let (core, space, own) = (Arc::clone(self), Arc::clone(space), handle.clone());
        std::thread::Builder::new()
            .name(format!("document {}", id.short()))
            .spawn(move || task::run(core, space, id, genesis, &own, &incoming))
            .map_err(|error| NodeError::CannotWrite(format!("the system gives no thread for the document: {error}")))?;
        documents.insert(place, handle.clone());
        Ok(handle)
    }

    /// Runs something on a document's thread, and waits for its answer.
    pub async fn with_document<R: Send + 'static>(
        self: &Arc<Self>,
        space: &Arc<Space>,
        id: DocumentId,
        genesis: Genesis,
        work: impl FnOnce(&mut Task) -> Result<R, NodeError> + Send + 'static,
    ) -> Result<R, NodeError> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |task| {
            // Whoever asked may have stopped waiting.
            let _ = done.send(work(task));
        });
        self.tell(space, id, genesis, Message::Run(job))?;
        answer.await.map_err(|_| NodeError::Closing)?
    }

    /// Waits until the open documents of a space have sealed what has been typed so far; not for one that takes long, for
    /// what it holds is sealed as it was typed all the same, only later. Blocks.
    pub fn seal_what_is_typed(&self, space: SpaceId) {
        let (done, sealed) = channel();
        self.tell_documents(space, |_| Message::Seal(done.clone()));
        drop(done);
        let deadline = Instant::now() + SEALING;
        // An error means that all have answered, or have ended.
        while sealed.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
    }

    /// Lets all documents write what is kept of them, and end: the texts first, for they may still name themselves in
    /// their space's index.
    pub async fn rest_documents(&self) {
        let indexes: Vec<DocumentId> = self.spaces().iter().map(|space| sheaf_log::index_document(&space.id)).collect();
        for round in [false, true] {
            let resting: Vec<_> = locked(&self.documents)
                .iter()
                .filter(|((_, id), _)| indexes.contains(id) == round)
                .filter_map(|(_, handle)| {
                    let (done, rested) = oneshot::channel();
                    handle.tell(Message::Rest(done)).ok().map(|()| rested)
                })
                .collect();
            for rested in resting {
                // An error means that it had ended already.
                let _ = rested.await;
            }
        }
    }
}
