//! [`Frame`]: what two machines say to each other, and its bytes.

use serde::{Deserialize, Serialize};
use sheaf_access::LogId;
use sheaf_log::{BlobId, BlobLink, Endorsement, Frontier, FrontierDigest};

use sheaf_log::MAX_LOGS;

use crate::capped;
use crate::config::Window;
use crate::entry_bytes::EntryBytes;
use crate::refusal::{RedemptionRefusal, Refusal};
use crate::tag::{Digest, Tag};
use crate::tip::Tip;

/// The version of the frames: their first byte.
pub const VERSION: u8 = 1;
/// The largest frame.
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;
/// The most entries in a frame.
pub const MAX_ENTRIES: usize = 2_048;
/// The most offers in a frame; more spaces take more frames.
pub const MAX_OFFERS: usize = 4_096;
/// The longest piece of a blob in a frame.
pub const MAX_PIECE: usize = 256 * 1024;
/// The longest endorsement.
pub const MAX_ENDORSEMENT: usize = Endorsement::MAX_SIZE;
/// The longest proof of an invitation.
pub const MAX_PROOF_BYTES: usize = 4_096;

/// The longest receipt: one that speaks of every log a space may have.
pub const MAX_RECEIPT_BYTES: usize = sheaf_log::MAX_RECEIPT;

/// The longest word between two nodes: an entry, and room for some more.
pub const MAX_WORD_BYTES: usize = 768 * 1024;

/// "You are a member of this, as far as I know, and I hold this much of it."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The space.
    pub tag: Tag,
    /// The digest of the sender's frontier of it.
    pub digest: FrontierDigest,
}

/// One message from a machine to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// The first frame of each side.
    Hello {
        /// Over all spaces the sender shares with the receiver: if it is the same as the receiver's own, nothing more
        /// needs to be said (N2).
        digest: Digest,
        /// How many these are.
        spaces: u32,
        /// What the sender is willing to have on its way to it.
        window: Window,
        /// The spaces, if they are few: see [`Config::inline_offers`](crate::Config::inline_offers).
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_OFFERS>")]
        offers: Vec<Offer>,
    },
    /// Spaces the sender shares with the receiver: those of its greeting, when the digests differ and it did not list
    /// them there, or ones it learnt about later.
    Offers {
        /// The spaces.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_OFFERS>")]
        offers: Vec<Offer>,
    },
    /// The sender was offered a space it holds, without knowing the other side as a member: "show me".
    Want {
        /// The space.
        tag: Tag,
    },
    /// What the sender holds of a space, without how its logs end.
    Frontier {
        /// The space.
        tag: Tag,
        /// Whether it is the sender's whole frontier. To a side that it does not know as a member, a node shows no more
        /// than the part that side claims to hold itself.
        whole: bool,
        /// Whether the sender asks for the receiver's in turn.
        reply: bool,
        /// What is held.
        held: Frontier,
    },
    /// Entries, in an order in which each comes after all it builds on.
    Entries {
        /// The space.
        tag: Tag,
        /// How many were sent before them, of this space on this connection. An ack counts entries, so a frame that
        /// came twice, or not, would make it vouch for others than those that are durable.
        first: u64,
        /// The entries.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_ENTRIES>")]
        entries: Vec<EntryBytes>,
    },
    /// What became of entries: each of the first `count` of this space on this connection is durable with the sender of
    /// the ack (N5), except those refused.
    Ack {
        /// The space.
        tag: Tag,
        /// How many have been dealt with, from the beginning of the connection.
        count: u64,
        /// Those not taken, by their ordinal number from 0, ascending.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_ENTRIES>")]
        refused: Vec<(u64, Refusal)>,
    },
    /// A receipt (N5): durable with the sender up to these numbers.
    Have {
        /// The space.
        tag: Tag,
        /// What is held of the logs in which there is something to say.
        held: Frontier,
    },
    /// The receiver refused these, or something they build on: they will not be sent on this connection again.
    Withheld {
        /// The space.
        tag: Tag,
        /// The logs, each with the first number that is withheld.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_LOGS>")]
        logs: Vec<(LogId, u64)>,
    },
    /// The sender holds an invitation to a space.
    Redeem {
        /// The space.
        tag: Tag,
        /// The proof, by the invitation's key over the channel's nonce: opaque to the machine.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_PROOF_BYTES>")]
        proof: Vec<u8>,
    },
    /// The invitation is not accepted.
    RedeemRefused {
        /// The space.
        tag: Tag,
        /// Why.
        reason: RedemptionRefusal,
    },
    /// The sender would like to have it signed what is durable with the receiver of its own logs (N5).
    Sign {
        /// The space.
        tag: Tag,
    },
    /// A signed receipt: opaque to the machine.
    Signed {
        /// The space.
        tag: Tag,
        /// The receipt.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_RECEIPT_BYTES>")]
        receipt: Vec<u8>,
    },
    /// What the receiver lacks has been pruned by the sender: let it fetch a checkpoint instead (C3).
    Behind {
        /// The space.
        tag: Tag,
        /// The bundle that makes sense of the checkpoint.
        bundle: BlobLink,
    },
    /// The sender does not take that checkpoint.
    Declined {
        /// The space.
        tag: Tag,
        /// Its bundle.
        bundle: BlobId,
    },
    /// The sender wants a piece of a blob.
    WantBlob {
        /// The space that has it.
        tag: Tag,
        /// The blob.
        blob: BlobId,
        /// Where the piece begins.
        from: u64,
        /// How long it is: at most [`MAX_PIECE`].
        length: u32,
    },
    /// A piece of a blob; an empty one, if it is not there.
    Blob {
        /// The space that has it.
        tag: Tag,
        /// The blob.
        blob: BlobId,
        /// Where the piece begins.
        from: u64,
        /// The piece.
        #[serde(serialize_with = "capped::bytes", deserialize_with = "capped::byte_buffer::<_, MAX_PIECE>")]
        piece: Vec<u8>,
    },
    /// Someone has checked a checkpoint (C2).
    Endorsed {
        /// The space.
        tag: Tag,
        /// Their signed word: opaque to the machine.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_ENDORSEMENT>")]
        endorsement: Vec<u8>,
    },
    /// Something the sender's node says to the receiver's about a space: opaque to the machine.
    Word {
        /// The space.
        tag: Tag,
        /// What it says.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_WORD_BYTES>")]
        word: Vec<u8>,
    },
    /// All that the sender holds of a space, and how each of the logs ends.
    Whole {
        /// The space.
        tag: Tag,
        /// Whether the sender asks for the receiver's in turn.
        reply: bool,
        /// What is held.
        held: Frontier,
        /// How each of these logs ends, in their order.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_LOGS>")]
        tips: Vec<Tip>,
    },
}

/// Bytes that are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// There are none.
    #[error("the frame is empty")]
    Empty,
    /// They are too many.
    #[error("the frame has {0} bytes, more than the 1 MiB a frame may have")]
    TooLarge(usize),
    /// They say another version.
    #[error("the frame is of version {0}, this program knows version {VERSION}: update the older of the two")]
    Version(u8),
    /// They break off, or say what no frame says.
    #[error("the frame is malformed")]
    Malformed,
    /// Something follows the frame.
    #[error("{0} bytes follow the frame")]
    Trailing(usize),
}

/// Which frames must arrive in the order they were sent in: those with the same stream. The network may keep one QUIC
/// stream for each, or a single one for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Greetings, offers and invitations.
    Control,
    /// One space.
    Space(Tag),
}

impl Frame {
    /// Its bytes. What a machine sends is always within [`MAX_FRAME_BYTES`].
    pub fn encode(&self) -> Vec<u8> {
        // Writing to a vector fails for a value that cannot be told its length beforehand; lists and bytes can.
        postcard::to_extend(self, vec![VERSION]).unwrap_or_default()
    }

    /// From its bytes, all of them.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() > MAX_FRAME_BYTES {
            return Err(FrameError::TooLarge(bytes.len()));
        }
        let (version, rest) = bytes.split_first().ok_or(FrameError::Empty)?;
        if *version != VERSION {
            return Err(FrameError::Version(*version));
        }
        let (frame, rest) = postcard::take_from_bytes::<Self>(rest).map_err(|_| FrameError::Malformed)?;
        if !rest.is_empty() {
            return Err(FrameError::Trailing(rest.len()));
        }
        Ok(frame)
    }

    /// The stream it belongs to.
    pub fn stream(&self) -> Stream {
        match self {
            Self::Hello { .. }
            | Self::Offers { .. }
            | Self::Redeem { .. }
            | Self::RedeemRefused { .. }
            | Self::Word { .. } => Stream::Control,
            Self::Want { tag }
            | Self::Frontier { tag, .. }
            | Self::Entries { tag, .. }
            | Self::Ack { tag, .. }
            | Self::Have { tag, .. }
            | Self::Withheld { tag, .. }
            | Self::Sign { tag }
            | Self::Signed { tag, .. }
            | Self::Behind { tag, .. }
            | Self::Declined { tag, .. }
            | Self::WantBlob { tag, .. }
            | Self::Blob { tag, .. }
            | Self::Endorsed { tag, .. }
            | Self::Whole { tag, .. } => Stream::Space(*tag),
        }
    }
}
