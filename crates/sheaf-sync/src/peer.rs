//! [`Peer`]: one connection, and [`Turn`], what a peer works with while one event is handled.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sheaf_access::SpaceId;
use sheaf_log::{Frontier, FrontierDigest};

use crate::action::Action;
use crate::config::{Config, Window};
use crate::event::Ticket;
use crate::frame::Frame;
use crate::lane::Lane;
use crate::space::{Space, Spaces};
use crate::tag::{Digest, Nonce, Tag};
use crate::timers::Timers;

/// In the place of a space, for a timer of the peer itself.
pub(crate) const NO_SPACE: SpaceId = SpaceId::UNBORN;

/// What names a peer: a device's id in life, a number in tests.
pub trait PeerId: Copy + Ord + std::fmt::Debug {}

impl<T: Copy + Ord + std::fmt::Debug> PeerId for T {}

/// One event being handled: the limits, the clock, and what is to be done.
pub(crate) struct Turn<'a, P> {
    pub config: &'a Config,
    pub now: u64,
    pub timers: &'a mut Timers<P>,
    /// How many tickets have been given out.
    pub tickets: &'a mut u64,
    pub actions: Vec<Action<P>>,
    /// Spaces for which the peer got a lane in this turn.
    pub opened: Vec<SpaceId>,
    /// Spaces for which it lost it.
    pub closed: Vec<SpaceId>,
}

impl<P: PeerId> Turn<'_, P> {
    pub fn send(&mut self, peer: P, frame: Frame) {
        self.actions.push(Action::Send { peer, frame });
    }

    pub fn ticket(&mut self) -> Ticket {
        *self.tickets += 1;
        Ticket(*self.tickets)
    }

    pub fn receipt(&mut self, peer: P, space: SpaceId, frontier: Frontier) {
        if !frontier.is_empty() {
            self.actions.push(Action::Receipt { peer, space, frontier });
        }
    }
}

/// Entries somewhere on their way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub bytes: usize,
    pub entries: usize,
}

impl Load {
    pub fn add(&mut self, bytes: usize, entries: usize) {
        self.bytes += bytes;
        self.entries += entries;
    }

    pub fn take(&mut self, bytes: usize, entries: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.entries = self.entries.saturating_sub(entries);
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Peer<P> {
    pub id: P,
    pub nonce: Nonce,
    pub lanes: BTreeMap<SpaceId, Lane>,
    /// Which lane a tag stands for.
    pub tags: BTreeMap<Tag, SpaceId>,
    /// Offers of spaces that this node does not hold, in case it will.
    pub unmatched: BTreeMap<Tag, FrontierDigest>,
    /// Our greeting: its digest, and over how many spaces.
    pub hello: (Digest, u32),
    /// Whether it named the spaces.
    pub named: bool,
    /// The window to keep to, once they have greeted.
    pub window: Option<Window>,
    /// Lanes waiting for a turn to read from the store, so that a long one does not starve the others.
    pub ready: VecDeque<SpaceId>,
    /// Sent and not acknowledged, over all lanes.
    pub in_flight: Load,
    /// Set aside for reads that are out.
    pub reserved: Load,
    /// Received and not yet dealt with by the node, over all lanes.
    pub pending: Load,
    /// Invitations they want to redeem, on which the node has not decided.
    pub redeeming: BTreeSet<SpaceId>,
    pub redemptions: u32,
    /// Something was offered since the last search for it.
    pub unsearched: bool,
    /// When the next search may be.
    pub search_from: u64,
    pub search_at: Option<u64>,
}

impl<P: PeerId> Peer<P> {
    pub fn new(id: P, nonce: Nonce) -> Self {
        Self {
            id,
            nonce,
            lanes: BTreeMap::new(),
            tags: BTreeMap::new(),
            unmatched: BTreeMap::new(),
            hello: (Digest::over([]), 0),
            named: true,
            window: None,
            ready: VecDeque::new(),
            in_flight: Load::default(),
            reserved: Load::default(),
            pending: Load::default(),
            redeeming: BTreeSet::new(),
            redemptions: 0,
            unsearched: false,
            search_from: 0,
            search_at: None,
        }
    }

    /// The lane of a space, made if there is none.
    pub fn lane(&mut self, turn: &mut Turn<'_, P>, space: SpaceId) -> &mut Lane {
        let (nonce, tags) = (&self.nonce, &mut self.tags);
        self.lanes.entry(space).or_insert_with(|| {
            let tag = Tag::of(&space, nonce);
            tags.insert(tag, space);
            turn.opened.push(space);
            Lane::new(tag)
        })
    }

    /// What may still be sent, in bytes and entries, besides what is on its way or being read.
    pub fn room(&self) -> (usize, usize) {
        self.window.map_or((0, 0), |window| {
            (
                (window.bytes as usize).saturating_sub(self.in_flight.bytes + self.reserved.bytes),
                (window.entries as usize).saturating_sub(self.in_flight.entries + self.reserved.entries),
            )
        })
    }

    /// Tells the node if a lane has come to rest, after anything that may have brought it there.
    pub fn settle(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let in_step = lane.in_step(space);
        if let Some(withheld) = in_step.filter(|_| in_step != lane.synced) {
            turn.actions.push(Action::Synced { peer: self.id, space: id, withheld });
        }
        lane.synced = in_step;
        let unrecognised = lane.share && lane.known && !lane.they_share && lane.at_rest() && space.gathering.is_empty();
        if unrecognised && !lane.unrecognised {
            turn.actions.push(Action::Unrecognised { peer: self.id, space: id });
        }
        lane.unrecognised = unrecognised;
    }

    /// Something that was to happen at a certain time is due.
    pub fn wake(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, spaces: &Spaces<P>) {
        if id == NO_SPACE {
            self.search_at = None;
            self.search(turn, spaces);
            return;
        }
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return };
        if lane.receipt_at.is_some_and(|at| at <= turn.now) {
            lane.receipt_at = None;
            self.send_receipt(turn, id, space);
        }
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        if lane.retry_at.is_some_and(|at| at <= turn.now) {
            lane.retry_at = None;
            self.ask(turn, id, space);
        }
        self.settle(turn, id, space);
    }
}
