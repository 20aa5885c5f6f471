//! Whether an access entry is *founded*: whether its author might write it, as its own past alone has it (A5).
//!
//! The answer is the same for everyone and for ever, whatever else is heard of. An entry that is not founded never joins the
//! set. One that is may still not count: that is for the pass over the whole to say.

use std::sync::Arc;

use crate::evaluate::wants;
use crate::history::{AccessHistory, Denied, Node};
use crate::introduction::MAX_INTRODUCTIONS;
use crate::keys::SealingKey;
use crate::operation::{AccessEntry, AccessOp};
use crate::state::{AccessState, MAX_DEVICES, MAX_MEMBERS};
use crate::verdict::{Verdict, Void};
use crate::{DeviceCertificate, EntryHash, EpochStart, PersonId, Role};

/// How many leaf epochs a new one has to carry on from, where there are more: those with the lowest ids. The others remain
/// leaves, for the next.
pub(crate) const MAX_LEAVES: usize = 64;

/// What else follows from an entry's own past.
pub(crate) struct Founded {
    pub readers: Arc<[SealingKey]>,
    pub invite: Option<usize>,
}

/// What an author is, as their entry's own past has it.
struct Author {
    person: PersonId,
    role: Role,
}

impl AccessHistory {
    /// Judges an entry on top of its own past.
    pub(crate) fn founded(&self, node: &Node) -> Result<Founded, Denied> {
        let entry = &*node.entry;
        let state = self.state_at(&entry.access_heads)?;
        self.judge(&state, node)?;
        let invite = match &entry.operation {
            AccessOp::Redeem { invitation, .. } => state.any_invitation(invitation).map(|invitation| invitation.entry),
            _ => None,
        };
        let readers = self.check_reading(&state, node)?;
        Ok(Founded { readers: readers.into(), invite: invite.and_then(|invite| self.place(&invite)) })
    }

    fn judge(&self, state: &AccessState, node: &Node) -> Result<(), Void> {
        let entry = &*node.entry;
        state.check_wrapped_epochs(entry)?;
        match &entry.operation {
            AccessOp::Create { .. } => Err(Void::NotTheCreation),
            AccessOp::Redeem { .. } => state.judge_redemption(entry),
            AccessOp::AddDevice { .. } => state.judge_addition(entry),
            AccessOp::Close { under, invitation, accepted, .. } => {
                state.author(entry, under)?;
                state.any_invitation(invitation).ok_or(Void::UnknownInvitation)?;
                let known = |hash: &EntryHash| {
                    let at = self.place(hash).filter(|at| node.past.has(*at));
                    at.and_then(|_| self.get(hash)).is_some_and(|entry| redeems(entry, invitation))
                };
                if accepted.iter().all(known) { Ok(()) } else { Err(Void::UnknownRedemption) }
            }
            AccessOp::Invite { under, .. }
            | AccessOp::Grant { under, .. }
            | AccessOp::Remove { under, .. }
            | AccessOp::RemoveDevice { under, .. }
            | AccessOp::Rotate { under, .. }
            | AccessOp::Rewrap { under, .. }
            | AccessOp::Destroy { under, .. }
            | AccessOp::NameRelay { under, .. }
            | AccessOp::DropRelay { under, .. } => {
                let author = state.author(entry, under)?;
                state.judge_member(&author, under, &entry.operation)
            }
            AccessOp::Introduce { under, name } => {
                state.author(entry, under)?;
                state.epoch(&name.epoch).ok_or(Void::UnknownEpoch)?;
                let before = |(at, other): &(usize, &AccessEntry)| {
                    let same = other.log.device == entry.log.device;
                    same && matches!(other.operation, AccessOp::Introduce { .. }) && node.past.has(*at)
                };
                let said = self.entries().enumerate().filter(before).count();
                if said < MAX_INTRODUCTIONS { Ok(()) } else { Err(Void::TooManyNames) }
            }
        }
    }

    /// E1 and E2: whoever takes reading away begins an epoch in the same entry; and an epoch is for exactly those who may
    /// read once the entry has had its effect.
    fn check_reading(&self, state: &AccessState, node: &Node) -> Result<Vec<SealingKey>, Void> {
        let operation = &node.entry.operation;
        let may_take =
            matches!(operation, AccessOp::Remove { .. } | AccessOp::RemoveDevice { .. } | AccessOp::Close { .. });
        let after = may_take.then(|| self.state_with(node));
        if let Some(after) = &after {
            if let Some(Verdict::Void(void)) = after.verdict(&node.entry.hash) {
                return Err(void);
            }
            let lost = state.readers().iter().any(|reader| !after.is_reader(reader));
            if lost && operation.epoch_start().is_none() {
                return Err(Void::MustRotate);
            }
        }
        let Some(start) = operation.epoch_start() else { return Ok(Vec::new()) };
        let readers = after.as_ref().unwrap_or(state).readers();
        if start.wraps.len() != readers.len() {
            return Err(Void::WrongReaders);
        }
        state.check_parents(start)?;
        Ok(readers.to_vec())
    }
}

fn redeems(entry: &AccessEntry, of: &crate::InvitationId) -> bool {
    matches!(&entry.operation, AccessOp::Redeem { invitation, .. } if invitation == of)
}

impl AccessState {
    /// Who wrote an entry, and what the grant gives that it acts under.
    fn author(&self, entry: &AccessEntry, under: &EntryHash) -> Result<Author, Void> {
        let person = self.person_of(&entry.log.device).ok_or(Void::NotAMember)?;
        let grant = self.grant(under).filter(|grant| grant.person == person).ok_or(Void::NotYourGrant)?;
        if self.is_removed(&person, &entry.log.device) {
            return Err(Void::DeviceRemoved);
        }
        let role = grant.role.ok_or(Void::AfterRemoval)?;
        let takes_own = matches!(&entry.operation, AccessOp::Remove { person: of, .. } if *of == person);
        let wanted = if takes_own { Role::Viewer } else { wants(&entry.operation) };
        if role >= wanted {
            return Ok(Author { person, role });
        }
        Err(match entry.operation {
            AccessOp::Invite { .. } => Void::MayNotInvite(role),
            AccessOp::Rotate { .. } => Void::MayNotRotate(role),
            _ => Void::NotAnOwner(role),
        })
    }

    fn judge_member(&self, author: &Author, under: &EntryHash, operation: &AccessOp) -> Result<(), Void> {
        debug_assert!(author.role >= Role::Viewer);
        match operation {
            AccessOp::Invite { invitation, .. } if self.any_invitation(invitation).is_some() => {
                Err(Void::InvitationTaken)
            }
            AccessOp::Grant { person, wraps, .. } => {
                if self.devices_of(person).next().is_none() {
                    return Err(Void::UnknownPerson);
                }
                self.check_room(person)?;
                let theirs = |key: &SealingKey| self.devices_of(person).any(|device| device.sealing_key == *key);
                if wraps.iter().all(|wrap| theirs(&wrap.recipient)) { Ok(()) } else { Err(Void::WrongWraps) }
            }
            AccessOp::Remove { person, grants, leaves, watermarks, .. } => {
                for entry in grants {
                    let grant = self.grant(entry).filter(|grant| grant.person == *person).ok_or(Void::WrongGrants)?;
                    if leaves.is_some() && grant.role <= *leaves {
                        return Err(Void::WrongGrants);
                    }
                    if *person != author.person && self.place_of(entry) <= self.place_of(under) {
                        return Err(Void::SeniorGrant);
                    }
                }
                let theirs = |device| self.person_of(device) == Some(*person);
                if watermarks.iter().all(|(log, _)| theirs(&log.device)) { Ok(()) } else { Err(Void::WrongWatermarks) }
            }
            AccessOp::RemoveDevice { revocation, .. } => {
                let own =
                    revocation.person == author.person && self.person_of(&revocation.device) == Some(author.person);
                if own { Ok(()) } else { Err(Void::NotYourDevice) }
            }
            AccessOp::Rewrap { wraps, .. } => {
                let are_readers = wraps.iter().all(|wrap| self.is_reader(&wrap.recipient));
                if are_readers && !wraps.is_empty() { Ok(()) } else { Err(Void::WrongWraps) }
            }
            _ => Ok(()),
        }
    }

    fn judge_redemption(&self, entry: &AccessEntry) -> Result<(), Void> {
        let AccessOp::Redeem { invitation, certificate, .. } = &entry.operation else { return Ok(()) };
        let invitation = self.any_invitation(invitation).ok_or(Void::UnknownInvitation)?;
        if !invitation.open {
            return Err(Void::InvitationClosed);
        }
        self.check_device(certificate)?;
        self.check_room(&certificate.person)
    }

    fn judge_addition(&self, entry: &AccessEntry) -> Result<(), Void> {
        let AccessOp::AddDevice { certificate, under, .. } = &entry.operation else { return Ok(()) };
        let adds_itself = entry.log.device == certificate.device;
        match under {
            Some(under) if adds_itself => {
                let grant = self.grant(under).filter(|grant| grant.person == certificate.person);
                grant.ok_or(Void::NotYourGrant)?.role.ok_or(Void::AfterRemoval)?;
            }
            Some(under) => {
                if self.author(entry, under)?.person != certificate.person {
                    return Err(Void::NotYourDevice);
                }
            }
            None if adds_itself => {}
            None => return Err(Void::NotYourGrant),
        }
        self.member(&certificate.person).ok_or(Void::NotAMember)?;
        self.check_device(certificate)
    }

    /// A device is one person's, has one sealing key, and does not come back.
    fn check_device(&self, certificate: &DeviceCertificate) -> Result<(), Void> {
        if self.is_removed(&certificate.person, &certificate.device) {
            return Err(Void::DeviceRemoved);
        }
        match self.certificate(&certificate.device) {
            Some(known) if (known.person, known.sealing_key) == (certificate.person, certificate.sealing_key) => Ok(()),
            Some(_) => Err(Void::DeviceTaken),
            None if self.devices_of(&certificate.person).count() >= MAX_DEVICES => Err(Void::TooManyDevices),
            None => Ok(()),
        }
    }

    fn check_room(&self, person: &PersonId) -> Result<(), Void> {
        if self.members().len() >= MAX_MEMBERS && self.member(person).is_none() {
            return Err(Void::TooManyMembers);
        }
        Ok(())
    }

    fn check_wrapped_epochs(&self, entry: &AccessEntry) -> Result<(), Void> {
        let is_known = entry.operation.wraps().iter().all(|wrap| self.epoch(&wrap.epoch).is_some());
        if is_known { Ok(()) } else { Err(Void::WrongWraps) }
    }

    /// All leaf epochs are carried on, and everything carried on is known (E1).
    fn check_parents(&self, start: &EpochStart) -> Result<(), Void> {
        let named = |epoch| start.parents.binary_search_by_key(epoch, |parent| parent.epoch).is_ok();
        let carries_all = self.leaf_epochs().iter().take(MAX_LEAVES).all(named);
        let knows_all = start.parents.iter().all(|parent| self.epoch(&parent.epoch).is_some());
        if carries_all && knows_all { Ok(()) } else { Err(Void::WrongParents) }
    }
}
