//! A machine is told something, and what it asks for is done.

use rand::RngExt;
use sheaf_access::SpaceId;
use sheaf_log::Frontier;
use sheaf_sync::{Action, CloseReason, Event, Frame, Refusal, Verdict};

use crate::world::{Delivery, Happening, World};

impl World {
    /// Tells a machine something, checks what it answers, and does it.
    pub fn tell(&mut self, node: usize, event: Event<usize>) {
        if let Event::ReadDone { peer, space, ticket, .. } = &event {
            let reads = &mut self.nodes[node].reads;
            if reads.get(&(*peer, *space)) == Some(ticket) {
                reads.remove(&(*peer, *space));
            }
        }
        let stored = match &event {
            Event::Stored { space, .. } | Event::Covered { space, .. } => Some(*space),
            _ => None,
        };
        if let Event::Floors { space, bundles, .. } = &event {
            self.nodes[node].offers.insert(*space, bundles.clone());
            self.excuse(node);
        }
        let Some(machine) = &mut self.nodes[node].machine else { return };
        if self.trace {
            let event = match &event {
                Event::Frame { peer, bytes } => format!("from {peer} {:?}", Frame::decode(bytes)),
                event => format!("{event:?}"),
            };
            println!("{:6} {node} <- {event}", self.now);
        }
        let actions = machine.handle(event, self.now);
        if self.trace {
            for action in &actions {
                println!("{:6} {node} -> {action:?}", self.now);
            }
        }
        self.act(node, actions);
        if let Some(space) = stored {
            self.notice_members(node, space);
        }
    }

    /// What is stored may have made members: the machine is told of those that are connected.
    pub fn notice_members(&mut self, node: usize, space: SpaceId) {
        let state = &self.nodes[node];
        let members = state.stores[&space].members();
        let present: Vec<usize> = state.connected.keys().filter(|peer| members.contains(peer)).copied().collect();
        for peer in present {
            self.tell(node, Event::Shares { peer, space });
            self.say_forks(node, peer, space);
        }
        self.join(node, space);
    }

    /// One who came with an invitation, and has got something, writes down that they are here.
    pub fn join(&mut self, node: usize, space: SpaceId) {
        let state = &self.nodes[node];
        let store = &state.stores[&space];
        if state.tokens.contains(&space) && !store.is_empty() && !store.members().contains(&node) {
            self.write(node, space, Some(node));
        }
    }

    pub fn act(&mut self, node: usize, actions: Vec<Action<usize>>) {
        let boot = self.nodes[node].boot;
        for action in actions {
            match action {
                Action::Send { peer, frame } => self.send(node, peer, &frame),
                Action::Read { peer, space, ticket, from_arrival, lacking, max_bytes, max_entries } => {
                    let before = self.nodes[node].reads.insert((peer, space), ticket);
                    assert_eq!(before, None, "one read at a time");
                    assert!(max_bytes > 0 && max_entries > 0 && !lacking.is_empty(), "a read is for something");
                    let limits = (max_bytes, max_entries);
                    self.after(
                        5,
                        Happening::Read { boot, node, peer, space, ticket, from: from_arrival, lacking, limits },
                    );
                }
                Action::Deliver { peer, space, ticket, entries } => {
                    let delay = self.rng.random_range(0..self.nodes[node].storage);
                    let state = &mut self.nodes[node];
                    state.stored_by = state.stored_by.max(self.now + delay);
                    let (at, connection) = (state.stored_by, state.connected[&peer]);
                    let delivery = Delivery { connection, peer, space, ticket, entries };
                    self.at(at, Happening::Store { boot, node, delivery });
                }
                Action::CheckRedemption { peer, space, proof } => {
                    assert_eq!(proof, vec![peer as u8]);
                    self.after(20, Happening::Decide { boot, node, peer, space });
                }
                Action::RedemptionRefused { peer, space, .. } => {
                    if let Some(connection) = self.nodes[node].connected.get(&peer).copied() {
                        self.after(600, Happening::Redeem { connection, node, peer, space });
                    }
                }
                Action::Synced { peer, space, withheld } => {
                    self.told.synced += 1;
                    assert!(
                        // In a space with a fork the other may withhold what it could not have, and say so before this
                        // side has heard why.
                        withheld == 0 || self.told.withheld > 0 || self.may_fork(&space),
                        "nothing is refused for good here"
                    );
                    // What it says was so at some time: never more than is there.
                    assert!(self.nodes[node].may_show(&space, peer));
                    if self.nodes[node].met.insert((peer, space)) {
                        self.say_forks(node, peer, space);
                    }
                    self.fetch_pending(node, peer, space, None);
                }
                Action::Close { peer, reason } => {
                    let honest = self.scenario.duplication == 0 && reason != CloseReason::TooManyRedemptions;
                    assert!(!honest, "node {node} closes on {peer}: {reason}");
                    self.told.closed.push(reason);
                    self.forget(node, peer);
                    self.sever(node, peer);
                }
                Action::WakeAt { at } => self.at(at, Happening::Tell { boot, node, event: Event::Tick }),
                Action::EntryRefused { space, refusal, .. } => self.refused(node, space, &refusal),
                Action::Receipt { peer, space, frontier } => self.receipt(node, peer, space, &frontier),
                Action::Behind { peer, space, bundle } => {
                    self.told.behind += 1;
                    self.nodes[node].endorsing.remove(&(peer, space));
                    self.nodes[node].merging.insert((peer, space), (bundle.id, None));
                    self.fetch(node, peer, space, bundle);
                }
                Action::Piece { peer, space, blob, from, piece } => {
                    let part = self.nodes[node].parts.entry(blob.id).or_default();
                    assert!(from as usize <= part.len(), "pieces come in order");
                    // The same blob may come from two at once.
                    let known = part.len() - from as usize;
                    part.extend(piece.into_iter().skip(known));
                    if part.len() as u64 == blob.size {
                        self.fetched(node, peer, space, blob);
                    }
                }
                Action::NoBlob { peer, space, .. } => {
                    if self.no_pending(node, peer, space) {
                        continue;
                    }
                    if let Some((bundle, _)) = self.nodes[node].merging.remove(&(peer, space)) {
                        self.tell(node, Event::Declined { peer, space, bundle });
                    }
                }
                Action::ReadBlob { peer, space, ticket, blob, from, length } => {
                    assert!(self.nodes[node].may_show(&space, peer), "a blob is for members");
                    let place = (from, length);
                    self.after(5, Happening::ReadBlob { boot, node, peer, space, ticket, blob, place });
                }
                Action::Endorsed { peer, space, endorsement } => self.endorsed(node, peer, space, endorsement),
                Action::Compare { peer, space, ticket, tips } => {
                    self.compare(node, peer, space, &tips);
                    self.after(5, Happening::Tell { boot, node, event: Event::Compared { peer, space, ticket } });
                }
                Action::Said { peer, space, word } => self.said(node, peer, space, &word),
                Action::Unrecognised { .. } | Action::Delayed { .. } | Action::Sign { .. } | Action::Signed { .. } => {}
            }
        }
        let Some(machine) = &self.nodes[node].machine else { return };
        for peer in self.nodes[node].connected.keys() {
            let (flying, most) = (machine.in_flight(*peer), self.nodes[node].config.window);
            assert!(flying.bytes <= most.bytes && flying.entries <= most.entries, "{flying:?} over {most:?}");
        }
    }

    /// A receipt is for what is durable there, whatever may happen next. But for one that is put back to what it was before,
    /// which nobody can know yet.
    fn receipt(&mut self, node: usize, peer: usize, space: SpaceId, frontier: &Frontier) {
        self.nodes[node].receipts.entry((peer, space)).or_default().merge(frontier);
        let before = self.held_before(peer, &space);
        for (log, seq) in frontier.iter() {
            let durable = self.nodes[peer].stores[&space].held(log).max(before.get(log));
            assert!(seq <= durable, "{peer} has {durable} of {log:?}, not {seq}");
        }
    }

    /// Entries are said to be refused for good, as they never should be. But what stands for them may be gone a moment before
    /// the machine hears of what took its place, which it offers then. And where a log is forked, its entries are not taken
    /// from the fork on, nor what names one that has not come yet beside the log; that goes on when it has.
    pub fn refused(&mut self, node: usize, space: SpaceId, refusal: &Refusal) {
        let state = &self.nodes[node];
        let passing = match refusal {
            Refusal::Never(Verdict::CHECKPOINT_REFUSED) => state.offers[&space] != state.stores[&space].bundles,
            Refusal::Never(Verdict::BUILDS_ON_REFUSED) => self.told.withheld > 0,
            Refusal::Never(Verdict::LOG_FORKED | Verdict::STILL_MISSING) => self.may_fork(&space),
            Refusal::Never(verdict) => self.may_fork(&space) && verdict.rule() == Some("L6"),
            _ => false,
        };
        assert!(passing, "nothing is refused for good here: {refusal:?}");
        self.told.withheld += 1;
    }
}
