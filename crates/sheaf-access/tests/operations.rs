//! Access operations as bytes: hostile ones too.

mod common;

use common::{Someone, cases, rng};
use proptest::prelude::*;
use sheaf_access::{
    AccessOp, ContentKey, EntryHash, EpochId, InvitationSecret, MAX_WRAPS, OperationError, Role, SpaceId, Wrap,
};

fn operations() -> Vec<AccessOp> {
    let mut rng = rng(1);
    let ana = Someone::new(1);
    let key = ContentKey::generate(&mut rng);
    let (space, epoch) = (SpaceId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    let secret = InvitationSecret::generate(&mut rng);
    let (grant, keys) = (EntryHash::from_bytes([3; 32]), [(epoch, key.clone())]);
    vec![
        AccessOp::create(ana.certificate, &key, &mut rng).unwrap(),
        AccessOp::invite(space, grant, &secret, Role::Editor, &keys, &mut rng).unwrap(),
        AccessOp::redeem(space, &secret, ana.certificate, &[grant], &keys, &mut rng).unwrap(),
    ]
}

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
    for (at, value) in [(0, 2), (0, 200), (1, 3), (1, 255)] {
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
    // A `Create` that says it has 2^63 wraps, and has none.
    let mut bytes = operations()[0].encode();
    let count = 2 + 32 + 32 + 32 + 64 + 16 + 32;
    assert_eq!(bytes[count], 1);
    bytes.truncate(count);
    bytes.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    assert_eq!(AccessOp::decode(&bytes), Err(OperationError::Malformed));
}

#[test]
fn too_much_is_too_large() {
    assert_eq!(AccessOp::decode(&vec![1; 512 * 1024 + 1]), Err(OperationError::TooLarge));
    let AccessOp::Invite { under, invitation, sealing_key, role, wraps } = operations().remove(1) else {
        unreachable!()
    };
    let wraps: Vec<Wrap> = std::iter::repeat_n(wraps[0].clone(), MAX_WRAPS + 1).collect();
    let large = AccessOp::Invite { under, invitation, sealing_key, role, wraps }.encode();
    assert!(large.len() < 512 * 1024, "{}", large.len());
    assert_eq!(AccessOp::decode(&large), Err(OperationError::TooLarge));
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn bytes_decode_only_as_what_they_encode(which in 0..3_usize, at: prop::sample::Index, bit in 0..8_u32) {
        let mut bytes = operations()[which].encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        if let Ok(operation) = AccessOp::decode(&bytes) {
            prop_assert_eq!(operation.encode(), bytes);
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400), known in 0..3_u8) {
        for bytes in [bytes.clone(), [&[1, known], bytes.as_slice()].concat()] {
            if let Ok(operation) = AccessOp::decode(&bytes) {
                prop_assert_eq!(operation.encode(), bytes);
            }
        }
    }
}
