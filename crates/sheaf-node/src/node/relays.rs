//! Relays: naming one, listing them, naming one no more.

use std::collections::BTreeMap;
use std::sync::Arc;

use sheaf_access::{DeviceId, Role};

use super::find::shown;
use super::{Node, blocking};
use crate::error::NodeError;
use crate::network::Input;
use crate::space::Space;
use crate::view::{RelayInfo, RelaySpace};

impl Node {
    /// Names the relay of a link in a space, or in all spaces that this person owns. Answers the spaces.
    pub async fn add_relay(&self, link: &str, space: Option<&str>) -> Result<Vec<RelaySpace>, NodeError> {
        let link: sheaf_access::RelayLink =
            link.parse().map_err(|error: sheaf_access::ParseRelayError| NodeError::BadInput(error.to_string()))?;
        let spaces = self.spaces_to_keep(space)?;
        let core = Arc::clone(&self.core);
        let (named, relay) = (spaces.clone(), link.relay.key);
        blocking(move || {
            core.put_relay_token(&link)?;
            named.iter().try_for_each(|space| core.name_relay(space, &link.relay))
        })
        .await?;
        // It may have refused before, for want of the token.
        self.core.tell_network(Input::AskRelay { relay });
        self.relay_spaces(&spaces).await
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
            let named = self.relay_spaces(std::slice::from_ref(&space)).await?;
            for relay in access.relays() {
                let info = found.entry(relay.key).or_insert_with(|| RelayInfo {
                    id: relay.key.to_string(),
                    addresses: relay.addresses.clone(),
                    connected: reach.devices.get(&relay.key).is_some_and(|standing| standing.connected),
                    spaces: Vec::new(),
                });
                info.spaces.extend(named.iter().cloned());
            }
        }
        Ok(found.into_values().collect())
    }

    /// Names a relay no more: in a space, or in all that this person owns. The relay: its id, or the beginning of it.
    pub async fn remove_relay(&self, relay: &str, space: Option<&str>) -> Result<Vec<RelaySpace>, NodeError> {
        let wanted = relay.trim().to_ascii_lowercase();
        let known = self.core.all_relays();
        let mut matching = known.iter().filter(|id| wanted.len() >= 4 && id.to_string().starts_with(&wanted));
        let (Some(relay), None) = (matching.next().copied(), matching.next()) else {
            let what = format!("`{}` is not the id of one relay here. `sheaf relay list` shows them.", shown(relay));
            return Err(NodeError::BadInput(what));
        };
        let names = |space: &Arc<Space>| space.access().is_some_and(|access| access.relay(&relay).is_some());
        let spaces: Vec<Arc<Space>> = self.spaces_to_keep(space)?.into_iter().filter(names).collect();
        let core = Arc::clone(&self.core);
        let all = spaces.clone();
        blocking(move || all.iter().try_for_each(|space| core.drop_relay(space, relay))).await?;
        self.relay_spaces(&spaces).await
    }

    fn spaces_to_keep(&self, space: Option<&str>) -> Result<Vec<Arc<Space>>, NodeError> {
        if let Some(space) = space {
            return Ok(vec![self.space_of(space)?]);
        }
        let me = self.core.me()?;
        let owned = |space: &Arc<Space>| space.role(&me) == Some(Role::Owner);
        Ok(self.core.spaces().into_iter().filter(owned).collect())
    }

    async fn relay_spaces(&self, spaces: &[Arc<Space>]) -> Result<Vec<RelaySpace>, NodeError> {
        let mut named = Vec::with_capacity(spaces.len());
        for space in spaces {
            named.push(RelaySpace { id: space.id.to_string(), name: self.core.space_name(space).await? });
        }
        Ok(named)
    }
}
