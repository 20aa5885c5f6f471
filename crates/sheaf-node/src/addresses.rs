//! Where other devices can be called, as far as is known.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sheaf_access::DeviceId;
use sheaf_store::{Home, StoreError};

use crate::core::{Core, locked};
use crate::error::NodeError;

/// The file that says where other devices can be called. Not in the store: whoever has lost that needs the others.
pub const PEERS: &str = "peers";
/// How many devices it names at most.
const MAX_PEERS: usize = 1_000;

impl Core {
    /// Where a device can be called, as far as is known.
    pub fn addresses_of(&self, device: DeviceId) -> Vec<SocketAddr> {
        locked(&self.peers).get(&device).cloned().unwrap_or_default()
    }

    /// Every device whose address is known.
    pub fn peers(&self) -> Vec<(DeviceId, Vec<SocketAddr>)> {
        locked(&self.peers).iter().map(|(device, addresses)| (*device, addresses.clone())).collect()
    }

    /// Remembers where a device can be called.
    pub fn put_addresses(&self, device: DeviceId, addresses: &[SocketAddr]) {
        let mut peers = locked(&self.peers);
        let full = peers.len() >= MAX_PEERS && !peers.contains_key(&device);
        if addresses.is_empty() || full || peers.get(&device).is_some_and(|known| known == addresses) {
            return;
        }
        peers.insert(device, addresses.to_vec());
        let written = postcard::to_allocvec(&*peers)
            .map_err(|error| error.to_string())
            .and_then(|bytes| self.home().put_sealed_file(PEERS, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(%error, %device, "its addresses are not remembered");
        }
    }
}

/// Where other devices can be called. What cannot be read is as if it were empty: devices tell their addresses again.
pub fn read_peers(home: &Home) -> Result<BTreeMap<DeviceId, Vec<SocketAddr>>, NodeError> {
    match home.sealed_file(PEERS) {
        Ok(bytes) => Ok(bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok()).unwrap_or_default()),
        // From before it was sealed, or damaged.
        Err(StoreError::Damaged { .. }) => {
            let peers = home.file(PEERS)?.and_then(|bytes| postcard::from_bytes(&bytes).ok()).unwrap_or_default();
            home.put_sealed_file(PEERS, &postcard::to_allocvec(&peers).unwrap_or_default())?;
            Ok(peers)
        }
        Err(error) => Err(error.into()),
    }
}
