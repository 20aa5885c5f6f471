//! The fetcher: one thread that takes checkpoints in, piece by piece, and serves what is asked for of those held here.
//!
//! A checkpoint comes in one of two ways: a device that has pruned tells us that we are behind, and names a bundle; or its
//! entry came like any other, and its blobs are asked for, so that this device can prune too, and endorse. Either way one
//! checkpoint of a space is fetched at a time, blob after blob, each from where it stopped; what is fetched lies on the
//! disk, so nothing is lost by a crash. Who else offered one meanwhile is turned to when that comes to nothing.
//!
//! Who is asked for a checkpoint whose entry is here, and when again, is in `sources`.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use sheaf_access::{DeviceId, EntryHash, SpaceId};
use sheaf_log::{BlobId, BlobLink, Entry, may_checkpoint};
use sheaf_store::{BlobStore, Fetched, MAX_BUNDLE};
use sheaf_sync::{Event, Ticket};
use tokio::sync::watch;

use super::bundle::Bundle;
use super::sources::Sources;
use super::verify::Problem;
use crate::core::Core;
use crate::network::Input;
use crate::refusals::Refused;
use crate::space::Space;

/// How often a blob that turns out to be another is asked for again.
const TRIES: u32 = 2;
/// How long whoever is asked for a blob may send nothing of it, before others are asked.
const SILENT: Duration = Duration::from_secs(10);

/// What the fetcher is told.
pub enum Message {
    /// A peer says that we are behind.
    Behind {
        /// Who.
        peer: DeviceId,
        /// The space.
        space: SpaceId,
        /// What to fetch.
        bundle: BlobLink,
    },
    /// A piece has come.
    Piece {
        /// From whom.
        peer: DeviceId,
        /// The space.
        space: SpaceId,
        /// The blob.
        blob: BlobLink,
        /// Where it begins.
        from: u64,
        /// The piece.
        piece: Vec<u8>,
    },
    /// A while has gone by: whoever did not have something may have it now.
    Again,
    /// A peer does not have it.
    NoBlob {
        /// Who.
        peer: DeviceId,
        /// The space.
        space: SpaceId,
    },
    /// A peer has gone.
    Gone {
        /// Who.
        peer: DeviceId,
    },
    /// This peer holds what we hold: what waits for blobs may be had there.
    Synced {
        /// Who.
        peer: DeviceId,
        /// The space.
        space: SpaceId,
    },
    /// The entry of a checkpoint has come from a peer.
    Came {
        /// From whom.
        peer: DeviceId,
        /// The space.
        space: SpaceId,
    },
    /// A peer wants a piece.
    Read {
        /// Who.
        peer: DeviceId,
        /// The space.
        space: SpaceId,
        /// To be given back.
        ticket: Ticket,
        /// The blob.
        blob: BlobId,
        /// Where it begins.
        from: u64,
        /// How long it is.
        length: u32,
    },
    /// A peer passes on an endorsement.
    Endorsed {
        /// The space.
        space: SpaceId,
        /// The endorsement.
        endorsement: Vec<u8>,
    },
}

/// What is being fetched for a space.
struct Job {
    peer: DeviceId,
    /// The bundle that a peer told us to fetch; none for a checkpoint whose entry is here.
    bundle: Option<BlobLink>,
    /// The checkpoint, when its entry is here.
    checkpoint: Option<Entry>,
    /// What is on its way.
    fetching: Option<BlobLink>,
    tries: u32,
    /// When something of it last came, or was asked for; later, by as long as this thread had other things to do.
    heard: Instant,
}

/// The way to the fetcher.
pub struct Fetcher {
    messages: Sender<Message>,
    /// How much it has to do: what it was told and has not looked at, and the checkpoints that are under way.
    load: Arc<watch::Sender<usize>>,
}

impl Fetcher {
    /// Starts the thread.
    pub fn start() -> (Self, impl FnOnce(Weak<Core>) -> std::io::Result<std::thread::JoinHandle<()>>) {
        let (messages, incoming) = channel();
        let load = Arc::new(watch::Sender::new(0));
        let counted = Arc::clone(&load);
        let start = move |core| {
            std::thread::Builder::new().name("checkpoints".into()).spawn(move || {
                let (jobs, waiting) = (BTreeMap::new(), BTreeMap::new());
                Worker { core, jobs, waiting, sources: Sources::default() }.run(&incoming, &counted);
            })
        };
        (Self { messages, load }, start)
    }

    /// Tells it something.
    pub fn tell(&self, message: Message) {
        self.load.send_modify(|load| *load += 1);
        // The thread lives as long as the node.
        let _ = self.messages.send(message);
    }

    /// How much it has to do, as it changes.
    pub fn load(&self) -> watch::Receiver<usize> {
        self.load.subscribe()
    }
}

struct Worker {
    core: Weak<Core>,
    jobs: BTreeMap<SpaceId, Job>,
    /// Who else told us that we are behind, while something was being fetched.
    waiting: BTreeMap<SpaceId, VecDeque<(DeviceId, BlobLink)>>,
    /// Who may have the checkpoints whose entries are here.
    sources: Sources,
}

impl Worker {
    fn run(&mut self, incoming: &Receiver<Message>, load: &watch::Sender<usize>) {
        loop {
            let message = match self.jobs.values().map(|job| job.heard + SILENT).min() {
                Some(at) => incoming.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => incoming.recv().map_err(RecvTimeoutError::from),
            };
            let message = match message {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let Some(core) = self.core.upgrade() else { return };
            let (before, looked_at) = (self.jobs.len(), usize::from(message.is_some()));
            let began = Instant::now();
            // Whatever one checkpoint does, the others are taken and given.
            let done = catch_unwind(AssertUnwindSafe(|| match message {
                Some(message) => self.take(&core, message),
                None => self.give_up_on_the_silent(&core),
            }));
            if done.is_err() {
                tracing::error!("taking a checkpoint in broke off");
                self.jobs.clear();
            }
            let busy = began.elapsed();
            self.jobs.values_mut().for_each(|job| job.heard += busy);
            load.send_modify(|load| *load = (*load + self.jobs.len()).saturating_sub(before + looked_at));
        }
    }

    /// Whoever offered something, or was asked for it, and sends nothing of it keeps nobody from having it from others.
    fn give_up_on_the_silent(&mut self, core: &Arc<Core>) {
        let silent = self.jobs.iter().filter(|(_, job)| job.heard.elapsed() >= SILENT);
        let silent: Vec<(SpaceId, DeviceId)> = silent.map(|(space, job)| (*space, job.peer)).collect();
        for (space, peer) in silent {
            tracing::info!(%space, %peer, "nothing came of a checkpoint that was asked for");
            self.look_elsewhere(core, space);
        }
    }

    fn take(&mut self, core: &Arc<Core>, message: Message) {
        match message {
            Message::Behind { peer, space, bundle } => {
                if bundle.size == 0 || bundle.size > MAX_BUNDLE as u64 {
                    decline(core, peer, space, bundle);
                    return;
                }
                let waiting = self.waiting.entry(space).or_default();
                // Whoever says something else now has thought better of it. So nobody waits more than once.
                waiting.retain(|(who, _)| *who != peer);
                waiting.push_back((peer, bundle));
                self.next(core, space);
            }
            Message::Piece { peer, space, blob, from, piece } => self.piece(core, peer, space, blob, (from, &piece)),
            Message::NoBlob { peer, space } => {
                if self.jobs.get(&space).is_some_and(|job| job.peer == peer) {
                    self.look_elsewhere(core, space);
                }
            }
            Message::Gone { peer } => {
                for waiting in self.waiting.values_mut() {
                    waiting.retain(|(who, _)| *who != peer);
                }
                self.sources.gone(peer);
                let stopped: Vec<SpaceId> =
                    self.jobs.iter().filter(|(_, job)| job.peer == peer).map(|(space, _)| *space).collect();
                for space in stopped {
                    self.jobs.remove(&space);
                    self.next(core, space);
                }
            }
            Message::Synced { peer, space } => {
                self.sources.in_step(space, peer);
                self.fetch_pending(core, space, Some(peer));
            }
            Message::Again => {
                for space in self.sources.again() {
                    self.fetch_pending(core, space, None);
                }
            }
            Message::Came { peer, space } => self.fetch_pending(core, space, Some(peer)),
            Message::Read { peer, space, ticket, blob, from, length } => {
                let piece = core.read_blob(space, blob, from, length as usize);
                core.tell_network(Input::Machine(Event::BlobRead { peer, space, ticket, blob, from, piece }));
            }
            Message::Endorsed { space, endorsement } => {
                let Some(held) = core.space(space) else { return };
                if let Some(one) = core.endorsed(&held, &endorsement) {
                    self.sources.vouched(space, one.checkpoint);
                    self.fetch_pending(core, space, Some(one.device));
                }
            }
        }
    }

    /// Begins to fetch the last checkpoint whose entry is here and which somebody may have, if nothing is under way. Of
    /// those in step, this one is asked first.
    fn fetch_pending(&mut self, core: &Arc<Core>, space: SpaceId, first: Option<DeviceId>) {
        let Some(held) = core.space(space) else { return };
        if self.jobs.contains_key(&space) {
            return;
        }
        let pending = held.checkpoints().pending.clone();
        let hashes: Vec<EntryHash> = pending.iter().map(Entry::hash).collect();
        let Some((next, peer)) = self.sources.next(space, &hashes, first) else { return };
        let checkpoint = pending.into_iter().find(|entry| entry.hash() == next);
        let heard = Instant::now();
        self.jobs.insert(space, Job { peer, bundle: None, checkpoint, fetching: None, tries: 0, heard });
        self.go_on(core, space);
    }

    /// Begins with the next bundle that someone told us to fetch, if nothing is under way; else with what else is lacking.
    fn next(&mut self, core: &Arc<Core>, space: SpaceId) {
        if self.jobs.get(&space).is_some_and(|job| job.bundle.is_some()) {
            return;
        }
        let Some((peer, bundle)) = self.waiting.get_mut(&space).and_then(VecDeque::pop_front) else {
            return self.fetch_pending(core, space, None);
        };
        // Being behind comes first: a checkpoint whose entry is here can wait.
        let heard = Instant::now();
        self.jobs.insert(space, Job { peer, bundle: Some(bundle), checkpoint: None, fetching: None, tries: 0, heard });
        self.go_on(core, space);
    }

    /// This peer does not have what it was asked for, or it cannot be kept here.
    fn look_elsewhere(&mut self, core: &Arc<Core>, space: SpaceId) {
        if let Some(Job { peer, checkpoint: Some(checkpoint), .. }) = self.jobs.get(&space) {
            self.sources.without(space, checkpoint.hash(), *peer);
        }
        self.give_up(core, space);
    }

    /// What is under way is not taken now. If that is a checkpoint whose entry is here, it is tried again when something has
    /// happened: someone is in step, or vouches for it.
    fn give_up(&mut self, core: &Arc<Core>, space: SpaceId) {
        let Some(Job { peer, bundle, checkpoint, .. }) = self.jobs.remove(&space) else { return };
        if let Some(bundle) = bundle {
            decline(core, peer, space, bundle);
        }
        let same =
            |held: &Space, one: &Entry| held.checkpoints().pending.iter().any(|entry| entry.hash() == one.hash());
        let waits = checkpoint.is_some_and(|one| {
            let elsewhere = self.sources.is_without(space, one.hash(), peer);
            !elsewhere && core.space(space).is_some_and(|held| same(&held, &one))
        });
        if !waits || self.waiting.get(&space).is_some_and(|waiting| !waiting.is_empty()) {
            self.next(core, space);
        }
    }

    fn piece(&mut self, core: &Arc<Core>, peer: DeviceId, space: SpaceId, blob: BlobLink, (from, piece): (u64, &[u8])) {
        let Some(job) = self.jobs.get_mut(&space) else { return };
        if job.peer != peer || job.fetching.is_none_or(|fetching| fetching.id != blob.id) {
            return;
        }
        job.heard = Instant::now();
        match core.home().blobs().add(blob, from, piece) {
            Ok(Fetched::Until(here)) if here == from + piece.len() as u64 => {}
            Ok(Fetched::Until(from)) => core.tell_network(Input::Machine(Event::Fetch { peer, space, blob, from })),
            Ok(Fetched::Whole) => {
                job.fetching = None;
                self.go_on(core, space);
            }
            Ok(Fetched::Wrong) if job.tries < TRIES => {
                // What was left of an earlier attempt may have been damaged; from the beginning, then.
                job.tries += 1;
                core.tell_network(Input::Machine(Event::Fetch { peer, space, blob, from: 0 }));
            }
            Ok(Fetched::Wrong) => self.look_elsewhere(core, space),
            Err(error) => {
                // A disk that takes nothing now takes nothing when the rest has come either, and both are in step again.
                tracing::error!(%error, "what was fetched of a checkpoint cannot be kept");
                self.look_elsewhere(core, space);
            }
        }
    }

    /// Fetches what is still lacking; when nothing is, verifies and merges.
    fn go_on(&mut self, core: &Arc<Core>, space: SpaceId) {
        let Some(held) = core.space(space) else {
            self.jobs.remove(&space);
            return;
        };
        let Some(job) = self.jobs.get_mut(&space) else { return };
        let done = match (job.bundle, &job.checkpoint) {
            (Some(bundle), _) => take_bundle(core, &held, job.peer, bundle),
            (None, Some(checkpoint)) => take_pending(core, &held, checkpoint),
            (None, None) => Err(None),
        };
        match done {
            Ok(()) => {
                self.jobs.remove(&space);
                // Others may have offered one that says more.
                self.next(core, space);
            }
            Err(Some(blob)) => {
                let from = match core.home().blobs().partial(blob.id) {
                    Ok(here) if here < blob.size => here,
                    // More than there can be: it begins anew.
                    _ => {
                        if let Err(error) = core.home().blobs().delete(blob.id) {
                            tracing::warn!(%error, "a part of a blob cannot be removed");
                        }
                        0
                    }
                };
                (job.fetching, job.heard) = (Some(blob), Instant::now());
                let peer = job.peer;
                core.tell_network(Input::Machine(Event::Fetch { peer, space, blob, from }));
            }
            Err(None) => self.give_up(core, space),
        }
    }
}

fn decline(core: &Core, peer: DeviceId, space: SpaceId, bundle: BlobLink) {
    core.tell_network(Input::Machine(Event::Declined { peer, space, bundle: bundle.id }));
}

/// What is still to be fetched, or nothing, if it is no use.
type Lacking = Option<BlobLink>;

/// Takes over the checkpoint of a bundle, if all of it is here.
fn take_bundle(core: &Arc<Core>, space: &Arc<Space>, peer: DeviceId, link: BlobLink) -> Result<(), Lacking> {
    let blobs = core.home().blobs();
    let unreadable = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, space = %space.id, "what was fetched of a checkpoint cannot be read or kept");
        None
    };
    let bytes = blobs.get(link.id).map_err(|error| unreadable(&error))?.ok_or(Some(link))?;
    // What is wrong with the bundle itself is the doing of who told us to fetch it.
    let wrong = |error: &dyn std::fmt::Display| {
        core.refused(peer, &Refused::checkpoint(&error.to_string()));
        core.forget_blob(link.id);
        None
    };
    let bundle = Bundle::read(&bytes, space.id).map_err(|error| wrong(&error))?;
    if space.checkpoints().refused.contains(&bundle.checkpoint.hash()) {
        return Err(wrong(&"it was looked at before, and refused"));
    }
    let known = space.lock().access.clone();
    let access = bundle.history(known.as_ref()).map_err(|error| wrong(&error))?;
    may_checkpoint(&bundle.checkpoint, &access).map_err(|error| wrong(&error))?;
    match core.verify_bundle(space, &bundle.checkpoint, &access, bytes.into()) {
        Ok(base) => {
            core.merge(space, base, &bundle, access).map_err(|error| unreadable(&error))?;
            // The bundle is kept under the checkpoint's name now.
            core.forget_blob(link.id);
            Ok(())
        }
        Err(Problem::Missing(blob)) => Err(Some(blob)),
        Err(problem) if problem.is_verdict() => {
            core.checkpoint_refused(space, Some(peer), &bundle.checkpoint, &problem);
            core.forget_blob(link.id);
            Err(None)
        }
        Err(problem) => {
            tracing::warn!(%problem, space = %space.id, "a checkpoint cannot be verified now");
            Err(None)
        }
    }
}

/// Verifies a checkpoint whose entry is here, if all of it is.
fn take_pending(core: &Arc<Core>, space: &Arc<Space>, checkpoint: &Entry) -> Result<(), Lacking> {
    match core.verify_pending(space, checkpoint) {
        Ok(()) => Ok(()),
        Err(Problem::Missing(blob)) => Err(Some(blob)),
        Err(problem) => {
            if !problem.is_verdict() {
                tracing::warn!(%problem, space = %space.id, "a checkpoint cannot be verified now");
            }
            Err(None)
        }
    }
}

impl Core {
    /// Removes a blob that no checkpoint needs any more, of whichever space: the blobs of all lie side by side, and whoever has
    /// us do this may have had another's name in mind.
    pub fn forget_blob(&self, blob: BlobId) {
        let me = self.me().ok().map(|me| me.keys.device.id());
        if self.spaces().iter().any(|space| space.checkpoints().serves(blob, me)) {
            return;
        }
        if let Err(error) = self.home().blobs().delete_unneeded(blob, None) {
            tracing::warn!(%error, "a fetched blob cannot be removed");
        }
    }

    /// A piece of a blob for a member; empty, if no checkpoint that is held or was written here names it.
    fn read_blob(&self, space: SpaceId, blob: BlobId, from: u64, length: usize) -> Vec<u8> {
        let Some(held) = self.space(space) else { return Vec::new() };
        let me = self.me().ok().map(|me| me.keys.device.id());
        let (named, bundle) = {
            let held = held.checkpoints();
            (held.serves(blob, me), held.bundle(blob))
        };
        if let Some(bundle) = bundle {
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            return bundle.iter().skip(from).take(length).copied().collect();
        }
        if !named {
            return Vec::new();
        }
        match self.home().blobs().read(blob, from, length) {
            Ok(piece) => piece.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "a blob cannot be read");
                Vec::new()
            }
        }
    }
}
