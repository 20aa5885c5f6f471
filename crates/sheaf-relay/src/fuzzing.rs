//! What the fuzz targets drive: what comes from other relays through NATS, and what a relay writes down of quotas.

use sheaf_access::PersonId;

pub use crate::cluster::fuzzing::{asking, message, messages, questions_and_answers, roll_call, roll_calls};
use crate::quota::{Account, Amount, Beside};

/// Any bytes as what is written down of what somebody uses.
pub fn quota(bytes: &[u8]) {
    if let Ok(account) = Account::decode(bytes) {
        let _ = account.total();
        assert_eq!(Account::decode(&account.encode()).ok(), Some(account));
    }
    if let Ok(beside) = Beside::decode(bytes) {
        assert_eq!(Beside::decode(&beside.encode()).ok(), Some(beside));
    }
}

/// An account, and what is beside one.
pub fn quotas() -> Vec<Vec<u8>> {
    let person = |n: u8| PersonId::from_bytes([n; 32]);
    let mut account = Account::default();
    account.entry(person(1), 3, 200);
    account.entry(person(2), 4, u64::MAX);
    let beside = Beside {
        branches: [(person(1), Amount { bytes: 300, entries: 2 })].into(),
        blobs: [(person(2), 1 << 40)].into(),
    };
    vec![account.encode(), beside.encode()]
}
