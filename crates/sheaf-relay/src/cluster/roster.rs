//! [`Roster`]: which relays there are, how far each has read, and so what the streams need not keep any more (R2).
//!
//! Each relay says now and then up to which place of each stream everything is durable with it. What all relays have that were
//! heard lately, and two at least, is held twice, and is given back. A relay that was away for longer finds a gap, which it
//! says; what it lacks its members bring, and are asked for by the frontier it shows them.

use std::collections::HashMap;

use sheaf_access::DeviceId;

use super::Place;

/// For how long a relay that is not heard any more is waited for, in milliseconds: an hour.
const WAITED_FOR: u64 = 60 * 60 * 1_000;
/// For how long a relay listens before it gives anything back: by then everyone who is there has been heard often.
const LISTENS: u64 = 10 * 60 * 1_000;

/// The relays that were heard.
#[derive(Debug, Default)]
pub struct Roster {
    heard: HashMap<DeviceId, (u64, Vec<Place>)>,
}

impl Roster {
    /// A relay says up to where it has everything.
    pub fn heard(&mut self, now: u64, relay: DeviceId, places: Vec<Place>) {
        self.heard.retain(|_, (at, _)| now.saturating_sub(*at) < WAITED_FOR);
        self.heard.insert(relay, (now, places));
    }

    /// How many relays there are besides this one.
    pub fn others(&self) -> usize {
        self.heard.len()
    }

    /// Up to where a stream may be given back, if it may; `now` is counted from when this relay began to listen.
    pub fn held_twice(&self, now: u64, shard: u8, own: &[Place]) -> Option<u64> {
        let of = |places: &[Place]| places.get(usize::from(shard)).copied();
        let own = of(own)?;
        let others: Vec<Place> = self
            .heard
            .values()
            .filter(|(at, _)| now.saturating_sub(*at) < WAITED_FOR)
            .map(|(_, places)| of(places).unwrap_or_default())
            .collect();
        // One that reads another stream of this name has nothing of this one.
        let same = others.iter().all(|place| place.stream == own.stream);
        let least = others.iter().map(|place| place.sequence).min()?.min(own.sequence);
        (now >= LISTENS && same && own.stream != 0 && least > 0).then_some(least)
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
        roster.heard(now, relay(1), at(7, 40));
        assert_eq!(roster.held_twice(now, 0, &at(7, 90)), Some(40));
        roster.heard(now, relay(2), at(7, 30));
        assert_eq!(roster.held_twice(now, 0, &at(7, 90)), Some(30), "one of those that are there has no more");
        assert_eq!(roster.held_twice(now, 0, &at(7, 10)), Some(10));
        assert_eq!(roster.held_twice(LISTENS - 1, 0, &at(7, 90)), None, "others may not have been heard yet");
        assert_eq!(roster.held_twice(now, 1, &at(7, 90)), None);
    }

    #[test]
    fn another_stream_of_the_same_name_counts_for_nothing() {
        let mut roster = Roster::default();
        roster.heard(LISTENS, relay(1), at(8, 40));
        assert_eq!(roster.held_twice(LISTENS, 0, &at(7, 90)), None);
        roster.heard(LISTENS, relay(1), Vec::new());
        assert_eq!(roster.held_twice(LISTENS, 0, &at(7, 90)), None);
    }

    #[test]
    fn a_relay_that_is_gone_is_waited_for_an_hour() {
        let mut roster = Roster::default();
        roster.heard(LISTENS, relay(1), at(7, 5));
        let later = LISTENS + WAITED_FOR;
        roster.heard(later - 1, relay(2), at(7, 50));
        assert_eq!(roster.held_twice(later - 1, 0, &at(7, 90)), Some(5));
        assert_eq!(roster.held_twice(later, 0, &at(7, 90)), Some(50));
        roster.heard(later, relay(2), at(7, 60));
        assert_eq!(roster.others(), 1);
    }
}
