//! [`Roster`]: which relays there are, how far each has read, and so what the streams need not keep any more (R2).
//!
//! Each relay says now and then up to which place of each stream everything is durable with it. What all relays have that were
//! heard lately, and two at least, is held twice, and is given back. A relay that was away for longer finds a gap, which it
//! says, and asks the others for what it lacks (see `siblings`). For a while after a relay has come or gone nothing is given back: another
//! may have to keep spaces from now on that it did not keep, and has to take them first.

use std::collections::{BTreeSet, HashMap};

use sheaf_access::DeviceId;

use super::Place;

/// For how long a relay that is not heard any more is waited for, in milliseconds: an hour.
const WAITED_FOR: u64 = 60 * 60 * 1_000;
/// For how long a relay listens before it gives anything back: by then everyone who is there has been heard often.
const LISTENS: u64 = 10 * 60 * 1_000;

/// For how long a relay that is not heard is taken to be there, in milliseconds: three calls of the roll, and a bit.
const THERE: u64 = 17 * 1_000;

/// The relays that were heard.
#[derive(Debug, Default)]
pub struct Roster {
    heard: HashMap<DeviceId, (u64, Vec<Place>)>,
    /// When one last came, or was given up.
    changed: u64,
}

impl Roster {
    /// A relay says up to where it has everything. Answers whether it is a new one.
    pub fn heard(&mut self, now: u64, relay: DeviceId, places: Vec<Place>) -> bool {
        self.forget(now);
        let new = self.heard.insert(relay, (now, places)).is_none();
        if new {
            self.changed = now;
        }
        new
    }

    /// Gives up those that were not heard for long.
    fn forget(&mut self, now: u64) {
        let before = self.heard.len();
        self.heard.retain(|_, (at, _)| now.saturating_sub(*at) < WAITED_FOR);
        if self.heard.len() < before {
            self.changed = now;
        }
    }

    /// The relays that were heard within the hour.
    pub fn relays(&mut self, now: u64) -> BTreeSet<DeviceId> {
        self.forget(now);
        self.heard.keys().copied().collect()
    }

    /// Those of them that can be asked something.
    pub fn there(&self, now: u64) -> Vec<DeviceId> {
        let there = self.heard.iter().filter(|(_, (at, _))| now.saturating_sub(*at) < THERE);
        there.map(|(relay, _)| *relay).collect()
    }

    /// How many relays there are besides this one.
    pub fn others(&self) -> usize {
        self.heard.len()
    }

    /// Up to where a stream may be given back, if it may; `now` is counted from when this relay began to listen.
    pub fn held_twice(&mut self, now: u64, shard: u8, own: &[Place]) -> Option<u64> {
        self.forget(now);
        if now < LISTENS + self.changed {
            return None;
        }
        let of = |places: &[Place]| places.get(usize::from(shard)).copied();
        let own = of(own)?;
        let others: Vec<Place> = self.heard.values().map(|(_, places)| of(places).unwrap_or_default()).collect();
        // One that reads another stream of this name has nothing of this one.
        let same = others.iter().all(|place| place.stream == own.stream);
        let least = others.iter().map(|place| place.sequence).min()?.min(own.sequence);
        (same && own.stream != 0 && least > 0).then_some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(n: u8) -> DeviceId {
        DeviceId::from_bytes([n; 32])
    }

    fn at(stream: u64, sequence: u64) -> Vec<Place> {
        vec![Place { stream, sequence }]
    }

    #[test]
    fn nothing_is_given_back_that_is_not_held_twice() {
        let mut roster = Roster::default();
        let now = LISTENS;
        assert_eq!(roster.held_twice(now, 0, &at(7, 90)), None, "it is here alone");
        assert!(roster.heard(0, relay(1), at(7, 40)));
        assert_eq!(roster.held_twice(now, 0, &at(7, 90)), Some(40));
        roster.heard(0, relay(2), at(7, 30));
        assert_eq!(roster.held_twice(now, 0, &at(7, 90)), Some(30), "one of those that are there has no more");
        assert_eq!(roster.held_twice(now, 0, &at(7, 10)), Some(10));
        assert!(!roster.heard(now, relay(1), at(7, 0)), "it is known");
        assert_eq!(roster.held_twice(now, 0, &at(7, 90)), None, "it may lack something of it");
        assert_eq!(roster.held_twice(LISTENS - 1, 0, &at(7, 90)), None, "others may not have been heard yet");
        assert_eq!(roster.held_twice(now, 1, &at(7, 90)), None);
    }

    #[test]
    fn another_stream_of_the_same_name_counts_for_nothing() {
        let mut roster = Roster::default();
        roster.heard(0, relay(1), at(8, 40));
        assert_eq!(roster.held_twice(LISTENS, 0, &at(7, 90)), None);
        roster.heard(0, relay(1), Vec::new());
        assert_eq!(roster.held_twice(LISTENS, 0, &at(7, 90)), None);
    }

    #[test]
    fn a_relay_that_is_gone_is_waited_for_an_hour_and_a_while() {
        let mut roster = Roster::default();
        roster.heard(0, relay(1), at(7, 5));
        roster.heard(0, relay(2), at(7, 50));
        assert_eq!(roster.there(THERE - 1).len(), 2);
        let later = WAITED_FOR;
        roster.heard(later - 1, relay(2), at(7, 50));
        assert_eq!(roster.there(later), [relay(2)]);
        assert_eq!(roster.held_twice(later - 1, 0, &at(7, 90)), Some(5));
        assert_eq!(roster.held_twice(later, 0, &at(7, 90)), None, "somebody else may have to keep what it kept");
        assert_eq!(roster.held_twice(later + LISTENS, 0, &at(7, 90)), Some(50));
        assert_eq!(roster.relays(later), BTreeSet::from([relay(2)]));
        roster.heard(later, relay(2), at(7, 60));
        assert_eq!(roster.others(), 1);
    }
}
