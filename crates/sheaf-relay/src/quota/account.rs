//! [`Account`]: what one space holds, and by whom.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sheaf_access::PersonId;
use sheaf_store::Arrival;

/// The first byte of a written account.
const VERSION: u8 = 1;

/// An amount of what is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Their bytes.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
}

impl Amount {
    /// One entry of so many bytes.
    pub const fn entry(bytes: u64) -> Self {
        Self { bytes, entries: 1 }
    }

    /// Both together.
    #[must_use]
    pub fn with(self, more: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(more.bytes), entries: self.entries.saturating_add(more.entries) }
    }

    pub(super) fn without(self, less: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(less.bytes), entries: self.entries.saturating_sub(less.entries) }
    }

    pub(super) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// What one space holds, by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Entries up to this arrival have been counted.
    counted: Arrival,
    pub(super) by: BTreeMap<PersonId, Amount>,
    pub(super) total: Amount,
}

#[derive(Serialize, Deserialize)]
struct Written {
    counted: Arrival,
    by: Vec<(PersonId, Amount)>,
}

/// A written account is damaged, or of a newer relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what a space holds is written down in a form this relay does not read; it is counted again")]
pub struct NotAnAccount;

impl Account {
    /// Everything there is.
    pub fn total(&self) -> Amount {
        self.total
    }

    /// What one person wrote of it.
    pub fn of(&self, person: &PersonId) -> Amount {
        self.by.get(person).copied().unwrap_or_default()
    }

    /// What each person wrote of it.
    pub fn each(&self) -> impl Iterator<Item = (PersonId, Amount)> {
        self.by.iter().map(|(person, amount)| (*person, *amount))
    }

    /// Entries up to this arrival are in it.
    pub fn counted(&self) -> Arrival {
        self.counted
    }

    /// An entry of so many bytes has this arrival. False: it was counted before.
    pub fn entry(&mut self, person: PersonId, arrival: Arrival, bytes: u64) -> bool {
        if arrival <= self.counted {
            return false;
        }
        self.counted = arrival;
        self.add(person, Amount::entry(bytes));
        true
    }

    /// The account as it is written down.
    pub fn encode(&self) -> Vec<u8> {
        let written = Written { counted: self.counted, by: self.by.iter().map(|(who, much)| (*who, *much)).collect() };
        // Numbers into a growing vector: nothing in it can fail.
        postcard::to_extend(&written, vec![VERSION]).expect("an account encodes into memory")
    }

    /// A written account.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotAnAccount> {
        let Some((&VERSION, rest)) = bytes.split_first() else { return Err(NotAnAccount) };
        let written: Written = postcard::from_bytes(rest).map_err(|_| NotAnAccount)?;
        let mut account = Self { counted: written.counted, ..Self::default() };
        for (person, amount) in written.by {
            account.add(person, amount);
        }
        Ok(account)
    }

    /// So much more by a person.
    pub fn add(&mut self, person: PersonId, amount: Amount) {
        let by = self.by.entry(person).or_default();
        *by = by.with(amount);
        self.total = self.total.with(amount);
    }
}
