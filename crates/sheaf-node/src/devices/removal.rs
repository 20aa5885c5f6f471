//! The end of a device: written down by the others, and learnt by the device itself.

use std::sync::Arc;

use sheaf_access::DeviceRevocation;
use sheaf_document::belongings;
use sheaf_store::Table;

use crate::core::{Core, locked};
use crate::document::{Message, Task};
use crate::error::NodeError;
use crate::view::NodeEvent;

/// The setting that says that this device was removed, and by whose word.
const REMOVED: &[u8] = b"device-removed";

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
        if !self.is_mine(&revocation) {
            return false;
        }
        if self.device_was_removed() {
            return true;
        }
        let kept = postcard::to_allocvec(&revocation)
            .map_err(|error| NodeError::BadInput(error.to_string()))
            .and_then(|bytes| Ok(self.store.put(Table::Settings, REMOVED, &bytes)?));
        if let Err(error) = kept {
            tracing::warn!(%error, "that this device was removed is not written down");
        }
        *locked(&self.devices.removed) = Some(revocation);
        for space in self.spaces() {
            self.tell_documents(space.id, |_| Message::Access);
        }
        self.say(NodeEvent::DeviceRemoved);
        self.say(NodeEvent::Devices);
        let core = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(network) = core.network() {
                network.stop().await;
                core.set_network(None);
            }
        });
        true
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
