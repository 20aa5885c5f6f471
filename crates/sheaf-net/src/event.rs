//! What the network tells the node.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use sheaf_access::DeviceId;

use crate::{ConnectionState, DisconnectReason};

/// Names one of a connection's space streams. Opaque here; the node derives it from the space and the connection's
/// nonce, so that it tells an outsider nothing (N1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey([u8; 32]);

impl StreamKey {
    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamKey({:02x}{:02x}{:02x}{:02x})", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// Which stream a frame travels on. Frames of one stream arrive in the order they were sent; between streams there is
/// no order, so that a large catch-up of one space does not hold up a keystroke in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// What concerns the connection as a whole.
    Control,
    /// What concerns one space.
    Space(StreamKey),
}

/// Something happened on the network. For each connection: `Connected`, then its frames, then `Disconnected`; a
/// connection to the same device that takes its place comes after that. `State` is for showing, and ordered only with
/// other `State`s of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetEvent {
    /// A connection stands. The other end has proved that it holds the device's key.
    Connected {
        /// The other device.
        device: DeviceId,
        /// The same 32 bytes on both ends, known to nobody else, and different for every connection.
        nonce: [u8; 32],
        /// Whether this side dialled.
        outgoing: bool,
    },
    /// A frame came in.
    Frame {
        /// From whom.
        device: DeviceId,
        /// On which stream.
        stream: Stream,
        /// At most [`FRAME_MAX`](crate::FRAME_MAX) of them.
        bytes: Bytes,
    },
    /// Presence came in (N4).
    Presence {
        /// From whom.
        device: DeviceId,
        /// At most [`PRESENCE_MAX`](crate::PRESENCE_MAX) of them.
        bytes: Bytes,
    },
    /// After [`SendError::Full`](crate::SendError::Full): there is room again.
    Drained {
        /// To whom.
        device: DeviceId,
    },
    /// The connection is gone. If the device is to be kept in touch with, it is dialled again without being asked.
    Disconnected {
        /// The other device.
        device: DeviceId,
        /// Why.
        reason: DisconnectReason,
    },
    /// A device announced itself on the local network, or its addresses there changed. Unproved: anyone on the network
    /// can announce anything. Nothing is dialled unless the node asks, or had asked before.
    Found {
        /// Which device it says it is.
        device: DeviceId,
        /// Where it says it listens.
        addresses: Vec<SocketAddr>,
    },
    /// The life cycle of the connection with a device moved on. Steps in between may be left out.
    State {
        /// The other device.
        device: DeviceId,
        /// Where it stands now.
        state: ConnectionState,
    },
}
