//! What devices say about spaces beside their entries: of forks, that is. It is heard on the thread that fetches.

use sheaf_access::{DeviceId, SpaceId};
use sheaf_sync::{Event, HostingRefusal};

use super::Engine;
use super::fetching::Fetch;
use crate::keeper::Told;

/// How many words of one device wait to be dealt with. What comes beyond that is not heard.
const WAITING: usize = 64;

impl Engine {
    /// A device says something about a space.
    pub(super) fn said(&mut self, device: DeviceId, space: SpaceId, word: Vec<u8>) {
        if !self.spaces.contains_key(&space) {
            return;
        }
        let Some(peer) = self.peers.get_mut(&device).filter(|peer| peer.words < WAITING) else { return };
        peer.words += 1;
        self.fetch(space, |space| Fetch::Said { space, peer: device, word });
    }

    /// A word of a device's was dealt with. If it is another connection by now, it may say one more.
    pub(super) fn heard(&mut self, device: DeviceId) {
        if let Some(peer) = self.peers.get_mut(&device) {
            peer.words = peer.words.saturating_sub(1);
        }
    }

    /// Somebody is in step. What they were told when they came they may not have been able to follow yet.
    pub(super) fn in_step(&mut self, device: DeviceId, space: SpaceId) {
        if self.peers.get_mut(&device).is_some_and(|peer| peer.in_step.insert(space)) {
            self.introduce(device, space);
        }
    }

    /// A space is shown to a member: which of its logs are forked they are told, if any is.
    pub(super) fn introduce(&self, device: DeviceId, id: SpaceId) {
        let forked = |space: &super::Followed| space.members.contains(&device) && !space.space.forked().is_empty();
        if self.spaces.get(&id).is_some_and(forked) {
            self.fetch(id, |space| Fetch::Introduce { space, peer: device });
        }
    }

    /// What comes of a word, or of what points to a fork.
    pub(super) fn told(&mut self, id: SpaceId, told: Told) {
        let Told { answers, to_all, forked, access, full, beside } = told;
        for (bringer, entry) in beside {
            self.pass_on_beside(id, bringer, entry);
        }
        for (log, at) in forked {
            self.feed(Event::Forked { space: id, log, at });
        }
        for (peer, said) in answers {
            self.feed(Event::Say { peer, space: id, word: said.encode() });
        }
        let members: Vec<DeviceId> =
            self.spaces.get(&id).map(|followed| followed.members.iter().copied().collect()).unwrap_or_default();
        for said in to_all {
            let word = said.encode();
            for peer in &members {
                self.feed(Event::Say { peer: *peer, space: id, word: word.clone() });
            }
        }
        if let Some(device) = full {
            self.refuse(device, id, HostingRefusal::Quota);
        }
        if access {
            self.members_changed(id);
        }
    }
}
