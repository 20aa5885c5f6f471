//! What a change builds on, told without walking through it.
//!
//! Every change of an actor descends from the one before it (L3). So of each actor, what lies in a change's past is always a
//! beginning of that actor's changes, and one number for each actor says all of it: a vector clock. Thousands of changes
//! that arrive together, each on top of the one before, are then checked in a time that grows with their number and not
//! with its square.
//!
//! That is so for changes which passed here. Of those in the document, where other programs' histories may have been
//! imported, only the ones that the past *names* are kept; Automerge tells what is not below them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use automerge::{ChangeHash, ObjType};

/// The objects a change makes, by the number of the operation.
pub(super) type Objects = HashMap<u64, ObjType>;

/// A change that passed and is not in the document yet.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) seq: u64,
    pub(super) hash: ChangeHash,
    /// The number of its first operation.
    pub(super) start: u64,
    /// The number of its last.
    pub(super) end: u64,
    pub(super) objects: Objects,
    /// What it builds on, but for its own actor's changes: those before it are.
    past: Past,
}

/// What a change builds on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Past {
    /// How many changes of each line, by the line's number; none that is 0.
    clock: Arc<[(usize, usize)]>,
    /// The changes of the document that are named in it, in order.
    pub(super) named: Arc<[ChangeHash]>,
}

/// The changes that passed, in a line for each actor.
#[derive(Debug, Default)]
pub(super) struct Lines {
    by_actor: Vec<Vec<Passed>>,
    of_actor: HashMap<Vec<u8>, usize>,
    places: HashMap<ChangeHash, (usize, usize)>,
}

impl Lines {
    /// A change that passed.
    pub(super) fn get(&self, hash: &ChangeHash) -> Option<&Passed> {
        let (line, place) = self.places.get(hash)?;
        Some(&self.by_actor[*line][*place])
    }

    /// The latest change of an actor that passed.
    pub(super) fn tip(&self, actor: &[u8]) -> Option<&Passed> {
        self.by_actor[*self.of_actor.get(actor)?].last()
    }

    /// The past of a change that builds directly on these.
    pub(super) fn past(&self, deps: &[ChangeHash]) -> Past {
        let mut clock: BTreeMap<usize, usize> = BTreeMap::new();
        let mut named: BTreeSet<ChangeHash> = BTreeSet::new();
        let mut reach = |line: usize, count: usize| {
            let reached = clock.entry(line).or_default();
            *reached = count.max(*reached);
        };
        for dep in deps {
            let Some(&(line, place)) = self.places.get(dep) else {
                named.insert(*dep);
                continue;
            };
            let below = &self.by_actor[line][place].past;
            below.clock.iter().for_each(|(line, count)| reach(*line, *count));
            reach(line, place + 1);
            named.extend(below.named.iter());
        }
        Past { clock: clock.into_iter().collect(), named: named.into_iter().collect() }
    }

    /// Adds a change that passed, as its actor's latest.
    pub(super) fn push(&mut self, actor: &[u8], (seq, hash): (u64, ChangeHash), made: (u64, u64, Objects), past: Past) {
        let next = self.by_actor.len();
        let line = *self.of_actor.entry(actor.to_vec()).or_insert(next);
        if line == next {
            self.by_actor.push(Vec::new());
        }
        let others: Vec<(usize, usize)> = past.clock.iter().copied().filter(|(other, _)| *other != line).collect();
        // Whoever writes for a while alone builds on the same all that time: it is kept once.
        let before = self.by_actor[line].last().map(|last| &last.past);
        let clock = match before {
            Some(before) if before.clock[..] == others[..] => Arc::clone(&before.clock),
            _ => others.into(),
        };
        let named = match before {
            Some(before) if before.named == past.named => Arc::clone(&before.named),
            _ => past.named,
        };
        let (start, end, objects) = made;
        self.places.insert(hash, (line, self.by_actor[line].len()));
        self.by_actor[line].push(Passed { seq, hash, start, end, objects, past: Past { clock, named } });
    }

    /// The change of an actor that passed, lies in a past, and made the operation with this number.
    pub(super) fn maker(&self, past: &Past, actor: &[u8], operation: u64) -> Option<&Passed> {
        let line = *self.of_actor.get(actor)?;
        let at = past.clock.binary_search_by_key(&line, |(line, _)| *line).ok()?;
        let within = &self.by_actor[line][..past.clock[at].1];
        // An actor's changes number their operations upwards.
        let found = within.get(within.partition_point(|change| change.end < operation))?;
        (found.start <= operation).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// A change for the test: its actor, and which of the changes so far it names.
    type Plan = (u8, Vec<prop::sample::Index>);

    fn hash(number: usize) -> ChangeHash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
        ChangeHash(bytes)
    }

    /// Everything below, by walking.
    fn walked(deps: &[Vec<usize>], from: &[usize]) -> HashSet<usize> {
        let mut seen = HashSet::new();
        let mut next = from.to_vec();
        while let Some(one) = next.pop() {
            if seen.insert(one) {
                next.extend(&deps[one]);
            }
        }
        seen
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// The first few changes are the document's, the others pass here: the clock knows the same past as a walk does.
        #[test]
        fn a_clock_says_what_a_walk_finds(
            document in 1_usize..4,
            plans in prop::collection::vec((0_u8..5, prop::collection::vec(any::<prop::sample::Index>(), 0..3)), 1..40),
        ) {
            let mut lines = Lines::default();
            let mut deps: Vec<Vec<usize>> = vec![Vec::new(); document];
            let mut made: Vec<(u8, u64, u64)> = vec![(0, 0, 0); document];
            let mut latest: HashMap<u8, usize> = HashMap::new();
            for (actor, named) in &plans as &[Plan] {
                let number = deps.len();
                let mut below: Vec<usize> = named.iter().map(|index| index.index(number)).collect();
                below.extend(latest.get(actor));
                let past = lines.past(&below.iter().map(|one| hash(*one)).collect::<Vec<_>>());
                let found = walked(&deps, &below);
                for (other, (maker, start, end)) in made.iter().enumerate().skip(document) {
                    for operation in *start..=*end {
                        let at = lines.maker(&past, &[*maker], operation).map(|change| change.hash);
                        prop_assert_eq!(at, found.contains(&other).then(|| hash(other)));
                    }
                }
                let in_document: BTreeSet<ChangeHash> =
                    found.iter().filter(|one| **one < document).map(|one| hash(*one)).collect();
                prop_assert_eq!(past.named.iter().copied().collect::<BTreeSet<_>>(), in_document);
                prop_assert!(lines.maker(&past, &[9], 1).is_none());
                let start = made.iter().map(|(_, _, end)| *end).max().unwrap_or(0) + 1;
                let end = start + number as u64 % 3;
                let seq = lines.tip(&[*actor]).map_or(1, |tip| tip.seq + 1);
                lines.push(&[*actor], (seq, hash(number)), (start, end, Objects::new()), past);
                prop_assert_eq!(lines.get(&hash(number)).map(|change| change.seq), Some(seq));
                deps.push(below);
                made.push((*actor, start, end));
                latest.insert(*actor, number);
            }
        }
    }
}
