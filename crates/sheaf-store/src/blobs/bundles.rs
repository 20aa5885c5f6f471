//! Which checkpoints have their bundle here, and which blobs these name.
//!
//! Blobs lie in one folder for all spaces, by their hash, and whoever is or was in a space knows the hashes that its
//! checkpoints name. So what one space says of a blob is never a reason to delete it while a bundle of another names it. This
//! is asked for whenever something goes, and for thousands of spaces: it is kept in memory, names at once and what they name
//! when it is asked for first.

use std::collections::{BTreeMap, BTreeSet};

use sheaf_access::{EntryHash, SpaceId};
use sheaf_log::BlobId;

use super::decode_bundle;

/// The bundles that are here.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    /// The blobs that each names; nothing, as long as it was not read.
    kept: BTreeMap<(SpaceId, EntryHash), Option<BTreeSet<BlobId>>>,
}

impl Bundles {
    /// A bundle is here; nobody has looked into it.
    pub fn found(&mut self, space: SpaceId, checkpoint: EntryHash) {
        self.kept.entry((space, checkpoint)).or_default();
    }

    /// A bundle is here, and names these.
    pub fn put(&mut self, space: SpaceId, checkpoint: EntryHash, names: BTreeSet<BlobId>) {
        self.kept.insert((space, checkpoint), Some(names));
    }

    /// A bundle was looked into, if it is still here.
    pub fn read(&mut self, space: SpaceId, checkpoint: EntryHash, names: impl FnOnce() -> BTreeSet<BlobId>) {
        if let Some(unread @ None) = self.kept.get_mut(&(space, checkpoint)) {
            *unread = Some(names());
        }
    }

    /// Whether a checkpoint's bundle is here.
    pub fn has(&self, space: SpaceId, checkpoint: EntryHash) -> bool {
        self.kept.contains_key(&(space, checkpoint))
    }

    /// A bundle is gone.
    pub fn removed(&mut self, space: SpaceId, checkpoint: EntryHash) {
        self.kept.remove(&(space, checkpoint));
    }

    /// The checkpoints of a space that have a bundle.
    pub fn of(&self, space: SpaceId) -> Vec<EntryHash> {
        let first = EntryHash::from_bytes([0; 32]);
        let from = self.kept.range((space, first)..).take_while(|((of, _), _)| *of == space);
        from.map(|((_, checkpoint), _)| *checkpoint).collect()
    }

    /// The spaces that have bundles.
    pub fn spaces(&self) -> Vec<SpaceId> {
        let mut spaces: Vec<SpaceId> = self.kept.keys().map(|(space, _)| *space).collect();
        spaces.dedup();
        spaces
    }

    /// The spaces with bundles that nobody has looked into.
    pub fn unread(&self) -> Vec<SpaceId> {
        let unread = self.kept.iter().filter(|(_, names)| names.is_none());
        let mut spaces: Vec<SpaceId> = unread.map(|((space, _), _)| *space).collect();
        spaces.dedup();
        spaces
    }

    /// Whether a bundle names a blob; `going`: those of this space do not count.
    pub fn name(&self, blob: BlobId, going: Option<SpaceId>) -> bool {
        let staying = self.kept.iter().filter(|((space, _), _)| Some(*space) != going);
        // What cannot be looked into may name anything.
        { staying }.map(|(_, names)| names).any(|names| names.as_ref().is_none_or(|names| names.contains(&blob)))
    }
}

/// The blobs of a bundle's checkpoint.
pub(crate) fn blobs_of(bundle: &[u8]) -> BTreeSet<BlobId> {
    let last = decode_bundle(bundle).and_then(|mut entries| entries.pop()?.verified_before().ok());
    let checkpoint = last.and_then(|entry| entry.checkpoint()?.ok());
    checkpoint.map(|checkpoint| checkpoint.blobs.iter().map(|blob| blob.id).collect()).unwrap_or_default()
}
