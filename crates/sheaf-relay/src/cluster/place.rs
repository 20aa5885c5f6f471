//! [`Reading`]: how far a stream has been read, when what was read is dealt with in another order.

use std::collections::BTreeSet;

/// How far one stream has been read and dealt with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The last that came.
    top: u64,
    /// Those that came and are not dealt with.
    open: BTreeSet<u64>,
}

impl Reading {
    /// Everything up to `place` has been dealt with.
    pub fn from(place: u64) -> Self {
        Self { top: place, open: BTreeSet::new() }
    }

    /// A message has come. Answers whether it is news.
    pub fn came(&mut self, sequence: u64) -> bool {
        if sequence <= self.top {
            return false;
        }
        self.top = sequence;
        self.open.insert(sequence)
    }

    /// Whether everything up to a message has come, dealt with or not.
    pub fn has_come(&self, sequence: u64) -> bool {
        sequence <= self.top
    }

    /// It is dealt with: kept, or not to be.
    pub fn done(&mut self, sequence: u64) {
        self.open.remove(&sequence);
    }

    /// Up to here everything has been dealt with: the place to go on from after a crash.
    pub fn place(&self) -> u64 {
        self.open.first().map_or(self.top, |first| first - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::cases;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(512)))]

        /// Whatever comes twice, late or never, and is dealt with in whatever order: nothing before the place is open.
        #[test]
        fn nothing_before_the_place_is_open(steps in prop::collection::vec((1..40u64, any::<bool>()), 0..120)) {
            let (mut reading, mut open, mut seen) = (Reading::from(3), BTreeSet::new(), 3);
            let mut place = 3;
            for (sequence, comes) in steps {
                if comes {
                    prop_assert_eq!(reading.came(sequence), sequence > seen);
                    if sequence > seen {
                        seen = sequence;
                        open.insert(sequence);
                    }
                } else {
                    reading.done(sequence);
                    open.remove(&sequence);
                }
                prop_assert!(open.iter().all(|open| *open > reading.place()));
                prop_assert!(reading.place() >= place, "it went back");
                place = reading.place();
            }
            for sequence in open {
                reading.done(sequence);
            }
            prop_assert_eq!(reading.place(), seen);
        }
    }
}
