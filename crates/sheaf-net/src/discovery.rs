//! Who else is on the local network (mDNS).
//!
//! What is announced: the device's id, and where it listens. No name, no person, no space. The service has a name of
//! its own, so that other programs that use iroh neither see these devices nor are seen.
//!
//! The announcements are not wired into iroh's dialling: the switchboard adds what was found to the addresses the node
//! gave. So it is one place that decides where a dial goes, and a device that comes back on another address is dialled
//! there at once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::Pin;

use iroh::address_lookup::{AddressLookup, EndpointData};
use iroh::{EndpointAddr, EndpointId};
use iroh_mdns_address_lookup::{DiscoveryEvent, MdnsAddressLookup};
use n0_future::{Stream, StreamExt};
use sheaf_access::DeviceId;

/// Addresses believed of one announcement.
const ADDRESSES: usize = 16;

/// A device announced itself, or went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    Found(DeviceId, Vec<SocketAddr>),
    Gone(DeviceId),
}

/// Announces this device, and listens for others.
pub(crate) struct Discovery {
    mdns: MdnsAddressLookup,
    sightings: Pin<Box<dyn Stream<Item = DiscoveryEvent> + Send>>,
}

impl Discovery {
    /// Opens the multicast sockets. The error is what the system says.
    pub(crate) async fn start(me: EndpointId, service: &str) -> Result<Self, String> {
        let mdns = MdnsAddressLookup::builder().service_name(service).build(me).map_err(|error| error.to_string())?;
        let sightings = Box::pin(mdns.subscribe().await);
        Ok(Self { mdns, sightings })
    }

    /// Announces where this device listens now.
    pub(crate) fn announce(&self, address: &EndpointAddr) {
        let addresses: BTreeSet<SocketAddr> = address.ip_addrs().copied().collect();
        self.mdns.publish(&EndpointData::from(addresses));
    }

    /// Waits for the next sighting. None: there will be no more.
    pub(crate) async fn next(&mut self) -> Option<Sighting> {
        loop {
            match self.sightings.next().await? {
                DiscoveryEvent::Discovered { endpoint_info, .. } => {
                    let device = DeviceId::from_bytes(*endpoint_info.endpoint_id.as_bytes());
                    let addresses: Vec<_> = endpoint_info.ip_addrs().copied().take(ADDRESSES).collect();
                    if !addresses.is_empty() {
                        return Some(Sighting::Found(device, addresses));
                    }
                }
                DiscoveryEvent::Expired { endpoint_id } => {
                    return Some(Sighting::Gone(DeviceId::from_bytes(*endpoint_id.as_bytes())));
                }
                _ => {}
            }
        }
    }
}
