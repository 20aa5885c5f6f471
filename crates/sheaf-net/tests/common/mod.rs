//! Devices on loopback, and waiting for a condition with a deadline.

#![allow(dead_code)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use sheaf_access::DeviceId;
use sheaf_net::{
    ConnectionState, DisconnectReason, Events, Limits, Net, NetConfig, NetEvent, Stream, StreamKey, Timings,
};
use tokio::time::{Instant, timeout};

/// Everything that should happen happens within this time, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Impatient settings, so that tests of waiting do not wait long.
pub fn config(seed: u8) -> NetConfig {
    let timings = Timings {
        dial: Duration::from_secs(2),
        handshake: Duration::from_secs(2),
        first_frame: Duration::from_secs(5),
        admission: Duration::from_secs(30),
        keep_alive: Duration::from_millis(300),
        idle: Duration::from_millis(1500),
        flush: Duration::from_secs(1),
        retry: Duration::from_millis(50),
        retry_cap: Duration::from_millis(400),
        steady: Duration::from_secs(10),
    };
    NetConfig { listen: Some("127.0.0.1:0".parse().unwrap()), discovery: false, timings, ..NetConfig::new([seed; 32]) }
}

pub fn with_limits(seed: u8, change: impl FnOnce(&mut Limits)) -> NetConfig {
    let mut config = config(seed);
    change(&mut config.limits);
    config
}

pub fn space(n: u8) -> Stream {
    Stream::Space(StreamKey::from_bytes([n; 32]))
}

/// A device, and the events that were looked past.
pub struct Device {
    pub net: Net,
    pub events: Events,
    pub seen: VecDeque<NetEvent>,
}

impl Device {
    pub async fn open(config: NetConfig) -> Self {
        let (net, events) = Net::bind(config).await.unwrap();
        Self { net, events, seen: VecDeque::new() }
    }

    pub fn id(&self) -> DeviceId {
        self.net.id()
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.net.addresses()
    }

    pub fn dial(&self, other: &Device) {
        self.net.dial(other.id(), other.addresses()).unwrap();
    }

    /// The next event that the condition picks; the ones before it are put aside for later questions.
    pub async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&NetEvent) -> Option<T>) -> T {
        if let Some((at, found)) = self.seen.iter().enumerate().find_map(|(at, event)| Some((at, pick(event)?))) {
            self.seen.remove(at);
            return found;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = timeout(left, self.events.recv()).await else {
                panic!("waited too long for {what}; saw {:?}; {:?}", summary(&self.seen), self.net.counts());
            };
            let event = event.unwrap_or_else(|| panic!("the network closed while waiting for {what}"));
            if let Some(found) = pick(&event) {
                return found;
            }
            self.seen.push_back(event);
        }
    }

    pub async fn connected(&mut self, other: DeviceId) -> ([u8; 32], bool) {
        self.until("Connected", |event| match event {
            NetEvent::Connected { device, nonce, outgoing } if *device == other => Some((*nonce, *outgoing)),
            _ => None,
        })
        .await
    }

    pub async fn disconnected(&mut self, other: DeviceId) -> DisconnectReason {
        self.until("Disconnected", |event| match event {
            NetEvent::Disconnected { device, reason } if *device == other => Some(*reason),
            _ => None,
        })
        .await
    }

    pub async fn frame(&mut self) -> (DeviceId, Stream, Vec<u8>) {
        self.until("a frame", |event| match event {
            NetEvent::Frame { device, stream, bytes } => Some((*device, *stream, bytes.to_vec())),
            _ => None,
        })
        .await
    }

    pub async fn state(&mut self, other: DeviceId, wanted: impl Fn(ConnectionState) -> bool) -> ConnectionState {
        self.until("a state", |event| match event {
            NetEvent::State { device, state } if *device == other && wanted(*state) => Some(*state),
            _ => None,
        })
        .await
    }
}

fn summary(events: &VecDeque<NetEvent>) -> Vec<String> {
    let short = |event: &NetEvent| {
        let mut text = format!("{event:?}");
        text.truncate(120);
        text
    };
    events.iter().rev().take(20).rev().map(short).collect()
}

/// Waits until something holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Two devices, connected; the first dialled.
pub async fn pair(first: NetConfig, second: NetConfig) -> (Device, Device) {
    let mut first = Device::open(first).await;
    let mut second = Device::open(second).await;
    first.dial(&second);
    let (ours, outgoing) = first.connected(second.id()).await;
    let (theirs, incoming) = second.connected(first.id()).await;
    assert_eq!(ours, theirs, "both derive the same nonce");
    assert!(outgoing && !incoming);
    second.net.admit(first.id());
    (first, second)
}
