//! What other relays pass on: judged as if a device had brought it here, and passed on to those who are connected here.
//!
//! Checkpoints, and words on them, go to the thread that fetches. Entries of one space are taken in with what devices deliver of it, in order. One that cannot be taken yet, because what it
//! builds on has not come or the disk is full, is tried again, and the place in its stream stays behind it meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use sheaf_access::SpaceId;
use sheaf_sync::{Event, HostingRefusal, NotNow, Outcome, Refusal};

use super::fetching::{At, Fetch};
use super::{Answer, Engine};
use crate::admission::Decision;
use crate::cluster::{Order, PassedOn, Place, Reading, SHARDS, What};
use crate::keeper::{Accepted, Delivered, Keeper, Space};

/// How often an entry is tried again, once each half second, whose past has not come.
const TRIES: u32 = 20;
/// After how many of these the other relays are asked for it.
const ASK: u32 = 4;
/// After how many milliseconds they are asked again for a space of which something is lacking.
const ASK_AGAIN: u64 = 30_000;
/// How many spaces that nobody is connected for are held on to, so that the next entry finds them open.
const WARM: usize = 512;

/// What was opened for an entry.
pub enum Opened {
    /// The space.
    Space(Arc<Space>),
    /// It is for other relays to keep, as long as nobody asks this one.
    NotWanted,
    /// It is not kept here.
    Refused(HostingRefusal),
    /// The disk could not be read; it is tried again.
    Busy,
}

/// What comes from the cluster, and is not dealt with.
pub struct Incoming {
    /// Each stream, and up to where it has been read.
    streams: Vec<(u64, Reading)>,
    /// What was written down of that.
    written: Vec<Place>,
    /// Spaces that are being opened, and what waits for that.
    opening: HashMap<SpaceId, Vec<PassedOn>>,
    /// What is being taken in, in order.
    taking: HashMap<SpaceId, VecDeque<PassedOn>>,
    /// Checkpoints and words on them, that the thread which fetches deals with.
    fetching: HashMap<At, PassedOn>,
    /// What could not be taken, and is tried again.
    again: Vec<PassedOn>,
    /// Spaces that are being asked for here and may not be kept yet, and how often.
    pub(super) demanded: HashMap<SpaceId, usize>,
    /// Spaces of which something that came was not taken, and when the other relays were last asked for them: what builds on it is
    /// not waited for.
    behind: HashMap<SpaceId, u64>,
    warm: VecDeque<Arc<Space>>,
}

impl Incoming {
    /// Nothing yet.
    pub fn new(written: Vec<Place>) -> Self {
        let streams = written.iter().map(|place| (place.stream, Reading::from(place.sequence))).collect();
        let (opening, taking, fetching, again) = (HashMap::new(), HashMap::new(), HashMap::new(), Vec::new());
        let (demanded, behind, warm) = (HashMap::new(), HashMap::new(), VecDeque::new());
        Self { streams, written, opening, taking, fetching, again, demanded, behind, warm }
    }

    fn reading(&mut self, shard: u8) -> Option<&mut Reading> {
        self.streams.get_mut(usize::from(shard)).map(|(_, reading)| reading)
    }

    /// A stream is read from here on. Of one that was made anew, or begins later than was read, the place is another.
    pub fn read_from(&mut self, shard: u8, place: Place) {
        if let Some((stream, reading)) = self.streams.get_mut(usize::from(shard))
            && (*stream != place.stream || reading.place() < place.sequence && !reading.has_come(place.sequence))
        {
            (*stream, *reading) = (place.stream, Reading::from(place.sequence));
        }
    }

    /// There was nothing to take.
    pub fn passed(&mut self, shard: u8, sequence: u64) {
        if let Some(reading) = self.reading(shard)
            && reading.came(sequence)
        {
            reading.done(sequence);
        }
    }

    /// Whether a message is news.
    fn came(&mut self, passed_on: &PassedOn) -> bool {
        self.reading(passed_on.shard).is_some_and(|reading| reading.came(passed_on.sequence))
    }

    /// Whether a checkpoint of a space is being fetched, which what comes after it may build on.
    fn is_fetching(&self, space: &SpaceId) -> bool {
        self.fetching.values().any(|one| one.space == *space)
    }

    /// The places that are not written down as they are.
    fn places(&mut self) -> Vec<(u8, Place)> {
        let now = self.streams.iter().map(|(stream, reading)| Place { stream: *stream, sequence: reading.place() });
        let now: Vec<Place> = now.collect();
        let changed = (0..SHARDS).zip(&now).zip(&self.written).filter(|((_, now), written)| now != written);
        let changed = changed.map(|((shard, now), _)| (shard, *now)).collect();
        self.written = now;
        changed
    }
}

impl Engine {
    /// An entry came from the cluster.
    pub(super) fn came(&mut self, passed_on: PassedOn) {
        let Some(cluster) = &mut self.cluster else { return };
        if cluster.incoming.came(&passed_on) {
            self.take_passed_on(passed_on);
        }
    }

    pub(super) fn take_passed_on(&mut self, passed_on: PassedOn) {
        let Some(cluster) = &mut self.cluster else { return };
        let (id, proof, pulled) = (passed_on.space, passed_on.proof, passed_on.is_pulled());
        if let Some(followed) = self.spaces.get_mut(&id) {
            let at = (passed_on.shard, passed_on.sequence);
            let space = Arc::clone(&followed.space);
            let fetch = match passed_on.what.clone() {
                What::Entry(entry) => {
                    let (from, entries) = (passed_on.bringer, vec![entry]);
                    followed.deliveries.push(Delivered { from, ticket: None, entries });
                    cluster.incoming.taking.entry(id).or_default().push_back(passed_on);
                    return self.take_in(id);
                }
                What::Endorsement(endorsement) => Fetch::Word { space, endorsement, at },
                What::Checkpoint(shared) => Fetch::Take { space, shared, at },
                What::Removal(removal) => return self.removed_in_cluster(passed_on, removal),
            };
            cluster.incoming.fetching.insert(at, passed_on);
            // The thread lives as long as the engine.
            let _ = self.fetching.send(fetch);
            return;
        }
        if let What::Removal(removal) = passed_on.what {
            return self.removed_in_cluster(passed_on, removal);
        }
        if let Some(waiting) = cluster.incoming.opening.get_mut(&id) {
            waiting.push(passed_on);
            return;
        }
        cluster.incoming.opening.insert(id, vec![passed_on]);
        // What another relay was asked for is wanted.
        let wanted = pulled || cluster.incoming.demanded.contains_key(&id) || cluster.duty.keeps(id);
        let keeper = Arc::clone(&self.keeper);
        self.blocking(move || Answer::OpenedFor { id, opened: open_for(&keeper, id, &proof, wanted) });
    }

    /// A space is removed: what of it waits, and came before this place of its stream or was pulled, is not waited for any more. So many
    /// of those that are being taken in have not been begun with.
    pub(super) fn not_waited_for(&mut self, id: SpaceId, not_begun: usize, before: u64) -> Vec<PassedOn> {
        let Some(cluster) = &mut self.cluster else { return Vec::new() };
        let Incoming { opening, taking, fetching, again, warm, .. } = &mut cluster.incoming;
        warm.retain(|space| space.id != id);
        let is_of = |one: &PassedOn| one.space == id && (one.is_pulled() || one.sequence < before);
        let mut gone: Vec<PassedOn> = again.extract_if(.., |one| is_of(one)).collect();
        if let Some(waiting) = opening.get_mut(&id) {
            gone.extend(waiting.extract_if(.., |one| is_of(one)));
        }
        gone.extend(fetching.extract_if(|_, one| is_of(one)).map(|(_, one)| one));
        if let Some(taking) = taking.get_mut(&id) {
            gone.extend(taking.drain(taking.len().saturating_sub(not_begun)..));
        }
        gone
    }

    /// These could not be done, and are tried again.
    pub(super) fn try_later(&mut self, these: Vec<PassedOn>) {
        if let Some(cluster) = &mut self.cluster {
            cluster.incoming.again.extend(these);
        }
    }

    /// A space was opened for what came of it, or is not kept here.
    pub(super) fn opened_for(&mut self, id: SpaceId, opened: Opened) {
        let Some(cluster) = &mut self.cluster else { return };
        let waiting = cluster.incoming.opening.remove(&id).unwrap_or_default();
        match opened {
            Opened::Space(space) => {
                cluster.incoming.warm.push_back(Arc::clone(&space));
                if cluster.incoming.warm.len() > WARM {
                    cluster.incoming.warm.pop_front();
                }
                self.open(&space);
                for passed_on in waiting {
                    self.take_passed_on(passed_on);
                }
                self.leave_alone(id);
            }
            Opened::Refused(reason) => {
                tracing::debug!(space = %id.short(), %reason, "what other relays keep is not kept here");
                for passed_on in waiting {
                    self.dealt_with(passed_on);
                }
            }
            Opened::NotWanted => {
                // What was pulled meanwhile is wanted by whoever asked.
                let (pulled, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(PassedOn::is_pulled);
                cluster.incoming.again.extend(pulled);
                for passed_on in others {
                    self.dealt_with(passed_on);
                }
            }
            Opened::Busy => cluster.incoming.again.extend(waiting),
        }
    }

    /// What was passed on has been judged, and what was taken of it is durable.
    pub(super) fn taken_passed_on(&mut self, id: SpaceId, accepted: Accepted) {
        let Accepted { from, stored, outcomes, found, .. } = accepted;
        if !found.is_empty() {
            // What forks here may have come in another order there: both sides are kept.
            self.fetch(id, |space| Fetch::Suspected { space, peer: from, found });
        }
        self.board.meters().cluster_received.add(stored.len() as u64);
        if !stored.is_empty() {
            self.feed(Event::Stored { space: id, from: None, items: stored });
        }
        let held = |outcome: &Outcome| match outcome {
            Outcome::Held { log, seq } => Some((*log, *seq)),
            Outcome::Refused(_) | Outcome::Forged => None,
        };
        let safe: Vec<_> = outcomes.iter().filter_map(held).collect();
        let Some(cluster) = &mut self.cluster else { return };
        let actions = cluster.outbox.came(id, safe);
        // They came in this order, each alone in its delivery.
        let mut judged = Vec::with_capacity(outcomes.len());
        if let Some(taking) = cluster.incoming.taking.get_mut(&id) {
            let count = outcomes.len().min(taking.len());
            judged.extend(outcomes.into_iter().zip(taking.drain(..count)));
            if taking.is_empty() {
                cluster.incoming.taking.remove(&id);
            }
        }
        self.carry_out(actions);
        for (outcome, passed_on) in judged {
            self.judged(&outcome, passed_on);
        }
    }

    fn judged(&mut self, outcome: &Outcome, mut passed_on: PassedOn) {
        let (now, failing) = (self.now(), self.keeper.is_failing());
        let Some(cluster) = &mut self.cluster else { return };
        let (id, pulled) = (passed_on.space, passed_on.is_pulled());
        let is_fetching = cluster.incoming.is_fetching(&id);
        let Incoming { again, behind, .. } = &mut cluster.incoming;
        let missing = matches!(outcome, Outcome::Refused(Refusal::Missing { .. }));
        let few = passed_on.tries < TRIES;
        let try_again = match outcome {
            // What this relay's own disk does not take stays in the stream, for as long as that takes, and what builds on it.
            Outcome::Refused(Refusal::NotNow(_) | Refusal::Missing { .. }) if failing => true,
            Outcome::Refused(Refusal::Missing { .. }) => is_fetching || few && !behind.contains_key(&id),
            Outcome::Refused(Refusal::NotNow(NotNow::DiskFull)) => true,
            Outcome::Refused(Refusal::NotNow(_)) => few,
            Outcome::Held { .. } | Outcome::Refused(Refusal::Never(_)) | Outcome::Forged => false,
        };
        if try_again {
            passed_on.tries += u32::from(!failing);
            let lacking = missing && !failing && !pulled && passed_on.tries == ASK;
            again.push(passed_on);
            if lacking {
                // The others have it, if it does not come by itself.
                self.order(Order::Pull(id, None));
            }
            return;
        }
        if matches!(outcome, Outcome::Held { .. }) {
            behind.remove(&id);
        } else {
            self.board.meters().cluster_refused.add(1);
            let asked = behind.get(&id).copied();
            if asked.is_none() {
                tracing::warn!(space = %id.short(), ?outcome, "an entry that another relay passed on is not taken");
            }
            let ask = asked.is_none_or(|asked| asked + ASK_AGAIN <= now);
            if ask {
                behind.insert(id, now);
            }
            let never = matches!(outcome, Outcome::Refused(Refusal::Never(_)) | Outcome::Forged);
            if !never {
                passed_on.is_left();
            }
            if ask && !never && !pulled {
                // It is not waited for any more, and is not held here: the stream keeps it until the others have been asked.
                self.order(Order::Compare(passed_on.shard));
            }
        }
        self.dealt_with(passed_on);
    }

    /// What became of a checkpoint, or of a word on one.
    pub(super) fn taken_shared(&mut self, at: At, taken: bool, later: bool) {
        let Some(cluster) = &mut self.cluster else { return };
        let Some(mut passed_on) = cluster.incoming.fetching.remove(&at) else { return };
        let id = passed_on.space;
        if !taken && (later || passed_on.tries < TRIES) {
            passed_on.tries += 1;
            cluster.incoming.again.push(passed_on);
            return;
        }
        if !taken {
            self.board.meters().cluster_refused.add(1);
            tracing::warn!(space = %id.short(), "a checkpoint that another relay has shared is not taken");
            passed_on.is_left();
            if !passed_on.is_pulled() {
                self.order(Order::Compare(passed_on.shard));
            }
        }
        let checkpoint = taken && matches!(passed_on.what, What::Checkpoint(_));
        self.dealt_with(passed_on);
        if checkpoint {
            // What came after it may have waited for it.
            self.try_again();
        }
    }

    pub(super) fn dealt_with(&mut self, passed_on: PassedOn) {
        let PassedOn { shard, sequence, permit, .. } = passed_on;
        if let Some(cluster) = &mut self.cluster
            && let Some(reading) = cluster.incoming.reading(shard)
        {
            reading.done(sequence);
        }
        // The next may come.
        drop(permit);
    }

    /// Tries again what could not be taken, and writes down how far the streams have been read.
    pub(super) fn settle_incoming(&mut self) {
        let Some(cluster) = &mut self.cluster else { return };
        let places = cluster.incoming.places();
        if !places.is_empty() {
            let keeper = Arc::clone(&self.keeper);
            let all = cluster.incoming.written.clone();
            self.blocking(move || {
                for (shard, place) in places {
                    if let Err(error) = keeper.put_place(shard, place) {
                        tracing::warn!(%error, shard, "how far a stream has been read is not written down");
                        return Answer::Nothing;
                    }
                }
                Answer::Durable(all)
            });
        }
        self.try_again();
    }

    /// Tries again what could not be taken.
    fn try_again(&mut self) {
        let again = self.cluster.as_mut().map(|cluster| std::mem::take(&mut cluster.incoming.again));
        for passed_on in again.unwrap_or_default() {
            self.take_passed_on(passed_on);
        }
    }

    /// Presence from another relay goes to the members who are here.
    pub(super) fn presence_came(&mut self, space: SpaceId, bytes: &Bytes) {
        let Ok(presence) = sheaf_log::Presence::verify(bytes) else { return };
        let Some(followed) = self.spaces.get(&space) else { return };
        if presence.space != space || !followed.space.has(presence.device) {
            return;
        }
        self.spread(presence.device, space, bytes);
    }
}

/// Opens a space that is kept here, or one that may be: as if whoever brought it to another relay had come here.
fn open_for(keeper: &Keeper, id: SpaceId, proof: &[u8; 32], wanted: bool) -> Opened {
    if keeper.is_unsaid(id) {
        // It came before the removal, which is not in the stream yet.
        return Opened::Refused(HostingRefusal::Busy);
    }
    let opened = keeper.keeps(id).and_then(|kept| {
        if keeper.is_going(id)? {
            return Ok(Opened::Busy);
        }
        if !kept && !wanted {
            return Ok(Opened::NotWanted);
        }
        let decision = if kept { Decision::Admitted } else { keeper.admission().decide_passed_on(id, proof) };
        if let Decision::Refused(reason) = decision {
            return Ok(Opened::Refused(reason.into()));
        }
        let space = keeper.open(id)?;
        if decision == Decision::WhoAsks {
            space.wait_for_person();
        }
        Ok(Opened::Space(space))
    });
    opened.unwrap_or_else(|error| {
        tracing::error!(%error, space = %id.short(), "a space cannot be opened");
        Opened::Busy
    })
}

#[cfg(test)]
#[path = "passed_on_tests.rs"]
mod tests;
