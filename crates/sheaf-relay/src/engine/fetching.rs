//! Fetching checkpoints, piece by piece, and serving what is held of them.
//!
//! One thread does it, for it is files that it reads and writes; it also hears what devices say of forks, one word after the
//! other, for a later one may go on from an earlier one. One checkpoint of a space is fetched at a time, blob after
//! blob, each from where it stopped; what is fetched lies on the disk, so nothing is lost when the relay stops.
//!
//! In a cluster a checkpoint that is whole here is *shared* first, and counts when it comes back from there (see
//! [`crate::cluster`]). What a device says on one goes the same way.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use sheaf_access::{DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::{BlobId, BlobLink, Entry, Frontier, Unverified};
use sheaf_store::{BlobStore, Fetched, MAX_BUNDLE};
use sheaf_sync::branches::Suspicion;
use sheaf_sync::{Event, Item, Ticket, Tip};
use tokio::sync::mpsc::UnboundedSender;

use super::Answer;
use super::begun::Begun;
use crate::cluster::{Got, Removal, Shared};
use crate::keeper::{Keeper, NotTaken, Sharing, Space, Told};

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
    /// Somebody's word on a checkpoint came from the cluster.
    Word { space: Arc<Space>, endorsement: Vec<u8>, at: At },
    /// A checkpoint that is in the cluster is to be held here too.
    Take { space: Arc<Space>, shared: Shared, at: At },
    /// The checkpoint of a space that was to be shared is in the cluster.
    Shared { space: SpaceId },
    /// The cluster has a blob, or not.
    Got { space: SpaceId, blob: BlobLink, got: Got },
    /// What is held of a space and is not in the cluster is to be shared.
    ShareKept { space: Arc<Space> },
    /// A space is followed from here on: what it offers is to be said.
    Opened { space: Arc<Space> },
    /// A device says something about a space.
    Said { space: Arc<Space>, peer: DeviceId, word: Vec<u8> },
    /// What a device has sent points to forks.
    Suspected { space: Arc<Space>, peer: DeviceId, found: Vec<Suspicion> },
    /// How a device's logs end is to be looked at.
    Compare { space: Arc<Space>, peer: DeviceId, ticket: Ticket, tips: Vec<(LogId, u64, Tip)> },
    /// A space is to be removed that nobody has to do with any more: from all relays of the cluster, because somebody has asked for it
    /// here, or because that was said; or from this one, which is in none.
    Remove { space: SpaceId, own: Option<Removal>, said: Option<Removal> },
    /// Something that should not happen.
    #[cfg(test)]
    Panic,
    /// A member is here: what is known of forks is to be said.
    Introduce { space: Arc<Space>, peer: DeviceId },
}

/// Which message of the cluster's it is: a stream, and a place in it.
pub type At = (u8, u64);

/// What is to be fetched.
enum Wanted {
    /// The blobs of a checkpoint whose entry is here.
    Entry(Box<Entry>),
    /// A bundle, and the blobs that it names.
    Bundle(BlobLink),
    /// A checkpoint that is in the cluster.
    Shared(Shared, At),
    /// Nothing: it is held, and to be shared.
    Kept(EntryHash),
}

struct Job {
    space: Arc<Space>,
    /// Who has it, or brought it. The cluster has what is wanted as shared.
    peer: DeviceId,
    wanted: Wanted,
    fetching: Option<BlobLink>,
    /// It is on its way to the cluster.
    sharing: bool,
    tries: u32,
}

impl Job {
    fn new(space: Arc<Space>, peer: DeviceId, wanted: Wanted) -> Self {
        Self { space, peer, wanted, fetching: None, sharing: false, tries: 0 }
    }

    /// Whether it ends when this device is gone.
    fn needs(&self, device: DeviceId) -> bool {
        self.peer == device && !self.sharing && matches!(self.wanted, Wanted::Entry(_) | Wanted::Bundle(_))
    }
}

/// What a job has come to, when nothing is lacking.
enum Done {
    /// It is held here.
    Held,
    /// It was taken over, or is held: this is covered.
    Covers(Frontier),
    /// It is to be shared.
    Share(Option<Sharing>),
}

struct Worker {
    keeper: Arc<Keeper>,
    answers: UnboundedSender<Answer>,
    jobs: BTreeMap<SpaceId, Job>,
    waiting: BTreeMap<SpaceId, VecDeque<Job>>,
    /// What may be on the disk of each space that nothing which is held names.
    begun: Begun,
}

/// Starts the thread. It ends with the engine.
pub fn start(keeper: Arc<Keeper>, answers: UnboundedSender<Answer>) -> std::io::Result<Sender<Fetch>> {
    let (sender, incoming) = channel();
    let begun = Begun::new(Arc::clone(&keeper));
    let worker = Worker { keeper, answers, jobs: BTreeMap::new(), waiting: BTreeMap::new(), begun };
    std::thread::Builder::new().name("checkpoints".into()).spawn(move || worker.run(&incoming))?;
    Ok(sender)
}

impl Worker {
    fn run(mut self, incoming: &Receiver<Fetch>) {
        while let Ok(message) = incoming.recv() {
            if catch_unwind(AssertUnwindSafe(|| self.take(message))).is_err() {
                // What waits for an answer would wait for ever, and nothing says what state this is in: the relay is to be started
                // again. The engine may have ended; then it is.
                let _ = self.answers.send(Answer::Broken);
                return;
            }
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
            #[cfg(test)]
            Fetch::Panic => panic!("it should not happen"),
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
            Fetch::Remove { space, own, said } => {
                self.jobs.remove(&space);
                self.waiting.remove(&space);
                self.begun.is_over(space);
                let removed = match own.or(said) {
                    Some(removal) => self.keeper.remove_from_all(space, removal, own.is_none()),
                    None => self.keeper.remove(space),
                };
                // The engine may have ended; then nobody waits for it.
                let _ = self.answers.send(Answer::Removed { space, own, removed });
            }
            Fetch::Introduce { space, peer } => self.told(&space, self.keeper.introduce(&space, peer)),
            Fetch::Behind { space, peer, bundle } => {
                if bundle.size > MAX_BUNDLE as u64 || !self.keeper.has_room_for(&space, peer, bundle) {
                    self.say(Event::Declined { peer, space: space.id, bundle: bundle.id });
                    return;
                }
                self.put(Job::new(space, peer, Wanted::Bundle(bundle)));
            }
            Fetch::Piece { space, peer, blob, from, piece } => self.piece(space, peer, blob, from, &piece),
            Fetch::NoBlob { space, peer } => {
                if self.jobs.get(&space).is_some_and(|job| job.needs(peer)) {
                    self.give_up(space, false);
                }
            }
            Fetch::Gone { peer } => {
                for waiting in self.waiting.values_mut() {
                    waiting.retain(|job| !job.needs(peer));
                }
                let stopped = self.jobs.iter().filter(|(_, job)| job.needs(peer)).map(|(space, _)| *space);
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
            Fetch::Endorsed { space, peer, endorsement } => self.endorsed(space, peer, endorsement),
            Fetch::Word { space, endorsement, at } => {
                let done = match self.keeper.endorsed(&space, &endorsement) {
                    Ok((news, _)) => {
                        if news {
                            self.say_endorsements(&space);
                        }
                        true
                    }
                    Err(error) => {
                        tracing::warn!(%error, "an endorsement is not written down");
                        false
                    }
                };
                self.dealt_with(at, done, false);
            }
            Fetch::Take { space, shared, at } => {
                let peer = self.keeper.id();
                self.put(Job::new(space, peer, Wanted::Shared(shared, at)));
            }
            Fetch::Shared { space } => {
                if self.jobs.get(&space).is_some_and(|job| job.sharing) {
                    self.jobs.remove(&space);
                    self.next(space);
                }
            }
            Fetch::Got { space, blob, got } => self.got(space, blob, got),
            Fetch::ShareKept { space } => match self.keeper.unshared(space.id) {
                Ok(unshared) => {
                    for checkpoint in unshared {
                        self.put(Job::new(Arc::clone(&space), self.keeper.id(), Wanted::Kept(checkpoint)));
                    }
                }
                Err(error) => tracing::warn!(%error, "which checkpoints are in the cluster cannot be read"),
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
                self.put(Job::new(Arc::clone(space), peer, Wanted::Entry(Box::new(entry))));
            }
        }
    }

    /// A device passes on somebody's word on a checkpoint.
    fn endorsed(&mut self, space: Arc<Space>, peer: DeviceId, endorsement: Vec<u8>) {
        let clustered = self.keeper.is_clustered();
        let heard = if clustered {
            self.keeper.weigh(&space, &endorsement)
        } else {
            self.keeper.endorsed(&space, &endorsement)
        };
        match heard {
            Ok((news, entry)) => {
                if news && clustered {
                    // The engine may have ended; then nobody waits for it.
                    let _ = self.answers.send(Answer::Say { space: space.id, peer, endorsement });
                } else if news {
                    self.say_endorsements(&space);
                }
                if let Some(entry) = entry {
                    self.put(Job::new(space, peer, Wanted::Entry(Box::new(entry))));
                }
            }
            Err(error) => tracing::warn!(%error, "an endorsement is not written down"),
        }
    }

    fn put(&mut self, job: Job) {
        let space = job.space.id;
        let waiting = self.waiting.entry(space).or_default();
        let dropped = if waiting.len() >= WAITING { waiting.pop_front() } else { None };
        // Being behind comes first.
        if matches!(job.wanted, Wanted::Bundle(_)) {
            waiting.push_front(job);
        } else {
            waiting.push_back(job);
        }
        if let Some(Job { wanted: Wanted::Shared(_, at), .. }) = dropped {
            self.dealt_with(at, false, true);
        }
        self.next(space);
    }

    /// Says what became of a message of the cluster's: it is taken, or not; and not, whether that may change by itself.
    fn dealt_with(&self, at: At, taken: bool, later: bool) {
        // The engine may have ended; then nobody waits for it.
        let _ = self.answers.send(Answer::TakenShared { at, taken, later });
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
    fn give_up(&mut self, space: SpaceId, later: bool) {
        match self.jobs.remove(&space).map(|job| (job.peer, job.wanted)) {
            Some((peer, Wanted::Bundle(bundle))) => self.say(Event::Declined { peer, space, bundle: bundle.id }),
            Some((_, Wanted::Shared(_, at))) => self.dealt_with(at, false, later),
            _ => {}
        }
        self.next(space);
    }

    /// The cluster has a blob that was asked for, or not.
    fn got(&mut self, space: SpaceId, blob: BlobLink, got: Got) {
        let Some(job) = self.jobs.get_mut(&space) else { return };
        if job.fetching != Some(blob) || !matches!(job.wanted, Wanted::Shared(..)) {
            return;
        }
        job.fetching = None;
        match got {
            Got::Here => self.go_on(space),
            Got::None => self.give_up(space, false),
            Got::NotNow => self.give_up(space, true),
        }
    }

    fn piece(&mut self, space: SpaceId, peer: DeviceId, blob: BlobLink, from: u64, piece: &[u8]) {
        let Some(job) = self.jobs.get_mut(&space) else { return };
        if !job.needs(peer) || job.fetching.is_none_or(|fetching| fetching.id != blob.id) {
            return;
        }
        if !self.keeper.has_disk() {
            self.give_up(space, true);
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
            Ok(Fetched::Wrong) => self.give_up(space, true),
            Err(error) => {
                tracing::error!(%error, "what was fetched of a checkpoint cannot be kept");
                self.give_up(space, true);
            }
        }
    }

    /// Fetches what is still lacking; when nothing is, keeps it, or has it shared.
    fn go_on(&mut self, id: SpaceId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let (space, peer, keeper) = (Arc::clone(&job.space), job.peer, &self.keeper);
        let done = match &job.wanted {
            Wanted::Entry(entry) if keeper.is_clustered() => keeper.share_held(&space, entry).map(Done::Share),
            Wanted::Entry(entry) => keeper.hold(&space, entry).map(|()| Done::Held),
            Wanted::Bundle(bundle) if keeper.is_clustered() => {
                keeper.share_vouched(&space, *bundle).map(|sharing| Done::Share(Some(sharing)))
            }
            Wanted::Bundle(bundle) => keeper.take_over(&space, *bundle).map(Done::Covers),
            Wanted::Shared(shared, _) => keeper.take_shared(&space, shared).map(Done::Covers),
            Wanted::Kept(checkpoint) => keeper.share_kept(&space, *checkpoint).map(Done::Share),
        };
        match done {
            Ok(Done::Share(Some(sharing))) => {
                job.sharing = true;
                // The engine may have ended; then nobody waits for it.
                let _ = self.answers.send(Answer::Share { space: id, peer, sharing });
            }
            Ok(done) => self.is_held(&space, done),
            Err(NotTaken::Lacks(_)) if !keeper.has_disk() => self.give_up(id, true),
            Err(NotTaken::Lacks(blob)) => {
                job.fetching = Some(blob);
                let by = match &job.wanted {
                    Wanted::Entry(entry) => Some(entry.log().device),
                    Wanted::Bundle(_) => Some(peer),
                    Wanted::Shared(..) | Wanted::Kept(_) => None,
                };
                let named = || match &job.wanted {
                    Wanted::Entry(entry) => {
                        entry.checkpoint().and_then(Result::ok).map(|one| one.blobs).unwrap_or_default()
                    }
                    Wanted::Bundle(bundle) | Wanted::Shared(Shared { bundle, .. }, _) => {
                        let blobs = keeper.named_by(&space, *bundle);
                        std::iter::once(*bundle).chain(blobs).collect()
                    }
                    Wanted::Kept(_) => Vec::new(),
                };
                self.begun.fetches(&space, by, blob.id, named);
                if matches!(job.wanted, Wanted::Shared(..)) {
                    // The engine may have ended; then nobody waits for it.
                    let _ = self.answers.send(Answer::Get { space: id, blob });
                    return;
                }
                match self.keeper.lacking(&[blob]) {
                    Ok(lacking) => {
                        let from = lacking.map_or(0, |(_, from)| from);
                        self.say(Event::Fetch { peer, space: id, blob, from });
                    }
                    Err(error) => {
                        tracing::error!(%error, "a blob cannot be looked for");
                        self.give_up(id, true);
                    }
                }
            }
            Err(NotTaken::OverQuota) => {
                // Whoever brought it hears it. The engine may have ended; then nobody waits for it.
                let _ = self.answers.send(Answer::OverQuota { space: id, device: peer });
                self.give_up(id, false);
            }
            Err(NotTaken::Refused(why)) => {
                tracing::info!(space = %id.short(), why, "a checkpoint is not taken over");
                self.give_up(id, false);
            }
            Err(NotTaken::Store(error)) => {
                tracing::error!(%error, space = %id.short(), "a checkpoint cannot be kept");
                self.give_up(id, true);
            }
        }
    }

    /// The job of a space is done: what it fetched is held.
    fn is_held(&mut self, space: &Arc<Space>, done: Done) {
        let job = self.jobs.remove(&space.id);
        self.begun.is_over(space.id);
        if let Done::Covers(covers) = done {
            // The engine may have ended; then nobody waits for it.
            let _ = self.answers.send(Answer::Covered { space: space.id, covers });
        }
        self.say_offers(space);
        if let Some(Wanted::Shared(_, at)) = job.map(|job| job.wanted) {
            self.say_endorsements(space);
            self.dealt_with(at, true, false);
        }
        self.next(space.id);
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
