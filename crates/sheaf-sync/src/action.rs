//! [`Action`]: everything a machine can ask for.

use sheaf_access::{LogId, SpaceId};
use sheaf_log::{BlobId, BlobLink, Frontier, Range};

use crate::close::CloseReason;
use crate::entry_bytes::EntryBytes;
use crate::event::Ticket;
use crate::frame::Frame;
use crate::refusal::{NotNow, RedemptionRefusal, Refusal};
use crate::tip::Tip;

/// Everything a [`Machine`](crate::Machine) can ask of the node. To be carried out in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Action<P> {
    /// Send a frame, after those sent before it on the same [`stream`](Frame::stream).
    Send {
        /// To whom.
        peer: P,
        /// What.
        frame: Frame,
    },
    /// Read entries from the store and answer with [`ReadDone`](crate::Event::ReadDone): in order of arrival, those that
    /// are `lacking` and arrived at `from_arrival` or later, up to the limits, but at least one if there is one.
    /// At most one read is out for a peer and a space.
    Read {
        /// For whom.
        peer: P,
        /// The space.
        space: SpaceId,
        /// To be given back with the answer.
        ticket: Ticket,
        /// The arrival to begin at.
        from_arrival: u64,
        /// Which entries. The peer has the others, or they have become durable so recently that the machine has not
        /// been told, and may build on something that is not in here.
        lacking: Vec<Range>,
        /// How many bytes of entries at most, unless the first one alone has more.
        max_bytes: usize,
        /// How many entries at most.
        max_entries: usize,
    },
    /// Verify, admit and store these entries, one after the other, then answer with [`Stored`](crate::Event::Stored) for
    /// those that were new, and [`Delivered`](crate::Event::Delivered) for all. Several may be out for a peer and a space;
    /// they are dealt with and answered in the order given.
    Deliver {
        /// From whom.
        peer: P,
        /// The space.
        space: SpaceId,
        /// To be given back with the answer.
        ticket: Ticket,
        /// The entries, unverified.
        entries: Vec<EntryBytes>,
    },
    /// A peer's logs end like this, where it holds no more of them than this node, and it is not known whether it holds the
    /// same. Look, and answer with [`Compared`](crate::Event::Compared): nothing of the space is sent to it before.
    Compare {
        /// The peer.
        peer: P,
        /// The space.
        space: SpaceId,
        /// To be given back with the answer.
        ticket: Ticket,
        /// The logs, with the last place there and the beginning of the hash of what is in it.
        tips: Vec<(LogId, u64, Tip)>,
    },
    /// A peer says it holds an invitation. Check the proof; answer with [`Shares`](crate::Event::Shares) or
    /// [`RedemptionRefused`](crate::Event::RedemptionRefused).
    CheckRedemption {
        /// Who.
        peer: P,
        /// To which space.
        space: SpaceId,
        /// The proof, unchecked.
        proof: Vec<u8>,
    },
    /// A peer did not accept our invitation.
    RedemptionRefused {
        /// Who.
        peer: P,
        /// To which space.
        space: SpaceId,
        /// Why.
        reason: RedemptionRefusal,
    },
    /// Durable with that peer up to this frontier (N5). What changed, to be merged into what was known of it before; on
    /// the first exchange of a connection, all it has said. If it holds more of an own log than this node does, the
    /// node's own past has caught up with it (L5); this comes before anything is sent in answer.
    Receipt {
        /// The peer.
        peer: P,
        /// The space.
        space: SpaceId,
        /// What it holds.
        frontier: Frontier,
    },
    /// A peer asks for a signed receipt of what is durable here of its own logs (N5). Answer, when there is time to sign,
    /// with [`Signed`](crate::Event::Signed); several requests may be answered at once.
    Sign {
        /// Who asks.
        peer: P,
        /// The space.
        space: SpaceId,
    },
    /// A peer has sent a signed receipt, unchecked.
    Signed {
        /// Who sent it.
        peer: P,
        /// The space.
        space: SpaceId,
        /// As it came.
        receipt: Vec<u8>,
    },
    /// A peer's node says something about a space.
    Said {
        /// Who.
        peer: P,
        /// About which space.
        space: SpaceId,
        /// What, unchecked.
        word: Vec<u8>,
    },
    /// Both sides hold the same of this space, and both know it. Comes again each time that is so anew.
    Synced {
        /// The peer.
        peer: P,
        /// The space.
        space: SpaceId,
        /// In how many logs one side has entries that the other refused. If 0, the frontiers are equal.
        withheld: usize,
    },
    /// The peer has all this node has of the space, but does not (yet) know this node as a member, so it shows nothing of
    /// its own.
    Unrecognised {
        /// The peer.
        peer: P,
        /// The space.
        space: SpaceId,
    },
    /// The peer refused an entry of ours for good. Not told for [`Refusal::Missing`] and [`Refusal::NotNow`], which are
    /// dealt with, unless that failed.
    EntryRefused {
        /// Who.
        peer: P,
        /// The space.
        space: SpaceId,
        /// The log.
        log: LogId,
        /// The number in it; nothing after it is sent either.
        seq: u64,
        /// Why.
        refusal: Refusal,
    },
    /// The peer does not take entries of a space now, and they are tried again by themselves. Said each time.
    Delayed {
        /// Who.
        peer: P,
        /// The space.
        space: SpaceId,
        /// Why.
        reason: NotNow,
    },
    /// End the connection. The machine has forgotten the peer already.
    Close {
        /// Which.
        peer: P,
        /// Why.
        reason: CloseReason,
    },
    /// A peer has pruned what this node lacks. Fetch the bundle ([`Fetch`](crate::Event::Fetch)), then the blobs that it
    /// names; verify them (C1) and merge; then say [`Covered`](crate::Event::Covered), or
    /// [`Declined`](crate::Event::Declined).
    Behind {
        /// Who.
        peer: P,
        /// The space.
        space: SpaceId,
        /// What to fetch first.
        bundle: BlobLink,
    },
    /// A piece of a blob has come. They come in order; whether they are what the blob's name says is for the node.
    Piece {
        /// From whom.
        peer: P,
        /// The space.
        space: SpaceId,
        /// The blob.
        blob: BlobLink,
        /// Where the piece begins.
        from: u64,
        /// The piece.
        piece: Vec<u8>,
    },
    /// A peer does not have a blob, or the rest of it.
    NoBlob {
        /// Who.
        peer: P,
        /// The space.
        space: SpaceId,
        /// The blob.
        blob: BlobLink,
    },
    /// A peer wants a piece of a blob. Read it, if a held checkpoint of the space names it, and answer with
    /// [`BlobRead`](crate::Event::BlobRead).
    ReadBlob {
        /// Who.
        peer: P,
        /// The space.
        space: SpaceId,
        /// To be given back with the answer.
        ticket: Ticket,
        /// The blob.
        blob: BlobId,
        /// Where the piece begins.
        from: u64,
        /// How long it is.
        length: u32,
    },
    /// A peer passes on someone's word on a checkpoint (C2). Verify it; if it is news, say
    /// [`Endorsements`](crate::Event::Endorsements).
    Endorsed {
        /// Who passes it on.
        peer: P,
        /// The space.
        space: SpaceId,
        /// The word, unverified.
        endorsement: Vec<u8>,
    },
    /// Let a [`Tick`](crate::Event::Tick) happen at this time or soon after. An earlier wish stays valid: the node may
    /// keep only the earliest, and say `Tick` as often as it likes.
    WakeAt {
        /// On the clock of `now`.
        at: u64,
    },
}
