//! [`Machine`]: events in, actions out.

mod crowd;

use std::collections::{BTreeMap, BTreeSet};

use sheaf_access::SpaceId;
use sheaf_log::{BlobLink, Frontier};

use crate::action::Action;
use crate::close::CloseReason;
use crate::config::{Config, Window};
use crate::event::{Event, Ticket};
use crate::frame::{Frame, MAX_ENDORSEMENT};
use crate::peer::{NO_SPACE, Peer, PeerId, Turn};
use crate::receiving::Told;
use crate::space::{Space, Spaces};
use crate::tag::Nonce;
use crate::timers::Timers;

/// The most endorsements of one space that are passed on: one of each of a few people is enough (C2).
pub const MAX_ENDORSEMENTS: usize = 64;

/// The replication state of a node: its spaces, its peers, and what is on its way between them.
///
/// One for each node. It does nothing of itself: [`handle`](Self::handle) takes what has happened and answers what to do.
#[derive(Debug)]
pub struct Machine<P> {
    config: Config,
    spaces: Spaces<P>,
    peers: BTreeMap<P, Peer<P>>,
    /// Peers that have offered something this node does not hold: those to ask when a space is added.
    hopeful: BTreeSet<P>,
    timers: Timers<P>,
    tickets: u64,
    /// Deliveries of connections that are over, to which the node has not answered. That an entry came by one of them says
    /// nothing of what the peer holds now: it may have been put back since (L5).
    late: BTreeSet<(P, SpaceId, Ticket)>,
}

impl<P: PeerId> Machine<P> {
    /// A machine without spaces or peers.
    pub fn new(config: Config) -> Self {
        Self {
            config: config.made_sound(),
            spaces: Spaces::new(),
            peers: BTreeMap::new(),
            hopeful: BTreeSet::new(),
            timers: Timers::new(),
            tickets: 0,
            late: BTreeSet::new(),
        }
    }

    /// Something has happened, at `now`, in milliseconds of a clock that never goes back. Answers what to do, in order.
    pub fn handle(&mut self, event: Event<P>, now: u64) -> Vec<Action<P>> {
        let mut actions = match event {
            Event::SpaceAdded { space, frontier } => self.space_added(now, space, frontier),
            Event::SpaceRemoved { space } => self.space_removed(now, space),
            Event::Connected { peer, nonce, shares } => self.connected(now, peer, nonce, &shares),
            Event::Disconnected { peer } => {
                self.forget(peer);
                Vec::new()
            }
            Event::Frame { peer, bytes } => self.with(now, peer, |peer, turn, spaces| {
                let frame = Frame::decode(&bytes)?;
                peer.frame(turn, spaces, frame)
            }),
            Event::Shares { peer, space } => self.with(now, peer, |peer, turn, spaces| {
                peer.shares(turn, space, spaces);
                Ok(())
            }),
            Event::Unshares { peer, space } => self.with(now, peer, |peer, turn, _| {
                peer.unshares(turn, space);
                Ok(())
            }),
            Event::Redeeming { peer, space, proof } => self.with(now, peer, |peer, turn, spaces| {
                if spaces.contains_key(&space) {
                    peer.redeem(turn, space, proof);
                }
                Ok(())
            }),
            Event::RedemptionRefused { peer, space, reason } => self.with(now, peer, |peer, turn, _| {
                peer.refuse_redemption(turn, space, reason);
                Ok(())
            }),
            Event::Stored { space, from, items } => self.stored(now, space, self.who_has(from, space), items),
            Event::Admitted { space, from, items } => self.admitted(now, space, from, &items),
            Event::Delivered { peer, space, ticket, outcomes } => {
                self.no_longer_late(peer, space, ticket);
                self.with(now, peer, |peer, turn, spaces| peer.delivered(turn, space, spaces, ticket, outcomes))
            }
            Event::ReadDone { peer, space, ticket, items, end } => self.with(now, peer, |peer, turn, spaces| {
                peer.read_done(turn, space, spaces, ticket, (&items, end));
                Ok(())
            }),
            Event::WantsSigned { peer, space } => self.with(now, peer, |peer, turn, _| {
                peer.ask_for_signed(turn, space);
                Ok(())
            }),
            Event::Signed { peer, space, receipt } => self.with(now, peer, |peer, turn, _| {
                peer.send_signed(turn, space, receipt);
                Ok(())
            }),
            Event::Floors { space, floors, bundles } => self.floors(now, space, floors, bundles),
            Event::Fetch { peer, space, blob, from } => self.with(now, peer, |peer, turn, _| {
                peer.fetch(turn, space, blob, from);
                Ok(())
            }),
            Event::BlobRead { peer, space, ticket, blob, from, piece } => self.with(now, peer, |peer, turn, spaces| {
                if let Some(held) = spaces.get(&space) {
                    peer.blob_read(turn, space, held, ticket, (blob, from, piece));
                }
                Ok(())
            }),
            Event::Covered { space, covers } => self.covered(now, space, &covers),
            Event::Declined { peer, space, bundle } => self.with(now, peer, |peer, turn, spaces| {
                if let Some(held) = spaces.get(&space) {
                    peer.decline(turn, space, held, bundle);
                }
                Ok(())
            }),
            Event::Endorsements { space, endorsements } => self.endorsements(now, space, endorsements),
            Event::Tips { space, tips } => {
                if let Some(space) = self.spaces.get_mut(&space) {
                    for (log, seq, hash) in tips {
                        space.tip(log, seq, hash);
                    }
                }
                Vec::new()
            }
            Event::Forked { space, log, at } => {
                if let Some(space) = self.spaces.get_mut(&space) {
                    space.fork(log, at.saturating_sub(1));
                }
                self.with_followers(now, space, |peer, turn, spaces| {
                    if let Some(known) = spaces.get(&space) {
                        peer.settle(turn, space, known);
                    }
                })
            }
            Event::Compared { peer, space, ticket } => self.with(now, peer, |peer, turn, spaces| {
                peer.compared(turn, space, spaces, ticket);
                Ok(())
            }),
            Event::Say { peer, space, word } => self.with(now, peer, |peer, turn, _| {
                peer.say(turn, &space, word);
                Ok(())
            }),
            Event::Tick => self.tick(now),
        };
        if let Some(at) = self.timers.announce(now) {
            actions.push(Action::WakeAt { at });
        }
        actions
    }

    /// What is held of a space, as far as the machine has been told.
    pub fn frontier(&self, space: &SpaceId) -> Option<&Frontier> {
        self.spaces.get(space).map(Space::frontier)
    }

    /// Whether any peer has to do with a space.
    pub fn is_followed(&self, space: &SpaceId) -> bool {
        self.spaces.get(space).is_some_and(|space| !space.peers.is_empty())
    }

    /// What a peer holds of a space, as far as it has said; nothing before it has.
    pub fn peer_frontier(&self, peer: P, space: &SpaceId) -> Option<Frontier> {
        let lane = self.peers.get(&peer)?.lanes.get(space).filter(|lane| lane.known)?;
        let mut frontier = Frontier::new();
        for (log, ours) in self.spaces.get(space)?.frontier().iter() {
            let seq = lane.theirs.of(log, ours);
            if seq > 0 {
                frontier.advance(*log, seq);
            }
        }
        for (log, seq) in lane.theirs.iter().filter(|(_, seq)| *seq > 0) {
            frontier.advance(log, seq);
        }
        Some(frontier)
    }

    /// Whether a peer and this node hold the same of a space, and both know it.
    pub fn is_synced(&self, peer: P, space: &SpaceId) -> bool {
        self.peers.get(&peer).and_then(|peer| peer.lanes.get(space)).is_some_and(|lane| lane.synced.is_some())
    }

    /// What is on its way to a peer, not acknowledged.
    pub fn in_flight(&self, peer: P) -> Window {
        self.peers.get(&peer).map_or(Window { bytes: 0, entries: 0 }, |peer| Window {
            bytes: u32::try_from(peer.in_flight.bytes).unwrap_or(u32::MAX),
            entries: u32::try_from(peer.in_flight.entries).unwrap_or(u32::MAX),
        })
    }

    /// How many numbers are kept for a peer: what its memory is proportional to.
    pub fn footprint(&self, peer: P) -> usize {
        self.peers.get(&peer).map_or(0, Peer::footprint)
    }

    fn space_added(&mut self, now: u64, id: SpaceId, frontier: Frontier) -> Vec<Action<P>> {
        if self.spaces.contains_key(&id) {
            return Vec::new();
        }
        self.spaces.insert(id, Space::new(frontier));
        let mut actions = Vec::new();
        for peer in self.hopeful.clone() {
            actions.extend(self.with(now, peer, |peer, turn, spaces| {
                if let Some(space) = spaces.get(&id) {
                    peer.space_added(turn, id, space);
                }
                Ok(())
            }));
        }
        actions
    }

    fn space_removed(&mut self, now: u64, id: SpaceId) -> Vec<Action<P>> {
        let Some(space) = self.spaces.remove(&id) else { return Vec::new() };
        if let Some(at) = space.gathering.due {
            self.timers.clear_flush(at, id);
        }
        let mut actions = Vec::new();
        for peer in space.peers {
            actions.extend(self.with(now, peer, |peer, turn, _| {
                peer.space_removed(turn, id);
                Ok(())
            }));
        }
        actions
    }

    fn connected(&mut self, now: u64, id: P, nonce: Nonce, shares: &[SpaceId]) -> Vec<Action<P>> {
        self.forget(id);
        self.peers.insert(id, Peer::new(id, nonce));
        self.with(now, id, |peer, turn, spaces| {
            peer.greet(turn, spaces, shares);
            Ok(())
        })
    }

    fn covered(&mut self, now: u64, id: SpaceId, covers: &Frontier) -> Vec<Action<P>> {
        let Some(space) = self.spaces.get_mut(&id) else { return Vec::new() };
        let jumped = covers.iter().filter_map(|(log, seq)| space.advance(*log, seq).map(|before| (*log, before, seq)));
        let news: Vec<_> = jumped.collect();
        self.with_followers(now, id, |peer, turn, spaces| peer.covered(turn, id, spaces, &news))
    }

    fn floors(
        &mut self,
        now: u64,
        id: SpaceId,
        floors: Frontier,
        bundles: Vec<(BlobLink, Frontier)>,
    ) -> Vec<Action<P>> {
        let Some(space) = self.spaces.get_mut(&id) else { return Vec::new() };
        let raised = space.floors != floors;
        let new = bundles.iter().any(|(bundle, _)| space.bundles.iter().all(|(known, _)| known.id != bundle.id));
        (space.floors, space.bundles) = (floors, bundles);
        if !raised && !new {
            return Vec::new();
        }
        self.with_followers(now, id, |peer, turn, spaces| peer.floors_changed(turn, id, spaces, new))
    }

    fn endorsements(&mut self, now: u64, id: SpaceId, endorsements: Vec<Vec<u8>>) -> Vec<Action<P>> {
        let Some(space) = self.spaces.get_mut(&id) else { return Vec::new() };
        space.endorsements =
            endorsements.into_iter().filter(|one| one.len() <= MAX_ENDORSEMENT).take(MAX_ENDORSEMENTS).collect();
        self.with_followers(now, id, |peer, turn, spaces| {
            if let Some(space) = spaces.get(&id) {
                peer.endorse(turn, id, space);
            }
        })
    }

    /// Lets each peer that follows a space deal with something.
    fn with_followers(
        &mut self,
        now: u64,
        id: SpaceId,
        deal: impl Fn(&mut Peer<P>, &mut Turn<'_, P>, &Spaces<P>),
    ) -> Vec<Action<P>> {
        let followers: Vec<P> =
            self.spaces.get(&id).into_iter().flat_map(|space| space.peers.iter().copied()).collect();
        let mut actions = Vec::new();
        for peer in followers {
            actions.extend(self.with(now, peer, |peer, turn, spaces| {
                deal(peer, turn, spaces);
                Ok(())
            }));
        }
        actions
    }

    fn tick(&mut self, now: u64) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        while let Some((peer, space)) = self.timers.pop(now) {
            actions.extend(self.with(now, peer, |peer, turn, spaces| {
                peer.wake(turn, space, spaces);
                Ok(())
            }));
        }
        while let Some(space) = self.timers.pop_flush(now) {
            actions.extend(self.flush(now, space));
        }
        actions
    }

    /// Lets a peer deal with something. If that is a reason to end the session, nothing of it is done but that.
    fn with<F>(&mut self, now: u64, id: P, deal: F) -> Vec<Action<P>>
    where
        F: FnOnce(&mut Peer<P>, &mut Turn<'_, P>, &Spaces<P>) -> Result<(), CloseReason>,
    {
        let Some(peer) = self.peers.get_mut(&id) else { return Vec::new() };
        let mut turn = Turn {
            config: &self.config,
            now,
            timers: &mut self.timers,
            tickets: &mut self.tickets,
            actions: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
        };
        let result = deal(peer, &mut turn, &self.spaces);
        let Turn { actions, opened, closed, .. } = turn;
        for space in opened {
            if let Some(space) = self.spaces.get_mut(&space) {
                space.peers.insert(id);
            }
            // What was passed on before it was durable they were not here for: so nothing that may build on it is passed on to
            // them before it is durable, which may take long.
            if let Some(lane) = peer.lanes.get_mut(&space) {
                lane.skipped = self.spaces.get(&space).and_then(|space| space.admitted);
            }
        }
        for space in closed {
            if let Some(space) = self.spaces.get_mut(&space) {
                space.peers.remove(&id);
            }
        }
        if peer.unmatched.is_empty() {
            self.hopeful.remove(&id);
        } else {
            self.hopeful.insert(id);
        }
        match result {
            Ok(()) => actions,
            Err(reason) => {
                self.forget(id);
                vec![Action::Close { peer: id, reason }]
            }
        }
    }

    /// Who has what they sent: whoever sent it, unless the node has yet to answer to what came from them before.
    fn who_has(&self, from: Option<P>, space: SpaceId) -> Option<P> {
        from.filter(|peer| {
            let first = self.late.range((*peer, space, Ticket(0))..).next();
            first.is_none_or(|(of, late, _)| (*of, *late) != (*peer, space))
        })
    }

    /// The node has answered to a delivery: those of one peer are dealt with in their order.
    fn no_longer_late(&mut self, peer: P, space: SpaceId, ticket: Ticket) {
        self.late.retain(|(of, from, late)| (*of, *from) != (peer, space) || *late > ticket);
    }

    /// The connection is over, and with it everything that was known about the peer.
    fn forget(&mut self, id: P) {
        let Some(peer) = self.peers.remove(&id) else { return };
        self.hopeful.remove(&id);
        if let Some(at) = peer.search_at {
            self.timers.clear(at, id, NO_SPACE);
        }
        for (space, lane) in peer.lanes {
            self.late.extend(lane.pending.iter().map(|pending| (id, space, pending.ticket)));
            for at in [lane.receipt_at, lane.retry_at].into_iter().flatten() {
                self.timers.clear(at, id, space);
            }
            if let Some(space) = self.spaces.get_mut(&space) {
                space.peers.remove(&id);
            }
        }
    }
}

impl<P: PeerId> Peer<P> {
    fn frame(&mut self, turn: &mut Turn<'_, P>, spaces: &Spaces<P>, frame: Frame) -> Result<(), CloseReason> {
        match frame {
            Frame::Hello { digest, spaces: count, window, offers } => {
                self.greeted(turn, spaces, (digest, count), window, offers)
            }
            Frame::Offers { offers } => self.were_offered(turn, spaces, offers),
            Frame::Redeem { tag, proof } => self.redeems(turn, spaces, tag, proof),
            Frame::RedeemRefused { tag, reason } => self.redemption_refused(turn, tag, reason),
            Frame::Word { tag, word } => {
                self.said(turn, spaces, tag, word);
                Ok(())
            }
            Frame::Want { tag }
            | Frame::Frontier { tag, .. }
            | Frame::Entries { tag, .. }
            | Frame::Ack { tag, .. }
            | Frame::Have { tag, .. }
            | Frame::Withheld { tag, .. }
            | Frame::Sign { tag }
            | Frame::Signed { tag, .. }
            | Frame::Behind { tag, .. }
            | Frame::Declined { tag, .. }
            | Frame::WantBlob { tag, .. }
            | Frame::Blob { tag, .. }
            | Frame::Endorsed { tag, .. }
            | Frame::Whole { tag, .. } => {
                let id = *self.tags.get(&tag).ok_or(CloseReason::UnknownTag)?;
                let space = spaces.get(&id).ok_or(CloseReason::UnknownTag)?;
                self.space_frame(turn, spaces, id, space, frame)
            }
        }
    }

    fn space_frame(
        &mut self,
        turn: &mut Turn<'_, P>,
        spaces: &Spaces<P>,
        id: SpaceId,
        space: &Space<P>,
        frame: Frame,
    ) -> Result<(), CloseReason> {
        match frame {
            Frame::Want { .. } => self.wants(turn, id, space),
            Frame::Frontier { whole, reply, held, .. } => {
                self.told(turn, id, spaces, Told { whole, reply, held, tips: None })
            }
            Frame::Whole { reply, held, tips, .. } => {
                self.told(turn, id, spaces, Told { whole: true, reply, held, tips: Some(tips) })
            }
            Frame::Entries { first, entries, .. } => self.received(turn, id, first, entries),
            Frame::Ack { count, refused, .. } => self.acked(turn, id, spaces, count, refused),
            Frame::Have { held, .. } => self.have(turn, id, spaces, &held),
            Frame::Withheld { logs, .. } => self.withheld(turn, id, space, logs),
            Frame::Sign { .. } => {
                self.asks_for_signed(turn, id);
                Ok(())
            }
            Frame::Signed { receipt, .. } => {
                turn.actions.push(Action::Signed { peer: self.id, space: id, receipt });
                Ok(())
            }
            Frame::Behind { bundle, .. } => self.are_behind(turn, id, bundle),
            Frame::Declined { bundle, .. } => {
                self.declined(turn, id, spaces, bundle);
                Ok(())
            }
            Frame::WantBlob { blob, from, length, .. } => self.want_blob(turn, id, (blob, from, length)),
            Frame::Blob { blob, from, piece, .. } => {
                self.piece(turn, id, (blob, from, piece))?;
                // That was the last of it, perhaps.
                self.settle(turn, id, space);
                Ok(())
            }
            Frame::Endorsed { endorsement, .. } => {
                self.endorsed(turn, id, space, endorsement);
                Ok(())
            }
            Frame::Hello { .. }
            | Frame::Offers { .. }
            | Frame::Redeem { .. }
            | Frame::RedeemRefused { .. }
            | Frame::Word { .. } => Ok(()),
        }
    }

    fn footprint(&self) -> usize {
        let lanes: usize = self
            .lanes
            .values()
            .map(|lane| {
                1 + lane.theirs.len()
                    + lane.in_flight.len()
                    + lane.blocked.len()
                    + lane.lost.len()
                    + lane.pending.len()
                    + lane.withheld.len()
                    + lane.untold.len()
                    + lane.blobs.footprint()
            })
            .sum();
        lanes + self.unmatched.len() + self.ready.len() + self.redeeming.len()
    }
}
