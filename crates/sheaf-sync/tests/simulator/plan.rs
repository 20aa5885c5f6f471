//! Before anything happens: who is there, who is a member of what, who is linked to whom, and what will go wrong.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sheaf_access::SpaceId;

use crate::node::Node;
use crate::scenario::{Scenario, Topology};
use crate::world::{Happening, Link, Told, World, pair};

impl World {
    /// Everything that is going to go wrong is drawn here, and put into the queue.
    pub fn new(seed: u64, scenario: impl FnOnce(&mut ChaCha8Rng) -> Scenario) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let scenario = scenario(&mut rng);
        let nodes = (0..scenario.peers).map(|index| Node::new(index, &mut rng, &scenario)).collect();
        let spaces = (0..scenario.spaces).map(|n| SpaceId::from_bytes([0x50 + n as u8; 32])).collect();
        let mut world = Self {
            seed,
            trace: std::env::var_os("SHEAF_TRACE").is_some(),
            rng,
            now: 0,
            queue: BTreeMap::new(),
            count: 0,
            scenario,
            nodes,
            spaces,
            members: BTreeMap::new(),
            founders: BTreeMap::new(),
            links: BTreeMap::new(),
            connections: 0,
            streams: BTreeMap::new(),
            cut: None,
            chaos: true,
            forger: None,
            told: Told::default(),
        };
        world.found();
        world.connect_all();
        world.plan();
        if world.scenario.forks {
            world.plan_forks();
        }
        world
    }

    /// Spaces come to be, each with a founder, some members, and some history.
    fn found(&mut self) {
        let peers = self.scenario.peers;
        let mut late = self.scenario.late_members;
        let mut invited = self.scenario.invitations;
        for space in self.spaces.clone() {
            let founder = self.rng.random_range(0..peers);
            self.founders.insert(space, founder);
            let mut members = BTreeSet::from([founder]);
            self.nodes[founder].write(space, Some(founder), None, &mut self.rng);
            for peer in 0..peers {
                if peer == founder {
                    continue;
                }
                let at = self.rng.random_range(0..self.scenario.duration);
                let hears = self.rng.random_range(0..self.scenario.duration);
                if self.scenario.peers <= 3 && late == 0 && invited == 0 || self.rng.random_bool(0.4) {
                    // A member from the start, who has not got anything yet.
                    self.nodes[founder].write(space, Some(peer), None, &mut self.rng);
                    self.nodes[peer].stores.entry(space).or_default();
                } else if late > 0 {
                    late -= 1;
                    self.at(at, Happening::Write { node: founder, space, grants: Some(peer) });
                    self.at(hears, Happening::Hear { node: peer, space, token: false });
                } else if invited > 0 {
                    invited -= 1;
                    self.at(at, Happening::Hear { node: peer, space, token: true });
                } else {
                    continue;
                }
                members.insert(peer);
            }
            for _ in 0..self.scenario.history {
                self.nodes[founder].write(space, None, None, &mut self.rng);
            }
            self.members.insert(space, members);
        }
    }

    /// Links, so that the members of each space reach each other through members.
    fn connect_all(&mut self) {
        let peers = self.scenario.peers;
        let mut wanted = BTreeSet::new();
        for members in self.members.values() {
            let members: Vec<usize> = members.iter().copied().collect();
            for (n, peer) in members.iter().enumerate().skip(1) {
                let earlier = match self.scenario.topology {
                    Topology::Complete | Topology::Line => members[n - 1],
                    Topology::Star => members[0],
                    Topology::Random => members[self.rng.random_range(0..n)],
                };
                wanted.insert(pair(*peer, earlier));
            }
        }
        for a in 0..peers {
            for b in a + 1..peers {
                let extra = self.scenario.topology == Topology::Complete || self.rng.random_bool(0.15);
                if extra || wanted.contains(&(a, b)) {
                    self.links.insert((a, b), Link { connection: None, dialling: true });
                    let at = self.rng.random_range(0..100);
                    self.at(at, Happening::Dial { a, b });
                }
            }
        }
    }

    /// Writing, and what goes wrong meanwhile.
    fn plan(&mut self) {
        let duration = self.scenario.duration;
        let peers = self.scenario.peers;
        for node in 0..peers {
            self.start(node);
        }
        for _ in 0..self.scenario.writes {
            let at = self.rng.random_range(0..duration);
            let space = self.spaces[self.rng.random_range(0..self.spaces.len())];
            let members = &self.members[&space];
            let node = *members.iter().nth(self.rng.random_range(0..members.len())).unwrap();
            // A burst now and then.
            for n in 0..[1, 1, 6][self.rng.random_range(0..3)] {
                self.at(at + n, Happening::Write { node, space, grants: None });
            }
        }
        for _ in 0..self.scenario.crashes {
            let (at, node) = (self.rng.random_range(0..duration), self.rng.random_range(0..peers));
            self.at(at, Happening::Crash { node });
        }
        for _ in 0..self.scenario.prunings {
            let (at, node) = (self.rng.random_range(0..duration), self.rng.random_range(0..peers));
            let space = self.spaces[self.rng.random_range(0..self.spaces.len())];
            self.at(at, Happening::Prune { node, space });
        }
        for _ in 0..self.scenario.checkpoints {
            let (at, node) = (self.rng.random_range(0..duration), self.rng.random_range(0..peers));
            let space = self.spaces[self.rng.random_range(0..self.spaces.len())];
            self.at(at, Happening::Checkpoint { node, space });
        }
        for _ in 0..self.scenario.partitions {
            let (from, until) = (self.rng.random_range(0..duration), self.rng.random_range(0..duration));
            let side = (0..peers).filter(|_| self.rng.random_bool(0.5)).collect();
            self.at(from, Happening::Cut { side });
            self.at(from.max(until), Happening::Heal);
        }
        for node in 0..peers {
            if self.scenario.slow && self.rng.random_bool(0.4) {
                self.nodes[node].storage = 300;
                self.at(duration, Happening::Slow { node, storage: 5 });
            }
            if self.scenario.full_disks && self.rng.random_bool(0.4) {
                let (from, until) = (self.rng.random_range(0..duration), self.rng.random_range(0..duration));
                self.at(from, Happening::Full { node, full: true });
                self.at(from.max(until), Happening::Full { node, full: false });
            }
        }
    }
}
