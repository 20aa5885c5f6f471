//! Frames: what is written is read, what is not a frame is an error, and nothing from outside costs more than it weighs.

use std::fmt::Write as _;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use sheaf_access::{DeviceId, EntryHash, LogId};
use sheaf_log::{Frontier, FrontierDigest};
use sheaf_sync::{
    Digest, EntryBytes, Frame, FrameError, MAX_ENTRIES, MAX_ENTRY_BYTES, MAX_FRAME_BYTES, MAX_MISSING, NotNow, Offer,
    RedemptionRefusal, Refusal, Stream, Tag, Tip, VERSION, Verdict, Window,
};

fn cases(most: u32) -> ProptestConfig {
    let cases = std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(most);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn log() -> impl Strategy<Value = LogId> {
    (any::<[u8; 32]>(), any::<u64>()).prop_map(|(device, nonce)| LogId { device: DeviceId::from_bytes(device), nonce })
}

fn tag() -> impl Strategy<Value = Tag> {
    any::<[u8; 32]>()
        .prop_map(|space| Tag::of(&sheaf_access::SpaceId::from_bytes(space), &sheaf_sync::Nonce::from_bytes([1; 32])))
}

fn frontier() -> impl Strategy<Value = Frontier> {
    btree_map(log(), 1..=sheaf_log::MAX_SEQ, 0..6).prop_map(|logs| {
        let mut frontier = Frontier::new();
        for (log, seq) in logs {
            frontier.advance(log, seq);
        }
        frontier
    })
}

fn digest() -> impl Strategy<Value = FrontierDigest> {
    any::<[u8; 32]>().prop_map(FrontierDigest::from_bytes)
}

fn offers() -> impl Strategy<Value = Vec<Offer>> {
    vec((tag(), digest()).prop_map(|(tag, digest)| Offer { tag, digest }), 0..5)
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        vec((log(), any::<u64>()), 0..MAX_MISSING).prop_map(|entries| Refusal::Missing { entries }),
        prop_oneof![Just(NotNow::DiskFull), Just(NotNow::Quota), Just(NotNow::Busy)].prop_map(Refusal::NotNow),
        prop_oneof![Just(Verdict::LOG_CLOSED), Just(Verdict::STILL_MISSING)].prop_map(Refusal::Never),
    ]
}

fn reason() -> impl Strategy<Value = RedemptionRefusal> {
    prop_oneof![
        Just(RedemptionRefusal::UnknownSpace),
        Just(RedemptionRefusal::UnknownInvitation),
        Just(RedemptionRefusal::Cancelled),
        Just(RedemptionRefusal::Expired),
        Just(RedemptionRefusal::UsedUp),
    ]
}

fn frame() -> impl Strategy<Value = Frame> {
    let entry = vec(any::<u8>(), 1..300).prop_map(EntryBytes::from);
    prop_oneof![
        (vec((any::<[u8; 32]>(), digest()), 0..3), any::<(u32, u32, u32)>(), offers()).prop_map(
            |(spaces, (count, bytes, entries), offers)| {
                let spaces: Vec<_> =
                    spaces.into_iter().map(|(id, digest)| (sheaf_access::SpaceId::from_bytes(id), digest)).collect();
                Frame::Hello {
                    digest: Digest::over(spaces.iter().map(|(id, digest)| (id, *digest))),
                    spaces: count,
                    window: Window { bytes, entries },
                    offers,
                }
            }
        ),
        offers().prop_map(|offers| Frame::Offers { offers }),
        tag().prop_map(|tag| Frame::Want { tag }),
        (tag(), any::<(bool, bool)>(), frontier()).prop_map(|(tag, (whole, reply), held)| Frame::Frontier {
            tag,
            whole,
            reply,
            held
        }),
        (tag(), any::<u64>(), vec(entry, 0..6)).prop_map(|(tag, first, entries)| Frame::Entries {
            tag,
            first,
            entries
        }),
        (tag(), any::<u64>(), vec((any::<u64>(), refusal()), 0..5)).prop_map(|(tag, count, refused)| Frame::Ack {
            tag,
            count,
            refused
        }),
        (tag(), frontier()).prop_map(|(tag, held)| Frame::Have { tag, held }),
        (tag(), vec((log(), any::<u64>()), 0..5)).prop_map(|(tag, logs)| Frame::Withheld { tag, logs }),
        (tag(), vec(any::<u8>(), 0..200)).prop_map(|(tag, proof)| Frame::Redeem { tag, proof }),
        (tag(), reason()).prop_map(|(tag, reason)| Frame::RedeemRefused { tag, reason }),
        tag().prop_map(|tag| Frame::Sign { tag }),
        (tag(), vec(any::<u8>(), 0..200)).prop_map(|(tag, receipt)| Frame::Signed { tag, receipt }),
        (tag(), vec(any::<u8>(), 0..200)).prop_map(|(tag, word)| Frame::Word { tag, word }),
        (tag(), any::<bool>(), frontier(), vec(any::<[u8; 32]>(), 0..5)).prop_map(|(tag, reply, held, hashes)| {
            let tips = hashes.into_iter().map(|hash| Tip::of(&EntryHash::from_bytes(hash))).collect();
            Frame::Whole { tag, reply, held, tips }
        }),
    ]
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn what_is_written_is_read(frame in frame()) {
        let bytes = frame.encode();
        prop_assert_eq!(bytes[0], VERSION);
        prop_assert_eq!(Frame::decode(&bytes), Ok(frame));
    }

    #[test]
    fn a_frame_cut_short_is_an_error(frame in frame(), at in any::<prop::sample::Index>()) {
        let bytes = frame.encode();
        prop_assert!(Frame::decode(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn a_frame_with_something_behind_it_is_an_error(frame in frame(), more in vec(any::<u8>(), 1..9)) {
        let mut bytes = frame.encode();
        bytes.extend(&more);
        prop_assert_eq!(Frame::decode(&bytes), Err(FrameError::Trailing(more.len())));
    }

    #[test]
    fn a_frame_with_bits_flipped_is_an_error_or_another_frame(
        frame in frame(),
        flips in vec((any::<prop::sample::Index>(), 0..8u32), 1..5),
    ) {
        let mut bytes = frame.encode();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Ok(read) = Frame::decode(&bytes) {
            prop_assert_eq!(Frame::decode(&read.encode()), Ok(read));
        }
    }

    #[test]
    fn noise_is_not_a_reason_to_panic(mut bytes in vec(any::<u8>(), 0..400), versioned in any::<bool>()) {
        if let (true, Some(first)) = (versioned, bytes.first_mut()) {
            *first = VERSION;
        }
        let _ = Frame::decode(&bytes);
    }
}

#[test]
fn bytes_that_are_no_frame_say_what_is_wrong_with_them() {
    assert_eq!(Frame::decode(&[]), Err(FrameError::Empty));
    assert_eq!(Frame::decode(&[9, 0, 0]), Err(FrameError::Version(9)));
    assert_eq!(Frame::decode(&[VERSION, 99]), Err(FrameError::Malformed));
    assert_eq!(Frame::decode(&vec![VERSION; MAX_FRAME_BYTES + 1]), Err(FrameError::TooLarge(MAX_FRAME_BYTES + 1)));
}

/// The number of a frame's kind on the wire, its tag, and what follows.
fn raw(kind: u8, tag: bool, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![VERSION, kind];
    if tag {
        bytes.extend([0; 16]);
    }
    bytes.extend(rest);
    bytes
}

#[test]
fn a_list_that_claims_to_be_long_costs_nothing() {
    // 2^35 - 1 elements, as a varint.
    let many = [0xff, 0xff, 0xff, 0xff, 0x7f];
    for bytes in [
        raw(1, false, &many),
        raw(3, true, &[&[1, 1], &many[..]].concat()),
        raw(4, true, &[&[0], &many[..]].concat()),
        raw(5, true, &[&[0], &many[..]].concat()),
        raw(6, true, &many),
        raw(7, true, &many),
        raw(8, true, &many),
    ] {
        assert_eq!(Frame::decode(&bytes), Err(FrameError::Malformed), "{bytes:?}");
    }
}

#[test]
fn limits_hold_to_the_last_element() {
    let entries = |count: usize, size: usize| Frame::Entries {
        tag: Tag::of(&sheaf_access::SpaceId::UNBORN, &sheaf_sync::Nonce::from_bytes([0; 32])),
        first: 0,
        entries: vec![EntryBytes::from(vec![0; size]); count],
    };
    assert!(Frame::decode(&entries(MAX_ENTRIES, 1).encode()).is_ok());
    assert_eq!(Frame::decode(&entries(MAX_ENTRIES + 1, 1).encode()), Err(FrameError::Malformed));
    assert!(Frame::decode(&entries(1, MAX_ENTRY_BYTES).encode()).is_ok());
    assert_eq!(Frame::decode(&entries(1, MAX_ENTRY_BYTES + 1).encode()), Err(FrameError::Malformed));
    assert_eq!(Frame::decode(&entries(1, 0).encode()), Err(FrameError::Malformed), "an entry has bytes");
}

#[test]
fn the_stream_of_a_frame_is_its_space() {
    let tag = Tag::of(&sheaf_access::SpaceId::UNBORN, &sheaf_sync::Nonce::from_bytes([0; 32]));
    assert_eq!(Frame::Want { tag }.stream(), Stream::Space(tag));
    assert_eq!(Frame::Offers { offers: vec![] }.stream(), Stream::Control);
    assert_eq!(Frame::Redeem { tag, proof: vec![] }.stream(), Stream::Control);
}

/// One frame of each kind, with every field in use.
fn samples() -> Vec<(&'static str, Frame)> {
    let tag = Tag::of(&sheaf_access::SpaceId::from_bytes([7; 32]), &sheaf_sync::Nonce::from_bytes([8; 32]));
    let log = LogId { device: DeviceId::from_bytes([9; 32]), nonce: 300 };
    let digest = FrontierDigest::from_bytes([3; 32]);
    let offers = vec![Offer { tag, digest }];
    let mut held = Frontier::new();
    held.advance(log, 1_000);
    vec![
        (
            "hello",
            Frame::Hello {
                digest: Digest::over([(&sheaf_access::SpaceId::from_bytes([7; 32]), digest)]),
                spaces: 1,
                window: Window { bytes: 4_194_304, entries: 8_192 },
                offers: offers.clone(),
            },
        ),
        ("offers", Frame::Offers { offers }),
        ("want", Frame::Want { tag }),
        ("frontier", Frame::Frontier { tag, whole: true, reply: false, held: held.clone() }),
        ("entries", Frame::Entries { tag, first: 5, entries: vec![EntryBytes::from(vec![1, 2, 3])] }),
        (
            "ack",
            Frame::Ack {
                tag,
                count: 9,
                refused: vec![
                    (6, Refusal::Missing { entries: vec![(log, 4)] }),
                    (7, Refusal::NotNow(NotNow::DiskFull)),
                    (8, Refusal::Never(Verdict::LOG_CLOSED)),
                ],
            },
        ),
        ("have", Frame::Have { tag, held: held.clone() }),
        ("withheld", Frame::Withheld { tag, logs: vec![(log, 5)] }),
        ("redeem", Frame::Redeem { tag, proof: vec![4; 64] }),
        ("redeem-refused", Frame::RedeemRefused { tag, reason: RedemptionRefusal::Expired }),
        ("sign", Frame::Sign { tag }),
        ("signed", Frame::Signed { tag, receipt: vec![6; 3] }),
        ("word", Frame::Word { tag, word: vec![7; 3] }),
        ("whole", Frame::Whole { tag, reply: true, held, tips: vec![Tip::of(&EntryHash::from_bytes([8; 32]))] }),
    ]
}

#[test]
fn frames_of_version_1_are_read_for_ever() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/frames-v1.txt");
    let mut lines = String::new();
    for (name, frame) in samples() {
        let hex = frame.encode().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let _ = writeln!(lines, "{name} {hex}");
    }
    if std::env::var_os("SHEAF_WRITE_VECTORS").is_some() {
        std::fs::write(path, &lines).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), lines, "frames of version 1 look different: make it version 2");
}
