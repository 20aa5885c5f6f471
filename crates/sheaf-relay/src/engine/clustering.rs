//! The engine in a cluster: what devices bring counts as held when the cluster has it, and is answered then.
//!
//! The sync machine is told of an entry when it is safe, so its acknowledgements, receipts and frontiers speak of safe entries
//! alone; whoever keeps up has had it before ([`Event::Admitted`]). A space stays open while anything of it is on its way.

use std::collections::BTreeMap;
use std::sync::Arc;

use sheaf_access::{DeviceId, SpaceId};
use sheaf_store::{Arrival, StoreError};
use sheaf_sync::{Event, Item, Outcome, Ticket};
use tokio::sync::mpsc::UnboundedSender;

use super::fetching::Fetch;
use super::passed_on::Incoming;
use super::{Answer, Engine};
use crate::cluster::{Action, Duty, Kept, News, Order, Outbox, Place, Removal};
use crate::keeper::{Sharing, Space};

/// How many spaces that were left unpublished are opened at a time.
const OPENED: usize = 32;

/// What a sender is answered with, when all of it is safe.
#[derive(Debug)]
pub struct Answered {
    peer: DeviceId,
    space: SpaceId,
    ticket: Ticket,
    outcomes: Vec<Outcome>,
}

/// What a relay in a cluster has besides.
pub struct Clustered {
    orders: UnboundedSender<Order>,
    /// What is kept without being asked for.
    pub(super) duty: Arc<Duty>,
    pub(super) outbox: Outbox<Answered>,
    /// What other relays pass on.
    pub(super) incoming: Incoming,
    /// Spaces of which everything is in the cluster, up to an arrival, to be written down.
    clean: BTreeMap<SpaceId, Arrival>,
    /// Spaces that were left unpublished when the relay stopped, and are not open yet.
    left: Vec<SpaceId>,
}

/// What was left to do in the cluster when the relay stopped.
#[derive(Default)]
pub struct Left {
    /// Spaces of which something may have to be published.
    pub spaces: Vec<SpaceId>,
    /// Spaces that were removed, which the others may not know.
    pub removals: Vec<(SpaceId, Removal)>,
}

impl Clustered {
    /// A relay that has just started in a cluster, with what was left to do.
    pub fn new(orders: UnboundedSender<Order>, duty: Arc<Duty>, left: Left, places: Vec<Place>) -> Self {
        let Left { spaces: left, removals } = left;
        for (space, removal) in removals {
            // The task lives as long as the engine.
            let _ = orders.send(Order::Remove(space, removal));
        }
        Self {
            orders,
            duty,
            outbox: Outbox::new(crate::cluster::Bounds::default()),
            incoming: Incoming::new(places),
            clean: BTreeMap::new(),
            left,
        }
    }
}

impl Engine {
    /// The cluster tells something.
    pub(super) fn news(&mut self, news: News) {
        let now = self.now();
        let Some(cluster) = &mut self.cluster else { return };
        let actions = match news {
            News::Published { space, batch, count } => {
                let actions = cluster.outbox.published(space, batch, count, now);
                self.carry_out(actions);
                return self.remove_if_asked(space);
            }
            News::RemovalSaid(space, removal) => return self.removal_is_said(space, removal),
            News::Shared(space) => return self.tell_fetching(Fetch::Shared { space }),
            News::Fetched(space, blob, got) => return self.tell_fetching(Fetch::Got { space, blob, got }),
            News::There => cluster.outbox.up(),
            News::SharesIn(store) => return self.shares_in(store),
            News::Reading(shard, place) => return cluster.incoming.read_from(shard, place),
            News::Came(passed_on) => return self.came(*passed_on),
            News::Pulled(passed_on) => return self.take_passed_on(*passed_on),
            News::Passed(shard, sequence) => return cluster.incoming.passed(shard, sequence),
            News::Presence(space, bytes) => return self.presence_came(space, &bytes),
        };
        self.carry_out(actions);
    }

    /// What a device brought is durable here: it goes to the cluster, and its sender waits for that.
    pub(super) fn hand_on(
        &mut self,
        space: SpaceId,
        peer: DeviceId,
        ticket: Ticket,
        stored: Vec<Item>,
        outcomes: Vec<Outcome>,
    ) {
        let Some(cluster) = &mut self.cluster else { return };
        let safe = || self.machine.frontier(&space).cloned().unwrap_or_default();
        let items = stored.into_iter().map(|item| Kept { from: Some(peer), item }).collect();
        let mut actions = cluster.outbox.kept(space, safe, items);
        let held = |outcome: &Outcome| match outcome {
            Outcome::Held { log, seq } => Some((*log, *seq)),
            Outcome::Refused(_) | Outcome::Forged => None,
        };
        let needs = outcomes.iter().filter_map(held).collect();
        actions.extend(cluster.outbox.owe(space, needs, Answered { peer, space, ticket, outcomes }));
        self.carry_out(actions);
    }

    /// Where spaces can be asked for that are not here, if others may have them: where every relay keeps all, nobody has.
    pub(super) fn elsewhere(&self) -> Option<UnboundedSender<Order>> {
        self.cluster.as_ref().filter(|cluster| !cluster.duty.is_all()).map(|cluster| cluster.orders.clone())
    }

    /// Tells the cluster, if the relay is in one.
    pub(super) fn order(&self, order: Order) {
        if let Some(cluster) = &self.cluster {
            // The task lives as long as the engine.
            let _ = cluster.orders.send(order);
        }
    }

    fn tell_fetching(&self, message: Fetch) {
        // The thread lives as long as the engine.
        let _ = self.fetching.send(message);
    }

    /// A checkpoint is whole here: it counts when it comes back from the cluster.
    pub(super) fn share_in_cluster(&self, space: SpaceId, bringer: DeviceId, sharing: Sharing) {
        let Sharing { shared, blobs } = sharing;
        let proof = self.keeper.admission().proof(space);
        self.order(Order::Share { space, bringer, shared, blobs, proof });
    }

    /// What is kept beside a forked log here is kept by the other relays too.
    pub(super) fn pass_on_beside(&self, space: SpaceId, bringer: DeviceId, entry: Vec<u8>) {
        let proof = self.keeper.admission().proof(space);
        self.order(Order::Beside { space, bringer, entry, proof });
    }

    /// A member's word on a checkpoint counts when it comes back from the cluster.
    pub(super) fn say_in_cluster(&self, space: SpaceId, bringer: DeviceId, endorsement: Vec<u8>) {
        let proof = self.keeper.admission().proof(space);
        self.order(Order::Say { space, bringer, endorsement, proof });
    }

    /// Whether something of a space is on its way to the cluster.
    pub(super) fn is_publishing(&self, space: &SpaceId) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.outbox.holds(space))
    }

    /// A space is removed: nothing more of it goes to the cluster. Answers whether something is still on its way.
    pub(super) fn stop_publishing(&mut self, space: SpaceId) -> bool {
        let Some(cluster) = &mut self.cluster else { return false };
        cluster.clean.remove(&space);
        cluster.outbox.forget(space);
        cluster.outbox.holds(&space)
    }

    /// Whether so much is, that nothing more can be taken in.
    pub(super) fn is_cluster_full(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.outbox.is_full())
    }

    /// Whether nothing is on its way to the cluster, or will not be for as long as anyone can wait.
    pub(super) fn is_published(&self) -> bool {
        self.cluster.as_ref().is_none_or(|cluster| cluster.outbox.is_empty()) || self.board.is_cut_off()
    }

    /// When something has to be tried again.
    pub(super) fn cluster_wake(&self) -> Option<u64> {
        self.cluster.as_ref()?.outbox.wake_at()
    }

    /// Time has passed.
    pub(super) fn cluster_tick(&mut self) {
        let now = self.now();
        let actions = self.cluster.as_mut().map(|cluster| cluster.outbox.tick(now));
        self.carry_out(actions.unwrap_or_default());
    }

    /// A space was opened: what was not published of it when the relay stopped is.
    pub(super) fn go_on_publishing(&mut self, space: &Space) {
        let (Some(cluster), Some(mark)) = (&mut self.cluster, space.behind()) else { return };
        if !cluster.outbox.holds(&space.id) {
            let actions = cluster.outbox.behind(space.id, space.shown(), mark);
            self.carry_out(actions);
        }
    }

    /// Writes down what is in the cluster, and goes on with what was left unpublished.
    pub(super) fn settle_cluster(&mut self) {
        let Some(cluster) = &mut self.cluster else { return };
        self.board.meters().cluster_waiting.set(cluster.outbox.waiting() as u64);
        for (space, blobs) in self.keeper.discarded() {
            // The task lives as long as the engine.
            let _ = cluster.orders.send(Order::Discard(space, blobs));
        }
        let clean = std::mem::take(&mut cluster.clean);
        let next = cluster.left.split_off(cluster.left.len().saturating_sub(OPENED));
        if !clean.is_empty() {
            let keeper = Arc::clone(&self.keeper);
            self.blocking(move || {
                for (space, mark) in clean {
                    if let Err(error) = keeper.published(space, mark) {
                        tracing::warn!(%error, space = %space.short(), "what is in the cluster is not written down");
                    }
                }
                Answer::Nothing
            });
        }
        for space in next {
            let keeper = Arc::clone(&self.keeper);
            self.blocking(move || match keeper.open(space) {
                Ok(space) => Answer::Left(space),
                Err(error) => {
                    tracing::error!(%error, space = %space.short(), "what was not published of a space cannot be read");
                    Answer::Nothing
                }
            });
        }
    }

    /// Checkpoints are put into this object store. What was in another has to be shared anew.
    fn shares_in(&self, store: u64) {
        let keeper = Arc::clone(&self.keeper);
        self.blocking(move || match keeper.shares_in(store) {
            Ok(spaces) => Answer::ToShare(spaces),
            Err(error) => {
                tracing::warn!(%error, "which checkpoints are in the cluster cannot be read");
                Answer::Nothing
            }
        });
    }

    /// Something of these spaces is to be shared: they are opened one after the other.
    pub(super) fn share_anew(&mut self, spaces: Vec<SpaceId>) {
        if let Some(cluster) = &mut self.cluster {
            if !spaces.is_empty() {
                tracing::warn!(
                    spaces = spaces.len(),
                    "the object store is a new one: what was in the old one is put there"
                );
            }
            cluster.left.extend(spaces);
        }
    }

    /// A space that was left unpublished is there.
    pub(super) fn left(&mut self, space: &Arc<Space>) {
        self.open(space);
        self.fetch(space.id, |space| Fetch::ShareKept { space });
        self.leave_alone(space.id);
    }

    /// What was not published of a space has been read.
    pub(super) fn read_unpublished(&mut self, space: SpaceId, read: Result<(Vec<Item>, bool), StoreError>) {
        let now = self.now();
        let Some(cluster) = &mut self.cluster else { return };
        let actions = match read {
            Ok((items, end)) => cluster.outbox.read(space, items, end),
            Err(error) => {
                tracing::error!(%error, space = %space.short(), "what is to be published cannot be read");
                cluster.outbox.unreadable(space, now);
                Vec::new()
            }
        };
        self.carry_out(actions);
    }

    /// Does what the outbox asks for.
    pub(super) fn carry_out(&mut self, actions: Vec<Action<Answered>>) {
        for action in actions {
            match action {
                Action::Publish { space, batch, items } => {
                    let proof = self.keeper.admission().proof(space);
                    self.order(Order::Publish { space, batch, items, proof });
                }
                Action::Read { space, after } => {
                    let keeper = Arc::clone(&self.keeper);
                    self.blocking(move || Answer::Unpublished { space, read: keeper.arrived_after(space, after) });
                }
                Action::Safe { space, items } => {
                    for items in items.chunk_by(|one, other| one.from == other.from) {
                        let from = items.first().and_then(|kept| kept.from);
                        let items = items.iter().map(|kept| kept.item.clone()).collect();
                        self.feed(Event::Stored { space, from, items });
                    }
                }
                Action::Answer(Answered { peer, space, ticket, outcomes }) => {
                    self.feed(Event::Delivered { peer, space, ticket, outcomes });
                }
                Action::Clean { space, mark } => {
                    if let Some(followed) = self.spaces.get(&space) {
                        followed.space.is_published(mark);
                    }
                    if let Some(cluster) = &mut self.cluster {
                        cluster.clean.insert(space, mark);
                    }
                    self.leave_alone(space);
                }
            }
        }
    }
}
