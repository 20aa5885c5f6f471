//! What comes in: frontiers, entries, receipts.

use std::collections::BTreeMap;

use sheaf_access::{LogId, SpaceId};
use sheaf_log::Frontier;

use crate::action::Action;
use crate::close::CloseReason;
use crate::entry_bytes::EntryBytes;
use crate::event::Ticket;
use crate::frame::Frame;
use crate::lane::{Pending, Recovery};
use crate::peer::{Peer, PeerId, Turn};
use crate::refusal::{MAX_MISSING, NotNow, Outcome, Refusal};
use crate::space::{Space, Spaces};
use crate::tip::Tip;

impl<P: PeerId> Peer<P> {
    /// They say what they hold.
    pub fn told(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        spaces: &Spaces<P>,
        frontier: Told,
    ) -> Result<(), CloseReason> {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return Ok(()) };
        if frontier.held.len() > turn.config.max_logs as usize {
            return Err(CloseReason::TooManyLogs);
        }
        if frontier.tips.as_ref().is_some_and(|tips| tips.len() != frontier.held.len()) {
            return Err(CloseReason::OddTips);
        }
        let tips = frontier.tips.filter(|_| lane.share);
        let unsure = tips.map(|tips| space.unsure(&frontier.held, &tips)).unwrap_or_default();
        // An earlier question is not the question any more.
        lane.comparing = (!unsure.is_empty()).then(|| turn.ticket());
        if let Some(ticket) = lane.comparing {
            turn.actions.push(Action::Compare { peer: self.id, space: id, ticket, tips: unsure });
        }
        lane.met = true;
        lane.they_share = frontier.whole;
        lane.known = true;
        lane.had.clear();
        lane.blobs.behind = None;
        lane.theirs.are(&frontier.held, space.frontier());
        if lane.recovery == Recovery::Asked {
            lane.recovery = Recovery::None;
        }
        lane.lift(space);
        lane.look_again();
        if !lane.share {
            lane.backlog = None;
        }
        let answer = frontier.reply || !lane.told;
        turn.receipt(self.id, id, frontier.held);
        if answer {
            self.tell(turn, id, space, false);
        }
        self.plan_receipt(turn, id);
        self.endorse(turn, id, space);
        self.pump(turn, id, spaces);
        self.settle(turn, id, space);
        Ok(())
    }

    /// The node has compared how their logs end.
    pub fn compared(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, spaces: &Spaces<P>, ticket: Ticket) {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return };
        if lane.comparing.take_if(|asked| *asked == ticket).is_some() {
            self.pump(turn, id, spaces);
            self.settle(turn, id, space);
        }
    }

    /// They send entries.
    pub fn received(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        first: u64,
        entries: Vec<EntryBytes>,
    ) -> Result<(), CloseReason> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(()) };
        let bytes = entries.iter().map(EntryBytes::len).sum();
        let window = turn.config.window;
        if self.pending.bytes + bytes > window.bytes as usize
            || self.pending.entries + entries.len() > window.entries as usize
        {
            return Err(CloseReason::WindowExceeded);
        }
        if first != lane.arrived {
            return Err(CloseReason::OutOfStep);
        }
        if entries.is_empty() {
            return Ok(());
        }
        lane.arrived += entries.len() as u64;
        lane.met = true;
        lane.synced = None;
        let ticket = turn.ticket();
        lane.pending.push_back(Pending { ticket, bytes, entries: entries.len(), outcomes: None });
        self.pending.add(bytes, entries.len());
        turn.actions.push(Action::Deliver { peer: self.id, space: id, ticket, entries });
        Ok(())
    }

    /// The node has dealt with a delivery.
    pub fn delivered(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        spaces: &Spaces<P>,
        ticket: Ticket,
        outcomes: Vec<Outcome>,
    ) -> Result<(), CloseReason> {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return Ok(()) };
        let Some(pending) = lane.pending.iter_mut().find(|pending| pending.ticket == ticket) else { return Ok(()) };
        pending.outcomes = Some(outcomes);
        // Acks count entries in the order they came in, so an answer waits for those before it.
        while lane.pending.front().is_some_and(|pending| pending.outcomes.is_some()) {
            let Some(Pending { bytes, entries, outcomes, .. }) = lane.pending.pop_front() else { break };
            self.pending.take(bytes, entries);
            let mut receipt = Frontier::new();
            let mut refused = Vec::new();
            let mut outcomes = outcomes.into_iter().flatten();
            for ordinal in (lane.received..).take(entries) {
                // An entry that the node says nothing about was not taken; it is asked for again.
                match outcomes.next().unwrap_or(Outcome::Refused(Refusal::NotNow(NotNow::Busy))) {
                    Outcome::Held { log, seq } => {
                        if lane.theirs.they_have(log, seq, space.held(&log)) {
                            receipt.advance(log, seq);
                        }
                        lane.they_know(log, seq);
                    }
                    Outcome::Refused(Refusal::Missing { mut entries }) => {
                        entries.truncate(MAX_MISSING);
                        refused.push((ordinal, Refusal::Missing { entries }));
                    }
                    Outcome::Refused(refusal) => refused.push((ordinal, refusal)),
                    Outcome::Forged => return Err(CloseReason::Forged),
                }
            }
            lane.received += entries as u64;
            turn.receipt(self.id, id, receipt);
            turn.send(self.id, Frame::Ack { tag: lane.tag, count: lane.received, refused });
        }
        lane.lift(space);
        self.pump(turn, id, spaces);
        self.settle(turn, id, space);
        Ok(())
    }

    /// They say what is durable with them.
    pub fn have(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        spaces: &Spaces<P>,
        held: &Frontier,
    ) -> Result<(), CloseReason> {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return Ok(()) };
        let mut news = Frontier::new();
        for (log, seq) in held.iter() {
            if lane.theirs.they_have(*log, seq, space.held(log)) {
                news.advance(*log, seq);
            }
        }
        if lane.theirs.len() > turn.config.max_logs as usize {
            return Err(CloseReason::TooManyLogs);
        }
        lane.lift(space);
        turn.receipt(self.id, id, news);
        self.plan_receipt(turn, id);
        self.pump(turn, id, spaces);
        self.settle(turn, id, space);
        Ok(())
    }

    /// They say what they will not send again.
    pub fn withheld(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        space: &Space<P>,
        logs: Vec<(LogId, u64)>,
    ) -> Result<(), CloseReason> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(()) };
        for (log, seq) in numbered(logs, turn)? {
            if space.held(&log) < seq {
                let from = lane.withheld.entry(log).or_insert(seq);
                *from = seq.min(*from);
            }
            // What they withhold, they hold.
            lane.theirs.they_have(log, seq, space.held(&log));
        }
        if lane.withheld.len().max(lane.theirs.len()) > turn.config.max_logs as usize {
            return Err(CloseReason::TooManyLogs);
        }
        // What was not said yet for want of it there, is said now.
        self.plan_receipt(turn, id);
        self.settle(turn, id, space);
        Ok(())
    }
}

/// A frontier as it came.
pub(crate) struct Told {
    pub whole: bool,
    pub reply: bool,
    pub held: Frontier,
    /// How these logs end, if they said so.
    pub tips: Option<Vec<Tip>>,
}

/// The numbers of a frame, each log once.
fn numbered<P>(logs: Vec<(LogId, u64)>, turn: &Turn<'_, P>) -> Result<BTreeMap<LogId, u64>, CloseReason> {
    if logs.len() > turn.config.max_logs as usize {
        return Err(CloseReason::TooManyLogs);
    }
    let mut numbers = BTreeMap::new();
    for (log, seq) in logs {
        if seq == 0 {
            return Err(CloseReason::Zero);
        }
        let held = numbers.entry(log).or_insert(seq);
        *held = seq.max(*held);
    }
    Ok(numbers)
}
