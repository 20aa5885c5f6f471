//! Endorsing, and pruning what is endorsed (C2).

use std::sync::Arc;

use sheaf_access::{EntryHash, LogId, SpaceId};
use sheaf_log::{Endorsement, Frontier};
use sheaf_store::{BlobStore, IfBroken, Table};

use super::Base;
use crate::core::Core;
use crate::error::NodeError;
use crate::network::Input;
use crate::space::Space;

/// Where endorsements are kept.
const ENDORSED: &[u8] = b"endorsed/";

fn key(space: SpaceId, one: &Endorsement) -> Vec<u8> {
    [ENDORSED, space.as_bytes(), one.checkpoint.as_bytes(), one.device.as_bytes()].concat()
}

impl Core {
    /// Signs that a checkpoint's blobs are here and hold what this device holds.
    pub fn endorse(&self, space: &Space, checkpoint: EntryHash) {
        let Ok(me) = self.me() else { return };
        let one = Endorsement::sign(space.id, checkpoint, &me.keys.device);
        self.take_endorsement(space, one);
    }

    /// Someone passes on an endorsement. Answers it, if it is of a checkpoint whose entry is here and whose blobs are not:
    /// they can be had now.
    pub fn endorsed(&self, space: &Space, bytes: &[u8]) -> Option<Endorsement> {
        let one = Endorsement::verify(bytes).ok()?;
        let member = space.access().is_some_and(|access| access.role_of(&one.device).is_some());
        if one.space != space.id || !member {
            return None;
        }
        let me = self.me().ok()?.keys.device.id();
        let (held, pending) = {
            let checkpoints = space.checkpoints();
            let held = checkpoints.held.iter().any(|base| base.entry.hash() == one.checkpoint);
            // What is still read back here may have been looked at by others: it is held in a moment.
            let mine = checkpoints.writing(me).any(|entry| entry.hash() == one.checkpoint);
            (held || mine, !mine && checkpoints.pending.iter().any(|entry| entry.hash() == one.checkpoint))
        };
        if !held {
            // It may be what speaks for it, should it contradict what counts here.
            space.checkpoints().vouch(one);
        }
        if held {
            self.take_endorsement(space, one);
            // Now it may decide which side of a fork counts.
            if !space.lock().forks.is_empty() {
                self.open_new(space, None);
            }
            if let Err(error) = self.prune(space) {
                tracing::error!(%error, "entries cannot be pruned");
            }
        }
        pending.then_some(one)
    }

    fn take_endorsement(&self, space: &Space, one: Endorsement) {
        {
            let mut held = space.checkpoints();
            let known = |other: &Endorsement| (other.checkpoint, other.device) == (one.checkpoint, one.device);
            if held.endorsements.iter().any(known) || held.endorsements.len() >= sheaf_sync::MAX_ENDORSEMENTS {
                return;
            }
            held.endorsements.push(one);
        }
        if let Err(error) = self.store.put(Table::Spaces, &key(space.id, &one), &one.encode()) {
            tracing::warn!(%error, "an endorsement is not written down");
        }
        self.say_endorsements(space);
    }

    /// Reads the endorsements that are kept.
    pub fn load_endorsements(&self, space: &Space) -> Result<(), NodeError> {
        let kept = self.store.scan(Table::Spaces, &[ENDORSED, space.id.as_bytes()].concat())?;
        let mut held = space.checkpoints();
        for (_, bytes) in kept {
            let one = Endorsement::verify(&bytes).ok();
            let of_held = one.filter(|one| held.held.iter().any(|base| base.entry.hash() == one.checkpoint));
            held.endorsements.extend(of_held);
        }
        Ok(())
    }

    /// Tells the network which endorsements to pass on.
    pub fn say_endorsements(&self, space: &Space) {
        let endorsements = space.checkpoints().endorsements.iter().map(Endorsement::encode).collect();
        self.tell_network(Input::Endorsements { space: space.id, endorsements });
    }

    /// Deletes what may be deleted below the last endorsed checkpoint: keeps the one before it and its tail, and gives up
    /// what is older. Answers how many entries that were. Blocks.
    pub fn prune(&self, space: &Space) -> Result<u64, NodeError> {
        let Some(access) = space.access() else { return Ok(0) };
        let (floors, last, entries, old) = {
            let held = space.checkpoints();
            let decided = held.decided(&access);
            let good = |base: &Arc<Base>| decided.iter().any(|one| Arc::ptr_eq(one, base));
            let Some(at) = held.held.iter().rposition(good) else { return Ok(0) };
            let last = &held.held[at];
            let before = &held.held[..at];
            // Older ones all of which the last stands for; the latest of them is kept, with what came after it.
            let mut old: Vec<_> =
                before.iter().filter(|base| last.checkpoint.covers.covers(&base.checkpoint.covers)).cloned().collect();
            let previous = old.pop();
            let floors = previous.map_or_else(|| last.checkpoint.covers.clone(), |base| base.checkpoint.covers.clone());
            // Their own entries are in their bundles.
            let entries: Vec<_> = held.held.iter().map(|base| (base.entry.log(), base.entry.seq())).collect();
            // What is here and is something else is kept: it is set aside, and somebody may want it.
            let kept = |(log, seq): (&LogId, u64)| (*log, held.parted.get(log).map_or(seq, |first| seq.min(first - 1)));
            let floors: Frontier = floors.iter().map(kept).filter(|(_, seq)| *seq > 0).collect();
            (floors, last.checkpoint.covers.clone(), entries, old)
        };
        let pruned = self.store.prune(space.id, &floors)?;
        if pruned.entries > 0 {
            tracing::info!(space = %space.id, entries = pruned.entries, bytes = pruned.bytes, "pruned");
        }
        let id = space.id;
        self.journal().drop_covered(IfBroken::Keep, |of, log, seq| {
            if of == id {
                last.holds(&log, seq) || entries.contains(&(log, seq))
            } else {
                self.space(of).is_some_and(|other| {
                    other.checkpoints().last().is_some_and(|base| base.checkpoint.covers.holds(&log, seq))
                })
            }
        })?;
        if !old.is_empty() {
            let mut held = space.checkpoints();
            held.held.retain(|base| !old.iter().any(|gone| gone.entry.hash() == base.entry.hash()));
            let kept: Vec<EntryHash> = held.held.iter().map(|base| base.entry.hash()).collect();
            held.endorsements.retain(|one| kept.contains(&one.checkpoint));
            drop(held);
            let blobs = self.home().blobs();
            for gone in &old {
                blobs.delete_bundle(space.id, gone.entry.hash())?;
                for blob in &gone.checkpoint.blobs {
                    self.forget_blob(blob.id);
                }
            }
        }
        self.say_floors(space)?;
        Ok(pruned.entries)
    }
}
