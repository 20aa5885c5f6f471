//! What is asked before something is fetched that may come to nothing.

use sheaf_access::DeviceId;
use sheaf_log::BlobLink;
use sheaf_store::BlobStore;

use super::checkpoints::read_bundle;
use super::{Keeper, Space};

impl Keeper {
    /// Whether there is room for a bundle that a device says is what this relay is behind on. It is nobody's checkpoint before it is
    /// here, so it counts as its bringer's.
    pub fn has_room_for(&self, space: &Space, by: DeviceId, bundle: BlobLink) -> bool {
        let person = space.access().and_then(|access| access.person_of(&by));
        let held = space.checkpoints().bytes();
        let fits = self.ledger().blobs_fit(space.id, held, bundle.size, person.map(|person| (person, bundle.size)));
        if fits.is_err() {
            self.board.meters().over_quota.add(1);
        }
        fits.is_ok()
    }

    /// Whether blobs may be put on the disk.
    pub fn has_disk(&self) -> bool {
        !self.board.is_full()
    }

    /// The blobs that the checkpoint of a bundle names, if the bundle is here.
    pub fn named_by(&self, space: &Space, bundle: BlobLink) -> Vec<BlobLink> {
        let bytes = self.home.blobs().get(bundle.id).ok().flatten();
        let read = bytes.and_then(|bytes| read_bundle(&bytes, space.id).ok());
        read.and_then(|(_, entry)| entry.checkpoint()?.ok()).map(|checkpoint| checkpoint.blobs).unwrap_or_default()
    }
}
