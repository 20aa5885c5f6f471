//! Asking the other relays for what the streams have no more: after a gap, for a space that is asked for here, and for what is lacking.
//!
//! A relay compares what it holds of each space with those of the others that are there, and takes what it lacks: checkpoints
//! first, where entries are pruned, then entries in the order in which they arrived there. What comes is given to the engine as if a stream
//! had brought it, a bounded number at a time, and the next is asked for when that is dealt with.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Client;
use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::{BlobLink, Unverified};
use sheaf_store::{BlobStore, Fetched};
use sheaf_sync::EntryBytes;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout};

use super::asking::{self, Holding, Listed, Question, Reply, SPACES};
use super::wire::shard;
use super::{Got, News, PassedOn, What};
use crate::keeper::Keeper;

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// After what time a relay that has just started knows who else is there.
const KNOWN: Duration = Duration::from_secs(3);
/// How often it is looked whether a pull that somebody else has begun is done.
const LOOK: Duration = Duration::from_millis(50);
/// How many entries that were pulled are under way at a time, of one space.
const UNDER_WAY: u32 = 256;
/// How many spaces are pulled at a time.
const PULLS: usize = 4;
/// How many questions of other relays are answered at a time, and how many wait for that. Whoever asks more is told to ask again.
const ANSWERS: usize = 8;
const WAITING: usize = 256;
/// How often a question is asked that is not answered, and how long is waited in between.
const ASKED: u32 = 4;
const AGAIN: Duration = Duration::from_millis(500);

/// What a comparison has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compared {
    /// Whatever the others have of it is here, as far as it is to be.
    Level,
    /// Something of what they have was not taken, which may be another time.
    Lacks,
    /// Somebody did not answer, or nobody is there: it is not known.
    Unanswered,
}

/// The other relays, and what is asked of them.
#[derive(Clone)]
pub struct Siblings {
    client: Client,
    keeper: Arc<Keeper>,
    news: UnboundedSender<News>,
    /// Those that are there.
    there: Arc<Mutex<Vec<DeviceId>>>,
    pulls: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    /// Questions that are answered, or wait for that.
    questions: Arc<Semaphore>,
    /// Spaces that are being pulled.
    pulling: Arc<Mutex<BTreeSet<SpaceId>>>,
    /// When this relay began to listen.
    begun: Instant,
    /// What is pulled has no place in a stream: it is numbered from the end of numbers.
    numbers: Arc<AtomicU64>,
}

impl Siblings {
    /// Nobody is known yet.
    pub fn new(client: Client, keeper: Arc<Keeper>, news: UnboundedSender<News>) -> Self {
        Self {
            client,
            keeper,
            news,
            there: Arc::default(),
            pulls: Arc::new(Semaphore::new(PULLS)),
            answers: Arc::new(Semaphore::new(ANSWERS)),
            questions: Arc::new(Semaphore::new(ANSWERS + WAITING)),
            pulling: Arc::default(),
            begun: Instant::now(),
            numbers: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }

    /// These are there.
    pub fn are(&self, relays: Vec<DeviceId>) {
        *locked(&self.there) = relays;
    }

    fn there(&self) -> Vec<DeviceId> {
        locked(&self.there).clone()
    }

    /// Answers another relay's question.
    pub fn answer(&self, message: async_nats::Message) {
        let (Some(reply), Some(question)) = (message.reply, Question::decode(&message.payload)) else { return };
        let waits = Arc::clone(&self.questions).try_acquire_owned().ok();
        let (client, keeper, answers) = (self.client.clone(), Arc::clone(&self.keeper), Arc::clone(&self.answers));
        tokio::spawn(async move {
            let answer = match waits {
                None => Reply::NotNow,
                Some(_waits) => {
                    let Ok(_room) = answers.acquire().await else { return };
                    let Ok(answer) = tokio::task::spawn_blocking(move || keeper.answer(question)).await else { return };
                    answer
                }
            };
            if let Err(error) = client.publish(reply, answer.encode().into()).await {
                tracing::debug!(%error, "another relay is not answered");
            }
        });
    }

    /// Asks another relay, and again if it has no time or its answer is lost.
    async fn ask(&self, relay: DeviceId, question: &Question) -> Option<Reply> {
        for tried in 1..=ASKED {
            let asked = self.client.request(asking::subject(relay), question.encode().into());
            if let Ok(Ok(answer)) = timeout(ANSWER, asked).await
                && let Some(reply) = Reply::decode(&answer.payload).filter(|reply| *reply != Reply::NotNow)
            {
                return Some(reply);
            }
            if tried < ASKED {
                tokio::time::sleep(AGAIN).await;
            }
        }
        None
    }

    /// Compares what is held of a shard's spaces with all who are there, and takes what is lacking. `wanted` says of a space that is not kept
    /// here whether it is to be.
    pub async fn compare(&self, of: u8, wanted: impl Fn(SpaceId) -> bool) -> Compared {
        tokio::time::sleep_until(self.begun + KNOWN).await;
        let mut worst = None;
        for relay in self.there() {
            worst = worst.max(Some(self.compare_with(relay, of, &wanted).await));
        }
        worst.unwrap_or(Compared::Unanswered)
    }

    async fn compare_with(&self, relay: DeviceId, of: u8, wanted: &impl Fn(SpaceId) -> bool) -> Compared {
        // What is removed is not compared: neither what is here of it, nor what a third may have that has not heard of it.
        let mut worst = self.take_removals(relay, of).await;
        let mut after = None;
        loop {
            let question = Question::Spaces { shard: of, after };
            let Some(Reply::Spaces(spaces)) = self.ask(relay, &question).await else { return Compared::Unanswered };
            let last = spaces.last().map(|one| one.space);
            for one in spaces.iter().filter(|one| shard(one.space) == of) {
                if self.differs(one, wanted).await {
                    worst = worst.max(self.pull_from(relay, one.space).await);
                }
            }
            // In order, or it would never end.
            if spaces.len() < SPACES || last <= after {
                return worst;
            }
            after = last;
        }
    }

    /// Takes from another relay which spaces of a shard were removed, as far as this one does not know of it.
    async fn take_removals(&self, relay: DeviceId, of: u8) -> Compared {
        let mut after = None;
        loop {
            let question = Question::Removals { shard: of, after };
            let Some(Reply::Removals(removals)) = self.ask(relay, &question).await else { return Compared::Unanswered };
            for (space, removal) in removals.iter().filter(|(space, _)| shard(*space) == of) {
                if self.keeper.removed(*space).is_none_or(|known| known.at < removal.at) {
                    self.give(*space, [0; 32], vec![(relay, What::Removal(*removal))]).await;
                }
            }
            let last = removals.last().map(|(space, _)| *space);
            // In order, or it would never end.
            if removals.len() < SPACES || last <= after {
                return Compared::Level;
            }
            after = last;
        }
    }

    /// Whether another relay knows of the last removal of a space that this one knows of. What it holds otherwise is to go.
    async fn has_removed(&self, relay: DeviceId, space: SpaceId) -> bool {
        let Some(known) = self.keeper.removed(space) else { return true };
        match self.ask(relay, &Question::Removed(space)).await {
            Some(Reply::Removed(theirs)) => theirs.is_some_and(|theirs| theirs.at >= known.at),
            _ => false,
        }
    }

    async fn differs(&self, listed: &Listed, wanted: &impl Fn(SpaceId) -> bool) -> bool {
        let (keeper, space) = (Arc::clone(&self.keeper), listed.space);
        match blocking(move || keeper.digest(space)).await {
            Some(Some(own)) => own != listed.digest,
            Some(None) => wanted(space),
            None => false,
        }
    }

    /// Takes what is lacking of a space from all who are there. Answers when that is dealt with, whoever has begun it.
    pub async fn pull(&self, space: SpaceId) {
        if !locked(&self.pulling).insert(space) {
            while locked(&self.pulling).contains(&space) {
                tokio::time::sleep(LOOK).await;
            }
            return;
        }
        tokio::time::sleep_until(self.begun + KNOWN).await;
        if let Ok(_room) = self.pulls.acquire().await {
            for relay in self.there() {
                self.pull_from(relay, space).await;
            }
        }
        locked(&self.pulling).remove(&space);
    }

    /// Whether a space is being pulled.
    pub fn is_pulling(&self, space: SpaceId) -> bool {
        locked(&self.pulling).contains(&space)
    }

    /// Takes what is lacking of a space from one of them.
    async fn pull_from(&self, relay: DeviceId, space: SpaceId) -> Compared {
        if !self.has_removed(relay, space).await {
            return Compared::Lacks;
        }
        let theirs = match self.ask(relay, &Question::Space(space)).await {
            Some(Reply::Space(Some(theirs))) => theirs,
            Some(Reply::Space(None)) => return Compared::Level,
            _ => return Compared::Unanswered,
        };
        tracing::debug!(relay = %relay.short(), space = %space.short(), "a space is compared with another relay's");
        let Some((_, pruned)) = self.lacks(space, &theirs).await else { return Compared::Lacks };
        let mut compared = Compared::Level;
        if pruned {
            // What their checkpoints stand for is in no entries there.
            compared = compared.max(self.take_checkpoints(space, &theirs).await);
        }
        compared = compared.max(self.take_entries(relay, space, &theirs).await);
        if compared == Compared::Lacks {
            // What builds on a side of a fork that is beside the log there: with that here, it may be taken.
            compared = self.take_entries(relay, space, &theirs).await;
        }
        if !pruned {
            compared = compared.max(self.take_checkpoints(space, &theirs).await);
        }
        compared
    }

    /// Takes what is lacking of its logs, after what stands beside them.
    async fn take_entries(&self, relay: DeviceId, space: SpaceId, theirs: &Holding) -> Compared {
        let mut compared = self.take_beside(relay, space, theirs).await;
        let mut after = 0;
        while let Some((lacking, _)) = self.lacks(space, theirs).await.filter(|(lacking, _)| !lacking.is_empty()) {
            let question = Question::Entries { space, after, lacking };
            let Some(Reply::Entries(entries, next)) = self.ask(relay, &question).await else {
                return Compared::Unanswered;
            };
            compared =
                compared.max(self.give(space, theirs.proof, entries.into_iter().filter_map(entry).collect()).await);
            // Forwards, or it would never end.
            match next.filter(|next| *next > after) {
                Some(next) => after = next,
                None => break,
            }
        }
        compared
    }

    /// Takes what stands beside its forked logs, as far as it goes on from what is here: the other sides of forks, which others may have
    /// built on (L6).
    async fn take_beside(&self, relay: DeviceId, space: SpaceId, theirs: &Holding) -> Compared {
        let mut after = 0;
        loop {
            let question = Question::Beside { space, after };
            let Some(Reply::Entries(entries, next)) = self.ask(relay, &question).await else {
                return Compared::Unanswered;
            };
            let keeper = Arc::clone(&self.keeper);
            let Some(news) = blocking(move || keeper.not_beside(space, entries)).await else { return Compared::Lacks };
            self.give(space, theirs.proof, news.into_iter().filter_map(entry).collect()).await;
            // Forwards, or it would never end.
            match next.filter(|next| *next > after) {
                Some(next) => after = next,
                None => return Compared::Level,
            }
        }
    }

    async fn lacks(&self, space: SpaceId, theirs: &Holding) -> Option<(Vec<sheaf_log::Range>, bool)> {
        let (keeper, theirs) = (Arc::clone(&self.keeper), theirs.clone());
        blocking(move || keeper.lacks(space, &theirs)).await
    }

    async fn take_checkpoints(&self, space: SpaceId, theirs: &Holding) -> Compared {
        let from = self.keeper.id();
        let checkpoints = theirs.checkpoints.iter().map(|shared| (from, What::Checkpoint(shared.clone())));
        self.give(space, theirs.proof, checkpoints.collect()).await
    }

    /// Gives these to the engine, in order, and waits until they are dealt with. Answers whether any of them was given up that may be
    /// taken another time.
    async fn give(&self, space: SpaceId, proof: [u8; 32], things: Vec<(DeviceId, What)>) -> Compared {
        let (room, left) = (Arc::new(Semaphore::new(UNDER_WAY as usize)), Arc::new(AtomicBool::new(false)));
        for (bringer, what) in things {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return Compared::Lacks };
            let sequence = self.numbers.fetch_sub(1, Ordering::Relaxed);
            let (shard, left) = (shard(space), Some(Arc::clone(&left)));
            let pulled = PassedOn { shard, sequence, space, bringer, proof, what, tries: 0, permit, left };
            if self.news.send(News::Pulled(Box::new(pulled))).is_err() {
                return Compared::Lacks;
            }
        }
        // All of it, when all permits are back. They do not close.
        let _ = room.acquire_many(UNDER_WAY).await;
        if left.load(Ordering::Relaxed) { Compared::Lacks } else { Compared::Level }
    }

    /// Fetches a blob from whoever of them has it.
    pub async fn blob(&self, space: SpaceId, blob: BlobLink) -> Got {
        for relay in self.there() {
            if self.blob_from(relay, space, blob).await == Some(true) {
                return Got::Here;
            }
        }
        Got::None
    }

    async fn blob_from(&self, relay: DeviceId, space: SpaceId, blob: BlobLink) -> Option<bool> {
        let blobs = Arc::clone(self.keeper.home().blobs());
        let mut from = blocking(move || blobs.partial(blob.id)).await?;
        loop {
            let question = Question::Blob { space, blob: blob.id, from };
            let Some(Reply::Blob(piece)) = self.ask(relay, &question).await else { return None };
            let blobs = Arc::clone(self.keeper.home().blobs());
            match blocking(move || blobs.add(blob, from, &piece)).await? {
                Fetched::Whole => return Some(true),
                Fetched::Until(here) if here > from => from = here,
                // It does not have it, or something else.
                Fetched::Until(_) | Fetched::Wrong => return Some(false),
            }
        }
    }
}

/// An entry that another relay has sent, and who wrote it; none, if it is none.
fn entry(bytes: Vec<u8>) -> Option<(DeviceId, What)> {
    let by = Unverified::decode(&bytes).and_then(Unverified::verified_before).ok()?.log().device;
    Some((by, What::Entry(EntryBytes::from(bytes))))
}

/// Locks something whose changes are complete before anything can panic.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> sheaf_store::Result<T> + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            tracing::warn!(%error, "what is to be compared with other relays cannot be read");
            None
        }
        // The relay is ending.
        Err(_) => None,
    }
}
