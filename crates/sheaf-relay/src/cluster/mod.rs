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
//! - `place` says how far a stream has been read, whatever order what was read is dealt with in.
//! - `reading` reads the streams, each from its place on, and begins again where it was when that breaks off.
//! - `roster` knows the other relays, and what the streams need not keep any more.
//! - `objects` puts checkpoints' blobs into the object store, and gets them from there.
//! - `refilling` sees to it that what checkpoints name is there, whatever was given up or lost.
//! - `siblings` asks the other relays for what the streams have no more, in the form that `asking` says.
//! - `gaps` keeps a stream from giving back while something of it may be lacking here.
//! - `standing` knows which of the streams take what is published.
//! - `duty` says which spaces are kept without being asked for.
//! - `nats` is the connection; it, `streams`, `reading`, `objects` and `siblings` are the only places that know NATS.
//!
//! # What holds
//!
//! - An entry is acknowledged when it is durable here *and* on the NATS servers. JetStream acknowledges before it syncs its
//!   own disks, so neither alone would do: to lose an acknowledged entry, this relay's disk and those of most NATS servers
//!   have to be lost.
//! - A checkpoint is held by a relay when it comes to it from a stream, and it is in a stream when all of it is in the object store.
//!   So what counts as held because a checkpoint stands for it, or is pruned because of one, is not on one relay alone.
//!   A member's word on a checkpoint counts in the same way: at all relays, when it comes from a stream.
//! - While NATS is away, what devices send is kept here and passed on to those who are connected here, and nothing is
//!   acknowledged: senders keep it as waiting, and their windows bound how much that can be. It goes on by itself.
//! - A relay believes another relay no more than it believes a device: every signature and role is checked again, and
//!   admission is asked as if whoever brought a space to one relay had brought it to the other. Quotas are decided once, at the
//!   relay that something is brought to: what it let in is acknowledged, so the others take and count it, whatever theirs are.
//! - A space that an operator removes at one relay goes from all of them: it is said in the space's stream, after whatever it had, and
//!   kept by every relay for those that come too late to read it there. What was written before it is not taken from anyone.
//! - Every relay reads every stream from its own durable place on, and keeps the spaces that it may, or those of them that it is asked for
//!   and has a duty to: so any of them serves any space, and one that comes back, or is new, has in a moment what it
//!   missed. What the streams have no more by then it has from the others.

pub mod asking;
mod duty;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gaps;
mod nats;
mod objects;
mod outbox;
mod place;
mod reading;
mod refilling;
mod roster;
mod siblings;
mod standing;
mod streams;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::BlobLink;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

pub use self::duty::Duty;
pub use self::nats::{ClusterError, start};
pub use self::outbox::{Action, Bounds, Kept, Outbox};
pub use self::place::Reading;
pub use self::standing::names;
pub use self::wire::{Removal, SHARDS, Shared, shard};

/// What the engine has of the cluster.
pub struct Joined {
    /// Where it says what it wants.
    pub orders: UnboundedSender<Order>,
    /// Where it is told what comes.
    pub news: UnboundedReceiver<News>,
    /// What it keeps without being asked.
    pub duty: Arc<Duty>,
}

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
    /// Say a member's word on a checkpoint to all.
    Say {
        /// The checkpoint's space.
        space: SpaceId,
        /// Who brought it.
        bringer: DeviceId,
        /// As it was signed.
        endorsement: Vec<u8>,
        /// What shows other relays that they may keep the space.
        proof: [u8; 32],
    },
    /// Pass on an entry that is kept beside a forked log.
    Beside {
        /// Its space.
        space: SpaceId,
        /// Who brought it.
        bringer: DeviceId,
        /// As it was signed.
        entry: Vec<u8>,
        /// What shows other relays that they may keep the space.
        proof: [u8; 32],
    },
    /// Say to all that a space is removed, and then that this has been said.
    Remove(SpaceId, Removal),
    /// Put a checkpoint into the object store, and then say to all that it is there.
    Share {
        /// Its space.
        space: SpaceId,
        /// Who brought it.
        bringer: DeviceId,
        /// The checkpoint.
        shared: Shared,
        /// Its blobs, which are here.
        blobs: Vec<BlobLink>,
        /// What shows other relays that they may keep the space.
        proof: [u8; 32],
    },
    /// Fetch a blob into the folder of blobs.
    Fetch {
        /// Its space.
        space: SpaceId,
        /// Which.
        blob: BlobLink,
    },
    /// Ask the other relays for what is lacking of a space, and say when that is dealt with.
    Pull(SpaceId, Option<oneshot::Sender<()>>),
    /// Something of a stream is lacking here, and is not waited for any more: compare all of it with the other relays, and keep the
    /// stream from giving anything back until then.
    Compare(u8),
    /// Delete blobs that no checkpoint needs any more.
    Discard(SpaceId, Vec<BlobLink>),
    /// What came in the streams is durable here up to these places.
    Durable(Vec<Place>),
    /// Pass on presence, as it came.
    Presence(SpaceId, Bytes),
    /// Somebody is here for a space: its presence is wanted.
    Watch(SpaceId),
    /// Nobody is any more.
    Unwatch(SpaceId),
}

/// Up to where a stream has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Which stream it was: one that was made anew begins again.
    pub stream: u64,
    /// The last message that was dealt with.
    pub sequence: u64,
}

/// What has been published.
#[derive(Debug, Clone)]
pub enum What {
    /// An entry, unverified.
    Entry(sheaf_sync::EntryBytes),
    /// A member's word on a checkpoint, unverified.
    Endorsement(Vec<u8>),
    /// A checkpoint that is in the object store, as some relay says.
    Checkpoint(Shared),
    /// The space is removed at all relays.
    Removal(Removal),
}

/// What became of fetching a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Got {
    /// It is here.
    Here,
    /// It is not there, or something else is.
    None,
    /// Nothing could be found out now.
    NotNow,
}

/// What another relay, or this one before, has published.
#[derive(Debug)]
pub struct PassedOn {
    /// In which stream.
    pub shard: u8,
    /// Where in it.
    pub sequence: u64,
    /// Its space, as the subject says.
    pub space: SpaceId,
    /// Whose device brought it to the relay that published it, as that relay says.
    pub bringer: DeviceId,
    /// What shows that its space may be kept.
    pub proof: [u8; 32],
    /// What it is.
    pub what: What,
    /// How often it could not be taken.
    pub tries: u32,
    /// Given back when it has been dealt with: only so many are under way.
    pub permit: OwnedSemaphorePermit,
    /// Of what another relay was asked for: set when it is given up, and may be taken another time.
    pub left: Option<Arc<AtomicBool>>,
}

impl PassedOn {
    /// Whether another relay was asked for it: then its number is no place in a stream, but counts down from the end of numbers.
    pub fn is_pulled(&self) -> bool {
        self.sequence > u64::MAX / 2
    }

    /// It is given up, and may be taken another time. Whoever asked for it asks again.
    pub fn is_left(&self) {
        if let Some(left) = &self.left {
            left.store(true, Ordering::Relaxed);
        }
    }
}

/// What the cluster tells the engine.
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
    /// Checkpoints are put into this object store.
    SharesIn(u64),
    /// A checkpoint of this space is in the object store, and in the stream.
    Shared(SpaceId),
    /// That this space is removed is in the stream.
    RemovalSaid(SpaceId, Removal),
    /// A blob of this space was fetched, or not.
    Fetched(SpaceId, BlobLink, Got),
    /// A stream is read from this place on.
    Reading(u8, Place),
    /// Something came.
    Came(Box<PassedOn>),
    /// Something came that another relay was asked for. Its place is in no stream.
    Pulled(Box<PassedOn>),
    /// There is nothing to take at a place of a stream: it is this relay's own, or of another version.
    Passed(u8, u64),
    /// Presence came.
    Presence(SpaceId, Bytes),
}
