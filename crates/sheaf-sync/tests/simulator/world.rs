//! The simulated world: nodes, the network between them, and one queue of everything that is going to happen.
//!
//! Streams are reliable and ordered, as QUIC's are: a frame that is lost takes its connection with it, and frames of one
//! stream never overtake each other, while those of different streams do. Everything is drawn from one seed.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sheaf_access::SpaceId;
use sheaf_log::{BlobId, Range};
use sheaf_sync::{CloseReason, EntryBytes, Event, Stream, Ticket};

use crate::forking::Forger;
use crate::node::Node;
use crate::scenario::Scenario;

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
    /// Whoever will be put back writes a real entry.
    Forge,
    /// Their home is copied.
    Copy,
    /// The copy is put back.
    Restore,
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
    /// Who is put back, if anyone is.
    pub forger: Option<Forger>,
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
    pub restored: usize,
    /// How often a node has found a log forked.
    pub forked: usize,
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

    pub fn after(&mut self, most: u64, happening: Happening) {
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

    pub fn end_chaos(&mut self) {
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

    pub fn happen(&mut self, happening: Happening) {
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
            Happening::Forge => self.forge(),
            Happening::Copy => self.copy(),
            Happening::Restore => self.restore(),
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
}
