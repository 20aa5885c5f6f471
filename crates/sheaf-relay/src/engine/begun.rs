//! What was begun to be fetched, and is named by nothing that is held yet.
//!
//! Blobs are on the disk before it is known whether what names them is ever held: whoever brings a checkpoint may go in the middle,
//! or have made it up. What was fetched stays, so that it is gone on with when they come again; but of one checkpoint of each space
//! only, the last. So nobody fills the disk with what nothing needs, and it is counted against who brings it meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::{BlobId, BlobLink};
use sheaf_store::BlobStore;

use crate::keeper::{Keeper, Space};

/// What may be on the disk, of each space, and in part.
pub(super) struct Begun {
    keeper: Arc<Keeper>,
    of: BTreeMap<SpaceId, BTreeSet<BlobId>>,
}

impl Begun {
    /// Nothing.
    pub fn new(keeper: Arc<Keeper>) -> Self {
        Self { keeper, of: BTreeMap::new() }
    }

    /// A blob is about to be fetched for a space, because of what this device wrote or brings, which names all of these. It takes the
    /// place of what was begun for the space before.
    pub fn fetches(
        &mut self,
        space: &Space,
        by: Option<DeviceId>,
        blob: BlobId,
        named: impl FnOnce() -> Vec<BlobLink>,
    ) {
        if self.of.get(&space.id).is_some_and(|begun| begun.contains(&blob)) {
            return;
        }
        let named: BTreeMap<BlobId, u64> = named().into_iter().map(|blob| (blob.id, blob.size)).collect();
        let bytes = named.values().fold(0, |sum: u64, size| sum.saturating_add(*size));
        let person = by.and_then(|device| space.access()?.person_of(&device));
        self.keeper.ledger().expect_blobs(space.id, person, bytes);
        let before = self.of.insert(space.id, named.into_keys().collect());
        self.let_go(before.unwrap_or_default());
    }

    /// What was fetched for a space is held, or not wanted any more.
    pub fn is_over(&mut self, space: SpaceId) {
        self.keeper.ledger().expect_no_blobs(&space);
        let before = self.of.remove(&space);
        self.let_go(before.unwrap_or_default());
    }

    /// Deletes those of these blobs that nothing names.
    fn let_go(&self, blobs: BTreeSet<BlobId>) {
        for blob in blobs {
            if self.of.values().any(|begun| begun.contains(&blob)) {
                continue;
            }
            if let Err(error) = self.keeper.home().blobs().delete_unneeded(blob, None) {
                tracing::warn!(%error, "a blob that nothing needs cannot be removed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sheaf_store::{Store, VaultKey};

    use super::*;
    use crate::keeper::testing::{Written, keeper, opened};

    /// Of what was begun and came to nothing only the last stays, and what is held stays whatever was begun.
    #[test]
    fn what_was_begun_makes_way_for_what_is_begun_next() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let keeper = Arc::new(keeper(opened(folder.path(), &VaultKey::generate())));
        let blobs = Arc::clone(keeper.home().blobs());
        let put = |bytes: &[u8]| {
            blobs.put(BlobId::of(bytes), bytes).expect("it is kept");
            BlobLink { id: BlobId::of(bytes), size: bytes.len() as u64 }
        };
        let [held, first, second] = [put(b"held"), put(b"first"), put(b"second")];
        let mut written = Written::new();
        let checkpoint = written.checkpoint_of([held]);
        keeper.home().store().append(written.space, &written.entries).expect("they are stored");
        let space = keeper.open(written.space).expect("it opens");
        assert!(keeper.hold(&space, &checkpoint).is_ok());
        let here = |blob: BlobLink| blobs.has(blob.id).expect("it is looked up");
        let mut begun = Begun::new(Arc::clone(&keeper));
        let by = Some(written.who.device.id());
        begun.fetches(&space, by, first.id, || vec![held, first]);
        begun.fetches(&space, by, held.id, || panic!("it was begun"));
        assert!(here(first));
        begun.fetches(&space, by, second.id, || vec![held, second]);
        assert_eq!((here(held), here(first), here(second)), (true, false, true));
        begun.is_over(space.id);
        assert_eq!((here(held), here(second)), (true, false));
    }
}
