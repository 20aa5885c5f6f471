//! [`Refusal`]: why a receiver did not take an entry, in terms its sender can act on.

use std::fmt;

use serde::{Deserialize, Serialize};
use sheaf_access::LogId;
use sheaf_log::EntryError;

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
    Never(Verdict),
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

/// A verdict that holds everywhere, by its number: those of [`sheaf_log::Refusal`], and a few that only sync can reach.
/// A number, so that a later version's verdicts get through to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict(u16);

impl Verdict {
    /// Its log was closed by an earlier entry that is not valid. Nobody says so any more: such a log is held like any other.
    pub const LOG_CLOSED: Self = Self(1_000);
    /// It builds on an entry that was refused.
    pub const BUILDS_ON_REFUSED: Self = Self(1_001);
    /// What it builds on was sent again, and is still said to be missing.
    pub const STILL_MISSING: Self = Self(1_002);

    /// A redemption by an invitation whose time is over (I3): said by the peer that the newcomer came to.
    pub const INVITATION_EXPIRED: Self = Self(1_003);
    /// A redemption by an invitation that as many have used as may.
    pub const INVITATION_USED_UP: Self = Self(1_004);
    /// A redemption by an invitation that was closed.
    pub const INVITATION_CLOSED: Self = Self(1_005);
    /// It was pruned, and the checkpoint that stands for it was refused.
    pub const CHECKPOINT_REFUSED: Self = Self(1_006);
    /// Its log is forked before it (L6): its branches are kept, and exchanged, beside the log.
    pub const LOG_FORKED: Self = Self(1_007);

    /// Its number.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// The rule it names, if this version knows it.
    pub fn rule(self) -> Option<&'static str> {
        match self {
            Self::LOG_CLOSED => Some("L3"),
            Self::CHECKPOINT_REFUSED => Some("C1"),
            Self::LOG_FORKED => Some("L6"),
            Self::BUILDS_ON_REFUSED | Self::STILL_MISSING => Some("L2"),
            Self::INVITATION_EXPIRED | Self::INVITATION_USED_UP | Self::INVITATION_CLOSED => Some("I3"),
            Self(code) => sheaf_log::rule_of(code),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match *self {
            Self::LOG_CLOSED => Some("The log is closed there, because of an earlier entry."),
            Self::BUILDS_ON_REFUSED => Some("The entry builds on one that was refused."),
            Self::STILL_MISSING => {
                Some("What the entry builds on was sent, and the other side still does not have it.")
            }
            Self::INVITATION_EXPIRED => Some("The invitation has expired. Ask for a new one."),
            Self::INVITATION_USED_UP => Some("The invitation was used up. Ask for a new one."),
            Self::INVITATION_CLOSED => Some("The invitation was cancelled. Ask for a new one."),
            Self::LOG_FORKED => Some(
                "The device wrote two different entries in one place of its log. Both sides of it are kept beside it.",
            ),
            Self::CHECKPOINT_REFUSED => {
                Some("The entry was pruned, and the checkpoint that stands for it was not accepted there.")
            }
            Self(code) => sheaf_log::explain(code),
        };
        match sentence {
            Some(sentence) => f.write_str(sentence),
            None => write!(f, "The other side refused the entry (number {}). An update may know why.", self.0),
        }
    }
}

impl From<&sheaf_log::Refusal> for Refusal {
    fn from(refusal: &sheaf_log::Refusal) -> Self {
        if matches!(refusal, sheaf_log::Refusal::TooManyLogs) {
            return Self::NotNow(NotNow::Quota);
        }
        let Some(lacking) = refusal.lacking() else { return Self::Never(Verdict(refusal.code())) };
        let earlier = lacking.earlier.map(|range| (range.log, range.from));
        let others = lacking.builds_on.iter().map(|on| (on.log, on.seq));
        Self::Missing { entries: earlier.into_iter().chain(others).take(MAX_MISSING).collect() }
    }
}

impl From<&sheaf_log::Refusal> for Outcome {
    fn from(refusal: &sheaf_log::Refusal) -> Self {
        match refusal {
            sheaf_log::Refusal::Entry(EntryError::Signature) => Self::Forged,
            refusal => Self::Refused(refusal.into()),
        }
    }
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
