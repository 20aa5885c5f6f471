//! The node's side of the network: one task that owns the sync machine and carries out what it asks for.
//!
//! [`sheaf_net`] brings bytes, [`sheaf_sync`] decides, the [`Core`](crate::core::Core) checks and stores. What blocks
//! (the store, cryptography over many entries) runs on blocking threads and comes back as an input.

mod driver;
mod inbox;
mod reach;

use std::net::SocketAddr;
use std::sync::Arc;

use sheaf_access::{DeviceId, DocumentId, EntryHash, InvitationSecret, LogId, SpaceId};
use sheaf_log::Frontier;
use sheaf_sync::Item;
use tokio::sync::{mpsc, oneshot, watch};

use crate::devices::DirectStep;

pub use driver::{Beside, item, start};
pub use reach::{Hosted, Reach, Standing};
pub use sheaf_sync::branches::{ROOM, Said};

/// What the rest of the node tells the network task.
pub enum Input {
    /// A space is held here now.
    SpaceAdded {
        /// Which.
        space: SpaceId,
        /// What is held of it.
        frontier: Frontier,
    },
    /// A space is held here no longer.
    SpaceRemoved {
        /// Which.
        space: SpaceId,
    },
    /// Entries are durable, in this order.
    Stored {
        /// Their space.
        space: SpaceId,
        /// Who sent them, if they were received.
        from: Option<DeviceId>,
        /// The entries.
        items: Vec<Item>,
    },
    /// A verified checkpoint has been merged: it is as if all it covers had been stored.
    Covered {
        /// The space.
        space: SpaceId,
        /// What it covers.
        covers: Frontier,
    },
    /// What is pruned here, and which bundles stand for it.
    Floors {
        /// The space.
        space: SpaceId,
        /// Up to where.
        floors: Frontier,
        /// The bundles, with what each covers.
        bundles: Vec<(sheaf_log::BlobLink, Frontier)>,
    },
    /// Endorsements to pass on.
    Endorsements {
        /// The space.
        space: SpaceId,
        /// All of them.
        endorsements: Vec<Vec<u8>>,
    },
    /// Something for the sync machine, as it is.
    Machine(sheaf_sync::Event<DeviceId>),
    /// The last entries of logs, where the frontier does not say which they are.
    Tips {
        /// Which space.
        space: SpaceId,
        /// Each with its place.
        tips: Vec<(LogId, u64, EntryHash)>,
    },
    /// A log is forked (L6).
    Forked {
        /// The space.
        space: SpaceId,
        /// The log.
        log: LogId,
        /// Where.
        at: u64,
    },
    /// Something to say to a device, if it is connected.
    Word {
        /// To whom.
        device: DeviceId,
        /// About which space.
        space: SpaceId,
        /// What.
        word: Said,
    },
    /// A word of a device was dealt with.
    Heard {
        /// Whose.
        device: DeviceId,
    },
    /// Something to say to everyone who is connected and shares a space.
    Words {
        /// The space.
        space: SpaceId,
        /// What.
        word: Said,
    },
    /// The members of a space, or their devices, changed.
    Members {
        /// Which space.
        space: SpaceId,
    },
    /// An invitation is to be redeemed with this device, which has the space.
    Redeem {
        /// The space.
        space: SpaceId,
        /// The invitation's secret.
        secret: InvitationSecret,
        /// Whom to ask.
        device: DeviceId,
        /// Where they may be.
        addresses: Vec<SocketAddr>,
    },
    /// A session's caret moved, or the session closed; told to everyone who shares the space.
    Say {
        /// The space.
        space: SpaceId,
        /// The document, so that repeating stops when it closes.
        document: DocumentId,
        /// The session.
        session: u64,
        /// The sealed word for everyone.
        word: crate::presence::Word,
    },
    /// Be in touch with a device.
    Call {
        /// Which.
        device: DeviceId,
        /// Where it may be.
        addresses: Vec<SocketAddr>,
    },
    /// Name to a relay once more which spaces it is to keep.
    AskRelay {
        /// The relay.
        relay: DeviceId,
    },
    /// The names of a relay have been looked up.
    LookedUp {
        /// The relay.
        relay: DeviceId,
        /// Where it may be called.
        addresses: Vec<SocketAddr>,
    },
    /// A relay may be left, or not after all: meanwhile another is to stand in for it.
    Leaving {
        /// The relay.
        relay: DeviceId,
        /// Whether.
        leaving: bool,
    },
    /// Say something to devices beside the spaces that are shared with them.
    Direct(Vec<DirectStep>),
    /// Try everyone again now.
    TryNow,
    /// Close all connections, and end.
    Stop {
        /// Told when it is done.
        done: oneshot::Sender<()>,
    },
}

/// A running network.
#[derive(Clone)]
pub struct Network {
    /// Where others can call this device.
    pub addresses: Arc<[SocketAddr]>,
    inputs: mpsc::UnboundedSender<Input>,
    /// Who can be reached, as it changes.
    pub reach: watch::Receiver<Reach>,
}

impl Network {
    /// Tells the task something. After a stop it is told to nobody, which is what a stop means.
    pub fn tell(&self, input: Input) {
        let _ = self.inputs.send(input);
    }

    /// Closes all connections and waits until that is done.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        self.tell(Input::Stop { done });
        // An error means that the task has ended already.
        let _ = stopped.await;
    }
}
