//! How much is kept, by space and by person.
//!
//! An [`Account`] says what a space holds and who wrote it; the [`Ledger`] adds accounts up by person, over all their
//! spaces, and says no before a limit would be passed. It is pure: it counts what it is told, and knows no disk.
//!
//! **Counted durably** means counted from what is durable. An account says up to which arrival it has counted
//! ([`Account::counted`]), so writing it down is never urgent: whoever opens a space reads the account, counts what has
//! arrived since, and has the same account as if there had been no crash. An entry that comes twice has one arrival, and
//! counts once. What is pruned is given back by counting anew what is left.
//!
//! What is kept beside entries is counted too ([`Beside`]). What a space needs to be put in order again has room beyond its quotas
//! ([`Room`]): who fills it must not keep others from doing something about that.
//!
//! Being over a quota is never a verdict on an entry ([`NotNow::Quota`]): the sender keeps it and tries again. In a cluster the
//! relay that a device brings something to decides; what it let in the others take and count, whatever their limits are.

mod account;
mod beside;
mod room;

use std::collections::HashMap;
use std::fmt;

use sheaf_access::{PersonId, SpaceId};
use sheaf_store::Arrival;
use sheaf_sync::NotNow;

use crate::config::Quotas;

pub use account::{Account, Amount, NotAnAccount};
pub use beside::Beside;
pub use room::Room;

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    /// The space's.
    Space,
    /// The person's, over all their spaces.
    Person,
}

/// What there would be too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Bytes.
    Bytes,
    /// Entries.
    Entries,
    /// Bytes of checkpoints' blobs.
    Blobs,
}

/// A quota would be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Whose.
    pub whose: Whose,
    /// Of what.
    pub what: What,
    /// How much there may be.
    pub limit: u64,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.whose {
            Whose::Space => "of this space",
            Whose::Person => "by this person",
        };
        let what = match self.what {
            What::Bytes => "bytes",
            What::Entries => "entries",
            What::Blobs => "bytes of checkpoints' blobs",
        };
        write!(f, "this relay keeps {} {what} {whose}, and they are used up", self.limit)
    }
}

impl std::error::Error for Exceeded {}

impl From<Exceeded> for NotNow {
    fn from(_: Exceeded) -> Self {
        Self::Quota
    }
}

/// All accounts, and their sums by person.
#[derive(Debug)]
pub struct Ledger {
    quotas: Quotas,
    spaces: HashMap<SpaceId, Account>,
    persons: HashMap<PersonId, Amount>,
    /// What there is beside entries, of each space, and of branches the sums by person.
    beside: HashMap<SpaceId, Beside>,
    beside_of: HashMap<PersonId, Amount>,
    /// Blobs that are being fetched for a space, because of whom.
    fetching: HashMap<SpaceId, (Option<PersonId>, u64)>,
    /// What is on its way to the disk, of each space and of each person.
    coming: HashMap<SpaceId, Amount>,
    coming_of: HashMap<PersonId, Amount>,
}

impl Ledger {
    /// An empty one with these limits.
    pub fn new(quotas: Quotas) -> Self {
        Self {
            quotas,
            spaces: HashMap::new(),
            persons: HashMap::new(),
            beside: HashMap::new(),
            beside_of: HashMap::new(),
            fetching: HashMap::new(),
            coming: HashMap::new(),
            coming_of: HashMap::new(),
        }
    }

    /// Other limits from now on. What is over them stays, and nothing more comes.
    pub fn set_quotas(&mut self, quotas: Quotas) {
        self.quotas = quotas;
    }

    /// Takes up a space's account, in place of the one it has.
    pub fn open(&mut self, space: SpaceId, account: Account) {
        self.close(&space);
        for (person, amount) in &account.by {
            let sum = self.persons.entry(*person).or_default();
            *sum = sum.with(*amount);
        }
        self.spaces.insert(space, account);
    }

    /// Forgets a space that was removed.
    pub fn forget(&mut self, space: &SpaceId) -> Option<Account> {
        self.set_beside(*space, Beside::default());
        self.close(space)
    }

    fn close(&mut self, space: &SpaceId) -> Option<Account> {
        let account = self.spaces.remove(space)?;
        for (person, amount) in &account.by {
            lower(&mut self.persons, person, *amount);
        }
        Some(account)
    }

    /// A space's account.
    pub fn account(&self, space: &SpaceId) -> Option<&Account> {
        self.spaces.get(space)
    }

    /// What one person has everywhere.
    pub fn of(&self, person: &PersonId) -> Amount {
        self.persons.get(person).copied().unwrap_or_default()
    }

    /// Sees to it that so much more fits, beside what is on its way to the disk anywhere, of which it is a part from now on.
    /// It is counted when it is durable; whether it is or not, it is [`settled`](Self::settle) then.
    pub fn reserve(&mut self, space: SpaceId, person: PersonId, more: Amount, room: Room) -> Result<(), Exceeded> {
        self.check(space, person, more, room)?;
        self.add_coming(space, person, more);
        Ok(())
    }

    /// So much more is on its way to the disk, whatever the limits: another relay of the cluster has let it in. Answers the
    /// limit that it passes.
    pub fn reserve_anyway(&mut self, space: SpaceId, person: PersonId, more: Amount) -> Option<Exceeded> {
        let exceeded = self.check(space, person, more, Room::Words).err();
        self.add_coming(space, person, more);
        exceeded
    }

    fn add_coming(&mut self, space: SpaceId, person: PersonId, more: Amount) {
        let coming = self.coming.entry(space).or_default();
        *coming = coming.with(more);
        let coming = self.coming_of.entry(person).or_default();
        *coming = coming.with(more);
    }

    /// Whether so much more fits, beside all that is kept and all that is on its way.
    fn check(&self, space: SpaceId, person: PersonId, more: Amount, room: Room) -> Result<(), Exceeded> {
        let q = &self.quotas;
        let coming = self.coming.get(&space).copied().unwrap_or_default();
        let beside = self.beside.get(&space).map(Beside::total).unwrap_or_default();
        let held = self.spaces.get(&space).map(Account::total).unwrap_or_default().with(coming).with(beside);
        within(Whose::Space, held, more, room.beyond([q.space_bytes.0, q.space_entries.0]))?;
        let coming = self.coming_of.get(&person).copied().unwrap_or_default();
        let held = self.of(&person).with(coming).with(self.beside_of.get(&person).copied().unwrap_or_default());
        within(Whose::Person, held, more, room.beyond([q.person_bytes.0, q.person_entries.0]))
    }

    /// What was reserved of a space is durable and counted, or will not be.
    pub fn settle(&mut self, space: SpaceId, reserved: &Account) {
        lower(&mut self.coming, &space, reserved.total);
        for (person, amount) in &reserved.by {
            lower(&mut self.coming_of, person, *amount);
        }
    }

    /// An entry of so many bytes is durable, with this arrival. One that has been counted is not counted again.
    pub fn entry(&mut self, space: SpaceId, person: PersonId, arrival: Arrival, bytes: u64) {
        if self.spaces.entry(space).or_default().entry(person, arrival, bytes) {
            let sum = self.persons.entry(person).or_default();
            *sum = sum.with(Amount::entry(bytes));
        }
    }
}

/// Takes an amount from a sum, and forgets a sum of nothing.
fn lower<K: Eq + std::hash::Hash>(sums: &mut HashMap<K, Amount>, of: &K, amount: Amount) {
    let Some(sum) = sums.get_mut(of) else { return };
    *sum = sum.without(amount);
    if sum.is_nothing() {
        sums.remove(of);
    }
}

fn within(whose: Whose, held: Amount, more: Amount, limits: [u64; 2]) -> Result<(), Exceeded> {
    let then = held.with(more);
    let each = [(What::Bytes, more.bytes, then.bytes), (What::Entries, more.entries, then.entries)];
    for ((what, more, then), limit) in each.into_iter().zip(limits) {
        // Someone who is over in one thing may still have more of another.
        if more > 0 && then > limit {
            return Err(Exceeded { whose, what, limit });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cases;
    use crate::config::{Bytes, Config, Count};

    fn space(number: u8) -> SpaceId {
        SpaceId::from_bytes([number; 32])
    }

    fn person(number: u8) -> PersonId {
        PersonId::from_bytes([number; 32])
    }

    fn small() -> Quotas {
        Quotas {
            space_bytes: Bytes(100),
            space_entries: Count(3),
            person_bytes: Bytes(150),
            person_entries: Count(4),
            ..Config::default().quotas
        }
    }

    #[test]
    fn a_space_has_its_limit_and_a_person_theirs_over_all_spaces() {
        let mut ledger = Ledger::new(small());
        ledger.entry(space(1), person(1), 1, 90);
        let full = ledger.reserve(space(1), person(2), Amount::entry(11), Room::Words).expect_err("the space is full");
        assert_eq!(full, Exceeded { whose: Whose::Space, what: What::Bytes, limit: 100 });
        assert_eq!(NotNow::from(full), NotNow::Quota);
        assert_eq!(ledger.reserve(space(1), person(2), Amount::entry(10), Room::Words), Ok(()));
        let full = ledger.reserve(space(2), person(1), Amount::entry(61), Room::Words).expect_err("the person is");
        assert_eq!(full, Exceeded { whose: Whose::Person, what: What::Bytes, limit: 150 });
        assert_eq!(ledger.reserve(space(2), person(2), Amount::entry(61), Room::Words), Ok(()));
    }

    #[test]
    fn what_is_on_its_way_counts_too_also_in_another_space() {
        let mut ledger = Ledger::new(small());
        let mut coming = Account::default();
        ledger.reserve(space(1), person(1), Amount::entry(95), Room::Words).expect("there is room");
        coming.add(person(1), Amount::entry(95));
        assert!(ledger.reserve(space(1), person(2), Amount::entry(6), Room::Words).is_err(), "the space would be over");
        assert!(
            ledger.reserve(space(2), person(1), Amount::entry(56), Room::Words).is_err(),
            "the person would be over"
        );
        assert_eq!(ledger.reserve(space(1), person(2), Amount::entry(5), Room::Words), Ok(()));
        ledger.settle(space(1), &coming);
        coming = Account::default();
        coming.add(person(2), Amount::entry(5));
        ledger.settle(space(1), &coming);
        assert!(ledger.coming.is_empty() && ledger.coming_of.is_empty(), "nobody is remembered for nothing");
        assert_eq!(ledger.reserve(space(2), person(1), Amount::entry(56), Room::Words), Ok(()));
    }

    /// Who fills a space does not keep its owners from doing something about that, nor owners its founder.
    #[test]
    fn what_puts_a_full_space_in_order_has_room_beyond_the_quotas() {
        let mut ledger = Ledger::new(small());
        let (spare_bytes, spare_entries) = room::SPARE;
        let mut takes = |room, bytes| ledger.reserve(space(1), person(1), Amount::entry(bytes), room).is_ok();
        assert!(takes(Room::Words, 100), "it is full then");
        let rooms = [Room::Words, Room::Member, Room::Owner, Room::Founder];
        for (full, next) in rooms.into_iter().zip(rooms.into_iter().skip(1)) {
            assert!(!takes(full, 1), "{full:?}");
            assert!(takes(next, spare_bytes - 1) && takes(next, 1) && !takes(next, 1), "{next:?}");
        }
        let mut ledger = Ledger::new(small());
        for _ in 0..3 + spare_entries {
            ledger.reserve(space(1), person(2), Amount::entry(0), Room::Member).expect("there is room");
        }
        let full = ledger.reserve(space(1), person(2), Amount::entry(0), Room::Member).expect_err("it is used up");
        assert_eq!((full.whose, full.what, full.limit), (Whose::Space, What::Entries, 3 + spare_entries));
        assert_eq!(ledger.reserve(space(1), person(3), Amount::entry(0), Room::Owner), Ok(()));
    }

    #[test]
    fn what_another_relay_let_in_counts_here_and_is_not_refused() {
        let mut ledger = Ledger::new(small());
        ledger.entry(space(1), person(1), 1, 90);
        let over = Exceeded { whose: Whose::Space, what: What::Bytes, limit: 100 };
        assert_eq!(ledger.reserve_anyway(space(1), person(2), Amount::entry(10)), None);
        assert_eq!(ledger.reserve_anyway(space(1), person(2), Amount::entry(10)), Some(over));
        assert_eq!(ledger.reserve(space(1), person(2), Amount::entry(1), Room::Words), Err(over));
        let mut coming = Account::default();
        coming.add(person(2), Amount { bytes: 20, entries: 2 });
        ledger.settle(space(1), &coming);
        assert!(ledger.coming.is_empty() && ledger.coming_of.is_empty(), "nobody is remembered for nothing");
    }

    #[test]
    fn an_entry_that_arrived_once_counts_once() {
        let mut ledger = Ledger::new(small());
        for arrival in [1, 1, 2, 1, 2] {
            ledger.entry(space(1), person(1), arrival, 10);
        }
        assert_eq!(ledger.of(&person(1)), Amount { bytes: 20, entries: 2 });
    }

    #[test]
    fn a_removed_space_gives_back_what_it_held() {
        let mut ledger = Ledger::new(small());
        ledger.entry(space(1), person(1), 1, 90);
        ledger.entry(space(2), person(1), 1, 50);
        ledger.forget(&space(1));
        assert_eq!(ledger.of(&person(1)).bytes, 50);
        ledger.forget(&space(2));
        assert!(ledger.persons.is_empty(), "nobody is remembered for nothing");
    }

    #[test]
    fn lower_limits_delete_nothing() {
        let mut ledger = Ledger::new(Config::default().quotas);
        ledger.entry(space(1), person(1), 1, 1_000);
        ledger.set_quotas(small());
        assert_eq!(ledger.account(&space(1)).map(|account| account.total().bytes), Some(1_000));
        assert!(ledger.reserve(space(1), person(1), Amount::entry(1), Room::Words).is_err());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Entry(u8, u8, u64),
        Write(u8),
        Crash(u8),
        Remove(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..3u8, 0..4u8, 0..100u64).prop_map(|(s, p, bytes)| Step::Entry(s, p, bytes)),
            1 => (0..3u8).prop_map(Step::Write),
            1 => (0..3u8).prop_map(Step::Crash),
            1 => (0..3u8).prop_map(Step::Remove),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(512)))]

        #[test]
        fn sums_are_sums_and_a_crash_forgets_nothing(steps in prop::collection::vec(step(), 0..60)) {
            let mut ledger = Ledger::new(small());
            // What is on the disk: entries by arrival, and the accounts as they were last written.
            let mut stored: HashMap<u8, Vec<(PersonId, u64)>> = HashMap::new();
            let mut written: HashMap<u8, Vec<u8>> = HashMap::new();
            for step in steps {
                let mut write = None;
                match step {
                    Step::Entry(s, p, bytes) => {
                        let entries = stored.entry(s).or_default();
                        entries.push((person(p), bytes));
                        ledger.entry(space(s), person(p), entries.len() as u64, bytes);
                    }
                    Step::Write(s) => write = Some(s),
                    Step::Crash(s) => {
                        let before = ledger.account(&space(s)).cloned();
                        ledger.forget(&space(s));
                        let account = written.get(&s).map(|bytes| Account::decode(bytes).expect("it was encoded"));
                        let account = account.unwrap_or_default();
                        let from = account.counted();
                        ledger.open(space(s), account);
                        for (arrival, (person, bytes)) in (1u64..).zip(stored.get(&s).into_iter().flatten()) {
                            if arrival > from {
                                ledger.entry(space(s), *person, arrival, *bytes);
                            }
                        }
                        prop_assert_eq!(ledger.account(&space(s)).cloned(), Some(before.unwrap_or_default()));
                    }
                    Step::Remove(s) => {
                        ledger.forget(&space(s));
                        stored.remove(&s);
                        written.remove(&s);
                    }
                }
                if let Some(s) = write
                    && let Some(account) = ledger.account(&space(s))
                {
                    written.insert(s, account.encode());
                }
                for p in 0..4 {
                    let sum = ledger.spaces.values().fold(Amount::default(), |sum, a| sum.with(a.of(&person(p))));
                    prop_assert_eq!(ledger.of(&person(p)), sum);
                }
                for account in ledger.spaces.values() {
                    let sum = account.by.values().fold(Amount::default(), |sum, amount| sum.with(*amount));
                    prop_assert_eq!(account.total(), sum);
                }
            }
        }

        #[test]
        fn no_bytes_are_too_strange_for_an_account(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Account::decode(&bytes);
        }
    }
}
