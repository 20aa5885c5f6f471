//! A relay that is killed under load: nothing acknowledged is lost, and devices go on by themselves.

use std::path::Path;
use std::time::Duration;

use sheaf_node::{Format, Node, Options};
use sheaf_tests::{RelayProcess, soon};

use crate::waiting;

/// How often the relay is killed.
const KILLS: u64 = 6;

async fn open(home: &Path) -> Option<Node> {
    let listen = Some("127.0.0.1:0".parse().expect("an address"));
    Node::open(Options { listen, ..Options::alone(home.to_owned()) }).await.ok()
}

async fn text(node: &Node, document: &str) -> String {
    String::from_utf8(node.export(document, Format::Text).await.unwrap_or_default()).expect("text")
}

/// Random enough: when in the middle of what the relay is killed differs from run to run.
fn pause(round: u64) -> Duration {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    Duration::from_millis(150 + (u64::from(clock) / 1_000 + round * 97) % 700)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_a_relay_is_killed() {
    let mut relay = RelayProcess::start();
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await.expect("a home");
    ana.init("Ana", 1).await.expect("a person");
    let space = ana.create_space("Field station").await.expect("a space").id;
    let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
    ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
    ana.go_online().await.expect("the loopback interface");
    let link = ana.invite(&space, "editor", None, None).await.expect("a link");
    soon("the relay having the space", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;

    let mut written = 0;
    for round in 0..KILLS {
        let stop = tokio::time::Instant::now() + pause(round);
        while tokio::time::Instant::now() < stop {
            ana.append(&document, &format!("word-{written}")).await.expect("words");
            written += 1;
        }
        relay.kill();
        // Writing goes on without it.
        ana.append(&document, &format!("word-{written}")).await.expect("words");
        written += 1;
        relay.start_again();
        ana.try_now();
    }
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    // From here on the relay alone has it: killed once more, with nobody to bring anything again.
    relay.kill();
    ana.shutdown().await.expect("all is saved");
    relay.start_again();

    let ben = open(&homes.path().join("ben")).await.expect("a home");
    ben.init("Ben", 2).await.expect("a person");
    ben.join(&link).await.expect("Ben joins through the relay");
    let last = format!("word-{}", written - 1);
    soon("Ben having the last word", || async { text(&ben, &document).await.contains(&last).then_some(()) }).await;
    let text = text(&ben, &document).await;
    for number in 0..written {
        assert!(text.lines().any(|line| line.trim() == format!("word-{number}")), "word-{number} of {written} is lost");
    }
    ben.shutdown().await.expect("all is saved");
}
