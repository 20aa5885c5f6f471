//! [`Refusal`]: why a receiver did not take an entry, in terms its sender can act on.

use serde::{Deserialize, Serialize};
use sheaf_access::LogId;

use crate::capped;

/// How many missing entries one refusal names. One would do to recover; a few make the reason legible in a log line.
pub const MAX_MISSING: usize = 8;

/// Why an entry was not taken (N3). The sender always keeps its entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// L2: something it builds on is not held here. The frontiers are exchanged again and what is missing is sent.
    Missing {
        /// Some of what is missing, where it has a place one can name (heads of the access graph are named by hash alone).
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_MISSING>")]
        entries: Vec<(LogId, u64)>,
    },
    /// A local limit, which is never a verdict: the sender tries again later.
    NotNow(NotNow),
    /// A verdict: the sender does not offer this entry, nor what follows it in its log, to this peer again.
    Never(Rule),
}

/// A local limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotNow {
    /// The disk there is full.
    #[error("the disk of the other device is full; it is tried again")]
    DiskFull,
    /// A quota there is used up.
    #[error("the quota there is used up; it is tried again")]
    Quota,
    /// Something else there is busy or broken for the moment.
    #[error("the other device cannot take it just now; it is tried again")]
    Busy,
}

/// The rule an entry broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rule {
    /// L1: it is not what an entry looks like, or is of a version that is not known there.
    #[error("the entry is malformed, or of a version the other device does not know (L1)")]
    Malformed,
    /// It is over 512 KiB.
    #[error("the entry is larger than 512 KiB")]
    TooLarge,
    /// A2: the writer's role does not allow this kind of entry.
    #[error("the writer's role does not allow it (A2)")]
    Role,
    /// A5: the writer is no member.
    #[error("the writer is not a member of the space (A5)")]
    NotMember,
    /// E3: the epoch it is sealed under was not writable where it was written.
    #[error("the entry is sealed under an epoch that was no longer writable (E3)")]
    Epoch,
    /// L6: another entry with its log and number is held there.
    #[error("another entry with the same place in its log is held there (L6)")]
    Fork,
    /// L3: its log was closed by an earlier entry.
    #[error("its log is closed (L3)")]
    LogClosed,
    /// It builds on an entry that was refused.
    #[error("it builds on an entry that was refused")]
    BuildsOnRefused,
    /// Dependencies were sent more than once and are still said to be missing.
    #[error("what it builds on was sent, and is still said to be missing (L2)")]
    StillMissing,
    /// Another rule of the access state.
    #[error("the rules of access do not allow it (A)")]
    Access,
}

/// What became of one entry that was given to the node in a [`Deliver`](crate::Action::Deliver).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable here now: it was stored, or had been before.
    Held {
        /// The log it belongs to.
        log: LogId,
        /// Its number in that log.
        seq: u64,
    },
    /// It was not taken.
    Refused(Refusal),
    /// Its signature is wrong, which no honest peer passes on: the session ends (L6).
    Forged,
}

/// Why an invitation was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum RedemptionRefusal {
    /// No such space is held there.
    #[error("the other device does not have the space this invitation is for. Ask whoever invited you to be online.")]
    UnknownSpace,
    /// The proof is not one by the key of an invitation that is known there.
    #[error("the invitation is not known there. Ask for a new one.")]
    UnknownInvitation,
    /// The invitation was cancelled.
    #[error("the invitation was cancelled. Ask for a new one.")]
    Cancelled,
    /// The invitation expired.
    #[error("the invitation has expired. Ask for a new one.")]
    Expired,
    /// The invitation was used as often as it may be.
    #[error("the invitation was used up. Ask for a new one.")]
    UsedUp,
}
