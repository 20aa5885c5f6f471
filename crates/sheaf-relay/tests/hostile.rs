//! Hostile traffic on a live relay, for a bounded time: it does not fall over, its memory stays where it was, and whoever
//! behaves is served meanwhile.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::RngExt;
use sheaf_net::{Net, NetConfig, NetEvent, Stream, StreamKey, Timings};
use sheaf_relay::Relay;
use sheaf_relay::config::{Bytes, Config, Door, Mode};
use sheaf_sync::{Hosting, MAX_HOSTED};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(2);
/// How many devices flood it.
const FLOODERS: u8 = 4;

/// How many frames: ten times `SHEAF_CASES`, which is a million in a long run, or ten thousand.
fn frames() -> u64 {
    std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse::<u64>().ok()).map_or(10_000, |cases| cases * 10)
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A device that does not wait to be told twice.
async fn device(seed: u8) -> (Net, sheaf_net::Events) {
    let timings =
        Timings { retry: Duration::from_millis(1), retry_cap: Duration::from_millis(5), ..Timings::default() };
    let config = NetConfig { listen: Some(loopback()), discovery: false, timings, ..NetConfig::new([seed; 32]) };
    Net::bind(config).await.expect("a free port")
}

#[cfg(target_os = "linux")]
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has a size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

#[cfg(not(target_os = "linux"))]
fn memory() -> u64 {
    0
}

/// Sends what is no frame until so many were sent, connecting again whenever it is hung up on.
async fn flood(seed: u8, relay: sheaf_access::DeviceId, at: Vec<SocketAddr>, count: u64) {
    let (net, mut events) = device(seed).await;
    net.dial(relay, at).expect("a relay is a device");
    let mut sent = 0;
    while sent < count {
        let event = timeout(PATIENCE, events.recv()).await.expect("the relay lets it in again").expect("it is open");
        if !matches!(event, NetEvent::Connected { .. }) {
            continue;
        }
        // Until it is hung up on, or its own queue is full.
        loop {
            let mut bytes: Vec<u8> = (0..rand::rng().random_range(1..200)).map(|_| rand::random()).collect();
            // Half of them look as if they were for somebody else, which is no fault, only too much of it.
            bytes[0] = if rand::random() { bytes[0] | 0x80 } else { bytes[0] & 0x7f };
            let stream =
                if rand::random() { Stream::Control } else { Stream::Space(StreamKey::from_bytes(rand::random())) };
            if net.send(relay, stream, bytes).is_err() || sent >= count {
                break;
            }
            sent += 1;
            tokio::task::yield_now().await;
        }
    }
    net.shutdown(Duration::from_millis(100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_nonsense_costs_no_memory_and_keeps_nobody_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config =
        Config { data: folder.path().join("data"), listen: loopback(), http: Door(None), ..Config::default() };
    config.quotas.disk_reserve = Bytes(0);
    let relay = Relay::start(config).await.expect("it starts");
    let link: sheaf_access::RelayLink = relay.link().parse().expect("its own link");
    let at: Vec<SocketAddr> = link.relay.addresses.iter().map(|address| address.parse().expect("its own")).collect();
    let (id, before, began) = (relay.id(), memory(), Instant::now());

    let floods: Vec<_> = (0..FLOODERS)
        .map(|seed| tokio::spawn(flood(100 + seed, id, at.clone(), frames() / u64::from(FLOODERS))))
        .collect();
    // Whoever behaves gets in while it goes on.
    let (polite, mut events) = device(1).await;
    polite.dial(id, at).expect("a relay is a device");
    let connected = async { while !matches!(events.recv().await, Some(NetEvent::Connected { .. })) {} };
    timeout(PATIENCE, connected).await.expect("there is room");
    for flood in floods {
        timeout(PATIENCE * 10, flood).await.expect("it comes to an end").expect("it does not fail");
    }

    let meters = relay.board().meters();
    assert!(meters.rules_broken.get() > 0, "nonsense was noticed");
    let grown = memory().saturating_sub(before);
    assert!(grown < 256 << 20, "{} MiB more than before", grown >> 20);
    println!("{} frames in {:?}, {} MiB more", frames(), began.elapsed(), grown >> 20);
    assert_eq!(meters.entries_stored.get(), 0);
    relay.drain().await;
}

/// Names as many spaces as a relay hears from one connection, of which there is nothing anywhere, and one more.
async fn name_spaces(seed: u8, relay: sheaf_access::DeviceId, at: Vec<SocketAddr>) {
    let (net, mut events) = device(seed).await;
    net.dial(relay, at).expect("a relay is a device");
    let came = |event: Option<NetEvent>| event.expect("it is open");
    while !matches!(came(events.recv().await), NetEvent::Connected { .. }) {}
    for count in [MAX_HOSTED, MAX_HOSTED, MAX_HOSTED, MAX_HOSTED, 1] {
        let spaces = (0..count).map(|_| sheaf_access::SpaceId::from_bytes(rand::random())).collect();
        let ask = Hosting::Ask { spaces, token: Vec::new() }.encode();
        net.send(relay, Stream::Control, ask).expect("there is room");
    }
    // It is hung up on for the last one: so the others were heard.
    while !matches!(came(events.recv().await), NetEvent::Disconnected { .. }) {}
    net.shutdown(Duration::from_millis(100)).await;
}

/// Whoever names spaces of which nothing ever comes costs a relay that asks for no token next to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn naming_spaces_costs_no_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config =
        Config { data: folder.path().join("data"), listen: loopback(), http: Door(None), ..Config::default() };
    config.quotas.disk_reserve = Bytes(0);
    config.admission.mode = Mode::Open;
    let relay = Relay::start(config).await.expect("it starts");
    let link: sheaf_access::RelayLink = relay.link().parse().expect("its own link");
    let at: Vec<SocketAddr> = link.relay.addresses.iter().map(|address| address.parse().expect("its own")).collect();
    let id = relay.id();
    let naming: Vec<_> = (0..FLOODERS).map(|seed| tokio::spawn(name_spaces(50 + seed, id, at.clone()))).collect();
    let mut most = 0;
    while !naming.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(relay.board().meters().spaces_open.get());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for one in naming {
        timeout(PATIENCE, one).await.expect("it comes to an end").expect("it does not fail");
    }
    assert!((1..=64 * u64::from(FLOODERS)).contains(&most), "{most} spaces were open at once");
    relay.drain().await;
}
