//! Who is in a space, who was, and by which grants.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AccessState;
use crate::certificate::DeviceCertificate;
use crate::operation::AccessEntry;
use crate::{DeviceId, EntryHash, InvitationId, PersonId, Role};

/// A person in a space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Who.
    pub person: PersonId,
    /// The highest role that their grants give.
    pub role: Role,
    /// The grant that gives it: the entry to act under.
    pub grant: EntryHash,
    /// Their devices in this space, by id.
    pub devices: BTreeMap<DeviceId, DeviceCertificate>,
    /// When the first of their grants says it was written, in milliseconds since 1970: for show.
    pub since: u64,
}

/// A person who was in a space, or was let in by something that turned out not to count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Former {
    /// Who.
    pub person: PersonId,
    /// The entry that ended it, or kept it from counting.
    pub by: EntryHash,
}

/// A role given to a person by one entry. Its id is the entry's hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// To whom.
    pub person: PersonId,
    /// What it gave.
    pub given: Role,
    /// What it gives now; none where it has ended.
    pub role: Option<Role>,
    /// The grant that it was given under; none for the founder's.
    pub under: Option<EntryHash>,
    /// The invitation that it came by, if one.
    pub invitation: Option<InvitationId>,
    /// How far from the creation the entry stands that gave it, by the longest way.
    pub(crate) depth: u32,
    /// What ends or lowers it.
    pub(crate) limits: Vec<Limited>,
}

/// Something that ends a grant or lowers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Limited {
    pub by: Arc<AccessEntry>,
    pub leaves: Option<Role>,
}

impl AccessState {
    /// Everyone in the space, by id.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    /// One of them.
    pub fn member(&self, person: &PersonId) -> Option<&Member> {
        self.members.get(person)
    }

    /// Everyone who was in the space and is no longer, by id.
    pub fn former_members(&self) -> impl ExactSizeIterator<Item = &Former> {
        self.former.values()
    }

    /// The entry that ended a person's time in the space, or kept their joining from counting, if they are not in it.
    pub fn was_removed_by(&self, person: &PersonId) -> Option<EntryHash> {
        self.former.get(person).map(|former| former.by)
    }

    /// Whose device it is, or was: also for devices that were removed and people who are not members any more.
    pub fn person_of(&self, device: &DeviceId) -> Option<PersonId> {
        self.devices.get(device).map(|certificate| certificate.person)
    }

    /// What a device may do; nothing, if it was removed or its person is not a member.
    pub fn role_of(&self, device: &DeviceId) -> Option<Role> {
        let person = self.person_of(device)?;
        let member = self.member(&person)?;
        member.devices.contains_key(device).then_some(member.role)
    }

    /// The certificate of a device that is or was here.
    pub fn certificate(&self, device: &DeviceId) -> Option<&DeviceCertificate> {
        self.devices.get(device)
    }

    /// A person's devices that are not removed, whether or not the person is a member.
    pub fn devices_of(&self, person: &PersonId) -> impl Iterator<Item = &DeviceCertificate> {
        self.devices_of.get(person).into_iter().flat_map(BTreeMap::values)
    }

    /// The devices that a person has removed.
    pub fn removed_devices_of(&self, person: &PersonId) -> impl Iterator<Item = DeviceId> {
        let (low, high) = (DeviceId::from_bytes([0; 32]), DeviceId::from_bytes([0xff; 32]));
        self.removed_devices.range((*person, low)..=(*person, high)).map(|((_, device), _)| *device)
    }

    /// Whether a person has removed a device.
    pub fn is_removed(&self, person: &PersonId, device: &DeviceId) -> bool {
        self.removed_devices.contains_key(&(*person, *device))
    }

    /// A grant that counts, by the entry that gave it; it may have ended.
    pub fn grant(&self, entry: &EntryHash) -> Option<&Grant> {
        self.grants.get(entry)
    }

    /// A person's grants that count, in the order of A3; some may have ended.
    pub fn grants_of(&self, person: &PersonId) -> impl Iterator<Item = (EntryHash, &Grant)> {
        let grants = self.grants_of.get(person).map_or(&[][..], Vec::as_slice);
        grants.iter().filter_map(|entry| Some((*entry, self.grants.get(entry)?)))
    }

    /// Where a grant stands in the order of A3.
    pub(crate) fn place_of(&self, entry: &EntryHash) -> Option<(u32, EntryHash)> {
        self.grants.get(entry).map(|grant| (grant.depth, *entry))
    }

    /// The grant under which a person can end all that another holds, or their own: none if they may not (A3).
    pub fn power_over(&self, by: &PersonId, other: &PersonId) -> Option<EntryHash> {
        if by == other {
            return self.member(by).map(|member| member.grant);
        }
        let mut held = self.grants_of(other).filter(|(_, grant)| grant.role.is_some());
        let oldest = held.next().and_then(|(entry, _)| self.place_of(&entry))?;
        let owns = |(_, grant): &(EntryHash, &Grant)| grant.role == Some(Role::Owner);
        let (entry, _) = self.grants_of(by).find(owns)?;
        (self.place_of(&entry)? < oldest).then_some(entry)
    }

    /// Whether a person is who founded the space: nobody else can remove them.
    pub fn is_founder(&self, person: &PersonId) -> bool {
        self.grants.get(&EntryHash::from_bytes(*self.space.as_bytes())).is_some_and(|grant| grant.person == *person)
    }
}
