//! What goes out: frontiers, entries, receipts; and what to do when they are not taken.

use sheaf_access::{LogId, SpaceId};
use sheaf_log::Frontier;

use crate::action::Action;
use crate::close::CloseReason;
use crate::entry_bytes::Item;
use crate::event::Ticket;
use crate::frame::Frame;
use crate::lane::{Reading, Recovery, Sent, Why};
use crate::peer::{Peer, PeerId, Turn};
use crate::refusal::{Refusal, Verdict};
use crate::space::{Space, Spaces};

impl<P: PeerId> Peer<P> {
    /// Says what we hold of a space: all of it to a member; to anyone else what they claim to hold themselves, so that
    /// they can tell what to send.
    pub fn tell(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>, reply: bool) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.told = true;
        let tag = lane.tag;
        if lane.share {
            lane.untold.clear();
            let (held, tips) = (space.frontier().clone(), space.tips());
            turn.send(self.id, Frame::Whole { tag, reply, held, tips });
        } else {
            let mut held = Frontier::new();
            for (log, ours) in space.frontier().iter() {
                held.advance(*log, ours.min(lane.theirs.of(log, ours)));
            }
            turn.send(self.id, Frame::Frontier { tag, whole: false, reply, held });
        }
    }

    /// Entries were stored here. Those that follow what this peer has are sent on at once; if it is too slow for that,
    /// it is noted from where to read.
    pub fn stored(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, spaces: &Spaces<P>, news: &News<'_, P>) {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return };
        let Some((first, _)) = news.items.first() else { return };
        let theirs = news.from == Some(self.id);
        let mut receipt = false;
        for (item, before) in news.items {
            lane.theirs.we_have(item.log, *before, item.seq);
            lane.we_got(&item.log, item.seq);
        }
        lane.skipped.take_if(|(log, seq)| space.held(log) >= *seq);
        for (item, _) in news.items {
            let ours = space.held(&item.log);
            if theirs {
                if !lane.known {
                    lane.had.entry(item.log).or_insert(lane.theirs.of(&item.log, ours));
                }
                lane.theirs.they_have(item.log, item.seq, ours);
                lane.they_know(item.log, item.seq);
            } else if lane.share && !lane.is_sending(&item.log, item.seq) {
                lane.untold.insert(item.log, item.seq);
                receipt |= lane.due(&item.log, item.seq, ours);
            }
        }
        if !news.waits {
            self.send_on(turn, id, spaces, news.items.iter().map(|(item, _)| item));
        } else if let Some(reading) = &mut lane.reading {
            // They go out with the others in a moment, but not by that read.
            reading.since.get_or_insert(first.arrival);
        }
        if receipt {
            self.plan_receipt(turn, id);
        }
        self.settle(turn, id, space);
    }

    /// What has gathered goes out: what is durable, and what was let in since, each with who sent it.
    pub fn flushed(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        spaces: &Spaces<P>,
        (stored, let_in): (&[Item], &[(P, Item)]),
    ) {
        let (Some(lane), Some(space), me) = (self.lanes.get(&id), spaces.get(&id), self.id) else { return };
        let others = let_in.iter().filter(|(from, _)| *from != me).map(|(_, item)| item);
        if lane.is_live() {
            // In one frame.
            let rest = self.push(turn, id, space, stored.iter().chain(others.clone()));
            if let Some((lane, last)) = rest.and(self.lanes.get_mut(&id).zip(others.last())) {
                lane.skipped = Some((last.log, last.seq));
            }
            if let Some(item) = rest.and_then(|rest| stored.get(rest)) {
                self.fall_back(turn, id, spaces, Some(item.arrival));
            }
        } else {
            self.send_on(turn, id, spaces, stored.iter());
            self.forward(turn, id, spaces, others);
        }
        self.settle(turn, id, space);
    }

    /// Sends entries that are durable here on to a peer that has what came before; for any other it is noted from where to read.
    fn send_on<'i>(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        spaces: &Spaces<P>,
        items: impl Iterator<Item = &'i Item> + Clone,
    ) {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return };
        let Some(first) = items.clone().next().map(|item| item.arrival) else { return };
        if let Some(reading) = &mut lane.reading {
            reading.since.get_or_insert(first);
        } else if lane.can_send() && lane.backlog.is_none() {
            let (rest, mut items) = (self.push(turn, id, space, items.clone()), items);
            let rest = rest.and_then(|rest| items.nth(rest)).map(|item| item.arrival);
            self.fall_back(turn, id, spaces, rest);
        } else if lane.share {
            lane.backlog.get_or_insert(first);
        }
    }

    /// Entries were let in, and will be durable in a moment. A peer that has everything up to here is sent them now.
    pub fn forward<'i>(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        spaces: &Spaces<P>,
        items: impl Iterator<Item = &'i Item> + Clone,
    ) {
        let (Some(lane), Some(space), Some(last)) = (self.lanes.get_mut(&id), spaces.get(&id), items.clone().last())
        else {
            return;
        };
        let all_sent = lane.is_live() && self.push(turn, id, space, items).is_none();
        if let Some(lane) = self.lanes.get_mut(&id).filter(|_| !all_sent) {
            lane.skipped = Some((last.log, last.seq));
        }
    }

    /// Sends the entries among these that they want, as far as there is room. Answers the place among them of the first for
    /// which there was none.
    fn push<'i>(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        space: &Space<P>,
        items: impl Iterator<Item = &'i Item>,
    ) -> Option<usize> {
        let (mut bytes, mut entries) = self.room();
        let lane = self.lanes.get_mut(&id)?;
        let mut rest = None;
        let mut batch = Vec::new();
        let mut size = 0;
        for (place, item) in items.enumerate() {
            if !lane.wants(item, space) {
                continue;
            }
            let length = item.bytes.len();
            if length > bytes || entries == 0 {
                rest = Some(place);
                break;
            }
            let full =
                size + length > turn.config.batch_bytes as usize || batch.len() >= turn.config.batch_entries as usize;
            if full && !batch.is_empty() {
                turn.send(self.id, lane.entries(&mut batch));
                size = 0;
            }
            lane.sent(item);
            self.in_flight.add(length, 1);
            bytes -= length;
            entries -= 1;
            size += length;
            batch.push(item.bytes.clone());
        }
        if !batch.is_empty() {
            turn.send(self.id, lane.entries(&mut batch));
        }
        rest
    }

    /// From here on the lane has to be read from the store, if at all.
    fn fall_back(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, spaces: &Spaces<P>, from: Option<u64>) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.backlog = from;
        }
        self.pump(turn, id, spaces);
    }

    /// Puts a lane that has something to read into the queue, and reads as far as there is room.
    pub fn pump(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, spaces: &Spaces<P>) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.can_send()
            && lane.backlog.is_some()
            && lane.reading.is_none()
            && !lane.queued
        {
            lane.queued = true;
            self.ready.push_back(id);
        }
        self.read_on(turn, spaces);
    }

    /// Reads for the lanes that wait for it, in turn, as far as there is room.
    fn read_on(&mut self, turn: &mut Turn<'_, P>, spaces: &Spaces<P>) {
        let entry = turn.config.max_entry_bytes as usize;
        loop {
            let (bytes, entries) = self.room();
            if bytes < entry || entries == 0 {
                return;
            }
            let Some(id) = self.ready.pop_front() else { return };
            let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { continue };
            lane.queued = false;
            let (true, Some(from_arrival), None) = (lane.can_send(), lane.backlog, &lane.reading) else { continue };
            let lacking = lane.lacking(space);
            if lacking.is_empty() {
                lane.backlog = None;
                self.settle(turn, id, space);
                continue;
            }
            match self.check_floor(turn, id, space) {
                Ok(false) => {}
                Ok(true) => continue,
                // They refuse more than makes sense: they are sent nothing more.
                Err(_) => {
                    if let Some(lane) = self.lanes.get_mut(&id) {
                        lane.backlog = None;
                    }
                    continue;
                }
            }
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            let lacking = lane.lacking(space);
            if lacking.is_empty() {
                lane.backlog = None;
                self.settle(turn, id, space);
                continue;
            }
            let batch = turn.config.batch_bytes as usize;
            // A read answers with one entry at least, whatever its size.
            let reserve = batch.max(entry).min(bytes);
            let max_entries = (turn.config.batch_entries as usize).min(entries);
            let ticket = turn.ticket();
            lane.reading = Some(Reading { ticket, bytes: reserve, entries: max_entries, stale: false, since: None });
            self.reserved.add(reserve, max_entries);
            turn.actions.push(Action::Read {
                peer: self.id,
                space: id,
                ticket,
                from_arrival,
                lacking,
                max_bytes: batch.min(reserve),
                max_entries,
            });
        }
    }

    /// The node has read.
    pub fn read_done(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        spaces: &Spaces<P>,
        ticket: Ticket,
        (items, end): (&[Item], bool),
    ) {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return };
        let Some(reading) = lane.reading.take_if(|reading| reading.ticket == ticket) else { return };
        self.reserved.take(reading.bytes, reading.entries);
        if reading.stale || !lane.can_send() {
            // What was needed has changed: it is looked at again, now or after a recovery, if they are still a member.
            self.pump(turn, id, spaces);
        } else {
            // Entries of which we have not been told before the read went out may build on some that were not asked for.
            let told = |item: &&Item| {
                space.held(&item.log) >= item.seq && reading.since.is_none_or(|since| item.arrival < since)
            };
            let asked: &[Item] = &items[..items.iter().take_while(told).count()];
            let end = end || asked.len() < items.len();
            let rest = self.push(turn, id, space, asked.iter());
            let next = match (rest.and_then(|rest| asked.get(rest)), asked.last()) {
                (Some(item), _) => Some(item.arrival),
                (None, Some(last)) if !end => Some(last.arrival + 1),
                (None, _) => reading.since,
            };
            self.fall_back(turn, id, spaces, next);
        }
        self.settle(turn, id, space);
    }

    /// They have dealt with the first `count` entries that were sent to them, and refused some.
    pub fn acked(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        spaces: &Spaces<P>,
        count: u64,
        refused: Vec<(u64, Refusal)>,
    ) -> Result<(), CloseReason> {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return Ok(()) };
        let first = lane.acked;
        let landing = count.checked_sub(first).filter(|n| *n > 0 && *n <= lane.in_flight.len() as u64);
        let ascending = refused.is_sorted_by(|a, b| a.0 < b.0);
        let within = refused.first().is_none_or(|(n, _)| *n >= first) && refused.last().is_none_or(|(n, _)| *n < count);
        if landing.is_none() || !ascending || !within {
            return Err(CloseReason::FalseAck);
        }
        let mut refused = refused.into_iter().peekable();
        let mut receipt = Frontier::new();
        let mut blocked = Vec::new();
        let mut delayed = None;
        for ordinal in first..count {
            let Some(sent) = lane.landed() else { break };
            self.in_flight.take(sent.bytes, 1);
            let refusal = refused.next_if(|(n, _)| *n == ordinal).map(|(_, refusal)| refusal);
            let Sent { log, seq, .. } = sent;
            match refusal {
                None => {
                    if lane.theirs.they_have(log, seq, space.held(&log)) {
                        receipt.advance(log, seq);
                        lane.recoveries = 0;
                        lane.retry_wait = 0;
                    }
                }
                Some(Refusal::Missing { entries }) => {
                    // If what is missing is what they refused, sending it again helps nobody.
                    let hopeless = entries.iter().chain([&(log, seq)]).any(|(log, seq)| lane.refuses(log, *seq));
                    if !hopeless {
                        lane.lost.push((log, seq));
                    } else if lane.block(log, seq, Why::Dependency) {
                        blocked.push((log, seq, Refusal::Never(Verdict::BUILDS_ON_REFUSED)));
                    }
                }
                Some(Refusal::NotNow(reason)) => {
                    lane.not_now = true;
                    delayed.get_or_insert(reason);
                }
                Some(refusal @ Refusal::Never(_)) => {
                    if lane.block(log, seq, Why::Itself) {
                        blocked.push((log, seq, refusal));
                    }
                }
            }
        }
        if lane.recovery == Recovery::None && (lane.not_now || !lane.lost.is_empty()) {
            lane.recovery = Recovery::Draining;
        }
        turn.receipt(self.id, id, receipt);
        turn.actions.extend(delayed.map(|reason| Action::Delayed { peer: self.id, space: id, reason }));
        self.withhold(turn, id, blocked)?;
        self.recover(turn, id, space)?;
        self.pump(turn, id, spaces);
        self.settle(turn, id, space);
        Ok(())
    }

    /// Says to both ends what is not sent to them any more.
    pub fn withhold(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        blocked: Vec<(LogId, u64, Refusal)>,
    ) -> Result<(), CloseReason> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(()) };
        if lane.blocked.len() > turn.config.max_refused_logs as usize {
            return Err(CloseReason::TooManyRefusals);
        }
        if blocked.is_empty() {
            return Ok(());
        }
        let logs = blocked.iter().map(|(log, seq, _)| (*log, *seq)).collect();
        turn.send(self.id, Frame::Withheld { tag: lane.tag, logs });
        for (log, seq, refusal) in blocked {
            turn.actions.push(Action::EntryRefused { peer: self.id, space: id, log, seq, refusal });
        }
        self.plan_receipt(turn, id);
        Ok(())
    }

    /// When all that was in flight has been answered for, finds out where they stand: at once over missing
    /// dependencies (L2), after a while if they said "not now".
    fn recover(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>) -> Result<(), CloseReason> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(()) };
        if lane.recovery != Recovery::Draining || !lane.in_flight.is_empty() {
            return Ok(());
        }
        let lost = std::mem::take(&mut lane.lost);
        if std::mem::take(&mut lane.not_now) {
            let wait = if lane.retry_wait == 0 { turn.config.retry_first } else { lane.retry_wait * 2 };
            lane.retry_wait = wait.min(turn.config.retry_most);
            lane.recovery = Recovery::Waiting;
            let at = turn.now + lane.retry_wait;
            lane.retry_at = Some(at);
            turn.timers.set(at, self.id, id);
            return Ok(());
        }
        lane.recoveries += 1;
        if lane.recoveries > turn.config.max_recoveries {
            let lost = lost.into_iter().filter(|(log, seq)| lane.block(*log, *seq, Why::Dependency));
            let lost = lost.map(|(log, seq)| (log, seq, Refusal::Never(Verdict::STILL_MISSING))).collect();
            self.withhold(turn, id, lost)?;
        }
        self.ask(turn, id, space);
        Ok(())
    }

    /// Asks where they stand.
    pub fn ask(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        if lane.share {
            lane.recovery = Recovery::Asked;
            self.tell(turn, id, space, true);
        } else {
            lane.recovery = Recovery::None;
        }
    }

    /// Sees to it that a receipt goes out soon, together with those that follow it until then.
    pub fn plan_receipt(&mut self, turn: &mut Turn<'_, P>, id: SpaceId) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        if lane.share && lane.receipt_at.is_none() && !lane.untold.is_empty() {
            let at = turn.now + turn.config.receipt_delay;
            lane.receipt_at = Some(at);
            turn.timers.set(at, self.id, id);
        }
    }

    /// Says what is durable here of what they have, too.
    pub fn send_receipt(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let mut due = Frontier::new();
        for (log, seq) in &lane.untold {
            if lane.due(log, *seq, space.held(log)) {
                due.advance(*log, *seq);
            }
        }
        lane.untold.retain(|log, seq| !due.holds(log, *seq));
        if lane.share && !due.is_empty() {
            turn.send(self.id, Frame::Have { tag: lane.tag, held: due });
        }
    }
}

/// Entries that were stored here, each with the number its log was at before.
pub(crate) struct News<'a, P> {
    pub from: Option<P>,
    pub items: &'a [(Item, u64)],
    /// They go out with others, in a moment.
    pub waits: bool,
}
