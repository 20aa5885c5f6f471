//! [`Duty`]: which spaces a relay keeps whether or not anybody asks it for them.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sheaf_access::{DeviceId, SpaceId};

use crate::config::Follow;

/// How many relays keep a space, whoever is asked for it: so many hold it, at least.
const KEEPERS: usize = 2;

/// What is to be kept.
#[derive(Debug)]
pub struct Duty {
    follow: Follow,
    own: DeviceId,
    /// The other relays that were heard lately.
    relays: Mutex<BTreeSet<DeviceId>>,
}

impl Duty {
    /// Of a relay that has heard no other yet.
    pub fn new(follow: Follow, own: DeviceId) -> Self {
        Self { follow, own, relays: Mutex::default() }
    }

    /// Whether spaces are kept that nobody asked this relay for, all of them.
    pub fn is_all(&self) -> bool {
        self.follow == Follow::All
    }

    /// These are the other relays. Answers whether that changes what is to be kept.
    pub fn others(&self, relays: BTreeSet<DeviceId>) -> bool {
        let mut known = self.lock();
        let changed = *known != relays;
        *known = relays;
        changed && !self.is_all()
    }

    /// Whether a space is kept here whoever is asked for it. Where only what is demanded is, the relays that are first in an
    /// order which depends on the space keep it: each relay finds the same, and spaces are spread over all.
    pub fn keeps(&self, space: SpaceId) -> bool {
        if self.is_all() {
            return true;
        }
        let own = rank(space, self.own);
        self.lock().iter().filter(|relay| rank(space, **relay) < own).count() < KEEPERS
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<DeviceId>> {
        self.relays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a relay is in the order of a space's keepers.
fn rank(space: SpaceId, relay: DeviceId) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("sheaf 2026 order of a space's keepers v1");
    hasher.update(space.as_bytes());
    hasher.update(relay.as_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relays(count: u8) -> Vec<DeviceId> {
        (1..=count).map(|n| DeviceId::from_bytes([n; 32])).collect()
    }

    fn duties(follow: Follow, relays: &[DeviceId]) -> Vec<Duty> {
        let duty = |own: &DeviceId| {
            let duty = Duty::new(follow, *own);
            duty.others(relays.iter().copied().filter(|other| other != own).collect());
            duty
        };
        relays.iter().map(duty).collect()
    }

    #[test]
    fn each_space_has_two_keepers_and_each_keeper_its_share() {
        let all = duties(Follow::Demanded, &relays(6));
        let mut shares = [0; 6];
        for n in 0..3_000u32 {
            let space = SpaceId::from_bytes(*blake3::hash(&n.to_le_bytes()).as_bytes());
            let keepers: Vec<usize> = (0..6).filter(|relay| all[*relay].keeps(space)).collect();
            assert_eq!(keepers.len(), KEEPERS);
            for relay in keepers {
                shares[relay] += 1;
            }
        }
        assert!(shares.iter().all(|share| (800..1_200).contains(share)), "{shares:?}");
    }

    #[test]
    fn few_relays_keep_everything_and_so_do_those_that_are_told_to() {
        let space = SpaceId::from_bytes([7; 32]);
        assert!(Duty::new(Follow::Demanded, DeviceId::from_bytes([1; 32])).keeps(space), "it may be alone");
        assert!(duties(Follow::Demanded, &relays(2)).iter().all(|duty| duty.keeps(space)));
        assert!(duties(Follow::All, &relays(9)).iter().all(|duty| duty.keeps(space)));
    }

    #[test]
    fn when_a_keeper_is_gone_another_takes_its_place() {
        let relays = relays(5);
        let space = SpaceId::from_bytes([9; 32]);
        let before = duties(Follow::Demanded, &relays);
        let gone = (0..5).find(|relay| before[*relay].keeps(space)).expect("somebody keeps it");
        let left: Vec<DeviceId> = relays.iter().copied().filter(|relay| *relay != relays[gone]).collect();
        let after = duties(Follow::Demanded, &left);
        assert_eq!(after.iter().filter(|duty| duty.keeps(space)).count(), KEEPERS);
        assert!(before[usize::from(gone == 0)].others(left.into_iter().collect()), "it is news");
    }
}
