//! Relays: being in touch with those that spaces are kept at, and no others.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sheaf_access::{DeviceId, Relay, SpaceId};
use sheaf_net::{MEETINGS_MAX, Net, Stream};
use sheaf_sync::{Event, Hosting, HostingRefusal, NotNow};
use tokio::sync::watch;

use super::Driver;
use crate::checkpoint::FetcherMessage;
use crate::network::{Hosted, Input, Standing};
use crate::relays::{addresses, look_up, meetings, names, to_call};
use crate::view::NodeEvent;

/// Keeps to the meeting points that are to be kept to, whichever these come to be, until nobody says so any more.
pub(super) async fn keep_to(net: Net, mut wanted: watch::Receiver<Vec<String>>) {
    while wanted.changed().await.is_ok() {
        let urls = wanted.borrow_and_update().clone();
        for error in net.meet_at(&urls).await {
            tracing::warn!(%error, "a relay's meeting point is not used");
        }
    }
}

impl Driver {
    /// Calls the relays of a space that are to be called now.
    pub(super) fn call_relays(&mut self, space: SpaceId) {
        let Some(held) = self.core.space(space) else { return };
        let relays = held.relays();
        if relays.is_empty() {
            return;
        }
        let fails = |relay: &DeviceId| {
            let away = |standing: &Standing| standing.failed && !standing.connected;
            self.leaving.contains(relay) || self.reach.borrow().devices.get(relay).is_some_and(away)
        };
        for relay in to_call(relays, fails) {
            if !self.peers.contains_key(&relay.key) {
                self.call_relay(&relay);
            }
        }
    }

    /// Calls a relay where it says it is. A name is looked up first, each time: once for all spaces.
    fn call_relay(&mut self, relay: &Relay) {
        let (key, known, names) = (relay.key, addresses(relay), names(relay));
        if names.is_empty() {
            self.dial(key, known);
        } else if self.looking_up.insert(key) {
            let core = Arc::clone(&self.core);
            tokio::spawn(async move {
                let addresses = look_up(names, known, core.surroundings.resolver.clone()).await;
                core.tell_network(Input::LookedUp { relay: key, addresses });
            });
        }
    }

    /// A relay's names have been looked up.
    pub(super) fn looked_up(&mut self, relay: DeviceId, addresses: Vec<SocketAddr>) {
        self.looking_up.remove(&relay);
        if !self.peers.contains_key(&relay) && !self.core.kept_at(relay).is_empty() {
            self.dial(relay, addresses);
        }
    }

    /// How it stands with a device has changed. If it is a relay, others may have to be called, or need not be any more.
    pub(super) fn relay_changed(&mut self, device: DeviceId) {
        let spaces = self.core.kept_at(device);
        if spaces.is_empty() {
            return;
        }
        for space in spaces {
            self.call_relays(space);
        }
        self.leave_relays();
    }

    /// Hangs up on relays that stood in for others, when these are there again.
    fn leave_relays(&mut self) {
        let mut needed = BTreeSet::new();
        let mut all = BTreeSet::new();
        {
            let reach = self.reach.borrow();
            let there = |relay: &DeviceId| {
                !self.leaving.contains(relay) && reach.devices.get(relay).is_some_and(|standing| standing.connected)
            };
            for space in self.core.spaces() {
                let relays = space.relays();
                all.extend(relays.iter().map(|relay| relay.key));
                needed.extend(to_call(relays, |relay| !there(relay)).into_iter().map(|relay| relay.key));
            }
        }
        for relay in all.difference(&needed).filter(|relay| self.peers.contains_key(relay)) {
            self.net.hang_up(*relay);
        }
    }

    /// Names to a relay the spaces that it is to keep.
    pub(super) fn ask_relay(&mut self, relay: DeviceId) {
        for ask in self.core.ask_to_keep(relay) {
            self.send_bytes(relay, Stream::Control, Bytes::from(ask));
        }
    }

    /// Asks those again that could not take a space when they were asked, or did not have a checkpoint.
    pub(super) fn ask_again(&mut self) {
        self.fetcher(FetcherMessage::Again);
        let busy = |standing: &Standing| {
            standing.connected
                && standing.hosting.values().any(|answer| *answer == Hosted::Refused(HostingRefusal::Busy))
        };
        let reach = self.reach.borrow();
        let relays: Vec<DeviceId> =
            self.relays.iter().filter(|relay| reach.devices.get(relay).is_some_and(busy)).copied().collect();
        drop(reach);
        for relay in relays {
            self.ask_relay(relay);
        }
    }

    /// A relay says something about what it keeps.
    pub(super) fn heard_hosting(&mut self, relay: DeviceId, bytes: &[u8]) {
        let (spaces, answer) = match Hosting::decode(bytes) {
            Some(Hosting::Keep { spaces }) => (spaces, Hosted::Kept),
            Some(Hosting::Refuse { space, reason }) => (vec![space], Hosted::Refused(reason)),
            Some(Hosting::Ask { .. }) | None => return,
        };
        let asked = self.core.kept_at(relay);
        for space in spaces.into_iter().filter(|space| asked.contains(space)) {
            self.answered(relay, space, answer);
        }
    }

    /// A relay takes nothing of a space for now.
    pub(super) fn delayed(&self, relay: DeviceId, space: SpaceId, reason: NotNow) {
        if self.relays.contains(&relay) && matches!(reason, NotNow::Quota | NotNow::DiskFull) {
            self.answered(relay, space, Hosted::Refused(HostingRefusal::Quota));
        }
    }

    /// A relay that took nothing of a space for a while has everything.
    pub(super) fn takes_again(&self, relay: DeviceId, space: SpaceId) {
        let refused = |standing: &Standing| matches!(standing.hosting.get(&space), Some(Hosted::Refused(_)));
        if self.reach.borrow().devices.get(&relay).is_some_and(refused) {
            self.answered(relay, space, Hosted::Kept);
        }
    }

    /// What a relay says about a space is remembered, and told when it is news.
    fn answered(&self, relay: DeviceId, space: SpaceId, answer: Hosted) {
        let mut news = false;
        self.stand(relay, |standing| news = standing.hosting.insert(space, answer) != Some(answer));
        if !news {
            return;
        }
        let (space, relay) = (space.to_string(), relay.to_string());
        self.core.say(match answer {
            Hosted::Kept => NodeEvent::RelayKeeps { space, relay },
            Hosted::Refused(reason) => {
                tracing::warn!(relay, space, %reason, "a relay does not keep a space");
                NodeEvent::RelayRefused { space, relay, reason: reason.to_string() }
            }
        });
    }

    /// A space has come to name a relay that is connected, or names one no more.
    pub(super) fn follow_relays(&mut self, space: SpaceId) {
        let named: Vec<DeviceId> = match self.core.space(space) {
            Some(held) => held.relays().into_iter().map(|relay| relay.key).collect(),
            None => Vec::new(),
        };
        for relay in named.iter().filter(|relay| self.peers.contains_key(relay)).copied().collect::<Vec<_>>() {
            let known = self.reach.borrow().devices.get(&relay).is_some_and(|s| s.synced.contains_key(&space));
            if !known && self.core.shared_with(relay).contains(&space) {
                self.ask_relay(relay);
                self.share(relay, space);
            }
        }
        let dropped: Vec<DeviceId> = self
            .peers
            .keys()
            .filter(|peer| self.relays.contains(peer) && !named.contains(peer))
            .filter(|peer| self.reach.borrow().devices.get(peer).is_some_and(|s| s.synced.contains_key(&space)))
            .copied()
            .collect();
        for relay in dropped {
            self.feed(Event::Unshares { peer: relay, space });
            self.stand(relay, |standing| {
                standing.synced.remove(&space);
            });
            if self.core.kept_at(relay).is_empty() {
                self.net.hang_up(relay);
            }
        }
        self.relays.extend(named);
        self.meet();
        self.call_relays(space);
    }

    /// Meets devices where the spaces' relays say, and nowhere else: there members are found whose address is not known, or who
    /// cannot be reached at it.
    pub(super) fn meet(&self) {
        let spaces = self.core.spaces();
        let here = spaces.iter().filter(|space| space.lock().removed.is_none());
        let urls = meetings(here.map(|space| space.relays()), MEETINGS_MAX);
        self.meetings.send_if_modified(|known| {
            let news = *known != urls;
            *known = urls;
            news
        });
    }
}
