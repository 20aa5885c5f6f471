//! [`Outbox`]: what has to be durable in the cluster before its sender is told that it is safe (R2).
//!
//! An entry that a device brought is durable here first. It goes to the cluster in the order in which it arrived, one batch of
//! a space at a time, so that whoever reads the stream finds causes before effects; and only when the cluster has
//! acknowledged it does it count as held: then, and not before, its sender is answered, its receipt signed, and a frontier
//! shown that has it in it.
//!
//! This is a state machine: what happens goes in, what is to be done comes out, and nothing is waited for. It holds the
//! entries that wait, up to a bound; beyond that it forgets them and reads them from the disk again when their turn comes,
//! which is also how it begins after a crash. Whatever may have been published is published again: a duplicate vanishes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_log::Frontier;
use sheaf_store::Arrival;
use sheaf_sync::Item;

/// How many entries are published at a time, of one space.
const BATCH: usize = 256;
/// How many bytes of them.
const BATCH_BYTES: usize = 1 << 20;
/// The first wait after a failure, in milliseconds; doubled each time.
const RETRY_FIRST: u64 = 200;
/// The longest.
const RETRY_MOST: u64 = 5_000;

/// An entry that is durable here.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Who brought it; not known any more of one that is read from the disk.
    pub from: Option<DeviceId>,
    /// The entry.
    pub item: Item,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action<A> {
    /// Publish these, in this order, and say with [`Outbox::published`] how many of the first of them the cluster has.
    Publish {
        /// Their space.
        space: SpaceId,
        /// To be given back.
        batch: u64,
        /// The entries.
        items: Vec<Kept>,
    },
    /// Read what arrived after this one, and say it with [`Outbox::read`].
    Read {
        /// Of which space.
        space: SpaceId,
        /// The last that is not wanted.
        after: Arrival,
    },
    /// These are in the cluster: they count as held from now on.
    Safe {
        /// Their space.
        space: SpaceId,
        /// The entries.
        items: Vec<Kept>,
    },
    /// A sender may be told.
    Answer(A),
    /// Everything of a space is in the cluster, up to this arrival.
    Clean {
        /// The space.
        space: SpaceId,
        /// The last.
        mark: Arrival,
    },
}

/// How much is held in memory.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of entries of one space; of more, what comes is read from the disk when its turn comes.
    pub space_bytes: usize,
    /// Bytes of entries in all.
    pub bytes: usize,
    /// How many entries may have come whose senders wait for an answer. Beyond, nothing more is taken in.
    pub owed: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { space_bytes: 4 << 20, bytes: 128 << 20, owed: 1 << 20 }
    }
}

/// An answer, and the entries that have to be safe before it is given.
#[derive(Debug)]
struct Owed<A> {
    needs: Vec<(LogId, u64)>,
    answer: A,
}

/// What is under way of one space. It is there while anything is.
#[derive(Debug)]
struct Lane<A> {
    /// What counts as held.
    safe: Frontier,
    /// Up to here everything is in the cluster.
    mark: Arrival,
    /// The last that is durable here.
    latest: Arrival,
    queue: VecDeque<Kept>,
    queued: usize,
    /// What follows the queue has to be read from the disk.
    unread: bool,
    /// It is being read; what was the last when that began.
    reading: Option<Arrival>,
    flying: Option<(u64, Vec<Kept>)>,
    owed: VecDeque<Owed<A>>,
    failures: u32,
    retry_at: Option<u64>,
    /// The space is being removed: nothing more of it is published.
    gone: bool,
}

/// What waits to be in the cluster, of all spaces. `A` is what a sender is answered with.
#[derive(Debug)]
pub struct Outbox<A> {
    bounds: Bounds,
    lanes: BTreeMap<SpaceId, Lane<A>>,
    retries: BTreeSet<(u64, SpaceId)>,
    batches: u64,
    bytes: usize,
    entries: usize,
    owed: usize,
}

impl<A> Outbox<A> {
    /// Nothing waits.
    pub fn new(bounds: Bounds) -> Self {
        let (lanes, retries) = (BTreeMap::new(), BTreeSet::new());
        Self { bounds, lanes, retries, batches: 0, bytes: 0, entries: 0, owed: 0 }
    }

    /// Whether anything of a space waits.
    pub fn holds(&self, space: &SpaceId) -> bool {
        self.lanes.contains_key(space)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Whether so much waits that nothing more may be taken in.
    pub fn is_full(&self) -> bool {
        self.owed >= self.bounds.owed
    }

    /// How many entries wait, as far as they are in memory.
    pub fn waiting(&self) -> usize {
        self.entries
    }

    /// When to call [`tick`](Self::tick).
    pub fn wake_at(&self) -> Option<u64> {
        self.retries.first().map(|(at, _)| *at)
    }

    /// Entries became durable here, in order of arrival. `safe` is what counts as held of their space without them.
    pub fn kept(&mut self, space: SpaceId, safe: impl FnOnce() -> Frontier, items: Vec<Kept>) -> Vec<Action<A>> {
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return Vec::new() };
        let (before, latest) = (first.item.arrival.saturating_sub(1), last.item.arrival);
        let lane = self.lanes.entry(space).or_insert_with(|| Lane::new(safe(), before));
        lane.latest = lane.latest.max(latest);
        if lane.unread {
            return Vec::new();
        }
        let size: usize = items.iter().map(|kept| kept.item.bytes.len()).sum();
        if lane.queued + size > self.bounds.space_bytes || self.bytes + size > self.bounds.bytes {
            // The queue goes on with what was there; these are read when it is empty.
            lane.unread = true;
            return self.pump(space);
        }
        lane.queued += size;
        self.bytes += size;
        self.entries += items.len();
        lane.queue.extend(items);
        self.pump(space)
    }

    /// What arrived after `mark` is durable here, and perhaps not in the cluster: the relay was stopped in between.
    pub fn behind(&mut self, space: SpaceId, safe: Frontier, mark: Arrival) -> Vec<Action<A>> {
        let lane = self.lanes.entry(space).or_insert_with(|| Lane::new(safe, mark));
        lane.unread = true;
        self.pump(space)
    }

    /// A sender is to be told that these are held, when they are safe.
    pub fn owe(&mut self, space: SpaceId, needs: Vec<(LogId, u64)>, answer: A) -> Vec<Action<A>> {
        let Some(lane) = self.lanes.get_mut(&space) else { return vec![Action::Answer(answer)] };
        if lane.owed.is_empty() && lane.are_safe(&needs) {
            return vec![Action::Answer(answer)];
        }
        self.owed += needs.len() + 1;
        lane.owed.push_back(Owed { needs, answer });
        Vec::new()
    }

    /// These are safe by another way: they came from the cluster.
    pub fn came(&mut self, space: SpaceId, places: impl IntoIterator<Item = (LogId, u64)>) -> Vec<Action<A>> {
        let Some(lane) = self.lanes.get_mut(&space) else { return Vec::new() };
        for (log, seq) in places {
            lane.safe.advance(log, seq);
        }
        self.answers(space)
    }

    /// The cluster has the first `count` of a batch.
    pub fn published(&mut self, space: SpaceId, batch: u64, count: usize, now: u64) -> Vec<Action<A>> {
        let Some(lane) = self.lanes.get_mut(&space) else { return Vec::new() };
        let Some((_, mut items)) = lane.flying.take_if(|(flying, _)| *flying == batch) else { return Vec::new() };
        if lane.gone {
            self.lanes.remove(&space);
            return Vec::new();
        }
        let rest = items.split_off(count.min(items.len()));
        if rest.is_empty() {
            lane.failures = 0;
        } else {
            let wait = RETRY_FIRST.saturating_mul(1 << lane.failures.min(16)).min(RETRY_MOST);
            lane.failures += 1;
            lane.retry_at = Some(now + wait);
            self.retries.insert((now + wait, space));
            for kept in rest.into_iter().rev() {
                lane.queue.push_front(kept);
            }
        }
        let mut actions = Vec::new();
        if let Some(last) = items.last() {
            lane.mark = lane.mark.max(last.item.arrival);
            for kept in &items {
                let size = kept.item.bytes.len();
                lane.safe.advance(kept.item.log, kept.item.seq);
                lane.queued -= size;
                self.bytes -= size;
            }
            self.entries -= items.len();
            actions.push(Action::Safe { space, items });
        }
        actions.extend(self.answers(space));
        actions.extend(self.pump(space));
        actions
    }

    /// A space is removed: what waits of it is forgotten, and nobody is answered. What is on its way is waited for: as long as
    /// [`holds`](Self::holds) says so, something of it may still reach the cluster.
    pub fn forget(&mut self, space: SpaceId) {
        let Some(lane) = self.lanes.get_mut(&space).filter(|lane| !lane.gone) else { return };
        let flying: usize = lane.flying.iter().map(|(_, items)| items.len()).sum();
        self.bytes -= lane.queued;
        self.entries -= lane.queue.len() + flying;
        self.owed -= lane.owed.iter().map(|owed| owed.needs.len() + 1).sum::<usize>();
        if let Some(at) = lane.retry_at {
            self.retries.remove(&(at, space));
        }
        if lane.flying.is_none() {
            self.lanes.remove(&space);
            return;
        }
        *lane = Lane { flying: lane.flying.take(), gone: true, ..Lane::new(Frontier::new(), lane.mark) };
    }

    /// What was read: entries in order of arrival, and whether there were no more.
    pub fn read(&mut self, space: SpaceId, items: Vec<Item>, end: bool) -> Vec<Action<A>> {
        let Some(lane) = self.lanes.get_mut(&space) else { return Vec::new() };
        let Some(latest) = lane.reading.take() else { return Vec::new() };
        if end && lane.latest == latest {
            lane.unread = false;
        }
        self.entries += items.len();
        for item in items {
            lane.latest = lane.latest.max(item.arrival);
            lane.queued += item.bytes.len();
            self.bytes += item.bytes.len();
            lane.queue.push_back(Kept { from: None, item });
        }
        self.pump(space)
    }

    /// Nothing could be read: it is tried again.
    pub fn unreadable(&mut self, space: SpaceId, now: u64) {
        if let Some(lane) = self.lanes.get_mut(&space)
            && lane.reading.take().is_some()
        {
            lane.retry_at = Some(now + RETRY_MOST);
            self.retries.insert((now + RETRY_MOST, space));
        }
    }

    /// The cluster is there again: nothing waits for its turn to be tried.
    pub fn up(&mut self) -> Vec<Action<A>> {
        let waiting: Vec<SpaceId> = std::mem::take(&mut self.retries).into_iter().map(|(_, space)| space).collect();
        waiting.into_iter().flat_map(|space| self.retry(space)).collect()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: u64) -> Vec<Action<A>> {
        let mut actions = Vec::new();
        while let Some((_, space)) = self.retries.first().copied().filter(|(at, _)| *at <= now) {
            self.retries.pop_first();
            actions.extend(self.retry(space));
        }
        actions
    }

    fn retry(&mut self, space: SpaceId) -> Vec<Action<A>> {
        if let Some(lane) = self.lanes.get_mut(&space) {
            lane.retry_at = None;
        }
        self.pump(space)
    }

    /// Goes on with a space, unless something of it is under way.
    fn pump(&mut self, space: SpaceId) -> Vec<Action<A>> {
        let Some(lane) = self.lanes.get_mut(&space) else { return Vec::new() };
        if lane.flying.is_some() || lane.retry_at.is_some() || lane.reading.is_some() {
            return Vec::new();
        }
        if !lane.queue.is_empty() {
            let mut size = 0;
            let fits = |kept: &&Kept| {
                size += kept.item.bytes.len();
                size <= BATCH_BYTES
            };
            let count = lane.queue.iter().take(BATCH).take_while(fits).count().max(1);
            let items: Vec<Kept> = lane.queue.drain(..count).collect();
            self.batches += 1;
            lane.flying = Some((self.batches, items.clone()));
            return vec![Action::Publish { space, batch: self.batches, items }];
        }
        if lane.unread {
            lane.reading = Some(lane.latest);
            return vec![Action::Read { space, after: lane.mark }];
        }
        let Some(lane) = self.lanes.remove(&space) else { return Vec::new() };
        // Everything that is held is safe, so whatever is owed may be said.
        self.owed -= lane.owed.iter().map(|owed| owed.needs.len() + 1).sum::<usize>();
        let mut actions: Vec<_> = lane.owed.into_iter().map(|owed| Action::Answer(owed.answer)).collect();
        actions.push(Action::Clean { space, mark: lane.mark });
        actions
    }

    /// The answers that may be given, in the order in which they were asked for.
    fn answers(&mut self, space: SpaceId) -> Vec<Action<A>> {
        let Some(lane) = self.lanes.get_mut(&space) else { return Vec::new() };
        let mut actions = Vec::new();
        while let Some(owed) = lane.owed.pop_front() {
            if !lane.are_safe(&owed.needs) {
                lane.owed.push_front(owed);
                break;
            }
            self.owed -= owed.needs.len() + 1;
            actions.push(Action::Answer(owed.answer));
        }
        actions
    }
}

impl<A> Lane<A> {
    fn new(safe: Frontier, mark: Arrival) -> Self {
        Self {
            safe,
            mark,
            latest: mark,
            queue: VecDeque::new(),
            queued: 0,
            unread: false,
            reading: None,
            flying: None,
            owed: VecDeque::new(),
            failures: 0,
            retry_at: None,
            gone: false,
        }
    }

    fn are_safe(&self, needs: &[(LogId, u64)]) -> bool {
        needs.iter().all(|(log, seq)| self.safe.holds(log, *seq))
    }
}

#[cfg(test)]
#[path = "outbox_simulated.rs"]
mod simulated;
