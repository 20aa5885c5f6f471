//! The handle the node holds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use iroh::{Endpoint, EndpointId};
use sheaf_access::DeviceId;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::discovery::Discovery;
use crate::frame::{FRAME_MAX, PRESENCE_MAX};
use crate::meetings::{self, Meetings};
use crate::outbox::Refused;
use crate::shared::{Events, Shared};
use crate::switchboard::{Command, Switchboard};
use crate::transport;
use crate::{
    BindError, CloseCode, ConnectionState, Counts, DialError, DisconnectReason, NetConfig, NotAMeeting, SendError,
    Stream,
};

/// The network of one device. Cloning gives another handle on the same one; when the last handle is dropped, everything
/// it runs is ended at once ([`Net::shutdown`] ends it politely).
#[derive(Clone, Debug)]
pub struct Net {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: DeviceId,
    endpoint: Endpoint,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
    /// Those of the configuration.
    configured: Meetings,
    /// Those that the endpoint knows. Held while that changes, so that it changes one way at a time.
    meetings: Mutex<Meetings>,
    discovery: DiscoveryStatus,
    switchboard: AbortHandle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // With it go all the tasks it started.
        self.switchboard.abort();
    }
}

/// Whether devices on the local network can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryStatus {
    /// As the configuration says.
    Off,
    /// Announcing and listening.
    On,
    /// This machine's network does not do it, for this reason. Everything else works.
    Unavailable(String),
}

/// How things stand with one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Which.
    pub device: DeviceId,
    /// Where its connection stands.
    pub state: ConnectionState,
    /// Whether the node asked to be in touch with it.
    pub wanted: bool,
    /// Whether its connection may stay: it was admitted, or dialled.
    pub admitted: bool,
    /// Whether this side dialled the connection there is.
    pub outgoing: Option<bool>,
    /// Where the node said it is.
    pub addresses: Vec<SocketAddr>,
    /// Bytes that wait to be sent to it.
    pub waiting_bytes: usize,
    /// Frames that wait to be sent to it.
    pub waiting_frames: usize,
    /// Why the last connection ended, or the last dial failed.
    pub last: Option<DisconnectReason>,
}

/// What became of presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresenceSent {
    /// It will be sent, unless the connection gets busy before.
    Queued,
    /// The connection is busy, or not there. Later presence says more anyway.
    Dropped,
}

/// What a connection has carried, handshake and acknowledgements and all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Bytes sent, as UDP carries them.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

impl Net {
    /// Opens the network. Must be called within a tokio runtime; returns when the sockets are open, and waits for
    /// nobody.
    pub async fn bind(config: NetConfig) -> Result<(Self, Events), BindError> {
        let meetings = Meetings::of(&config.meetings)?;
        let endpoint = transport::bind(&config, &meetings).await?;
        let id = DeviceId::from_bytes(*endpoint.id().as_bytes());
        let (discovery, status) = if config.discovery {
            match Discovery::start(endpoint.id(), &config.service).await {
                Ok(discovery) => (Some(discovery), DiscoveryStatus::On),
                Err(reason) => {
                    tracing::warn!(%reason, "devices on the local network cannot be found");
                    (None, DiscoveryStatus::Unavailable(reason))
                }
            }
        } else {
            (None, DiscoveryStatus::Off)
        };
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = mpsc::channel(config.limits.events.max(1));
        let (commands, orders) = mpsc::unbounded_channel();
        let switchboard = Switchboard::new(endpoint.clone(), config, meetings.clone(), shared.clone(), sender);
        let switchboard = tokio::spawn(switchboard.run(orders, discovery)).abort_handle();
        let events = Events::new(receiver, shared.clone());
        let (configured, meetings) = (meetings.clone(), Mutex::new(meetings));
        let inner = Inner { id, endpoint, shared, commands, configured, meetings, discovery: status, switchboard };
        Ok((Self { inner: Arc::new(inner) }, events))
    }

    /// This device.
    pub fn id(&self) -> DeviceId {
        self.inner.id
    }

    /// Where this device listens, as far as others may reach it: what an invitation carries.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.inner.endpoint.addr().ip_addrs().copied().collect()
    }

    /// Be in touch with a device: dial it, and dial it again whenever the connection is lost, until
    /// [`Net::hang_up`]. The addresses are added to what is known of it; asking again is how to add some.
    pub fn dial(&self, device: DeviceId, addresses: Vec<SocketAddr>) -> Result<(), DialError> {
        if device == self.inner.id {
            return Err(DialError::Myself);
        }
        if EndpointId::from_bytes(device.as_bytes()).is_err() {
            return Err(DialError::NotADevice(device));
        }
        self.inner.commands.send(Command::Dial(device, addresses)).map_err(|_| DialError::Closed)
    }

    /// Meet devices at these meeting points and those of the configuration, from now on, and at no others: this device can
    /// be reached through them, and looks there for those it dials. The first [`MEETINGS_MAX`](crate::MEETINGS_MAX) count.
    /// Answers which of the URLs are none.
    pub async fn meet_at(&self, urls: &[String]) -> Vec<NotAMeeting> {
        let mut meetings = self.inner.meetings.lock().await;
        let (mut wanted, mut wrong) = (self.inner.configured.clone(), Vec::new());
        for url in urls {
            match meetings::parse(url) {
                Ok(url) => wanted.add(url),
                Err(error) => wrong.push(error),
            }
        }
        // What the endpoint answers is what it knew before, which is known here.
        for url in meetings.beyond(&wanted) {
            let _ = self.inner.endpoint.remove_relay(url).await;
        }
        for url in wanted.beyond(&meetings) {
            let _ = self.inner.endpoint.insert_relay(url.clone(), Arc::new(meetings::config(url.clone()))).await;
        }
        if *meetings != wanted {
            *meetings = wanted.clone();
            self.command(Command::Meet(wanted));
        }
        wrong
    }

    /// Have no more to do with a device: send what is queued, hang up, dial no more. When it connects by itself it is a
    /// stranger.
    pub fn hang_up(&self, device: DeviceId) {
        self.command(Command::HangUp(device));
    }

    /// End the connection with a device, and tell it why. If it is to be kept in touch with, it is dialled again; after
    /// [a fault](CloseCode::is_fault), in no hurry.
    pub fn close(&self, device: DeviceId, code: CloseCode) {
        self.command(Command::Close(device, code));
    }

    /// A device that connected by itself may stay, now and in the future. A connection that is neither admitted nor
    /// dialled ends after [`Timings::admission`](crate::Timings::admission).
    pub fn admit(&self, device: DeviceId) {
        self.command(Command::Admit(device));
    }

    /// This device and the other are in step: the connection is live, and earlier failures are forgotten.
    pub fn synced(&self, device: DeviceId) {
        self.command(Command::Synced(device));
    }

    /// Dial now whoever is being waited for: the machine woke up, or the person said "try now". When an address of this
    /// device changes, that happens by itself.
    pub fn wake(&self) {
        self.command(Command::Wake(None));
    }

    /// Dial one device now, if it is being waited for.
    pub fn wake_device(&self, device: DeviceId) {
        self.command(Command::Wake(Some(device)));
    }

    /// Sends a frame to a device, on a stream. Never waits: the frame is queued whole, or refused whole.
    pub fn send(&self, device: DeviceId, stream: Stream, frame: impl Into<Bytes>) -> Result<(), SendError> {
        let frame = frame.into();
        if frame.is_empty() {
            return Err(SendError::Empty);
        }
        if frame.len() > FRAME_MAX {
            return Err(SendError::TooLarge(frame.len()));
        }
        let outbox = self.inner.shared.outbox(&device).ok_or(SendError::NotConnected(device))?;
        outbox.push(stream, frame).map_err(|refused| match refused {
            Refused::Full(full) => SendError::Full { device, bytes: full.bytes, frames: full.frames },
            Refused::Closed => SendError::NotConnected(device),
        })
    }

    /// Sends presence to a device, if its connection has nothing better to do (N4).
    pub fn send_presence(&self, device: DeviceId, message: impl Into<Bytes>) -> Result<PresenceSent, SendError> {
        let message = message.into();
        if message.is_empty() {
            return Err(SendError::Empty);
        }
        if message.len() > PRESENCE_MAX {
            return Err(SendError::PresenceTooLarge(message.len()));
        }
        let outbox = self.inner.shared.outbox(&device).ok_or(SendError::NotConnected(device))?;
        Ok(outbox.push_presence(message, &self.inner.shared.counters))
    }

    /// How things stand with everyone the node is in touch with, or wants to be.
    pub fn status(&self) -> Vec<PeerStatus> {
        let all = self.inner.shared.all().into_iter();
        all.map(|(device, entry)| {
            let waiting = entry.outbox.as_ref().map(|outbox| outbox.waiting());
            PeerStatus {
                device,
                state: entry.state,
                wanted: entry.wanted,
                admitted: entry.admitted,
                outgoing: entry.outgoing,
                addresses: entry.addresses,
                waiting_bytes: waiting.map_or(0, |full| full.bytes),
                waiting_frames: waiting.map_or(0, |full| full.frames),
                last: entry.last,
            }
        })
        .collect()
    }

    /// What the connection with a device has carried so far, if there is one.
    pub fn carried(&self, device: DeviceId) -> Option<Carried> {
        let stats = self.inner.shared.connection(&device)?.upgrade()?.stats();
        Some(Carried { sent: stats.udp_tx.bytes, received: stats.udp_rx.bytes })
    }

    /// Whether devices on the local network can be found.
    pub fn discovery(&self) -> &DiscoveryStatus {
        &self.inner.discovery
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.inner.shared.counters.read()
    }

    /// Closes everything: what is queued is sent, each connection is closed with [`CloseCode::Bye`]. Returns when that
    /// is done, or the time is up and the rest was cut off.
    pub async fn shutdown(&self, within: Duration) {
        let (done, waiting) = oneshot::channel();
        self.command(Command::Shutdown(within, done));
        // An error: it had been shut down before.
        let _ = waiting.await;
    }

    fn command(&self, command: Command) {
        // Fails only after a shutdown, when there is nothing left to do it to.
        let _ = self.inner.commands.send(command);
    }
}
