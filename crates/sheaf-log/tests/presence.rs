//! Presence messages (N4).

mod common;

use std::sync::OnceLock;

use common::{Writer, cases};
use proptest::prelude::*;
use sheaf_access::{ContentKey, EpochId, SpaceId};
use sheaf_log::{Counters, MAX_PRESENCE, Presence, PresenceError, SealError, seal_presence};

const SPACE: SpaceId = SpaceId::from_bytes([1; 32]);
const EPOCH: EpochId = EpochId::from_bytes([2; 32]);

fn key() -> ContentKey {
    ContentKey::from_bytes(&[7; 32])
}

fn sealed(counter: u64, content: &[u8]) -> Vec<u8> {
    static ANA: OnceLock<Writer> = OnceLock::new();
    let ana = ANA.get_or_init(|| Writer::new(1));
    seal_presence((SPACE, EPOCH, &key()), counter, content, &[5; 24], &ana.identity.device).unwrap()
}

#[test]
fn presence_comes_back() {
    let presence = Presence::verify(&sealed(8, b"caret")).unwrap();
    assert_eq!((presence.space, presence.epoch, presence.counter), (SPACE, EPOCH, 8));
    assert_eq!(presence.device, Writer::new(1).device());
    assert_eq!(presence.open(&key()), Ok(b"caret".to_vec()));
    let wrong = ContentKey::from_bytes(&[8; 32]);
    assert_eq!(presence.open(&wrong), Err(PresenceError::Seal(SealError::OtherKey)));
}

#[test]
fn bent_cut_and_long_presence_is_refused() {
    let bytes = sealed(8, b"caret");
    for bit in 0..bytes.len() * 8 {
        let mut bent = bytes.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(Presence::verify(&bent).is_err(), "{bit}");
    }
    for end in 0..bytes.len() {
        assert!(Presence::verify(&bytes[..end]).is_err(), "{end}");
    }
    assert_eq!(Presence::verify(&[bytes.as_slice(), &[0]].concat()), Err(PresenceError::Signature));
    assert_eq!(Presence::verify(&[0; MAX_PRESENCE + 1]), Err(PresenceError::TooLarge(MAX_PRESENCE + 1)));
    assert_eq!(Presence::verify(&[9; 300]), Err(PresenceError::Newer));
    assert_eq!(Presence::verify(&[]), Err(PresenceError::Malformed));
    let ana = Writer::new(1);
    let noise: Vec<u8> = (0..125_u8).flat_map(|at| blake3::derive_key("noise", &[at])).collect();
    let large = seal_presence((SPACE, EPOCH, &key()), 1, &noise, &[5; 24], &ana.identity.device);
    assert!(matches!(large, Err(PresenceError::TooLarge(_))));
}

#[test]
fn a_signed_message_too_short_to_hold_a_seal_does_not_open() {
    // A member may sign anything: what follows the front here is nothing at all.
    let ana = Writer::new(1);
    let front = &sealed(8, b"caret")[..105];
    let statement = blake3::derive_key("sheaf 2026 presence signature v1", front);
    let bytes = [front, &ana.identity.device.sign(&statement).to_bytes()].concat();
    let presence = Presence::verify(&bytes).unwrap();
    assert_eq!(presence.open(&key()), Err(PresenceError::Seal(SealError::Malformed)));
}

#[test]
fn an_old_message_sent_again_moves_nobody() {
    let mut counters = Counters::new();
    let message = |counter| Presence::verify(&sealed(counter, b"caret")).unwrap();
    assert!(counters.accept(&message(5)));
    assert!(!counters.accept(&message(5)));
    assert!(!counters.accept(&message(4)));
    assert!(counters.accept(&message(6)));
    counters.forget(&SPACE);
    assert!(counters.accept(&message(1)));
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn any_presence_comes_back(counter: u64, content in prop::collection::vec(any::<u8>(), 0..3_000)) {
        let presence = Presence::verify(&sealed(counter, &content)).unwrap();
        prop_assert_eq!(presence.counter, counter);
        prop_assert_eq!(presence.open(&key()), Ok(content));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Presence::verify(&bytes).is_err());
        prop_assert!(Presence::verify(&[&[1], bytes.as_slice()].concat()).is_err());
    }
}
