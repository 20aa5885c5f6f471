//! The signed, sealed, append-only logs that a space is made of.
//!
//! Every device appends to its own log in each space. An entry has a [`Header`], which anyone may read, a payload, which
//! only readers can open, and the device's signature. This crate writes, reads and judges entries; it is pure, with no
//! clock, no disk and no network, and nonces passed in.
//!
//! # The life of an entry
//!
//! 1. A [`Draft`] says where the entry stands and what its author knew. [`Draft::seal`] packs [`Content`] (changes of one
//!    part of one document), pads and encrypts it, and signs; [`Draft::access`] does so for an access operation, plain.
//! 2. The [`Entry`] that comes out is encoded once. The same bytes are journaled, sent, stored and sent on.
//! 3. Bytes from outside are [`Unverified`]: they have the shape of an entry, but nothing of them can be looked at before
//!    [`Unverified::verify`] has checked payload and signature.
//! 4. [`admit`] decides whether a verified entry may be held: what it builds on is held, it knows no less than its past,
//!    its author might write it. It looks at the header alone, so a relay decides as a reader does. A [`Refusal`] has a
//!    number, a rule, a sentence, and, where something has to come first, a list of it.
//! 5. [`Entry::open`] gives a reader the changes. They are still not to be trusted: the document's own checks (L3) come
//!    next.
//!
//! # Vectors
//!
//! A [`Frontier`] says how much of each log is held. A [`Mine`] says what a log has written in each document; its root
//! stands in every header, so that a log's last signature vouches for all of its work (C1). [`actor`] derives the names
//! that a log writes under, so that a reader knows them without being told.
//!
//! # Standing for what came before
//!
//! A [`Checkpoint`] is an entry that stands for everything up to a frontier. What it stands for is in blobs, sealed by
//! [`seal_blob`] and named by their hash; a [`Verifier`] says whether they hold exactly what the devices of the covered
//! logs have signed (C1). Below a checkpoint that is held, entries may be gone: [`Held::covered`].
//!
//! A [`Receipt`] is a device's signed word on how much of a space is durable with it (N5).
//!
//! # What is not here
//!
//! No Automerge: a change is bytes. No order of arrival, no queues, no retries: what is refused for want of something is
//! for the sender to offer again.

mod actor;
mod admit;
mod blob;
mod checkpoint;
mod content;
mod counting;
mod domain;
mod draft;
mod entry;
mod fork;
mod forks;
mod frontier;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod mine;
mod name;
mod padding;
mod presence;
mod receipt;
mod refusal;
mod room;
mod seal;

pub use actor::{MAX_SLOTS, actor, belongings_document, index_document, is_document_of, new_document, slot_of};
pub use admit::{Admitted, Held, HeldEntry, NotAdmitted, admit, may_checkpoint};
pub use blob::{BlobId, BlobKey, BlobLink, BlobRef, MAX_BLOB, MAX_BLOB_CONTENT, open_blob, seal_blob};
pub use checkpoint::{
    Attestation, Checkpoint, CheckpointError, Covered, Endorsement, EndorsementError, Group, LogHistory, MAX_BLOBS,
    MAX_MANIFEST, Manifest, Root, SavedDocument, Sealed, SignedHeader, Unacceptable, Verifier, decode_documents,
    decode_history, encode_documents, encode_history, group_of,
};
pub use content::{Content, ContentError, MAX_CHANGE, MAX_CHANGES, MAX_CONTENT, Part};
pub use counting::{Counting, Membership, first_challenged};
pub use draft::{Draft, DraftError};
pub use entry::{Entry, EntryError, MAX_ENTRY, OpenError, Unverified};
pub use fork::{Branches, ForkError, ForkProof};
pub use forks::{Forked, Forks, Settled, Taken};
pub use frontier::{Frontier, FrontierDigest, Range};
pub use header::{EntryRef, Header, HeaderError, Kind, MAX_ACCESS_HEADS, MAX_BUILDS_ON, MAX_SEQ, PayloadHash};
pub use mine::{Mine, MineError, MineKey, MineRoot};
pub use name::{open_name, seal_name};
pub use padding::padded_size;
pub use presence::{Counters, MAX_PRESENCE, Presence, PresenceError, seal_presence};
pub use receipt::{MAX_RECEIPT, Receipt, ReceiptError};
pub use refusal::{Lacking, Refusal, explain, rule_of};
pub use room::{MAX_LOGS, MAX_LOGS_OF_DEVICE, Needed};
pub use seal::{NONCE_SIZE, Nonce, SealError};
