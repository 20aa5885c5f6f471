//! Who can be reached: a picture of all devices that the network task knows of, for `sync --once` and the status line.

use std::collections::BTreeMap;

use sheaf_access::{DeviceId, SpaceId};

/// How it stands with one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// A connection stands.
    pub connected: bool,
    /// It is being called for the first time, or again after it was there.
    pub dialing: bool,
    /// The last call failed.
    pub failed: bool,
    /// The spaces that both have the same of, on this connection.
    pub synced: BTreeMap<SpaceId, bool>,
}

impl Standing {
    /// Whether both have the same of everything they share.
    pub fn in_step(&self) -> bool {
        self.connected && !self.synced.is_empty() && self.synced.values().all(|synced| *synced)
    }
}

/// All devices the network task knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// By device.
    pub devices: BTreeMap<DeviceId, Standing>,
    /// How many entries have come in since the network started.
    pub received: usize,
}
