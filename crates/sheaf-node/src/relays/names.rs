//! Relays that are found by a name: it is looked up again before each call, so that the addresses behind it may change.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sheaf_access::Relay;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::keeping::Resolver;

/// How long looking up a name may take, before what is known without it has to do.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many addresses of one relay are tried.
const ADDRESSES: usize = 16;

/// The names by which a relay is found, each with a port.
pub fn names(relay: &Relay) -> Vec<String> {
    relay.places().filter(|place| place.parse::<SocketAddr>().is_err()).map(str::to_owned).collect()
}

/// What a relay is called on screen: its name, else its first address, else the beginning of its key.
pub fn called(relay: &Relay) -> String {
    let host = |name: &String| name.rsplit_once(':').map_or(name.as_str(), |(host, _)| host).to_owned();
    let name = names(relay).first().map(host);
    name.or_else(|| relay.places().next().map(str::to_owned)).unwrap_or_else(|| relay.key.short())
}

/// The addresses behind names now, in one order whatever order they come in, and those that need no looking up. The system is asked,
/// where there is no `resolver`.
pub async fn look_up(
    names: Vec<String>,
    known: Vec<SocketAddr>,
    resolver: Option<Arc<dyn Resolver>>,
) -> Vec<SocketAddr> {
    let mut asked = JoinSet::new();
    for name in names {
        let resolver = resolver.clone();
        asked.spawn(async move {
            if let Some(resolver) = resolver {
                return resolver.addresses(&name);
            }
            match timeout(PATIENCE, tokio::net::lookup_host(&name)).await {
                Ok(Ok(found)) => found.collect(),
                Ok(Err(error)) => {
                    tracing::debug!(%error, name, "a relay's name cannot be looked up");
                    Vec::new()
                }
                Err(_) => {
                    tracing::debug!(name, "looking up a relay's name takes too long");
                    Vec::new()
                }
            }
        });
    }
    let mut found: Vec<SocketAddr> = asked.join_all().await.into_iter().flatten().collect();
    found.sort_unstable();
    found.dedup();
    found.extend(known);
    found.truncate(ADDRESSES);
    found
}

#[cfg(test)]
mod tests {
    use sheaf_access::DeviceId;

    use super::*;

    fn relay(addresses: &[&str]) -> Relay {
        let addresses = addresses.iter().map(|&address| address.to_owned()).collect();
        Relay { key: DeviceId::from_bytes([7; 32]), addresses, url: None }
    }

    #[test]
    fn names_are_told_from_addresses_and_from_clusters() {
        let one = relay(&["cluster/x", "relay.example.org:4479", "192.0.2.1:4479", "[2001:db8::1]:4479"]);
        assert_eq!(names(&one), ["relay.example.org:4479"]);
        assert_eq!(crate::relays::addresses(&one).len(), 2);
        assert_eq!(called(&one), "relay.example.org");
        assert_eq!(called(&relay(&["192.0.2.1:4479"])), "192.0.2.1:4479");
        assert_eq!(called(&relay(&["cluster/x"])), relay(&[]).key.short());
    }

    #[tokio::test]
    async fn a_name_leads_to_where_it_is_now_and_one_that_leads_nowhere_costs_nothing_else() {
        let known: SocketAddr = "192.0.2.1:7".parse().expect("an address");
        let found = look_up(vec!["localhost:4479".to_owned(), "nowhere.invalid:1".to_owned()], vec![known], None).await;
        assert!(found.iter().any(|at| at.ip().is_loopback() && at.port() == 4_479), "{found:?}");
        assert_eq!(found.last(), Some(&known));
    }
}
