//! Who can be reached: a picture of all devices that the network task knows of, for `sync --once` and the status line.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sheaf_access::{DeviceId, SpaceId};
use sheaf_sync::HostingRefusal;

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
    /// If it is a relay: what it has answered last about keeping spaces.
    pub hosting: BTreeMap<SpaceId, Hosted>,
}

/// What a relay has answered about keeping a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosted {
    /// It keeps it.
    Kept,
    /// It does not, or takes no more of it.
    Refused(HostingRefusal),
}

impl Standing {
    /// What both share, and whether both have the same of it; `without` what is over.
    pub fn shared(&self, without: &BTreeSet<SpaceId>) -> impl Iterator<Item = bool> {
        self.synced.iter().filter(|(space, _)| !without.contains(space)).map(|(_, synced)| *synced)
    }

    /// Whether both have the same of everything they share, and share something.
    pub fn in_step(&self, without: &BTreeSet<SpaceId>) -> bool {
        self.connected && self.shared(without).count() > 0 && self.shared(without).all(|synced| synced)
    }
}

/// All devices the network task knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// By device.
    pub devices: BTreeMap<DeviceId, Standing>,
    /// How many entries have come in since the network started.
    pub received: usize,
    /// When each device last gave one of them, or came to be in step in a space: also those that are not there any more.
    pub met: BTreeMap<DeviceId, Instant>,
}
