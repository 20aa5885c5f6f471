//! Carets pass from one relay to another.

use sheaf_node::{Node, ToCore, ToWindow};
use sheaf_tests::{NatsServers, RelayProcess, soon};

use crate::{open, relay_with, text, waiting};

/// Which of the relays a node is connected to.
async fn serving(node: &Node, document: &str, relays: &[RelayProcess]) -> Option<usize> {
    let places = node.placement(document).await.ok()?.places;
    let connected = |link| matches!(link, sheaf_node::Link::Live | sheaf_node::Link::Syncing);
    let place = places.into_iter().find(|place| place.relay && connected(place.link))?;
    relays.iter().position(|relay| relay.id() == place.device)
}

/// Each relay takes one connection, so that two people who cannot meet otherwise are at two.
#[tokio::test(flavor = "multi_thread")]
async fn a_caret_at_one_relay_is_seen_at_the_other() {
    let nats = NatsServers::start(1);
    let one = [("SHEAF_RELAY_LIMITS__CONNECTIONS", "1")];
    let relays: Vec<RelayProcess> = (0..2).map(|_| relay_with(&nats, &one)).collect();
    let homes = tempfile::tempdir().expect("a temporary folder");
    let (ana, ben) = (open(&homes.path().join("ana")).await, open(&homes.path().join("ben")).await);
    ana.init("Ana", 1).await.expect("a person");
    ben.init("Ben", 2).await.expect("a person");
    let space = ana.create_space("Field station").await.expect("a space").id;
    let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
    ana.append(&document, "Where are you?").await.expect("words");
    for relay in &relays {
        ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
    }
    // Before she is reachable: the link names the relays alone.
    let link = ana.invite(&space, "editor", None, None).await.expect("a link");
    ana.go_online().await.expect("the loopback interface");
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    ben.join(&link).await.expect("Ben joins");
    soon("Ben having it", || async { text(&ben, &document).await.contains("Where").then_some(()) }).await;
    let hers = soon("Ana being at a relay", || serving(&ana, &document, &relays)).await;
    let his = soon("Ben being at a relay", || serving(&ben, &document, &relays)).await;
    assert_ne!(hers, his);

    let (hers, mut to_her) = ana.open_session(&document).await.expect("a window");
    let (his, mut to_him) = ben.open_session(&document).await.expect("a window");
    let Some(ToWindow::Reset { number, .. }) = to_her.recv().await else { panic!("no reset came first") };
    hers.send(ToCore::Seen { seen: number, made: 0 });
    let Some(ToWindow::Reset { number: his_first, .. }) = to_him.recv().await else { panic!("no reset came first") };
    his.send(ToCore::Seen { seen: his_first, made: 0 });
    let mut at = 0;
    soon("Ben seeing Ana's caret", || {
        // Carets are not sent again when they get lost; she moves on.
        at = (at + 1) % 5;
        hers.send(ToCore::Select { seen: number, made: 0, anchor: Some(at), head: Some(at) });
        let mut seen = false;
        while let Ok(message) = to_him.try_recv() {
            seen |= matches!(message, ToWindow::Presence { people, .. } if people.iter().any(|one| one.name == "Ana"));
        }
        async move { seen.then_some(()) }
    })
    .await;
    hers.close().await.expect("all is saved");
    his.close().await.expect("all is saved");
    ana.shutdown().await.expect("all is saved");
    ben.shutdown().await.expect("all is saved");
}
