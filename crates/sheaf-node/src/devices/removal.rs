//! The end of a device: written down by the others, and learnt by the device itself.

use std::sync::Arc;
use std::time::Duration;

use sheaf_access::DeviceRevocation;
use sheaf_document::belongings;
use sheaf_store::Table;
use tokio::sync::broadcast::error::RecvError;

use crate::core::{Core, locked};
use crate::document::{Message, Task};
use crate::error::NodeError;
use crate::network::{Network, Reach};
use crate::space::Space;
use crate::view::NodeEvent;

/// The setting that says that this device was removed, and by whose word.
const REMOVED: &[u8] = b"device-removed";
/// How long whoever says that this device, or this person, was removed gets to take in what was written before that was
/// heard.
pub const LAST_WORDS: Duration = Duration::from_secs(10);

impl Core {
    /// Whether this device was removed from the person's devices.
    pub fn device_was_removed(&self) -> bool {
        locked(&self.devices.removed).is_some()
    }

    /// Reads whether it was, when the home is opened.
    pub fn recall_removal(&self) -> Result<(), NodeError> {
        let known = self.store.get(Table::Settings, REMOVED)?;
        let known: Option<DeviceRevocation> = known.and_then(|bytes| postcard::from_bytes(&bytes).ok());
        *locked(&self.devices.removed) = known.filter(|revocation| self.is_mine(revocation));
        Ok(())
    }

    fn is_mine(&self, revocation: &DeviceRevocation) -> bool {
        self.me().is_ok_and(|me| {
            revocation.person == me.person() && revocation.device == me.keys.device.id() && revocation.verify().is_ok()
        })
    }

    /// Another device says that this one was removed, and shows the person's word for it: from now on it keeps what it
    /// has, and to itself. Answers whether it is the person's word.
    pub fn learn_removal(self: &Arc<Self>, revocation: DeviceRevocation) -> bool {
        if !self.is_mine(&revocation) || self.device_was_removed() {
            return self.device_was_removed();
        }
        let core = Arc::clone(self);
        tokio::spawn(async move { core.end_here(revocation).await });
        true
    }

    /// From now on this device keeps what it has, and to itself, once what it wrote before is with somebody.
    async fn end_here(self: Arc<Self>, revocation: DeviceRevocation) {
        let core = Arc::clone(&self);
        let seal = move || core.spaces().iter().for_each(|space| core.seal_what_is_typed(space.id));
        if tokio::task::spawn_blocking(seal).await.is_err() {
            tracing::warn!("what was being typed when this device was removed is not sealed");
        }
        {
            let mut removed = locked(&self.devices.removed);
            if removed.is_some() {
                return;
            }
            *removed = Some(revocation);
        }
        let kept = postcard::to_allocvec(&revocation)
            .map_err(|error| NodeError::BadInput(error.to_string()))
            .and_then(|bytes| Ok(self.store.put(Table::Settings, REMOVED, &bytes)?));
        if let Err(error) = kept {
            tracing::warn!(%error, "that this device was removed is not written down");
        }
        for space in self.spaces() {
            self.tell_documents(space.id, |_| Message::Access);
        }
        self.say(NodeEvent::DeviceRemoved);
        self.say(NodeEvent::Devices);
        self.say(NodeEvent::Spaces);
        if let Some(network) = self.network() {
            self.give_last_words(&network).await;
            network.stop().await;
            self.set_network(None);
        }
    }

    /// Waits until somebody has what this device wrote without having heard, where anybody is there to take it, and has said
    /// where it does not belong any more.
    async fn give_last_words(&self, network: &Network) {
        let mut events = self.subscribe();
        let given = async {
            loop {
                let reach = network.reach.borrow().clone();
                let done = |space: &Arc<Space>| {
                    let there = reach.devices.values().any(|s| s.connected && s.synced.contains_key(&space.id));
                    !there || (self.is_taken(space, &reach) && space.lock().removed.is_some())
                };
                if self.spaces().iter().all(done) || matches!(events.recv().await, Err(RecvError::Closed)) {
                    return;
                }
            }
        };
        // Running into the limit is one of the ways to go on.
        let _ = tokio::time::timeout(LAST_WORDS, given).await;
    }

    /// Whether somebody has all that this device wrote in a space, or nobody is there to take it.
    pub fn is_taken(&self, space: &Space, reach: &Reach) -> bool {
        let there = reach.devices.values().any(|s| s.connected && s.synced.contains_key(&space.id));
        let written = space.lock().log.seq;
        !there || locked(&self.receipts).confirmed(space.id) >= written
    }

    /// Writes the end of a device down for all of the person's devices.
    pub async fn list_revocation(self: &Arc<Self>, revocation: DeviceRevocation) -> Result<(), NodeError> {
        let bytes = postcard::to_allocvec(&revocation).map_err(|error| NodeError::BadInput(error.to_string()))?;
        let id = revocation.device.to_string();
        let write = move |task: &mut Task| task.change(|doc, slot| belongings::put_revocation(doc, slot, &id, &bytes));
        self.with_belongings(write).await?;
        self.say(NodeEvent::Devices);
        Ok(())
    }
}
