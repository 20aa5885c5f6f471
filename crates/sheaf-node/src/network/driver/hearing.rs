//! What peers say beside the entries: dealt with on another thread, one word of a peer after the other, for a later one may
//! go on from an earlier one.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sheaf_access::{DeviceId, SpaceId};

use super::Driver;
use crate::network::{Input, Said};

/// How many words of one peer may wait, and how many bytes they may have. What comes beyond that is not heard.
const WAITING: usize = 512;
const WAITING_BYTES: usize = 4 << 20;

/// What a peer has said and was not dealt with yet.
#[derive(Default)]
pub(super) struct Words {
    waiting: VecDeque<(SpaceId, Vec<u8>)>,
    bytes: usize,
    /// One is being dealt with.
    busy: bool,
}

impl Words {
    fn put(&mut self, space: SpaceId, word: Vec<u8>) {
        if self.waiting.len() < WAITING && self.bytes + word.len() <= WAITING_BYTES {
            self.bytes += word.len();
            self.waiting.push_back((space, word));
        }
    }

    /// The next one, unless one is being dealt with.
    fn next(&mut self) -> Option<(SpaceId, Vec<u8>)> {
        if self.busy {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.bytes -= next.1.len();
        self.busy = true;
        Some(next)
    }
}

impl Driver {
    /// A peer says something about a space.
    pub(super) fn said(&mut self, device: DeviceId, space: SpaceId, word: Vec<u8>) {
        if let Some(peer) = self.peers.get_mut(&device) {
            peer.words.put(space, word);
        }
        self.hear_next(device);
    }

    /// A word of a peer was dealt with.
    pub(super) fn heard(&mut self, device: DeviceId) {
        if let Some(peer) = self.peers.get_mut(&device) {
            peer.words.busy = false;
        }
        self.hear_next(device);
    }

    fn hear_next(&mut self, device: DeviceId) {
        let Some((space, word)) = self.peers.get_mut(&device).and_then(|peer| peer.words.next()) else { return };
        let core = Arc::clone(&self.core);
        tokio::task::spawn_blocking(move || {
            // Whatever one word does, the next is heard.
            let heard = catch_unwind(AssertUnwindSafe(|| match Said::decode(&word) {
                Some(word) => core.hear_word(device, space, word),
                None => Vec::new(),
            }));
            if heard.is_err() {
                tracing::error!(%device, %space, "hearing a word broke off");
            }
            for word in heard.into_iter().flatten() {
                core.tell_network(Input::Word { device, space, word });
            }
            core.tell_network(Input::Heard { device });
        });
    }
}
