//! Taking in what was delivered: all that has gathered of a space at a time, one time after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use sheaf_access::SpaceId;
use sheaf_sync::{Event, NotNow, Outcome, Refusal};

use super::fetching::Fetch;
use super::{Answer, Engine};
use crate::keeper::Accepted;

/// How many entries are taken in at a time: more would keep the first of them waiting.
const AT_A_TIME: usize = 1_024;

impl Engine {
    /// Begins to take in what has gathered, unless some of it is being taken in.
    pub(super) fn take_in(&mut self, id: SpaceId) {
        let Some(followed) = self.spaces.get_mut(&id).filter(|followed| !followed.taking) else { return };
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
        followed.taking = true;
        let (board, began) = (Arc::clone(&self.board), Instant::now());
        let (keeper, space, answers) = (Arc::clone(&self.keeper), Arc::clone(&followed.space), self.answers.clone());
        self.blocking(move || {
            let entries: usize = deliveries.iter().map(|one| one.entries.len()).sum();
            let _span = tracing::info_span!("take in", entries).entered();
            // Whatever one entry does, the next delivery is taken in.
            let told: Vec<_> = deliveries.iter().map(|one| (one.from, one.ticket, one.entries.len())).collect();
            let accepted = catch_unwind(AssertUnwindSafe(|| {
                keeper.accept(&space, deliveries, |from, items| {
                    // The task may have ended meanwhile; then nobody waits for the answer.
                    let _ = answers.send(Answer::Let { space: id, from, items });
                })
            }));
            let accepted = accepted.unwrap_or_else(|_| {
                let busy = Outcome::Refused(Refusal::NotNow(NotNow::Busy));
                told.into_iter()
                    .map(|(from, ticket, entries)| Accepted {
                        from,
                        ticket,
                        stored: Vec::new(),
                        outcomes: vec![busy.clone(); entries],
                        access: true,
                        hosted: None,
                        found: Vec::new(),
                    })
                    .collect()
            });
            board.meters().storing.took(began.elapsed());
            Answer::Taken { space: id, accepted }
        });
    }

    /// Deliveries were dealt with: what is durable goes to everyone, and each sender hears what became of theirs.
    pub(super) fn taken(&mut self, id: SpaceId, accepted: Vec<Accepted>) {
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
        if let Some(followed) = self.spaces.get_mut(&id) {
            followed.taking = false;
        }
        self.remove_if_asked(id);
        self.take_in(id);
        self.leave_alone(id);
    }
}
