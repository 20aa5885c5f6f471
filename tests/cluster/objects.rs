//! The object store, in which checkpoints' blobs are: it is lost, and filled again from the relays.

use sheaf_tests::{NatsServers, soon};

use crate::checkpoints::checkpoints;
use crate::{open, relay, waiting};

/// A relay that was away when a checkpoint was shared does not find it in the store, has it from the other, and puts it there: as it
/// does with a blob that somebody gave up a moment before it was named again.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_lacks_is_put_there_by_who_has_it_from_another_relay() {
    let nats = NatsServers::start(1);
    let (first, mut second) = (relay(&nats), relay(&nats));
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    let space = ana.create_space("Field station").await.expect("a space").id;
    let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
    ana.append(&document, "The marmalade convoy leaves at dawn.").await.expect("words");
    second.kill();
    ana.add_relay(first.link(), Some(&space)).await.expect("a relay");
    ana.go_online().await.expect("the loopback interface");
    ana.checkpoint(&space).await.expect("a checkpoint");
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    soon("the relay holding it", || async { checkpoints(&first, &space).0.then_some(()) }).await;
    ana.shutdown().await.expect("all is saved");
    let there = nats.objects().expect("the store is there");
    nats.lose_objects();

    second.start_again();
    soon("the other holding it", || async { checkpoints(&second, &space).0.then_some(()) }).await;
    soon("the store having it again", || async { (nats.objects() >= Some(there)).then_some(()) }).await;
}

/// The store is deleted under a running cluster. What was in it is put there again by who holds it, and the next checkpoint finds
/// its way too.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_object_store_is_filled_again() {
    let nats = NatsServers::start(1);
    let mut first = relay(&nats);
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    let space = ana.create_space("Field station").await.expect("a space").id;
    let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
    ana.add_relay(first.link(), Some(&space)).await.expect("a relay");
    ana.go_online().await.expect("the loopback interface");
    for line in 0..12 {
        ana.append(&document, &format!("Entry {line} of the log.")).await.expect("words");
    }
    ana.checkpoint(&space).await.expect("a checkpoint");
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    soon("the relay holding it", || async { checkpoints(&first, &space).0.then_some(()) }).await;
    let there = nats.objects().expect("the store is there");
    assert!(there > 0);

    first.kill();
    nats.lose_objects();
    assert_eq!(nats.objects(), None);
    first.start_again();
    soon("what was lost being there again", || async { (nats.objects() >= Some(there)).then_some(()) }).await;

    // While the relay runs nobody tells it; it finds out when it puts the next there.
    nats.lose_objects();
    ana.append(&document, "One more.").await.expect("words");
    ana.checkpoint(&space).await.expect("a checkpoint");
    soon("both being there", || async { (nats.objects() > Some(there)).then_some(()) }).await;
    ana.shutdown().await.expect("all is saved");
}
