//! Three relays and three NATS servers: each is killed, one is cut off, and nothing that was acknowledged is lost.

use std::time::{Duration, Instant};

use sheaf_node::Node;
use sheaf_tests::{NatsServers, RelayProcess, soon};

use crate::{open, relay, text, waiting};

/// Everyone who takes part.
struct Cluster {
    nats: NatsServers,
    relays: Vec<RelayProcess>,
    ana: Node,
    document: String,
    written: usize,
}

impl Cluster {
    /// Ana writes while something is wrong, and it is measured how long it takes until everything is acknowledged.
    async fn recovers(&mut self, what: &str) {
        let begun = Instant::now();
        for _ in 0..5 {
            self.ana.append(&self.document, &format!("word-{}", self.written)).await.expect("words");
            self.written += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let acknowledged = || async { (waiting(&self.ana, &self.document).await == 0).then_some(()) };
        soon(what, acknowledged).await;
        println!("{what}: everything acknowledged after {:.1} s", begun.elapsed().as_secs_f64());
    }

    /// Which relay Ana is connected to.
    async fn serving(&self) -> Option<usize> {
        let placement = self.ana.placement(&self.document).await.expect("a document");
        let there = placement
            .places
            .iter()
            .find(|place| place.relay && matches!(place.link, sheaf_node::Link::Live | sheaf_node::Link::Syncing))?;
        self.relays.iter().position(|relay| relay.id() == there.device)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_relay_and_any_server_may_die() {
    let kills = std::env::var("SHEAF_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(1).min(12);
    let nats = NatsServers::start(3);
    let relays: Vec<RelayProcess> = (0..3).map(|_| relay(&nats)).collect();
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    let space = ana.create_space("Field station").await.expect("a space").id;
    let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
    for relay in &relays {
        ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
    }
    ana.go_online().await.expect("the loopback interface");
    let link = ana.invite(&space, "editor", None, None).await.expect("a link");
    let mut all = Cluster { nats, relays, ana, document, written: 0 };
    all.recovers("at the start").await;

    for round in 0..kills {
        if round % 2 == 0 {
            let serving = soon("Ana being connected", || all.serving()).await;
            all.relays[serving].kill();
            all.recovers("a relay killed").await;
            all.relays[serving].start_again();
        } else {
            let server = round / 2 % 3;
            all.nats.kill(server);
            all.recovers("a NATS server killed").await;
            all.nats.start_again(server);
        }
    }
    all.nats.signal(1, "STOP");
    all.recovers("a NATS server cut off").await;
    all.nats.signal(1, "CONT");
    all.recovers("healed").await;

    // From here on what was acknowledged is with the relays alone; and each of them, by itself, has all of it.
    let Cluster { nats: _nats, mut relays, ana, document, written } = all;
    let serving = ana.placement(&document).await.expect("a document").places;
    let serving = serving.iter().find(|place| place.relay && place.waiting == 0).map(|place| place.device.clone());
    ana.shutdown().await.expect("all is saved");
    for relay in relays.iter_mut().filter(|relay| Some(relay.id()) == serving) {
        relay.kill();
    }
    let ben = open(&homes.path().join("ben")).await;
    ben.init("Ben", 2).await.expect("a person");
    ben.join(&link).await.expect("Ben joins through another relay");
    let last = format!("word-{}", written - 1);
    soon("Ben having the last word", || async { text(&ben, &document).await.contains(&last).then_some(()) }).await;
    let text = text(&ben, &document).await;
    for number in 0..written {
        let count = text.lines().filter(|line| line.trim() == format!("word-{number}")).count();
        assert_eq!(count, 1, "word-{number} of {written}");
    }
    ben.shutdown().await.expect("all is saved");
}
