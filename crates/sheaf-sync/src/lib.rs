//! How two nodes come to hold the same entries.
//!
//! This crate is the replication of Sheaf as a state machine: [`Event`]s go in, [`Action`]s come out, and nothing else
//! happens. There is no socket in it, no disk, no clock and no randomness, so a test can be the network, the disk and the
//! clock, and can be all of them badly: `tests/simulator` does that by the hundred thousand. In life, `sheaf-node` carries
//! events and actions between this machine, `sheaf-net` and `sheaf-store`; a relay does the same without being able to
//! read a word of what passes.
//!
//! # Who is there
//!
//! - A [`Machine`] is one node's whole replication state. It has *spaces*, of which it knows the [`Frontier`] (how much of
//!   each log is durable here), and *peers*, one for each connection.
//! - Between a space and a peer there is a *lane*, if they have anything to do with each other: what the peer holds, what
//!   is on its way to it, what it refused. A lane holds **numbers only**. The store is the truth; entries pass through the
//!   machine from a read, a frame or the node to a frame or the node, and are let go.
//! - The *node* proves devices, knows who is a member, verifies and admits entries (L2), stores them, reads them. The
//!   machine asks for these things, and is told what came of them.
//!
//! The type that names a peer is the caller's: a device's id in life, a number in tests.
//!
//! # A typical exchange
//!
//! ```text
//!  Ana                                                            Ben
//!   |  Connected{shares: [S, T]}                    Connected{..}  |
//!   |-- Hello{digest over S and T, offers} ----------------------->|
//!   |<----------------------- Hello{digest over S and T, offers} --|
//!   |         equal? Synced, and not another word (N2)             |
//!   |         else, for each space whose digests differ:           |
//!   |-- Frontier(S) ---------------------------------------------->|
//!   |<---------------------------------------------- Frontier(S) --|
//!   |  Read{what Ben lacks, from the first arrival on}             |
//!   |-- Entries(S) ----------------------------------------------->|  Deliver -> Stored, Delivered
//!   |<--------------------------------------------------- Ack(S) --|
//!   |  Receipt, Synced                                     Synced  |
//!   |                                                              |
//!   |  Stored{an entry Ana typed}                                  |
//!   |-- Entries(S) ----------------------------------------------->|  live: once for each peer, without a read
//!   |<--------------------------------------------------- Ack(S) --|
//! ```
//!
//! **Finding each other** (N1). Spaces are named by [`Tag`]s, which mean something only to those who know the space, and
//! only on this connection. A node offers a space only to a device that its own node has called a member. Who is offered
//! a space that it holds, without knowing the other side as a member, asks to be shown it (`Want`) and *receives*: it may
//! simply not have heard of the new member, and the entries it gets will say. It shows nothing meanwhile, not even its
//! frontier: only the part of it that the other side claims to hold too. (A claim is not checked, so someone who was a
//! member can learn how far the logs they knew have come; nothing of what is in them, nor of new ones.) When the node learns better it says
//! [`Event::Shares`], and the lane opens the other way. So each direction of a lane stands on its own.
//!
//! **Invitations** are redeemed on the same path: [`Event::Redeeming`] carries an opaque proof to the peer, whose node
//! answers [`Action::CheckRedemption`] with `Shares`, for this connection.
//!
//! **Tips** (L5, L6). A digest says how far each log is held *and with which entry at its end*; a frontier says the same, with
//! the beginning of each hash. So two nodes that hold different entries in one place see it, also when they hold as many, and
//! while they hold the same it costs nothing. Where the other's tip has to be looked up, or is not the one held here, the node
//! is asked ([`Action::Compare`]), and nothing of the space is sent to that peer until it has answered: for if it is the
//! node's own log that differs, this node has forgotten what it once sent, and what it has written since must not go out.
//! Where a log is known to be forked, it is not compared from there on; its branches are exchanged by the nodes, as words.
//!
//! **Order** (L2). Entries are admitted only when all they build on is held. A store's *arrival order* is therefore causal,
//! and so is any selection from it that leaves out only what the receiver has. That is all there is to sending in causal
//! order: scan by arrival, skip what they have. A read names the exact ranges that the machine knew of when it asked; an
//! entry that became durable since may build on one that was not asked for, and waits for the next.
//!
//! **Being slow** is ordinary. Per peer there is a [`Window`] of unacknowledged bytes and entries, over all its spaces.
//! While there is room, an entry that becomes durable is pushed at once, with the bytes that came with [`Event::Stored`].
//! When there is none, the lane notes the arrival from which to read and forgets the entry; room that comes free goes round
//! the waiting lanes in turn, a batch each. So a slow reader costs a window, never a queue, and a long catching-up does not
//! hold up a word typed in another space.
//!
//! **A crowd** (R1). In a space that many follow, what comes within a moment of what was sent before waits for the rest of that
//! moment and goes out in one frame to each: [`Config::crowd`], [`Config::crowd_pause`]. See `gathering`.
//!
//! **Receipts** (N5). An ack says that entries are durable with the peer, and so does a `Have`, which tells of what came by
//! another way, gathered for a moment. They reach the node as [`Action::Receipt`]; what is drawn from them is also what
//! keeps an entry from being sent to someone who has it. They are as trustworthy as the connection, whose other end is
//! proved, and no more. Whoever wants it in writing asks (`Sign`), and is sent a *signed* receipt (`Signed`), which is bytes
//! to this machine. Nothing waits for one, so signing costs the living text nothing: a node signs once in a while, for all
//! who have asked by then.
//!
//! **Being refused** (N3) is typed. *Missing* something: nothing more is sent until all in flight has been answered for,
//! frontiers are exchanged again, and sending starts over from what they say; if nothing comes of it a few times in a row,
//! it is a verdict. *Not now* (a full disk): the same after a wait, longer each time. *Never*: the entry, what follows it
//! in its log, and whatever is refused for want of it are not sent on this connection again; the other side is told what is
//! withheld, so that both know when they are done ([`Action::Synced`] with `withheld` > 0). If they come to hold it by
//! another way, the refusal is forgotten.
//!
//! **Floors** (C3). Entries below a checkpoint may be pruned. Who lacks one of those is told so (`Behind`), fetches the
//! checkpoint and its blobs in pieces, and is sent the tail once their node has verified and merged it. Who declines all there
//! is to fetch is offered what comes after it: a refusal over a checkpoint stands until there is another. See `blobs`.
//!
//! **Misbehaving** closes the session, with a [`CloseReason`]; nothing of the frame that did it is applied.
//!
//! # Invariants
//!
//! - Nothing of a space, neither entries nor how many there are, is sent to a peer for which the node has not said
//!   `Shares` (in [`Event::Connected`], or later).
//! - In flight to a peer, with what is being read for it, never exceeds the smaller of the two windows. What is kept for a
//!   peer is bounded by [`Config`], whatever it sends.
//! - At most one read is out for a peer and a space. Answers are tied to questions by [`Ticket`], so one that comes late,
//!   after the connection has been replaced, is not taken for another.
//! - An event costs what it touches: an entry stored, one step for each peer that follows its space; never a scan over all
//!   spaces or peers. (A search for an unknown name is the exception; it is rationed.)
//! - When nothing changes, nothing is sent. A peer that holds what is held here costs one lane for each space and not a
//!   number more, however many logs there are.
//! - Time only ever makes the machine send receipts that are due, try again what was refused for now, and search.
//!
//! # What is absent
//!
//! No entry is opened, verified or even parsed: bytes, with the place the node says they have. No membership, no keys, no
//! signatures. No retransmission: streams are reliable, and a connection that breaks takes all state of the peer with it,
//! which greeting and frontiers build up again. No identity of its own: the machine does not know which log is this
//! device's, so it is the node that looks, in the first [`Receipt`](Action::Receipt), for a home that has been restored
//! from a backup (L5).
//!
//! # Where things are
//!
//! [`Event`], [`Action`], [`Frame`] and [`Config`] are the surface. `machine` takes events to the peers they concern;
//! `greeting`, `sending` and `receiving` are what a peer does; `lane` and `theirs` are what it knows. Beside the machine,
//! [`branches`] is what is said of forked logs, in words.

mod action;
mod blobs;
pub mod branches;
mod capped;
mod close;
mod config;
mod entry_bytes;
mod event;
mod frame;
mod gathering;
mod greeting;
mod hosting;
mod lane;
mod machine;
mod peer;
mod receiving;
mod refusal;
mod sending;
mod signed;
mod space;
mod tag;
mod theirs;
mod timers;
mod tip;
mod word;

pub use action::Action;
pub use close::CloseReason;
pub use config::{Config, Window};
pub use entry_bytes::{EntryBytes, Item, MAX_ENTRY_BYTES};
pub use event::{Event, Ticket};
pub use frame::{
    Frame, FrameError, MAX_ENDORSEMENT, MAX_ENTRIES, MAX_FRAME_BYTES, MAX_OFFERS, MAX_PIECE, MAX_PROOF_BYTES,
    MAX_RECEIPT_BYTES, MAX_WORD_BYTES, Offer, Stream, VERSION,
};
pub use hosting::{Hosting, HostingRefusal, MAX_HOSTED};
pub use machine::{MAX_ENDORSEMENTS, Machine};
pub use peer::PeerId;
pub use refusal::{MAX_MISSING, NotNow, Outcome, RedemptionRefusal, Refusal, Verdict};
#[doc(no_inline)]
pub use sheaf_log::Frontier;
pub use tag::{Digest, Nonce, Tag};
pub use tip::Tip;
