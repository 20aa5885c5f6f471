//! What goes through NATS: where, and in which form.
//!
//! | subject | what | kept |
//! | --- | --- | --- |
//! | `sheaf.{shard}.{space}` | an entry, a checkpoint, somebody's word on one, that the space is removed | by the stream of the shard |
//! | the bucket `sheaf` | checkpoints' blobs and bundles, in parts: `{space}.{blob}.{part}` | by the object store |
//! | `sheaf-relays` | that a relay is there, and how far it has read each stream | no |
//! | `sheaf-presence.{space}` | carets, as they came | no |
//!
//! Whatever comes from there is as little trusted as what comes from a device: every length is bounded by what NATS takes, and
//! every entry is verified.

use serde::{Deserialize, Serialize};
use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::{BlobId, BlobLink};
use sheaf_sync::MAX_ENTRY_BYTES;

use super::Place;

/// How many streams there are. It is part of what is stored: another number would need other streams.
pub const SHARDS: u8 = 16;
/// What stands before an entry in a message.
const FRAMING: usize = 2 + 32 + 32;
/// What NATS must take as one message: the largest entry, what stands before it, and the headers.
pub const MAX_MESSAGE: usize = MAX_ENTRY_BYTES + FRAMING + 1_024;
/// The form of messages.
const VERSION: u8 = 1;

/// In which shard a space is. An id is a hash, so its bits are evenly spread.
pub const fn shard(space: SpaceId) -> u8 {
    space.as_bytes()[0] % SHARDS
}

/// The stream of a shard.
pub fn stream(shard: u8) -> String {
    format!("SHEAF_{shard:02}")
}

/// The subjects of a shard.
pub fn subjects(shard: u8) -> String {
    format!("sheaf.{shard}.*")
}

/// The subject of a space.
pub fn subject(space: SpaceId) -> String {
    format!("sheaf.{}.{space}", shard(space))
}

/// The bucket of the object store in which checkpoints' blobs are.
pub const BUCKET: &str = "sheaf";
/// The stream that JetStream keeps it in.
pub const BUCKET_STREAM: &str = "OBJ_sheaf";
/// How many bytes of a blob are one object: so much of it is in memory at a time.
pub const PART: u64 = 4 << 20;

/// What a part of a blob is called in the bucket.
pub fn object(space: SpaceId, blob: BlobId, part: u64) -> String {
    format!("{space}.{blob}.{part}")
}

/// Where relays say that they are there.
pub const RELAYS: &str = "sheaf-relays";

/// What a relay says of itself: that it is there, and up to where each stream is durable with it.
pub fn roll(relay: DeviceId, places: &[Place]) -> Vec<u8> {
    let mut bytes = [&[VERSION], relay.as_bytes().as_slice()].concat();
    for place in places {
        bytes.extend_from_slice(&place.stream.to_le_bytes());
        bytes.extend_from_slice(&place.sequence.to_le_bytes());
    }
    bytes
}

/// Reads what a relay says of itself.
pub fn read_roll(bytes: &[u8]) -> Option<(DeviceId, Vec<Place>)> {
    let (&[version], bytes) = bytes.split_first_chunk::<1>()?;
    let (relay, bytes) = bytes.split_first_chunk::<32>()?;
    if version != VERSION || bytes.len() != usize::from(SHARDS) * 16 {
        return None;
    }
    let (places, _) = bytes.as_chunks::<16>();
    let place = |bytes: &[u8; 16]| {
        let number = u128::from_le_bytes(*bytes);
        Place { stream: number as u64, sequence: (number >> 64) as u64 }
    };
    Some((DeviceId::from_bytes(*relay), places.iter().map(place).collect()))
}

/// The subject of a space's presence.
pub fn presence(space: SpaceId) -> String {
    format!("sheaf-presence.{space}")
}

/// The space of a subject.
pub fn space_of(subject: &str) -> Option<SpaceId> {
    subject.rsplit('.').next()?.parse().ok()
}

/// What a message in a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An entry.
    Entry,
    /// A member's word on a checkpoint.
    Endorsement,
    /// A checkpoint that is in the object store: a [`Shared`].
    Checkpoint,
    /// That the space is to go from all relays: a [`Removal`].
    Removal,
}

/// That a space is removed, by an operator, at all relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// When, in milliseconds since 1970. A space has one removal at a time: the latest.
    pub at: u64,
    /// What shows that it was a relay that knows the token (see [`crate::admission::Admission::removal_proof`]).
    pub proof: [u8; 32],
}

impl Removal {
    /// As it is published.
    pub fn encode(&self) -> Vec<u8> {
        [self.at.to_le_bytes().as_slice(), &self.proof].concat()
    }

    /// Reads one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, proof) = bytes.split_first_chunk::<8>()?;
        Some(Self { at: u64::from_le_bytes(*at), proof: proof.try_into().ok()? })
    }
}

/// A checkpoint that one relay has put into the object store, for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// Its bundle, which names its blobs.
    pub bundle: BlobLink,
    /// What members have said on it, as far as that relay knew.
    pub endorsements: Vec<Vec<u8>>,
}

impl Shared {
    /// As it is published.
    pub fn encode(&self) -> Vec<u8> {
        // Writing plain data into a growing vector has nothing that can fail.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Reads one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

/// A message in a stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<'b> {
    /// What it is.
    pub kind: Kind,
    /// Whose device brought it to the relay that published it.
    pub bringer: DeviceId,
    /// What shows that its space may be kept (see [`crate::admission::Admission::proof`]).
    pub proof: [u8; 32],
    /// What was brought.
    pub body: &'b [u8],
}

impl<'b> Message<'b> {
    /// As it is published.
    pub fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            Kind::Entry => 0,
            Kind::Endorsement => 1,
            Kind::Checkpoint => 2,
            Kind::Removal => 3,
        };
        [&[VERSION, kind], self.bringer.as_bytes().as_slice(), &self.proof, self.body].concat()
    }

    /// Reads one; none of a later version, or of a kind that is not known.
    pub fn decode(bytes: &'b [u8]) -> Option<Self> {
        if bytes.len() > FRAMING + MAX_ENTRY_BYTES {
            return None;
        }
        let (head, bytes) = bytes.split_first_chunk::<2>()?;
        let (bringer, bytes) = bytes.split_first_chunk::<32>()?;
        let (proof, body) = bytes.split_first_chunk::<32>()?;
        let kind = match head {
            [VERSION, 0] => Kind::Entry,
            [VERSION, 1] => Kind::Endorsement,
            [VERSION, 2] => Kind::Checkpoint,
            [VERSION, 3] => Kind::Removal,
            _ => return None,
        };
        Some(Self { kind, bringer: DeviceId::from_bytes(*bringer), proof: *proof, body })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cases;

    #[test]
    fn spaces_are_found_where_they_are_put() {
        let space = SpaceId::from_bytes([0xb7; 32]);
        assert_eq!(shard(space), 7);
        assert_eq!(space_of(&subject(space)), Some(space));
        assert_eq!(space_of("sheaf.7.nonsense"), None);
        assert_eq!(stream(7), "SHEAF_07");
    }

    #[test]
    fn a_relay_is_known_by_what_it_says_of_itself() {
        let places: Vec<Place> = (0..u64::from(SHARDS)).map(|n| Place { stream: n << 40, sequence: 3 * n }).collect();
        let relay = DeviceId::from_bytes([5; 32]);
        assert_eq!(read_roll(&roll(relay, &places)), Some((relay, places.clone())));
        assert_eq!(read_roll(&roll(relay, &places[1..])), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(512)))]

        #[test]
        fn messages_are_read_as_they_were_written(kind in 0..4usize, bringer in any::<[u8; 32]>(), proof in any::<[u8; 32]>(), body in prop::collection::vec(any::<u8>(), 0..300)) {
            let kind = [Kind::Entry, Kind::Endorsement, Kind::Checkpoint, Kind::Removal][kind];
            let message = Message { kind, bringer: DeviceId::from_bytes(bringer), proof, body: &body };
            let bytes = message.encode();
            prop_assert_eq!(Message::decode(&bytes), Some(message));
        }

        #[test]
        fn nothing_that_comes_is_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::decode(&bytes);
            let _ = read_roll(&bytes);
            let _ = Shared::decode(&bytes);
            let _ = Removal::decode(&bytes);
        }
    }
}
