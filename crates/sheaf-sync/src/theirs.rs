//! [`Theirs`]: what a peer holds, as its difference from what is held here.

use std::collections::BTreeMap;

use sheaf_access::LogId;
use sheaf_log::Frontier;

/// A peer's frontier of one space, kept only where it differs from ours.
///
/// Most peers hold most of the time exactly what this node holds, so most of the time this is empty, however many logs
/// the space has; and whether two frontiers are equal is one question, not a comparison. Every change on either side is
/// told to it: [`Self::we_have`] and [`Self::they_have`].
#[derive(Debug, Default)]
pub(crate) struct Theirs {
    differs: BTreeMap<LogId, u64>,
}

impl Theirs {
    /// From here on they are taken to hold what is held here.
    pub fn equal_ours(&mut self) {
        self.differs.clear();
    }

    /// They said what they hold: all of it.
    pub fn are(&mut self, theirs: &Frontier, ours: &Frontier) {
        self.differs.clear();
        for (log, seq) in ours.iter() {
            let held = theirs.get(log);
            if held != seq {
                self.differs.insert(*log, held);
            }
        }
        for (log, seq) in theirs.iter() {
            if ours.get(log) == 0 {
                self.differs.insert(*log, seq);
            }
        }
    }

    /// The highest number they hold of a log of which `ours` is held here.
    pub fn of(&self, log: &LogId, ours: u64) -> u64 {
        self.differs.get(log).copied().unwrap_or(ours)
    }

    /// Our number in a log went up.
    pub fn we_have(&mut self, log: LogId, before: u64, now: u64) {
        if *self.differs.entry(log).or_insert(before) == now {
            self.differs.remove(&log);
        }
    }

    /// They hold a log at least up to `seq`. Answers whether that is news.
    pub fn they_have(&mut self, log: LogId, seq: u64, ours: u64) -> bool {
        if seq <= self.of(&log, ours) {
            return false;
        }
        if seq == ours {
            self.differs.remove(&log);
        } else {
            self.differs.insert(log, seq);
        }
        true
    }

    /// In how many logs they differ.
    pub fn len(&self) -> usize {
        self.differs.len()
    }

    /// The logs in which they differ, with their number.
    pub fn iter(&self) -> impl Iterator<Item = (LogId, u64)> + '_ {
        self.differs.iter().map(|(log, seq)| (*log, *seq))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use sheaf_access::DeviceId;

    use super::*;

    fn log(n: u8) -> LogId {
        LogId { device: DeviceId::from_bytes([n; 32]), nonce: 0 }
    }

    #[derive(Debug, Clone)]
    enum Step {
        WeHave(u8, u64),
        TheyHave(u8, u64),
        TheyAre(Vec<(u8, u64)>),
        Equal,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..4u8, 1..5u64).prop_map(|(log, more)| Step::WeHave(log, more)),
            4 => (0..4u8, 1..12u64).prop_map(|(log, seq)| Step::TheyHave(log, seq)),
            1 => vec((0..4u8, 1..12u64), 0..4).prop_map(Step::TheyAre),
            1 => Just(Step::Equal),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// The difference says what two whole frontiers would.
        #[test]
        fn a_difference_is_as_good_as_a_frontier(steps in vec(step(), 0..30)) {
            let (mut ours, mut theirs) = (Frontier::new(), Frontier::new());
            let mut difference = Theirs::default();
            for step in steps {
                match step {
                    Step::WeHave(n, more) => {
                        let before = ours.get(&log(n));
                        ours.advance(log(n), before + more);
                        difference.we_have(log(n), before, before + more);
                    }
                    Step::TheyHave(n, seq) => {
                        let news = theirs.advance(log(n), seq);
                        prop_assert_eq!(difference.they_have(log(n), seq, ours.get(&log(n))), news);
                    }
                    Step::TheyAre(logs) => {
                        theirs = Frontier::new();
                        for (n, seq) in logs {
                            theirs.advance(log(n), seq);
                        }
                        difference.are(&theirs, &ours);
                    }
                    Step::Equal => {
                        theirs = ours.clone();
                        difference.equal_ours();
                    }
                }
                for n in 0..4 {
                    prop_assert_eq!(difference.of(&log(n), ours.get(&log(n))), theirs.get(&log(n)));
                }
                let differing = (0..4).filter(|n| ours.get(&log(*n)) != theirs.get(&log(*n))).count();
                prop_assert_eq!(difference.len(), differing, "nothing is kept where they agree");
            }
        }
    }
}
