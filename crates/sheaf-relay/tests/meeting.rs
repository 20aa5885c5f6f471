//! The meeting point, from outside: devices that cannot reach each other meet there, and nobody takes it for themselves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sheaf_net::{Events, Net, NetConfig, NetEvent, Stream};
use sheaf_relay::board::Board;
use sheaf_relay::config::{Bytes as Size, Config, Count, Door, Meeting as Settings, Tls};
use sheaf_relay::meeting::{Meeting, MeetingError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

fn settings() -> Settings {
    Settings { listen: Door(Some(SocketAddr::from(([127, 0, 0, 1], 0)))), ..Config::default().meeting }
}

async fn open(settings: &Settings) -> (Meeting, Arc<Board>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let board = Arc::new(Board::new());
    let meeting = Meeting::open(settings, folder.path(), board.clone()).await.expect("it opens");
    (meeting.expect("it is wanted"), board, folder)
}

async fn device(seed: u8, meetings: &[String]) -> (Net, Events) {
    let config = NetConfig {
        listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        discovery: false,
        meetings: meetings.to_vec(),
        ..NetConfig::new([seed; 32])
    };
    Net::bind(config).await.expect("a free port")
}

async fn until<T>(events: &mut Events, what: &str, mut pick: impl FnMut(NetEvent) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = pick(events.recv().await.expect("the network is open")) {
                return found;
            }
        }
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

async fn hear(events: &mut Events) -> Bytes {
    let frame = |event| match event {
        NetEvent::Frame { bytes, .. } => Some(bytes),
        _ => None,
    };
    until(events, "a frame", frame).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_that_know_no_address_of_each_other_meet_through_it() {
    let (meeting, _board, _folder) = open(&settings()).await;
    let url = format!("http://{}", meeting.address());
    let (ana, mut to_ana) = device(1, std::slice::from_ref(&url)).await;
    // Ben hears of the meeting point later, from a relay's link.
    let (ben, mut to_ben) = device(2, &[]).await;
    assert_eq!(ben.meet_at(std::slice::from_ref(&url)).await, [], "it is a URL");

    ana.dial(ben.id(), Vec::new()).expect("ben is a device");
    until(&mut to_ana, "the connection", |event| matches!(event, NetEvent::Connected { .. }).then_some(())).await;
    ben.admit(ana.id());
    ana.send(ben.id(), Stream::Control, &b"through the meeting point"[..]).expect("they are connected");
    assert_eq!(&hear(&mut to_ben).await[..], b"through the meeting point");
    ben.send(ana.id(), Stream::Control, &b"and back"[..]).expect("they are connected");
    assert_eq!(&hear(&mut to_ana).await[..], b"and back");
    takes(&meeting, 2).await;

    ana.shutdown(Duration::from_secs(1)).await;
    ben.shutdown(Duration::from_secs(1)).await;
    takes(&meeting, 0).await;
    meeting.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_meeting_point_nobody_is_asked_and_they_do_not_meet() {
    let (ana, mut to_ana) = device(3, &[]).await;
    let (ben, _to_ben) = device(4, &[]).await;
    ana.dial(ben.id(), Vec::new()).expect("ben is a device");
    let failed = |event| match event {
        NetEvent::State { state, .. } => matches!(state, sheaf_net::ConnectionState::Backoff { .. }).then_some(()),
        NetEvent::Connected { .. } => panic!("there is no way to get there"),
        _ => None,
    };
    until(&mut to_ana, "the dial to fail", failed).await;
    assert_eq!(ana.meet_at(&["relay.example.org".to_owned()]).await.len(), 1, "that is no URL");
}

async fn takes(meeting: &Meeting, places: usize) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while meeting.connections() != places {
        assert!(tokio::time::Instant::now() < deadline, "{} places are taken, not {places}", meeting.connections());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Asks the meeting point how far away it is, and answers what it says; nothing, if it hangs up.
async fn probe(address: SocketAddr) -> String {
    let Ok(mut stream) = TcpStream::connect(address).await else { return String::new() };
    let asked = stream.write_all(b"GET /ping HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n").await;
    let mut answer = String::new();
    if asked.is_ok() {
        // Hung up on: what came before that is the answer.
        let _ = timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("it answers or hangs up");
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_all_places() {
    let settings = Settings { connections_per_address: Count(4), accepts_per_second: Count(1_000), ..settings() };
    let (meeting, board, _folder) = open(&settings).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(meeting.address()).await.expect("it listens"));
    }
    takes(&meeting, 4).await;
    assert_eq!(probe(meeting.address()).await, "", "the fifth is hung up on");
    assert_eq!(board.meters().meeting_refused.get(), 1);
    drop(silent);
    takes(&meeting, 0).await;
    assert!(probe(meeting.address()).await.starts_with("HTTP/1.1 200"));
    meeting.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_served_there() {
    let (meeting, _board, _folder) = open(&Settings { bytes_per_second: Size(1 << 20), ..settings() }).await;
    for path in ["/", "/metrics", "/healthz", "/../x"] {
        let mut stream = TcpStream::connect(meeting.address()).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_from_files_it_speaks_tls() {
    let made = rcgen::generate_simple_self_signed(vec!["relay.test".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (certificate, key) = (folder.path().join("relay.pem"), folder.path().join("relay.key"));
    std::fs::write(&certificate, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let tls = Tls { certificate: Some(certificate), key: Some(key.clone()), ..Tls::default() };
    let (meeting, ..) = open(&Settings { tls: tls.clone(), ..settings() }).await;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("it is a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(meeting.address()).await.expect("it listens");
    let name = "relay.test".try_into().expect("a name");
    let connector = tokio_rustls_acme::tokio_rustls::TlsConnector::from(Arc::new(client));
    let mut stream = connector.connect(name, stream).await.expect("the certificate is the one in the file");
    stream.write_all(b"GET /ping HTTP/1.1\r\nHost: relay.test\r\nConnection: close\r\n\r\n").await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!probe(meeting.address()).await.contains("HTTP"), "plain HTTP is not spoken there");

    std::fs::write(&key, "not a key").expect("a file");
    let refused = Meeting::open(&Settings { tls, ..settings() }, folder.path(), Arc::new(Board::new())).await;
    assert!(matches!(refused, Err(MeetingError::Certificate(_))), "{refused:?}");
}
