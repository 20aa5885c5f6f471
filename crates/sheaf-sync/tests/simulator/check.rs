//! When nothing happens any more: everyone who shares a space holds the same, knows it, and is silent.

use sheaf_sync::Event;

use crate::store::Store;
use crate::world::World;

impl World {
    /// Nothing happens any more: everyone who shares a space holds the same, and knows it.
    pub fn check(&mut self) {
        for space in self.spaces.clone() {
            let members = &self.members[&space];
            let most = members.iter().map(|node| self.nodes[*node].stores[&space].len()).max().unwrap_or(0);
            let frontier = |node: usize| self.nodes[node].stores.get(&space).map(Store::frontier);
            let founder = *members.iter().max_by_key(|node| self.nodes[**node].stores[&space].len()).unwrap();
            assert!(most > 0);
            for node in members {
                let (one, other) = (&self.nodes[*node].stores[&space], &self.nodes[founder].stores[&space]);
                assert_eq!(one.unforked(), other.unforked(), "nodes {node} and {founder} differ in {space:?}");
                assert_eq!(one.branches(), other.branches(), "nodes {node} and {founder} on forks in {space:?}");
                assert_eq!(one.chosen(), other.chosen(), "what counts for {node} and {founder} in {space:?}");
                let known: Vec<_> = self.nodes[*node].stores[&space].members().iter().collect();
                assert_eq!(known, members.iter().collect::<Vec<_>>(), "membership of {space:?}");
            }
            for node in 0..self.nodes.len() {
                if !members.contains(&node) {
                    assert!(frontier(node).is_none(), "{node} is no member of {space:?}");
                }
            }
        }
        self.check_endorsements();
        for ((a, b), link) in &self.links {
            assert!(link.connection.is_some(), "{a} and {b} are connected in the end");
            for (node, peer) in [(*a, *b), (*b, *a)] {
                let machine = self.nodes[node].machine.as_ref().expect("everyone is up in the end");
                for (space, members) in &self.members {
                    let both = members.contains(&node) && members.contains(&peer);
                    assert_eq!(machine.is_synced(peer, space), both, "{node} with {peer}, {space:?}");
                    if both {
                        let theirs = &self.nodes[peer].stores[space];
                        let known = machine.peer_frontier(peer, space).map(|known| theirs.but_for_forks(&known));
                        assert_eq!(known, Some(theirs.unforked()), "{node} of {peer}");
                        // Receipts on this connection say so of what is its own. (Of what a peer has passed on, it is not
                        // said again when it is durable there.)
                        let own = self.nodes[node].log;
                        let told = self.nodes[node].receipts.get(&(peer, *space)).map_or(0, |told| told.get(&own));
                        if theirs.beside.forks.at(&own).is_none() {
                            assert_eq!(told, theirs.held(&own), "receipts of {peer} at {node} for {space:?}");
                        }
                    }
                }
                assert_eq!(machine.in_flight(peer).entries, 0);
                let kept = machine.footprint(peer);
                // Of a forked log in a space that both share it is remembered what the other did not take of it, and of what
                // names it.
                let shared = self.nodes[node].stores.iter().filter(|(space, _)| self.members[*space].contains(&peer));
                let forked: usize = shared.map(|(_, store)| store.beside.forks.iter().count()).sum();
                assert!(
                    kept <= self.spaces.len() + 4 * forked,
                    "{node} keeps {kept} numbers for {peer}, who is level: {machine:#?}"
                );
            }
        }
        // A tick at rest moves nothing.
        for node in &mut self.nodes {
            let machine = node.machine.as_mut().expect("everyone is up in the end");
            assert_eq!(machine.handle(Event::Tick, self.now + 3_600_000), vec![]);
        }
        let most = self.nodes.iter().map(|node| node.stores.values().map(Store::len).sum::<usize>()).max();
        let most = most.unwrap_or(0);
        let calm = self.told.last_frame.saturating_sub(self.scenario.duration);
        let round = 2 * self.scenario.latency + 30;
        let bound = 2_500 + round * (60 + most as u64);
        assert!(calm <= bound, "it took {calm} ms to come to rest, more than {bound}; seed {}", self.seed);
    }
}
