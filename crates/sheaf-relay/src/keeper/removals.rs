//! Removals of spaces from all relays of a cluster: written down, so that each relay does each of them once, whenever it hears of it.
//!
//! The relay that was asked removes the space at once, and says so in the space's stream (R2). Until it has said it, which it does
//! again after a restart, it does not take the space in again: what comes after that, in the stream or from a device, is
//! new. A relay that was away for so long that the stream has given that back hears it from the others before it compares with
//! them what they hold; and what a relay holds that has not heard it yet is not taken from there.

use std::collections::BTreeMap;

use sheaf_access::SpaceId;
use sheaf_store::{Pruned, StoreError, Table};

use super::sharing::SHARED;
use super::{Keeper, locked};
use crate::cluster::{Removal, shard};

/// When a space was last removed from all relays: space.
const REMOVED: &[u8] = b"removed-from-all/";
/// What stands in its row after that: that the cluster knows of it, or not yet.
const SAID: u8 = 1;

/// A removal that this relay has done. What shows it to others is made when they are told, by the token of then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    at: u64,
    said: bool,
}

impl Keeper {
    /// Reads which removals were done. What a crash has interrupted is done. Blocks.
    pub(super) fn read_removals(&self) -> Result<(), StoreError> {
        for (key, row) in self.store.scan(Table::Settings, REMOVED)? {
            let space = key[REMOVED.len()..].try_into().ok().map(SpaceId::from_bytes);
            let read = row.split_last().and_then(|(said, at)| Some((*said == SAID, at.try_into().ok()?)));
            let (Some(space), Some((said, at))) = (space, read) else { continue };
            locked(&self.removals).insert(space, Done { at: u64::from_le_bytes(at), said });
            if !said && self.keeps(space)? {
                self.remove(space)?;
            }
        }
        Ok(())
    }

    /// A removal of a space from all relays, now. Later than any before it.
    pub fn removal(&self, space: SpaceId, now: u64) -> Removal {
        self.proved(space, now.max(self.removed(space).map_or(0, |before| before.at.saturating_add(1))))
    }

    fn proved(&self, space: SpaceId, at: u64) -> Removal {
        Removal { at, proof: self.admission().removal_proof(space, at) }
    }

    /// Whether a removal is one by a relay that knows the token.
    pub fn is_ours(&self, space: SpaceId, removal: &Removal) -> bool {
        // Comparing hashes takes as long whatever was guessed.
        blake3::Hash::from_bytes(self.proved(space, removal.at).proof) == blake3::Hash::from_bytes(removal.proof)
    }

    /// When a space was last removed, if it ever was.
    pub fn removed(&self, space: SpaceId) -> Option<Removal> {
        let done = locked(&self.removals).get(&space).copied();
        done.map(|done| self.proved(space, done.at))
    }

    /// Removes a space because an operator of the cluster says so. One that was asked for here is still to be said to the others.
    /// Blocks.
    pub fn remove_from_all(&self, space: SpaceId, removal: Removal, said: bool) -> Result<Pruned, StoreError> {
        let at = removal.at;
        if !said {
            self.note_removal(space, Done { at, said })?;
        }
        if let Err(error) = self.discard_all(space) {
            tracing::warn!(%error, space = %space.short(), "what a removed space has in the object store stays there");
        }
        let pruned = self.remove(space)?;
        if said {
            self.note_removal(space, Done { at, said })?;
        }
        Ok(pruned)
    }

    /// The cluster knows of a removal: the space may come again. Blocks.
    pub fn removal_is_said(&self, space: SpaceId, removal: Removal) -> Result<(), StoreError> {
        let known = locked(&self.removals).get(&space).is_some_and(|done| done.at == removal.at && !done.said);
        if known { self.note_removal(space, Done { at: removal.at, said: true }) } else { Ok(()) }
    }

    /// Removals that the cluster does not know of yet.
    pub fn unsaid_removals(&self) -> Vec<(SpaceId, Removal)> {
        let removals = locked(&self.removals).clone();
        let unsaid = removals.into_iter().filter(|(_, done)| !done.said);
        unsaid.map(|(space, done)| (space, self.proved(space, done.at))).collect()
    }

    /// Whether a space was removed here, and the cluster does not know of it yet.
    pub fn is_unsaid(&self, space: SpaceId) -> bool {
        locked(&self.removals).get(&space).is_some_and(|done| !done.said)
    }

    /// There is nobody to say removals to.
    pub(super) fn nobody_to_say_removals_to(&self) -> Result<(), StoreError> {
        self.unsaid_removals().into_iter().try_for_each(|(space, removal)| self.removal_is_said(space, removal))
    }

    /// The removals of a shard's spaces, in the order of their ids, after this one.
    pub fn removals_after(&self, of: u8, after: Option<SpaceId>, most: usize) -> Vec<(SpaceId, Removal)> {
        let removals: BTreeMap<SpaceId, Done> = locked(&self.removals).clone();
        let after = removals.into_iter().filter(|(space, _)| shard(*space) == of && after.is_none_or(|at| *space > at));
        after.map(|(space, done)| (space, self.proved(space, done.at))).take(most).collect()
    }

    fn note_removal(&self, space: SpaceId, done: Done) -> Result<(), StoreError> {
        let row = [done.at.to_le_bytes().as_slice(), &[u8::from(done.said)]].concat();
        self.store.put(Table::Settings, &[REMOVED, space.as_bytes()].concat(), &row)?;
        locked(&self.removals).insert(space, done);
        Ok(())
    }

    /// What checkpoints of a space have in the object store is not needed any more.
    fn discard_all(&self, id: SpaceId) -> Result<(), StoreError> {
        if self.store.scan(Table::Spaces, &[SHARED, id.as_bytes()].concat())?.is_empty() {
            return Ok(());
        }
        // Not opened: from now on nobody is to find it open.
        let space = self.load(id)?;
        let held: Vec<_> = space.checkpoints().held.iter().map(|kept| (kept.entry, kept.blobs.clone())).collect();
        held.into_iter().try_for_each(|(checkpoint, blobs)| self.discard(id, checkpoint, blobs))
    }
}

#[cfg(test)]
mod tests {
    use sheaf_store::VaultKey;

    use super::*;
    use crate::keeper::testing::{keeper, opened};

    const SPACE: SpaceId = SpaceId::from_bytes([7; 32]);

    #[test]
    fn a_removal_that_was_not_said_is_known_after_a_restart_and_the_space_waits_for_it() {
        let (folder, vault) = (tempfile::tempdir().expect("a temporary folder"), VaultKey::generate());
        let removal = {
            let keeper = keeper(opened(folder.path(), &vault));
            let removal = keeper.removal(SPACE, 5);
            assert!(keeper.is_ours(SPACE, &removal) && !keeper.is_ours(SpaceId::from_bytes([8; 32]), &removal));
            assert!(!keeper.is_ours(SPACE, &Removal { at: 6, ..removal }));
            keeper.remove_from_all(SPACE, removal, false).expect("there is nothing to remove");
            removal
        };
        let keeper = keeper(opened(folder.path(), &vault));
        assert_eq!(keeper.unsaid_removals(), [(SPACE, removal)]);
        assert!(keeper.is_going(SPACE).expect("it is read"));
        assert_eq!(keeper.removal(SPACE, 5).at, 6, "whatever the clock says, it is a later one");
        keeper.removal_is_said(SPACE, removal).expect("it is written down");
        assert!(!keeper.is_going(SPACE).expect("it is read"));
        assert_eq!(keeper.removals_after(shard(SPACE), None, 9), [(SPACE, removal)]);
        assert!(keeper.removals_after(shard(SPACE), Some(SPACE), 9).is_empty());
        assert!(keeper.removals_after(shard(SPACE) + 1, None, 9).is_empty());
    }
}
