//! An operator removes a space at one relay, and it goes from all of them: at once, when they come back, and when nobody was there to
//! be told. What is brought after that is new.

use sheaf_node::Node;
use sheaf_tests::{NatsServers, RelayProcess, soon};

use crate::checkpoints::{has, relay_entries};
use crate::{open, relay, waiting};

/// Removes a space at a relay. Answers what the operator is told.
fn remove(relay: &RelayProcess, space: &str) -> String {
    let ran = std::process::Command::new(sheaf_tests::program("sheaf-relay"))
        .args(["space", "remove", space, "--yes", "--data"])
        .arg(relay.data())
        .output()
        .expect("the program starts");
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

/// A space with some words, which these relays have.
async fn written(ana: &Node, relays: &[&RelayProcess]) -> (String, String) {
    let space = ana.create_space("Field station").await.expect("a space").id;
    let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
    for line in 0..8 {
        ana.append(&document, &format!("Entry {line} of the log.")).await.expect("words");
    }
    ana.add_relay(relays[0].link(), Some(&space)).await.expect("a relay");
    everywhere(ana, &space, &document, relays).await;
    (space, document)
}

/// All of a space is at these relays.
async fn everywhere(ana: &Node, space: &str, document: &str, relays: &[&RelayProcess]) {
    soon("everything being acknowledged", || async { (waiting(ana, document).await == 0).then_some(()) }).await;
    let own = ana.verify(space).await.expect("a space").entries as u64;
    for relay in relays {
        soon("a relay having all of it", || async { (relay_entries(relay, space) == own).then_some(()) }).await;
    }
}

async fn gone(relay: &RelayProcess, space: &str) {
    soon("a relay not having it any more", || async { (!has(relay, space)).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_goes_from_all_relays_and_may_come_again() {
    let nats = NatsServers::start(1);
    let (asked, other, mut away) = (relay(&nats), relay(&nats), relay(&nats));
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    ana.go_online().await.expect("the loopback interface");
    let (space, document) = written(&ana, &[&asked, &other, &away]).await;
    let (stays, _) = written(&ana, &[&asked, &other, &away]).await;
    ana.shutdown().await.expect("all is saved");
    drop(ana);

    away.kill();
    assert!(remove(&asked, &space).contains("remove it too"));
    assert!(!has(&asked, &space));
    gone(&other, &space).await;
    away.start_again();
    gone(&away, &space).await;

    // A member's device brings it again. It is as new as any, and no relay removes it once more.
    let ana = open(&homes.path().join("ana")).await;
    ana.go_online().await.expect("the loopback interface");
    ana.append(&document, "It goes on.").await.expect("words");
    let all = [&asked, &other, &away];
    everywhere(&ana, &space, &document, &all).await;
    away.kill();
    away.start_again();
    everywhere(&ana, &space, &document, &[&asked, &other, &away]).await;
    assert!([&asked, &other, &away].iter().all(|relay| has(relay, &stays)));
    ana.shutdown().await.expect("all is saved");
}

/// The NATS servers are away when the operator asks, and the relay that was asked is stopped before they are back. Another space is
/// removed while a relay is away, and the streams have nothing of that any more when it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_could_not_be_told_hears_of_it_later() {
    let mut nats = NatsServers::start(1);
    let (mut asked, mut other) = (relay(&nats), relay(&nats));
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    ana.go_online().await.expect("the loopback interface");
    let (first, _) = written(&ana, &[&asked, &other]).await;
    let (second, _) = written(&ana, &[&asked, &other]).await;
    let (third, _) = written(&ana, &[&asked, &other]).await;
    ana.shutdown().await.expect("all is saved");

    nats.kill(0);
    assert!(remove(&asked, &first).contains("hear of it"));
    assert!(!has(&asked, &first) && has(&other, &first));
    asked.kill();
    // Of a relay that does not run it is removed all the same.
    assert!(remove(&asked, &second).contains("hear of it"));
    nats.start_again(0);
    asked.start_again();
    gone(&other, &first).await;
    gone(&other, &second).await;

    other.kill();
    assert!(remove(&asked, &third).contains("remove it too"));
    nats.purge();
    other.start_again();
    gone(&other, &third).await;
    assert!([&first, &second, &third].iter().all(|space| !has(&asked, space) && !has(&other, space)));
}
