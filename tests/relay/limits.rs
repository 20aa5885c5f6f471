//! Somebody sends more than a relay takes: carets go first, words never; and a quota that is used up is said in plain words.

use sheaf_node::{Node, NodeEvent, Options, ToCore, ToWindow};
use sheaf_sync::{NotNow, Refusal};
use sheaf_tests::raw::Answer;
use sheaf_tests::{HOSTILE, RelayProcess, Scene, soon, told};

use crate::keeper::show;
use crate::members::call;
use crate::operating::metric;
use crate::{SPACE, TITLE, free, waiting};

async fn open(home: &std::path::Path) -> Node {
    let listen = Some("127.0.0.1:0".parse().expect("an address"));
    Node::open(Options { listen, ..Options::alone(home.to_owned()) }).await.expect("a home")
}

/// Carets come faster than the relay takes them from one connection. They are what it drops: no word waits for them, and nobody is
/// hung up on.
#[tokio::test(flavor = "multi_thread")]
async fn carets_are_dropped_first_and_words_never() {
    let http = free();
    let limits = [("SHEAF_RELAY_LIMITS__PRESENCE_PER_SECOND", "1"), ("SHEAF_RELAY_LIMITS__BURST", "1 s")];
    let relay = RelayProcess::start_with_env(&["--http", &http.to_string()], &limits);
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    let space = ana.create_space(SPACE).await.expect("a space").id;
    let document = ana.create_document(Some(&space), TITLE).await.expect("a document").id;
    ana.append(&document, "Where are you?").await.expect("words");
    ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
    ana.go_online().await.expect("the loopback interface");
    let acknowledged = || async { (waiting(&ana, &document).await == 0).then_some(()) };
    soon("everything being acknowledged", acknowledged).await;
    let connections = metric(http, "sheaf_relay_connections_opened_total");

    let (window, mut heard) = ana.open_session(&document).await.expect("a window");
    let Some(ToWindow::Reset { number, .. }) = heard.recv().await else { panic!("no reset came first") };
    window.send(ToCore::Seen { seen: number, made: 0 });
    let mut at = 0;
    soon("carets being dropped", || {
        at = (at + 1) % 5;
        window.send(ToCore::Select { seen: number, made: 0, anchor: Some(at), head: Some(at) });
        async move { (metric(http, "sheaf_relay_too_fast_total") > 3).then_some(()) }
    })
    .await;
    window.close().await.expect("all is saved");
    ana.append(&document, "Written all the same.").await.expect("words");
    soon("everything being acknowledged", acknowledged).await;
    assert_eq!(metric(http, "sheaf_relay_entries_refused_total"), 0);
    assert_eq!(metric(http, "sheaf_relay_connections_opened_total"), connections, "it was hung up on");
    ana.shutdown().await.expect("all is saved");
}

/// A member fills the space. Its owner removes them at the relay all the same, and a checkpoint comes that lets it prune.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_fills_a_space_can_be_removed_from_it() {
    let relay = RelayProcess::start_with_env(&[], &[("SHEAF_RELAY_QUOTAS__SPACE_ENTRIES", "40")]);
    let scene = Scene::new().await;
    scene.ana.add_relay(relay.link(), Some(&scene.space)).await.expect("Ana names it");
    let (raw, _to_ana, mut held) = scene.mallory("editor").await;
    let acknowledged = || async { (waiting(&scene.ana, &scene.document).await == 0).then_some(()) };
    soon("the relay having everything", acknowledged).await;
    let mut line = call(&raw, &relay).await;
    line.frontier(held.space, &held.frontier()).await;
    let mut room = 41;
    loop {
        let words = raw.words(&held, scene.document_id(), HOSTILE);
        match line.send(held.space, &[words.encoded()]).await {
            Answer::Taken => held.take(words),
            Answer::Refused(refused) => {
                assert_eq!(refused, [(0, Refusal::NotNow(NotNow::Quota))]);
                break;
            }
            Answer::Closed(code) => panic!("it was hung up on: {code:?}"),
        }
        room -= 1;
        assert!(room > 0, "it took more than there may be");
    }
    line.hang_up().await;

    let shown = || show(&relay.data(), &scene.space);
    assert_eq!(shown()["members"].as_u64(), Some(3));
    scene.ana.revoke(&scene.space, &raw.certificate.person.to_string()).await.expect("Ana removes them");
    soon("the relay knowing of it", || async { (shown()["members"].as_u64() == Some(2)).then_some(()) }).await;
    scene.ana.checkpoint(&scene.space).await.expect("a checkpoint");
    let held = || async { shown()["checkpoints"].as_array().is_some_and(|held| !held.is_empty()).then_some(()) };
    soon("the relay holding a checkpoint", held).await;
    soon("everything being acknowledged", acknowledged).await;
}

/// The blobs of a checkpoint have no room: whoever brings it is told so, and everything else is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_blobs_that_is_used_up_is_said_in_plain_words() {
    let relay = RelayProcess::start_with_env(&[], &[("SHEAF_RELAY_QUOTAS__SPACE_BLOBS", "1 B")]);
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    let space = ana.create_space(SPACE).await.expect("a space").id;
    let document = ana.create_document(Some(&space), TITLE).await.expect("a document").id;
    for line in 0..12 {
        ana.append(&document, &format!("Entry {line} of the log.")).await.expect("words");
    }
    ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
    let mut events = ana.subscribe();
    ana.go_online().await.expect("the loopback interface");
    // Before what they say is in the checkpoint alone, for which there is no room.
    soon("the words being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    ana.checkpoint(&space).await.expect("a checkpoint");
    told(
        "Ana being told that there is no room",
        &mut events,
        |event| matches!(event, NodeEvent::RelayRefused { reason, .. } if reason.contains("all that it may have")),
    )
    .await;
    // Every entry is there all the same, the checkpoint's own among them.
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    ana.shutdown().await.expect("all is saved");
}
