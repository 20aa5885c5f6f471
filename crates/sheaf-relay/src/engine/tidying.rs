//! What is done again and again: receipts are signed, and what need not be kept is given back.

use std::sync::Arc;

use sheaf_access::{DeviceId, SpaceId};
use sheaf_sync::Event;

use super::fetching::Fetch;
use super::{Answer, Engine};
use crate::keeper::Swept;
use crate::keeper::accept::now;

impl Engine {
    /// Gives back what is kept twice, or is stood for.
    pub(super) fn tidy(&self) {
        if self.keeper.is_sweeping() {
            // It takes longer than from one look to the next.
            return;
        }
        let keeper = Arc::clone(&self.keeper);
        let used = self.spaces.iter().filter(|(_, followed)| !followed.members.is_empty()).map(|(space, _)| *space);
        let used: Vec<SpaceId> = used.collect();
        self.blocking(move || {
            // Whoever has been connected for a month has not been away for a month.
            if let Err(error) = keeper.are_seen(&used, now()) {
                tracing::warn!(%error, "that members are here is not written down");
            }
            let swept = keeper.sweep(now(), false).unwrap_or_else(|error| {
                tracing::warn!(%error, "what is not needed any more cannot be removed");
                Swept::default()
            });
            Answer::Pruned(swept.pruned.into_iter().map(|(space, ..)| space).collect())
        });
    }

    /// Signs for those who have asked: one signature for each space, however many asked.
    pub(super) fn sign(&mut self) {
        for (space, peers) in std::mem::take(&mut self.asked) {
            let Some(held) = self.machine.frontier(&space) else { continue };
            let peers: Vec<DeviceId> = peers.into_iter().collect();
            let receipt = self.keeper.sign_receipt(space, held, &peers, now());
            for peer in peers {
                self.feed(Event::Signed { peer, space, receipt: receipt.clone() });
            }
        }
    }

    /// Something was pruned in these spaces: what they offer for it from now on is said.
    pub(super) fn pruned(&self, spaces: Vec<SpaceId>) {
        for space in spaces {
            self.fetch(space, |space| Fetch::Opened { space });
        }
    }
}
