//! Checkpoints that wait for someone else's word (C2): written as an entry, fetched by those who are in step, checked,
//! vouched for; and only then does anyone prune what they stand for.

use std::collections::BTreeSet;

use rand::RngExt;
use sheaf_access::SpaceId;
use sheaf_log::{BlobId, BlobLink};
use sheaf_sync::Event;

use crate::store::{Bundle, Store};
use crate::world::World;

/// Someone's word on a checkpoint, as it is passed on.
fn word(checkpoint: BlobId, by: usize) -> Vec<u8> {
    postcard::to_stdvec(&(checkpoint.as_bytes(), by)).unwrap()
}

fn read(word: &[u8]) -> (BlobId, usize) {
    let (checkpoint, by): ([u8; 32], usize) = postcard::from_bytes(word).expect("a word arrives as it was given");
    (BlobId::from_bytes(checkpoint), by)
}

impl World {
    /// A node writes a checkpoint of what it holds, and prunes nothing yet.
    pub fn checkpoint(&mut self, node: usize, space: SpaceId) {
        if self.nodes[node].machine.is_none() || !self.nodes[node].is_member(&space) {
            return;
        }
        let size = self.rng.random_range(1..1_500);
        let content = (0..size).map(|_| self.rng.random_range(0..=255)).collect();
        let Some(store) = self.nodes[node].stores.get_mut(&space) else { return };
        let link = store.checkpoint(node, content);
        self.write_entry(node, space, None, Some(link));
    }

    /// Fetches the next checkpoint whose entry is here and whose blobs are not, if nothing else is fetched there.
    pub fn fetch_pending(&mut self, node: usize, peer: usize, space: SpaceId, after: Option<BlobId>) {
        let state = &mut self.nodes[node];
        let busy = state.endorsing.contains_key(&(peer, space)) || state.merging.contains_key(&(peer, space));
        let may = !busy && state.connected.contains_key(&peer);
        let Some(store) = state.stores.get(&space).filter(|_| may) else { return };
        let may_have = |link: &BlobLink| !state.without.contains(&(peer, space, link.id));
        let mut next =
            store.pending.values().filter(|link| after.is_none_or(|after| link.id > after) && may_have(link));
        let Some(bundle) = next.next().copied() else { return };
        state.endorsing.insert((peer, space), (bundle, None));
        self.fetch(node, peer, space, bundle);
    }

    /// A blob of a checkpoint that is being checked has come. Answers whether it was one.
    pub fn fetched_pending(&mut self, node: usize, peer: usize, space: SpaceId, blob: BlobLink) -> bool {
        let state = &mut self.nodes[node];
        let content = state.parts[&blob.id].clone();
        let Some((link, bundle)) = state.endorsing.get_mut(&(peer, space)) else { return false };
        let (link, known) = (*link, bundle.clone());
        match known {
            None if link.id == blob.id => {
                let decoded: Bundle = postcard::from_bytes(&content).unwrap();
                let next = decoded.blob;
                *bundle = Some(decoded);
                self.fetch(node, peer, space, next);
            }
            Some(bundle) if bundle.blob.id == blob.id => {
                state.endorsing.remove(&(peer, space));
                let store = state.stores.get_mut(&space).expect("it has a checkpoint of it");
                // What is not held cannot be compared. Whoever has it is in step later.
                if store.frontier().covers(&bundle.covers) {
                    store.hold(link, bundle, content);
                    store.words.insert(word(link.id, node));
                    self.told.endorsed += 1;
                    self.heard(node, space);
                }
                self.fetch_pending(node, peer, space, Some(link.id));
            }
            _ => return false,
        }
        true
    }

    /// It is not there, and is not asked for again before something has happened: else two who have nothing else to do would
    /// go on for ever. Answers whether it was a checkpoint to be checked.
    pub fn no_pending(&mut self, node: usize, peer: usize, space: SpaceId) -> bool {
        let Some((link, _)) = self.nodes[node].endorsing.remove(&(peer, space)) else { return false };
        self.nodes[node].without.insert((peer, space, link.id));
        self.fetch_pending(node, peer, space, Some(link.id));
        true
    }

    /// Someone's word on a checkpoint has come.
    pub fn endorsed(&mut self, node: usize, peer: usize, space: SpaceId, endorsement: Vec<u8>) {
        let (checkpoint, _) = read(&endorsement);
        let Some(store) = self.nodes[node].stores.get_mut(&space) else { return };
        if store.held.contains_key(&checkpoint) {
            if store.words.insert(endorsement) {
                self.heard(node, space);
            }
        } else if store.pending.contains_key(&checkpoint) {
            // Whoever passes on a word has what it is about.
            self.nodes[node].without.remove(&(peer, space, checkpoint));
            self.fetch_pending(node, peer, space, None);
        }
    }

    /// There is a new word on a checkpoint that is held: it is passed on, and what may be pruned now is.
    fn heard(&mut self, node: usize, space: SpaceId) {
        self.say_words(node, space);
        if self.nodes[node].stores.get_mut(&space).is_some_and(Store::prune_endorsed) {
            self.pruned(node, space);
        }
    }

    pub fn say_words(&mut self, node: usize, space: SpaceId) {
        let endorsements: Vec<_> = self.nodes[node].stores[&space].words.iter().cloned().collect();
        if !endorsements.is_empty() {
            self.tell(node, Event::Endorsements { space, endorsements });
        }
    }

    /// At rest, whoever wrote a checkpoint has somebody else's word on it, and has pruned what it stands for.
    pub fn check_endorsements(&self) {
        if self.scenario.prunings > 0 {
            // Then the entry of a checkpoint may be pruned before anyone has seen it.
            return;
        }
        for (space, members) in self.members.iter().filter(|(_, members)| members.len() > 1) {
            for node in members {
                let store = &self.nodes[*node].stores[space];
                for (checkpoint, (bundle, author)) in &store.held {
                    let others: BTreeSet<usize> = store
                        .words
                        .iter()
                        .map(|word| read(word))
                        .filter(|(of, by)| of == checkpoint && by != author)
                        .map(|(_, by)| by)
                        .collect();
                    assert!(!others.is_empty(), "nobody has looked at what {author} wrote, as {node} knows");
                    assert!(store.floors.covers(&bundle.covers), "{node} has not pruned what {others:?} looked at");
                }
            }
        }
    }
}

impl Store {
    /// Makes a checkpoint of everything here, and holds it.
    fn checkpoint(&mut self, author: usize, content: Vec<u8>) -> BlobLink {
        let blob = BlobLink { id: BlobId::of(&content), size: content.len() as u64 };
        let bundle = Bundle { covers: self.frontier(), grants: self.grants(), author, blob };
        let bytes = postcard::to_stdvec(&bundle).unwrap();
        let link = BlobLink { id: BlobId::of(&bytes), size: bytes.len() as u64 };
        self.hold(link, bundle, content);
        link
    }

    /// Holds a checkpoint that was checked.
    fn hold(&mut self, link: BlobLink, bundle: Bundle, content: Vec<u8>) {
        self.pending.remove(&link.id);
        self.blobs.insert(link.id, postcard::to_stdvec(&bundle).unwrap());
        self.blobs.insert(bundle.blob.id, content);
        let author = bundle.author;
        self.held.insert(link.id, (bundle, author));
    }

    /// Prunes what checkpoints stand for that someone else than their author has checked. Answers whether that is news: also
    /// if nothing more is pruned, but another bundle stands for it.
    fn prune_endorsed(&mut self) -> bool {
        let before = (self.floors.clone(), self.bundles.clone());
        let words: Vec<(BlobId, usize)> = self.words.iter().map(|word| read(word)).collect();
        let endorsed = |id: &BlobId, author: usize| words.iter().any(|(of, by)| of == id && *by != author);
        let good: Vec<Bundle> = self
            .held
            .iter()
            .filter(|(id, (_, author))| endorsed(id, *author))
            .map(|(_, (bundle, _))| bundle.clone())
            .collect();
        for bundle in good {
            let content = self.blobs[&bundle.blob.id].clone();
            self.stand_for(&bundle, content);
        }
        self.drop_pruned();
        (&self.floors, &self.bundles) != (&before.0, &before.1)
    }
}
