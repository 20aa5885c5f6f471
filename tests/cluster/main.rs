//! Relays that are one through NATS: real servers, real relays, real nodes, on loopback.

mod away;
mod behind;
mod carets;
mod checkpoints;
mod costs;
mod kills;
mod objects;
mod quotas;
mod removing;
mod streams;

use std::path::Path;

use sheaf_node::{Format, Node, Options};
use sheaf_tests::{NatsServers, RelayProcess};

/// The token that all relays of a cluster take.
const TOKEN: &str = "the-cluster-s-own-token";

/// A relay in the cluster of these servers.
fn relay(nats: &NatsServers) -> RelayProcess {
    relay_with(nats, &[])
}

/// The same, with more settings in the environment.
fn relay_with(nats: &NatsServers, settings: &[(&str, &str)]) -> RelayProcess {
    let urls = nats.urls();
    let common = [("SHEAF_RELAY_ADMISSION__TOKEN", TOKEN), ("SHEAF_RELAY_CLUSTER_NAME", "relays.example.org")];
    RelayProcess::start_with_env(&["--cluster", &urls], &[&common[..], settings].concat())
}

async fn open(home: &Path) -> Node {
    let listen = Some("127.0.0.1:0".parse().expect("an address"));
    Node::open(Options { listen, ..Options::alone(home.to_owned()) }).await.expect("a home")
}

/// How many of this node's own entries no relay has acknowledged.
async fn waiting(node: &Node, document: &str) -> u64 {
    let placement = node.placement(document).await.expect("a document");
    placement.places.iter().filter(|place| place.relay).map(|place| place.waiting).min().unwrap_or(u64::MAX)
}

async fn text(node: &Node, document: &str) -> String {
    String::from_utf8(node.export(document, Format::Text).await.unwrap_or_default()).expect("text")
}
