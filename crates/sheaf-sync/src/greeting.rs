//! How two peers find what they share: greeting, offers, invitations.

use std::collections::BTreeMap;

use sheaf_access::{LogId, SpaceId};
use sheaf_log::FrontierDigest;

use crate::action::Action;
use crate::close::CloseReason;
use crate::config::Window;
use crate::frame::{Frame, MAX_OFFERS, Offer};
use crate::lane::{Lane, Recovery};
use crate::peer::{NO_SPACE, Peer, PeerId, Turn};
use crate::refusal::RedemptionRefusal;
use crate::space::{Space, Spaces};
use crate::tag::{Digest, Tag};

impl<P: PeerId> Peer<P> {
    /// A connection stands: greet.
    pub fn greet(&mut self, turn: &mut Turn<'_, P>, spaces: &Spaces<P>, shares: &[SpaceId]) {
        for id in shares.iter().take(turn.config.max_spaces as usize) {
            let Some(space) = spaces.get(id) else { continue };
            let lane = self.lane(turn, *id);
            lane.share = true;
            lane.in_hello = true;
            lane.offered = Some(space.digest());
        }
        let count = self.lanes.len() as u32;
        let digest = Digest::over(self.lanes.iter().filter_map(|(id, lane)| Some((id, lane.offered?))));
        self.hello = (digest, count);
        self.named = count <= turn.config.inline_offers;
        let offers = if self.named { self.lanes.values().filter_map(offer_of).collect() } else { Vec::new() };
        turn.send(self.id, Frame::Hello { digest, spaces: count, window: turn.config.window, offers });
    }

    /// They greet.
    pub fn greeted(
        &mut self,
        turn: &mut Turn<'_, P>,
        spaces: &Spaces<P>,
        hello: (Digest, u32),
        window: Window,
        offers: Vec<Offer>,
    ) -> Result<(), CloseReason> {
        if self.window.is_some() {
            return Err(CloseReason::SecondHello);
        }
        if window.bytes < turn.config.max_entry_bytes || window.entries == 0 {
            return Err(CloseReason::WindowTooSmall(window.bytes));
        }
        if hello.1 > turn.config.max_spaces {
            return Err(CloseReason::TooManySpaces);
        }
        self.window = Some(turn.config.window.meet(window));
        let mine: Vec<SpaceId> = self.lanes.iter().filter(|(_, lane)| lane.in_hello).map(|(id, _)| *id).collect();
        if hello == self.hello {
            // Equal, when both greeted. What has been stored since is known, and sent next.
            for id in &mine {
                if let Some(lane) = self.lanes.get_mut(id) {
                    lane.met = true;
                    lane.they_share = true;
                    lane.told = true;
                    lane.known = true;
                }
                if let Some(space) = spaces.get(id) {
                    self.is_level(turn, *id, space);
                }
            }
        } else {
            if !self.named {
                self.offer(turn, spaces, &mine);
            }
            self.were_offered(turn, spaces, offers)?;
        }
        // Until now nothing could be sent: the window was not known.
        let lanes: Vec<SpaceId> = self.lanes.keys().copied().collect();
        for id in lanes {
            let Some(space) = spaces.get(&id) else { continue };
            self.endorse(turn, id, space);
            self.pump(turn, id, spaces);
            self.settle(turn, id, space);
        }
        Ok(())
    }

    /// Offers spaces that are shared with them, each once.
    fn offer(&mut self, turn: &mut Turn<'_, P>, spaces: &Spaces<P>, ids: &[SpaceId]) {
        let mut offers = Vec::new();
        for id in ids {
            let (Some(lane), Some(space)) = (self.lanes.get_mut(id), spaces.get(id)) else { continue };
            if !lane.share || lane.known {
                continue;
            }
            // What they hold is compared with this, so it is from this that we count what changes.
            lane.offered = Some(space.digest());
            lane.theirs.equal_ours();
            lane.untold.clear();
            lane.backlog = None;
            offers.extend(offer_of(lane));
        }
        for offers in offers.chunks(MAX_OFFERS) {
            turn.send(self.id, Frame::Offers { offers: offers.to_vec() });
        }
    }

    /// They offer spaces.
    pub fn were_offered(
        &mut self,
        turn: &mut Turn<'_, P>,
        spaces: &Spaces<P>,
        offers: Vec<Offer>,
    ) -> Result<(), CloseReason> {
        if self.window.is_none() {
            return Err(CloseReason::NoHello);
        }
        let mut known = Vec::new();
        let mut unknown = BTreeMap::new();
        for Offer { tag, digest } in offers {
            match self.tags.get(&tag) {
                Some(space) => known.push((*space, digest)),
                None => {
                    unknown.insert(tag, digest);
                }
            }
        }
        if self.lanes.len() + self.unmatched.len() + unknown.len() > turn.config.max_spaces as usize {
            return Err(CloseReason::TooManySpaces);
        }
        self.unsearched |= !unknown.is_empty();
        self.unmatched.extend(unknown);
        for (id, digest) in known {
            if let Some(space) = spaces.get(&id) {
                self.was_offered(turn, id, space, digest);
                self.pump(turn, id, spaces);
                self.settle(turn, id, space);
            }
        }
        self.search(turn, spaces);
        Ok(())
    }

    /// Looks among all spaces for those they offer: they may be right, and we have not heard yet that they are members.
    pub fn search(&mut self, turn: &mut Turn<'_, P>, spaces: &Spaces<P>) {
        if !self.unsearched || self.search_at.is_some() {
            return;
        }
        if turn.now < self.search_from {
            self.search_at = Some(self.search_from);
            turn.timers.set(self.search_from, self.id, NO_SPACE);
            return;
        }
        self.unsearched = false;
        self.search_from = turn.now + turn.config.search_pause;
        for (id, space) in spaces {
            self.space_added(turn, *id, space);
        }
    }

    /// They offer a space for which there is a lane.
    fn was_offered(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>, digest: FrontierDigest) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        if lane.their_offer.is_some() {
            return;
        }
        lane.their_offer = Some(digest);
        lane.met = true;
        lane.they_share = true;
        if lane.known {
            // Their frontier overtook their offer.
        } else if !lane.share {
            let tag = lane.tag;
            turn.send(self.id, Frame::Want { tag });
        } else if lane.offered == Some(digest) {
            lane.told = true;
            lane.known = true;
            self.is_level(turn, id, space);
        } else if !lane.told {
            self.tell(turn, id, space, false);
        }
    }

    /// They hold what was held here when it was offered: that is as good as a frontier, for whoever waits to hear what is
    /// durable there. Some of it may have come to them by a third.
    fn is_level(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let had = std::mem::take(&mut lane.had);
        let held = |(log, ours): (&LogId, u64)| {
            let held = had.get(log).copied().unwrap_or_else(|| lane.theirs.of(log, ours));
            // How far they hold a branch is not in a digest.
            (*log, space.forked_after(log).map_or(held, |before| held.min(before)))
        };
        let theirs = space.frontier().iter().map(held);
        turn.receipt(self.id, id, theirs.filter(|(_, seq)| *seq > 0).collect());
    }

    /// This node has come to hold a space, which they may have offered before.
    pub fn space_added(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>) {
        if let Some(digest) = self.unmatched.remove(&Tag::of(&id, &self.nonce)) {
            self.lane(turn, id);
            self.was_offered(turn, id, space, digest);
        }
    }

    /// The node says that they are a member.
    pub fn shares(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, spaces: &Spaces<P>) {
        let Some(space) = spaces.get(&id) else { return };
        let redeemed = self.redeeming.remove(&id);
        if !self.lanes.contains_key(&id) && self.lanes.len() >= turn.config.max_spaces as usize {
            return;
        }
        let lane = self.lane(turn, id);
        if lane.share {
            return;
        }
        lane.share = true;
        lane.met |= redeemed;
        if lane.met {
            // They look at this space already: show them.
            let reply = !lane.known;
            if lane.known {
                lane.look_again();
            }
            self.tell(turn, id, space, reply);
            self.pump(turn, id, spaces);
        } else {
            let tag = lane.tag;
            self.offer(turn, spaces, &[id]);
            if let Some(digest) = self.unmatched.remove(&tag) {
                self.was_offered(turn, id, space, digest);
                self.pump(turn, id, spaces);
            }
        }
        self.settle(turn, id, space);
    }

    /// The node says that they are no member any more.
    pub fn unshares(&mut self, turn: &mut Turn<'_, P>, id: SpaceId) {
        self.redeeming.remove(&id);
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.share = false;
        lane.backlog = None;
        lane.untold.clear();
        lane.synced = None;
        lane.unrecognised = false;
        lane.recovery = Recovery::None;
        for at in [lane.receipt_at.take(), lane.retry_at.take()].into_iter().flatten() {
            turn.timers.clear(at, self.id, id);
        }
    }

    /// The node has nothing more to do with a space.
    pub fn space_removed(&mut self, turn: &mut Turn<'_, P>, id: SpaceId) {
        self.redeeming.remove(&id);
        self.ready.retain(|ready| *ready != id);
        let Some(lane) = self.lanes.remove(&id) else { return };
        self.tags.remove(&lane.tag);
        for sent in &lane.in_flight {
            self.in_flight.take(sent.bytes, 1);
        }
        if let Some(reading) = &lane.reading {
            self.reserved.take(reading.bytes, reading.entries);
        }
        for pending in &lane.pending {
            self.pending.take(pending.bytes, pending.entries);
        }
        for at in [lane.receipt_at, lane.retry_at].into_iter().flatten() {
            turn.timers.clear(at, self.id, id);
        }
        turn.closed.push(id);
    }

    /// We hold an invitation that they may accept.
    pub fn redeem(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, proof: Vec<u8>) {
        let lane = self.lane(turn, id);
        lane.redeeming += 1;
        let tag = lane.tag;
        turn.send(self.id, Frame::Redeem { tag, proof });
    }

    /// They hold an invitation that we may accept.
    pub fn redeems(
        &mut self,
        turn: &mut Turn<'_, P>,
        spaces: &Spaces<P>,
        tag: Tag,
        proof: Vec<u8>,
    ) -> Result<(), CloseReason> {
        self.redemptions += 1;
        if self.redemptions > turn.config.max_redemptions {
            return Err(CloseReason::TooManyRedemptions);
        }
        let known = self.tags.get(&tag).copied();
        match known.or_else(|| spaces.keys().copied().find(|id| Tag::of(id, &self.nonce) == tag)) {
            None => turn.send(self.id, Frame::RedeemRefused { tag, reason: RedemptionRefusal::UnknownSpace }),
            // They are a member already, and have been offered it.
            Some(id) if self.lanes.get(&id).is_some_and(|lane| lane.share) => {}
            Some(space) => {
                self.redeeming.insert(space);
                turn.actions.push(Action::CheckRedemption { peer: self.id, space, proof });
            }
        }
        Ok(())
    }

    /// The node does not accept their invitation.
    pub fn refuse_redemption(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, reason: RedemptionRefusal) {
        if self.redeeming.remove(&id) {
            turn.send(self.id, Frame::RedeemRefused { tag: Tag::of(&id, &self.nonce), reason });
        }
    }

    /// They do not accept ours.
    pub fn redemption_refused(
        &mut self,
        turn: &mut Turn<'_, P>,
        tag: Tag,
        reason: RedemptionRefusal,
    ) -> Result<(), CloseReason> {
        let space = *self.tags.get(&tag).ok_or(CloseReason::UnknownTag)?;
        let lane = self.lanes.get_mut(&space).filter(|lane| lane.redeeming > 0).ok_or(CloseReason::UnknownTag)?;
        lane.redeeming -= 1;
        if lane.redeeming == 0 && !lane.share && !lane.met {
            // Nothing but the invitation spoke for this lane.
            self.lanes.remove(&space);
            self.tags.remove(&tag);
            turn.closed.push(space);
        }
        turn.actions.push(Action::RedemptionRefused { peer: self.id, space, reason });
        Ok(())
    }

    /// They ask to be shown a space that we offered.
    pub fn wants(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>) -> Result<(), CloseReason> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(()) };
        if std::mem::replace(&mut lane.wanted, true) {
            return Err(CloseReason::SecondWant);
        }
        lane.met = true;
        if lane.share {
            self.tell(turn, id, space, false);
        }
        Ok(())
    }
}

fn offer_of(lane: &Lane) -> Option<Offer> {
    Some(Offer { tag: lane.tag, digest: lane.offered? })
}
