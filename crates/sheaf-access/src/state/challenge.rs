//! What speaks against content that is held: removals that its author had not heard of (A5).

use std::collections::BTreeSet;

use super::AccessState;
use crate::operation::AccessEntry;
use crate::{EntryHash, LogId, PersonId, Role};

/// A removal that takes effect on a log.
///
/// It challenges the log's entries beyond the watermark whose past does not hold it, except those that want no more than what
/// it leaves: what the others come to is for the counting rule to say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Challenge {
    /// The removal, downgrade, close or device removal.
    pub by: EntryHash,
    /// The last entry of the log that it leaves alone.
    pub watermark: u64,
    /// What the author may still do beyond it.
    pub leaves: Option<Role>,
}

/// One grant of the log's author: what it gave, and by what it was limited from where on.
struct Held {
    entry: EntryHash,
    given: Role,
    limits: Vec<Challenge>,
}

impl Held {
    /// What it gives to an entry in this place of the log, to whom it is unknown that anything was taken.
    fn role_at(&self, seq: u64) -> Option<Role> {
        let beyond = self.limits.iter().filter(|limit| seq > limit.watermark);
        beyond.map(|limit| limit.leaves).chain([Some(self.given)]).min().flatten()
    }
}

impl AccessState {
    /// What challenges entries of a log: removals and downgrades of its author, of its device, or of a grant above the
    /// author's. Sorted; empty for nearly every log.
    pub fn challenges(&self, log: &LogId) -> Vec<Challenge> {
        let Some(person) = self.person_of(&log.device) else { return Vec::new() };
        let mut found: Vec<Challenge> = Vec::new();
        for removal in self.removed_devices.get(&(person, log.device)).into_iter().flatten() {
            found.push(challenge(removal, log, None));
        }
        let held: Vec<Held> =
            self.grants_of.get(&person).into_iter().flatten().filter_map(|grant| self.held(*grant, log)).collect();
        let limits = || held.iter().flat_map(|held| held.limits.iter().map(move |limit| (held, limit)));
        let mut places: Vec<u64> = limits().map(|(_, limit)| limit.watermark).collect();
        places.sort_unstable();
        places.dedup();
        for place in places {
            for (from, limit) in limits().filter(|(_, limit)| limit.watermark <= place) {
                // A grant that was given in knowledge of the removal is of no help to who had not heard of it.
                let others = held.iter().filter(|other| !self.was_given_after(&other.entry, &limit.by));
                let leaves = others.filter_map(|other| other.role_at(place.saturating_add(1))).max();
                if leaves < Some(from.given) && limit.leaves < Some(from.given) {
                    found.push(Challenge { by: limit.by, watermark: place, leaves });
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn held(&self, entry: EntryHash, log: &LogId) -> Option<Held> {
        if let Some((_, given, by)) = self.voided.get(&entry) {
            return Some(Held {
                entry,
                given: *given,
                limits: vec![Challenge { by: *by, watermark: 0, leaves: None }],
            });
        }
        let grant = self.grants.get(&entry)?;
        let limits = grant.limits.iter().map(|limit| challenge(&limit.by, log, limit.leaves)).collect();
        Some(Held { entry, given: grant.given, limits })
    }

    fn was_given_after(&self, grant: &EntryHash, removal: &EntryHash) -> bool {
        self.given_after.contains(&(*grant, *removal))
    }

    /// What has ended, lowered or kept from counting any grant of a person.
    pub(super) fn limits_of(&self, person: &PersonId) -> BTreeSet<EntryHash> {
        let grants = self.grants_of.get(person).into_iter().flatten();
        let of = |grant: &EntryHash| {
            let limits = self.grants.get(grant).into_iter().flat_map(|grant| &grant.limits);
            limits.map(|limit| limit.by.hash).chain(self.voided.get(grant).map(|(.., by)| *by))
        };
        grants.flat_map(of).collect()
    }
}

fn challenge(by: &AccessEntry, log: &LogId, leaves: Option<Role>) -> Challenge {
    Challenge { by: by.hash, watermark: by.operation.watermark(log), leaves }
}
