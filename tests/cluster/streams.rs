//! One stream takes nothing any more: the spaces in it wait, it is named, and all others go on.

use sheaf_access::SpaceId;
use sheaf_tests::{NatsServers, RelayProcess, soon};

use crate::{TOKEN, open, waiting};

/// The stream that a space is in.
fn stream(space: &str) -> String {
    let space: SpaceId = space.parse().expect("a space's id");
    format!("SHEAF_{:02}", space.as_bytes()[0] % 16)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_takes_nothing_stops_its_own_spaces_and_no_others() {
    let nats = NatsServers::start(1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let http = listener.local_addr().expect("a bound socket has an address").to_string();
    drop(listener);
    let page = |path: &str| {
        let answer = minreq::get(format!("http://{http}/{path}")).with_timeout(5).send().expect("the relay answers");
        (answer.status_code, answer.as_str().unwrap_or_default().to_owned())
    };
    let env = [("SHEAF_RELAY_ADMISSION__TOKEN", TOKEN)];
    let relay = RelayProcess::start_with_env(&["--cluster", &nats.urls(), "--http", &http], &env);
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    ana.go_online().await.expect("the loopback interface");
    let mut spaces: Vec<(String, String)> = Vec::new();
    while spaces.len() < 2 {
        let space = ana.create_space("Field station").await.expect("a space").id;
        if spaces.iter().all(|(other, _)| stream(other) != stream(&space)) {
            let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
            ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
            soon("it being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
            spaces.push((space, document));
        }
    }
    let (stopped, goes_on) = (&spaces[0], &spaces[1]);
    assert_eq!(page("readyz"), (200, "ready\n".to_owned()));

    nats.choke(&stream(&stopped.0), true);
    ana.append(&stopped.1, "It waits.").await.expect("words");
    soon("the stream being named", || async { page("readyz").1.contains(&stream(&stopped.0)).then_some(()) }).await;
    assert!(page("metrics").1.contains("sheaf_relay_cluster_streams_away 1\n"));
    for line in 0..5 {
        ana.append(&goes_on.1, &format!("It goes on, {line}.")).await.expect("words");
        let acknowledged = || async { (waiting(&ana, &goes_on.1).await == 0).then_some(()) };
        soon("the other space being acknowledged", acknowledged).await;
        let (status, said) = page("readyz");
        assert!(status == 200 && said.contains(&stream(&stopped.0)), "{status} {said}");
        assert!(!said.contains(&stream(&goes_on.0)), "{said}");
    }
    assert!(waiting(&ana, &stopped.1).await > 0, "it is on one machine alone");

    nats.choke(&stream(&stopped.0), false);
    soon("it being acknowledged", || async { (waiting(&ana, &stopped.1).await == 0).then_some(()) }).await;
    soon("nothing being away", || async { (page("readyz") == (200, "ready\n".to_owned())).then_some(()) }).await;
    ana.shutdown().await.expect("all is saved");
}
