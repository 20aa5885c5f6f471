//! The finder: one thread that keeps the index of the search in step with the documents, and answers from it.
//!
//! It begins when something is looked for first, or when a window is open. Then it compares what the index says each document
//! was made from (a *stamp*) with what is stored, reads the documents that differ, and from there on hears of each change.
//! So nothing has to be remembered of what it was doing when it stopped, however it stopped. The index is a cache: its files
//! are sealed with the home's key like everything else that could be read, and can be deleted at any time.

mod reading;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use sheaf_access::{DocumentId, SpaceId};
use sheaf_search::{Hit, Query, Seal, SearchError, SearchIndex};
use sheaf_store::{Purpose, VaultKey};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::core::{Core, Place, locked};
use crate::error::NodeError;
use crate::packed::{pack, unpack};
use reading::Stamps;

/// Where the index lies, in the home.
const FOLDER: [&str; 2] = ["cache", "search"];
/// How long after a change a document is read again: not with every word, for reading takes its thread's time.
const LATER: Duration = Duration::from_secs(2);
/// How long nothing is to come before what was read is written down.
const QUIET: Duration = Duration::from_millis(400);
/// How often what was read is written down while there is more to read.
const COMMIT: Duration = Duration::from_secs(2);
/// How many documents are read before a question is looked for.
const AT_ONCE: usize = 16;

/// What the finder is told.
enum Message {
    /// A document changed.
    Changed(Place),
    /// The index document of a space changed, or what counts in it: its documents are compared.
    Compare(SpaceId),
    /// Something is looked for.
    Find {
        /// What.
        query: Query,
        /// Whether to wait until the index is in step.
        wait: bool,
        /// What was found, and how many documents are still to be read.
        answer: oneshot::Sender<Result<(Vec<Hit>, usize), NodeError>>,
    },
    /// Write down what was read, and end.
    Stop(oneshot::Sender<()>),
}

/// The way to the finder, if it has begun.
#[derive(Default)]
pub struct Finder {
    way: Mutex<Option<Sender<Message>>>,
}

impl Finder {
    fn tell(&self, message: Message) {
        if let Some(way) = &*locked(&self.way) {
            // One that has ended will compare everything when it begins again.
            let _ = way.send(message);
        }
    }

    /// A document changed.
    pub fn changed(&self, place: Place) {
        self.tell(Message::Changed(place));
    }

    /// The documents of a space are others, or called otherwise.
    pub fn compare(&self, space: SpaceId) {
        self.tell(Message::Compare(space));
    }

    /// Writes down what was read, and ends. It begins again when it is asked something.
    pub async fn stop(&self) {
        let way = locked(&self.way).take();
        let (done, stopped) = oneshot::channel();
        if let Some(way) = way
            && way.send(Message::Stop(done)).is_ok()
        {
            // An error means that it had ended already.
            let _ = stopped.await;
        }
    }
}

impl Core {
    /// Begins to keep the index of the search in step, if that is not so already. Called within the runtime.
    pub fn begin_finding(self: &Arc<Self>) -> Result<(), NodeError> {
        let mut way = locked(&self.finder.way);
        if way.is_some() {
            return Ok(());
        }
        let (messages, incoming) = channel();
        let (core, runtime) = (Arc::downgrade(self), Handle::current());
        std::thread::Builder::new()
            .name("finder".into())
            .spawn(move || run(&core, &runtime, &incoming))
            .map_err(|error| NodeError::CannotWrite(format!("the system gives no thread to search in: {error}")))?;
        *way = Some(messages);
        Ok(())
    }

    /// Looks for something; gives what was found, and how many documents are still to be read.
    pub async fn find_words(self: &Arc<Self>, query: Query, wait: bool) -> Result<(Vec<Hit>, usize), NodeError> {
        self.begin_finding()?;
        let (answer, found) = oneshot::channel();
        self.finder.tell(Message::Find { query, wait, answer });
        found.await.map_err(|_| NodeError::Closing)?
    }
}

/// No file of the index is longer, in bytes.
const LONGEST: usize = 1 << 30;

/// Packs the index, and seals it with the home's key.
struct HomeSeal(VaultKey);

impl HomeSeal {
    fn place(name: &str) -> Vec<u8> {
        format!("search/{name}").into_bytes()
    }
}

impl Seal for HomeSeal {
    fn seal(&self, name: &str, plain: &[u8]) -> Vec<u8> {
        // More than can be packed is more than is read again: it is as good as damaged, and the index begins anew.
        let packed = pack(plain).unwrap_or_default();
        self.0.seal(Purpose::Cache, &Self::place(name), &packed)
    }

    fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        unpack(&self.0.open(Purpose::Cache, &Self::place(name), sealed)?, LONGEST)
    }
}

/// What the thread has in hand.
struct Work {
    index: SearchIndex,
    stamps: Stamps,
    /// What is to be read, and when.
    todo: BTreeMap<Place, Instant>,
    /// The spaces whose documents are to be compared, and when.
    compared: BTreeMap<SpaceId, Instant>,
    /// Something was put in since it was last written down, and since when.
    open: Option<Instant>,
}

fn run(core: &Weak<Core>, runtime: &Handle, incoming: &Receiver<Message>) {
    let opened = core.upgrade().map(|core| open(&core, runtime));
    let mut work = match opened {
        Some(Ok(work)) => work,
        Some(Err(error)) => {
            tracing::error!(%error, "the search cannot be used");
            while let Ok(message) = incoming.recv() {
                match message {
                    Message::Find { answer, .. } => {
                        let _ = answer.send(Err(NodeError::CannotWrite(error.to_string())));
                    }
                    Message::Stop(done) => {
                        let _ = done.send(());
                        return;
                    }
                    _ => {}
                }
            }
            return;
        }
        None => return,
    };
    loop {
        let message = incoming.recv_timeout(work.patience());
        let Some(core) = core.upgrade() else { return };
        match message {
            Ok(Message::Changed(place)) => drop(work.todo.entry(place).or_insert_with(|| Instant::now() + LATER)),
            Ok(Message::Compare(space)) => {
                work.compared.entry(space).or_insert_with(|| Instant::now() + LATER / 2);
            }
            Ok(Message::Find { query, wait, answer }) => {
                if wait {
                    work.catch_up(&core, runtime);
                }
                let found = work.commit().and_then(|()| work.index.find(&query));
                let found = found.map_err(|error| NodeError::Damaged(error.to_string()));
                // Whoever asked may have stopped waiting.
                let _ = answer.send(found.map(|found| (found, work.overdue())));
            }
            Ok(Message::Stop(done)) => {
                work.commit_and_say();
                let _ = done.send(());
                return;
            }
            Err(RecvTimeoutError::Timeout) => work.go_on(&core, runtime),
            Err(RecvTimeoutError::Disconnected) => return work.commit_and_say(),
        }
    }
}

fn open(core: &Arc<Core>, runtime: &Handle) -> Result<Work, SearchError> {
    let folder = FOLDER.iter().fold(core.home().folder().to_owned(), |path, name| path.join(name));
    let index = SearchIndex::open(&folder, Arc::new(HomeSeal(core.home().vault().clone())))?;
    let stamps = Stamps::new(index.stamps()?);
    let mut work = Work { index, stamps, todo: BTreeMap::new(), compared: BTreeMap::new(), open: None };
    for space in core.spaces() {
        work.compare(core, runtime, space.id);
    }
    work.forget_spaces(core);
    Ok(work)
}

impl Work {
    /// How long there is nothing to do.
    fn patience(&self) -> Duration {
        let next = self.todo.values().chain(self.compared.values()).min();
        let next = next.map(|due| due.saturating_duration_since(Instant::now()));
        // What was read is written down in the first quiet moment.
        let most = if self.open.is_some() { QUIET } else { Duration::from_mins(10) };
        next.unwrap_or(most).min(most)
    }

    /// How many documents should have been read by now.
    fn overdue(&self) -> usize {
        let now = Instant::now();
        self.todo.values().filter(|due| **due <= now).count()
    }

    /// Does what is due, a little of it; writes down what was read if nothing is.
    fn go_on(&mut self, core: &Arc<Core>, runtime: &Handle) {
        let now = Instant::now();
        if let Some(space) = self.compared.iter().find(|(_, due)| **due <= now).map(|(space, _)| *space) {
            self.compared.remove(&space);
            return self.compare(core, runtime, space);
        }
        let due: Vec<Place> =
            self.todo.iter().filter(|(_, due)| **due <= now).map(|(place, _)| *place).take(AT_ONCE).collect();
        for place in &due {
            self.todo.remove(place);
            self.read_one(core, runtime, place.0, place.1);
        }
        if due.is_empty() || self.open.is_some_and(|since| since.elapsed() >= COMMIT) {
            self.commit_and_say();
        }
    }

    /// Does all there is to do, due or not.
    fn catch_up(&mut self, core: &Arc<Core>, runtime: &Handle) {
        while let Some((space, _)) = self.compared.pop_first() {
            self.compare(core, runtime, space);
        }
        while let Some(((space, document), _)) = self.todo.pop_first() {
            self.read_one(core, runtime, space, document);
        }
    }

    fn read_one(&mut self, core: &Arc<Core>, runtime: &Handle, space: SpaceId, document: DocumentId) {
        let put = match reading::page(core, runtime, space, document) {
            Ok(Some(page)) => {
                self.stamps.put(document, page.stamp.clone());
                self.index.put(&page)
            }
            Ok(None) => {
                self.stamps.remove(document);
                self.index.remove(&document.to_string());
                Ok(())
            }
            Err(error) => {
                // It is compared again at the next start, or when it changes.
                tracing::warn!(%error, document = %document, "a document is not read for the search");
                return;
            }
        };
        self.open.get_or_insert_with(Instant::now);
        if let Err(error) = put {
            tracing::error!(%error, "the index of the search cannot be written");
        }
    }

    fn commit(&mut self) -> Result<(), SearchError> {
        if self.open.take().is_some() {
            self.index.commit()?;
        }
        Ok(())
    }

    fn commit_and_say(&mut self) {
        if let Err(error) = self.commit() {
            tracing::error!(%error, "the index of the search cannot be written");
        }
    }
}
