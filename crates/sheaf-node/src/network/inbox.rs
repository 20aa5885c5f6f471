//! Signed receipts on their way to being checked.
//!
//! Checking one takes a signature and a write, on a blocking thread; sending one takes nothing. So there is one thread at a
//! time for a peer, and of each space only the latest receipt waits: an earlier one says less.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sheaf_access::SpaceId;

use crate::core::locked;

#[derive(Default)]
struct Waiting {
    receipts: BTreeMap<SpaceId, Vec<u8>>,
    busy: bool,
}

/// One peer's receipts. Clones are the same.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<Waiting>>);

impl Inbox {
    /// Puts one in. Answers whether someone has to begin taking them out.
    pub fn put(&self, space: SpaceId, receipt: Vec<u8>) -> bool {
        let mut waiting = locked(&self.0);
        waiting.receipts.insert(space, receipt);
        !std::mem::replace(&mut waiting.busy, true)
    }

    /// Takes one out; none: whoever takes them out is done.
    pub fn take(&self) -> Option<(SpaceId, Vec<u8>)> {
        let mut waiting = locked(&self.0);
        let next = waiting.receipts.pop_first();
        waiting.busy = next.is_some();
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_costs_one_receipt_for_each_space_and_one_thread() {
        let inbox = Inbox::default();
        let space = |n: u8| SpaceId::from_bytes([n; 32]);
        assert!(inbox.put(space(1), vec![0]), "somebody has to begin");
        for n in 1..100 {
            assert!(!inbox.put(space(n % 3), vec![n]), "somebody has begun");
        }
        assert_eq!(inbox.take(), Some((space(0), vec![99])));
        assert_eq!(inbox.take(), Some((space(1), vec![97])));
        assert_eq!(inbox.take(), Some((space(2), vec![98])));
        assert_eq!(inbox.take(), None);
        assert!(inbox.put(space(1), vec![1]), "it begins anew");
    }
}
