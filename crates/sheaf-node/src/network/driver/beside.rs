//! What goes beside the entries: where this device can be called, and where carets are.

use std::net::SocketAddr;

use bytes::Bytes;
use sheaf_access::{DeviceId, SpaceId};
use sheaf_sync::Event;

use super::{ADDRESSES, Beside, Driver};
use crate::presence::Word;

impl Driver {
    /// Tells a member who has come where this device can be called, and which documents are open here.
    pub(super) fn introduce(&mut self, device: DeviceId, space: SpaceId) {
        for word in self.core.words_of_forks(space) {
            self.feed(Event::Say { peer: device, space, word: word.encode() });
        }
        let addresses: Vec<SocketAddr> = self.net.addresses().into_iter().take(ADDRESSES).collect();
        self.tell(device, space, &Beside::Addresses(addresses));
        let open: Vec<Word> =
            self.carets.values().filter(|(of, _)| *of == space).map(|(_, word)| word.clone()).collect();
        for word in open {
            self.tell(device, space, &Beside::Caret(word));
        }
    }

    /// The connected devices that a space is shared with.
    pub(super) fn sharing(&self, space: SpaceId) -> Vec<DeviceId> {
        let reach = self.reach.borrow();
        let sharing = reach.devices.iter().filter(|(_, s)| s.connected && s.synced.contains_key(&space));
        sharing.map(|(device, _)| *device).collect()
    }

    pub(super) fn tell_members(&mut self, space: SpaceId, beside: &Beside) {
        for device in self.sharing(space) {
            self.tell(device, space, beside);
        }
    }

    pub(super) fn tell(&mut self, device: DeviceId, space: SpaceId, beside: &Beside) {
        if !self.peers.contains_key(&device) {
            return;
        }
        let Some(sealed) = self.core.seal_beside(space, beside) else { return };
        // Presence is dropped first: whatever is wrong, the next word comes soon.
        if let Err(error) = self.net.send_presence(device, Bytes::from(sealed)) {
            tracing::trace!(%device, %error, "presence was not sent");
        }
    }

    pub(super) fn hear(&mut self, device: DeviceId, bytes: &[u8]) {
        if let Some(addresses) = self.core.hear(device, bytes) {
            self.dial(device, addresses);
        }
    }

    /// Every two seconds: where our carets are, and who has not been heard of.
    pub(super) fn repeat(&mut self) {
        for (space, word) in self.carets.values().cloned().collect::<Vec<_>>() {
            self.tell_members(space, &Beside::Caret(word));
        }
        self.core.expire_presence();
    }
}
