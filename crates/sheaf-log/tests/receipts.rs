//! Receipts: what is signed is what is read, and nothing else is.

mod common;

use common::{Writer, cases};
use proptest::prelude::*;
use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_log::{Frontier, MAX_LOGS, MAX_RECEIPT, MAX_SEQ, Receipt, ReceiptError};

fn frontier() -> impl Strategy<Value = Frontier> {
    let log = (any::<[u8; 32]>(), any::<u64>());
    prop::collection::vec((log, 1..=MAX_SEQ), 0..20).prop_map(|logs| {
        let log = |(device, nonce)| LogId { device: DeviceId::from_bytes(device), nonce };
        logs.into_iter().map(|(place, seq)| (log(place), seq)).collect()
    })
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_receipt_says_what_was_signed(space: [u8; 32], held in frontier(), time: u64, seed: u64) {
        let writer = Writer::new(seed);
        let receipt = Receipt::sign(SpaceId::from_bytes(space), held.clone(), time, &writer.identity.device);
        let read = Receipt::verify(receipt.encoded()).unwrap();
        prop_assert_eq!(&read, &receipt);
        prop_assert_eq!((read.device, read.time, read.held), (writer.device(), time, held));
    }

    #[test]
    fn no_other_bytes_are_one(held in frontier(), at: prop::sample::Index, bit in 0..8u32, cut: prop::sample::Index) {
        let writer = Writer::new(1);
        let receipt = Receipt::sign(SpaceId::from_bytes([7; 32]), held, 5, &writer.identity.device);
        let mut bytes = receipt.encoded().to_vec();
        prop_assert!(Receipt::verify(&bytes[..cut.index(bytes.len())]).is_err());
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        prop_assert!(Receipt::verify(&bytes).is_err());
        bytes[at] ^= 1u8 << bit;
        bytes.push(0);
        prop_assert!(Receipt::verify(&bytes).is_err());
    }

    #[test]
    fn noise_is_refused(bytes: Vec<u8>) {
        prop_assert!(Receipt::verify(&bytes).is_err());
    }
}

#[test]
fn the_largest_one_there_can_be_fits() {
    let log = |n: u64| {
        let mut device = [0xee; 32];
        device[..8].copy_from_slice(&n.to_be_bytes());
        LogId { device: DeviceId::from_bytes(device), nonce: u64::MAX }
    };
    let held: Frontier = (0..MAX_LOGS as u64).map(|n| (log(n), MAX_SEQ)).collect();
    assert_eq!(held.len(), MAX_LOGS);
    let receipt = Receipt::sign(SpaceId::from_bytes([1; 32]), held, u64::MAX, &Writer::new(1).identity.device);
    assert!(receipt.encoded().len() <= MAX_RECEIPT, "{}", receipt.encoded().len());
    Receipt::verify(receipt.encoded()).unwrap();
}

#[test]
fn what_is_wrong_is_told_apart() {
    assert_eq!(Receipt::verify(&[]), Err(ReceiptError::Malformed));
    assert_eq!(Receipt::verify(&[1; 20]), Err(ReceiptError::Malformed));
    assert_eq!(Receipt::verify(&[2; 200]), Err(ReceiptError::Newer));
    assert_eq!(Receipt::verify(&vec![1; MAX_RECEIPT + 1]), Err(ReceiptError::TooLarge(MAX_RECEIPT + 1)));
    let (ana, ben) = (Writer::new(1), Writer::new(2));
    let space = SpaceId::from_bytes([3; 32]);
    let mut bytes = Receipt::sign(space, Frontier::new(), 0, &ana.identity.device).encoded().to_vec();
    bytes[33..65].copy_from_slice(ben.device().as_bytes());
    assert_eq!(Receipt::verify(&bytes), Err(ReceiptError::Signature));
}
