//! What the handle, the tasks and the receiver of events share: the table of devices, the counters, and the channel
//! events travel on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iroh::endpoint::WeakConnectionHandle;
use sheaf_access::DeviceId;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::counters::Counters;
use crate::outbox::Outbox;
use crate::{ConnectionState, DisconnectReason, NetEvent};

/// An event on its way to the node, with what hangs on the node taking it.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) event: NetEvent,
    /// Of a `Connected`: the queue that belongs to the connection.
    pub(crate) outbox: Option<Arc<Outbox>>,
    /// Of a frame: its share of what the connection may have in memory.
    pub(crate) memory: Option<OwnedSemaphorePermit>,
}

impl From<NetEvent> for Item {
    fn from(event: NetEvent) -> Self {
        Self { event, outbox: None, memory: None }
    }
}

/// The way to the node.
pub(crate) type EventSender = mpsc::Sender<Item>;

/// The events of the network, in order. What is not taken waits in a bounded queue, and beyond it in the network.
///
/// [`Net::send`](crate::Net::send) reaches the connection whose `Connected` was taken from here last: so an answer to
/// the past never lands on a connection the node has not heard of yet.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Item>,
    shared: Arc<Shared>,
}

impl Events {
    pub(crate) fn new(receiver: mpsc::Receiver<Item>, shared: Arc<Shared>) -> Self {
        Self { receiver, shared }
    }

    /// Waits for the next event. None: the network has been shut down, and everything was told. Dropping the future
    /// loses nothing.
    pub async fn recv(&mut self) -> Option<NetEvent> {
        let item = self.receiver.recv().await?;
        Some(self.take(item))
    }

    /// The next event, if there is one now.
    pub fn try_recv(&mut self) -> Option<NetEvent> {
        let item = self.receiver.try_recv().ok()?;
        Some(self.take(item))
    }

    fn take(&self, item: Item) -> NetEvent {
        let Item { event, outbox, memory } = item;
        // What the node has taken, it answers for itself.
        drop(memory);
        match &event {
            NetEvent::Connected { device, .. } => self.shared.entry(*device, |entry| entry.outbox = outbox),
            NetEvent::Disconnected { device, .. } => self.shared.entry(*device, |entry| entry.outbox = None),
            _ => {}
        }
        event
    }
}

/// What is known of a device.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) state: ConnectionState,
    /// The queue of the connection that the node knows of.
    pub(crate) outbox: Option<Arc<Outbox>>,
    /// The connection in use, for what it has carried.
    pub(crate) connection: Option<WeakConnectionHandle>,
    pub(crate) outgoing: Option<bool>,
    pub(crate) wanted: bool,
    pub(crate) admitted: bool,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) last: Option<DisconnectReason>,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            state: ConnectionState::Idle,
            outbox: None,
            connection: None,
            outgoing: None,
            wanted: false,
            admitted: false,
            addresses: Vec::new(),
            last: None,
        }
    }
}

impl Entry {
    fn is_empty(&self) -> bool {
        self.state == ConnectionState::Idle && self.outbox.is_none() && !self.wanted
    }
}

/// Shared by the handle and the tasks.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    peers: Mutex<HashMap<DeviceId, Entry>>,
    pub(crate) counters: Counters,
}

impl Shared {
    fn peers(&self) -> MutexGuard<'_, HashMap<DeviceId, Entry>> {
        // Nothing in the critical sections panics half-way through a change.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of a device. An entry that says nothing is forgotten, so that strangers who came and went
    /// leave nothing behind.
    pub(crate) fn entry(&self, device: DeviceId, change: impl FnOnce(&mut Entry)) {
        let mut peers = self.peers();
        let entry = peers.entry(device).or_default();
        change(entry);
        if entry.is_empty() {
            peers.remove(&device);
        }
    }

    /// The queue of the connection that the node knows of.
    pub(crate) fn outbox(&self, device: &DeviceId) -> Option<Arc<Outbox>> {
        self.peers().get(device)?.outbox.clone()
    }

    /// The connection in use with a device.
    pub(crate) fn connection(&self, device: &DeviceId) -> Option<WeakConnectionHandle> {
        self.peers().get(device)?.connection.clone()
    }

    /// Everything that is known.
    pub(crate) fn all(&self) -> Vec<(DeviceId, Entry)> {
        let mut all: Vec<_> = self.peers().iter().map(|(device, entry)| (*device, entry.clone())).collect();
        all.sort_by_key(|(device, _)| *device);
        all
    }
}
