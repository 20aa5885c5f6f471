//! Finding where two branches part.
//!
//! A peer's log and the one here are known to differ in a place, and to agree before some other. The place between is
//! found by asking for entries: one before the difference, then two, four, eight before, until one is the same; then in
//! the middle of what is left. The peer need not know that anything is asked for a reason.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sheaf_access::{DeviceId, LogId, SpaceId};

/// How many searches are under way at most.
const MOST: usize = 256;

/// One search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Search {
    /// The highest place where both are known to agree; 0 if none is, which is where all logs agree.
    same: u64,
    /// The lowest place where they are known to differ.
    differs: u64,
    /// How far to step back, until something is known to agree.
    step: u64,
}

impl Search {
    /// The place to ask for; none, if the first difference is found.
    fn next(&self) -> Option<u64> {
        if self.differs - self.same <= 1 {
            return None;
        }
        Some(if self.step > 0 {
            self.differs.saturating_sub(self.step).max(self.same + 1)
        } else {
            self.same + (self.differs - self.same) / 2
        })
    }
}

/// What comes next in a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask for the entry in this place.
    Ask(u64),
    /// The first difference is in this place.
    Found(u64),
}

/// The searches that are under way.
#[derive(Default)]
pub struct Searches(Mutex<HashMap<(DeviceId, SpaceId, LogId), Search>>);

impl Searches {
    fn with<R>(&self, run: impl FnOnce(&mut HashMap<(DeviceId, SpaceId, LogId), Search>) -> R) -> R {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A peer's log differs from the one here in a place: what to ask it. Nothing, if that is being asked already.
    pub fn begin(&self, key: (DeviceId, SpaceId, LogId), differs: u64) -> Option<Next> {
        self.with(|searches| {
            if searches.contains_key(&key) || searches.len() >= MOST || differs == 0 {
                return None;
            }
            let search = Search { same: 0, differs, step: 1 };
            searches.insert(key, search);
            // Also when there is only one place it can be: the peer's entry has to be seen.
            Some(search.next().map_or(Next::Found(differs), Next::Ask))
        })
    }

    /// A peer has answered with the entry in a place, which is the same as here or not.
    pub fn answered(&self, key: (DeviceId, SpaceId, LogId), seq: u64, same: bool) -> Option<Next> {
        self.with(|searches| {
            let search = searches.get_mut(&key)?;
            if same && seq > search.same && seq < search.differs {
                search.same = seq;
                search.step = 0;
            } else if !same && seq <= search.differs && seq > search.same {
                search.differs = seq;
                search.step *= 2;
            }
            let next = search.next();
            let differs = search.differs;
            Some(next.map_or(Next::Found(differs), Next::Ask))
        })
    }

    /// A search has come to its end.
    pub fn end(&self, key: (DeviceId, SpaceId, LogId)) {
        self.with(|searches| searches.remove(&key));
    }

    /// A peer is gone, and with it what was asked of it.
    pub fn forget(&self, device: DeviceId) {
        self.with(|searches| searches.retain(|(of, _, _), _| *of != device));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> (DeviceId, SpaceId, LogId) {
        let device = DeviceId::from_bytes([1; 32]);
        (device, SpaceId::from_bytes([2; 32]), LogId { device, nonce: 0 })
    }

    #[test]
    fn the_first_difference_is_found_in_few_questions() {
        for first in 1..=70_u64 {
            for differs in first..=70 {
                let searches = Searches::default();
                let mut next = searches.begin(key(), differs).unwrap();
                let mut asked = 0;
                while let Next::Ask(seq) = next {
                    assert!(seq >= 1 && seq < differs);
                    asked += 1;
                    next = searches.answered(key(), seq, seq < first).unwrap();
                }
                assert_eq!(next, Next::Found(first), "a difference from {first} on, first seen at {differs}");
                assert!(asked <= 14, "{asked} questions for {first} of {differs}");
            }
        }
    }

    #[test]
    fn answers_that_make_no_sense_lead_nowhere() {
        let searches = Searches::default();
        assert_eq!(searches.begin(key(), 0), None);
        assert_eq!(searches.begin(key(), 9), Some(Next::Ask(8)));
        assert_eq!(searches.begin(key(), 5), None, "it is being asked already");
        assert_eq!(searches.answered(key(), 40, true), Some(Next::Ask(8)));
        assert_eq!(searches.answered(key(), 9, true), Some(Next::Ask(8)));
        searches.forget(key().0);
        assert_eq!(searches.answered(key(), 8, true), None);
    }
}
