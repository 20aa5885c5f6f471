//! Checkpoints that stand for what is pruned, and fetching what they need.

use rand::RngExt;
use sheaf_access::SpaceId;
use sheaf_log::{BlobId, BlobLink};
use sheaf_sync::Event;

use crate::store::Bundle;
use crate::world::World;

impl World {
    pub fn prune(&mut self, node: usize, space: SpaceId) {
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
    pub fn excuse(&mut self, node: usize) {
        let peers: Vec<(usize, u64)> = self.nodes[node].connected.iter().map(|(peer, c)| (*peer, *c)).collect();
        for (peer, connection) in peers {
            self.nodes[peer].excused.insert(connection);
        }
    }

    pub fn floors(&self, node: usize, space: SpaceId) -> Event<usize> {
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
    pub fn fetched(&mut self, node: usize, peer: usize, space: SpaceId, blob: BlobLink) {
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
}
