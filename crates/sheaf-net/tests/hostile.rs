//! Peers that speak QUIC and our ALPN, and nothing else that is right.

mod common;

use std::time::Duration;

use common::{Device, PATIENCE, config, eventually, space, with_limits};
use iroh::endpoint::{Connection, ConnectionError, PortmapperConfig, RecvStream, SendStream, presets};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode, SecretKey, TransportAddr};
use sheaf_access::DeviceId;
use sheaf_net::{ALPN, CloseCode, DisconnectReason, FRAME_MAX, NetEvent, PRESENCE_MAX};
use tokio::time::{Instant, timeout};

/// A device that says what it likes.
struct Rogue {
    endpoint: Endpoint,
}

impl Rogue {
    async fn new() -> Self {
        Self::with_key(SecretKey::generate()).await
    }

    async fn with_key(key: SecretKey) -> Self {
        let endpoint = Endpoint::builder(presets::Minimal)
            .relay_mode(RelayMode::Disabled)
            .portmapper_config(PortmapperConfig::Disabled)
            .secret_key(key)
            .alpns(vec![ALPN.to_vec()])
            .clear_ip_transports()
            .bind_addr("127.0.0.1:0")
            .unwrap()
            .bind()
            .await
            .unwrap();
        Self { endpoint }
    }

    fn id(&self) -> DeviceId {
        DeviceId::from_bytes(*self.endpoint.id().as_bytes())
    }

    async fn connect(&self, to: &Device) -> Result<Connection, iroh::endpoint::ConnectError> {
        let id = EndpointId::from_bytes(to.id().as_bytes()).unwrap();
        let address = EndpointAddr::from_parts(id, to.addresses().into_iter().map(TransportAddr::Ip));
        self.endpoint.connect(address, ALPN).await
    }

    /// A right greeting, as the last right thing.
    fn greeting(&self, to: &Device) -> Vec<u8> {
        let pick = u64::from(self.id() < to.id());
        let mut frame = vec![0, 0, 0, 33, 1];
        for number in [7_u64, pick, 0, 0] {
            frame.extend(number.to_be_bytes());
        }
        frame
    }

    async fn greeted(&self, to: &Device) -> (Connection, SendStream, RecvStream) {
        let connection = self.connect(to).await.unwrap();
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.write_all(&self.greeting(to)).await.unwrap();
        let mut answer = [0; 37];
        timeout(PATIENCE, recv.read_exact(&mut answer)).await.unwrap().unwrap();
        (connection, send, recv)
    }
}

/// How often a rogue tries to be told why it is refused.
const TRIES: u64 = 5;

/// The code a connection was closed with. None: it was reset. Whoever closes a connection forgets it within a few round trips,
/// and answers what still comes on it with a reset; when the machine is so busy that both arrive together, the reset hides the
/// code. Nobody can rely on being told: what the closing side counted is what matters, and a new attempt asks again.
async fn code_of(connection: &Connection) -> Option<u64> {
    match timeout(PATIENCE, connection.closed()).await.expect("waited too long for the close") {
        ConnectionError::ApplicationClosed(close) => Some(close.error_code.into_inner()),
        ConnectionError::Reset => None,
        other => panic!("{other}"),
    }
}

/// A connection was closed with this code, as far as the other side was told.
async fn closed_with(connection: &Connection, code: CloseCode) {
    if let Some(told) = code_of(connection).await {
        assert_eq!(told, code as u64);
    }
}

fn faults(device: &Device) -> u64 {
    let counts = device.net.counts();
    counts.too_large + counts.malformed + counts.truncated + counts.other_version
}

#[tokio::test]
async fn garbage_in_place_of_a_greeting_is_refused_and_counted() {
    let ana = Device::open(config(1)).await;
    let rogue = Rogue::new().await;
    let cases: [(&[u8], CloseCode); 5] = [
        (b"GET / HTTP/1.1\r\n\r\n", CloseCode::TooLarge),
        (&[0, 0, 0, 0, 9, 9], CloseCode::Malformed),
        (&[0, 0, 0, 1, 99], CloseCode::Version),
        (&[0, 0, 0, 3, 1, 2, 3], CloseCode::Malformed),
        (&[0, 0, 0, 33, 1, 2, 3], CloseCode::Truncated),
    ];
    let mut counted = 0;
    for (bytes, code) in cases {
        let mut told = None;
        for _ in 0..TRIES {
            let connection = rogue.connect(&ana).await.unwrap();
            let (mut send, _recv) = connection.open_bi().await.unwrap();
            send.write_all(bytes).await.unwrap();
            send.finish().unwrap();
            told = code_of(&connection).await;
            counted += 1;
            eventually("it is counted", || faults(&ana) == counted).await;
            if told.is_some() {
                break;
            }
        }
        assert_eq!(told, Some(code as u64), "{bytes:?}");
    }
    assert!(ana.net.status().is_empty());
}

#[tokio::test]
async fn whoever_claims_to_pick_but_may_not_is_refused() {
    let ana = Device::open(config(1)).await;
    let rogue = Rogue::new().await;
    let connection = rogue.connect(&ana).await.unwrap();
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    let mut greeting = rogue.greeting(&ana);
    greeting[20] ^= 1;
    send.write_all(&greeting).await.unwrap();
    closed_with(&connection, CloseCode::Malformed).await;
    eventually("it is counted", || ana.net.counts().malformed == 1).await;
}

#[tokio::test]
async fn rules_broken_on_a_connection_end_it_with_the_reason() {
    let mut ana = Device::open(config(1)).await;
    let rogue = Rogue::new().await;
    let over = (FRAME_MAX as u32 + 1).to_be_bytes();
    let presence_over = (PRESENCE_MAX as u32 + 1).to_be_bytes();
    let space_stream: Vec<u8> = [&[1][..], &[9; 32]].concat();
    // What a new stream carries (or the control stream, if none), whether it is finished, and the verdict.
    let cases: Vec<(bool, Vec<u8>, bool, CloseCode)> = vec![
        (false, over.to_vec(), false, CloseCode::TooLarge),
        (false, vec![0xff; 4], false, CloseCode::TooLarge),
        (false, vec![0; 4], false, CloseCode::Malformed),
        (false, vec![0, 0, 0, 5, 1], true, CloseCode::Truncated),
        (false, vec![0, 0], true, CloseCode::Truncated),
        (true, vec![77], false, CloseCode::Malformed),
        (true, vec![1, 2, 3], true, CloseCode::Malformed),
        (true, [&space_stream[..], &over].concat(), false, CloseCode::TooLarge),
        (true, [&space_stream[..], &[0, 0, 0, 9, 1]].concat(), true, CloseCode::Truncated),
        (true, [&[2], &presence_over[..]].concat(), false, CloseCode::TooLarge),
    ];
    for (n, (new_stream, bytes, finish, code)) in cases.into_iter().enumerate() {
        let (connection, mut control, _recv) = rogue.greeted(&ana).await;
        ana.connected(rogue.id()).await;
        let mut own;
        let stream = if new_stream {
            own = connection.open_uni().await.unwrap();
            &mut own
        } else {
            &mut control
        };
        stream.write_all(&bytes).await.unwrap();
        if finish {
            stream.finish().unwrap();
        }
        assert_eq!(ana.disconnected(rogue.id()).await, DisconnectReason::Ours(code), "case {n}");
        closed_with(&connection, code).await;
        assert_eq!(faults(&ana), n as u64 + 1);
    }
    assert_eq!(ana.net.counts().frames_in, 0, "nothing of it reached the node");
}

#[tokio::test]
async fn a_stream_reset_in_the_middle_of_a_frame_is_a_truncated_frame() {
    let mut ana = Device::open(config(1)).await;
    let rogue = Rogue::new().await;
    let (connection, mut control, _recv) = rogue.greeted(&ana).await;
    ana.connected(rogue.id()).await;
    control.write_all(&[0, 0, 0, 9, 1, 2]).await.unwrap();
    control.reset(5_u32.into()).unwrap();
    assert_eq!(ana.disconnected(rogue.id()).await, DisconnectReason::Ours(CloseCode::Truncated));
    closed_with(&connection, CloseCode::Truncated).await;
}

#[tokio::test]
async fn a_length_that_nothing_follows_holds_up_nobody_else() {
    let mut ana = Device::open(config(200)).await;
    let rogue = Rogue::new().await;
    let (connection, _control, _recv) = rogue.greeted(&ana).await;
    ana.net.admit(rogue.id());
    let mut streams = Vec::new();
    for n in 0..20 {
        let Ok(Ok(mut stream)) = timeout(Duration::from_secs(1), connection.open_uni()).await else { break };
        stream.write_all(&[&[1][..], &[n; 32], &(FRAME_MAX as u32).to_be_bytes()].concat()).await.unwrap();
        streams.push(stream);
    }
    assert_eq!(streams.len(), 20);
    let mut ben = Device::open(config(2)).await;
    ben.dial(&ana);
    ben.connected(ana.id()).await;
    ben.net.send(ana.id(), space(1), vec![1]).unwrap();
    assert_eq!(ana.frame().await.2, [1]);
}

#[tokio::test]
async fn a_stranger_that_says_nothing_is_sent_away() {
    let mut quick = config(1);
    quick.timings.first_frame = Duration::from_millis(300);
    let mut ana = Device::open(quick).await;
    let rogue = Rogue::new().await;
    let (connection, _control, _recv) = rogue.greeted(&ana).await;
    closed_with(&connection, CloseCode::Silent).await;
    assert_eq!(ana.disconnected(rogue.id()).await, DisconnectReason::Ours(CloseCode::Silent));
    assert_eq!(ana.net.counts().expired_strangers, 1);
}

#[tokio::test]
async fn a_stranger_the_node_does_not_admit_is_sent_away_and_an_admitted_one_stays() {
    let mut quick = config(1);
    quick.timings.first_frame = Duration::from_millis(300);
    quick.timings.admission = Duration::from_millis(600);
    let mut ana = Device::open(quick).await;
    let (rogue, guest) = (Rogue::new().await, Rogue::new().await);
    let (one, mut talk, _recv) = rogue.greeted(&ana).await;
    talk.write_all(&[0, 0, 0, 1, 9]).await.unwrap();
    let (other, _control, _recv2) = guest.greeted(&ana).await;
    ana.connected(guest.id()).await;
    ana.net.admit(guest.id());
    closed_with(&one, CloseCode::NotAdmitted).await;
    assert_eq!(ana.disconnected(rogue.id()).await, DisconnectReason::Ours(CloseCode::NotAdmitted));
    assert!(other.close_reason().is_none());
    assert_eq!(ana.net.status().len(), 1);
}

#[tokio::test]
async fn a_connection_without_a_greeting_is_dropped_in_time() {
    let mut quick = config(1);
    quick.timings.handshake = Duration::from_millis(300);
    let ana = Device::open(quick).await;
    let rogue = Rogue::new().await;
    let connection = rogue.connect(&ana).await.unwrap();
    timeout(PATIENCE, connection.closed()).await.unwrap();
    assert_eq!(ana.net.counts().failed_handshakes, 1);
}

#[tokio::test]
async fn another_protocol_is_not_spoken() {
    let ana = Device::open(config(1)).await;
    let rogue = Rogue::new().await;
    let id = EndpointId::from_bytes(ana.id().as_bytes()).unwrap();
    let address = EndpointAddr::from_parts(id, ana.addresses().into_iter().map(TransportAddr::Ip));
    assert!(rogue.endpoint.connect(address, b"sheaf/99").await.is_err());
}

/// A thousand connections from as many strangers, sixteen at a time: no more of them stand than may, and a known device
/// is served throughout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_strangers_do_not_displace_a_friend() {
    const STRANGERS: usize = 8;
    let limited = with_limits(1, |limits| {
        limits.strangers = STRANGERS;
        limits.connections = STRANGERS + 2;
        limits.handshakes = 12;
        limits.handshakes_per_address = 12;
    });
    let mut ana = Device::open(limited).await;
    let mut ben = Device::open(config(2)).await;
    ana.net.admit(ben.id());
    ben.dial(&ana);
    ana.connected(ben.id()).await;
    ben.connected(ana.id()).await;

    // The rogues share a few sockets, as 1,000 endpoints would test the machine rather than the limits.
    let (net, addresses) = (ana.net.clone(), ana.addresses());
    let crowd = tokio::spawn(async move {
        let mut held = Vec::new();
        let mut attempts = 0;
        let mut rogues = Vec::new();
        for _ in 0..20 {
            rogues.push(std::sync::Arc::new(Rogue::new().await));
        }
        let id = EndpointId::from_bytes(net.id().as_bytes()).unwrap();
        while attempts < 1000 {
            let mut batch = tokio::task::JoinSet::new();
            for n in 0..16 {
                let rogue = rogues[(attempts + n) % rogues.len()].clone();
                let address = EndpointAddr::from_parts(id, addresses.iter().copied().map(TransportAddr::Ip));
                batch.spawn(async move {
                    let connection =
                        timeout(Duration::from_secs(2), rogue.endpoint.connect(address, ALPN)).await.ok()?.ok()?;
                    let (mut send, recv) = connection.open_bi().await.ok()?;
                    // Half of them never greet.
                    if n % 2 == 0 {
                        let mut frame = vec![0, 0, 0, 33, 1];
                        for number in [7, u64::from(rogue.id() < DeviceId::from_bytes(*id.as_bytes())), 0, 0] {
                            frame.extend(number.to_be_bytes());
                        }
                        send.write_all(&frame).await.ok()?;
                    }
                    Some((connection, send, recv))
                });
            }
            attempts += 16;
            held.extend(batch.join_all().await.into_iter().flatten());
            held.retain(|(connection, ..)| connection.close_reason().is_none());
            let standing = net.status().iter().filter(|peer| !peer.admitted && peer.state.is_connected()).count();
            assert!(standing <= STRANGERS, "{standing} strangers");
        }
    });

    let mut served = 0_u32;
    let mut slowest = Duration::ZERO;
    while !crowd.is_finished() {
        let asked = Instant::now();
        ben.net.send(ana.id(), space(1), served.to_be_bytes().to_vec()).unwrap();
        let bytes = timeout(PATIENCE, async {
            loop {
                match ana.events.recv().await.unwrap() {
                    NetEvent::Frame { device, bytes, .. } if device == ben.id() => return bytes,
                    NetEvent::Disconnected { device, reason } => assert_ne!(device, ben.id(), "{reason}"),
                    _ => {}
                }
            }
        })
        .await
        .expect("the friend is served");
        assert_eq!(bytes[..], served.to_be_bytes());
        slowest = slowest.max(asked.elapsed());
        served += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    crowd.await.unwrap();
    let counts = ana.net.counts();
    println!("served {served} frames, the slowest in {slowest:?}; {counts:?}");
    assert!(served > 10 && slowest < Duration::from_secs(5));
    assert!(counts.refused_handshakes + counts.refused_connections > 0, "the limits were met: {counts:?}");
}

/// One address that fills its share of the handshakes cannot keep others out.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_cannot_take_all_the_handshakes() {
    let limited = with_limits(1, |limits| {
        limits.handshakes = 8;
        limits.handshakes_per_address = 6;
    });
    let mut ana = Device::open(limited).await;
    let rogue = Rogue::new().await;
    let mut held = Vec::new();
    while held.len() < 6 {
        // They never greet, and come again as soon as they are dropped.
        held.push(rogue.connect(&ana).await.unwrap());
    }
    assert!(rogue.connect(&ana).await.is_err(), "its share is taken");
    assert_eq!(ana.net.counts().refused_handshakes, 1);
    let mut ben =
        Device::open(sheaf_net::NetConfig { listen: Some("127.0.0.2:0".parse().unwrap()), ..config(2) }).await;
    let asked = Instant::now();
    ben.dial(&ana);
    ben.connected(ana.id()).await;
    ana.connected(ben.id()).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(ana.net.counts().refused_handshakes, 1);
}

/// Strangers fill their places; a device the node knows still gets in.
#[tokio::test]
async fn strangers_leave_room_for_a_known_device() {
    let mut ana = Device::open(with_limits(1, |limits| limits.strangers = 2)).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let rogue = Rogue::new().await;
        held.push((rogue.greeted(&ana).await, rogue));
    }
    let late = Rogue::new().await;
    let mut told = None;
    for tries in 1..=TRIES {
        let connection = late.connect(&ana).await.unwrap();
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(&late.greeting(&ana)).await.unwrap();
        told = code_of(&connection).await;
        eventually("it is turned away", || ana.net.counts().refused_connections == tries).await;
        if told.is_some() {
            break;
        }
    }
    assert_eq!(told, Some(CloseCode::Busy as u64));
    let mut ben = Device::open(config(2)).await;
    ana.net.admit(ben.id());
    ben.dial(&ana);
    ben.connected(ana.id()).await;
    ana.connected(ben.id()).await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let mut host = Device::open(with_limits(201, |limits| limits.connections_per_address = 2)).await;
    let mut guests = Vec::new();
    for seed in 202..205 {
        let guest = Device::open(config(seed)).await;
        guest.dial(&host);
        guests.push(guest);
    }
    eventually("the third to be turned away", || host.net.counts().refused_connections > 0).await;
    let connected = |host: &Device| host.net.status().iter().filter(|peer| peer.outgoing.is_some()).count();
    eventually("two to be connected", || connected(&host) == 2).await;
    // When one goes, its place is free.
    let here: Vec<_> =
        host.net.status().iter().filter(|peer| peer.outgoing.is_some()).map(|peer| peer.device).collect();
    let (gone, stays) = guests.into_iter().partition::<Vec<_>, _>(|guest| guest.id() == here[0]);
    for guest in gone {
        guest.net.shutdown(Duration::from_secs(1)).await;
    }
    for guest in &stays {
        host.connected(guest.id()).await;
    }
}
