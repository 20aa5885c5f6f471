//! Relays: naming one, listing them, naming one no more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sheaf_access::{DeviceId, RelayLink, Role};
use tokio::time::{Instant, timeout_at};

use super::find::shown;
use super::{Node, blocking};
use crate::error::NodeError;
use crate::network::{Hosted, Input, Network, Reach};
use crate::space::Space;
use crate::view::{RelayAnswer, RelayInfo, RelaySpace};

/// Where a new space is kept besides this device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NewSpaceRelay {
    /// Where this device's new spaces are kept, if anywhere.
    #[default]
    Usual,
    /// At no relay.
    Nowhere,
    /// At the relay of this link.
    At(String),
}

impl Node {
    /// Names the relay of a link in a space, or in all spaces that this person owns. Answers the spaces. What the relay says to
    /// that comes as events, and is in [`Node::relays`]; [`Node::add_relay_and_wait`] waits for it.
    pub async fn add_relay(&self, link: &str, space: Option<&str>) -> Result<Vec<RelaySpace>, NodeError> {
        let text = link;
        let link = read(link)?;
        let spaces = match self.spaces_to_keep(space) {
            Err(NodeError::NotInitialised) if space.is_none() => Vec::new(),
            spaces => spaces?,
        };
        if space.is_none() && spaces.is_empty() {
            // All that there are is all that are to come.
            self.set_usual_relay(Some(text)).await?;
            return Ok(Vec::new());
        }
        let core = Arc::clone(&self.core);
        let (named, relay) = (spaces.clone(), link.relay.key);
        blocking(move || {
            core.put_relay_token(&link)?;
            named.iter().try_for_each(|space| core.name_relay(space, &link.relay))
        })
        .await?;
        // It may have refused before, for want of the token.
        self.core.tell_network(Input::AskRelay { relay });
        self.relay_spaces(&spaces, relay).await
    }

    /// The same, and waits for so long until the relay has everything of these spaces, or refuses. Comes online for it.
    pub async fn add_relay_and_wait(
        &self,
        link: &str,
        space: Option<&str>,
        within: Duration,
    ) -> Result<Vec<RelaySpace>, NodeError> {
        if self.add_relay(link, space).await?.is_empty() {
            return Ok(Vec::new());
        }
        let spaces = self.spaces_to_keep(space)?;
        let (relay, network) = (read(link)?.relay.key, self.network().await?);
        let end = Instant::now() + within;
        let mut reach = network.reach.clone();
        loop {
            let answered = {
                let reach = reach.borrow_and_update();
                let answers = spaces.iter().map(|space| answer(&reach, relay, space).0);
                answers.into_iter().all(|answer| matches!(answer, RelayAnswer::Keeps | RelayAnswer::Refuses))
            };
            if answered || !matches!(timeout_at(end, reach.changed()).await, Ok(Ok(()))) {
                return self.relay_spaces(&spaces, relay).await;
            }
        }
    }

    /// The relay that this device has new spaces kept at, if any: its id, and where it is.
    pub fn usual_relay(&self) -> Result<Option<RelayInfo>, NodeError> {
        let link = self.core.usual_relay()?;
        Ok(link.map(|link| RelayInfo {
            id: link.relay.key.to_string(),
            addresses: link.relay.addresses,
            connected: false,
            spaces: Vec::new(),
        }))
    }

    /// From now on this device has new spaces kept at the relay of this link, or at none. Spaces there are stay as they are.
    pub async fn set_usual_relay(&self, link: Option<&str>) -> Result<(), NodeError> {
        link.map(read).transpose()?;
        let (core, link) = (Arc::clone(&self.core), link.map(str::to_owned));
        blocking(move || core.set_usual_relay(link.as_deref())).await
    }

    /// Has a new space kept where it is to be.
    pub(super) async fn keep_new(&self, space: &Arc<Space>, at: NewSpaceRelay) -> Result<(), NodeError> {
        let link = match at {
            NewSpaceRelay::Usual => self.core.usual_relay()?,
            NewSpaceRelay::Nowhere => None,
            NewSpaceRelay::At(link) => Some(read(&link)?),
        };
        let Some(link) = link else { return Ok(()) };
        let (core, space) = (Arc::clone(&self.core), Arc::clone(space));
        blocking(move || {
            core.put_relay_token(&link)?;
            core.name_relay(&space, &link.relay)
        })
        .await
    }

    /// The relays that any space names, or this one.
    pub async fn relays(&self, space: Option<&str>) -> Result<Vec<RelayInfo>, NodeError> {
        let spaces = match space {
            Some(space) => vec![self.space_of(space)?],
            None => self.core.spaces(),
        };
        let reach = self.core.network().map(|network| network.reach.borrow().clone()).unwrap_or_default();
        let mut found: BTreeMap<DeviceId, RelayInfo> = BTreeMap::new();
        for space in spaces {
            let Some(access) = space.access() else { continue };
            for relay in access.relays() {
                let info = found.entry(relay.key).or_insert_with(|| RelayInfo {
                    id: relay.key.to_string(),
                    addresses: relay.addresses.clone(),
                    connected: reach.devices.get(&relay.key).is_some_and(|standing| standing.connected),
                    spaces: Vec::new(),
                });
                info.spaces.extend(self.relay_spaces(std::slice::from_ref(&space), relay.key).await?);
            }
        }
        Ok(found.into_values().collect())
    }

    /// Names a relay no more: in a space, or in all that this person owns. The relay: its id, or the beginning of it. Of a space
    /// that names another one too, only when that has everything (R3): waits for it a while, online, and then refuses.
    pub async fn remove_relay(&self, relay: &str, space: Option<&str>) -> Result<Vec<RelaySpace>, NodeError> {
        let (relay, spaces) = self.spaces_kept_at(relay, space)?;
        if spaces.iter().any(|space| space.relays().len() > 1) {
            let network = self.network().await?;
            self.core.wait_to_leave(&network, relay, &spaces).await?;
        }
        self.drop_relay(relay, &spaces).await
    }

    /// The same at once, whatever only that relay has.
    pub async fn remove_relay_anyway(&self, relay: &str, space: Option<&str>) -> Result<Vec<RelaySpace>, NodeError> {
        let (relay, spaces) = self.spaces_kept_at(relay, space)?;
        self.drop_relay(relay, &spaces).await
    }

    async fn drop_relay(&self, relay: DeviceId, spaces: &[Arc<Space>]) -> Result<Vec<RelaySpace>, NodeError> {
        let (core, all) = (Arc::clone(&self.core), spaces.to_vec());
        blocking(move || all.iter().try_for_each(|space| core.drop_relay(space, relay))).await?;
        self.relay_spaces(spaces, relay).await
    }

    /// The network; comes online for it.
    async fn network(&self) -> Result<Network, NodeError> {
        self.go_online().await?;
        self.core.network().ok_or(NodeError::Closing)
    }

    /// A relay that is meant, and those of the spaces that name it.
    fn spaces_kept_at(&self, relay: &str, space: Option<&str>) -> Result<(DeviceId, Vec<Arc<Space>>), NodeError> {
        let wanted = relay.trim().to_ascii_lowercase();
        let known = self.core.all_relays();
        let mut matching = known.iter().filter(|id| wanted.len() >= 4 && id.to_string().starts_with(&wanted));
        let (Some(relay), None) = (matching.next().copied(), matching.next()) else {
            let what = format!("`{}` is not the id of one relay here. `sheaf relay list` shows them.", shown(relay));
            return Err(NodeError::BadInput(what));
        };
        let names = |space: &Arc<Space>| space.access().is_some_and(|access| access.relay(&relay).is_some());
        Ok((relay, self.spaces_to_keep(space)?.into_iter().filter(names).collect()))
    }

    fn spaces_to_keep(&self, space: Option<&str>) -> Result<Vec<Arc<Space>>, NodeError> {
        if let Some(space) = space {
            return Ok(vec![self.space_of(space)?]);
        }
        let me = self.core.me()?;
        let owned = |space: &Arc<Space>| space.role(&me) == Some(Role::Owner);
        Ok(self.core.spaces().into_iter().filter(owned).collect())
    }

    async fn relay_spaces(&self, spaces: &[Arc<Space>], relay: DeviceId) -> Result<Vec<RelaySpace>, NodeError> {
        let mut named = Vec::with_capacity(spaces.len());
        for space in spaces {
            let answered = self.core.network().map(|network| answer(&network.reach.borrow(), relay, space));
            let (answer, reason) = answered.unzip();
            let (id, name) = (space.id.to_string(), self.core.space_name(space).await?);
            named.push(RelaySpace { id, name, answer, reason: reason.flatten() });
        }
        Ok(named)
    }
}

pub(super) fn read(link: &str) -> Result<RelayLink, NodeError> {
    link.parse().map_err(|error: sheaf_access::ParseRelayError| NodeError::BadInput(error.to_string()))
}

/// What a relay has answered about a space, and why, if it refuses.
fn answer(reach: &Reach, relay: DeviceId, space: &Space) -> (RelayAnswer, Option<String>) {
    let Some(standing) = reach.devices.get(&relay) else { return (RelayAnswer::Silent, None) };
    let in_step = standing.connected && standing.synced.get(&space.id) == Some(&true);
    match standing.hosting.get(&space.id) {
        Some(Hosted::Refused(reason)) => (RelayAnswer::Refuses, Some(reason.to_string())),
        _ if in_step => (RelayAnswer::Keeps, None),
        Some(Hosted::Kept) => (RelayAnswer::Receives, None),
        None => (RelayAnswer::Silent, None),
    }
}
