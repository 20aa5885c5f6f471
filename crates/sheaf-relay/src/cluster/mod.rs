//! Several relays as one, through NATS JetStream (R2).
//!
//! ```text
//!   device ─▶ relay A: journal, store ─▶ outbox ─▶ JetStream ─▶ relay B: judged as if a device had brought it ─▶ devices
//!                                          │           │
//!                                          ◀── ack ────┘        only now is A's device told that it is safe
//! ```
//!
//! The engine distributes; Sheaf does not write its own. What is decided here is what is published when, and what is
//! acknowledged when:
//!
//! - `outbox` is a state machine: what is durable here and not in the cluster, and which answers wait for that.
//! - `wire` names subjects and streams, and says what a message is.
//! - `nats` is the connection, and the only place that knows NATS.
//!
//! # What holds
//!
//! - An entry is acknowledged when it is durable here *and* on the NATS servers. JetStream acknowledges before it syncs its
//!   own disks, so neither alone would do: to lose an acknowledged entry, this relay's disk and those of most NATS servers
//!   have to be lost.
//! - While NATS is away, what devices send is kept here and passed on to those who are connected here, and nothing is
//!   acknowledged: senders keep it as waiting, and their windows bound how much that can be. It goes on by itself.
//! - A relay believes another relay no more than it believes a device: every signature, role and quota is checked again.

mod nats;
mod outbox;
mod wire;

use sheaf_access::SpaceId;

pub use self::nats::{ClusterError, start};
pub use self::outbox::{Action, Bounds, Kept, Outbox};

/// What the engine wants of the cluster.
pub enum Order {
    /// Publish these, in this order.
    Publish {
        /// Their space.
        space: SpaceId,
        /// To be given back.
        batch: u64,
        /// The entries.
        items: Vec<Kept>,
        /// What shows other relays that they may keep the space.
        proof: [u8; 32],
    },
}

/// What the cluster tells the engine.
#[derive(Clone, Copy)]
pub enum News {
    /// So many of the first of a batch are in the cluster.
    Published {
        /// Their space.
        space: SpaceId,
        /// As it came.
        batch: u64,
        /// How many.
        count: usize,
    },
    /// The cluster is there, after it was not.
    There,
}
