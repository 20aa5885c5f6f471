//! From whom a checkpoint may be had whose entry is here.
//!
//! An entry of a checkpoint may be passed on by somebody who has not fetched its blobs yet. So all who are in step are
//! asked, one after the other; and whoever could not be got it from is asked again when something speaks for it: someone
//! vouches for the checkpoint, for then it got about, or a new connection stands. Not when they are in step once more: they
//! are each time that an attempt has ended, and it would be made for ever. And a few times when a while has gone by: a relay of a cluster
//! passes a checkpoint's entry on before it has the blobs from the others.

use std::collections::{BTreeMap, BTreeSet};

use sheaf_access::{DeviceId, EntryHash, SpaceId};

/// How often somebody is asked once more who did not have it.
const AGAIN: u32 = 6;

/// Who may have what.
#[derive(Debug, Default)]
pub struct Sources {
    /// Who has held what we hold, on a connection that stands.
    in_step: BTreeSet<(SpaceId, DeviceId)>,
    /// Whose checkpoint could not be had from whom, how often, and whether they are not to be asked now.
    without: BTreeMap<(SpaceId, EntryHash, DeviceId), (u32, bool)>,
}

impl Sources {
    /// This peer holds what we hold.
    pub fn in_step(&mut self, space: SpaceId, peer: DeviceId) {
        self.in_step.insert((space, peer));
    }

    /// This peer has gone.
    pub fn gone(&mut self, peer: DeviceId) {
        self.in_step.retain(|(_, who)| *who != peer);
        self.without.retain(|(_, _, who), _| *who != peer);
    }

    /// It could not be had from this peer.
    pub fn without(&mut self, space: SpaceId, checkpoint: EntryHash, peer: DeviceId) {
        let (times, asked) = self.without.entry((space, checkpoint, peer)).or_default();
        *times += 1;
        *asked = true;
    }

    /// Whether it could not be had from this peer, as far as is known.
    pub fn is_without(&self, space: SpaceId, checkpoint: EntryHash, peer: DeviceId) -> bool {
        self.without.get(&(space, checkpoint, peer)).is_some_and(|(_, asked)| *asked)
    }

    /// A while has gone by. Answers the spaces of which something may be had now that could not be.
    pub fn again(&mut self) -> BTreeSet<SpaceId> {
        let again = self.without.iter_mut().filter(|(_, (times, asked))| *asked && *times <= AGAIN);
        again
            .map(|((space, _, _), (_, asked))| {
                *asked = false;
                *space
            })
            .collect()
    }

    /// Someone vouches for it.
    pub fn vouched(&mut self, space: SpaceId, checkpoint: EntryHash) {
        self.without.retain(|(of, hash, _), _| (*of, *hash) != (space, checkpoint));
    }

    /// The last of these checkpoints of a space, in their order, that somebody may have, and who. Of several, this one is
    /// asked first. What is not among them any more is forgotten.
    pub fn next(
        &mut self,
        space: SpaceId,
        pending: &[EntryHash],
        first: Option<DeviceId>,
    ) -> Option<(EntryHash, DeviceId)> {
        self.without.retain(|(of, hash, _), _| *of != space || pending.contains(hash));
        let all = self.in_step.iter().filter(|(of, _)| *of == space).map(|(_, peer)| *peer);
        let mut peers: Vec<DeviceId> = all.collect();
        peers.sort_by_key(|peer| Some(*peer) != first);
        pending.iter().rev().find_map(|checkpoint| {
            let may_have = |peer: &&DeviceId| !self.is_without(space, *checkpoint, **peer);
            Some((*checkpoint, *peers.iter().find(may_have)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 32]);
    const OLD: EntryHash = EntryHash::from_bytes([2; 32]);
    const NEW: EntryHash = EntryHash::from_bytes([3; 32]);
    const ANA: DeviceId = DeviceId::from_bytes([4; 32]);
    const BEN: DeviceId = DeviceId::from_bytes([5; 32]);

    /// Ana and Ben, both in step.
    fn sources() -> Sources {
        let mut sources = Sources::default();
        sources.in_step(SPACE, ANA);
        sources.in_step(SPACE, BEN);
        sources
    }

    /// An attempt ends, be it that they do not have it or that it cannot be kept here; and then the two are in step again.
    #[test]
    fn each_is_asked_once_however_often_they_are_in_step() {
        let mut sources = sources();
        let mut attempts = Vec::new();
        while let Some((checkpoint, peer)) = sources.next(SPACE, &[OLD, NEW], Some(BEN)) {
            attempts.push((checkpoint, peer));
            assert!(attempts.len() <= 4, "there is no end to it");
            sources.without(SPACE, checkpoint, peer);
            sources.in_step(SPACE, peer);
        }
        assert_eq!(attempts, [(NEW, BEN), (NEW, ANA), (OLD, BEN), (OLD, ANA)]);
    }

    #[test]
    fn a_word_or_a_new_connection_is_a_reason_to_ask_again() {
        let mut sources = sources();
        for peer in [ANA, BEN] {
            sources.without(SPACE, NEW, peer);
        }
        assert_eq!(sources.next(SPACE, &[NEW], None), None);
        sources.gone(BEN);
        assert_eq!(sources.next(SPACE, &[NEW], None), None, "who is away is not asked");
        sources.in_step(SPACE, BEN);
        assert_eq!(sources.next(SPACE, &[NEW], None), Some((NEW, BEN)));
        sources.without(SPACE, NEW, BEN);
        sources.vouched(SPACE, NEW);
        assert_eq!(sources.next(SPACE, &[NEW], None), Some((NEW, ANA)));
    }

    #[test]
    fn when_a_while_has_gone_by_they_are_asked_again_and_not_for_ever() {
        let mut sources = sources();
        let mut asked = 0;
        loop {
            while let Some((checkpoint, peer)) = sources.next(SPACE, &[NEW], None) {
                sources.without(SPACE, checkpoint, peer);
                asked += 1;
            }
            if sources.again().is_empty() {
                break;
            }
        }
        assert_eq!(asked, 2 * (1 + AGAIN));
    }
}
