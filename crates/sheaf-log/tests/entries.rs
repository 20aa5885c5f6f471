//! Entries as bytes: what is written comes back, and nothing else gets through.

mod common;

use std::sync::OnceLock;

use common::{Space, Writer, cases, rng};
use proptest::prelude::*;
use sheaf_access::rand_core::Rng;
use sheaf_access::{AccessOp, ContentKey, DocumentId, EpochId, LogId, OperationError, SpaceId};
use sheaf_log::{
    Content, ContentError, Draft, DraftError, Entry, EntryError, EntryRef, HeaderError, Kind, MAX_CHANGE, MAX_CHANGES,
    MAX_CONTENT, MAX_ENTRY, OpenError, Part, SealError, Unverified, padded_size,
};

fn content(changes: Vec<Vec<u8>>) -> Content {
    Content { document: DocumentId::from_bytes([3; 32]), part: Part::Body, changes }
}

fn space() -> (Space, Writer) {
    // Made once: thousands of cases start from it.
    static FOUNDED: OnceLock<(Space, Writer)> = OnceLock::new();
    FOUNDED
        .get_or_init(|| {
            let mut ana = Writer::new(1);
            (Space::found(&mut ana), ana)
        })
        .clone()
}

fn sealed(changes: Vec<Vec<u8>>) -> (Space, Writer, Entry) {
    let (space, ana) = space();
    let entry = space.draft(&ana).seal(&space.key, &content(changes), &[5; 24], &ana.identity.device).unwrap();
    (space, ana, entry)
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng(4).fill_bytes(&mut bytes);
    bytes
}

fn decode(bytes: &[u8]) -> Result<Entry, EntryError> {
    Unverified::decode(bytes)?.verify()
}

#[test]
fn an_entry_comes_back_and_opens() {
    let (space, ana, entry) = sealed(vec![vec![1, 2, 3], vec![], noise(1000)]);
    let back = decode(entry.encoded()).unwrap();
    assert_eq!(back, entry);
    assert_eq!((back.header(), back.hash(), back.space()), (entry.header(), entry.hash(), space.id));
    assert_eq!((back.log(), back.seq()), (ana.log, 2));
    assert_eq!(back.open(&space.key), Ok(content(vec![vec![1, 2, 3], vec![], noise(1000)])));
    assert!(back.access_op().is_none());
    assert_eq!(Unverified::decode(entry.encoded()).unwrap().size(), entry.encoded().len());
    assert_eq!(Unverified::decode(entry.encoded()).unwrap().verified_before(), Ok(entry));
}

#[test]
fn the_first_entry_of_a_space_names_it() {
    let (space, _) = space();
    assert!(space.creation.header().is_creation());
    assert_eq!(space.creation.space(), SpaceId::from(space.creation.hash()));
    assert!(matches!(space.creation.access_op(), Some(Ok(AccessOp::Create { .. }))));
    assert_eq!(space.creation.open(&space.key), Err(OpenError::NotContent(Kind::Access)));
}

#[test]
fn any_flipped_bit_is_refused() {
    let (_, _, entry) = sealed(vec![vec![1, 2, 3]]);
    let bytes = entry.encoded();
    for bit in 0..bytes.len() * 8 {
        let mut bent = bytes.to_vec();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&bent).is_err(), "bit {bit}");
    }
}

#[test]
fn an_entry_cut_anywhere_or_lengthened_is_refused() {
    let (space, _, entry) = sealed(vec![vec![1, 2, 3]]);
    for entry in [entry, space.creation] {
        let bytes = entry.encoded();
        for end in 0..bytes.len() {
            let error = decode(&bytes[..end]).unwrap_err();
            assert!(matches!(error, EntryError::Truncated | EntryError::Payload), "{end}: {error:?}");
        }
        assert_eq!(decode(&[bytes, &[0]].concat()), Err(EntryError::Payload));
    }
}

#[test]
fn a_signature_by_another_device_is_refused() {
    let (space, ana, entry) = sealed(vec![vec![1, 2, 3]]);
    let eve = Writer::new(2);
    assert_eq!(
        space.draft(&ana).seal(&space.key, &content(vec![vec![1]]), &[5; 24], &eve.identity.device),
        Err(DraftError::NotYourLog)
    );
    // Eve's signature under Ana's header: the same length, so it can be put in place.
    let header = u32::from_le_bytes(entry.encoded()[..4].try_into().unwrap()) as usize;
    let mut bytes = entry.encoded().to_vec();
    let signature = eve.identity.device.sign(&bytes[4..4 + header]);
    bytes[4 + header..4 + header + 64].copy_from_slice(&signature.to_bytes());
    assert_eq!(decode(&bytes), Err(EntryError::Signature));
    // Nor does a signature that Ana made over the same bytes for another purpose pass.
    let signature = ana.identity.device.sign(&entry.encoded()[4..4 + header]);
    bytes[4 + header..4 + header + 64].copy_from_slice(&signature.to_bytes());
    assert_eq!(decode(&bytes), Err(EntryError::Signature));
}

#[test]
fn another_key_opens_nothing() {
    let (_, _, entry) = sealed(vec![vec![1, 2, 3]]);
    let wrong = ContentKey::from_bytes(&[8; 32]);
    assert_eq!(entry.open(&wrong), Err(OpenError::Seal(SealError::OtherKey)));
}

/// An entry, with the payload of another under its own, newly signed header.
fn with_payload_of(space: &Space, by: &Writer, draft: Draft, other: &Entry) -> Entry {
    let entry = draft.seal(&space.key, &content(vec![vec![9; 40]]), &[6; 24], &by.identity.device).unwrap();
    let split = |entry: &Entry| 4 + u32::from_le_bytes(entry.encoded()[..4].try_into().unwrap()) as usize;
    let (own, theirs) = (split(&entry), split(other));
    let payload = &other.encoded()[theirs + 64..];
    let mut header = entry.encoded()[4..own].to_vec();
    let hash = header.len() - 64;
    let payload_hash = blake3::derive_key("sheaf 2026 entry payload v1", payload);
    header[hash..hash + 32].copy_from_slice(&payload_hash);
    let statement = blake3::derive_key("sheaf 2026 entry signature v1", &header);
    let signature = by.identity.device.sign(&statement).to_bytes();
    decode(&[&entry.encoded()[..4], &header, &signature, payload].concat()).unwrap()
}

#[test]
fn a_payload_opens_under_its_own_header_only() {
    let (space, ana, entry) = sealed(vec![vec![1, 2, 3]]);
    let same = with_payload_of(&space, &ana, space.draft(&ana), &entry);
    assert_eq!(same.open(&space.key), Ok(content(vec![vec![1, 2, 3]])));
    let moved = [
        Draft { space: SpaceId::from_bytes([9; 32]), ..space.draft(&ana) },
        Draft { seq: 3, ..space.draft(&ana) },
        Draft { time: 2_001, ..space.draft(&ana) },
        Draft { epoch: EpochId::from_bytes([9; 32]), ..space.draft(&ana) },
        Draft { access_heads: vec![], ..space.draft(&ana) },
        Draft { log: LogId { nonce: 99, ..ana.log }, ..space.draft(&ana) },
    ];
    for draft in moved {
        let stolen = with_payload_of(&space, &ana, draft, &entry);
        assert_eq!(stolen.open(&space.key), Err(OpenError::Seal(SealError::Broken)));
    }
    // Somebody else cannot pass it off as theirs either.
    let eve = Writer::new(2);
    let stolen = with_payload_of(&space, &eve, Draft { log: eve.log, ..space.draft(&ana) }, &entry);
    assert_eq!(stolen.open(&space.key), Err(OpenError::Seal(SealError::Broken)));
}

#[test]
fn an_access_entry_with_a_strange_operation_says_so() {
    let (space, ana, entry) = sealed(vec![vec![1, 2, 3]]);
    let op = AccessOp::decode(&space.creation.access_op().unwrap().unwrap().encode()).unwrap();
    let access = space.draft(&ana).access(&op, &ana.identity.device).unwrap();
    let header = 4 + u32::from_le_bytes(access.encoded()[..4].try_into().unwrap()) as usize;
    let payload = &entry.encoded()[entry.encoded().len() - 300..];
    let mut bytes = access.encoded()[..header].to_vec();
    let hash = bytes.len() - 64;
    bytes[hash..hash + 32].copy_from_slice(&blake3::derive_key("sheaf 2026 entry payload v1", payload));
    let statement = blake3::derive_key("sheaf 2026 entry signature v1", &bytes[4..]);
    bytes.extend_from_slice(&ana.identity.device.sign(&statement).to_bytes());
    bytes.extend_from_slice(payload);
    let strange = decode(&bytes).unwrap();
    assert!(matches!(strange.access_op(), Some(Err(OperationError::Malformed | OperationError::Unknown))));
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    assert_eq!(decode(&vec![0; MAX_ENTRY + 1]), Err(EntryError::TooLarge(MAX_ENTRY + 1)));
    // A length prefix of 4 GiB.
    assert_eq!(decode(&[0xff; 100]), Err(EntryError::TooLarge(u32::MAX as usize)));
    let (space, ana, _) = sealed(vec![vec![1]]);
    let seal = |changes| space.draft(&ana).seal(&space.key, &content(changes), &[5; 24], &ana.identity.device);
    assert_eq!(seal(vec![vec![0; MAX_CHANGE + 1]]), Err(ContentError::ChangeTooLarge(MAX_CHANGE + 1).into()));
    assert_eq!(seal(vec![vec![]; MAX_CHANGES + 1]), Err(ContentError::TooManyChanges.into()));
    assert_eq!(seal(vec![]), Err(ContentError::Empty.into()));
    let large = seal(vec![vec![0; MAX_CHANGE]; 4]).unwrap_err();
    assert!(matches!(large, DraftError::Content(ContentError::TooLarge(size)) if size > MAX_CONTENT));
    let large = seal(noise(600_000).chunks(300_000).map(<[u8]>::to_vec).collect()).unwrap_err();
    assert!(matches!(large, DraftError::Entry(EntryError::TooLarge(size)) if size > MAX_ENTRY));
    // What compresses well is no trouble.
    let (_, _, entry) = sealed(vec![vec![0; MAX_CHANGE]; 3]);
    assert!(entry.encoded().len() < 1000);
    assert_eq!(entry.open(&space.key), Ok(content(vec![vec![0; MAX_CHANGE]; 3])));
}

#[test]
fn a_draft_orders_what_it_names() {
    let (space, ana) = space();
    let on = |nonce, seq| EntryRef {
        log: LogId { nonce, ..Writer::new(2).log },
        seq,
        hash: sheaf_access::EntryHash::from_bytes([seq as u8; 32]),
    };
    let own = ana.tip.unwrap();
    let entry = space.write(&ana, Part::Body, &[on(5, 1), on(2, 7), on(5, 3), own, on(2, 7)]);
    assert_eq!(entry.header().builds_on, [on(2, 7), on(5, 3)]);
    let nowhere = Draft { seq: 0, ..space.draft(&ana) };
    let sealed = nowhere.seal(&space.key, &content(vec![vec![1]]), &[5; 24], &ana.identity.device);
    assert_eq!(sealed, Err(DraftError::Header(HeaderError::Place)));
}

#[test]
fn keystrokes_look_alike() {
    let sizes: std::collections::BTreeSet<usize> =
        (1..120).map(|length| sealed(vec![noise(length)]).2.encoded().len()).collect();
    assert_eq!(sizes.len(), 1, "{sizes:?}");
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn entries_come_back(
        changes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 1..6),
        talk: bool, slots in 0..3_usize, time: u64, nonce: [u8; 24], key: [u8; 32], document: [u8; 32],
        heads in prop::collection::btree_set(any::<[u8; 32]>(), 0..4),
    ) {
        let (space, ana) = space();
        let key = ContentKey::from_bytes(&key);
        let part = if talk { Part::Talk } else { Part::Body };
        let content = Content { document: DocumentId::from_bytes(document), part, changes };
        let builds_on = (0..slots as u64).map(|nonce| EntryRef {
            log: LogId { nonce: nonce + 10, ..ana.log },
            seq: time.clamp(1, sheaf_log::MAX_SEQ),
            hash: space.creation.hash(),
        }).collect();
        let access_heads = heads.into_iter().map(sheaf_access::EntryHash::from_bytes).collect();
        let draft = Draft { time, builds_on, access_heads, ..space.draft(&ana) };
        let entry = draft.seal(&key, &content, &nonce, &ana.identity.device).unwrap();
        let back = decode(entry.encoded()).unwrap();
        prop_assert_eq!(back.header(), entry.header());
        prop_assert_eq!(back.open(&key), Ok(content));
    }

    #[test]
    fn no_bent_entry_verifies(at: prop::sample::Index, bit in 0..8_u32, length in 0..2000_usize) {
        let (_, _, entry) = sealed(vec![noise(length)]);
        let mut bytes = entry.encoded().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..600), length in 0..600_u32) {
        prop_assert!(decode(&bytes).is_err());
        prop_assert!(decode(&[&length.to_le_bytes(), [1].as_slice(), &bytes].concat()).is_err());
    }

    #[test]
    fn a_size_class_hides_the_size_within_it(length in 0..200_000_usize) {
        let size = padded_size(length);
        prop_assert!(size >= length && size >= 256 && size <= (length + length / 4).max(256));
        prop_assert_eq!(padded_size(size), size);
        // Everything down to the class below gives the same.
        let below = (0..length).rev().find(|shorter| padded_size(*shorter) != size);
        prop_assert!(below.is_none_or(|below| padded_size(below) == below));
    }
}
