//! What a space, a connection and an entry cost a relay in a cluster: the numbers that docs/scaling.md counts with.

use std::path::Path;

use sheaf_tests::{NatsServers, RelayProcess, soon};

use crate::{TOKEN, open, waiting};

const SPACES: u64 = 40;
const ENTRIES: u64 = 1_000;
const PEOPLE: u64 = 12;

/// Bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// The memory of a process that is its own, in bytes.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1_024
}

/// The processor time of a process, in hundredths of a second.
fn processor(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap_or("").split(' ').filter_map(|field| field.parse().ok()).collect();
    // After the name and the state, of which the latter is a letter: user and system time are the 11th and 12th number.
    fields.get(10).zip(fields.get(11)).map_or(0, |(user, system)| user + system)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and takes a minute: docs/scaling.md says how it is run"]
async fn what_it_costs() {
    let nats = NatsServers::start(3);
    let urls = nats.urls();
    let relay = RelayProcess::start_with_env(&["--cluster", &urls], &[("SHEAF_RELAY_ADMISSION__TOKEN", TOKEN)]);
    let homes = tempfile::tempdir().expect("a temporary folder");
    let ana = open(&homes.path().join("ana")).await;
    ana.init("Ana", 1).await.expect("a person");
    ana.go_online().await.expect("the loopback interface");
    let state = || (size(&relay.data()), size(nats.folder()), memory(relay.pid()), processor(relay.pid()));

    let before = state();
    let mut last = (String::new(), String::new());
    for n in 0..SPACES {
        let space = ana.create_space(&format!("Space {n}")).await.expect("a space").id;
        let document = ana.create_document(Some(&space), "Log").await.expect("a document").id;
        ana.add_relay(relay.link(), Some(&space)).await.expect("a relay");
        last = (space, document);
    }
    let (space, document) = last;
    let acknowledged = || async { (waiting(&ana, &document).await == 0).then_some(()) };
    soon("the spaces being acknowledged", acknowledged).await;
    let spaces = state();
    println!(
        "a space that begins: {} bytes on the relay's disk, {} on the three NATS servers', {} of memory while open",
        (spaces.0 - before.0) / SPACES,
        (spaces.1 - before.1) / SPACES,
        spaces.2.saturating_sub(before.2) / SPACES
    );

    for n in 0..ENTRIES {
        ana.append(&document, &format!("The marmalade convoy leaves at dawn, {n}.")).await.expect("words");
        soon("it being acknowledged", acknowledged).await;
    }
    let entries = state();
    println!(
        "an entry of a line: {} bytes on the relay's disk, {} on the three NATS servers', {} µs of processor time at the relay",
        (entries.0 - spaces.0) / ENTRIES,
        (entries.1 - spaces.1) / ENTRIES,
        (entries.3 - spaces.3) * 10_000 / ENTRIES
    );

    let link = ana.invite(&space, "viewer", None, None).await.expect("a link");
    soon("the invitation being acknowledged", acknowledged).await;
    let alone = state();
    let mut people = Vec::new();
    for n in 0..PEOPLE {
        let person = open(&homes.path().join(n.to_string())).await;
        person.init(&format!("Reader {n}"), 2).await.expect("a person");
        person.join(&link).await.expect("a reader joins");
        people.push(person);
    }
    println!("a connection: {} bytes of memory at the relay", memory(relay.pid()).saturating_sub(alone.2) / PEOPLE);
    for person in people {
        person.shutdown().await.expect("all is saved");
    }
    ana.shutdown().await.expect("all is saved");
}
