//! The network, from the node's point of view: coming online, syncing, and where documents are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sheaf_access::{DeviceId, DeviceKeys, Relay};
use sheaf_net::NetConfig;

use super::Node;
use crate::core::locked;
use crate::error::NodeError;
use crate::network::{self, Input, Network};
use crate::relays::{by_cluster, called};
use crate::space::Space;
use crate::view::{Link, Place, Placement, SpaceInfo, SyncReport};

impl Node {
    /// Connects with whoever can be reached, now and from now on. Answers where others can call this device.
    pub async fn go_online(&self) -> Result<Vec<SocketAddr>, NodeError> {
        let me = self.core.me()?;
        if me.copied {
            // The machine it was copied from may be online with the same key.
            return Err(NodeError::Copied);
        }
        if self.core.device_was_removed() {
            return Err(NodeError::DeviceRemoved);
        }
        let addresses = self.go_online_as(&me.keys.device).await?;
        self.core.devices.wake();
        Ok(addresses)
    }

    /// The same with keys that may not be anybody's yet: those of a device that is being paired.
    pub(super) async fn go_online_as(&self, keys: &DeviceKeys) -> Result<Vec<SocketAddr>, NodeError> {
        let _going = self.core.going_online.lock().await;
        if let Some(network) = self.core.network() {
            return Ok(network.addresses.to_vec());
        }
        let network = self.open_network(keys).await?;
        let addresses = network.addresses.to_vec();
        self.core.set_network(Some(network));
        for space in self.core.spaces() {
            self.core.show_network(&space)?;
        }
        for space in self.core.spaces() {
            // A process that ended in the middle of joining goes on where it was.
            self.core.finish_joining(&space);
            self.core.redeem(&space);
        }
        Ok(addresses)
    }

    async fn open_network(&self, keys: &DeviceKeys) -> Result<Network, NodeError> {
        let config =
            |listen| NetConfig { listen, discovery: self.options.discovery, ..NetConfig::new(*keys.signing_seed()) };
        if self.options.listen.is_some() {
            return network::start(Arc::clone(&self.core), config(self.options.listen)).await;
        }
        // The same port every time, so that the addresses others remember stay good.
        let port = self.core.own_port()?;
        let own = SocketAddr::from(([0, 0, 0, 0], port));
        match network::start(Arc::clone(&self.core), config(Some(own))).await {
            Ok(network) => Ok(network),
            Err(_) => network::start(Arc::clone(&self.core), config(None)).await,
        }
    }

    /// Tries everyone again now.
    pub fn try_now(&self) {
        self.core.tell_network(Input::TryNow);
    }

    /// Exchanges what is new with whoever can be reached before the deadline, and says how it went.
    pub async fn sync_once(&self, deadline: Duration) -> Result<SyncReport, NodeError> {
        let (before, over) = (self.removed_from().await?, crate::once::over(&self.core));
        self.go_online().await?;
        // Whoever is told already that this device was removed has no network any more.
        let Some(network) = self.core.network() else {
            return Err(if self.core.device_was_removed() { NodeError::DeviceRemoved } else { NodeError::Closing });
        };
        // The person's other devices are to find everything there.
        self.core.follow().await?;
        let (mut report, with_somebody) =
            crate::once::sync_once(&self.core, &network, self.options.discovery, deadline, &over).await?;
        // Then nothing was exchanged, and nothing will be: there is no use in waiting for others.
        if self.core.device_was_removed() {
            return Err(NodeError::DeviceRemoved);
        }
        let now = self.removed_from().await?;
        report.removed = now.iter().filter(|space| !before.iter().any(|known| known.id == space.id)).cloned().collect();
        // Whoever is in no other space is told again, for there is nobody else to be reached.
        let news = if report.unreachable.is_empty() { &now } else { &report.removed };
        match news.first().and_then(SpaceInfo::removed) {
            Some(removed) if !with_somebody => Err(removed),
            _ => Ok(report),
        }
    }

    /// The spaces that somebody has removed this person from.
    async fn removed_from(&self) -> Result<Vec<SpaceInfo>, NodeError> {
        let mut spaces = self.spaces().await?;
        spaces.retain(|space| space.removed().is_some());
        Ok(spaces)
    }

    /// How the connection with a device stands, about a space.
    fn link_with(&self, device: DeviceId, space: &Space) -> Link {
        let standing = self.core.network().and_then(|network| network.reach.borrow().devices.get(&device).cloned());
        match standing {
            Some(s) if s.connected && s.synced.get(&space.id) == Some(&true) => Link::Live,
            Some(s) if s.connected => Link::Syncing,
            Some(s) if s.dialing => Link::Dialing,
            _ => Link::Away,
        }
    }

    /// What the relays of a space have confirmed; of a cluster, those that are tried first, and any other that has.
    fn relay_places(&self, space: &Space, own_seq: u64) -> Vec<Place> {
        let clusters = by_cluster(space.relays());
        let several = clusters.len() > 1;
        let place = |(at, relay): (usize, Relay)| {
            let receipt = locked(&self.core.receipts).of(space.id, relay.key);
            let link = self.link_with(relay.key, space);
            (at == 0 || receipt.is_some() || link != Link::Away).then(|| Place {
                device: relay.key.to_string(),
                // One alone is “the relay”.
                name: if several { called(&relay) } else { String::new() },
                colour: 1,
                yours: false,
                link,
                confirmed: receipt.map(|receipt| receipt.at),
                signed: receipt.and_then(|receipt| receipt.signed_at),
                waiting: own_seq.saturating_sub(receipt.map_or(0, |receipt| receipt.own)),
                relay: true,
            })
        };
        clusters.into_iter().flat_map(|relays| relays.into_iter().enumerate().filter_map(place)).collect()
    }

    /// Where a document is, as far as receipts prove it.
    pub async fn placement(&self, document: &str) -> Result<Placement, NodeError> {
        let (space, _) = self.locate(document).await?;
        let me = self.core.me()?;
        let people = self.core.people(&space).await?;
        let own_seq = space.lock().log.seq;
        let access = space.access();
        let mut places = Vec::new();
        for member in access.iter().flat_map(|access| access.members()) {
            for device in member.devices.keys().filter(|device| **device != me.keys.device.id()) {
                let receipt = locked(&self.core.receipts).of(space.id, *device);
                let link = self.link_with(*device, &space);
                let known = people.get(&member.person.to_string());
                let yours = member.person == me.person();
                places.push(Place {
                    device: device.to_string(),
                    name: if yours { me.name.clone() } else { known.map(|p| p.0.clone()).unwrap_or_default() },
                    colour: if yours { me.colour } else { known.map_or(1, |p| p.1) },
                    yours,
                    link,
                    confirmed: receipt.map(|receipt| receipt.at),
                    signed: receipt.and_then(|receipt| receipt.signed_at),
                    waiting: own_seq.saturating_sub(receipt.map_or(0, |receipt| receipt.own)),
                    relay: false,
                });
            }
        }
        places.extend(self.relay_places(&space, own_seq));
        Ok(Placement {
            saved: locked(&self.core.saved_at).get(&space.id).copied(),
            failing: self.core.failing(),
            shared: !places.is_empty(),
            places,
        })
    }
}

impl SpaceInfo {
    /// What to tell this person, if somebody has removed them from the space.
    pub fn removed(&self) -> Option<NodeError> {
        let ended = self.ended.as_ref().filter(|ended| !ended.left && !ended.device)?;
        let what = if ended.late {
            format!("the invitation to “{}” had been closed before anyone heard that you had joined by it.", self.name)
        } else if ended.by.is_empty() {
            format!("you were removed from “{}”.", self.name)
        } else {
            format!("{} removed you from “{}”.", ended.by, self.name)
        };
        Some(NodeError::Removed(format!("{what} What you wrote there is still here to read and export.")))
    }
}
