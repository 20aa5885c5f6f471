//! Why a connection ended: the code that crosses the wire, and what the node is told.

use std::fmt;

use iroh::endpoint::{ConnectionError, VarInt};

/// What an end says when it closes a connection. The numbers are part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CloseCode {
    /// This device is going away: sleep, quit, shutdown.
    Bye = 1,
    /// This device has no more to do with the other, for now.
    HungUp = 2,
    /// Another connection between the same two devices is used instead.
    Superseded = 3,
    /// No room for another connection.
    Busy = 4,
    /// A stranger that said nothing in time.
    Silent = 5,
    /// A stranger that the node did not admit in time.
    NotAdmitted = 6,
    /// A frame larger than [`FRAME_MAX`](crate::FRAME_MAX), or presence larger than
    /// [`PRESENCE_MAX`](crate::PRESENCE_MAX).
    TooLarge = 7,
    /// Bytes that are no greeting, no stream header or no frame.
    Malformed = 8,
    /// A stream that ended inside a frame.
    Truncated = 9,
    /// A greeting of a version this device does not speak.
    Version = 10,
    /// What was inside the frames broke the rules of synchronisation.
    Protocol = 11,
}

impl CloseCode {
    const ALL: [Self; 11] = [
        Self::Bye,
        Self::HungUp,
        Self::Superseded,
        Self::Busy,
        Self::Silent,
        Self::NotAdmitted,
        Self::TooLarge,
        Self::Malformed,
        Self::Truncated,
        Self::Version,
        Self::Protocol,
    ];

    /// As it crosses the wire.
    pub(crate) fn wire(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }

    fn from_wire(code: VarInt) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.wire() == code)
    }

    /// Whether it accuses the other end of breaking the protocol. Trying again soon would bring the same.
    pub fn is_fault(self) -> bool {
        matches!(self, Self::TooLarge | Self::Malformed | Self::Truncated | Self::Version | Self::Protocol)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bye => "it is going offline",
            Self::HungUp => "it has nothing more to say",
            Self::Superseded => "another connection is used instead",
            Self::Busy => "it has no room for another connection",
            Self::Silent => "nothing was said in time",
            Self::NotAdmitted => "it was not let in",
            Self::TooLarge => "a frame was too large",
            Self::Malformed => "a frame was malformed",
            Self::Truncated => "a frame was cut short",
            Self::Version => "the two speak different versions; update Sheaf on both devices",
            Self::Protocol => "the rules of synchronisation were broken",
        })
    }
}

/// Why a connection ended, or was never made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// This side closed it.
    Ours(CloseCode),
    /// The other side closed it. None: with a code this version does not know, or by just stopping.
    Theirs(Option<CloseCode>),
    /// Nothing was heard for too long.
    Lost,
    /// Nobody answered at any of the addresses in time.
    Unreachable,
}

impl DisconnectReason {
    /// Whether either side accuses the other of breaking the protocol.
    pub fn is_fault(self) -> bool {
        match self {
            Self::Ours(code) | Self::Theirs(Some(code)) => code.is_fault(),
            _ => false,
        }
    }

    pub(crate) fn from_error(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::Theirs(CloseCode::from_wire(close.error_code)),
            ConnectionError::ConnectionClosed(_) | ConnectionError::TransportError(_) => Self::Theirs(None),
            ConnectionError::VersionMismatch => Self::Theirs(Some(CloseCode::Version)),
            ConnectionError::LocallyClosed => Self::Ours(CloseCode::Bye),
            _ => Self::Lost,
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(code) => write!(f, "closed here ({code})"),
            Self::Theirs(Some(code)) => write!(f, "closed by the other device: {code}"),
            Self::Theirs(None) => f.write_str("closed by the other device"),
            Self::Lost => f.write_str("the other device went silent"),
            Self::Unreachable => f.write_str("the other device did not answer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back_as_they_went() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_wire(code.wire()), Some(code));
        }
        assert_eq!(CloseCode::from_wire(VarInt::from_u32(0)), None);
        assert_eq!(CloseCode::from_wire(VarInt::from_u32(12)), None);
    }
}
