//! What happened, counted: refusals and drops that nobody is told about one by one.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counted since the network was opened.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The counters behind [`Counts`].
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counters {
            /// As they stand.
            pub(crate) fn read(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Incoming connections whose handshake was begun.
    accepted,
    /// Incoming connections turned away before the handshake, because too many were under way.
    refused_handshakes,
    /// Handshakes that failed or took too long.
    failed_handshakes,
    /// Proved connections turned away because there was no room for them.
    refused_connections,
    /// Strangers sent away because they said nothing, or were not admitted, in time.
    expired_strangers,
    /// Frames over the cap.
    too_large,
    /// Bytes that were no greeting, no stream header or no frame.
    malformed,
    /// Streams that ended inside a frame.
    truncated,
    /// Greetings in another version.
    other_version,
    /// Frames that arrived whole.
    frames_in,
    /// Frames handed to the network.
    frames_out,
    /// Presence that was not sent, because the connection was busy.
    presence_unsent,
    /// Presence that arrived, but the node was busy.
    presence_unread,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
