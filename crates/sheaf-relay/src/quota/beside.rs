//! What is kept of a space beside its entries in their order: the branches of forked logs, and checkpoints' blobs.
//!
//! Neither has an arrival to be counted by, and both are counted whole from what is there whenever a space is opened. What is
//! written down says how much it was, for as long as nobody opens the space.
//!
//! Branches are bytes and entries like any other, within the same limits. Blobs have limits of their own, for a space and for
//! the person who wrote the checkpoints: what two of one person's checkpoints name counts once, what two persons name counts
//! for both.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sheaf_access::{PersonId, SpaceId};

use super::{Amount, Exceeded, Ledger, NotAnAccount, Room, What, Whose, lower, within};

/// The first byte of what is written down.
const VERSION: u8 = 1;

/// What one space has beside its entries, by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// Branches of forked logs.
    pub branches: BTreeMap<PersonId, Amount>,
    /// Bytes of checkpoints' blobs.
    pub blobs: BTreeMap<PersonId, u64>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    branches: Vec<(PersonId, Amount)>,
    blobs: Vec<(PersonId, u64)>,
}

impl Beside {
    /// As it is written down.
    pub fn encode(&self) -> Vec<u8> {
        let branches = self.branches.iter().map(|(who, much)| (*who, *much)).collect();
        let written = Written { branches, blobs: self.blobs.iter().map(|(who, much)| (*who, *much)).collect() };
        // Numbers into a growing vector: nothing in it can fail.
        postcard::to_extend(&written, vec![VERSION]).expect("numbers encode into memory")
    }

    /// What was written down.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotAnAccount> {
        let Some((&VERSION, rest)) = bytes.split_first() else { return Err(NotAnAccount) };
        let written: Written = postcard::from_bytes(rest).map_err(|_| NotAnAccount)?;
        Ok(Self { branches: written.branches.into_iter().collect(), blobs: written.blobs.into_iter().collect() })
    }

    /// All branches.
    pub(super) fn total(&self) -> Amount {
        self.branches.values().fold(Amount::default(), |sum, amount| sum.with(*amount))
    }
}

impl Ledger {
    /// What a space has beside its entries.
    pub fn beside(&self, space: &SpaceId) -> Beside {
        self.beside.get(space).cloned().unwrap_or_default()
    }

    /// Takes up what a space has beside its entries, in place of what was known.
    pub fn set_beside(&mut self, space: SpaceId, beside: Beside) {
        let before = self.beside.remove(&space).unwrap_or_default();
        for (person, amount) in &before.branches {
            lower(&mut self.beside_of, person, *amount);
        }
        for (person, amount) in &beside.branches {
            let sum = self.beside_of.entry(*person).or_default();
            *sum = sum.with(*amount);
        }
        if beside != Beside::default() {
            self.beside.insert(space, beside);
        }
    }

    /// Counts one more entry of a branch, if it fits.
    pub fn add_branch(&mut self, space: SpaceId, person: PersonId, bytes: u64, room: Room) -> Result<(), Exceeded> {
        let more = Amount::entry(bytes);
        self.check(space, person, more, room)?;
        let mut beside = self.beside(&space);
        let by = beside.branches.entry(person).or_default();
        *by = by.with(more);
        self.set_beside(space, beside);
        Ok(())
    }

    /// An entry of a branch is let go of.
    pub fn drop_branch(&mut self, space: SpaceId, person: PersonId, bytes: u64) {
        let mut beside = self.beside(&space);
        if let Some(by) = beside.branches.get_mut(&person) {
            *by = by.without(Amount::entry(bytes));
        }
        beside.branches.retain(|_, amount| !amount.is_nothing());
        self.set_beside(space, beside);
    }

    /// So many bytes of blobs are being fetched for a space, because of this person: they are on the disk before what names them is
    /// held, if it ever is. In place of what was being fetched for it before.
    pub fn expect_blobs(&mut self, space: SpaceId, person: Option<PersonId>, bytes: u64) {
        self.fetching.insert(space, (person, bytes));
    }

    /// What was being fetched for a space is held, or gone.
    pub fn expect_no_blobs(&mut self, space: &SpaceId) {
        self.fetching.remove(space);
    }

    /// Whether there is room for so many more bytes of blobs: for `more` in a space that holds `held`, of which so many more are
    /// its author's own. What is being fetched for the author's other spaces has its place too.
    pub fn blobs_fit(
        &self,
        space: SpaceId,
        held: u64,
        more: u64,
        author: Option<(PersonId, u64)>,
    ) -> Result<(), Exceeded> {
        let amount = |bytes| Amount { bytes, entries: 0 };
        let blobs = |exceeded: Exceeded| Exceeded { what: What::Blobs, ..exceeded };
        within(Whose::Space, amount(held), amount(more), [self.quotas.space_blobs.0, u64::MAX]).map_err(blobs)?;
        let Some((person, more)) = author else { return Ok(()) };
        let of = |beside: &Beside| beside.blobs.get(&person).copied().unwrap_or(0);
        let elsewhere = self.fetching.iter().filter(|(of, (who, _))| **of != space && *who == Some(person));
        let fetching = elsewhere.map(|(_, (_, bytes))| *bytes);
        let held = self.beside.values().map(of).chain(fetching).fold(0, u64::saturating_add);
        within(Whose::Person, amount(held), amount(more), [self.quotas.person_blobs.0, u64::MAX]).map_err(blobs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cases;
    use crate::config::{Bytes, Config, Count, Quotas};

    fn space(number: u8) -> SpaceId {
        SpaceId::from_bytes([number; 32])
    }

    fn person(number: u8) -> PersonId {
        PersonId::from_bytes([number; 32])
    }

    fn ledger() -> Ledger {
        Ledger::new(Quotas {
            space_bytes: Bytes(100),
            person_bytes: Bytes(150),
            person_entries: Count(5),
            space_blobs: Bytes(1_000),
            person_blobs: Bytes(1_500),
            ..Config::default().quotas
        })
    }

    #[test]
    fn branches_are_counted_against_who_wrote_them() {
        let mut ledger = ledger();
        ledger.entry(space(1), person(1), 1, 40);
        ledger.add_branch(space(1), person(1), 50, Room::Words).expect("it fits");
        let full = ledger.add_branch(space(1), person(2), 11, Room::Words).expect_err("the space is full");
        assert_eq!((full.whose, full.what), (Whose::Space, What::Bytes));
        let full = ledger.reserve(space(1), person(2), Amount::entry(11), Room::Words).expect_err("of branches, too");
        assert_eq!(full.whose, Whose::Space);
        ledger.add_branch(space(2), person(1), 60, Room::Words).expect("it fits");
        let full = ledger.reserve(space(3), person(1), Amount::entry(1), Room::Words).expect_err("they have 150 bytes");
        assert_eq!(full.whose, Whose::Person);
        ledger.reserve(space(3), person(2), Amount::entry(1), Room::Words).expect("others have not");
        ledger.drop_branch(space(2), person(1), 60);
        ledger.reserve(space(3), person(1), Amount::entry(60), Room::Words).expect("it was given back");
        assert!(ledger.beside(&space(2)).branches.is_empty());
        assert!(ledger.forget(&space(1)).is_some());
        assert_eq!(ledger.beside(&space(1)), Beside::default(), "nothing of a removed space is counted");
    }

    #[test]
    fn blobs_have_limits_for_a_space_and_for_a_person_over_all_spaces() {
        let mut ledger = ledger();
        let of = |bytes| Beside { blobs: [(person(1), bytes)].into(), ..Beside::default() };
        ledger.set_beside(space(1), of(900));
        let full = ledger.blobs_fit(space(1), 900, 101, Some((person(2), 101))).expect_err("the space is full");
        assert_eq!((full.whose, full.what, full.limit), (Whose::Space, What::Blobs, 1_000));
        ledger.set_beside(space(2), of(500));
        assert!(ledger.blobs_fit(space(2), 500, 100, Some((person(1), 100))).is_ok());
        let full = ledger.blobs_fit(space(2), 500, 101, Some((person(1), 101))).expect_err("they have 1,500 bytes");
        assert_eq!((full.whose, full.what), (Whose::Person, What::Blobs));
        assert!(full.to_string().contains("by this person"), "{full}");
        ledger.set_beside(space(1), of(0));
        ledger.expect_blobs(space(3), Some(person(1)), 950);
        assert!(ledger.blobs_fit(space(2), 500, 101, Some((person(1), 101))).is_err(), "what is fetched counts");
        assert!(ledger.blobs_fit(space(3), 0, 950, Some((person(1), 950))).is_ok(), "and once");
        ledger.expect_no_blobs(&space(3));
        assert!(ledger.blobs_fit(space(2), 500, 101, Some((person(1), 101))).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(256)))]

        #[test]
        fn what_is_written_down_comes_back(
            branches in prop::collection::btree_map(0_u8..9, (any::<u64>(), any::<u64>()), 0..5),
            blobs in prop::collection::btree_map(0_u8..9, any::<u64>(), 0..5),
        ) {
            let beside = Beside {
                branches: branches.into_iter().map(|(n, (bytes, entries))| (person(n), Amount { bytes, entries })).collect(),
                blobs: blobs.into_iter().map(|(n, bytes)| (person(n), bytes)).collect(),
            };
            prop_assert_eq!(Beside::decode(&beside.encode()), Ok(beside));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Beside::decode(&bytes);
        }
    }
}
