//! Puts a window's messages back in the order in which they were sent.
//!
//! Each message is one call, and two calls in flight may overtake each other on their way. The rules of the window (W2)
//! need them in order, so each carries its number, and one that is early waits here for those before it.

use std::collections::BTreeMap;

use crate::problem::{Answer, Problem};

/// More messages than this out of order is not a slow wire but a broken window.
const MOST_WAITING: usize = 10_000;
/// The most bytes that may wait.
const MOST_BYTES: usize = 256 << 20;

/// The messages of one session.
#[derive(Debug)]
pub struct Inbox {
    next: u64,
    early: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { next: 1, early: BTreeMap::new(), bytes: 0 }
    }
}

impl Inbox {
    /// Takes a message in; gives every message whose turn it is now, in order.
    pub fn take(&mut self, number: u64, message: Vec<u8>) -> Answer<Vec<Vec<u8>>> {
        if number < self.next || self.early.contains_key(&number) {
            return Err(Problem::new("out-of-order", format!("Message {number} came twice.")));
        }
        if self.early.len() >= MOST_WAITING || self.bytes.saturating_add(message.len()) > MOST_BYTES {
            return Err(Problem::new("out-of-order", format!("Message {} never came.", self.next)));
        }
        self.bytes += message.len();
        self.early.insert(number, message);
        let mut ready = Vec::new();
        while let Some(message) = self.early.remove(&self.next) {
            self.bytes -= message.len();
            self.next += 1;
            ready.push(message);
        }
        Ok(ready)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_order_of_arrival_comes_out_in_the_order_of_sending(
            order in Just((1..=60_u64).collect::<Vec<_>>()).prop_shuffle()
        ) {
            let mut inbox = Inbox::default();
            let mut out = Vec::new();
            for number in order {
                for message in inbox.take(number, number.to_be_bytes().to_vec()).unwrap() {
                    out.push(u64::from_be_bytes(message.try_into().unwrap()));
                }
            }
            prop_assert_eq!(out, (1..=60).collect::<Vec<_>>());
            prop_assert_eq!(inbox.bytes, 0);
        }
    }

    #[test]
    fn a_message_that_comes_twice_is_refused() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.take(1, vec![1]).unwrap(), vec![vec![1]]);
        assert_eq!(inbox.take(1, vec![1]).unwrap_err().code, "out-of-order");
        assert!(inbox.take(3, vec![3]).unwrap().is_empty());
        assert_eq!(inbox.take(3, vec![3]).unwrap_err().code, "out-of-order");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut inbox = Inbox::default();
        for number in 0..MOST_WAITING as u64 {
            assert!(inbox.take(number + 2, Vec::new()).unwrap().is_empty());
        }
        assert_eq!(inbox.take(u64::MAX, Vec::new()).unwrap_err().code, "out-of-order");
    }
}
