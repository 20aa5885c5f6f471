//! The access state: what a set of access entries amounts to.

mod binding;
mod challenge;
mod keys;
mod people;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

pub use binding::Binding;
pub use challenge::Challenge;
pub use keys::Epoch;
pub use people::{Former, Grant, Member};

use crate::certificate::DeviceCertificate;
use crate::introduction::Introduction;
use crate::keys::SealingKey;
use crate::operation::{AccessEntry, AccessOp};
use crate::relay::Relay;
use crate::verdict::Verdict;
use crate::{DeviceId, DocumentId, EntryHash, EpochId, InvitationId, PersonId, Role, SpaceId};

/// The most members a space may have (a protocol constant).
pub const MAX_MEMBERS: usize = 5_000;
/// The most devices a person may have in a space at a time (a protocol constant).
pub const MAX_DEVICES: usize = 64;

/// Who may do what in a space, as some set of its access entries has it.
///
/// A value: equal sets give equal states, whatever order they arrived in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessState {
    space: SpaceId,
    heads: Vec<EntryHash>,
    /// Those that count, also where they have ended.
    grants: BTreeMap<EntryHash, Grant>,
    /// Those that do not: whose, what they would give, and the entry that keeps them from it.
    voided: BTreeMap<EntryHash, (PersonId, Role, EntryHash)>,
    /// Everyone's grants, in the order of A3.
    grants_of: BTreeMap<PersonId, Vec<EntryHash>>,
    /// Grants, with the removals of the same person's grants that were known to whoever gave them.
    given_after: BTreeSet<(EntryHash, EntryHash)>,
    members: BTreeMap<PersonId, Member>,
    former: BTreeMap<PersonId, Former>,
    /// All that were ever here, whoever their persons are now.
    devices: BTreeMap<DeviceId, DeviceCertificate>,
    /// Everyone's, but for those removed; also of people who are not members.
    devices_of: BTreeMap<PersonId, BTreeMap<DeviceId, DeviceCertificate>>,
    /// The removals of each removed device.
    removed_devices: BTreeMap<(PersonId, DeviceId), Vec<Arc<AccessEntry>>>,
    invitations: BTreeMap<InvitationId, Invitation>,
    epochs: BTreeMap<EpochId, Epoch>,
    destroyed: BTreeSet<DocumentId>,
    relays: BTreeMap<DeviceId, Relay>,
    /// Everyone's last introduction.
    names: BTreeMap<PersonId, Arc<AccessEntry>>,
    verdicts: BTreeMap<EntryHash, Verdict>,
    readers: Cached<Vec<SealingKey>>,
    writable: Cached<BTreeSet<EpochId>>,
}

/// An invitation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invitation {
    /// The entry that opened it.
    pub entry: EntryHash,
    /// Who opened it.
    pub by: PersonId,
    /// The grant it was opened under.
    pub under: EntryHash,
    /// The role it gives.
    pub role: Role,
    /// What content keys are wrapped for, so that the link reads (I1).
    pub sealing_key: SealingKey,
    /// Until when it is to be accepted, in milliseconds since 1970.
    pub expires: Option<u64>,
    /// How many may join by it.
    pub uses: Option<u32>,
    /// When it says it was opened, in milliseconds since 1970: for show.
    pub opened: u64,
    /// Who has joined by it, in the order of A3.
    pub redeemed_by: Vec<PersonId>,
    /// The redemptions that count, in the order of A3.
    pub redemptions: Vec<EntryHash>,
    /// Whether it can still be redeemed, as far as this set says, and reads.
    pub open: bool,
}

/// Something that follows from the rest, worked out when it is asked for; so it takes no part in comparing.
#[derive(Clone, Debug)]
struct Cached<T>(OnceLock<T>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> PartialEq for Cached<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Cached<T> {}

impl AccessState {
    /// The space.
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// The access entries that this state is of, by those that no other follows; sorted. An entry written now names them.
    pub fn heads(&self) -> &[EntryHash] {
        &self.heads
    }

    /// The open invitations, by id.
    pub fn invitations(&self) -> impl Iterator<Item = (&InvitationId, &Invitation)> {
        self.invitations.iter().filter(|(_, invitation)| invitation.open)
    }

    /// One of them.
    pub fn invitation(&self, id: &InvitationId) -> Option<&Invitation> {
        self.any_invitation(id).filter(|invitation| invitation.open)
    }

    /// One that may be closed.
    pub fn any_invitation(&self, id: &InvitationId) -> Option<&Invitation> {
        self.invitations.get(id)
    }

    /// Whether an owner has destroyed a document (A8).
    pub fn is_destroyed(&self, document: &DocumentId) -> bool {
        self.destroyed.contains(document)
    }

    /// The relays that owners have named, by key (N1).
    pub fn relays(&self) -> impl ExactSizeIterator<Item = &Relay> {
        self.relays.values()
    }

    /// A relay, if it is named.
    pub fn relay(&self, key: &DeviceId) -> Option<&Relay> {
        self.relays.get(key)
    }

    /// What people have said, sealed, that they are called: who, on which device, and the name.
    pub fn introductions(&self) -> impl Iterator<Item = (PersonId, DeviceId, &Introduction)> {
        self.names.iter().filter_map(|(person, entry)| match &entry.operation {
            AccessOp::Introduce { name, .. } => Some((*person, entry.log.device, name)),
            _ => None,
        })
    }

    /// The documents that owners have destroyed.
    pub fn destroyed(&self) -> impl ExactSizeIterator<Item = &DocumentId> {
        self.destroyed.iter()
    }

    /// The verdict on an access entry of the set.
    pub fn verdict(&self, entry: &EntryHash) -> Option<Verdict> {
        self.verdicts.get(entry).copied()
    }
}
