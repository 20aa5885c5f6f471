//! Taking in what was delivered of a space: let in and passed on, one time after the other, and made durable meanwhile (R1).
//!
//! Two things go on beside each other. What has gathered is let in, and goes to whoever keeps up; as soon as that is done, so does
//! what has gathered by then. And what was let in while the disk was busy is made durable, all of it at once, and only then
//! acknowledged, in the order in which it came. How far the first may be ahead of the second is bounded.

use std::sync::Arc;
use std::time::Instant;

use sheaf_access::SpaceId;
use sheaf_sync::{Event, NotNow, Outcome, Refusal};

use super::fetching::Fetch;
use super::{Answer, Engine};
use crate::keeper::{Accepted, LetIn, Space};

/// How many entries are let in at a time: more would keep the first of them waiting.
const AT_A_TIME: usize = 1_024;
/// How many bytes of entries of one space may have been let in that are not durable. Beyond, the disk is waited for.
const AHEAD: usize = 16 << 20;

/// What is under way of a space.
pub(super) struct Taking {
    space: Arc<Space>,
    /// Something is being let in.
    letting_in: bool,
    /// Something is being made durable.
    keeping: bool,
    /// What was let in, and waits for that.
    let_in: Vec<LetIn>,
    /// How many bytes have been let in and are not durable.
    ahead: usize,
}

impl Engine {
    /// Begins to let in what has gathered, unless some of it is being let in, or the disk is far behind.
    pub(super) fn take_in(&mut self, id: SpaceId) {
        let Some(followed) = self.spaces.get_mut(&id) else { return };
        if self.taking.get(&id).is_some_and(|taking| taking.letting_in || taking.ahead > AHEAD) {
            return;
        }
        let mut entries = 0;
        let count = followed.deliveries.iter().take_while(|delivered| {
            entries += delivered.entries.len();
            entries <= AT_A_TIME
        });
        let count = count.count().max(1).min(followed.deliveries.len());
        if count == 0 {
            return;
        }
        let deliveries: Vec<_> = followed.deliveries.drain(..count).collect();
        let space = Arc::clone(&followed.space);
        let nothing = || Taking { space, letting_in: false, keeping: false, let_in: Vec::new(), ahead: 0 };
        let taking = self.taking.entry(id).or_insert_with(nothing);
        taking.letting_in = true;
        let (board, began) = (Arc::clone(&self.board), Instant::now());
        let (keeper, space, answers) = (Arc::clone(&self.keeper), Arc::clone(&taking.space), self.answers.clone());
        self.blocking(move || {
            let entries: usize = deliveries.iter().map(|one| one.entries.len()).sum();
            let _span = tracing::info_span!("take in", entries).entered();
            let let_in = keeper.let_in(&space, deliveries, |from, items| {
                // The task may have ended meanwhile; then nobody waits for the answer.
                let _ = answers.send(Answer::Let { space: id, from, items });
            });
            board.meters().letting_in.took(began.elapsed());
            Answer::LetIn { space: id, let_in }
        });
    }

    /// Deliveries were let in: they are made durable, and the next are let in meanwhile.
    pub(super) fn is_let_in(&mut self, id: SpaceId, let_in: LetIn) {
        let Some(taking) = self.taking.get_mut(&id) else { return };
        taking.letting_in = false;
        taking.ahead += let_in.bytes();
        taking.let_in.push(let_in);
        self.make_durable(id);
        self.take_in(id);
    }

    /// Begins to make durable what was let in, unless some of it is being made so.
    fn make_durable(&mut self, id: SpaceId) {
        let waits = |taking: &&mut Taking| !taking.keeping && !taking.let_in.is_empty();
        let Some(taking) = self.taking.get_mut(&id).filter(waits) else { return };
        taking.keeping = true;
        let let_in = std::mem::take(&mut taking.let_in);
        let (keeper, space) = (Arc::clone(&self.keeper), Arc::clone(&taking.space));
        self.blocking(move || {
            let bytes = let_in.iter().map(LetIn::bytes).sum();
            let _span = tracing::info_span!("keep", bytes).entered();
            Answer::Taken { space: id, accepted: keeper.keep(&space, let_in), bytes }
        });
    }

    /// Deliveries were dealt with: what is durable goes to everyone, and each sender hears what became of theirs.
    pub(super) fn taken(&mut self, id: SpaceId, accepted: Vec<Accepted>, bytes: usize) {
        let changed = accepted.iter().any(|one| one.access);
        let mut delivered = Vec::with_capacity(accepted.len());
        for accepted in accepted {
            if accepted.ticket.is_none() {
                self.taken_passed_on(id, accepted);
                continue;
            }
            let Accepted { from, ticket, stored, mut outcomes, hosted, found, .. } = accepted;
            let late = ticket.map_or(0, |ticket| self.late(from, ticket));
            outcomes.extend(std::iter::repeat_n(Outcome::Refused(Refusal::NotNow(NotNow::Busy)), late));
            let taken = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Held { .. })).count();
            self.board.meters().entries_refused.add((outcomes.len() - taken) as u64);
            match hosted {
                Some(Ok(())) => self.keeps(from, vec![id]),
                Some(Err(reason)) => self.refuse(from, id, reason),
                None => {}
            }
            if !found.is_empty() {
                self.fetch(id, |space| Fetch::Suspected { space, peer: from, found });
            }
            if !stored.is_empty() {
                self.fetch(id, |space| Fetch::Came { space, peer: from, items: stored.clone() });
            }
            match ticket {
                Some(ticket) if self.cluster.is_some() => self.hand_on(id, from, ticket, stored, outcomes),
                _ => {
                    if !stored.is_empty() {
                        self.feed(Event::Stored { space: id, from: ticket.map(|_| from), items: stored });
                    }
                    let told = |ticket| Event::Delivered { peer: from, space: id, ticket, outcomes };
                    delivered.extend(ticket.map(told));
                }
            }
        }
        for event in delivered {
            self.feed(event);
        }
        if changed {
            self.members_changed(id);
        }
        if let Some(taking) = self.taking.get_mut(&id) {
            taking.keeping = false;
            taking.ahead -= bytes;
        }
        self.make_durable(id);
        self.take_in(id);
        if self.taking.get(&id).is_some_and(|taking| !taking.letting_in && !taking.keeping) {
            self.taking.remove(&id);
        }
        self.remove_if_asked(id);
        self.leave_alone(id);
    }
}

#[cfg(test)]
#[path = "work_tests.rs"]
mod tests;
