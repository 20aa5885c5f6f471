//! Whether an access entry has effect, and if not, why.

use crate::{MAX_DEVICES, MAX_INTRODUCTIONS, MAX_MEMBERS, Role};

/// Whether an access entry of the set has effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It has.
    Counts,
    /// It has none, and why.
    Void(Void),
}

/// Why an access entry has no effect.
///
/// Those that an entry's own past already shows keep it out for good (A5). The others come to light when something that was
/// written at the same time is heard of: the entry is held, and does not count.
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
    /// There is an invitation with this key already.
    #[error("this invitation was already opened")]
    InvitationTaken,
    /// I2: no invitation with this key was open as far as the author knew.
    #[error("no such invitation is open in this space. Ask an owner for a new one.")]
    UnknownInvitation,
    /// I2: the proof is not the invitation key's over this redemption.
    #[error("the proof that the invitation was held is not good")]
    BadProof,
    /// I2, A7: a redemption, and a device that adds itself, is the first entry of a log.
    #[error("an invitation is redeemed, and a device added by itself, by the first entry of a log")]
    NotFirstOfLog,
    /// E1: a content key was wrapped for somebody else than the operation is about, twice, or for an unknown epoch.
    #[error("the content keys it hands out are not the ones it should")]
    WrongWraps,
    /// The space is full.
    #[error("the space has {MAX_MEMBERS} members, which is the most there can be")]
    TooManyMembers,
    /// A2: only owners say who may do what.
    #[error("only an owner can do this; the author is {}", .0)]
    NotAnOwner(Role),
    /// A4: its author had been removed, or had lost the role it takes, and whoever removed them had not seen it.
    #[error("the author had been removed, or given a lower role, before this was heard of")]
    AfterRemoval,
    /// A4, A7: its device had been removed, and whoever removed it had not seen it.
    #[error("the device that wrote this had been removed before this was heard of")]
    AfterDeviceRemoval,
    /// A3: what gave its author the right to do this does not count itself.
    #[error("what gave the author the right to do this does not count")]
    GrantVoid,
    /// A3: it would end a grant that is not later than the one it acts under.
    #[error("nobody can remove or demote someone whose place in the space is older than their own")]
    SeniorGrant,
    /// A3: it names no grants, unknown ones, another person's, or such as give no more than it would leave.
    #[error("it does not say which of that person's roles it takes away")]
    WrongGrants,
    /// I3: the invitation is closed.
    #[error("this invitation is closed. Ask an owner for a new one.")]
    InvitationClosed,
    /// I3: no close of the invitation lists this redemption.
    #[error("this invitation was closed without accepting this redemption. Ask an owner for a new one.")]
    NotAccepted,
    /// I3: it lists what is no redemption of this invitation.
    #[error("it lists something that is not a redemption of this invitation")]
    UnknownRedemption,
    /// I3: whoever opened the invitation, or their device, was removed before this redemption was heard of.
    #[error("whoever opened this invitation was removed before it was used. Ask an owner for a new one.")]
    InviterRemoved,
    /// A7: a device that was removed never comes back.
    #[error("this device was removed. Set it up as a new device; it needs new keys.")]
    DeviceRemoved,
    /// A1: nobody of that name has ever been in the space.
    #[error("this person has never been in the space; invite them")]
    UnknownPerson,
    /// A7: the removal of a device is not signed by the person it names.
    #[error("the removal of the device is not signed by the person it belongs to")]
    ForgedRevocation,
    /// A7: people add and remove their own devices only.
    #[error("people add and remove only their own devices")]
    NotYourDevice,
    /// A7: the device itself has not agreed to be this person's.
    #[error("the device has not agreed to belong to this person")]
    NoConsent,
    /// A7: the person has as many devices as they may.
    #[error("this person has {MAX_DEVICES} devices here, which is the most there can be")]
    TooManyDevices,
    /// A4: it names logs that are not those of whom it is about, or no order of them.
    #[error("it names logs that are not of the person or device it is about")]
    WrongWatermarks,
    /// E2: whoever takes reading away rotates the key in the same entry.
    #[error("it takes reading away from someone, and does not change the key")]
    MustRotate,
    /// E1: the new key is not wrapped for exactly those who may read.
    #[error("the new key is not wrapped for exactly those who may read")]
    WrongReaders,
    /// E1: the new key does not carry the keys before it.
    #[error("the new key does not carry the keys before it")]
    WrongParents,
    /// E3: only who may write changes the key.
    #[error("only who may write can change the key; the author is {}", .0)]
    MayNotRotate(Role),
    /// A1: it is sealed under an epoch that nobody has begun.
    #[error("it is sealed under a key that is not this space's")]
    UnknownEpoch,
    /// A1: its device has said often enough what its person is called.
    #[error("a device says {MAX_INTRODUCTIONS} times in a space what its person is called, and no more")]
    TooManyNames,
    /// E1: no key can be wrapped for this one.
    #[error("no key can be wrapped for the sealing key it names")]
    UnusableKey,
}

impl Void {
    /// The rule it breaks.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::NotTheCreation
            | Self::NotAMember
            | Self::NotYourGrant
            | Self::UnknownPerson
            | Self::UnknownEpoch
            | Self::TooManyNames => "A1",
            Self::MayNotInvite(_) | Self::TooManyMembers | Self::NotAnOwner(_) => "A2",
            Self::GrantVoid | Self::SeniorGrant | Self::WrongGrants => "A3",
            Self::AfterRemoval | Self::AfterDeviceRemoval | Self::WrongWatermarks => "A4",
            Self::ForgedCertificate
            | Self::CertificateOfAnother
            | Self::DeviceTaken
            | Self::DeviceRemoved
            | Self::ForgedRevocation
            | Self::NotYourDevice
            | Self::NoConsent
            | Self::TooManyDevices => "A7",
            Self::InvitationTaken => "I1",
            Self::UnknownInvitation | Self::BadProof | Self::NotFirstOfLog => "I2",
            Self::InvitationClosed | Self::NotAccepted | Self::UnknownRedemption | Self::InviterRemoved => "I3",
            Self::WrongWraps | Self::WrongReaders | Self::WrongParents | Self::UnusableKey => "E1",
            Self::MustRotate => "E2",
            Self::MayNotRotate(_) => "E3",
        }
    }
}
