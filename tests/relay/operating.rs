//! What a relay's operator sees and does: pages, settings, signals, limits.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use sheaf_tests::{Home, RelayProcess, eventually, program};

use crate::{SPACE, TITLE, kept, kept_at};

/// A port of loopback that was free a moment ago.
pub fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address")
}

/// What is served at a path; nothing, when nobody answers.
fn page(at: SocketAddr, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(at) else { return String::new() };
    let request = format!("GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    // Hung up on: what came before that is the answer.
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    answer
}

/// The number behind a name.
pub fn metric(at: SocketAddr, name: &str) -> u64 {
    let scraped = page(at, "/metrics");
    let value = scraped.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{name} is not in {scraped}"))
}

#[test]
fn the_pages_say_how_busy_it_is_and_not_whose() {
    let http = free();
    let kept = kept_at(RelayProcess::start_with(&["--http", &http.to_string()]));
    assert!(page(http, "/readyz").starts_with("HTTP/1.1 200"));
    // Her own space is kept beside the one she shares.
    assert_eq!(metric(http, "sheaf_relay_hosted_total"), 2);
    assert_eq!(metric(http, "sheaf_relay_spaces"), 2);
    assert!(metric(http, "sheaf_relay_entries_stored_total") >= 3);
    assert!(metric(http, "sheaf_relay_bytes_in_total") > 1_000);
    let all = page(http, "/") + &page(http, "/metrics") + &page(http, "/healthz") + &page(http, "/readyz");
    let me = kept.ana.ok(&["whoami", "--json"]).json();
    for secret in [SPACE, TITLE, "Anastasia", &kept.space, &kept.document, me["person"].as_str().unwrap_or("person")] {
        assert!(!all.contains(secret), "{secret} is in {all}");
    }
}

#[cfg(unix)]
#[test]
fn a_quota_that_is_used_up_loses_nothing_and_more_of_it_is_taken_over_while_it_runs() {
    let (http, folder) = (free(), tempfile::tempdir().expect("a temporary folder"));
    let file = folder.path().join("relay.toml");
    let settings = |entries: &str| {
        let text = format!("[quotas]\nspace_entries = {entries}\n");
        std::fs::write(&file, text).expect("a file in a temporary folder");
    };
    settings("\"unlimited\"");
    let config = file.to_str().expect("a path is text").to_owned();
    let kept = kept_at(RelayProcess::start_with(&["--http", &http.to_string(), "--config", &config]));

    settings("1");
    kept.relay.signal("HUP");
    let mut home = 0;
    eventually("the quota to hold", || {
        home += 1;
        kept.ana.ok(&["doc", "edit", &kept.document, "--append", &format!("Line {home} is too much.")]);
        kept.ana.run(&["sync", "--once"]);
        (metric(http, "sheaf_relay_over_quota_total") > 0).then_some(())
    });
    let stored = metric(http, "sheaf_relay_entries_stored_total");
    let ran = kept.ana.run(&["sync", "--once"]);
    assert_ne!(ran.code, 0, "not everything is there: {ran:?}");
    assert_eq!(metric(http, "sheaf_relay_entries_stored_total"), stored);
    assert!(kept.ana.show(&kept.document).contains("Line 1 is too much."), "the sender keeps what is refused");

    // A file with a mistake changes nothing; one that is sound does.
    std::fs::write(&file, "[quotas]\nspace_entires = 5\n").expect("a file in a temporary folder");
    kept.relay.signal("HUP");
    settings("1000");
    kept.relay.signal("HUP");
    eventually("what waited to arrive", || {
        let synced = kept.ana.run(&["sync", "--once"]).code == 0;
        (synced && metric(http, "sheaf_relay_entries_stored_total") > stored).then_some(())
    });
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_finishes_and_says_so() {
    let mut kept = kept();
    kept.relay.signal("TERM");
    assert_eq!(kept.relay.ended(), Some(0));
    kept.relay.start_again();
    let ran = kept.ana.sync();
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn a_relay_for_certain_people_says_what_to_send_its_operator() {
    let ana = Home::of("Ana").on_loopback();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("relay.toml");
    let text = format!("[admission]\nmode = 'list'\npersons = ['{}']\n", sheaf_access::PersonId::from_bytes([9; 32]));
    std::fs::write(&file, text).expect("a file in a temporary folder");
    let relay = RelayProcess::start_with(&["--config", file.to_str().expect("a path is text")]);
    let space = ana.ok(&["space", "new", SPACE]).last_line();
    let added = ana.run(&["relay", "add", relay.link(), "--space", &space]);
    let synced = ana.run(&["sync", "--once"]);
    let listed = ana.run(&["relay", "list"]);
    let said = format!("{added:?}{synced:?}{listed:?}");
    assert!(said.contains("not on the relay's list. Ask whoever runs it."), "{said}");
    assert_eq!(ana.ok(&["space", "list", "--json"]).json().as_array().map(Vec::len), Some(2), "nothing is lost");
}

#[test]
fn a_mistake_in_the_settings_is_said_with_its_line_before_anything_is_opened() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("relay.toml");
    std::fs::write(&file, "listen = '127.0.0.1:0'\n[limits]\nconections = 3\n").expect("a file in it");
    let data = folder.path().join("data");
    for command in ["check-config", "serve"] {
        let ran = Command::new(program("sheaf-relay"))
            .args([command, "--config"])
            .arg(&file)
            .arg("--data")
            .arg(&data)
            .output()
            .expect("the program starts");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.contains("relay.toml:3: limits.conections") && said.contains("limits.connections"), "{said}");
    }
    assert!(!data.exists());
}

/// Takes one request, answers that all is well, and gives what came.
fn collect(listener: &TcpListener) -> Vec<u8> {
    let (mut stream, _) = listener.accept().expect("someone connects");
    let (mut all, mut some) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut some).expect("it sends");
        all.extend_from_slice(&some[..count]);
        let head = all.windows(4).position(|four| four == b"\r\n\r\n");
        let length = head.and_then(|head| {
            let head = String::from_utf8_lossy(&all[..head]).to_ascii_lowercase();
            head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())
        });
        if count == 0 || head.zip(length).is_some_and(|(head, length)| all.len() >= head + 4 + length) {
            break;
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("it listens");
    all
}

#[cfg(unix)]
#[test]
fn traces_go_where_they_are_asked_to_and_name_nobody() {
    let collector = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = collector.local_addr().expect("a bound socket has an address");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("relay.toml");
    std::fs::write(&file, format!("log.format = 'json'\ntraces.endpoint = 'http://{at}/v1/traces'\n")).expect("a file");
    let mut kept = kept_at(RelayProcess::start_with(&["--config", file.to_str().expect("a path is text")]));
    // The last spans leave when it stops, at the latest.
    kept.relay.signal("TERM");
    let sent = collect(&collector);
    assert_eq!(kept.relay.ended(), Some(0));
    let text = String::from_utf8_lossy(&sent);
    assert!(text.starts_with("POST /v1/traces") && text.contains("take in") && text.contains("sheaf-relay"), "{text}");
    for secret in [SPACE, TITLE, "Anastasia", &kept.space] {
        assert!(!text.contains(secret), "{secret}");
    }
}
