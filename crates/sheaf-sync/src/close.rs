//! [`CloseReason`]: why a machine ends a session.

use crate::frame::FrameError;

/// What a peer did that ends the session (blueprint, section 10). Nothing of the frame that did it was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// It sent what is not a frame.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// It greeted twice.
    #[error("it greeted twice")]
    SecondHello,
    /// It spoke of spaces before it greeted.
    #[error("it made offers before it greeted")]
    NoHello,
    /// Its window is smaller than an entry, so that nothing could ever be sent.
    #[error("it announced a window of {0} bytes, smaller than an entry may be")]
    WindowTooSmall(u32),
    /// It used a tag that stands for nothing on this connection.
    #[error("it named a space that was not agreed on")]
    UnknownTag,
    /// It offered more spaces than fit.
    #[error("it offered more spaces than one connection carries")]
    TooManySpaces,
    /// It spoke of more logs than a space has.
    #[error("it named more logs than a space may have")]
    TooManyLogs,
    /// It did not say of each log how it ends.
    #[error("it told of other logs how they end than which it holds")]
    OddTips,
    /// It numbered an entry 0.
    #[error("it numbered an entry 0; they count from 1")]
    Zero,
    /// It sent more than the window that was announced to it.
    #[error("it sent more unacknowledged entries than it was allowed")]
    WindowExceeded,
    /// Its entries do not follow those before.
    #[error("entries came twice, or some are missing")]
    OutOfStep,
    /// It acknowledged what was not sent.
    #[error("it acknowledged what was not sent to it")]
    FalseAck,
    /// It refused more logs of one space than makes sense.
    #[error("it refused entries of too many logs")]
    TooManyRefusals,
    /// It speaks of a blob, or a piece of one, that is larger than there is.
    #[error("it named a larger piece of a blob than there can be")]
    BlobTooLarge,
    /// It asked again for what it had asked for.
    #[error("it asked twice to be shown a space")]
    SecondWant,
    /// It tried too many invitations.
    #[error("it tried too many invitations")]
    TooManyRedemptions,
    /// It passed on an entry with a wrong signature (L6).
    #[error("it passed on an entry whose signature is wrong")]
    Forged,
}
