//! Leaving a relay for another (R3): not before the other has acknowledged all that is here, and all that the old one has is
//! here.
//!
//! A relay's frontier says what is durable there; what of it was pruned at the devices it claims only once it holds a
//! checkpoint that stands for it, with all of its blobs. So whoever is in step with a relay knows that both are there.

use std::sync::Arc;
use std::time::Duration;

use sheaf_access::{DeviceId, Relay, SpaceId};
use tokio::time::{Instant, timeout_at};

use super::called;
use crate::core::Core;
use crate::error::NodeError;
use crate::network::{Input, Network, Reach};
use crate::space::Space;

/// How long to wait for the relays to be in step.
const PATIENCE: Duration = Duration::from_secs(15);

/// How far a space has come on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Another relay has everything, and everything is here.
    Done,
    /// Another relay has everything. Whether the old one has more is not known, for it cannot be reached.
    Unheard,
    /// The old relay has something that is not here yet.
    Behind,
    /// No other relay has everything.
    Nowhere,
}

/// A space that is to move, and the other relays it names.
type Moving = (SpaceId, Vec<Relay>);

fn way(reach: &Reach, old: &DeviceId, others: &[Relay], space: SpaceId) -> Way {
    let standing = |relay: &DeviceId| reach.devices.get(relay).filter(|standing| standing.connected);
    let in_step = |relay: &DeviceId| standing(relay).is_some_and(|standing| standing.synced.get(&space) == Some(&true));
    if !others.iter().any(|other| in_step(&other.key)) {
        Way::Nowhere
    } else if standing(old).is_none() {
        Way::Unheard
    } else if in_step(old) {
        Way::Done
    } else {
        Way::Behind
    }
}

impl Core {
    /// Waits until each of these spaces can leave a relay, and says what is in the way if one cannot. A space that names no
    /// other relay can: it moves nowhere.
    pub async fn wait_to_leave(
        self: &Arc<Self>,
        network: &Network,
        old: DeviceId,
        spaces: &[Arc<Space>],
    ) -> Result<(), NodeError> {
        let others = |space: &Arc<Space>| {
            let others: Vec<Relay> = space.relays().into_iter().filter(|relay| relay.key != old).collect();
            (!others.is_empty()).then_some((space.id, others))
        };
        let moving: Vec<Moving> = spaces.iter().filter_map(others).collect();
        if moving.is_empty() {
            return Ok(());
        }
        // So that the next of its cluster is called too.
        network.tell(Input::Leaving { relay: old, leaving: true });
        let stays = wait(network, old, &moving).await;
        network.tell(Input::Leaving { relay: old, leaving: false });
        let Some(((space, others), way)) = stays else { return Ok(()) };
        let name = match self.space(space) {
            Some(space) => self.space_name(&space).await?,
            None => String::new(),
        };
        Err(NodeError::RelayNeeded(refusal(&name, &others, way, &network.reach.borrow())))
    }
}

/// Waits until all of them can go; answers one that cannot.
async fn wait(network: &Network, old: DeviceId, moving: &[Moving]) -> Option<(Moving, Way)> {
    let end = Instant::now() + PATIENCE;
    let mut reach = network.reach.clone();
    loop {
        let (failed, stays) = {
            let reach = reach.borrow_and_update();
            let failed = reach.devices.get(&old).is_some_and(|standing| standing.failed && !standing.connected);
            let ways = moving.iter().map(|space| (space, way(&reach, &old, &space.1, space.0)));
            let stays = ways.filter(|(_, way)| *way != Way::Done).max_by_key(|(_, way)| *way != Way::Unheard);
            (failed, stays)
        };
        let (space, way) = stays?;
        let over = Instant::now() >= end;
        if way == Way::Unheard && (failed || over) {
            return None;
        }
        if over {
            return Some((space.clone(), way));
        }
        if let Ok(Err(_)) = timeout_at(end, reach.changed()).await {
            return Some((space.clone(), way));
        }
    }
}

fn refusal(space: &str, others: &[Relay], way: Way, reach: &Reach) -> String {
    let what = if way == Way::Behind {
        format!("the relay has something of “{space}” that is not here yet, and so at no other relay.")
    } else {
        let connected = |relay: &&Relay| reach.devices.get(&relay.key).is_some_and(|standing| standing.connected);
        let here: Vec<String> = others.iter().filter(connected).map(called).collect();
        let why = if here.is_empty() {
            let away: Vec<String> = others.iter().map(called).collect();
            format!("{} cannot be reached", away.join(", "))
        } else {
            format!("{} does not have everything yet, or does not take it", here.join(", "))
        };
        format!("no other relay has everything of “{space}”: {why}.")
    };
    format!(
        "{what} So it stays, for somebody may need what only it has. Stay online for a while and try again, or remove it \
         anyway: `sheaf relay remove --anyway`."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Standing;

    fn relay(n: u8) -> Relay {
        Relay { key: DeviceId::from_bytes([n; 32]), addresses: vec![format!("192.0.2.{n}:1")], url: None }
    }

    fn reach(standings: &[(u8, bool, Option<bool>)], space: SpaceId) -> Reach {
        let mut reach = Reach::default();
        for (n, connected, synced) in standings {
            let synced = synced.iter().map(|synced| (space, *synced)).collect();
            let standing = Standing { connected: *connected, synced, ..Standing::default() };
            reach.devices.insert(relay(*n).key, standing);
        }
        reach
    }

    #[test]
    fn a_space_leaves_a_relay_only_when_another_has_everything_and_the_old_one_nothing_more() {
        let space = SpaceId::from_bytes([1; 32]);
        let others = [relay(2), relay(3)];
        let way = |standings: &[_]| way(&reach(standings, space), &relay(1).key, &others, space);
        assert_eq!(way(&[(1, true, Some(true))]), Way::Nowhere);
        assert_eq!(way(&[(1, true, Some(true)), (2, true, Some(false))]), Way::Nowhere);
        assert_eq!(way(&[(1, true, Some(true)), (2, false, Some(true))]), Way::Nowhere, "it is not there any more");
        assert_eq!(way(&[(1, true, Some(false)), (2, true, Some(true))]), Way::Behind);
        assert_eq!(way(&[(1, false, None), (2, true, Some(true))]), Way::Unheard);
        assert_eq!(way(&[(1, true, Some(true)), (3, true, Some(true))]), Way::Done);
    }

    #[test]
    fn a_refusal_says_which_relay_is_not_ready_and_what_to_do() {
        let space = SpaceId::from_bytes([1; 32]);
        let others = [relay(2), relay(3)];
        let away = refusal("Heron ledger", &others, Way::Nowhere, &reach(&[], space));
        assert!(away.contains("192.0.2.2:1, 192.0.2.3:1 cannot be reached") && away.contains("--anyway"), "{away}");
        let behind = refusal("Heron ledger", &others, Way::Nowhere, &reach(&[(3, true, None)], space));
        assert!(behind.contains("192.0.2.3:1 does not have everything") && !behind.contains("192.0.2.2"), "{behind}");
        assert!(refusal("Heron ledger", &others, Way::Behind, &reach(&[], space)).contains("not here yet"));
    }
}
