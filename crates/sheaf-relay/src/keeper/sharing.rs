//! Checkpoints in a cluster: what one relay has fetched from a device goes to the object store before it counts, and comes from there
//! to every relay, the first included.

use std::collections::BTreeSet;

use sheaf_access::{EntryHash, SpaceId};
use sheaf_log::{BlobId, BlobLink, Entry, Frontier};
use sheaf_store::{BlobStore, StoreError, Table};

use super::checkpoints::{By, HELD, NotTaken, read_bundle};
use super::{Keeper, Space, locked};
use crate::cluster::Shared;

/// The bundle of a checkpoint that is held, as it is in the object store: space, checkpoint. A checkpoint without was held before
/// the relay was in the cluster.
pub(super) const SHARED: &[u8] = b"shared/";

/// Which object store it is that checkpoints were put into.
const OBJECTS: &[u8] = b"objects";

/// A checkpoint that is whole here, and is to be in the cluster before it counts.
pub struct Sharing {
    /// What is said to all.
    pub shared: Shared,
    /// Its blobs.
    pub blobs: Vec<BlobLink>,
}

impl Keeper {
    /// A checkpoint whose entry is here, and all its blobs: what is to be shared of it. Blocks.
    pub fn share_held(&self, space: &Space, entry: &Entry) -> Result<Option<Sharing>, NotTaken> {
        let Some(Ok(checkpoint)) = entry.checkpoint() else { return Ok(None) };
        let bundle = self.bundle_of(space, entry, &checkpoint, By::Device)?;
        let link = BlobLink { id: BlobId::of(&bundle), size: bundle.len() as u64 };
        self.home.blobs().put(link.id, &bundle)?;
        let shared = Shared { bundle: link, endorsements: Self::words_on(space, entry.hash()) };
        Ok(Some(Sharing { shared, blobs: checkpoint.blobs }))
    }

    /// A checkpoint whose entries are not here, if it may be taken over: what is to be shared of it. Blocks.
    pub fn share_vouched(&self, space: &Space, bundle: BlobLink) -> Result<Sharing, NotTaken> {
        let vouched = self.vouched(space, bundle, By::Device)?;
        let shared = Shared { bundle, endorsements: Self::words_on(space, vouched.entry.hash()) };
        Ok(Sharing { shared, blobs: vouched.checkpoint.blobs })
    }

    /// A checkpoint that is held, and was before the relay was in the cluster. Blocks.
    pub fn share_kept(&self, space: &Space, checkpoint: EntryHash) -> Result<Option<Sharing>, NotTaken> {
        let blobs =
            space.checkpoints().held.iter().find(|kept| kept.entry == checkpoint).map(|kept| kept.blobs.clone());
        let bundles = self.home.blobs().bundles(space.id)?;
        let bundle = bundles.into_iter().find(|(of, _)| *of == checkpoint);
        let (Some(blobs), Some((_, bundle))) = (blobs, bundle) else { return Ok(None) };
        let link = BlobLink { id: BlobId::of(&bundle), size: bundle.len() as u64 };
        self.home.blobs().put(link.id, &bundle)?;
        let shared = Shared { bundle: link, endorsements: Self::words_on(space, checkpoint) };
        Ok(Some(Sharing { shared, blobs }))
    }

    /// The checkpoints of a space that are held and not in the cluster, as far as is known. Blocks.
    pub fn unshared(&self, space: SpaceId) -> Result<Vec<EntryHash>, StoreError> {
        let named = |prefix: &[u8]| -> Result<BTreeSet<Vec<u8>>, StoreError> {
            let rows = self.store.scan(Table::Spaces, &[prefix, space.as_bytes()].concat())?;
            Ok(rows.into_iter().map(|(key, _)| key[prefix.len() + space.as_bytes().len()..].to_vec()).collect())
        };
        let (held, shared) = (named(HELD)?, named(SHARED)?);
        Ok(held
            .difference(&shared)
            .filter_map(|key| Some(EntryHash::from_bytes(key.as_slice().try_into().ok()?)))
            .collect())
    }

    /// Whatever was in a cluster's object store is not in the one that the relay joins. Blocks.
    pub(super) fn nothing_is_shared(&self) -> Result<(), StoreError> {
        let rows = self.store.scan(Table::Spaces, SHARED)?;
        rows.iter().try_for_each(|(key, _)| self.store.delete(Table::Spaces, key))
    }

    /// A checkpoint that is in the cluster is held here from now on, if all of it is here; or taken over, where what it stands for is
    /// not. Answers what it covers. Blocks.
    pub fn take_shared(&self, space: &Space, shared: &Shared) -> Result<Frontier, NotTaken> {
        let blobs = self.home.blobs();
        let bytes = blobs.get(shared.bundle.id)?.ok_or(NotTaken::Lacks(shared.bundle))?;
        let (_, entry) = read_bundle(&bytes, space.id)?;
        let Some(Ok(checkpoint)) = entry.checkpoint() else { return Err(NotTaken::Refused("it is none")) };
        for word in &shared.endorsements {
            self.endorsed(space, word)?;
        }
        if !space.checkpoints().held.iter().any(|kept| kept.entry == entry.hash()) {
            // An entry that is here was judged when it came.
            let known = self.store.by_hash(space.id, entry.hash())?.is_some();
            if known && space.frontier().covers(&checkpoint.covers) {
                self.hold(space, &entry)?;
                // As it was shared, so that other relays can have from this one what the object store may lose.
                blobs.put_bundle(space.id, entry.hash(), &bytes)?;
            } else {
                self.take_over(space, shared.bundle)?;
            }
        }
        // A value that cannot be read back says only that it is shared.
        let link = postcard::to_allocvec(&shared.bundle).unwrap_or_default();
        self.store.put(Table::Spaces, &key(space.id, entry.hash()), &link)?;
        blobs.delete(shared.bundle.id)?;
        Ok(checkpoint.covers)
    }

    /// A checkpoint is given up: its bundle, and these blobs, need not be in the object store either.
    pub(super) fn discard(
        &self,
        space: SpaceId,
        checkpoint: EntryHash,
        mut blobs: Vec<BlobLink>,
    ) -> Result<(), StoreError> {
        let key = key(space, checkpoint);
        let Some(row) = self.store.get(Table::Spaces, &key)? else { return Ok(()) };
        blobs.extend(postcard::from_bytes::<BlobLink>(&row));
        locked(&self.discarded).push((space, blobs));
        self.store.delete(Table::Spaces, &key)
    }

    /// Of these blobs those that a checkpoint of the space names: it may have come since they were given up, and names the same
    /// bytes. Blocks.
    pub fn needed(&self, space: SpaceId, blobs: &[BlobLink]) -> Result<Vec<BlobLink>, StoreError> {
        let space = self.open(space)?;
        let checkpoints = space.checkpoints();
        Ok(blobs.iter().copied().filter(|blob| checkpoints.names(blob.id)).collect())
    }

    /// The object store is this one. If it was another before, it was lost: what this relay holds has to be shared anew. Answers
    /// the spaces of which something has. Blocks.
    pub fn shares_in(&self, store: u64) -> Result<Vec<SpaceId>, StoreError> {
        let now = store.to_le_bytes();
        let before = self.store.get(Table::Settings, OBJECTS)?;
        if before.as_deref() == Some(&now[..]) {
            return Ok(Vec::new());
        }
        let mut lacking = Vec::new();
        if before.is_some() {
            self.nothing_is_shared()?;
            for space in self.home.blobs().bundled_spaces()? {
                if !self.unshared(space)?.is_empty() {
                    lacking.push(space);
                }
            }
        }
        // Last: a crash before this has it done again.
        self.store.put(Table::Settings, OBJECTS, &now)?;
        Ok(lacking)
    }

    /// What need not be in the object store any more.
    pub fn discarded(&self) -> Vec<(SpaceId, Vec<BlobLink>)> {
        std::mem::take(&mut locked(&self.discarded))
    }
}

fn key(space: SpaceId, checkpoint: EntryHash) -> Vec<u8> {
    [SHARED, space.as_bytes(), checkpoint.as_bytes()].concat()
}
