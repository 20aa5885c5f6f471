//! What relays ask each other, and answer: which spaces, how far, entries, and pieces of checkpoints' blobs.
//!
//! The streams keep what has just come; a relay that was away for longer, or is new, or is asked for a space that it does not have, asks
//! the others (R2). A question and its answer are one message each, so both are bounded by what NATS takes, and every list in
//! them by what one message holds; whoever asks goes on where the last answer ended. Nothing that is answered is believed:
//! entries and checkpoints are judged as if a stream had brought them.

use serde::{Deserialize, Serialize};
use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::{BlobId, Frontier, Range};
use sheaf_sync::MAX_ENTRY_BYTES;

use super::wire::{Removal, Shared};

/// The form of questions and answers.
const VERSION: u8 = 1;
/// How many spaces are in one answer.
pub const SPACES: usize = 2_048;
/// How many entries are in one answer.
pub const ENTRIES: usize = 256;
/// How many bytes of entries, or of a blob, are in one answer: with what stands round them it is no more than NATS must take.
pub const BYTES: usize = MAX_ENTRY_BYTES - 4_096;

/// Where a relay is asked.
pub fn subject(relay: DeviceId) -> String {
    format!("sheaf-ask.{relay}")
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// The spaces of a shard, in the order of their ids, after this one.
    Spaces {
        /// Which shard.
        shard: u8,
        /// The last that is known.
        after: Option<SpaceId>,
    },
    /// What is held of a space.
    Space(SpaceId),
    /// Entries of a space, in the order in which they arrived there.
    Entries {
        /// Of which space.
        space: SpaceId,
        /// After which arrival.
        after: u64,
        /// Which of them.
        lacking: Vec<Range>,
    },
    /// A piece of a blob of a checkpoint that is held.
    Blob {
        /// Of which space.
        space: SpaceId,
        /// Which.
        blob: BlobId,
        /// From where on.
        from: u64,
    },
    /// The spaces of a shard that were removed from all relays, in the order of their ids, after this one.
    Removals {
        /// Which shard.
        shard: u8,
        /// The last that is known.
        after: Option<SpaceId>,
    },
    /// When a space was last removed from all relays.
    Removed(SpaceId),
    /// What stands beside the forked logs of a space, answered as entries are.
    Beside {
        /// Of which space.
        space: SpaceId,
        /// After how many of them.
        after: u64,
    },
}

/// A space that a relay has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Which.
    pub space: SpaceId,
    /// The same with two relays that hold the same of it.
    pub digest: [u8; 32],
}

/// What a relay has of a space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// What is durable there, or covered.
    pub frontier: Frontier,
    /// Up to where entries are not there, because a checkpoint stands for them.
    pub floors: Frontier,
    /// The checkpoints that are held.
    pub checkpoints: Vec<Shared>,
    /// What shows that its space may be kept (see [`crate::admission::Admission::proof`]).
    pub proof: [u8; 32],
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Spaces; fewer than [`SPACES`] are all.
    Spaces(Vec<Listed>),
    /// What is held of a space; none, if nothing is.
    Space(Option<Box<Holding>>),
    /// Entries, as they were signed; the arrival after which to go on, unless these are all.
    Entries(Vec<Vec<u8>>, Option<u64>),
    /// A piece of a blob; empty, if it is not there.
    Blob(Vec<u8>),
    /// It cannot be answered now.
    NotNow,
    /// Removals that were done; fewer than [`SPACES`] are all.
    Removals(Vec<(SpaceId, Removal)>),
    /// The last removal of a space that was done; none, if it was never removed.
    Removed(Option<Removal>),
}

impl Question {
    /// As it is asked.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(bytes)
    }
}

impl Reply {
    /// As it is answered.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(bytes)
    }
}

fn encode(what: &impl Serialize) -> Vec<u8> {
    // Writing plain data into a growing vector has nothing that can fail.
    postcard::to_extend(what, vec![VERSION]).unwrap_or_default()
}

fn decode<T: for<'b> Deserialize<'b>>(bytes: &[u8]) -> Option<T> {
    let (&VERSION, bytes) = bytes.split_first()? else { return None };
    postcard::from_bytes(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cases;
    use crate::cluster::wire::MAX_MESSAGE;

    #[test]
    fn the_largest_answers_are_no_more_than_nats_must_take() {
        let listed = Listed { space: SpaceId::from_bytes([0xff; 32]), digest: [0xff; 32] };
        assert!(Reply::Spaces(vec![listed; SPACES]).encode().len() <= MAX_MESSAGE);
        let entries = vec![vec![7; BYTES / ENTRIES]; ENTRIES];
        assert!(Reply::Entries(entries, Some(u64::MAX)).encode().len() <= MAX_MESSAGE);
        assert!(Reply::Entries(vec![vec![7; MAX_ENTRY_BYTES]], Some(u64::MAX)).encode().len() <= MAX_MESSAGE);
        assert!(Reply::Blob(vec![7; BYTES]).encode().len() <= MAX_MESSAGE);
        let removal = (SpaceId::from_bytes([0xff; 32]), Removal { at: u64::MAX, proof: [0xff; 32] });
        assert!(Reply::Removals(vec![removal; SPACES]).encode().len() <= MAX_MESSAGE);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(512)))]

        #[test]
        fn what_is_asked_is_what_is_read(shard in 0..16u8, space in any::<[u8; 32]>(), after in any::<u64>()) {
            let space = SpaceId::from_bytes(space);
            for question in [
                Question::Spaces { shard, after: Some(space) },
                Question::Space(space),
                Question::Entries { space, after, lacking: Vec::new() },
                Question::Blob { space, blob: BlobId::of(&after.to_le_bytes()), from: after },
                Question::Removals { shard, after: Some(space) },
                Question::Removed(space),
                Question::Beside { space, after },
            ] {
                prop_assert_eq!(Question::decode(&question.encode()), Some(question));
            }
        }

        #[test]
        fn nothing_that_comes_is_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Question::decode(&bytes);
            let _ = Reply::decode(&bytes);
        }
    }
}
