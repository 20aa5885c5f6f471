//! A relay between real nodes: people who are never online together, what the relay can see, and what it cannot do.

mod addresses;
mod blind;
mod crashes;
#[cfg(target_os = "linux")]
mod floods;
mod keeper;
mod keeping;
mod limits;
mod malicious;
mod meeting;
mod members;
mod newcomers;
mod operating;
mod several;

use operating::free;
use sheaf_node::Node;
use sheaf_tests::{Home, RelayProcess};

/// Ana's space, kept at a relay, with a document.
struct Kept {
    relay: RelayProcess,
    ana: Home,
    space: String,
    document: String,
}

/// How many of this node's own entries the relay has not acknowledged.
async fn waiting(node: &Node, document: &str) -> u64 {
    let placement = node.placement(document).await.expect("a document");
    placement.places.iter().find(|place| place.relay).map_or(u64::MAX, |place| place.waiting)
}

const SPACE: &str = "Heron ledger";
const TITLE: &str = "Quagga migration";
const WORDS: &str = "The marmalade convoy leaves at dawn.";

fn kept() -> Kept {
    kept_at(RelayProcess::start())
}

fn kept_at(relay: RelayProcess) -> Kept {
    let ana = Home::of("Anastasia Wolkonsky").on_loopback();
    let space = ana.ok(&["space", "new", SPACE]).last_line();
    let document = ana.ok(&["doc", "new", "--space", &space, TITLE]).last_line();
    ana.ok(&["doc", "edit", &document, "--append", WORDS]);
    ana.ok(&["relay", "add", relay.link()]);
    ana.sync();
    Kept { relay, ana, space, document }
}

/// Someone who joins by a link while whoever made it is offline.
fn joins(kept: &Kept, name: &str, role: &str) -> Home {
    let link = kept.ana.ok(&["invite", &kept.space, "--role", role]).last_line();
    kept.ana.sync();
    let home = Home::of(name).on_loopback();
    assert_eq!(home.ok(&["join", &link]).last_line(), kept.space);
    home.sync();
    home
}
