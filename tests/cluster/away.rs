//! NATS goes away and comes back: nothing is acknowledged meanwhile, and everything is afterwards.

use sheaf_node::Link;
use sheaf_tests::{NatsServers, RelayProcess, soon};

use crate::{TOKEN, open, text, waiting};

/// The state that the operators' page shows.
fn readiness(http: &str) -> (u16, String) {
    let answer = minreq::get(format!("http://{http}/readyz")).with_timeout(5).send().expect("the relay answers");
    (answer.status_code, answer.as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_while_nats_is_away() {
    let mut nats = NatsServers::start(1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let http = listener.local_addr().expect("a bound socket has an address").to_string();
    drop(listener);
    let urls = nats.urls();
    let env = [("SHEAF_RELAY_ADMISSION__TOKEN", TOKEN)];
    let mut relay = RelayProcess::start_with_env(&["--cluster", &urls, "--http", &http], &env);
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    let space = ana.create_space("Field station").await.expect("a space").id;
    let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
    ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
    ana.go_online().await.expect("the loopback interface");
    let link = ana.invite(&space, "editor", None, None).await.expect("a link");
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    assert_eq!(readiness(&http), (200, "ready\n".to_owned()));
    // Ben is there to see that what is sent is passed on all the same.
    let ben = open(&homes.path().join("ben")).await;
    ben.init("Ben", 2).await.expect("a person");
    ben.join(&link).await.expect("Ben joins through the relay");
    soon("Ben's joining being known", || async { (waiting(&ben, &document).await == 0).then_some(()) }).await;

    nats.kill(0);
    soon("the relay noticing", || async { (readiness(&http).0 == 503).then_some(()) }).await;
    ana.append(&document, "Written without NATS.").await.expect("words");
    let reached = || async { text(&ben, &document).await.contains("without NATS").then_some(()) };
    soon("Ben having it all the same", reached).await;
    assert!(waiting(&ana, &document).await > 0, "it was acknowledged, and is on one machine alone");
    // Stopped and started again, the relay has it on its disk, and still does not say that it is safe.
    relay.kill();
    let connected = || async {
        let placement = ana.placement(&document).await.expect("a document");
        placement.places.iter().any(|place| place.relay && matches!(place.link, Link::Live | Link::Syncing))
    };
    soon("Ana noticing that the relay is gone", || async { (!connected().await).then_some(()) }).await;
    relay.start_again();
    ana.try_now();
    soon("Ana being in touch again", || async { connected().await.then_some(()) }).await;
    assert!(readiness(&http).1.contains("away"));
    assert!(waiting(&ana, &document).await > 0, "it was acknowledged, and is on one machine alone");

    nats.start_again(0);
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    assert_eq!(readiness(&http), (200, "ready\n".to_owned()));
    ana.shutdown().await.expect("all is saved");
    ben.shutdown().await.expect("all is saved");
}

/// A server that would take no large entry is found at the start, and the operator is told what to set.
#[test]
fn a_server_that_takes_too_little_is_said_at_the_start() {
    let nats = NatsServers::start_with(1, "max_payload: 256KB");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ran = std::process::Command::new(sheaf_tests::program("sheaf-relay"))
        .args(["serve", "--http", "off", "--listen", "127.0.0.1:0", "--cluster", &nats.urls(), "--data"])
        .arg(folder.path())
        .env("SHEAF_RELAY_ADMISSION__TOKEN", TOKEN)
        .output()
        .expect("the program starts");
    assert_eq!(ran.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("max_payload"), "{said}");
}
