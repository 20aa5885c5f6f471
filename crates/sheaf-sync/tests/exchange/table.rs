//! Nodes round a table: machines with simple stores, and frames that are handed over one at a time, in order.

use std::collections::{BTreeMap, VecDeque};

use sheaf_access::EntryHash;
use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_log::Frontier;
use sheaf_sync::{Action, CloseReason, Config, EntryBytes, Event, Frame, Item, Machine, Nonce, Outcome, Refusal};

/// The entries of these tests are told apart by their places alone.
pub const NO_HASH: EntryHash = EntryHash::from_bytes([0; 32]);

pub fn space(n: u32) -> SpaceId {
    let mut id = [0x55; 32];
    id[..4].copy_from_slice(&n.to_le_bytes());
    SpaceId::from_bytes(id)
}

pub fn log(n: u8) -> LogId {
    LogId { device: DeviceId::from_bytes([n; 32]), nonce: 0 }
}

pub fn frontier(logs: &[(LogId, u64)]) -> Frontier {
    let mut frontier = Frontier::new();
    for (log, seq) in logs {
        frontier.advance(*log, *seq);
    }
    frontier
}

/// An entry: its place, and something to weigh.
pub fn entry(log: LogId, seq: u64, weight: usize) -> EntryBytes {
    postcard::to_stdvec(&(log, seq, vec![0u8; weight])).unwrap().into()
}

type Judge = Box<dyn FnMut(LogId, u64) -> Option<Refusal>>;

/// One node.
pub struct Node {
    pub machine: Machine<usize>,
    pub stores: BTreeMap<SpaceId, Vec<Item>>,
    /// What it refuses.
    pub judge: Judge,
    /// Frames from each peer.
    inbox: BTreeMap<usize, VecDeque<Vec<u8>>>,
    /// What it was asked to do, apart from frames and the store.
    pub told: Vec<Action<usize>>,
    /// Whether its reads and deliveries are answered; if not, they wait here.
    pub asleep: bool,
    /// Whether it says what it has let in before it says that it is durable, as relays do.
    pub admits: bool,
    /// Whether it answers when it is asked to compare how logs end.
    pub compares: bool,
    waiting: VecDeque<Action<usize>>,
    /// What it sent, to whom.
    pub sent: Vec<(usize, Frame)>,
}

impl Node {
    pub fn frontier(&self, space: SpaceId) -> Frontier {
        let mut frontier = Frontier::new();
        for item in self.stores.get(&space).into_iter().flatten() {
            frontier.advance(item.log, item.seq);
        }
        frontier
    }

    pub fn bytes_sent(&self) -> usize {
        self.sent.iter().map(|(_, frame)| frame.encode().len()).sum()
    }

    pub fn entries_sent(&self) -> usize {
        let entries = |frame: &Frame| if let Frame::Entries { entries, .. } = frame { entries.len() } else { 0 };
        self.sent.iter().map(|(_, frame)| entries(frame)).sum()
    }

    pub fn synced(&self, peer: usize) -> Vec<(SpaceId, usize)> {
        let synced = |action: &Action<usize>| match action {
            Action::Synced { peer: with, space, withheld } if *with == peer => Some((*space, *withheld)),
            _ => None,
        };
        self.told.iter().filter_map(synced).collect()
    }

    pub fn closed(&self) -> Option<CloseReason> {
        self.told.iter().find_map(|action| match action {
            Action::Close { reason, .. } => Some(*reason),
            _ => None,
        })
    }
}

/// All of them.
pub struct Table {
    pub nodes: Vec<Node>,
    pub now: u64,
    connections: u16,
}

impl Table {
    pub fn new(nodes: usize, config: &Config) -> Self {
        let node = || Node {
            machine: Machine::new(config.clone()),
            stores: BTreeMap::new(),
            judge: Box::new(|_, _| None),
            inbox: BTreeMap::new(),
            told: Vec::new(),
            asleep: false,
            admits: false,
            compares: true,
            waiting: VecDeque::new(),
            sent: Vec::new(),
        };
        Self { nodes: (0..nodes).map(|_| node()).collect(), now: 0, connections: 0 }
    }

    /// A node holds a space with so many entries of some logs.
    pub fn holds(&mut self, node: usize, space: SpaceId, logs: &[(LogId, u64)]) {
        let mut items = Vec::new();
        for (log, seqs) in logs {
            for seq in 1..=*seqs {
                let arrival = items.len() as u64 + 1;
                items.push(Item { arrival, log: *log, seq, hash: NO_HASH, bytes: entry(*log, seq, 10) });
            }
        }
        self.nodes[node].stores.insert(space, items);
        self.tell(node, Event::SpaceAdded { space, frontier: frontier(logs) });
    }

    pub fn connect(&mut self, a: usize, b: usize, a_shares: &[SpaceId], b_shares: &[SpaceId]) {
        self.connections += 1;
        let mut nonce = [0; 32];
        nonce[..2].copy_from_slice(&self.connections.to_le_bytes());
        let nonce = Nonce::from_bytes(nonce);
        self.nodes[a].inbox.insert(b, VecDeque::new());
        self.nodes[b].inbox.insert(a, VecDeque::new());
        self.tell(a, Event::Connected { peer: b, nonce, shares: a_shares.to_vec() });
        self.tell(b, Event::Connected { peer: a, nonce, shares: b_shares.to_vec() });
    }

    /// A node writes entries of a log.
    pub fn write(&mut self, node: usize, space: SpaceId, log: LogId, count: u64, weight: usize) {
        for _ in 0..count {
            let seq = self.nodes[node].frontier(space).get(&log) + 1;
            let bytes = entry(log, seq, weight);
            let store = self.nodes[node].stores.entry(space).or_default();
            let item = Item { arrival: store.len() as u64 + 1, log, seq, hash: NO_HASH, bytes };
            store.push(item.clone());
            self.tell(node, Event::Stored { space, from: None, items: vec![item] });
        }
    }

    pub fn tell(&mut self, node: usize, event: Event<usize>) {
        let actions = self.nodes[node].machine.handle(event, self.now);
        for action in actions {
            self.act(node, action);
        }
    }

    fn act(&mut self, node: usize, action: Action<usize>) {
        match action {
            Action::Send { peer, frame } => {
                let bytes = frame.encode();
                self.nodes[node].sent.push((peer, frame));
                if let Some(inbox) = self.nodes.get_mut(peer).and_then(|peer| peer.inbox.get_mut(&node)) {
                    inbox.push_back(bytes);
                }
            }
            Action::Read { .. } | Action::Deliver { .. } if self.nodes[node].asleep => {
                self.nodes[node].waiting.push_back(action);
            }
            Action::Read { peer, space, ticket, from_arrival, lacking, max_bytes, max_entries } => {
                let mut items: Vec<Item> = Vec::new();
                let mut size = 0;
                let mut end = true;
                for item in self.nodes[node].stores.get(&space).into_iter().flatten() {
                    let range = lacking.iter().find(|range| range.log == item.log);
                    let asked = range.is_some_and(|range| (range.from..=range.to).contains(&item.seq));
                    if item.arrival < from_arrival || !asked {
                        continue;
                    }
                    if !items.is_empty() && (size + item.bytes.len() > max_bytes || items.len() == max_entries) {
                        end = false;
                        break;
                    }
                    size += item.bytes.len();
                    items.push(item.clone());
                }
                self.tell(node, Event::ReadDone { peer, space, ticket, items, end });
            }
            Action::Deliver { peer, space, ticket, entries } => {
                let mut new = Vec::new();
                let mut outcomes = Vec::new();
                for bytes in entries {
                    let (log, seq, _): (LogId, u64, Vec<u8>) = postcard::from_bytes(bytes.as_slice()).unwrap();
                    let held = self.nodes[node].frontier(space).get(&log);
                    if let Some(refusal) = (self.nodes[node].judge)(log, seq) {
                        outcomes.push(Outcome::Refused(refusal));
                        continue;
                    }
                    if seq > held + 1 {
                        let entries = vec![(log, held + 1)];
                        outcomes.push(Outcome::Refused(Refusal::Missing { entries }));
                        continue;
                    }
                    if seq == held + 1 {
                        let store = self.nodes[node].stores.entry(space).or_default();
                        let item = Item { arrival: store.len() as u64 + 1, log, seq, hash: NO_HASH, bytes };
                        store.push(item.clone());
                        new.push(item);
                    }
                    outcomes.push(Outcome::Held { log, seq });
                }
                if !new.is_empty() {
                    if self.nodes[node].admits {
                        self.tell(node, Event::Admitted { space, from: peer, items: new.clone() });
                    }
                    self.tell(node, Event::Stored { space, from: Some(peer), items: new });
                }
                self.tell(node, Event::Delivered { peer, space, ticket, outcomes });
            }
            Action::Compare { peer, space, ticket, .. } if self.nodes[node].compares => {
                self.nodes[node].told.push(action);
                self.tell(node, Event::Compared { peer, space, ticket });
            }
            action => self.nodes[node].told.push(action),
        }
    }

    /// Lets a sleeper do what it left undone.
    pub fn wake(&mut self, node: usize) {
        self.nodes[node].asleep = false;
        for action in std::mem::take(&mut self.nodes[node].waiting) {
            self.act(node, action);
        }
    }

    /// Hands over the frames that are on the table now. Answers how many.
    pub fn round(&mut self) -> usize {
        let mut frames = Vec::new();
        for (to, node) in self.nodes.iter_mut().enumerate() {
            for (from, inbox) in &mut node.inbox {
                frames.extend(inbox.drain(..).map(|bytes| (*from, to, bytes)));
            }
        }
        let count = frames.len();
        for (from, to, bytes) in frames {
            self.tell(to, Event::Frame { peer: from, bytes });
        }
        count
    }

    /// Rounds until there is nothing to hand over, and timers until nothing is due. Answers how many rounds.
    pub fn settle(&mut self) -> usize {
        let mut rounds = 0;
        for _ in 0..200 {
            while self.round() > 0 {
                rounds += 1;
                assert!(rounds < 2_000, "there is no end to it");
            }
            self.now += 100;
            for node in 0..self.nodes.len() {
                self.tell(node, Event::Tick);
            }
        }
        rounds
    }
}

impl Node {
    /// Lets the sleeper do last things first.
    pub fn reverse_waiting(&mut self) {
        self.waiting.make_contiguous().reverse();
    }
}
