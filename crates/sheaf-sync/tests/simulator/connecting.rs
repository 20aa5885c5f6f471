//! Nodes start, crash, connect and lose each other; frames go from one to the other, or get lost.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sheaf_access::SpaceId;
use sheaf_sync::{Event, Frame, Machine, Nonce, RedemptionRefusal};

use crate::node::device;
use crate::store::Entry;
use crate::world::{Happening, World, pair};

impl World {
    pub fn start(&mut self, node: usize) {
        if self.nodes[node].machine.is_some() {
            return;
        }
        let state = &mut self.nodes[node];
        state.boot += 1;
        (state.stored_by, state.answered_by) = (0, 0);
        state.machine = Some(Machine::new(state.config.clone()));
        let spaces: Vec<_> = state.stores.iter().map(|(space, store)| (*space, store.frontier())).collect();
        for (space, frontier) in spaces {
            let tips = self.nodes[node].stores[&space].ends();
            self.tell(node, Event::SpaceAdded { space, frontier });
            self.tell(node, Event::Tips { space, tips });
            let floors = self.floors(node, space);
            self.tell(node, floors);
            self.forked(node, space);
            self.say_words(node, space);
            self.join(node, space);
        }
    }

    pub fn crash(&mut self, node: usize) {
        if self.nodes[node].machine.take().is_none() {
            return;
        }
        self.told.crashes += 1;
        self.nodes[node].boot += 1;
        let peers: Vec<usize> = std::mem::take(&mut self.nodes[node].connected).into_keys().collect();
        self.nodes[node].accepted.clear();
        self.nodes[node].reads.clear();
        self.nodes[node].merging.clear();
        self.nodes[node].endorsing.clear();
        self.nodes[node].without.clear();
        self.nodes[node].excused.clear();
        self.nodes[node].met.clear();
        self.nodes[node].receipts.clear();
        self.nodes[node].searches = sheaf_sync::branches::Searches::default();
        self.nodes[node].stores.values_mut().for_each(|store| store.beside.crash());
        for peer in peers {
            self.sever(node, peer);
        }
        self.after(300, Happening::Start { node });
    }

    /// A connection breaks: both ends will notice, each in its own time.
    pub fn sever(&mut self, a: usize, b: usize) {
        let Some(link) = self.links.get_mut(&pair(a, b)) else { return };
        let Some(connection) = link.connection.take() else { return };
        let dial = !std::mem::replace(&mut link.dialling, true);
        for (node, peer) in [(a, b), (b, a)] {
            self.after(self.scenario.latency * 2, Happening::Down { connection, node, peer });
        }
        if dial {
            self.after(200, Happening::Dial { a, b });
        }
    }

    pub fn dial(&mut self, a: usize, b: usize) {
        let cut = self.cut.as_ref().is_some_and(|side| side.contains(&a) != side.contains(&b));
        let (ready, link) = (
            [(a, b), (b, a)].iter().all(|(node, peer)| {
                self.nodes[*node].machine.is_some() && !self.nodes[*node].connected.contains_key(peer)
            }),
            self.links.get_mut(&pair(a, b)).expect("only linked nodes dial"),
        );
        if cut || !ready || link.connection.is_some() {
            self.after(100, Happening::Dial { a, b });
            return;
        }
        self.connections += 1;
        let connection = self.connections;
        link.connection = Some(connection);
        link.dialling = false;
        for (node, peer) in [(a, b), (b, a)] {
            self.after(self.scenario.latency, Happening::Up { connection, node, peer });
        }
    }

    pub fn up(&mut self, connection: u64, node: usize, peer: usize) {
        if self.links[&pair(node, peer)].connection != Some(connection) || self.nodes[node].machine.is_none() {
            // It broke at once; whoever has noticed it says so.
            self.sever(node, peer);
            return;
        }
        self.nodes[node].connected.insert(peer, connection);
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&connection.to_le_bytes());
        let shares = self.nodes[node].shared_with(peer);
        self.tell(node, Event::Connected { peer, nonce: Nonce::from_bytes(nonce), shares: shares.clone() });
        for space in shares {
            self.say_forks(node, peer, space);
        }
        for space in self.nodes[node].tokens.clone() {
            self.redeem(node, peer, space);
        }
    }

    pub fn down(&mut self, connection: u64, node: usize, peer: usize) {
        if self.nodes[node].connected.get(&peer) == Some(&connection) {
            self.forget(node, peer);
            self.tell(node, Event::Disconnected { peer });
        }
    }

    pub fn forget(&mut self, node: usize, peer: usize) {
        let state = &mut self.nodes[node];
        state.connected.remove(&peer);
        state.accepted.retain(|(other, _)| *other != peer);
        state.reads.retain(|(other, _), _| *other != peer);
        state.merging.retain(|(other, _), _| *other != peer);
        state.endorsing.retain(|(other, _), _| *other != peer);
        state.without.retain(|(other, _, _)| *other != peer);
        state.met.retain(|(other, _)| *other != peer);
        state.receipts.retain(|(other, _), _| *other != peer);
        state.searches.forget(device(peer));
    }

    /// Whoever was invited keeps asking until the founder has them in the books. Having got something is not enough: if
    /// the connection breaks before the newcomer's own entry has gone out, nobody knows them; and who knows them may be a
    /// newcomer as lost as they are.
    pub fn redeem(&mut self, node: usize, peer: usize, space: SpaceId) {
        let founder = &self.nodes[self.founders[&space]];
        let joined = founder.stores[&space].members().contains(&node);
        if self.nodes[node].tokens.contains(&space) && !joined {
            self.tell(node, Event::Redeeming { peer, space, proof: vec![node as u8] });
        }
    }

    pub fn decide(&mut self, node: usize, peer: usize, space: SpaceId) {
        if self.nodes[node].is_member(&space) && self.nodes[peer].tokens.contains(&space) {
            self.told.redeemed += 1;
            if self.nodes[node].connected.contains_key(&peer) {
                self.nodes[node].accepted.insert((peer, space));
                self.tell(node, Event::Shares { peer, space });
            }
        } else {
            let reason = RedemptionRefusal::UnknownInvitation;
            self.tell(node, Event::RedemptionRefused { peer, space, reason });
        }
    }

    pub fn send(&mut self, node: usize, peer: usize, frame: &Frame) {
        let Some(connection) = self.nodes[node].connected.get(&peer).copied() else { return };
        let bytes = frame.encode();
        assert_eq!(Frame::decode(&bytes).as_ref(), Ok(frame), "a frame is read as it was written");
        if let Frame::Entries { entries, .. } = frame {
            for bytes in entries {
                let space = Entry::decode(bytes).space;
                assert!(self.nodes[node].may_show(&space, peer), "{node} shows {space:?} to {peer}, who is no member");
                self.told.entries += 1;
            }
        }
        self.told.frames += 1;
        self.told.bytes += bytes.len();
        self.told.last_frame = self.now;
        if self.links[&pair(node, peer)].connection != Some(connection) {
            return;
        }
        let chance = |rng: &mut ChaCha8Rng, rate: u32| rng.random_range(0..1_000) < rate;
        if self.chaos && chance(&mut self.rng, self.scenario.loss) {
            self.told.lost += 1;
            self.sever(node, peer);
            return;
        }
        let copies = 1 + usize::from(self.chaos && chance(&mut self.rng, self.scenario.duplication));
        for _ in 0..copies {
            let delay = self.rng.random_range(1..=self.scenario.latency);
            // Not before the other side has heard of the connection.
            let floor = if self.nodes[peer].connected.get(&node) == Some(&connection) {
                self.now
            } else {
                self.now + self.scenario.latency
            };
            let last = self.streams.entry((connection, node, frame.stream())).or_default();
            *last = (*last).max(floor + delay);
            let at = *last;
            self.at(at, Happening::Arrive { connection, from: node, to: peer, bytes: bytes.clone() });
        }
    }
}
