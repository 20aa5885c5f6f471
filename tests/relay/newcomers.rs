//! Who has joined elsewhere comes to a relay that has not heard of it.

use sheaf_node::{Node, Options};
use sheaf_tests::{RelayProcess, soon};

use crate::{SPACE, TITLE, WORDS, waiting};

async fn open(home: &std::path::Path) -> Node {
    let listen = Some("127.0.0.1:0".parse().expect("an address"));
    Node::open(Options { listen, ..Options::alone(home.to_owned()) }).await.expect("a home")
}

/// Ben joins with Ana while the relay is down, and Ana is gone when it is back. He brings it what makes him a member himself, and
/// what Ana wrote meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn who_joined_elsewhere_brings_the_relay_what_makes_them_a_member() {
    let mut relay = RelayProcess::start();
    let homes = tempfile::tempdir().expect("a temporary folder");
    let (ana, ben) = (open(&homes.path().join("ana")).await, open(&homes.path().join("ben")).await);
    ana.init("Ana", 1).await.expect("a person");
    ben.init("Ben", 2).await.expect("a person");
    let space = ana.create_space(SPACE).await.expect("a space").id;
    let document = ana.create_document(Some(&space), TITLE).await.expect("a document").id;
    ana.append(&document, WORDS).await.expect("words");
    ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
    ana.go_online().await.expect("the loopback interface");
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    relay.kill();
    // The relay knows neither the invitation nor who redeems it.
    let link = ana.invite(&space, "editor", None, None).await.expect("a link");
    ben.join(&link).await.expect("Ben joins with Ana");
    ana.append(&document, "Written while the relay was away.").await.expect("words");
    let text = |node: Node| {
        let document = document.clone();
        async move { node.export(&document, sheaf_node::Format::Text).await.unwrap_or_default() }
    };
    let has = |words: Vec<u8>, what: &str| String::from_utf8_lossy(&words).contains(what).then_some(());
    soon("Ben having it", || async { has(text(ben.clone()).await, "was away") }).await;
    ana.shutdown().await.expect("all is saved");

    ben.append(&document, "Ben was here.").await.expect("words");
    relay.start_again();
    ben.try_now();
    soon("all of Ben's being acknowledged", || async { (waiting(&ben, &document).await == 0).then_some(()) }).await;
    ben.shutdown().await.expect("all is saved");
    drop(ana);
    let ana = open(&homes.path().join("ana")).await;
    ana.go_online().await.expect("the loopback interface");
    soon("Ana having Ben's words from the relay", || async { has(text(ana.clone()).await, "Ben was here.") }).await;
    ana.shutdown().await.expect("all is saved");
}
