//! The access state: what a set of access entries amounts to, and the one pass that finds it (A1, A3).

use std::collections::BTreeMap;

use crate::certificate::DeviceCertificate;
use crate::epoch::{Commitment, ContentKey, UnwrapError, Wrap, WrapContext};
use crate::keys::{SealingKey, SealingSecret};
use crate::operation::{AccessEntry, AccessOp};
use crate::{DeviceId, EntryHash, EpochId, InvitationId, PersonId, Role, SpaceId};

/// The most members a space may have (a protocol constant).
pub const MAX_MEMBERS: usize = 5_000;

/// Who may do what in a space, as some set of its access entries has it.
///
/// A value: equal sets give equal states, whatever order they arrived in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessState {
    space: SpaceId,
    heads: Vec<EntryHash>,
    grants: BTreeMap<EntryHash, Grant>,
    members: BTreeMap<PersonId, Member>,
    devices: BTreeMap<DeviceId, PersonId>,
    invitations: BTreeMap<InvitationId, Invitation>,
    epochs: BTreeMap<EpochId, Epoch>,
    verdicts: BTreeMap<EntryHash, Verdict>,
}

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

/// A role given to a person by one entry. Its id is the entry's hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// To whom.
    pub person: PersonId,
    /// What they may do.
    pub role: Role,
    /// The grant that it was given under; none for the founder's.
    pub under: Option<EntryHash>,
    /// The invitation that it came by, if one.
    pub invitation: Option<InvitationId>,
}

/// An open invitation.
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
    /// Who has joined by it, in the order of A3.
    pub redeemed_by: Vec<PersonId>,
}

/// A generation of the content key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Epoch {
    /// The commitment to its key.
    pub commitment: Commitment,
    wraps: Vec<(WrapContext, Wrap)>,
}

impl Epoch {
    /// The sealing keys that its key has been wrapped for.
    pub fn readers(&self) -> impl Iterator<Item = SealingKey> + '_ {
        self.wraps.iter().map(|(_, wrap)| wrap.recipient)
    }
}

/// Whether an access entry of the set has effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It has.
    Counts,
    /// It has none, and why.
    Void(Void),
}

/// Why an access entry has no effect.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy, Hash)]
pub enum Void {
    /// A1: only the first entry of a space creates it.
    #[error("a space is created once, by its first entry")]
    NotTheCreation,
    /// A7: the certificate is not signed by the person it names.
    #[error("the certificate is not signed by the person it names")]
    ForgedCertificate,
    /// A7: the certificate is another device's than the one that signed the entry.
    #[error("the certificate is not the one of the device that wrote this")]
    CertificateOfAnother,
    /// The device is already another person's here.
    #[error("this device belongs to another member of the space")]
    DeviceTaken,
    /// A1: the author is no member.
    #[error("whoever wrote this is not a member of the space")]
    NotAMember,
    /// A1: the grant it names is not one of the author's own.
    #[error("the author does not hold the grant that this claims to act under")]
    NotYourGrant,
    /// A2: only owners invite.
    #[error("only an owner can invite; the author is {}", .0)]
    MayNotInvite(Role),
    /// A3: nobody gives more than they have.
    #[error("nobody can give a role above their own")]
    RoleAboveOwn,
    /// There is an invitation with this key already.
    #[error("this invitation was already opened")]
    InvitationTaken,
    /// I2: no invitation with this key was open as far as the author knew.
    #[error("no such invitation is open in this space. Ask an owner for a new one.")]
    UnknownInvitation,
    /// I2: the proof is not the invitation key's over this redemption.
    #[error("the proof that the invitation was held is not good")]
    BadProof,
    /// I2: a redemption is the first entry of a log.
    #[error("an invitation is redeemed by the first entry of a log")]
    NotFirstOfLog,
    /// E1: a content key was wrapped for somebody else than the operation is about, twice, or for an unknown epoch.
    #[error("the content keys it hands out are not the ones it should")]
    WrongWraps,
    /// The space is full.
    #[error("the space has {MAX_MEMBERS} members, which is the most there can be")]
    TooManyMembers,
}

impl Void {
    /// The rule it breaks.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::NotTheCreation | Self::NotAMember | Self::NotYourGrant => "A1",
            Self::MayNotInvite(_) | Self::TooManyMembers => "A2",
            Self::RoleAboveOwn => "A3",
            Self::ForgedCertificate | Self::CertificateOfAnother | Self::DeviceTaken => "A7",
            Self::InvitationTaken => "I1",
            Self::UnknownInvitation | Self::BadProof | Self::NotFirstOfLog => "I2",
            Self::WrongWraps => "E1",
        }
    }
}

/// What can be said of an entry without knowing any other: its signatures, and that it agrees with itself. Checked once,
/// when the entry arrives, so that evaluating a set again costs no cryptography.
pub(crate) fn check_alone(space: SpaceId, entry: &AccessEntry) -> Result<(), Void> {
    match &entry.operation {
        AccessOp::Create { founder, epoch, .. } => {
            if entry.space != SpaceId::UNBORN || entry.seq != 1 || !entry.access_heads.is_empty() {
                return Err(Void::NotTheCreation);
            }
            check_certificate(founder, entry)?;
            check_recipient(&epoch.wraps, founder.sealing_key)?;
            if epoch.wraps.iter().any(|wrap| wrap.epoch != EpochId::UNBORN) {
                return Err(Void::WrongWraps);
            }
        }
        AccessOp::Invite { sealing_key, wraps, .. } => check_recipient(wraps, *sealing_key)?,
        AccessOp::Redeem { invitation, certificate, proof, wraps } => {
            if entry.seq != 1 {
                return Err(Void::NotFirstOfLog);
            }
            check_certificate(certificate, entry)?;
            invitation.verify_redemption(space, certificate, &entry.access_heads, proof).map_err(|_| Void::BadProof)?;
            check_recipient(wraps, certificate.sealing_key)?;
        }
    }
    Ok(())
}

fn check_certificate(certificate: &DeviceCertificate, entry: &AccessEntry) -> Result<(), Void> {
    if certificate.device != entry.log.device {
        return Err(Void::CertificateOfAnother);
    }
    certificate.verify().map_err(|_| Void::ForgedCertificate)
}

/// Every wrap is for the one recipient, and there is one for each epoch at most.
fn check_recipient(wraps: &[Wrap], recipient: SealingKey) -> Result<(), Void> {
    let strictly_ordered = wraps.windows(2).all(|pair| pair[0].epoch < pair[1].epoch);
    if strictly_ordered && wraps.iter().all(|wrap| wrap.recipient == recipient) {
        Ok(())
    } else {
        Err(Void::WrongWraps)
    }
}

impl AccessState {
    /// The state before the first entry.
    pub(crate) fn before(space: SpaceId) -> Self {
        Self {
            space,
            heads: Vec::new(),
            grants: BTreeMap::new(),
            members: BTreeMap::new(),
            devices: BTreeMap::new(),
            invitations: BTreeMap::new(),
            epochs: BTreeMap::new(),
            verdicts: BTreeMap::new(),
        }
    }

    pub(crate) fn set_heads(&mut self, heads: Vec<EntryHash>) {
        self.heads = heads;
    }

    /// The next entry in the order of A3: judges it, and lets it take effect if it counts. `past` says whether an entry
    /// is in this one's own past.
    pub(crate) fn apply(&mut self, entry: &AccessEntry, past: impl Fn(&EntryHash) -> bool) -> Verdict {
        let verdict = match self.judge(entry, past) {
            Ok(()) => Verdict::Counts,
            Err(void) => Verdict::Void(void),
        };
        if verdict == Verdict::Counts {
            self.take_effect(entry);
        }
        self.verdicts.insert(entry.hash, verdict);
        verdict
    }

    /// What [`Self::apply`] would find.
    pub(crate) fn judge(&self, entry: &AccessEntry, past: impl Fn(&EntryHash) -> bool) -> Result<(), Void> {
        match &entry.operation {
            AccessOp::Create { .. } => {
                if SpaceId::from(entry.hash) != self.space {
                    return Err(Void::NotTheCreation);
                }
            }
            AccessOp::Invite { under, invitation, role, wraps, .. } => {
                let author = self.person_of(&entry.log.device).ok_or(Void::NotAMember)?;
                let grant = self.grants.get(under).filter(|grant| grant.person == author && past(under));
                let own = grant.ok_or(Void::NotYourGrant)?.role;
                if own < Role::Owner {
                    return Err(Void::MayNotInvite(own));
                }
                if *role > own {
                    return Err(Void::RoleAboveOwn);
                }
                if self.invitations.contains_key(invitation) {
                    return Err(Void::InvitationTaken);
                }
                self.check_epochs(wraps, past)?;
            }
            AccessOp::Redeem { invitation, certificate, wraps, .. } => {
                let invitation = self.invitations.get(invitation).filter(|invitation| past(&invitation.entry));
                if invitation.is_none() {
                    return Err(Void::UnknownInvitation);
                }
                if self.devices.get(&certificate.device).is_some_and(|owner| *owner != certificate.person) {
                    return Err(Void::DeviceTaken);
                }
                if self.members.len() >= MAX_MEMBERS && !self.members.contains_key(&certificate.person) {
                    return Err(Void::TooManyMembers);
                }
                self.check_epochs(wraps, past)?;
            }
        }
        Ok(())
    }

    fn check_epochs(&self, wraps: &[Wrap], past: impl Fn(&EntryHash) -> bool) -> Result<(), Void> {
        let known =
            |epoch: &EpochId| self.epochs.contains_key(epoch) && past(&EntryHash::from_bytes(*epoch.as_bytes()));
        if wraps.iter().all(|wrap| known(&wrap.epoch)) { Ok(()) } else { Err(Void::WrongWraps) }
    }

    fn take_effect(&mut self, entry: &AccessEntry) {
        match &entry.operation {
            AccessOp::Create { founder, epoch, .. } => {
                let id = EpochId::from(entry.hash);
                self.epochs.insert(id, Epoch { commitment: epoch.commitment, wraps: Vec::new() });
                self.hold_wraps(id, SpaceId::UNBORN, &epoch.wraps);
                let grant = Grant { person: founder.person, role: Role::Owner, under: None, invitation: None };
                self.give(entry, grant, founder);
            }
            AccessOp::Invite { under, invitation, sealing_key, role, wraps } => {
                for wrap in wraps {
                    self.hold_wraps(wrap.epoch, self.space, std::slice::from_ref(wrap));
                }
                // `judge` has found the author and the grant.
                let Some(by) = self.person_of(&entry.log.device) else { return };
                self.invitations.insert(
                    *invitation,
                    Invitation {
                        entry: entry.hash,
                        by,
                        under: *under,
                        role: *role,
                        sealing_key: *sealing_key,
                        redeemed_by: Vec::new(),
                    },
                );
            }
            AccessOp::Redeem { invitation: id, certificate, wraps, .. } => {
                // `judge` has found the invitation.
                let Some(invitation) = self.invitations.get_mut(id) else { return };
                if !invitation.redeemed_by.contains(&certificate.person) {
                    invitation.redeemed_by.push(certificate.person);
                }
                let grant = Grant {
                    person: certificate.person,
                    role: invitation.role,
                    under: Some(invitation.under),
                    invitation: Some(*id),
                };
                self.give(entry, grant, certificate);
                for wrap in wraps {
                    self.hold_wraps(wrap.epoch, self.space, std::slice::from_ref(wrap));
                }
            }
        }
    }

    fn hold_wraps(&mut self, epoch: EpochId, space: SpaceId, wraps: &[Wrap]) {
        if let Some(held) = self.epochs.get_mut(&epoch) {
            for wrap in wraps {
                let context = WrapContext { space, epoch: wrap.epoch, commitment: held.commitment };
                held.wraps.push((context, wrap.clone()));
            }
        }
    }

    fn give(&mut self, entry: &AccessEntry, grant: Grant, certificate: &DeviceCertificate) {
        self.grants.insert(entry.hash, grant);
        self.devices.insert(certificate.device, grant.person);
        let member = self.members.entry(grant.person).or_insert_with(|| Member {
            person: grant.person,
            role: grant.role,
            grant: entry.hash,
            devices: BTreeMap::new(),
            since: entry.time,
        });
        member.devices.insert(certificate.device, *certificate);
        if grant.role > member.role {
            member.role = grant.role;
            member.grant = entry.hash;
        }
    }

    /// The space.
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// The access entries that this state is of, by those that no other follows; sorted. An entry written now names them.
    pub fn heads(&self) -> &[EntryHash] {
        &self.heads
    }

    /// Everyone in the space, by id.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    /// One of them.
    pub fn member(&self, person: &PersonId) -> Option<&Member> {
        self.members.get(person)
    }

    /// Whose device it is.
    pub fn person_of(&self, device: &DeviceId) -> Option<PersonId> {
        self.devices.get(device).copied()
    }

    /// What a device may do; nothing, if its person is not a member.
    pub fn role_of(&self, device: &DeviceId) -> Option<Role> {
        self.member(&self.person_of(device)?).map(|member| member.role)
    }

    /// The open invitations, by id.
    pub fn invitations(&self) -> impl ExactSizeIterator<Item = (&InvitationId, &Invitation)> {
        self.invitations.iter()
    }

    /// One of them.
    pub fn invitation(&self, id: &InvitationId) -> Option<&Invitation> {
        self.invitations.get(id)
    }

    /// A grant, by the entry that gave it.
    pub fn grant(&self, entry: &EntryHash) -> Option<&Grant> {
        self.grants.get(entry)
    }

    /// The epochs, by id.
    pub fn epochs(&self) -> impl ExactSizeIterator<Item = (&EpochId, &Epoch)> {
        self.epochs.iter()
    }

    /// One of them.
    pub fn epoch(&self, id: &EpochId) -> Option<&Epoch> {
        self.epochs.get(id)
    }

    /// Whether content may be sealed under this epoch here (E3): it is known, and nobody its key was wrapped for has lost
    /// reading. No operation so far takes reading away.
    pub fn is_writable(&self, epoch: &EpochId) -> bool {
        self.epochs.contains_key(epoch)
    }

    /// The epoch to write under (E3): of the writable ones, the lowest.
    pub fn writable_epoch(&self) -> Option<EpochId> {
        self.epochs.keys().find(|epoch| self.is_writable(epoch)).copied()
    }

    /// The verdict on an access entry of the set.
    pub fn verdict(&self, entry: &EntryHash) -> Option<Verdict> {
        self.verdicts.get(entry).copied()
    }

    /// An epoch's content key, opened by a device's or an invitation's sealing secret.
    pub fn content_key(&self, epoch: &EpochId, secret: &SealingSecret) -> Result<ContentKey, UnwrapError> {
        let reader = secret.public();
        let wraps = self.epochs.get(epoch).map_or(&[][..], |epoch| &epoch.wraps);
        let mut failure = UnwrapError::NotForYou;
        // There may be several: one that was damaged, and one that repairs it (E2).
        for (context, wrap) in wraps.iter().filter(|(_, wrap)| wrap.recipient == reader) {
            match wrap.open(context, secret) {
                Ok(key) => return Ok(key),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Every content key that a sealing secret opens, by epoch.
    pub fn content_keys(&self, secret: &SealingSecret) -> Vec<(EpochId, ContentKey)> {
        self.epochs.keys().filter_map(|epoch| Some((*epoch, self.content_key(epoch, secret).ok()?))).collect()
    }
}
