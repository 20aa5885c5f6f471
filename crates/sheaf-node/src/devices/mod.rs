//! A person's devices: how one more is taken in, how all of them come to have the same spaces, how one is removed, and how
//! a person comes back on a new machine.
//!
//! - `belongings`: what the devices share, in a document of the private space: the spaces, the devices, whom the person has
//!   verified, their name and colour.
//! - `plan`: what is to be written so that every device is in every space: a pure function. `follow` runs it whenever
//!   something of that has changed, and writes.
//! - `direct`: what two devices say to each other beside the spaces they share: pairing, and finding a person's spaces.
//! - `pairing`: the two sides of [`sheaf_access::pairing`], tied to the network and to the person in front of it.
//! - `claims`: a device shows that it is a person's, and is told of that person's spaces. That is how a device comes back
//!   that knows nothing but its root key, and how two devices find out that they have different private spaces.
//! - `removal`: the end of a device, on this one and on the others.

mod belongings;
mod claims;
mod direct;
mod follow;
mod pairing;
pub mod plan;
mod removal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use sheaf_access::{DeviceId, DeviceRevocation, SpaceId};
use tokio::sync::Notify;

use self::pairing::Pairing;
use crate::core::locked;

pub use belongings::default_name;
pub use direct::{Direct, DirectStep};
pub use follow::begin;
pub use plan::Proof;
pub use removal::LAST_WORDS;

/// What the node knows of the person's devices beside what is stored.
#[derive(Default)]
pub struct Devices {
    /// The pairing that is going on.
    pub pairing: Mutex<Option<Pairing>>,
    /// Told whenever a pairing has come further.
    pub paired: Notify,
    /// Told whenever a device has named spaces of the person.
    pub named: Notify,
    /// Whom this device has asked for the person's spaces, on connections that stand.
    asked: Mutex<BTreeSet<DeviceId>>,
    /// Who has asked this device, on connections that stand.
    answered: Mutex<BTreeSet<DeviceId>>,
    /// Who has been told that they were removed, on connections that stand.
    told: Mutex<BTreeSet<DeviceId>>,
    /// Devices that have shown that they are the person's, and may not be on the list yet.
    claimed: Mutex<BTreeMap<DeviceId, Proof>>,
    /// Another device's private space, where that is another than this one's.
    other_private: Mutex<Option<SpaceId>>,
    /// The private space that one of the person's devices has named while this one had none.
    found_private: Mutex<Option<SpaceId>>,
    /// This device looks for the person's spaces at everyone it meets.
    looking: AtomicBool,
    /// That this device was removed.
    removed: Mutex<Option<DeviceRevocation>>,
    /// Something may be there to be written.
    due: AtomicBool,
    wake: Arc<Notify>,
    /// Held while it is written; true when nothing is written any more.
    following: tokio::sync::Mutex<bool>,
}

impl Devices {
    /// Whether this device looks for the person's spaces at everyone it meets.
    pub fn is_looking(&self) -> bool {
        self.looking.load(Ordering::Relaxed)
    }

    /// The private space that one of the person's devices has named while this one had none.
    pub fn found_private(&self) -> Option<SpaceId> {
        *locked(&self.found_private)
    }

    /// Puts a device among those to be listed and added.
    pub fn claim(&self, proof: Proof) {
        locked(&self.claimed).insert(proof.certificate.device, proof);
        self.wake();
    }

    /// Lets it look, or no more.
    pub fn look(&self, looking: bool) {
        self.looking.store(looking, Ordering::Relaxed);
    }

    /// Something has changed that may be a reason to write.
    pub fn wake(&self) {
        self.due.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }
}
