//! What the fuzz targets drive of the cluster: whatever comes through NATS, which anyone may have put there.

use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::{BlobId, BlobLink, Frontier};

use super::Place;
use super::asking::{Holding, Listed, Question, Reply};
use super::wire::{Kind, MAX_MESSAGE, Message, Removal, SHARDS, Shared, read_roll, roll, space_of};

const SPACE: SpaceId = SpaceId::from_bytes([7; 32]);
const RELAY: DeviceId = DeviceId::from_bytes([5; 32]);

/// Any bytes as a message in a stream, and what is in it.
pub fn message(bytes: &[u8]) {
    if let Ok(subject) = std::str::from_utf8(bytes) {
        let _ = space_of(subject);
    }
    let Some(message) = Message::decode(bytes) else { return };
    assert!(bytes.len() <= MAX_MESSAGE && message.encode() == bytes, "it has one encoding");
    if let Some(removal) = Removal::decode(message.body) {
        assert_eq!(removal.encode(), message.body, "it has one encoding");
    }
    if let Some(shared) = Shared::decode(message.body) {
        assert_eq!(Shared::decode(&shared.encode()), Some(shared));
    }
}

/// One of each kind.
pub fn messages() -> Vec<Vec<u8>> {
    let bundle = BlobLink { id: BlobId::of(b"a bundle"), size: 8 };
    let shared = Shared { bundle, endorsements: vec![vec![1; 40]] }.encode();
    let removal = Removal { at: 1_700_000_000_000, proof: [9; 32] }.encode();
    let bodies = [
        (Kind::Entry, vec![3; 200]),
        (Kind::Endorsement, vec![4; 100]),
        (Kind::Checkpoint, shared),
        (Kind::Removal, removal),
    ];
    let message =
        |(kind, body): &(Kind, Vec<u8>)| Message { kind: *kind, bringer: RELAY, proof: [6; 32], body }.encode();
    bodies.iter().map(message).collect()
}

/// Any bytes as what a relay says of itself.
pub fn roll_call(bytes: &[u8]) {
    if let Some((relay, places)) = read_roll(bytes) {
        assert_eq!(roll(relay, &places), bytes, "it has one encoding");
    }
}

/// A relay that is there.
pub fn roll_calls() -> Vec<Vec<u8>> {
    let places: Vec<Place> = (0..u64::from(SHARDS)).map(|n| Place { stream: n << 33, sequence: n }).collect();
    vec![roll(RELAY, &places)]
}

/// Any bytes as what relays ask each other, and answer.
pub fn asking(bytes: &[u8]) {
    if let Some(question) = Question::decode(bytes) {
        assert_eq!(Question::decode(&question.encode()), Some(question));
    }
    if let Some(reply) = Reply::decode(bytes) {
        assert_eq!(Reply::decode(&reply.encode()), Some(reply));
    }
}

/// Every question, and every answer.
pub fn questions_and_answers() -> Vec<Vec<u8>> {
    let blob = BlobLink { id: BlobId::of(b"a bundle"), size: 8 };
    let removal = Removal { at: 5, proof: [1; 32] };
    let questions = [
        Question::Spaces { shard: 7, after: Some(SPACE) },
        Question::Space(SPACE),
        Question::Entries { space: SPACE, after: 300, lacking: Vec::new() },
        Question::Blob { space: SPACE, blob: blob.id, from: 1 << 20 },
        Question::Removals { shard: 7, after: None },
        Question::Removed(SPACE),
        Question::Beside { space: SPACE, after: 9 },
    ];
    let mut held = Frontier::new();
    held.advance(sheaf_access::LogId { device: RELAY, nonce: 1 }, 12);
    let checkpoints = vec![Shared { bundle: blob, endorsements: vec![vec![2; 9]] }];
    let holding = Holding { frontier: held.clone(), floors: held, checkpoints, proof: [3; 32] };
    let replies = [
        Reply::Spaces(vec![Listed { space: SPACE, digest: [4; 32] }]),
        Reply::Space(Some(Box::new(holding))),
        Reply::Entries(vec![vec![5; 50], vec![6; 9]], Some(77)),
        Reply::Blob(vec![7; 60]),
        Reply::NotNow,
        Reply::Removals(vec![(SPACE, removal)]),
        Reply::Removed(Some(removal)),
    ];
    questions.iter().map(Question::encode).chain(replies.iter().map(Reply::encode)).collect()
}
