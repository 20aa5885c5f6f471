//! [`Event`]: everything that can happen to a machine.

use sheaf_access::{EntryHash, LogId, SpaceId};
use sheaf_log::{BlobId, BlobLink, Frontier};

use crate::entry_bytes::Item;
use crate::refusal::{Outcome, RedemptionRefusal};
use crate::tag::Nonce;

/// Everything that can happen to a [`Machine`](crate::Machine). What names a peer or a space that is not known (any
/// more) is ignored: answers may come late.
#[derive(Debug, Clone)]
pub enum Event<P> {
    /// This node holds a space: at the start, and when one is created or joined (then with an empty frontier).
    SpaceAdded {
        /// The space.
        space: SpaceId,
        /// What is held of it.
        frontier: Frontier,
    },
    /// This node no longer has to do with a space, for now or for good. Its lanes go with it, and whatever is still on its way
    /// for one of them is ignored; so a node says this when nobody follows the space any more.
    SpaceRemoved {
        /// The space.
        space: SpaceId,
    },
    /// A connection stands, and the device at its other end is proved.
    Connected {
        /// The peer.
        peer: P,
        /// The channel's nonce, the same at both ends.
        nonce: Nonce,
        /// The spaces that this node holds and of which the proved device is a member, or a named relay (N1).
        shares: Vec<SpaceId>,
    },
    /// A connection is gone.
    Disconnected {
        /// The peer.
        peer: P,
    },
    /// A frame has arrived.
    Frame {
        /// From whom.
        peer: P,
        /// As it came.
        bytes: Vec<u8>,
    },
    /// A peer turned out to be a member of a space: through access entries, or because it redeemed an invitation.
    Shares {
        /// The peer.
        peer: P,
        /// The space.
        space: SpaceId,
    },
    /// A peer is no member of a space any more: nothing of it is sent to it from now on.
    Unshares {
        /// The peer.
        peer: P,
        /// The space.
        space: SpaceId,
    },
    /// This node holds an invitation and asks a peer to accept it. Add the space first, with an empty frontier. To be
    /// repeated on every connection until the space has been [`Synced`](crate::Action::Synced): if the connection breaks
    /// when something was received, but before the newcomer's own entry has been sent, nobody knows them.
    Redeeming {
        /// Whom to ask.
        peer: P,
        /// The space of the invitation.
        space: SpaceId,
        /// The proof of holding its key, over the nonce of this connection.
        proof: Vec<u8>,
    },
    /// The answer to [`CheckRedemption`](crate::Action::CheckRedemption), if it is no; if it is yes, answer with
    /// [`Event::Shares`].
    RedemptionRefused {
        /// Who asked.
        peer: P,
        /// For which space.
        space: SpaceId,
        /// Why not.
        reason: RedemptionRefusal,
    },
    /// Entries have been let in here, in this order, and are not durable yet: whoever keeps up may have them at once (R1). Only
    /// for entries of others: an own one leaves when it is durable (L4). [`Stored`](Self::Stored) follows for the same
    /// entries when they are, and only then are they vouched for; if they cannot be stored after all, their author, who was
    /// told so, sends them again. Their arrival is not known, and not looked at.
    Admitted {
        /// Their space.
        space: SpaceId,
        /// Who sent them.
        from: P,
        /// The entries.
        items: Vec<Item>,
    },
    /// Entries are durable here, in this order: own ones or received ones, each only once.
    Stored {
        /// Their space.
        space: SpaceId,
        /// Who sent them, if they were received.
        from: Option<P>,
        /// The entries.
        items: Vec<Item>,
    },
    /// The answer to [`Deliver`](crate::Action::Deliver), after the `Stored` of what was new in it: one outcome for each
    /// entry, in the order delivered.
    Delivered {
        /// Who sent them.
        peer: P,
        /// Their space.
        space: SpaceId,
        /// The ticket of the delivery.
        ticket: Ticket,
        /// What became of each.
        outcomes: Vec<Outcome>,
    },
    /// The answer to [`Read`](crate::Action::Read).
    ReadDone {
        /// For whom.
        peer: P,
        /// The space.
        space: SpaceId,
        /// The ticket of the read.
        ticket: Ticket,
        /// The entries, in order of arrival.
        items: Vec<Item>,
        /// Whether there was nothing more to read. A read that is not at its end has at least one entry.
        end: bool,
    },
    /// This node would like a peer's signed receipt for its own entries. Sent only to a peer that follows the space.
    WantsSigned {
        /// Whom to ask.
        peer: P,
        /// The space.
        space: SpaceId,
    },
    /// A signed receipt for a peer, as [`Sign`](crate::Action::Sign) asked for.
    Signed {
        /// For whom.
        peer: P,
        /// The space.
        space: SpaceId,
        /// The receipt.
        receipt: Vec<u8>,
    },
    /// Entries at and below these numbers may be pruned here; whoever lacks them is to fetch a bundle instead. After
    /// [`SpaceAdded`](Self::SpaceAdded), and whenever it changes.
    Floors {
        /// The space.
        space: SpaceId,
        /// Up to where entries may be missing.
        floors: Frontier,
        /// What makes sense of the checkpoints that stand for them, each with what it covers. There may be several, none of
        /// which covers all, when two were written at once.
        bundles: Vec<(BlobLink, Frontier)>,
    },
    /// The node wants a blob from a peer, from a place on: in answer to [`Behind`](crate::Action::Behind), and after each
    /// blob that has come. One at a time for a peer and a space.
    Fetch {
        /// From whom.
        peer: P,
        /// The space.
        space: SpaceId,
        /// The blob.
        blob: BlobLink,
        /// Where the bytes that are here already end.
        from: u64,
    },
    /// The answer to [`ReadBlob`](crate::Action::ReadBlob): empty, if it is not here.
    BlobRead {
        /// For whom.
        peer: P,
        /// The space.
        space: SpaceId,
        /// The ticket of the read.
        ticket: Ticket,
        /// The blob.
        blob: BlobId,
        /// Where the piece begins.
        from: u64,
        /// The piece.
        piece: Vec<u8>,
    },
    /// A verified checkpoint is merged: all it covers is held from now on.
    Covered {
        /// The space.
        space: SpaceId,
        /// What it covers.
        covers: Frontier,
    },
    /// The node does not take the checkpoint of a bundle, or not now.
    Declined {
        /// Whose it was.
        peer: P,
        /// The space.
        space: SpaceId,
        /// The bundle.
        bundle: BlobId,
    },
    /// Those endorsements of a space's checkpoint that are known here and worth passing on: all of them, each time.
    Endorsements {
        /// The space.
        space: SpaceId,
        /// As they were signed. At most [`MAX_ENDORSEMENTS`](crate::MAX_ENDORSEMENTS) are passed on.
        endorsements: Vec<Vec<u8>>,
    },
    /// The last entries of logs, where the frontier of [`SpaceAdded`](Self::SpaceAdded) and
    /// [`Covered`](Self::Covered) does not say which they are: after those.
    Tips {
        /// The space.
        space: SpaceId,
        /// Each with its place; one that is not the last any more is passed over.
        tips: Vec<(LogId, u64, EntryHash)>,
    },
    /// A log is forked (L6). Each may hold another branch of it, so from there on it is not compared any more; what is not
    /// taken of it is refused.
    Forked {
        /// The space.
        space: SpaceId,
        /// The log.
        log: LogId,
        /// The first place that was taken twice.
        at: u64,
    },
    /// The node has looked at how a peer's logs end, as [`Compare`](crate::Action::Compare) asked, and they may be sent
    /// entries now.
    Compared {
        /// For whom.
        peer: P,
        /// The space.
        space: SpaceId,
        /// The ticket of the question.
        ticket: Ticket,
    },
    /// This node has something to say to a peer about a space, by [`Said`](crate::Action::Said) there.
    Say {
        /// To whom.
        peer: P,
        /// About which space.
        space: SpaceId,
        /// What, at most [`MAX_WORD_BYTES`](crate::MAX_WORD_BYTES) long.
        word: Vec<u8>,
    },
    /// Time has passed: the moment asked for by [`WakeAt`](crate::Action::WakeAt) has come.
    Tick,
}

/// Ties an answer to what was asked. Connections come and go while the node reads and stores; an answer meant for the
/// last one must not be taken for one on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);
