//! When a checkpoint is written without being asked for (C4).
//!
//! When what has gathered since the last is worth it, every device that may write finds out at about the same time. Each
//! waits longer the further it stands in an order that nobody chooses, by hash(log ‖ last covers), and a little at random;
//! so the first writes, and for the others there is nothing left to do.

use std::sync::Arc;

use sheaf_access::Role;

use crate::core::{Core, now};
use crate::space::Space;

/// The least that has to have gathered, in bytes.
const LEAST: u64 = 1 << 20;
/// How long after the last one, and after enough has gathered, in milliseconds.
const AFTER: u64 = 10 * 60 * 1000;
/// How much longer each next in the order waits.
const TURN: u64 = 60 * 1000;
/// The most that is added at random.
const JITTER: u64 = 20 * 1000;
/// Further down the order nobody waits any longer.
const TURNS: u64 = 30;

impl Core {
    /// Looks whether a space is due, and writes its checkpoint. To be called every minute or so.
    pub fn checkpoint_when_due(self: &Arc<Self>, space: &Arc<Space>) {
        let (covers, last, due) = {
            let mut held = space.checkpoints();
            let blobs = held.last().map_or(0, |last| last.checkpoint.bytes());
            if held.tail <= LEAST.max(blobs) {
                held.due = None;
                return;
            }
            let last = held.last().map_or(0, |last| last.entry.header().time);
            (held.covers().digest(), last, held.due)
        };
        let due = due.unwrap_or_else(|| {
            let wait = self.turn_of(space, &covers) * TURN + rand::random_range(0..JITTER);
            let due = now().max(last.saturating_add(AFTER).min(now() + AFTER)) + wait;
            space.checkpoints().due = Some(due);
            due
        });
        let may = self.me().is_ok_and(|me| space.role(&me).is_some_and(|role| role >= Role::Editor));
        if now() < due || !may {
            return;
        }
        space.checkpoints().due = None;
        let (core, space) = (Arc::clone(self), Arc::clone(space));
        tokio::spawn(async move {
            match core.write_checkpoint(&space).await {
                Ok(written) if written.entries == 0 => {
                    tracing::debug!(space = %space.id, "there is nothing that a checkpoint could cover");
                }
                Ok(written) => tracing::info!(space = %space.id, ?written, "a checkpoint was written"),
                Err(error) => tracing::warn!(space = %space.id, %error, "no checkpoint could be written"),
            }
        });
    }

    /// The place of this device's log in the order, from 0.
    fn turn_of(&self, space: &Space, covers: &sheaf_log::FrontierDigest) -> u64 {
        let Ok(frontier) = self.store.frontier(space.id) else { return TURNS };
        let own = space.lock().log.id;
        let Some(access) = space.access() else { return TURNS };
        let rank = |log: &sheaf_access::LogId| {
            let mut hasher = blake3::Hasher::new_derive_key("sheaf 2026 whose turn a checkpoint is v1");
            hasher.update(log.device.as_bytes()).update(&log.nonce.to_le_bytes()).update(covers.as_bytes());
            *hasher.finalize().as_bytes()
        };
        let mine = rank(&own);
        let writes = |log: &sheaf_access::LogId| access.role_of(&log.device).is_some_and(|role| role >= Role::Editor);
        let before = frontier.iter().filter(|(log, _)| writes(log) && rank(log) < mine).count() as u64;
        before.min(TURNS)
    }
}
