//! Finding where two branches part.
//!
//! A peer's log and the one here are known to differ in a place, and to agree before some other. The place between is
//! found by asking for entries: one before the difference, then two, four, eight before, until one is the same; then in
//! the middle of what is left. The peer need not know that anything is asked for a reason.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sheaf_access::{DeviceId, LogId, SpaceId};

/// How many searches are under way at most with one device. Others are not kept waiting by one that does not answer.
const MOST: usize = 16;
/// A search that has not got an answer for so long is given up, and may begin anew.
const PATIENCE: Duration = Duration::from_mins(1);

/// One search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Search {
    /// The highest place where both are known to agree; 0 if none is, which is where all logs agree.
    same: u64,
    /// The lowest place where they are known to differ.
    differs: u64,
    /// How far to step back, until something is known to agree.
    step: u64,
    /// When it began, or the last answer came that brought it further.
    since: Instant,
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
    pub fn begin(&self, key: (DeviceId, SpaceId, LogId), differs: u64, now: Instant) -> Option<Next> {
        self.with(|searches| {
            searches.retain(|_, search| now.saturating_duration_since(search.since) < PATIENCE);
            let of_device = searches.keys().filter(|(device, ..)| *device == key.0).count();
            if searches.contains_key(&key) || of_device >= MOST || differs == 0 {
                return None;
            }
            let search = Search { same: 0, differs, step: 1, since: now };
            searches.insert(key, search);
            // Also when there is only one place it can be: the peer's entry has to be seen.
            Some(search.next().map_or(Next::Found(differs), Next::Ask))
        })
    }

    /// A peer has answered with the entry in a place, which is the same as here or not.
    pub fn answered(&self, key: (DeviceId, SpaceId, LogId), seq: u64, same: bool, now: Instant) -> Option<Next> {
        self.with(|searches| {
            let search = searches.get_mut(&key)?;
            let before = (search.same, search.differs);
            if same && seq > search.same && seq < search.differs {
                search.same = seq;
                search.step = 0;
            } else if !same && seq <= search.differs && seq > search.same {
                search.differs = seq;
                search.step = search.step.saturating_mul(2);
            }
            if (search.same, search.differs) != before {
                search.since = now;
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
                let now = Instant::now();
                let mut next = searches.begin(key(), differs, now).unwrap();
                let mut asked = 0;
                while let Next::Ask(seq) = next {
                    assert!(seq >= 1 && seq < differs);
                    asked += 1;
                    next = searches.answered(key(), seq, seq < first, now).unwrap();
                }
                assert_eq!(next, Next::Found(first), "a difference from {first} on, first seen at {differs}");
                assert!(asked <= 14, "{asked} questions for {first} of {differs}");
            }
        }
    }

    #[test]
    fn answers_that_make_no_sense_lead_nowhere() {
        let searches = Searches::default();
        let now = Instant::now();
        assert_eq!(searches.begin(key(), 0, now), None);
        assert_eq!(searches.begin(key(), 9, now), Some(Next::Ask(8)));
        assert_eq!(searches.begin(key(), 5, now), None, "it is being asked already");
        assert_eq!(searches.answered(key(), 40, true, now), Some(Next::Ask(8)));
        assert_eq!(searches.answered(key(), 9, true, now), Some(Next::Ask(8)));
        searches.forget(key().0);
        assert_eq!(searches.answered(key(), 8, true, now), None);
    }

    /// As many devices as like do not answer, or answer nonsense; another one is asked all the same.
    #[test]
    fn who_does_not_answer_holds_up_nobody_else_and_themselves_not_for_ever() {
        let searches = Searches::default();
        let now = Instant::now();
        let (_, space, _) = key();
        let of = |device: u8, nonce| {
            let device = DeviceId::from_bytes([device; 32]);
            (device, space, LogId { device, nonce })
        };
        for device in 1..100 {
            let begun = (0..500).filter(|nonce| searches.begin(of(device, *nonce), 9, now).is_some()).count();
            assert_eq!(begun, MOST, "of device {device}");
        }
        assert_eq!(searches.begin(of(200, 0), 9, now), Some(Next::Ask(8)));
        // An answer that says nothing is no reason to wait longer; one that does is.
        let (soon, late) = (now + PATIENCE / 2, now + PATIENCE);
        assert_eq!(searches.answered(of(1, 0), 9, true, soon), Some(Next::Ask(8)));
        assert_eq!(searches.answered(of(200, 0), 8, false, soon), Some(Next::Ask(6)));
        assert_eq!(searches.begin(of(1, 700), 9, soon), None);
        assert_eq!(searches.begin(of(1, 700), 9, late), Some(Next::Ask(8)));
        assert_eq!(searches.begin(of(200, 0), 9, late), None, "it is on its way");
        assert_eq!(searches.answered(of(1, 0), 8, false, late), None, "that was given up");
    }
}
