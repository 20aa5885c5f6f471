//! Fetching checkpoints, piece by piece, and serving what is held of them.
//!
//! One thread does it, for it is files that it reads and writes; it also hears what devices say of forks, one word after the
//! other, for a later one may go on from an earlier one. One checkpoint of a space is fetched at a time, blob after
//! blob, each from where it stopped; what is fetched lies on the disk, so nothing is lost when the relay stops.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_log::{BlobId, BlobLink, Entry, Unverified};
use sheaf_store::{BlobStore, Fetched, MAX_BUNDLE};
use sheaf_sync::branches::Suspicion;
use sheaf_sync::{Event, Item, Ticket, Tip};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::Answer;
use crate::keeper::{Keeper, NotTaken, Space, Told};
use crate::operate::{self, Refused};

/// How often a blob that turns out to be another is asked for again.
const TRIES: u32 = 2;
/// How many checkpoints of one space wait to be fetched.
const WAITING: usize = 16;

/// What the thread is told.
pub enum Fetch {
    /// Entries came: some may be checkpoints.
    Came { space: Arc<Space>, peer: DeviceId, items: Vec<Item> },
    /// A device says that we are behind.
    Behind { space: Arc<Space>, peer: DeviceId, bundle: BlobLink },
    /// A piece has come.
    Piece { space: SpaceId, peer: DeviceId, blob: BlobLink, from: u64, piece: Vec<u8> },
    /// A device does not have it.
    NoBlob { space: SpaceId, peer: DeviceId },
    /// A device is gone.
    Gone { peer: DeviceId },
    /// A device wants a piece.
    Read { space: Arc<Space>, peer: DeviceId, ticket: Ticket, blob: BlobId, from: u64, length: u32 },
    /// A device passes on somebody's word on a checkpoint.
    Endorsed { space: Arc<Space>, peer: DeviceId, endorsement: Vec<u8> },
    /// A space is followed from here on: what it offers is to be said.
    Opened { space: Arc<Space> },
    /// A device says something about a space.
    Said { space: Arc<Space>, peer: DeviceId, word: Vec<u8> },
    /// What a device has sent points to forks.
    Suspected { space: Arc<Space>, peer: DeviceId, found: Vec<Suspicion> },
    /// How a device's logs end is to be looked at.
    Compare { space: Arc<Space>, peer: DeviceId, ticket: Ticket, tips: Vec<(LogId, u64, Tip)> },
    /// A space is to be removed that nobody has to do with any more.
    Remove { space: SpaceId, done: oneshot::Sender<Result<operate::Answer, Refused>> },
    /// A member is here: what is known of forks is to be said.
    Introduce { space: Arc<Space>, peer: DeviceId },
}

/// What is to be fetched.
enum Wanted {
    /// The blobs of a checkpoint whose entry is here.
    Entry(Box<Entry>),
    /// A bundle, and the blobs that it names.
    Bundle(BlobLink),
}

struct Job {
    space: Arc<Space>,
    peer: DeviceId,
    wanted: Wanted,
    fetching: Option<BlobLink>,
    tries: u32,
}

struct Worker {
    keeper: Arc<Keeper>,
    answers: UnboundedSender<Answer>,
    jobs: BTreeMap<SpaceId, Job>,
    waiting: BTreeMap<SpaceId, VecDeque<Job>>,
}

/// Starts the thread. It ends with the engine.
pub fn start(keeper: Arc<Keeper>, answers: UnboundedSender<Answer>) -> std::io::Result<Sender<Fetch>> {
    let (sender, incoming) = channel();
    let worker = Worker { keeper, answers, jobs: BTreeMap::new(), waiting: BTreeMap::new() };
    std::thread::Builder::new().name("checkpoints".into()).spawn(move || worker.run(&incoming))?;
    Ok(sender)
}

impl Worker {
    fn run(mut self, incoming: &Receiver<Fetch>) {
        while let Ok(message) = incoming.recv() {
            self.take(message);
        }
    }

    fn say(&self, event: Event<DeviceId>) {
        // The engine may have ended; then nobody waits for it.
        let _ = self.answers.send(Answer::Event(event));
    }

    /// What comes of a word is the engine's to say.
    fn told(&self, space: &Space, told: Told) {
        // The engine may have ended; then nobody waits for it.
        let _ = self.answers.send(Answer::Told { space: space.id, told });
    }

    fn take(&mut self, message: Fetch) {
        match message {
            Fetch::Came { space, peer, items } => {
                self.came(&space, peer, &items);
                self.told(&space, self.keeper.ask_again(&space));
            }
            Fetch::Said { space, peer, word } => {
                self.told(&space, self.keeper.hear(&space, peer, &word));
                // The engine may have ended; then nobody waits for it.
                let _ = self.answers.send(Answer::Heard { device: peer });
            }
            Fetch::Suspected { space, peer, found } => self.told(&space, self.keeper.follow_up(&space, peer, found)),
            Fetch::Compare { space, peer, ticket, tips } => {
                self.told(&space, self.keeper.compare(&space, peer, &tips));
                self.say(Event::Compared { peer, space: space.id, ticket });
            }
            Fetch::Remove { space, done } => {
                self.jobs.remove(&space);
                self.waiting.remove(&space);
                // Whoever asked may have stopped waiting.
                let _ = done.send(operate::remove(&self.keeper, space));
            }
            Fetch::Introduce { space, peer } => self.told(&space, self.keeper.introduce(&space, peer)),
            Fetch::Behind { space, peer, bundle } => {
                if bundle.size > MAX_BUNDLE as u64 {
                    self.say(Event::Declined { peer, space: space.id, bundle: bundle.id });
                    return;
                }
                self.put(Job { space, peer, wanted: Wanted::Bundle(bundle), fetching: None, tries: 0 });
            }
            Fetch::Piece { space, peer, blob, from, piece } => self.piece(space, peer, blob, from, &piece),
            Fetch::NoBlob { space, peer } => {
                if self.jobs.get(&space).is_some_and(|job| job.peer == peer) {
                    self.give_up(space);
                }
            }
            Fetch::Gone { peer } => {
                for waiting in self.waiting.values_mut() {
                    waiting.retain(|job| job.peer != peer);
                }
                let stopped = self.jobs.iter().filter(|(_, job)| job.peer == peer).map(|(space, _)| *space);
                for space in stopped.collect::<Vec<_>>() {
                    self.jobs.remove(&space);
                    self.next(space);
                }
            }
            Fetch::Read { space, peer, ticket, blob, from, length } => {
                let piece = self.keeper.read_blob(&space, blob, from, length as usize).unwrap_or_else(|error| {
                    tracing::warn!(%error, "a blob cannot be read");
                    Vec::new()
                });
                self.say(Event::BlobRead { peer, space: space.id, ticket, blob, from, piece });
            }
            Fetch::Endorsed { space, peer, endorsement } => match self.keeper.endorsed(&space, &endorsement) {
                Ok((news, entry)) => {
                    if news {
                        self.say_endorsements(&space);
                    }
                    if let Some(entry) = entry {
                        self.put(Job { space, peer, wanted: Wanted::Entry(Box::new(entry)), fetching: None, tries: 0 });
                    }
                }
                Err(error) => tracing::warn!(%error, "an endorsement is not written down"),
            },
            Fetch::Opened { space } => {
                self.say_offers(&space);
                self.say_endorsements(&space);
            }
        }
    }

    /// Of what came, the checkpoints are fetched.
    fn came(&mut self, space: &Arc<Space>, peer: DeviceId, items: &[Item]) {
        for item in items {
            // It was verified when it was let in.
            let entry = Unverified::decode(item.bytes.as_slice()).and_then(Unverified::verified_before);
            let Ok(entry) = entry else { continue };
            if entry.checkpoint().is_some_and(|checkpoint| checkpoint.is_ok()) {
                match self.keeper.endorsed_before(space, entry.hash()) {
                    Ok(true) => self.say_endorsements(space),
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "an endorsement is not written down"),
                }
                let (space, wanted) = (Arc::clone(space), Wanted::Entry(Box::new(entry)));
                self.put(Job { space, peer, wanted, fetching: None, tries: 0 });
            }
        }
    }

    fn put(&mut self, job: Job) {
        let space = job.space.id;
        let waiting = self.waiting.entry(space).or_default();
        if waiting.len() >= WAITING {
            waiting.pop_front();
        }
        // Being behind comes first.
        if matches!(job.wanted, Wanted::Bundle(_)) {
            waiting.push_front(job);
        } else {
            waiting.push_back(job);
        }
        self.next(space);
    }

    /// Begins with the next, if nothing is under way.
    fn next(&mut self, space: SpaceId) {
        if self.jobs.contains_key(&space) {
            return;
        }
        let waiting = self.waiting.get_mut(&space);
        let Some(job) = waiting.and_then(VecDeque::pop_front) else {
            self.waiting.remove(&space);
            return;
        };
        self.jobs.insert(space, job);
        self.go_on(space);
    }

    /// What is being fetched is not taken, or not now.
    fn give_up(&mut self, space: SpaceId) {
        if let Some(Job { peer, wanted: Wanted::Bundle(bundle), .. }) = self.jobs.remove(&space) {
            self.say(Event::Declined { peer, space, bundle: bundle.id });
        }
        self.next(space);
    }

    fn piece(&mut self, space: SpaceId, peer: DeviceId, blob: BlobLink, from: u64, piece: &[u8]) {
        let Some(job) = self.jobs.get_mut(&space) else { return };
        if job.peer != peer || job.fetching.is_none_or(|fetching| fetching.id != blob.id) {
            return;
        }
        match self.keeper.home().blobs().add(blob, from, piece) {
            Ok(Fetched::Until(here)) if here == from + piece.len() as u64 => {}
            Ok(Fetched::Until(from)) => self.say(Event::Fetch { peer, space, blob, from }),
            Ok(Fetched::Whole) => {
                job.fetching = None;
                self.go_on(space);
            }
            Ok(Fetched::Wrong) if job.tries < TRIES => {
                // What was left of an earlier attempt may have been damaged; from the beginning, then.
                job.tries += 1;
                self.say(Event::Fetch { peer, space, blob, from: 0 });
            }
            Ok(Fetched::Wrong) => self.give_up(space),
            Err(error) => {
                tracing::error!(%error, "what was fetched of a checkpoint cannot be kept");
                self.give_up(space);
            }
        }
    }

    /// Fetches what is still lacking; when nothing is, keeps it.
    fn go_on(&mut self, id: SpaceId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let (space, peer) = (Arc::clone(&job.space), job.peer);
        let done = match &job.wanted {
            Wanted::Entry(entry) => self.keeper.hold(&space, entry).map(|()| None),
            Wanted::Bundle(bundle) => self.keeper.take_over(&space, *bundle).map(Some),
        };
        match done {
            Ok(covers) => {
                self.jobs.remove(&id);
                if let Some(covers) = covers {
                    // The engine may have ended; then nobody waits for it.
                    let _ = self.answers.send(Answer::Covered { space: id, covers });
                }
                self.say_offers(&space);
                self.next(id);
            }
            Err(NotTaken::Lacks(blob)) => {
                job.fetching = Some(blob);
                match self.keeper.lacking(&[blob]) {
                    Ok(lacking) => {
                        let from = lacking.map_or(0, |(_, from)| from);
                        self.say(Event::Fetch { peer, space: id, blob, from });
                    }
                    Err(error) => {
                        tracing::error!(%error, "a blob cannot be looked for");
                        self.give_up(id);
                    }
                }
            }
            Err(NotTaken::Refused(why)) => {
                tracing::info!(space = %id.short(), why, "a checkpoint is not taken over");
                self.give_up(id);
            }
            Err(NotTaken::Store(error)) => {
                tracing::error!(%error, space = %id.short(), "a checkpoint cannot be kept");
                self.give_up(id);
            }
        }
    }

    fn say_offers(&self, space: &Space) {
        match self.keeper.offers(space) {
            Ok(bundles) if bundles.is_empty() => {}
            Ok(bundles) => self.say(Event::Floors { space: space.id, floors: space.floors(), bundles }),
            Err(error) => tracing::warn!(%error, space = %space.id.short(), "checkpoints cannot be offered"),
        }
    }

    fn say_endorsements(&self, space: &Space) {
        let endorsements: Vec<_> =
            space.checkpoints().endorsements.known().iter().map(sheaf_log::Endorsement::encode).collect();
        if !endorsements.is_empty() {
            self.say(Event::Endorsements { space: space.id, endorsements });
        }
    }
}
