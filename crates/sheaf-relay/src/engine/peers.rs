//! Connections: which spaces they have to do with, and who is shown what.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use governor::clock::MonotonicClock;
use sheaf_access::{DeviceId, SpaceId};
use sheaf_net::{CloseCode, Stream};
use sheaf_sync::{Event, Hosting, Nonce};

use super::fetching::Fetch;
use super::{Answer, Engine, Followed, Peer};
use crate::cluster::Order;
use crate::keeper::Space;
use crate::keeper::accept::now;
use crate::limits;

/// How many bytes of a connection's frames are held while the disk is looked at: what a device sends before it is answered.
const HELD: usize = 4 << 20;
/// How many frames of it.
const HELD_FRAMES: usize = 2_048;
impl Engine {
    pub(super) fn connected(&mut self, device: DeviceId, nonce: [u8; 32]) {
        self.connections += 1;
        let connection = self.connections;
        let peer = Peer {
            nonce,
            connection,
            looking: 1,
            held: VecDeque::new(),
            held_bytes: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            spaces: BTreeSet::new(),
            empty: BTreeSet::new(),
            named: VecDeque::new(),
            in_step: BTreeSet::new(),
            words: 0,
            limits: limits::Connection::new(&self.limits, &MonotonicClock),
        };
        self.peers.insert(device, peer);
        let meters = self.board.meters();
        meters.connections_opened.add(1);
        meters.connections.set(self.peers.len() as u64);
        let keeper = Arc::clone(&self.keeper);
        self.blocking(move || {
            let spaces = keeper.open_spaces_of(device).unwrap_or_else(|error| {
                tracing::error!(%error, device = %device.short(), "its spaces cannot be read");
                Vec::new()
            });
            Answer::Met { device, connection, spaces }
        });
    }

    /// The spaces of a device that has connected are known: the machine may greet it.
    pub(super) fn met(&mut self, device: DeviceId, connection: u64, spaces: Vec<Arc<Space>>) {
        let Some(peer) = self.peers.get(&device).filter(|peer| peer.connection == connection) else { return };
        let nonce = Nonce::from_bytes(peer.nonce);
        let mut shares = Vec::new();
        for space in spaces {
            self.open(&space);
            self.follow(device, space.id);
            if space.has(device) {
                shares.push(space.id);
                self.is_member(device, space.id);
            }
        }
        if !shares.is_empty() {
            self.net.admit(device);
        }
        self.feed(Event::Connected { peer: device, nonce, shares: shares.clone() });
        for space in shares {
            self.introduce(device, space);
        }
        self.looked(device, connection);
    }

    /// One look at the disk for a connection is over: when it was the last, its frames go on.
    pub(super) fn looked(&mut self, device: DeviceId, connection: u64) {
        let Some(peer) = self.peers.get_mut(&device).filter(|peer| peer.connection == connection) else { return };
        peer.looking -= 1;
        while let Some(peer) = self.peers.get_mut(&device).filter(|peer| peer.looking == 0) {
            let Some((stream, bytes)) = peer.held.pop_front() else { return };
            peer.held_bytes -= bytes.len();
            self.take_frame(device, stream, &bytes);
        }
    }

    pub(super) fn frame(&mut self, device: DeviceId, stream: Stream, bytes: Bytes) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        self.board.meters().bytes_in.add(bytes.len() as u64);
        if peer.limits.frame().is_err() {
            self.board.meters().too_fast.add(1);
            tracing::debug!(device = %device.short(), "frames come too fast; the connection is closed");
            self.net.close(device, CloseCode::Busy);
            return;
        }
        if peer.looking == 0 && peer.held.is_empty() {
            self.take_frame(device, stream, &bytes);
            return;
        }
        peer.held_bytes += bytes.len();
        peer.held.push_back((stream, bytes));
        if peer.held_bytes > HELD || peer.held.len() > HELD_FRAMES {
            self.net.close(device, CloseCode::Busy);
        }
    }

    fn take_frame(&mut self, device: DeviceId, stream: Stream, bytes: &Bytes) {
        if stream == Stream::Control && bytes.first().is_some_and(|first| first & 0x80 != 0) {
            // What devices say to each other beside their spaces is not for a relay, and does it no harm.
            if Hosting::is_one(bytes) {
                self.heard_hosting(device, bytes);
            }
            return;
        }
        self.feed(Event::Frame { peer: device, bytes: bytes.to_vec() });
    }

    pub(super) fn disconnected(&mut self, device: DeviceId) {
        let Some(peer) = self.peers.remove(&device) else { return };
        self.board.meters().connections.set(self.peers.len() as u64);
        self.late.remove(&device);
        self.feed(Event::Disconnected { peer: device });
        self.keeper.left(device);
        // The thread lives as long as the engine.
        let _ = self.fetching.send(Fetch::Gone { peer: device });
        for id in peer.spaces {
            let Some(followed) = self.spaces.get_mut(&id) else { continue };
            followed.peers.remove(&device);
            followed.members.remove(&device);
            self.leave_alone(id);
        }
        for asked in self.asked.values_mut() {
            asked.remove(&device);
        }
    }

    /// Forgets a space that nobody who is connected has to do with.
    pub(super) fn leave_alone(&mut self, id: SpaceId) {
        let unused = |followed: &Followed| followed.peers.is_empty() && !self.taking.contains_key(&id);
        if self.spaces.get(&id).is_some_and(unused) && !self.is_publishing(&id) && !self.machine.is_followed(&id) {
            self.spaces.remove(&id);
            self.asked.remove(&id);
            self.order(Order::Unwatch(id));
            self.feed(Event::SpaceRemoved { space: id });
            self.board.meters().spaces_open.set(self.spaces.len() as u64);
        }
    }

    /// The machine knows a space from here on.
    pub(super) fn open(&mut self, space: &Arc<Space>) {
        if self.spaces.contains_key(&space.id) || !self.keeper.is_current(space) {
            return;
        }
        let followed = Followed {
            space: Arc::clone(space),
            peers: BTreeSet::new(),
            members: BTreeSet::new(),
            deliveries: Vec::new(),
        };
        self.spaces.insert(space.id, followed);
        self.board.meters().spaces_open.set(self.spaces.len() as u64);
        self.feed(Event::SpaceAdded { space: space.id, frontier: space.shown() });
        self.feed(Event::Tips { space: space.id, tips: space.tips() });
        for (log, at) in space.forked() {
            self.feed(Event::Forked { space: space.id, log, at });
        }
        self.fetch(space.id, |space| Fetch::Opened { space });
        self.order(Order::Watch(space.id));
        self.go_on_publishing(space);
    }

    /// A connection has to do with a space.
    pub(super) fn follow(&mut self, device: DeviceId, space: SpaceId) {
        if let (Some(peer), Some(followed)) = (self.peers.get_mut(&device), self.spaces.get_mut(&space)) {
            peer.spaces.insert(space);
            followed.peers.insert(device);
        }
    }

    fn is_member(&mut self, device: DeviceId, space: SpaceId) {
        if let Some(followed) = self.spaces.get_mut(&space) {
            followed.members.insert(device);
        }
    }

    /// Shows a device a space.
    pub(super) fn share(&mut self, device: DeviceId, space: SpaceId) {
        self.net.admit(device);
        self.follow(device, space);
        self.feed(Event::Shares { peer: device, space });
        self.introduce(device, space);
    }

    /// Who may do what has changed: those who are connected are shown the space, or no longer.
    pub(super) fn members_changed(&mut self, id: SpaceId) {
        let Some(space) = self.spaces.get(&id).map(|followed| Arc::clone(&followed.space)) else { return };
        let Some(access) = space.access() else { return };
        let devices = access.members().flat_map(|member| member.devices.keys().copied());
        let here: Vec<DeviceId> = devices.filter(|device| self.peers.contains_key(device)).collect();
        for device in here {
            if !self.spaces.get(&id).is_some_and(|followed| followed.members.contains(&device)) {
                self.is_member(device, id);
                self.share(device, id);
            }
        }
        let dismissed = self.keeper.guests().dismiss(&access);
        let peers = self.spaces.get(&id).map(|followed| followed.peers.clone()).unwrap_or_default();
        for device in peers {
            let removed = space.had(device) && !self.keeper.guests().has(id, device);
            if removed || dismissed.contains(&device) {
                if let Some(followed) = self.spaces.get_mut(&id) {
                    followed.members.remove(&device);
                }
                self.feed(Event::Unshares { peer: device, space: id });
                self.part(device, &space);
            }
        }
    }

    /// Tells a device that was removed from a space that it was: it hears it nowhere else.
    pub(super) fn part(&self, device: DeviceId, space: &Arc<Space>) {
        let (keeper, space) = (Arc::clone(&self.keeper), Arc::clone(space));
        self.blocking(move || {
            let word = keeper.farewell(&space, device).unwrap_or_else(|error| {
                tracing::warn!(%error, space = %space.id.short(), "a removal cannot be read, to be told");
                None
            });
            let said = word.map(|word| Event::Say { peer: device, space: space.id, word });
            Answer::Event(said.unwrap_or(Event::Tick))
        });
    }

    pub(super) fn check_redemption(&mut self, device: DeviceId, id: SpaceId, proof: &[u8]) {
        self.follow(device, id);
        let Some(nonce) = self.peers.get(&device).map(|peer| peer.nonce) else { return };
        let access = self.spaces.get(&id).and_then(|followed| followed.space.access());
        let checked = match access {
            Some(access) => self.keeper.guests().check(&access, device, &nonce, proof, now()),
            None => Err(sheaf_sync::RedemptionRefusal::UnknownSpace),
        };
        match checked {
            Ok(()) => self.share(device, id),
            Err(reason) => self.feed(Event::RedemptionRefused { peer: device, space: id, reason }),
        }
    }

    /// Presence is passed on to the members who are there, as it came: sealed, and signed by its device (N4).
    pub(super) fn presence(&mut self, device: DeviceId, bytes: &Bytes) {
        let Some(peer) = self.peers.get(&device) else { return };
        if !peer.limits.presence() {
            self.board.meters().too_fast.add(1);
            return;
        }
        let Ok(presence) = sheaf_log::Presence::verify(bytes) else { return };
        let Some(followed) = self.spaces.get(&presence.space) else { return };
        if presence.device != device || !followed.members.contains(&device) {
            return;
        }
        let space = presence.space;
        self.spread(device, space, bytes);
        self.order(Order::Presence(space, bytes.clone()));
    }

    /// Presence goes to the members of a space who are here.
    pub(super) fn spread(&self, device: DeviceId, space: SpaceId, bytes: &Bytes) {
        let Some(followed) = self.spaces.get(&space) else { return };
        self.board.meters().presence.add(1);
        for member in followed.members.iter().filter(|member| **member != device) {
            // Presence is dropped first: whoever is too busy for it hears the next word.
            if let Err(error) = self.net.send_presence(*member, bytes.clone()) {
                tracing::trace!(%error, "presence was not passed on");
            }
        }
    }
}
