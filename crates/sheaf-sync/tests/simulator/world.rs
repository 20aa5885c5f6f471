//! The simulated world: nodes, the network between them, and one queue of everything that is going to happen.
//!
//! Streams are reliable and ordered, as QUIC's are: a frame that is lost takes its connection with it, and frames of one
//! stream never overtake each other, while those of different streams do. Everything is drawn from one seed.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sheaf_access::SpaceId;
use sheaf_log::{BlobId, BlobLink, Range};
use sheaf_sync::{
    Action, CloseReason, EntryBytes, Event, Frame, Machine, Nonce, NotNow, Outcome, RedemptionRefusal, Refusal, Stream,
    Ticket, Tip, Verdict,
};

use crate::node::Node;
use crate::scenario::Scenario;
use crate::store::{Bundle, Entry};

/// Something that is going to happen.
pub enum Happening {
    /// A frame comes out of the network.
    Arrive {
        connection: u64,
        from: usize,
        to: usize,
        bytes: Vec<u8>,
    },
    /// A node learns that a connection stands.
    Up {
        connection: u64,
        node: usize,
        peer: usize,
    },
    /// A node learns that a connection is gone.
    Down {
        connection: u64,
        node: usize,
        peer: usize,
    },
    /// Two nodes try to connect.
    Dial {
        a: usize,
        b: usize,
    },
    /// The machine of a node is told something.
    Tell {
        boot: u64,
        node: usize,
        event: Event<usize>,
    },
    /// The storage of a node gets to what it was given.
    Store {
        boot: u64,
        node: usize,
        delivery: Delivery,
    },
    Read {
        boot: u64,
        node: usize,
        peer: usize,
        space: SpaceId,
        ticket: Ticket,
        from: u64,
        lacking: Vec<Range>,
        limits: (usize, usize),
    },
    Decide {
        boot: u64,
        node: usize,
        peer: usize,
        space: SpaceId,
    },
    /// A node asks once more to be let in.
    Redeem {
        connection: u64,
        node: usize,
        peer: usize,
        space: SpaceId,
    },
    Write {
        node: usize,
        space: SpaceId,
        grants: Option<usize>,
    },
    /// A node hears, by other ways than sync, of a space that it is a member of or invited to.
    Hear {
        node: usize,
        space: SpaceId,
        token: bool,
    },
    /// A node makes a checkpoint, and prunes.
    Prune {
        node: usize,
        space: SpaceId,
    },
    /// A node makes a checkpoint, and waits for somebody else's word on it.
    Checkpoint {
        node: usize,
        space: SpaceId,
    },
    /// A node has read a piece of a blob.
    ReadBlob {
        boot: u64,
        node: usize,
        peer: usize,
        space: SpaceId,
        ticket: Ticket,
        blob: BlobId,
        place: (u64, u32),
    },
    Crash {
        node: usize,
    },
    Start {
        node: usize,
    },
    Cut {
        side: BTreeSet<usize>,
    },
    Heal,
    Slow {
        node: usize,
        storage: u64,
    },
    Full {
        node: usize,
        full: bool,
    },
}

/// Entries that a node is to store.
pub struct Delivery {
    pub connection: u64,
    pub peer: usize,
    pub space: SpaceId,
    pub ticket: Ticket,
    pub entries: Vec<EntryBytes>,
}

/// A link between two nodes, which may be connected.
pub struct Link {
    /// The number of the connection that stands, if one does.
    pub connection: Option<u64>,
    /// Someone is dialling, or about to.
    pub dialling: bool,
}

/// A simulation.
pub struct World {
    pub seed: u64,
    /// Say everything that happens, to understand a seed: `SHEAF_TRACE=1`.
    pub trace: bool,
    pub rng: ChaCha8Rng,
    pub now: u64,
    pub queue: BTreeMap<(u64, u64), Happening>,
    pub count: u64,
    pub scenario: Scenario,
    pub nodes: Vec<Node>,
    pub spaces: Vec<SpaceId>,
    /// Who is, will be or has been a member of each space.
    pub members: BTreeMap<SpaceId, BTreeSet<usize>>,
    pub founders: BTreeMap<SpaceId, usize>,
    pub links: BTreeMap<(usize, usize), Link>,
    pub connections: u64,
    /// When the last frame of each stream arrives, so that none overtakes it.
    pub streams: BTreeMap<(u64, usize, Stream), u64>,
    pub cut: Option<BTreeSet<usize>>,
    pub chaos: bool,
    pub told: Told,
}

/// What was seen on the way.
#[derive(Debug, Default)]
pub struct Told {
    pub frames: usize,
    pub bytes: usize,
    pub entries: usize,
    pub last_frame: u64,
    pub closed: Vec<CloseReason>,
    pub missing: usize,
    pub not_now: usize,
    pub synced: usize,
    pub redeemed: usize,
    pub crashes: usize,
    pub lost: usize,
    pub behind: usize,
    pub merged: usize,
    pub endorsed: usize,
    /// How often an entry was withheld for want of a bundle that was gone.
    pub withheld: usize,
}

pub fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl World {
    pub fn at(&mut self, at: u64, happening: Happening) {
        self.count += 1;
        self.queue.insert((at.max(self.now), self.count), happening);
    }

    fn after(&mut self, most: u64, happening: Happening) {
        let delay = self.rng.random_range(1..=most.max(1));
        self.at(self.now + delay, happening);
    }

    /// Lets happen what happens, first with chaos, then without, until nothing more does; and then checks.
    pub fn run(&mut self) {
        while let Some(entry) = self.queue.first_entry() {
            let (at, _) = *entry.key();
            if self.chaos && at > self.scenario.duration {
                self.end_chaos();
                continue;
            }
            let happening = entry.remove();
            self.now = self.now.max(at);
            self.happen(happening);
            assert!(self.count < 400_000, "there is no end to it");
        }
        self.check();
    }

    fn end_chaos(&mut self) {
        self.chaos = false;
        self.cut = None;
        for node in 0..self.nodes.len() {
            self.nodes[node].full = false;
            self.nodes[node].storage = 5;
            if self.nodes[node].machine.is_none() {
                self.after(50, Happening::Start { node });
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive { connection, from, to, bytes } => {
                let stands = self.links[&pair(from, to)].connection == Some(connection);
                if stands && self.nodes[to].connected.get(&from) == Some(&connection) {
                    self.tell(to, Event::Frame { peer: from, bytes });
                }
            }
            Happening::Up { connection, node, peer } => self.up(connection, node, peer),
            Happening::Down { connection, node, peer } => self.down(connection, node, peer),
            Happening::Dial { a, b } => self.dial(a, b),
            Happening::Tell { boot, node, event } => {
                if self.nodes[node].boot == boot {
                    self.tell(node, event);
                }
            }
            Happening::Store { boot, node, delivery } => {
                if self.nodes[node].boot == boot {
                    self.store(node, delivery);
                }
            }
            Happening::Read { boot, node, peer, space, ticket, from, lacking, limits } => {
                if self.nodes[node].boot == boot {
                    let (items, end) = self.nodes[node].stores[&space].read(from, &lacking, limits.0, limits.1);
                    let event = Event::ReadDone { peer, space, ticket, items, end };
                    self.after(5, Happening::Tell { boot, node, event });
                }
            }
            Happening::Decide { boot, node, peer, space } => {
                if self.nodes[node].boot == boot {
                    self.decide(node, peer, space);
                }
            }
            Happening::Redeem { connection, node, peer, space } => {
                if self.nodes[node].connected.get(&peer) == Some(&connection) {
                    self.redeem(node, peer, space);
                }
            }
            Happening::Write { node, space, grants } => {
                if self.nodes[node].machine.is_none() && grants.is_some() {
                    self.after(100, Happening::Write { node, space, grants });
                } else if self.nodes[node].machine.is_some() && self.nodes[node].is_member(&space) {
                    self.write(node, space, grants);
                }
            }
            Happening::Hear { node, space, token } => {
                self.nodes[node].stores.entry(space).or_default();
                if token {
                    self.nodes[node].tokens.insert(space);
                }
                if self.nodes[node].machine.is_some() {
                    let frontier = self.nodes[node].stores[&space].frontier();
                    let tips = self.nodes[node].stores[&space].ends();
                    self.tell(node, Event::SpaceAdded { space, frontier });
                    self.tell(node, Event::Tips { space, tips });
                    let peers: Vec<usize> = self.nodes[node].connected.keys().copied().collect();
                    for peer in peers {
                        self.redeem(node, peer, space);
                    }
                }
            }
            Happening::Prune { node, space } => self.prune(node, space),
            Happening::Checkpoint { node, space } => self.checkpoint(node, space),
            Happening::ReadBlob { boot, node, peer, space, ticket, blob, place: (from, length) } => {
                if self.nodes[node].boot == boot {
                    let bytes = self.nodes[node].stores[&space].blobs.get(&blob).cloned().unwrap_or_default();
                    let piece = bytes.into_iter().skip(from as usize).take(length as usize).collect();
                    self.tell(node, Event::BlobRead { peer, space, ticket, blob, from, piece });
                }
            }
            Happening::Crash { node } => self.crash(node),
            Happening::Start { node } => self.start(node),
            Happening::Cut { side } => {
                let across: Vec<_> =
                    self.links.keys().filter(|(a, b)| side.contains(a) != side.contains(b)).copied().collect();
                for (a, b) in across {
                    self.sever(a, b);
                }
                self.cut = Some(side);
            }
            Happening::Heal => self.cut = None,
            Happening::Slow { node, storage } => self.nodes[node].storage = storage,
            Happening::Full { node, full } => self.nodes[node].full = full,
        }
    }

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
            self.say_words(node, space);
            self.join(node, space);
        }
    }

    fn crash(&mut self, node: usize) {
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
        for peer in peers {
            self.sever(node, peer);
        }
        self.after(300, Happening::Start { node });
    }

    /// A connection breaks: both ends will notice, each in its own time.
    fn sever(&mut self, a: usize, b: usize) {
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

    fn dial(&mut self, a: usize, b: usize) {
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

    fn up(&mut self, connection: u64, node: usize, peer: usize) {
        if self.links[&pair(node, peer)].connection != Some(connection) || self.nodes[node].machine.is_none() {
            // It broke at once; whoever has noticed it says so.
            self.sever(node, peer);
            return;
        }
        self.nodes[node].connected.insert(peer, connection);
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&connection.to_le_bytes());
        let shares = self.nodes[node].shared_with(peer);
        self.tell(node, Event::Connected { peer, nonce: Nonce::from_bytes(nonce), shares });
        for space in self.nodes[node].tokens.clone() {
            self.redeem(node, peer, space);
        }
    }

    fn down(&mut self, connection: u64, node: usize, peer: usize) {
        if self.nodes[node].connected.get(&peer) == Some(&connection) {
            self.forget(node, peer);
            self.tell(node, Event::Disconnected { peer });
        }
    }

    fn forget(&mut self, node: usize, peer: usize) {
        let state = &mut self.nodes[node];
        state.connected.remove(&peer);
        state.accepted.retain(|(other, _)| *other != peer);
        state.reads.retain(|(other, _), _| *other != peer);
        state.merging.retain(|(other, _), _| *other != peer);
        state.endorsing.retain(|(other, _), _| *other != peer);
        state.without.retain(|(other, _, _)| *other != peer);
    }

    /// Whoever was invited keeps asking until the founder has them in the books. Having got something is not enough: if
    /// the connection breaks before the newcomer's own entry has gone out, nobody knows them; and who knows them may be a
    /// newcomer as lost as they are.
    fn redeem(&mut self, node: usize, peer: usize, space: SpaceId) {
        let founder = &self.nodes[self.founders[&space]];
        let joined = founder.stores[&space].members().contains(&node);
        if self.nodes[node].tokens.contains(&space) && !joined {
            self.tell(node, Event::Redeeming { peer, space, proof: vec![node as u8] });
        }
    }

    fn decide(&mut self, node: usize, peer: usize, space: SpaceId) {
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

    fn write(&mut self, node: usize, space: SpaceId, grants: Option<usize>) {
        self.write_entry(node, space, grants, None);
    }

    pub fn write_entry(&mut self, node: usize, space: SpaceId, grants: Option<usize>, checkpoint: Option<BlobLink>) {
        let item = self.nodes[node].write(space, grants, checkpoint, &mut self.rng);
        self.answer(node, Event::Stored { space, from: None, items: vec![item] });
    }

    /// The storage is done with something: the machine is told, in the order in which it was done.
    fn answer(&mut self, node: usize, event: Event<usize>) {
        let delay = self.rng.random_range(0..5);
        let state = &mut self.nodes[node];
        state.answered_by = state.answered_by.max(self.now + delay);
        let (at, boot) = (state.answered_by, state.boot);
        self.at(at, Happening::Tell { boot, node, event });
    }

    fn store(&mut self, node: usize, delivery: Delivery) {
        let Delivery { connection, peer, space, ticket, entries } = delivery;
        let mut items = Vec::new();
        let mut outcomes = Vec::new();
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
            match store.append(entry, bytes.clone()) {
                Ok(new) => {
                    items.extend(new);
                    outcomes.push(Outcome::Held { log, seq });
                }
                Err(refusal) => {
                    self.told.missing += 1;
                    assert!(
                        state.excused.contains(&connection),
                        "node {node} was sent entry {seq} of {log:?} by {peer} before what it builds on: {refusal:?}"
                    );
                    outcomes.push(Outcome::Refused(refusal));
                }
            }
        }
        if !items.is_empty() {
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
    fn notice_members(&mut self, node: usize, space: SpaceId) {
        let state = &self.nodes[node];
        let members = state.stores[&space].members();
        let present: Vec<usize> = state.connected.keys().filter(|peer| members.contains(peer)).copied().collect();
        for peer in present {
            self.tell(node, Event::Shares { peer, space });
        }
        self.join(node, space);
    }

    /// One who came with an invitation, and has got something, writes down that they are here.
    fn join(&mut self, node: usize, space: SpaceId) {
        let state = &self.nodes[node];
        let store = &state.stores[&space];
        if state.tokens.contains(&space) && !store.is_empty() && !store.members().contains(&node) {
            self.write(node, space, Some(node));
        }
    }

    fn act(&mut self, node: usize, actions: Vec<Action<usize>>) {
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
                    assert!(withheld == 0 || self.told.withheld > 0, "nothing is refused for good here");
                    // What it says was so at some time: never more than is there.
                    assert!(self.nodes[node].may_show(&space, peer));
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
                Action::Receipt { peer, space, frontier } => {
                    // A receipt is for what is durable there, whatever may happen next.
                    for (log, seq) in frontier.iter() {
                        let durable = self.nodes[peer].stores[&space].held(log);
                        assert!(seq <= durable, "{peer} has {durable} of {log:?}, not {seq}");
                    }
                }
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
                    for (log, seq, tip) in tips {
                        let here = self.nodes[node].stores[&space].at(&log, seq);
                        assert!(here.is_none_or(|here| Tip::of(&here) == tip), "nobody forks a log here");
                    }
                    self.after(5, Happening::Tell { boot, node, event: Event::Compared { peer, space, ticket } });
                }
                Action::Unrecognised { .. }
                | Action::Delayed { .. }
                | Action::Sign { .. }
                | Action::Signed { .. }
                | Action::Said { .. } => {}
            }
        }
        let Some(machine) = &self.nodes[node].machine else { return };
        for peer in self.nodes[node].connected.keys() {
            let (flying, most) = (machine.in_flight(*peer), self.nodes[node].config.window);
            assert!(flying.bytes <= most.bytes && flying.entries <= most.entries, "{flying:?} over {most:?}");
        }
    }

    /// Entries are said to be refused for good, as they never should be. But what stands for them may be gone a moment before
    /// the machine hears of what took its place, which it offers then.
    fn refused(&mut self, node: usize, space: SpaceId, refusal: &Refusal) {
        let state = &self.nodes[node];
        let passing = match refusal {
            Refusal::Never(Verdict::CHECKPOINT_REFUSED) => state.offers[&space] != state.stores[&space].bundles,
            Refusal::Never(Verdict::BUILDS_ON_REFUSED) => self.told.withheld > 0,
            _ => false,
        };
        assert!(passing, "nothing is refused for good here: {refusal:?}");
        self.told.withheld += 1;
    }

    fn prune(&mut self, node: usize, space: SpaceId) {
        if self.nodes[node].machine.is_none() || !self.nodes[node].is_member(&space) {
            return;
        }
        let size = self.rng.random_range(1..1_500);
        let content = (0..size).map(|_| self.rng.random_range(0..=255)).collect();
        let Some(store) = self.nodes[node].stores.get_mut(&space) else { return };
        store.prune(node, content);
        self.pruned(node, space);
    }

    /// Something was pruned. The machine hears of it a moment later, as in life: what it offers meanwhile may be gone.
    pub fn pruned(&mut self, node: usize, space: SpaceId) {
        let floors = self.floors(node, space);
        self.answer(node, floors);
        self.excuse(node);
    }

    /// What is read at this moment may arrive with gaps.
    fn excuse(&mut self, node: usize) {
        let peers: Vec<(usize, u64)> = self.nodes[node].connected.iter().map(|(peer, c)| (*peer, *c)).collect();
        for (peer, connection) in peers {
            self.nodes[peer].excused.insert(connection);
        }
    }

    fn floors(&self, node: usize, space: SpaceId) -> Event<usize> {
        let store = &self.nodes[node].stores[&space];
        Event::Floors { space, floors: store.floors.clone(), bundles: store.bundles.clone() }
    }

    /// Goes on fetching a blob where the last attempt stopped.
    pub fn fetch(&mut self, node: usize, peer: usize, space: SpaceId, blob: BlobLink) {
        let from = self.nodes[node].parts.get(&blob.id).map_or(0, |part| part.len() as u64);
        if from == blob.size {
            self.fetched(node, peer, space, blob);
        } else {
            self.tell(node, Event::Fetch { peer, space, blob, from });
        }
    }

    /// A blob is here: the bundle, which names another, or that one, and then the checkpoint is merged.
    fn fetched(&mut self, node: usize, peer: usize, space: SpaceId, blob: BlobLink) {
        if self.fetched_pending(node, peer, space, blob) {
            return;
        }
        let state = &mut self.nodes[node];
        let content = state.parts[&blob.id].clone();
        assert_eq!(BlobId::of(&content), blob.id, "a blob is what its name says");
        let Some((name, bundle)) = state.merging.get_mut(&(peer, space)) else { return };
        if *name == blob.id {
            let decoded: Bundle = postcard::from_bytes(&content).unwrap();
            let next = decoded.blob;
            *bundle = Some(decoded);
            self.fetch(node, peer, space, next);
        } else if let Some(bundle) = bundle.clone().filter(|bundle| bundle.blob.id == blob.id) {
            state.merging.remove(&(peer, space));
            self.told.merged += 1;
            let store = state.stores.get_mut(&space).expect("only held spaces are merged into");
            let before = store.frontier();
            store.cover(&bundle, content);
            assert!(store.frontier().covers(&before), "merging never lowers a frontier");
            let floors = self.floors(node, space);
            self.answer(node, floors);
            self.answer(node, Event::Covered { space, covers: bundle.covers });
        }
    }

    fn send(&mut self, node: usize, peer: usize, frame: &Frame) {
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
