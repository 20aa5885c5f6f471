//! Relays that were away, or are new, or are asked for what they do not have: what the streams have no more they have from the others.

use std::collections::BTreeSet;

use sheaf_node::Node;
use sheaf_tests::{NatsServers, RelayProcess, soon};

use crate::checkpoints::{checkpoints, has, held, relay_entries as entries};
use crate::{open, relay, relay_with, text, waiting};

async fn acknowledged(node: &Node, document: &str) {
    soon("everything being acknowledged", || async { (waiting(node, document).await == 0).then_some(()) }).await;
}

/// One relay is away while a space is written, a checkpoint made, and everything given back by the streams; and one is new. Both have all of
/// it from the one that was there, which then is lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_streams_have_no_more_the_other_relays_have() {
    let nats = NatsServers::start(1);
    let (there, mut away) = (relay(&nats), relay(&nats));
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    let old = ana.create_space("Known before").await.expect("a space").id;
    let log = ana.create_document(Some(&old), "Log").await.expect("a document").id;
    for relay in [&there, &away] {
        ana.add_relay(relay.link(), Some(&old)).await.expect("a relay");
    }
    ana.go_online().await.expect("the loopback interface");
    let link = ana.invite(&old, "editor", None, None).await.expect("a link");
    acknowledged(&ana, &log).await;
    let same =
        |one: &RelayProcess, space: &str| entries(one, space) > 0 && entries(one, space) == entries(&there, space);
    soon("both relays having it", || async { same(&away, &old).then_some(()) }).await;

    away.kill();
    let new = ana.create_space("Unknown before").await.expect("a space").id;
    let other = ana.create_document(Some(&new), "Log").await.expect("a document").id;
    ana.add_relay(there.link(), Some(&new)).await.expect("a relay");
    for line in 0..12 {
        ana.append(&log, &format!("Entry {line} of the log.")).await.expect("words");
        ana.append(&other, &format!("Entry {line} of the other.")).await.expect("words");
    }
    ana.checkpoint(&old).await.expect("a checkpoint");
    acknowledged(&ana, &log).await;
    acknowledged(&ana, &other).await;
    soon("the relay holding the checkpoint", || async { checkpoints(&there, &old).0.then_some(()) }).await;
    ana.shutdown().await.expect("all is saved");
    nats.purge();

    away.start_again();
    let late = relay(&nats);
    for relay in [&away, &late] {
        for space in [&old, &new] {
            soon("it having all of it", || async { same(relay, space).then_some(()) }).await;
        }
        soon("it holding the checkpoint", || async { checkpoints(relay, &old).0.then_some(()) }).await;
    }
    drop((there, late));
    let ben = open(&homes.path().join("ben")).await;
    ben.init("Ben", 2).await.expect("a person");
    ben.join(&link).await.expect("Ben joins through the relay that was away");
    soon("Ben having it", || async { text(&ben, &log).await.contains("Entry 11 of the log.").then_some(()) }).await;
    ben.shutdown().await.expect("all is saved");
}

/// Relays that keep what they are asked for: two have each space, and a third has it as soon as somebody asks it.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_asked_for_a_space_has_it_from_the_others() {
    let nats = NatsServers::start(1);
    let mut relays: Vec<RelayProcess> =
        (0..3).map(|_| relay_with(&nats, &[("SHEAF_RELAY_FOLLOW", "demanded")])).collect();
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    ana.go_online().await.expect("the loopback interface");
    let keepers = |relays: &[RelayProcess], space: &str| -> BTreeSet<usize> {
        (0..3).filter(|at| has(&relays[*at], space)).collect()
    };
    let mut found = None;
    for n in 0..40 {
        let space = ana.create_space(&format!("Space {n}")).await.expect("a space").id;
        let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
        ana.append(&document, "The marmalade convoy leaves at dawn.").await.expect("words");
        ana.add_relay(relays[0].link(), Some(&space)).await.expect("a relay");
        acknowledged(&ana, &document).await;
        let two = || async { Some(keepers(&relays, &space)).filter(|keepers| keepers.len() >= 2) };
        let keepers = soon("two relays having it", two).await;
        if let Some(without) = (1..3).find(|at| !keepers.contains(at)) {
            found = Some((space, document, without));
            break;
        }
    }
    let (space, document, without) = found.expect("not every relay has every space");
    relays[without].kill();
    ana.add_relay(relays[without].link(), Some(&space)).await.expect("a relay");
    let link = ana.invite(&space, "editor", None, None).await.expect("a link");
    acknowledged(&ana, &document).await;
    let other = 3 - without;
    let same = || async { (entries(&relays[0], &space) == entries(&relays[other], &space)).then_some(()) };
    soon("both keepers having all of it", same).await;
    ana.shutdown().await.expect("all is saved");
    relays[0].kill();
    relays[without].start_again();
    assert!(!has(&relays[without], &space), "it keeps what nobody asked it for");

    let ben = open(&homes.path().join("ben")).await;
    ben.init("Ben", 2).await.expect("a person");
    ben.join(&link).await.expect("Ben joins through a relay that did not have it");
    let read = || async { text(&ben, &document).await.contains("marmalade").then_some(()) };
    soon("Ben having it", read).await;
    ben.append(&document, "Ben saw it off.").await.expect("words");
    acknowledged(&ben, &document).await;
    soon("the other keeper having that too", || async {
        (entries(&relays[other], &space) == entries(&relays[without], &space)).then_some(())
    })
    .await;
    ben.shutdown().await.expect("all is saved");
}

/// More spaces than a relay answers questions about at a time, and streams that have nothing of them any more: a relay that is new has all
/// of them in the end, and says nothing to the contrary meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_relay_has_every_space_however_many_there_are() {
    const SPACES: usize = 48;
    let nats = NatsServers::start(1);
    let there = relay(&nats);
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    ana.go_online().await.expect("the loopback interface");
    for n in 0..SPACES {
        let space = ana.create_space(&format!("Space {n}")).await.expect("a space").id;
        let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
        ana.add_relay(there.link(), Some(&space)).await.expect("a relay");
        acknowledged(&ana, &document).await;
    }
    ana.shutdown().await.expect("all is saved");
    nats.purge();
    let new = [relay(&nats), relay(&nats)];
    let all = held(&there);
    assert_eq!(all.len(), SPACES);
    for new in &new {
        soon("a new relay having all of them, whole", || async { (held(new) == all).then_some(()) }).await;
    }
}
