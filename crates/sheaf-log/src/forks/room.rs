//! How many entries are kept in one place of a forked log.
//!
//! A forger can sign thousands. Of those that nobody has built on, the few with the lowest hashes are kept, whatever order
//! they come in: so it costs everyone little, and everyone keeps the same, with the one that counts among them. Whatever
//! something builds on that is held stays, however many there are, and whatever counts or did lately.

use std::collections::BTreeSet;

use sheaf_access::{EntryHash, LogId};

use super::{Forked, Forks};
use crate::{EntryRef, Kind};

/// The most entries other than of access that stay in one place of a log and are built on by nobody.
const MOST_SIBLINGS: usize = 32;
/// The most access entries that are taken in one place, unless somebody has named them, or they are the lowest. They are
/// not let go of again: the access state is worked out from all of them.
const MOST_ACCESS: usize = 64;
/// How many are remembered to have counted.
const LATELY: usize = 256;

impl Forks {
    /// Something is held that builds on these: where they are kept beside a log, they stay.
    pub fn builds_on(&mut self, entries: &[EntryRef]) {
        for on in entries {
            if let Some(forked) = self.logs.get_mut(&on.log) {
                forked.need(&on.hash);
            }
        }
    }

    /// Whether that would be news.
    pub fn lets_go_of(&self, entries: &[EntryRef]) -> bool {
        entries.iter().any(|on| {
            let news = |forked: &Forked| forked.tree.contains(&on.hash) && !forked.needed.contains(&on.hash);
            self.logs.get(&on.log).is_some_and(news)
        })
    }

    /// Lets go of what there is too much of in a log, except for what counts now, and what leads to what was asked for
    /// because somebody builds on it. Answers what goes.
    pub fn thin_out(&mut self, log: &LogId, counts: &BTreeSet<EntryHash>, asked: &[EntryHash]) -> Vec<EntryHash> {
        let Some(forked) = self.logs.get_mut(log) else { return Vec::new() };
        let gone = forked.thin_out(counts, asked);
        if !gone.is_empty() {
            self.version += 1;
        }
        gone
    }
}

impl Forked {
    /// Something builds on an entry: it stays, and what is before it.
    pub(super) fn need(&mut self, entry: &EntryHash) {
        for hash in self.tree.path(entry).into_iter().rev() {
            if !self.needed.insert(hash) {
                break;
            }
        }
    }

    fn kind(&self, entry: &EntryHash) -> Option<Kind> {
        self.main.get(entry).copied().or_else(|| self.beside.get(entry).map(|held| held.kind))
    }

    fn is_access(&self, entry: &EntryHash) -> bool {
        self.kind(entry) == Some(Kind::Access)
    }

    /// Whether there is room for an entry that follows this one, or stands in the place of the fork; `needed`, if somebody
    /// has built on it.
    pub fn has_room(&self, entry: &EntryHash, kind: Kind, prev: Option<EntryHash>, needed: bool) -> bool {
        let mut siblings = self.tree.following(prev);
        siblings.retain(|other| self.is_access(other) == (kind == Kind::Access));
        let lower = siblings.iter().filter(|other| *other < entry).count();
        needed
            || match kind {
                Kind::Access => siblings.len() < MOST_ACCESS || lower == 0,
                _ => lower < MOST_SIBLINGS,
            }
    }

    fn thin_out(&mut self, counts: &BTreeSet<EntryHash>, asked: &[EntryHash]) -> Vec<EntryHash> {
        let contested: Vec<BTreeSet<EntryHash>> = self.tree.contested().cloned().collect();
        for entry in contested.iter().flatten().filter(|entry| counts.contains(*entry)) {
            self.lately.retain(|other| other != entry);
            self.lately.push_back(*entry);
        }
        self.lately.drain(..self.lately.len().saturating_sub(LATELY));
        let asked: BTreeSet<EntryHash> = asked.iter().flat_map(|end| self.tree.path(end)).collect();
        let mut gone = Vec::new();
        for siblings in &contested {
            let highest = siblings.iter().filter(|entry| !self.is_access(entry)).skip(MOST_SIBLINGS);
            let stays = |entry: &EntryHash| {
                let kept = [&self.needed, counts, &asked].into_iter().any(|kept| kept.contains(entry));
                kept || self.main.contains_key(entry) || self.lately.contains(entry)
            };
            let go: Vec<EntryHash> = highest.filter(|entry| !stays(entry)).copied().collect();
            gone.extend(go.iter().flat_map(|entry| self.tree.remove(entry)));
        }
        for entry in &gone {
            self.beside.remove(entry);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap, VecDeque};
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::Settled;
    use super::*;
    use crate::{Branches, HeldEntry};

    fn forked() -> Forked {
        Forked {
            at: 1,
            tree: Branches::new(),
            proof: Vec::new(),
            settled: Settled::ByVotes,
            main: BTreeMap::new(),
            beside: HashMap::new(),
            needed: BTreeSet::new(),
            lately: VecDeque::new(),
        }
    }

    fn hash(number: u16) -> EntryHash {
        EntryHash::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes())
    }

    impl Forked {
        fn comes(&mut self, entry: EntryHash, kind: Kind, prev: Option<EntryHash>, needed: bool) {
            if !self.tree.contains(&entry) && self.has_room(&entry, kind, prev, needed) {
                self.tree.add(entry, prev.map_or(1, |_| 2), prev);
                self.beside.insert(entry, HeldEntry { hash: entry, kind, access_heads: Arc::default() });
                if needed || kind == Kind::Access {
                    self.need(&entry);
                }
            }
        }

        fn kept(&self) -> BTreeSet<EntryHash> {
            self.beside.keys().copied().collect()
        }
    }

    #[test]
    fn the_lowest_are_kept_and_what_is_needed_or_of_access_whatever_is_lower() {
        let mut forked = forked();
        let mut all: Vec<EntryHash> = (0..200).map(hash).collect();
        all.sort_unstable();
        // The highest first, which is the worst: each is lower than all before it.
        let (needed, access) = (all[199], all[198]);
        forked.comes(needed, Kind::Body, None, true);
        forked.comes(access, Kind::Access, None, false);
        for entry in all[..198].iter().rev() {
            forked.comes(*entry, Kind::Body, None, false);
            forked.thin_out(&BTreeSet::new(), &[]);
        }
        let expected: BTreeSet<EntryHash> = all[..MOST_SIBLINGS].iter().chain([&needed, &access]).copied().collect();
        assert_eq!(forked.kept(), expected);
        assert_eq!(forked.tree.chosen(), [all[0]]);
    }

    #[test]
    fn what_counts_what_did_lately_and_what_was_asked_for_stays() {
        let mut all: Vec<EntryHash> = (0..100).map(hash).collect();
        all.sort_unstable();
        let mut forked = forked();
        forked.comes(all[99], Kind::Body, None, false);
        forked.comes(all[98], Kind::Body, None, false);
        let one: BTreeSet<EntryHash> = [all[99]].into();
        forked.thin_out(&one, &[]);
        // What follows an entry that stays, stays; what follows one that goes, goes.
        forked.comes(all[97], Kind::Body, None, false);
        forked.comes(hash(1_000), Kind::Body, Some(all[98]), false);
        forked.comes(hash(1_001), Kind::Body, Some(all[97]), false);
        for entry in all[..97].iter().rev() {
            forked.comes(*entry, Kind::Body, None, false);
        }
        let gone = forked.thin_out(&BTreeSet::new(), &[hash(1_000)]);
        assert_eq!(gone.len(), 100 - MOST_SIBLINGS - 2 + 1);
        assert!(gone.contains(&hash(1_001)));
        assert!([all[99], all[98], hash(1_000)].iter().all(|entry| forked.kept().contains(entry)));
    }

    proptest! {
        /// Whatever order they come in, and however often they are thinned out meanwhile, the same are kept.
        #[test]
        fn the_order_makes_no_difference(
            order in Just((0..120_u16).collect::<Vec<_>>()).prop_shuffle(),
            thinned in proptest::collection::vec(any::<bool>(), 120),
            needed in proptest::collection::btree_set(0..120_u16, 0..6),
        ) {
            let run = |order: &[u16]| {
                let mut forked = forked();
                for (number, thin) in order.iter().zip(&thinned) {
                    forked.comes(hash(*number), Kind::Body, None, needed.contains(number));
                    if *thin {
                        forked.thin_out(&BTreeSet::new(), &[]);
                    }
                }
                forked.thin_out(&BTreeSet::new(), &[]);
                forked.kept()
            };
            let sorted: Vec<u16> = (0..120).collect();
            prop_assert_eq!(run(&order), run(&sorted));
        }

        /// A forger shows more access entries in one place than are taken, other ones to each, in any order. They may hold
        /// different ones for a while. But whoever writes anything names all that they know, and what is named is asked for
        /// and taken: once everyone has written, or has heard those who hold more, all hold the same.
        #[test]
        fn access_entries_differ_only_until_those_who_hold_them_write(
            orders in proptest::collection::vec(
                proptest::collection::vec(0..3 * MOST_ACCESS as u16, 0..3 * MOST_ACCESS),
                2..5,
            ),
            writers in Just((0..5_usize).collect::<Vec<_>>()).prop_shuffle(),
            needed in proptest::collection::btree_set(0..3 * MOST_ACCESS as u16, 0..6),
        ) {
            let mut people: Vec<Forked> = orders.iter().map(|order| {
                let mut forked = forked();
                for number in order {
                    forked.comes(hash(*number), Kind::Access, None, needed.contains(number));
                    forked.thin_out(&BTreeSet::new(), &[]);
                }
                forked
            }).collect();
            let taken: BTreeSet<EntryHash> = people.iter().flat_map(Forked::kept).collect();
            for writer in writers.into_iter().filter(|writer| *writer < orders.len()) {
                // What one takes up who hears that: its access heads.
                let named = people[writer].kept();
                for other in &mut people {
                    for entry in &named {
                        other.comes(*entry, Kind::Access, None, true);
                    }
                    other.thin_out(&BTreeSet::new(), &[]);
                    prop_assert!(named.is_subset(&other.kept()), "what somebody has named stays");
                }
            }
            for one in &people {
                prop_assert_eq!(&one.kept(), &taken);
            }
        }
    }
}
