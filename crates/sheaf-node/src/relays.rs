//! Relays, from the node's side: which ones a space names, which one to keep to, and what an owner does about them.
//!
//! A relay is no member: it holds no key, and is known by an owner's word in the access entries, which everyone follows (N1).
//! A node keeps one connection to a relay, whatever the number of spaces that name it. Where a space names several, it keeps to
//! each of them, so that each has everything. Relays of one *cluster* have the same anyway, and one stands for all: members
//! try these in the same order, which depends on the space, so that they meet at one and spaces spread over all
//! (rendezvous hashing); whoever cannot reach that one goes on to the next, and comes back when it is there again.

mod moving;
mod names;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use sheaf_access::{AccessOp, AccessState, DeviceId, Relay, RelayLink, SpaceId};
use sheaf_store::Table;
use sheaf_sync::{Hosting, MAX_HOSTED};

use crate::core::Core;
use crate::error::NodeError;
use crate::people::not_made;
use crate::space::Space;

pub use names::{called, look_up, names};

/// What a relay is shown by whoever may ask it to keep spaces.
const TOKEN: &[u8] = b"relay-token/";
/// The link of the relay that new spaces are kept at.
const USUAL: &[u8] = b"usual-relay";
/// The most relays that a space names.
const MAX_RELAYS: usize = 8;

/// Where a relay may be called. What is not an address here is left to others who know it.
pub fn addresses(relay: &Relay) -> Vec<SocketAddr> {
    relay.addresses.iter().filter_map(|address| address.parse().ok()).collect()
}

/// The relays of a space, in the order in which everyone tries them.
pub fn in_order(space: SpaceId, access: &AccessState) -> Vec<Relay> {
    let mut relays: Vec<Relay> = access.relays().cloned().collect();
    relays.sort_by_key(|relay| {
        let mut hasher = blake3::Hasher::new_derive_key("sheaf 2026 order of a space's relays v1");
        hasher.update(space.as_bytes());
        hasher.update(relay.key.as_bytes());
        *hasher.finalize().as_bytes()
    });
    relays
}

/// The same, those of one cluster together: one of each is enough.
pub fn by_cluster(relays: Vec<Relay>) -> Vec<Vec<Relay>> {
    let mut found: Vec<Vec<Relay>> = Vec::new();
    for relay in relays {
        let same = |others: &&mut Vec<Relay>| {
            relay.cluster().is_some() && others.first().is_some_and(|other| other.cluster() == relay.cluster())
        };
        match found.iter_mut().find(same) {
            Some(others) => others.push(relay),
            None => found.push(vec![relay]),
        }
    }
    found
}

/// Which of a space's relays to be in touch with: of each cluster the first, and for as long as it fails the next.
pub fn to_call(relays: Vec<Relay>, fails: impl Fn(&DeviceId) -> bool) -> Vec<Relay> {
    let mut chosen = Vec::new();
    for others in by_cluster(relays) {
        for relay in others {
            let failing = fails(&relay.key);
            chosen.push(relay);
            if !failing {
                break;
            }
        }
    }
    chosen
}

/// Where to meet the members of spaces that name these relays: at the first meeting point of each, then at the second of each,
/// and so on, so that no space takes the others' places. The members of a space choose alike.
pub fn meetings(spaces: impl Iterator<Item = Vec<Relay>>, most: usize) -> Vec<String> {
    let named: Vec<Vec<String>> =
        spaces.map(|relays| relays.into_iter().filter_map(|relay| relay.url).collect()).collect();
    let mut chosen: Vec<String> = Vec::new();
    for turn in 0..named.iter().map(Vec::len).max().unwrap_or(0) {
        for url in named.iter().filter_map(|urls| urls.get(turn)) {
            if chosen.len() < most && !chosen.contains(url) {
                chosen.push(url.clone());
            }
        }
    }
    chosen
}

impl Space {
    /// The relays that the space's members are to be in touch with, in order; of a space that is being joined, those that its
    /// invitation names.
    pub fn relays(&self) -> Vec<Relay> {
        let state = self.lock();
        let mut relays = state.access.as_ref().map(|access| in_order(self.id, access.now())).unwrap_or_default();
        for relay in state.joining.iter().flat_map(|link| &link.relays) {
            if !relays.iter().any(|known| known.key == relay.key) {
                relays.push(relay.clone());
            }
        }
        relays
    }
}

impl Core {
    /// The spaces to name to a relay: those that name it, and those whose invitation does.
    pub fn kept_at(&self, relay: DeviceId) -> Vec<SpaceId> {
        let names = |space: &Arc<Space>| space.relays().iter().any(|named| named.key == relay);
        let here = |space: &Arc<Space>| space.lock().removed.is_none();
        self.spaces().iter().filter(|space| here(space) && names(space)).map(|space| space.id).collect()
    }

    /// What to say to a relay on connecting, if a device is one: which spaces it is to keep.
    pub fn ask_to_keep(&self, relay: DeviceId) -> Vec<Vec<u8>> {
        let token = self.store.get(Table::Settings, &token_key(relay)).unwrap_or_else(|error| {
            tracing::warn!(%error, "a relay's token cannot be read");
            None
        });
        let token = token.unwrap_or_default();
        let ask = |spaces: &[SpaceId]| Hosting::Ask { spaces: spaces.to_vec(), token: token.clone() }.encode();
        self.kept_at(relay).chunks(MAX_HOSTED).map(ask).collect()
    }

    /// Remembers the token of a relay.
    pub fn put_relay_token(&self, link: &RelayLink) -> Result<(), NodeError> {
        match &link.token {
            Some(token) => Ok(self.store.put(Table::Settings, &token_key(link.relay.key), token.as_bytes())?),
            None => Ok(()),
        }
    }

    /// The relay that this device has new spaces kept at.
    pub fn usual_relay(&self) -> Result<Option<RelayLink>, NodeError> {
        let text = self.store.get(Table::Settings, USUAL)?;
        Ok(text.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok()))
    }

    /// From now on new spaces are kept at this relay, or at none.
    pub fn set_usual_relay(&self, link: Option<&str>) -> Result<(), NodeError> {
        match link {
            Some(link) => self.store.put(Table::Settings, USUAL, link.trim().as_bytes())?,
            None => self.store.delete(Table::Settings, USUAL)?,
        }
        Ok(())
    }

    /// Names a relay in a space, as an owner. Blocks.
    pub fn name_relay(&self, space: &Arc<Space>, relay: &Relay) -> Result<(), NodeError> {
        self.administer_if(space, |making| {
            let access = making.access();
            if access.relay(&relay.key) == Some(relay) {
                return Ok(None);
            }
            if access.relays().len() >= MAX_RELAYS && access.relay(&relay.key).is_none() {
                let full = format!("a space names {MAX_RELAYS} relays at most. Remove one first.");
                return Err(NodeError::BadInput(full));
            }
            AccessOp::name_relay(access, &making.me.keys.device.id(), relay.clone())
                .map(Some)
                .map_err(|error| not_made(access, &making.me.person(), &error))
        })
    }

    /// Names a relay in a space no more. Blocks.
    pub fn drop_relay(&self, space: &Arc<Space>, relay: DeviceId) -> Result<(), NodeError> {
        self.administer_if(space, |making| {
            let access = making.access();
            if access.relay(&relay).is_none() {
                return Ok(None);
            }
            AccessOp::drop_relay(access, &making.me.keys.device.id(), relay)
                .map(Some)
                .map_err(|error| not_made(access, &making.me.person(), &error))
        })
    }

    /// Every relay that any space has to do with.
    pub fn all_relays(&self) -> BTreeSet<DeviceId> {
        self.spaces().iter().flat_map(|space| space.relays()).map(|relay| relay.key).collect()
    }
}

fn token_key(relay: DeviceId) -> Vec<u8> {
    [TOKEN, relay.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(n: u8) -> Relay {
        Relay { key: DeviceId::from_bytes([n; 32]), addresses: vec![format!("192.0.2.{n}:1")], url: None }
    }

    fn of(cluster: &str, n: u8) -> Relay {
        let mut relay = relay(n);
        relay.addresses.push(Relay::one_of(cluster));
        relay
    }

    fn called(all: &[Relay], fails: &[u8]) -> Vec<u8> {
        let fails = |key: &DeviceId| fails.contains(&key.as_bytes()[0]);
        to_call(all.to_vec(), fails).iter().map(|relay| relay.key.as_bytes()[0]).collect()
    }

    #[test]
    fn each_relay_is_called() {
        let all = [relay(1), relay(2), relay(3)];
        assert_eq!(called(&all, &[]), [1, 2, 3]);
        assert_eq!(called(&all, &[1, 2, 3]), [1, 2, 3]);
        assert!(called(&[], &[]).is_empty());
    }

    #[test]
    fn of_a_cluster_the_next_is_called_only_while_those_before_it_fail() {
        let all = [of("a", 1), relay(9), of("a", 2), of("b", 4), of("a", 3)];
        assert_eq!(called(&all, &[]), [1, 9, 4]);
        assert_eq!(called(&all, &[2]), [1, 9, 4]);
        assert_eq!(called(&all, &[1]), [1, 2, 9, 4]);
        assert_eq!(called(&all, &[1, 2, 4]), [1, 2, 3, 9, 4]);
    }

    #[test]
    fn no_space_takes_the_meeting_points_of_others() {
        let at = |n: u8| Relay { url: Some(format!("https://{n}.example.org")), ..relay(n) };
        let spaces =
            || [vec![at(1), relay(9), at(2), at(3)], vec![relay(8)], vec![at(4), at(1)], vec![at(2)]].into_iter();
        let hosts = |most: usize| -> Vec<String> {
            meetings(spaces(), most).iter().map(|url| url["https://".len()..][..1].to_owned()).collect()
        };
        assert_eq!(hosts(8), ["1", "4", "2", "3"]);
        assert_eq!(hosts(2), ["1", "4"]);
        assert!(meetings(std::iter::empty(), 8).is_empty());
    }
}
