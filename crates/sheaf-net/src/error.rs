//! What can go wrong here, as sentences for a person.

use std::net::SocketAddr;

use sheaf_access::DeviceId;

/// The network could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {reason}. Another program may be using it; choose another port, or leave --listen away."
    )]
    Address {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// A meeting point's URL is none.
    #[error(transparent)]
    Meeting(#[from] NotAMeeting),
    /// No network socket could be opened.
    #[error("cannot open a network socket: {0}. Sheaf needs permission to use UDP.")]
    Socket(String),
}

/// A meeting point has no such URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{url}` is not the URL of a meeting point: it begins with https:// or http:// and names a host. Copy the relay's link again, whole."
)]
pub struct NotAMeeting {
    pub(crate) url: String,
}

/// A frame, or presence, was not taken. It was not sent, not even in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The device is slow to take what is already queued for it. [`NetEvent::Drained`](crate::NetEvent::Drained) says
    /// when there is room again; the store still has everything.
    #[error("{bytes} bytes in {frames} frames are waiting for {device} already; wait until it has caught up")]
    Full {
        /// Which device.
        device: DeviceId,
        /// Bytes that wait.
        bytes: usize,
        /// Frames that wait.
        frames: usize,
    },
    /// There is no connection with the device now.
    #[error("{0} is not connected")]
    NotConnected(DeviceId),
    /// Larger than a frame may be.
    #[error("a frame of {0} bytes is over the limit of {limit} bytes; send it in parts", limit = crate::FRAME_MAX)]
    TooLarge(usize),
    /// Larger than presence may be.
    #[error("presence of {0} bytes is over the limit of {limit} bytes", limit = crate::PRESENCE_MAX)]
    PresenceTooLarge(usize),
    /// A frame without a single byte.
    #[error("a frame needs at least one byte")]
    Empty,
}

/// A device cannot be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// It is this device.
    #[error("that is this device's own id; an invitation is opened on another device")]
    Myself,
    /// The id is no Ed25519 public key.
    #[error("{0} is not the id of any device; copy it again, whole")]
    NotADevice(DeviceId),
    /// The network has been shut down.
    #[error("the network is closed; start Sheaf again")]
    Closed,
}
