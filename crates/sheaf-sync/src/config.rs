//! [`Config`]: every limit of the machine, as a value.

use serde::{Deserialize, Serialize};

/// How much may be on its way to a peer, not yet acknowledged.
///
/// Each side says its own in its first frame; a sender keeps to the smaller of the two, and a receiver closes on a
/// sender that does not. This, and not the network's queue, is what bounds the memory a slow reader can cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Bytes of entries.
    pub bytes: u32,
    /// Number of entries.
    pub entries: u32,
}

impl Window {
    /// The smaller of two, in each dimension.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self { bytes: self.bytes.min(other.bytes), entries: self.entries.min(other.entries) }
    }
}

/// The limits of a [`Machine`](crate::Machine). Production uses [`Config::default`]; tests shrink them, so that the
/// edges come early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The largest entry there is: the protocol's constant, 512 KiB, outside tests. Room for one is reserved before the
    /// store is read, because a read always answers with at least one entry.
    pub max_entry_bytes: u32,
    /// How many bytes of entries one read, and so one frame, carries at most. A single entry may be larger.
    pub batch_bytes: u32,
    /// How many entries one read, and so one frame, carries at most.
    pub batch_entries: u32,
    /// What may be unacknowledged, per peer, over all its spaces.
    pub window: Window,
    /// How many spaces one connection carries.
    pub max_spaces: u32,
    /// With at most this many shared spaces, the greeting itself names them, which saves a journey when they differ.
    /// With more, it carries their digest alone, which keeps it under a kilobyte whatever their number.
    pub inline_offers: u32,
    /// How many logs a space has at most, and so how many numbers are kept for a peer.
    pub max_logs: u32,
    /// How many logs of one space a peer may refuse before talking to it is pointless.
    pub max_refused_logs: u32,
    /// How many invitations a peer may try to redeem in one connection.
    pub max_redemptions: u32,
    /// How long to wait, in milliseconds, between two searches for names a peer has offered among *all* spaces, which
    /// cost a hash for each of them. The first is at once.
    pub search_pause: u64,
    /// For how long receipts gather before they are sent, in milliseconds.
    pub receipt_delay: u64,
    /// A space that more peers than this follow is crowded: entries go out together there.
    pub crowd: u32,
    /// For how long they gather at most, in milliseconds.
    pub crowd_pause: u64,
    /// How long to wait after a peer said "not now", in milliseconds; doubled each time up to [`Self::retry_most`].
    pub retry_first: u64,
    /// The longest such wait, in milliseconds.
    pub retry_most: u64,
    /// How many bytes of a blob are asked for at once: at most [`MAX_PIECE`](crate::MAX_PIECE).
    pub piece_bytes: u32,
    /// How many such pieces are asked for ahead.
    pub pieces: u32,
    /// How many times in a row frontiers are exchanged again over missing dependencies without anything coming of it.
    pub max_recoveries: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_entry_bytes: 512 * 1024,
            batch_bytes: 256 * 1024,
            batch_entries: 512,
            window: Window { bytes: 4 * 1024 * 1024, entries: 8192 },
            max_spaces: 16_384,
            inline_offers: 16,
            max_logs: 5_000,
            max_refused_logs: 256,
            max_redemptions: 8,
            search_pause: 1_000,
            receipt_delay: 50,
            crowd: 50,
            crowd_pause: 50,
            retry_first: 1_000,
            retry_most: 60_000,
            piece_bytes: 256 * 1024,
            pieces: 4,
            max_recoveries: 3,
        }
    }
}

impl Config {
    /// The same with impossible values raised or cut to what the protocol can carry: a window holds at least one entry,
    /// a frame no more than fits into one.
    #[must_use]
    pub fn made_sound(mut self) -> Self {
        self.max_entry_bytes = self.max_entry_bytes.clamp(1, 512 * 1024);
        self.batch_bytes = self.batch_bytes.clamp(1, 768 * 1024);
        self.batch_entries = self.batch_entries.clamp(1, crate::frame::MAX_ENTRIES as u32);
        self.window.bytes = self.window.bytes.max(self.max_entry_bytes);
        self.window.entries = self.window.entries.max(1);
        self.inline_offers = self.inline_offers.min(crate::frame::MAX_OFFERS as u32);
        self.max_logs = self.max_logs.clamp(1, sheaf_log::MAX_LOGS as u32);
        self.piece_bytes = self.piece_bytes.clamp(1, crate::frame::MAX_PIECE as u32);
        self.pieces = self.pieces.clamp(1, crate::blobs::MAX_PIECES);
        self.retry_first = self.retry_first.max(1);
        self.retry_most = self.retry_most.max(self.retry_first);
        self
    }
}
