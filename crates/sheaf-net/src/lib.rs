//! Connections between devices.
//!
//! ```text
//!   node ── dial, admit, send ──▶ Net          Events ──▶ node
//!                                  │              ▲
//!                        commands  ▼              │ Connected, Frame…, Disconnected
//!                            switchboard ─────▶ links, one per connected device
//!                              ▲  ▲  ▲            │ writers and readers, one per stream
//!                     listen ──┘  │  └── mDNS     ▼
//!                               dials           iroh (QUIC)
//! ```
//!
//! **What it is for.** The node names devices; this crate finds them, connects, proves who is there, and keeps it so:
//! it dials again after a loss, slower and slower, and at once when the network changes. Between two devices there is
//! one connection, whoever dialled, with a stream per space ([`Stream`]). What a frame says is not known here; what it
//! may cost is.
//!
//! **A walk through it.** [`Net::bind`] opens the endpoint and starts the switchboard, the one task that
//! decides. [`Net::dial`] sets a device's [life cycle](lifecycle) going. A dial, or a connection that `listen` let in,
//! ends in two greetings that say which connection is used when there are two (`greeting`). Then a link takes it over,
//! tells the node `Connected`, and moves frames: out of a bounded queue (`outbox`), in through a bounded budget.
//!
//! **What it promises.**
//! - [`Net::send`] never waits. A peer that is slow fills its queue and then gets [`SendError::Full`]; nothing else
//!   grows, here or there.
//! - Frames of one stream arrive in order and whole, or the connection ends.
//! - For each connection the node hears `Connected`, its frames, `Disconnected`, in this order, and a frame it sends
//!   goes to the connection it has heard of, or nowhere.
//! - A stranger costs a bounded share of memory and time, and never a known device's place.
//!
//! **What is absent.** The internet: no relay, no DNS, no port mapping, no probe. Multicast, when discovery is off. Any
//! knowledge of spaces, entries or roles. Waiting without a deadline.

mod close;
mod config;
mod counters;
mod dial;
mod discovery;
mod error;
mod event;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod greeting;
pub mod lifecycle;
mod link;
mod listen;
mod meetings;
mod net;
mod outbox;
mod shared;
mod streams;
mod switchboard;
mod transport;

pub use close::{CloseCode, DisconnectReason};
pub use config::{Limits, NetConfig, Timings};
pub use counters::Counts;
pub use error::{BindError, DialError, NotAMeeting, SendError};
pub use event::{NetEvent, Stream, StreamKey};
pub use frame::{FRAME_MAX, PRESENCE_MAX};
pub use lifecycle::ConnectionState;
pub use meetings::MEETINGS_MAX;
pub use net::{Carried, DiscoveryStatus, Net, PeerStatus, PresenceSent};
pub use shared::Events;
pub use transport::ALPN;

/// How many cases a property is tried with: `SHEAF_CASES`, or so many.
#[cfg(test)]
fn cases(usual: u32) -> u32 {
    std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}
