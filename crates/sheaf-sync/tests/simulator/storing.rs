//! What a node writes, and what its storage makes of what it is given.

use rand::RngExt;
use sheaf_access::{LogId, SpaceId};
use sheaf_log::BlobLink;
use sheaf_sync::{Event, NotNow, Outcome, Refusal};

use crate::store::Entry;
use crate::world::{Delivery, Happening, World};

impl World {
    pub fn write(&mut self, node: usize, space: SpaceId, grants: Option<usize>) {
        self.write_entry(node, space, grants, None);
    }

    pub fn write_entry(&mut self, node: usize, space: SpaceId, grants: Option<usize>, checkpoint: Option<BlobLink>) {
        let item = self.nodes[node].write(space, grants, checkpoint, &mut self.rng);
        self.answer(node, Event::Stored { space, from: None, items: vec![item] });
    }

    /// The storage is done with something: the machine is told, in the order in which it was done.
    pub fn answer(&mut self, node: usize, event: Event<usize>) {
        let delay = self.rng.random_range(0..5);
        let state = &mut self.nodes[node];
        state.answered_by = state.answered_by.max(self.now + delay);
        let (at, boot) = (state.answered_by, state.boot);
        self.at(at, Happening::Tell { boot, node, event });
    }

    pub fn store(&mut self, node: usize, delivery: Delivery) {
        let Delivery { connection, peer, space, ticket, entries } = delivery;
        let mut items = Vec::new();
        let mut outcomes = Vec::new();
        let mut suspicions = Vec::new();
        let before = self.held_before(node, &space);
        for bytes in &entries {
            let entry = Entry::decode(bytes);
            let (log, seq) = (entry.log, entry.seq);
            assert_eq!(entry.space, space, "an entry comes under the space it belongs to");
            let state = &mut self.nodes[node];
            if state.full {
                self.told.not_now += 1;
                state.excused.insert(connection);
                outcomes.push(Outcome::Refused(Refusal::NotNow(NotNow::DiskFull)));
                continue;
            }
            let store = state.stores.get_mut(&space).expect("only held spaces are delivered");
            match store.suspect(&entry) {
                None => {}
                Some(Ok(())) => {
                    outcomes.push(Outcome::Held { log, seq });
                    continue;
                }
                Some(Err((refusal, suspicion))) => {
                    self.told.not_now += 1;
                    state.excused.insert(connection);
                    suspicions.extend(suspicion);
                    outcomes.push(Outcome::Refused(refusal));
                    continue;
                }
            }
            match store.append(entry, bytes.clone()) {
                Ok(new) => {
                    items.extend(new);
                    outcomes.push(Outcome::Held { log, seq });
                }
                Err(refusal) => {
                    self.told.missing += 1;
                    // Of one that was put back others may still believe for a moment that it has what it held before; and of
                    // nothing else.
                    let believed = |entries: &[(LogId, u64)]| entries.iter().all(|(log, seq)| before.holds(log, *seq));
                    let excused = state.excused.contains(&connection)
                        || matches!(&refusal, Refusal::Missing { entries } if believed(entries));
                    assert!(
                        excused,
                        "node {node} was sent entry {seq} of {log:?} by {peer} before what it builds on: {refusal:?}"
                    );
                    outcomes.push(Outcome::Refused(refusal));
                }
            }
        }
        self.suspicions(node, peer, space, suspicions);
        if !items.is_empty() {
            self.ask_again(node, space);
            // Every other node sends on what it has let in before it is durable, as relays do.
            if node % 2 == 1 {
                self.answer(node, Event::Admitted { space, from: peer, items: items.clone() });
            }
            self.answer(node, Event::Stored { space, from: Some(peer), items });
        }
        self.answer(node, Event::Delivered { peer, space, ticket, outcomes });
        // A checkpoint that has come is fetched at once.
        self.fetch_pending(node, peer, space, None);
    }
}
