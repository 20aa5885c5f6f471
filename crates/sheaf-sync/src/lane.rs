//! [`Lane`]: one space on one connection.

use std::collections::{BTreeMap, VecDeque};

use sheaf_access::LogId;
use sheaf_log::{FrontierDigest, Range};

use crate::blobs::Blobs;
use crate::entry_bytes::{EntryBytes, Item};
use crate::event::Ticket;
use crate::frame::Frame;
use crate::refusal::Outcome;
use crate::space::Space;
use crate::tag::Tag;
use crate::theirs::Theirs;

/// What the machine knows about one space and one peer: numbers only.
///
/// The two directions are apart. A node *sends* when its own node has said that the peer is a member (`share`); it
/// *receives* from whoever has the tag, because the node verifies and admits every entry anyway.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // Independent facts: nearly every combination occurs.
pub(crate) struct Lane {
    pub tag: Tag,

    // Who shows what to whom.
    /// Our node says they are a member: they may see what we hold.
    pub share: bool,
    /// They have said the same of us.
    pub they_share: bool,
    /// They have this lane too: space frames can be sent without surprising them.
    pub met: bool,
    /// It was in our greeting's digest.
    pub in_hello: bool,
    /// The digest we offered it with.
    pub offered: Option<FrontierDigest>,
    /// The digest they offered it with.
    pub their_offer: Option<FrontierDigest>,
    /// They have asked to be shown it.
    pub wanted: bool,
    /// How many redemptions of ours they have not answered.
    pub redeeming: u32,
    /// They know what we hold, or will when they have read what is on its way.
    pub told: bool,
    /// We know what they hold. Until then `theirs` is what it would be had they held, at our offer, what we held.
    pub known: bool,
    pub theirs: Theirs,
    /// Until then: of logs of which they have sent more meanwhile, what they had before. What they pass on need not be
    /// durable there.
    pub had: BTreeMap<LogId, u64>,

    // Sending.
    /// The arrival from which the store has to be read for them; none if they are level with us.
    pub backlog: Option<u64>,
    pub reading: Option<Reading>,
    /// It stands in the peer's queue for a turn to read.
    pub queued: bool,
    /// Sent and not acknowledged, in order.
    pub in_flight: VecDeque<Sent>,
    /// The last entry that was not sent on before it was durable, because there was no room for it, or others go first. Until
    /// it is durable nothing else is sent before it is, or an effect might come before its cause.
    pub skipped: Option<(LogId, u64)>,
    /// The highest number of each log among these.
    sending: BTreeMap<LogId, u64>,
    /// How many they have acknowledged on this connection.
    pub acked: u64,
    /// The node is being asked whether their logs end like the ones here.
    pub comparing: Option<Ticket>,
    /// What they refused for good: from which number of which log.
    pub blocked: BTreeMap<LogId, Blocked>,
    pub recovery: Recovery,
    /// Recoveries in a row that nothing came of.
    pub recoveries: u32,
    /// Entries whose dependencies they said are missing, since the last recovery.
    pub lost: Vec<(LogId, u64)>,
    /// They said "not now".
    pub not_now: bool,
    pub retry_at: Option<u64>,
    pub retry_wait: u64,

    // Receiving.
    /// Given to the node, not yet answered.
    pub pending: VecDeque<Pending>,
    /// How many entries have come from them.
    pub arrived: u64,
    /// How many of these the node has dealt with.
    pub received: u64,
    /// What they no longer send because we refused it.
    pub withheld: BTreeMap<LogId, u64>,

    // Receipts.
    /// What we hold and they do not know we hold.
    pub untold: BTreeMap<LogId, u64>,
    pub receipt_at: Option<u64>,

    /// Checkpoints, and the blobs that go with them.
    pub blobs: Blobs,

    /// The node has been told that it is in step, but for so many logs.
    pub synced: Option<usize>,
    /// The node has been told that they do not know us.
    pub unrecognised: bool,
}

/// A read that is out.
#[derive(Debug)]
pub(crate) struct Reading {
    pub ticket: Ticket,
    pub bytes: usize,
    pub entries: usize,
    /// What was asked for is no longer what is needed.
    pub stale: bool,
    /// The first entry stored since it went out, which it may have missed.
    pub since: Option<u64>,
}

/// A delivery that is out.
#[derive(Debug)]
pub(crate) struct Pending {
    pub ticket: Ticket,
    pub bytes: usize,
    pub entries: usize,
    /// The answer, if it has come while one before it had not.
    pub outcomes: Option<Vec<Outcome>>,
}

/// An entry on its way.
#[derive(Debug)]
pub(crate) struct Sent {
    pub log: LogId,
    pub seq: u64,
    pub bytes: usize,
}

/// Where they refuse a log.
#[derive(Debug)]
pub(crate) struct Blocked {
    pub from: u64,
    pub why: Why,
}

/// Why they refuse a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// For itself.
    Itself,
    /// For what it builds on.
    Dependency,
    /// It was pruned here, and they do not take, or could not have, what stands for it.
    Pruned,
}

/// After "missing" or "not now": nothing new is sent until it is clear again what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Nothing to recover from.
    None,
    /// Waiting for the answers to all that is in flight.
    Draining,
    /// Waiting for a while, because they said "not now".
    Waiting,
    /// Waiting for their frontier.
    Asked,
}

impl Lane {
    pub fn new(tag: Tag) -> Self {
        Self {
            tag,
            share: false,
            they_share: false,
            met: false,
            in_hello: false,
            offered: None,
            their_offer: None,
            wanted: false,
            redeeming: 0,
            told: false,
            known: false,
            theirs: Theirs::default(),
            had: BTreeMap::new(),
            backlog: None,
            reading: None,
            queued: false,
            in_flight: VecDeque::new(),
            skipped: None,
            sending: BTreeMap::new(),
            acked: 0,
            comparing: None,
            blocked: BTreeMap::new(),
            recovery: Recovery::None,
            recoveries: 0,
            lost: Vec::new(),
            not_now: false,
            retry_at: None,
            retry_wait: 0,
            pending: VecDeque::new(),
            arrived: 0,
            received: 0,
            withheld: BTreeMap::new(),
            untold: BTreeMap::new(),
            receipt_at: None,
            blobs: Blobs::default(),
            synced: None,
            unrecognised: false,
        }
    }

    /// Whether entries may be sent now, as far as this lane is concerned.
    pub fn can_send(&self) -> bool {
        self.share
            && self.known
            && self.comparing.is_none()
            && self.recovery == Recovery::None
            && self.blobs.behind.is_none()
    }

    /// Whether they have, or are being sent, everything up to here, so that what comes next can follow at once.
    pub fn is_live(&self) -> bool {
        self.can_send() && self.backlog.is_none() && self.reading.is_none() && self.skipped.is_none() && self.met
    }

    /// The highest number of a log that they hold or that is on its way to them.
    fn reached(&self, log: &LogId, ours: u64) -> u64 {
        self.theirs.of(log, ours).max(self.sending.get(log).copied().unwrap_or(0))
    }

    /// Whether an entry should be sent to them.
    pub fn wants<P>(&self, item: &Item, space: &Space<P>) -> bool {
        item.seq > self.reached(&item.log, space.held(&item.log)) && !self.refuses(&item.log, item.seq)
    }

    /// What they lack, as far as it can be sent.
    pub fn lacking<P>(&self, space: &Space<P>) -> Vec<Range> {
        self.theirs
            .iter()
            .filter_map(|(log, _)| {
                let ours = space.held(&log);
                let last = self.blocked.get(&log).map_or(ours, |blocked| ours.min(blocked.from - 1));
                let reached = self.reached(&log, ours);
                (reached < last).then_some(Range { log, from: reached + 1, to: last })
            })
            .collect()
    }

    /// An entry goes out; they will know from it that we hold it.
    pub fn sent(&mut self, item: &Item) {
        self.sending.insert(item.log, item.seq);
        self.they_know(item.log, item.seq);
        self.in_flight.push_back(Sent { log: item.log, seq: item.seq, bytes: item.bytes.len() });
    }

    /// The frame for entries that have just been [`sent`](Self::sent).
    pub fn entries(&self, batch: &mut Vec<EntryBytes>) -> Frame {
        let sent = self.acked + self.in_flight.len() as u64;
        Frame::Entries { tag: self.tag, first: sent - batch.len() as u64, entries: std::mem::take(batch) }
    }

    /// Whether an entry is on its way, or one after it in its log.
    pub fn is_sending(&self, log: &LogId, seq: u64) -> bool {
        self.sending.get(log).is_some_and(|sending| *sending >= seq)
    }

    /// They refuse a log from a number on. Answers whether that is news.
    pub fn block(&mut self, log: LogId, from: u64, why: Why) -> bool {
        if self.refuses(&log, from) {
            return false;
        }
        self.blocked.insert(log, Blocked { from, why });
        true
    }

    /// Whether they have refused this entry for good, or one before it in its log.
    pub fn refuses(&self, log: &LogId, seq: u64) -> bool {
        self.blocked.get(log).is_some_and(|blocked| blocked.from <= seq)
    }

    /// They have answered for the entry that was sent first.
    pub fn landed(&mut self) -> Option<Sent> {
        let sent = self.in_flight.pop_front()?;
        self.acked += 1;
        if self.sending.get(&sent.log) == Some(&sent.seq) {
            self.sending.remove(&sent.log);
        }
        Some(sent)
    }

    /// They know that we hold a log up to a number.
    pub fn they_know(&mut self, log: LogId, seq: u64) {
        if self.untold.get(&log).is_some_and(|untold| *untold <= seq) {
            self.untold.remove(&log);
        }
    }

    /// Whether a receipt for this is due: not if the entry itself is still going to be sent.
    pub fn due(&self, log: &LogId, seq: u64, ours: u64) -> bool {
        self.theirs.of(log, ours) >= seq || self.refuses(log, seq)
    }

    /// Begins again to look for what they lack, from the first entry on.
    pub fn look_again(&mut self) {
        self.backlog = Some(0);
        if let Some(reading) = &mut self.reading {
            reading.stale = true;
        }
    }

    /// We hold now what they said they would not send: it came after all, or by another way.
    pub fn we_got(&mut self, log: &LogId, seq: u64) {
        if self.withheld.get(log).is_some_and(|from| *from <= seq) {
            self.withheld.remove(log);
        }
    }

    /// They hold now what they had refused: what was held back over it may be sent again.
    pub fn lift<P>(&mut self, space: &Space<P>) {
        let before = self.blocked.len();
        let theirs = &self.theirs;
        self.blocked.retain(|log, blocked| theirs.of(log, space.held(log)) < blocked.from);
        if self.blocked.len() < before {
            self.blocked.retain(|_, blocked| blocked.why == Why::Itself);
            self.look_again();
        }
    }

    /// There is something new to fetch in place of what was pruned here: what was held back for want of it may be had after
    /// all. Answers whether anything was.
    pub fn lift_pruned(&mut self) -> bool {
        let pruned = self.blocked.values().any(|blocked| blocked.why == Why::Pruned);
        if pruned {
            self.blocked.retain(|_, blocked| blocked.why == Why::Itself);
        }
        pruned
    }

    /// What they did not take for what it builds on is sent again. Answers whether there is anything.
    pub fn lift_dependent(&mut self) -> bool {
        let before = self.blocked.len();
        self.blocked.retain(|_, blocked| blocked.why != Why::Dependency);
        let lifted = self.blocked.len() < before;
        if lifted {
            self.recoveries = 0;
            self.look_again();
        }
        lifted
    }

    /// Whether there is nothing left to do in either direction: `Some` with the number of logs that differ because one
    /// side refused entries of the other.
    pub fn in_step<P>(&self, space: &Space<P>) -> Option<usize> {
        let still = self.share && self.they_share && self.known && self.at_rest() && self.untold.is_empty();
        (still && self.theirs.iter().all(|(log, theirs)| self.excused(space, &log, theirs)))
            .then_some(self.theirs.len())
    }

    /// Whether nothing is on its way, either way.
    pub fn at_rest(&self) -> bool {
        self.backlog.is_none()
            && self.reading.is_none()
            && self.in_flight.is_empty()
            && self.pending.is_empty()
            && self.comparing.is_none()
            && self.recovery == Recovery::None
            && self.blobs.at_rest()
    }

    fn excused<P>(&self, space: &Space<P>, log: &LogId, theirs: u64) -> bool {
        let ours = space.held(log);
        // From a fork on the two may have different branches of it, and exchange them beside the log.
        if space.forked_after(log).is_some_and(|before| theirs.min(ours) >= before) {
            return true;
        }
        if theirs < ours {
            self.refuses(log, theirs + 1)
        } else {
            self.withheld.get(log).is_some_and(|from| *from <= ours + 1)
        }
    }
}
