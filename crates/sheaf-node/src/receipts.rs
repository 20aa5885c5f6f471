//! Receipts (N5): which device has confirmed which of this device's own entries, and when.
//!
//! The window's status line is made from these and from nothing else.

use std::collections::BTreeMap;

use sheaf_access::{DeviceId, SpaceId};

/// What one device has confirmed of one space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The highest sequence number of this device's own log that it holds durably.
    pub own: u64,
    /// When it said so, in milliseconds since 1970.
    pub at: u64,
}

/// The last receipt of every device for every space.
#[derive(Default)]
pub struct Receipts {
    last: BTreeMap<(SpaceId, DeviceId), Receipt>,
}

impl Receipts {
    /// Takes in a receipt; one that says less than an earlier one changes only its time. Returns whether it says more.
    pub fn note(&mut self, space: SpaceId, device: DeviceId, own: u64, at: u64) -> bool {
        let last = self.last.entry((space, device)).or_insert(Receipt { own: 0, at });
        let more = own > last.own;
        last.own = last.own.max(own);
        last.at = last.at.max(at);
        more
    }

    /// A device's last receipt for a space.
    pub fn of(&self, space: SpaceId, device: DeviceId) -> Option<Receipt> {
        self.last.get(&(space, device)).copied()
    }

    /// The highest own sequence number that at least one other device has confirmed.
    pub fn confirmed(&self, space: SpaceId) -> u64 {
        self.last.iter().filter(|((of, _), _)| *of == space).map(|(_, receipt)| receipt.own).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_never_takes_back_what_an_earlier_one_proved() {
        let (space, device) = (SpaceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        let mut receipts = Receipts::default();
        assert!(receipts.note(space, device, 5, 100));
        assert!(!receipts.note(space, device, 3, 200));
        assert_eq!(receipts.of(space, device), Some(Receipt { own: 5, at: 200 }));
        assert_eq!(receipts.confirmed(space), 5);
        assert_eq!(receipts.confirmed(SpaceId::from_bytes([9; 32])), 0);
    }
}
