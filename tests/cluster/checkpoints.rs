//! Checkpoints among relays that are one: what one relay has of them, all have.

use std::process::Command;

use sheaf_node::Node;
use sheaf_tests::{NatsServers, RelayProcess, soon};

use crate::{open, relay, text, waiting};

const LINES: usize = 12;

/// Ana writes in a space of which a checkpoint can be made.
async fn writes(ana: &Node, space: &str) -> String {
    let document = ana.create_document(Some(space), "Log").await.expect("a document").id;
    for line in 0..LINES {
        ana.append(&document, &format!("Entry {line} of the log.")).await.expect("words");
    }
    document
}

async fn entries(node: &Node, space: &str) -> usize {
    node.verify(space).await.map_or(usize::MAX, |report| report.entries)
}

/// What a relay answers its operator about spaces.
fn asked(relay: &RelayProcess, question: &[&str]) -> serde_json::Value {
    let mut command = Command::new(sheaf_tests::program("sheaf-relay"));
    command.arg("space").args(question).args(["--json", "--data"]).arg(relay.data());
    let ran = command.output().expect("the program starts");
    serde_json::from_slice(&ran.stdout).unwrap_or_default()
}

/// What it says of a space.
fn shown(relay: &RelayProcess, space: &str) -> serde_json::Value {
    asked(relay, &["show", space])
}

/// Whether it has a space.
pub fn has(relay: &RelayProcess, space: &str) -> bool {
    let list = asked(relay, &["list"]);
    list["Spaces"].as_array().is_some_and(|rows| rows.iter().any(|row| row["space"] == space))
}

/// The spaces that a relay has, and how many entries of each.
pub fn held(relay: &RelayProcess) -> std::collections::BTreeMap<String, u64> {
    let list = asked(relay, &["list"]);
    let rows = list["Spaces"].as_array().cloned().unwrap_or_default();
    let row = |row: &serde_json::Value| Some((row["space"].as_str()?.to_owned(), row["entries"].as_u64()?));
    rows.iter().filter_map(row).collect()
}

/// How many entries a relay has of a space.
pub fn relay_entries(relay: &RelayProcess, space: &str) -> u64 {
    shown(relay, space)["Space"]["row"]["entries"].as_u64().unwrap_or(0)
}

/// Whether a relay holds a checkpoint, and whether it knows one of them to be endorsed.
pub fn checkpoints(relay: &RelayProcess, space: &str) -> (bool, bool) {
    let shown = shown(relay, space);
    let held = shown["Space"]["checkpoints"].as_array().cloned().unwrap_or_default();
    (!held.is_empty(), held.iter().any(|one| one[2] == true))
}

/// Ana and Ben have pruned what the checkpoint stands for. One relay takes it over while the other is away, acknowledges it, and is
/// lost with its disk: the other has all of it from the cluster.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_outlives_the_relay_that_took_it_over() {
    let nats = NatsServers::start(1);
    let (first, mut second) = (relay(&nats), relay(&nats));
    let homes = tempfile::tempdir().expect("a temporary folder");
    let (ana, ben) = (open(&homes.path().join("ana")).await, open(&homes.path().join("ben")).await);
    ana.init("Ana", 1).await.expect("a person");
    ben.init("Ben", 2).await.expect("a person");
    let space = ana.create_space("Field station").await.expect("a space").id;
    let document = writes(&ana, &space).await;
    ana.go_online().await.expect("the loopback interface");
    let link = ana.invite(&space, "editor", None, None).await.expect("a link");
    ben.join(&link).await.expect("Ben joins");
    let last = format!("Entry {} of", LINES - 1);
    soon("Ben having it", || async { text(&ben, &document).await.contains(&last).then_some(()) }).await;
    let before = entries(&ana, &space).await;
    ana.checkpoint(&space).await.expect("a checkpoint");
    let pruned =
        || async { (entries(&ana, &space).await < before && entries(&ben, &space).await < before).then_some(()) };
    soon("both pruning", pruned).await;
    ben.shutdown().await.expect("all is saved");

    second.kill();
    for relay in [&first, &second] {
        ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
    }
    let link = ana.invite(&space, "editor", None, None).await.expect("a link");
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    soon("the relay holding it", || async { checkpoints(&first, &space).0.then_some(()) }).await;
    let kept = relay_entries(&first, &space);
    ana.shutdown().await.expect("all is saved");
    drop(first);

    second.start_again();
    let same = || async { (checkpoints(&second, &space).0 && relay_entries(&second, &space) == kept).then_some(()) };
    soon("the other relay holding it, and what came after it", same).await;
    let cleo = open(&homes.path().join("cleo")).await;
    cleo.init("Cleo", 3).await.expect("a person");
    cleo.join(&link).await.expect("Cleo joins through the other relay");
    soon("Cleo having all of it", || async { text(&cleo, &document).await.contains(&last).then_some(()) }).await;
    let text = text(&cleo, &document).await;
    for line in 0..LINES {
        assert!(text.contains(&format!("Entry {line} of the log.")), "{text}");
    }
    cleo.shutdown().await.expect("all is saved");
}

/// Ben looks at Ana's checkpoint at a relay where she is not, and says so there, while hers is down. Hers hears it from the cluster,
/// though the other is down by then, and she prunes.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_given_at_one_relay_counts_at_another() {
    let nats = NatsServers::start(1);
    let (mut hers, mut his) = (relay(&nats), relay(&nats));
    let homes = tempfile::tempdir().expect("a temporary folder");
    let (ana, ben) = (open(&homes.path().join("ana")).await, open(&homes.path().join("ben")).await);
    ana.init("Ana", 1).await.expect("a person");
    ben.init("Ben", 2).await.expect("a person");
    let space = ana.create_space("Field station").await.expect("a space").id;
    let document = writes(&ana, &space).await;
    for relay in [&hers, &his] {
        ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
    }
    his.kill();
    ana.go_online().await.expect("the loopback interface");
    let link = ana.invite(&space, "editor", None, None).await.expect("a link");
    ben.join(&link).await.expect("Ben joins");
    let last = format!("Entry {} of", LINES - 1);
    soon("Ben having it", || async { text(&ben, &document).await.contains(&last).then_some(()) }).await;
    let joined = || shown(&hers, &space)["Space"]["members"] == 2;
    let reached = || async { (waiting(&ana, &document).await == 0 && joined()).then_some(()) };
    soon("everything being acknowledged", reached).await;
    ben.shutdown().await.expect("all is saved");
    drop(ben);

    ana.checkpoint(&space).await.expect("a checkpoint");
    soon("her relay holding it", || async { checkpoints(&hers, &space).0.then_some(()) }).await;
    let before = entries(&ana, &space).await;
    ana.shutdown().await.expect("all is saved");
    drop(ana);
    hers.kill();

    his.start_again();
    let ben = open(&homes.path().join("ben")).await;
    ben.go_online().await.expect("the loopback interface");
    soon("Ben's word at his relay", || async { checkpoints(&his, &space).1.then_some(()) }).await;
    ben.shutdown().await.expect("all is saved");
    his.kill();

    hers.start_again();
    soon("Ben's word at her relay", || async { checkpoints(&hers, &space).1.then_some(()) }).await;
    let ana = open(&homes.path().join("ana")).await;
    ana.go_online().await.expect("the loopback interface");
    soon("Ana pruning", || async { (entries(&ana, &space).await < before).then_some(()) }).await;
    ana.shutdown().await.expect("all is saved");
}
