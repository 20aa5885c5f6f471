//! The writer: one thread through which every own entry goes, first into the journal, then into the store.
//!
//! While the journal waits for the disk, entries gather here; when it is done all of them go as one group, so that
//! nobody waits for a timer (S1). Only what is journaled is called saved, and only what is stored after that may leave
//! the device (L4). When the disk fails, the group is kept and tried again in order; what is on screen is not lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use sheaf_access::DocumentId;
use sheaf_log::{Entry, Kind};
use sheaf_store::{Completion, StoreError};

use crate::core::Core;
use crate::error::NodeError;
use crate::space::Space;

/// The most entries that are handed to the journal as one group.
const GROUP: usize = 256;
/// How long to wait before a failed group is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// An own entry on its way to the disk.
pub struct Work {
    /// Its space.
    pub space: Arc<Space>,
    /// The entry.
    pub entry: Entry,
    /// The document whose changes it holds, with their hashes; told when they are saved.
    pub document: Option<(DocumentId, Vec<[u8; 32]>)>,
    /// Whether the journal has it, and only the store is still to take it.
    pub journaled: bool,
}

impl Work {
    /// An entry that is neither journaled nor stored yet.
    pub fn new(space: &Arc<Space>, entry: Entry, document: Option<(DocumentId, Vec<[u8; 32]>)>) -> Self {
        Self { space: Arc::clone(space), entry, document, journaled: false }
    }
}

enum Message {
    Write(Box<Work>),
    /// Answered when everything before it is stored, or cannot be.
    Flush(Sender<Result<(), StoreError>>),
    Stop,
}

/// The way to the writer's thread.
pub struct Writer {
    messages: Sender<Message>,
}

impl Writer {
    /// A writer, and what starts its thread.
    pub fn new() -> (Self, impl FnOnce(Weak<Core>) -> std::io::Result<JoinHandle<()>>) {
        let (messages, incoming) = channel();
        let start = move |core| std::thread::Builder::new().name("writer".into()).spawn(move || run(&core, &incoming));
        (Self { messages }, start)
    }

    /// Hands over an entry. Called with the space locked, so that numbers and order agree.
    pub fn write(&self, work: Work) {
        // The thread outlives everything that writes; after a stop nothing does.
        let _ = self.messages.send(Message::Write(Box::new(work)));
    }

    /// Waits until everything handed over before is stored. Blocks.
    pub fn flush(&self) -> Result<(), NodeError> {
        let (done, answer) = channel();
        let _ = self.messages.send(Message::Flush(done));
        // A thread that is gone writes nothing any more, and must not be taken for one that has.
        Ok(answer.recv().map_err(|_| NodeError::Closing)??)
    }

    /// Lets the thread end when it is done.
    pub fn stop(&self) {
        let _ = self.messages.send(Message::Stop);
    }
}

fn run(core: &Weak<Core>, incoming: &Receiver<Message>) {
    let mut waiting: Vec<Work> = Vec::new();
    let mut flushes: Vec<Sender<Result<(), StoreError>>> = Vec::new();
    let mut stopping = false;
    while !stopping {
        let message = if waiting.is_empty() {
            incoming.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            incoming.recv_timeout(RETRY)
        };
        let mut next = match message {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        while let Some(message) = next {
            match message {
                Message::Write(work) => waiting.push(*work),
                Message::Flush(done) => flushes.push(done),
                Message::Stop => stopping = true,
            }
            // A thread that stops takes everything that was handed to it before.
            next = if waiting.len() < GROUP || stopping { incoming.try_recv().ok() } else { None };
        }
        let Some(core) = core.upgrade() else { return };
        let result = if waiting.is_empty() { Ok(()) } else { save(&core, &mut waiting) };
        match &result {
            Ok(()) => core.saving_works(),
            Err(error) => {
                let places = waiting.iter().filter_map(|work| Some((work.space.id, work.document.as_ref()?.0)));
                core.saving_fails(error, places);
            }
        }
        for flush in flushes.drain(..) {
            // Whoever asked may have stopped waiting.
            let _ = flush.send(result.clone());
        }
    }
}

/// Journals and stores the group, and takes what is done out of it.
fn save(core: &Arc<Core>, waiting: &mut Vec<Work>) -> Result<(), StoreError> {
    let journal = core.journal();
    if journal.stopped().is_some() {
        journal.recover()?;
    }
    let mut failure = None;
    let mut handed: Vec<(usize, Completion)> = Vec::new();
    for (at, work) in waiting.iter().enumerate().filter(|(_, work)| !work.journaled) {
        match journal.append(work.space.id, std::slice::from_ref(&work.entry)) {
            Ok(completion) => handed.push((at, completion)),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    for (at, completion) in handed {
        match completion.wait() {
            Ok(()) => {
                let work = &mut waiting[at];
                work.journaled = true;
                // From here on it is saved, whatever happens to the store: that gets it from the journal when it is opened.
                if let Some((document, changes)) = &work.document {
                    core.saved(work.space.id, *document, changes);
                }
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let journaled = waiting.iter().take_while(|work| work.journaled).count();
    match store(core, &waiting[..journaled]) {
        Ok(()) => {
            waiting.drain(..journaled);
        }
        // Only the store takes them again: the journal has them.
        Err(error) => failure = failure.or(Some(error)),
    }
    failure.map_or(Ok(()), Err)
}

fn store(core: &Arc<Core>, works: &[Work]) -> Result<(), StoreError> {
    let mut rest = works;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|work| work.space.id == first.space.id).count();
        let (group, after) = rest.split_at(count);
        let entries: Vec<Entry> = group.iter().map(|work| work.entry.clone()).collect();
        let arrivals = core.store_entries(&first.space, None, &entries)?;
        if entries.iter().any(|entry| entry.header().kind == Kind::Access)
            && let Err(error) = core.say_floors(&first.space)
        {
            tracing::warn!(%error, space = %first.space.id, "checkpoints cannot be offered");
        }
        // What others wrote is opened here too, and nothing it may hold stops the saving of one's own words.
        let opened = catch_unwind(AssertUnwindSafe(|| core.open_new(&first.space, arrivals.first().copied())));
        if opened.is_err() {
            tracing::error!(space = %first.space.id, "opening stored entries broke off");
        }
        rest = after;
    }
    Ok(())
}
