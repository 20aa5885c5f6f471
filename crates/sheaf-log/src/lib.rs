//! The signed, sealed, append-only logs that a space is made of.

mod actor;
mod admit;
mod content;
mod domain;
mod draft;
mod entry;
mod frontier;
mod header;
mod mine;
mod padding;
mod presence;
mod refusal;
mod seal;

pub use actor::{MAX_SLOTS, actor, index_document, slot_of};
pub use admit::{Admitted, Held, HeldEntry, MAX_LOGS, MAX_OPEN_LOGS, NotAdmitted, admit};
pub use content::{Content, ContentError, MAX_CHANGE, MAX_CHANGES, MAX_CONTENT, Part};
pub use draft::{Draft, DraftError};
pub use entry::{Entry, EntryError, MAX_ENTRY, OpenError, Unverified};
pub use frontier::{Frontier, FrontierDigest, Range};
pub use header::{EntryRef, Header, HeaderError, Kind, MAX_ACCESS_HEADS, MAX_BUILDS_ON, PayloadHash};
pub use mine::{Mine, MineError, MineKey, MineRoot};
pub use padding::padded_size;
pub use presence::{Counters, MAX_PRESENCE, Presence, PresenceError, seal_presence};
pub use refusal::{Lacking, Refusal, explain, rule_of};
pub use seal::{NONCE_SIZE, Nonce, SealError};
