//! Quotas among relays that are one: the relay that something is brought to decides, for all.

use sheaf_tests::{NatsServers, soon};

use crate::checkpoints::relay_entries;
use crate::{open, relay, relay_with, text, waiting};

/// One relay keeps little of a space, and was away while much was written at the other, which acknowledged it and is lost then.
/// Whatever was acknowledged is at the one that is left.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_relay_has_acknowledged_no_quota_of_another_refuses() {
    let nats = NatsServers::start(1);
    let (ample, mut scarce) = (relay(&nats), relay_with(&nats, &[("SHEAF_RELAY_QUOTAS__SPACE_ENTRIES", "12")]));
    let homes = tempfile::tempdir().expect("a temporary folder");
    let (ana, ben) = (open(&homes.path().join("ana")).await, open(&homes.path().join("ben")).await);
    ana.init("Ana", 1).await.expect("a person");
    ben.init("Ben", 2).await.expect("a person");
    let space = ana.create_space("Field station").await.expect("a space").id;
    let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
    for relay in [&ample, &scarce] {
        ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
    }
    scarce.kill();
    ana.go_online().await.expect("the loopback interface");
    let link = ana.invite(&space, "editor", None, None).await.expect("a link");
    ben.join(&link).await.expect("Ben joins");
    ben.shutdown().await.expect("all is saved");
    drop(ben);
    for line in 0..20 {
        ana.append(&document, &format!("Entry {line} of the log.")).await.expect("words");
    }
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    ana.shutdown().await.expect("all is saved");
    let acknowledged = relay_entries(&ample, &space);
    assert!(acknowledged > 12, "the quota of the other is not reached by {acknowledged} entries");

    scarce.start_again();
    soon("the other having all of it", || async { (relay_entries(&scarce, &space) == acknowledged).then_some(()) })
        .await;
    drop(ample);
    let ben = open(&homes.path().join("ben")).await;
    ben.go_online().await.expect("the loopback interface");
    soon("Ben having the last word", || async { text(&ben, &document).await.contains("Entry 19 of").then_some(()) })
        .await;
    ben.shutdown().await.expect("all is saved");
}
