//! Access operations as bytes: hostile ones too.

mod common;

use common::{Someone, cases, rng};
use proptest::prelude::*;
use sheaf_access::{
    AccessOp, ContentKey, DeviceRevocation, DocumentId, EntryHash, EpochId, EpochStart, Introduction, InvitationSecret,
    LogId, MAX_PARENTS, MAX_READERS, MAX_WATERMARKS, MAX_WRAPS, OperationError, Relay, Role, SEALED_NAME, SpaceId,
    Terms, Wrap,
};

fn operations() -> Vec<AccessOp> {
    let mut rng = rng(1);
    let ana = Someone::new(1);
    let key = ContentKey::generate(&mut rng);
    let (space, epoch) = (SpaceId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    let secret = InvitationSecret::generate(&mut rng);
    let (grant, keys) = (EntryHash::from_bytes([3; 32]), [(epoch, key.clone())]);
    let (under, person) = (grant, ana.root.id());
    let readers = [ana.certificate.sealing_key, secret.sealing_key()];
    let parents = [(epoch, Some(key.clone())), (EpochId::from_bytes([4; 32]), None)];
    let start = EpochStart::new(&ContentKey::generate(&mut rng), space, &parents, &readers, &mut rng).unwrap();
    let wraps = vec![Wrap::seal(&key, space, epoch, ana.certificate.sealing_key, &mut rng).unwrap()];
    let watermarks = vec![(ana.log, 7), (LogId { nonce: u64::MAX, ..ana.log }, 70_000)];
    let terms = Terms { role: Role::Editor, expires: Some(1_790_000_000_000), uses: Some(3) };
    let revocation = DeviceRevocation::issue(&ana.root, ana.device.id());
    let consent = ana.certificate.consent(&ana.device);
    let relay = Relay { key: ana.device.id(), addresses: vec!["192.0.2.1:4433".into()], url: Some("https://r".into()) };
    vec![
        AccessOp::create(ana.certificate, &key, &mut rng).unwrap(),
        AccessOp::invite(space, grant, &secret, terms, &keys, &mut rng).unwrap(),
        AccessOp::redeem(space, &secret, ana.certificate, &[grant], &keys, &mut rng).unwrap(),
        AccessOp::Grant { under, person, role: Role::Owner, wraps: wraps.clone() },
        AccessOp::Remove {
            under,
            person,
            grants: vec![grant],
            leaves: Some(Role::Viewer),
            watermarks: watermarks.clone(),
            rotate: Some(start.clone()),
        },
        AccessOp::AddDevice { certificate: ana.certificate, consent, under: Some(under), wraps: wraps.clone() },
        AccessOp::RemoveDevice { under, revocation, watermarks, rotate: None },
        AccessOp::Close { under, invitation: secret.id(), accepted: vec![grant], rotate: Some(start.clone()) },
        AccessOp::Rotate { under, epoch: start },
        AccessOp::Rewrap { under, wraps },
        AccessOp::Destroy { under, document: DocumentId::from_bytes([8; 32]) },
        AccessOp::NameRelay { under, relay: relay.clone() },
        AccessOp::DropRelay { under, relay: ana.device.id() },
        AccessOp::Introduce { under, name: Introduction { epoch, sealed: vec![5; SEALED_NAME] } },
    ]
}

/// How many operations there are.
const OPERATIONS: usize = 14;

#[test]
fn a_cut_or_lengthened_operation_is_malformed() {
    for operation in operations() {
        let bytes = operation.encode();
        for end in 0..bytes.len() {
            assert_eq!(AccessOp::decode(&bytes[..end]), Err(OperationError::Malformed), "cut at {end}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(AccessOp::decode(&longer), Err(OperationError::Malformed));
    }
}

#[test]
fn what_a_newer_sheaf_wrote_is_told_apart() {
    let bytes = operations()[1].encode();
    for (at, value) in [(0, 5), (0, 200), (1, OPERATIONS as u8), (1, 255)] {
        let mut newer = bytes.clone();
        newer[at] = value;
        assert_eq!(AccessOp::decode(&newer), Err(OperationError::Unknown));
    }
}

#[test]
fn a_number_written_longer_than_it_need_be_is_malformed() {
    // The role of an invitation, 2, as the two bytes 0x82 0x00.
    let bytes = operations()[1].encode();
    let role = 2 + 32 + 32 + 32;
    assert_eq!(bytes[role], 2);
    let longer = [&bytes[..role], &[0x82, 0], &bytes[role + 1..]].concat();
    assert_eq!(AccessOp::decode(&longer), Err(OperationError::Malformed));
}

#[test]
fn a_claimed_length_allocates_nothing() {
    // A `Create` that says it has 2^63 parents, or wraps, and has none.
    let whole = operations()[0].encode();
    let count = 2 + 32 + 32 + 32 + 64 + 16 + 32;
    assert_eq!(whole[count..count + 2], [0, 1]);
    for count in [count, count + 1] {
        let mut bytes = whole[..count].to_vec();
        bytes.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(AccessOp::decode(&bytes), Err(OperationError::Malformed));
    }
}

#[test]
fn too_much_is_too_large() {
    assert_eq!(AccessOp::decode(&vec![1; 512 * 1024 + 1]), Err(OperationError::TooLarge));
    let mut rewrap = operations().swap_remove(9);
    let AccessOp::Rewrap { wraps, .. } = &mut rewrap else { unreachable!() };
    *wraps = vec![wraps[0].clone(); MAX_WRAPS + 1];
    let mut rotate = operations().swap_remove(8);
    let AccessOp::Rotate { epoch, .. } = &mut rotate else { unreachable!() };
    epoch.parents = vec![epoch.parents[0].clone(); MAX_PARENTS + 1];
    let mut remove = operations().swap_remove(4);
    let AccessOp::Remove { watermarks, .. } = &mut remove else { unreachable!() };
    *watermarks = vec![watermarks[0]; MAX_WATERMARKS + 1];
    for operation in [rewrap, rotate, remove] {
        let large = operation.encode();
        assert!(large.len() < 512 * 1024, "{}", large.len());
        assert_eq!(AccessOp::decode(&large), Err(OperationError::TooLarge));
    }
}

/// Each operation is of the version that first had it, and of no other.
#[test]
fn an_operation_has_one_version() {
    for (at, operation) in operations().into_iter().enumerate() {
        let mut bytes = operation.encode();
        let first = match at {
            0..11 => 2,
            11..13 => 3,
            _ => 4,
        };
        assert_eq!(bytes[0], first);
        for version in 2..=5 {
            bytes[0] = version;
            let refused = match version {
                5.. => Err(OperationError::Unknown),
                _ if version < first => Err(OperationError::Unknown),
                _ if version > first => Err(OperationError::Malformed),
                _ => Ok(operation.clone()),
            };
            assert_eq!(AccessOp::decode(&bytes), refused, "{at} as version {version}");
        }
    }
}

#[test]
fn a_sealed_name_has_one_length() {
    let AccessOp::Introduce { under, name } = operations().swap_remove(13) else { unreachable!() };
    for length in [0, SEALED_NAME - 1, SEALED_NAME + 1, 100_000] {
        let name = Introduction { sealed: vec![1; length], ..name.clone() };
        let bytes = AccessOp::Introduce { under, name }.encode();
        assert_eq!(AccessOp::decode(&bytes), Err(OperationError::TooLarge));
    }
}

#[test]
fn a_relay_keeps_to_its_limits() {
    let AccessOp::NameRelay { under, relay } = operations().swap_remove(11) else { unreachable!() };
    let many = Relay { addresses: vec!["192.0.2.1:1".into(); 9], ..relay.clone() };
    let blank = Relay { addresses: vec!["192.0.2.1 :1".into()], ..relay.clone() };
    let long = Relay { url: Some("x".repeat(257)), ..relay };
    for relay in [many, blank, long] {
        let bytes = AccessOp::NameRelay { under, relay }.encode();
        assert_eq!(AccessOp::decode(&bytes), Err(OperationError::TooLarge));
    }
}

/// What a key for the most readers there can be comes to: it fits into an entry, with the rest that a removal says.
#[test]
fn the_most_readers_fit() {
    let mut remove = operations().swap_remove(4);
    let AccessOp::Remove { rotate: Some(start), watermarks, .. } = &mut remove else { unreachable!() };
    start.wraps = vec![start.wraps[0].clone(); MAX_READERS];
    start.parents = vec![start.parents[0].clone(); MAX_PARENTS];
    *watermarks = vec![watermarks[1]; 256];
    let bytes = remove.encode();
    assert!(bytes.len() < 508 * 1024, "{}", bytes.len());
    AccessOp::decode(&bytes).unwrap();
}

/// Whatever decodes has one encoding: the same bytes, or, of the first version, others that say the same.
fn decodes_as_one(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(operation) = AccessOp::decode(bytes) {
        let again = operation.encode();
        if bytes[0] == again[0] {
            prop_assert_eq!(again, bytes);
        } else {
            prop_assert_eq!(AccessOp::decode(&again), Ok(operation));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn bytes_decode_only_as_what_they_encode(which in 0..OPERATIONS, at: prop::sample::Index, bit in 0..8_u32) {
        let mut bytes = operations()[which].encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        decodes_as_one(&bytes)?;
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400), known in 0..OPERATIONS as u8) {
        decodes_as_one(&bytes)?;
        for version in [1, 2] {
            decodes_as_one(&[&[version, known], bytes.as_slice()].concat())?;
        }
    }
}
