//! Replication.
#![warn(missing_docs)]

mod action;
mod capped;
mod close;
mod config;
mod entry_bytes;
mod event;
mod frame;
mod greeting;
mod lane;
mod machine;
mod peer;
mod receiving;
mod refusal;
mod sending;
mod space;
mod tag;
mod theirs;
mod timers;

pub use action::Action;
pub use close::CloseReason;
pub use config::{Config, Window};
pub use entry_bytes::{EntryBytes, Item, MAX_ENTRY_BYTES};
pub use event::{Event, Ticket};
pub use frame::{Frame, FrameError, MAX_ENTRIES, MAX_FRAME_BYTES, MAX_OFFERS, MAX_PROOF_BYTES, Offer, Stream, VERSION};
pub use machine::Machine;
pub use peer::PeerId;
pub use refusal::{MAX_MISSING, NotNow, Outcome, RedemptionRefusal, Refusal, Verdict};
pub use tag::{Digest, Nonce, Tag};
