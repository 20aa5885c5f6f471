//! What a node may set, and what tests make small.

use std::net::SocketAddr;
use std::time::Duration;

/// How to open the network.
#[derive(Clone)]
pub struct NetConfig {
    /// The device's Ed25519 secret seed. Its public key is the device's id, and what others prove they talk to.
    pub key: [u8; 32],
    /// Where to listen. None: any port, on all interfaces, IPv4 and IPv6. An address: there and nowhere else.
    pub listen: Option<SocketAddr>,
    /// Whether to announce this device on the local network, and listen for others (mDNS). When false, no multicast
    /// socket is opened at all.
    pub discovery: bool,
    /// Where to meet devices that cannot be reached directly: URLs of meeting points (iroh-relays). None, and nobody on the
    /// internet is asked for anything; [`Net::meet_at`](crate::Net::meet_at) names others later.
    pub meetings: Vec<String>,
    /// The mDNS service others are found under. Only tests, which must not find each other's devices, set another.
    pub service: String,
    /// How long things may take.
    pub timings: Timings,
    /// How much of everything there may be.
    pub limits: Limits,
}

impl NetConfig {
    /// The usual settings for a device with this key.
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            listen: None,
            discovery: true,
            meetings: Vec::new(),
            service: "sheaf".to_owned(),
            timings: Timings::default(),
            limits: Limits::default(),
        }
    }
}

/// The secret key stays out of every log line.
impl std::fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetConfig")
            .field("listen", &self.listen)
            .field("discovery", &self.discovery)
            .field("meetings", &self.meetings)
            .field("service", &self.service)
            .field("timings", &self.timings)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// A dial, from the first packet to the other side's greeting. Stale addresses would otherwise stall it for half a
    /// minute.
    pub dial: Duration,
    /// An incoming connection, from its first packet to its greeting.
    pub handshake: Duration,
    /// A stranger's first frame, from the greeting.
    pub first_frame: Duration,
    /// The node's word that a stranger may stay ([`Net::admit`](crate::Net::admit)), from the greeting.
    pub admission: Duration,
    /// How often a quiet connection says that it is alive.
    pub keep_alive: Duration,
    /// How long a connection may be silent before its other end counts as gone.
    pub idle: Duration,
    /// What is still queued when a connection is hung up gets this long to leave.
    pub flush: Duration,
    /// The wait after the first failure. It doubles with each further one.
    pub retry: Duration,
    /// The longest wait between two attempts.
    pub retry_cap: Duration,
    /// A connection that lasted this long was a good one: the next failure is a first failure again.
    pub steady: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
            first_frame: Duration::from_secs(5),
            admission: Duration::from_secs(30),
            keep_alive: Duration::from_secs(2),
            idle: Duration::from_secs(6),
            flush: Duration::from_secs(1),
            retry: Duration::from_millis(400),
            retry_cap: Duration::from_mins(1),
            steady: Duration::from_secs(20),
        }
    }
}

/// How much of everything there may be. None of these is a verdict on what is sent: whoever meets one tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all. Devices that the node dials or has admitted are served first.
    pub connections: usize,
    /// Connections of devices that the node has not admitted yet.
    pub strangers: usize,
    /// Connections that came in from one IP address.
    pub connections_per_address: usize,
    /// Incoming handshakes at the same time.
    pub handshakes: usize,
    /// Of those, from one IP address.
    pub handshakes_per_address: usize,
    /// Streams this side keeps open on a connection, one per busy space; the one unused for longest makes room.
    pub streams: usize,
    /// Bytes that may wait to be sent on one connection; half of it on one stream.
    pub queue_bytes: usize,
    /// Frames that may wait to be sent on one connection; half of them on one stream.
    pub queue_frames: usize,
    /// With more bytes than this waiting, presence is dropped (N4).
    pub presence_busy_bytes: usize,
    /// Events that may wait for the node. What comes in beyond them waits in the network, and so with its sender.
    pub events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            strangers: 32,
            connections_per_address: 256,
            handshakes: 64,
            handshakes_per_address: 32,
            streams: 32,
            queue_bytes: 4 << 20,
            queue_frames: 4096,
            presence_busy_bytes: 64 << 10,
            events: 64,
        }
    }
}
