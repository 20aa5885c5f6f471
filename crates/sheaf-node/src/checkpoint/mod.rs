//! Checkpoints in the node (C): writing, taking over, endorsing, pruning, and opening documents from them.
//!
//! What is *held* of a checkpoint is a [`Base`]: its entry, what it covers, and the last header and map of each covered
//! log, all verified. Its documents stay in their blobs until one is opened. A space has the last one and the one before
//! it, in case the last should turn out to be damaged; and, when two were written at once, as many as none of which
//! stands for all of another.

mod base;
mod bundle;
mod endorse;
mod fetcher;
mod merge;
mod schedule;
mod sources;
mod tail;
mod verify;
mod write;

pub use base::{Base, Checkpoints, Offer};
pub use fetcher::{Fetcher, Message as FetcherMessage};
pub use verify::Means;
