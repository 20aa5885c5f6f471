//! Why an entry is not let in: typed, numbered for the wire, and in words (N3).

use serde::{Deserialize, Serialize};
use sheaf_access::{Denied, EntryHash, EpochId, LogId, OperationError, Role, Void};

use crate::checkpoint::CheckpointError;
use crate::entry::EntryError;
use crate::frontier::Range;
use crate::header::{EntryRef, HeaderError, Kind};
use crate::room::{MAX_LOGS, MAX_LOGS_OF_DEVICE};

/// What would have to be held before an entry can be (L2).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Lacking {
    /// Earlier entries of its own log.
    pub earlier: Option<Range>,
    /// Entries that it builds on.
    pub builds_on: Vec<EntryRef>,
    /// Access entries that it names.
    pub access: Vec<EntryHash>,
    /// The epoch it is sealed under.
    pub epoch: Option<EpochId>,
}

impl Lacking {
    /// Whether nothing is lacking.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why an entry is not let in. The sender keeps it; what is lacking can be sent first.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum Refusal {
    /// The bytes are not an entry, or nobody signed them.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// It belongs to another space (A1).
    #[error("this entry belongs to another space")]
    OtherSpace,
    /// It comes before what it follows (L2).
    #[error("this entry came before what it builds on; that has to be sent first")]
    Lacking(Box<Lacking>),
    /// Its log has another entry in its place (L6).
    #[error("this device has written two different entries in one place of its log: a copied or restored home")]
    Fork {
        /// The log.
        log: LogId,
        /// The place.
        seq: u64,
        /// The entry that is held there.
        held: EntryHash,
        /// The one that was offered, or that the offered one follows.
        other: EntryHash,
    },
    /// It builds on the other branch of somebody's fork (L6).
    #[error("this entry builds on the other branch of a forked log")]
    OtherBranch {
        /// What it builds on.
        on: EntryRef,
        /// The entry that is held in that place.
        held: EntryHash,
    },
    /// It knows less of who may do what than an earlier entry of its log (A4).
    #[error("this entry claims to know less about who may write than an earlier one of the same device")]
    Backwards,
    /// It knows less of who may do what than an entry that it builds on (A5).
    #[error("this entry claims to know less about who may write than the entries it builds on")]
    BelowItsPast,
    /// Its author was no member, as far as the entry itself knows (A2, A5).
    #[error("whoever wrote this is not a member of the space")]
    NotAMember,
    /// Its author may not write that (A2, A5).
    #[error("a {role} cannot write this; ask an owner for another role")]
    Role {
        /// What the author is.
        role: Role,
        /// What the entry is for.
        kind: Kind,
    },
    /// Its epoch was not writable, as far as the entry itself knows (E3).
    #[error("this entry is sealed under a key that was no longer to be used")]
    Epoch,
    /// An access operation without the right to it (A1, A2, A3, A7, I).
    #[error(transparent)]
    Access(#[from] Void),
    /// An access entry that holds no operation that is known here.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// A checkpoint whose plain part is none (C1).
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It begins a log where a device has no place for one.
    #[error("this begins a log beyond the {MAX_LOGS_OF_DEVICE} that a device can have in a space")]
    NoSuchPlace,
    /// There is no room here for another log. That is no verdict: it may be let in later.
    #[error("the space has so many logs that there is no room for this one; {MAX_LOGS} is the most there can be")]
    TooManyLogs,
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Missing(missing) => Self::Lacking(Box::new(Lacking { access: missing.0, ..Lacking::default() })),
            Denied::OtherSpace => Self::OtherSpace,
            Denied::Unfounded(void) => Self::Access(void),
        }
    }
}

impl Refusal {
    /// Its number on the wire: never reused, never changed.
    pub const fn code(&self) -> u16 {
        match self {
            Self::Entry(EntryError::TooLarge(_)) => 1,
            Self::Entry(EntryError::Truncated | EntryError::Header(HeaderError::Malformed)) => 2,
            Self::Entry(EntryError::Header(HeaderError::NotCanonical)) => 3,
            Self::Entry(EntryError::Header(HeaderError::Place)) => 4,
            Self::Entry(EntryError::Header(HeaderError::TooMany)) => 5,
            Self::Entry(EntryError::Header(HeaderError::Newer)) | Self::Checkpoint(CheckpointError::Newer) => 6,
            Self::Entry(EntryError::Payload) => 7,
            Self::Entry(EntryError::Signature) => 8,
            Self::OtherSpace => 20,
            Self::Lacking(_) => 21,
            Self::Fork { .. } => 22,
            Self::OtherBranch { .. } => 23,
            Self::Backwards => 24,
            Self::BelowItsPast => 25,
            Self::NotAMember => 26,
            Self::Role { .. } => 27,
            Self::Epoch => 28,
            Self::NoSuchPlace => 29,
            Self::TooManyLogs => 30,
            Self::Operation(OperationError::Unknown) => 40,
            Self::Operation(OperationError::Malformed) => 41,
            Self::Operation(OperationError::TooLarge) => 42,
            Self::Checkpoint(CheckpointError::Malformed) => 80,
            Self::Checkpoint(CheckpointError::TooMany) => 81,
            Self::Checkpoint(CheckpointError::CoversItself) => 82,
            Self::Access(void) => match void {
                Void::NotTheCreation => 60,
                Void::ForgedCertificate => 61,
                Void::CertificateOfAnother => 62,
                Void::DeviceTaken => 63,
                Void::NotAMember => 64,
                Void::NotYourGrant => 65,
                Void::MayNotInvite(_) => 66,
                Void::InvitationTaken => 68,
                Void::UnknownInvitation => 69,
                Void::BadProof => 70,
                Void::NotFirstOfLog => 71,
                Void::WrongWraps => 72,
                Void::TooManyMembers => 73,
                Void::NotAnOwner(_) => 74,
                Void::AfterRemoval => 75,
                Void::AfterDeviceRemoval => 76,
                Void::GrantVoid => 77,
                Void::SeniorGrant => 78,
                Void::WrongGrants => 79,
                Void::InvitationClosed => 100,
                Void::NotAccepted => 101,
                Void::UnknownRedemption => 102,
                Void::InviterRemoved => 103,
                Void::DeviceRemoved => 104,
                Void::UnknownPerson => 105,
                Void::ForgedRevocation => 106,
                Void::NotYourDevice => 107,
                Void::NoConsent => 108,
                Void::TooManyDevices => 109,
                Void::WrongWatermarks => 110,
                Void::MustRotate => 111,
                Void::WrongReaders => 112,
                Void::WrongParents => 113,
                Void::MayNotRotate(_) => 114,
                Void::UnusableKey => 115,
                Void::UnknownEpoch => 116,
                Void::TooManyNames => 117,
            },
        }
    }

    /// The rule it breaks.
    pub fn rule(&self) -> &'static str {
        rule_of(self.code()).unwrap_or("L1")
    }

    /// What would have to be sent first, if that is all that is wrong.
    pub fn lacking(&self) -> Option<&Lacking> {
        match self {
            Self::Lacking(lacking) => Some(lacking),
            _ => None,
        }
    }
}

/// The numbers of refusals, with the rule that each names and what it means, for the side that is told the number.
const MEANINGS: &[(u16, &str, &str)] = &[
    (1, "L1", "The entry is larger than the protocol allows."),
    (2, "L1", "The entry arrived damaged."),
    (3, "L1", "The entry is not written in its canonical form."),
    (4, "L1", "The entry's place in its log contradicts itself."),
    (5, "L1", "The entry names more others than the protocol allows."),
    (6, "L1", "The other side runs an older Sheaf, which does not know this kind of entry. It has to update."),
    (7, "L1", "The entry's payload is not the one that was signed."),
    (8, "L1", "The entry's signature is not its device's."),
    (20, "A1", "The entry belongs to another space."),
    (21, "L2", "The other side lacks what the entry builds on."),
    (22, "L6", "Two different entries were written in one place of a log: a copied or restored home."),
    (23, "L6", "The entry builds on the other branch of a forked log."),
    (24, "A4", "The entry claims to know less about who may write than an earlier one of the same device."),
    (25, "A5", "The entry claims to know less about who may write than the entries it builds on."),
    (26, "A2", "Whoever wrote the entry is not a member of the space."),
    (27, "A2", "The author's role does not allow writing this. Ask an owner for another role."),
    (28, "E3", "The entry is sealed under a key that was no longer to be used."),
    (29, "L1", "The entry begins a log beyond those that a device can have in a space."),
    (30, "L1", "The space has so many logs that there is no room for this one."),
    (40, "A1", "The other side runs an older Sheaf, which does not know this access operation. It has to update."),
    (41, "A1", "The access operation is damaged."),
    (42, "A1", "The access operation is longer than the protocol allows."),
    (60, "A1", "A space is created once, by its first entry."),
    (61, "A7", "The certificate is not signed by the person it names."),
    (62, "A7", "The certificate is another device's."),
    (63, "A7", "The device belongs to another member of the space."),
    (64, "A1", "Whoever wrote the access operation is not a member of the space."),
    (65, "A1", "The author does not hold the grant that the operation claims to act under."),
    (66, "A2", "Only an owner can invite."),
    (67, "A3", "Nobody can give a role above their own."),
    (68, "I1", "The invitation was already opened."),
    (69, "I2", "No such invitation is open in this space. Ask an owner for a new one."),
    (70, "I2", "The proof that the invitation was held is not good. Ask an owner for a new one."),
    (71, "I2", "An invitation is redeemed, and a device added by itself, by the first entry of a log."),
    (72, "E1", "The content keys that the operation hands out are not the ones it should."),
    (73, "A2", "The space has as many members as it may."),
    (74, "A2", "Only an owner can do this."),
    (75, "A4", "The author had been removed, or given a lower role."),
    (76, "A4", "The device that wrote the access operation had been removed."),
    (77, "A3", "What gave the author the right to do this does not count."),
    (78, "A3", "Nobody can remove or demote someone whose place in the space is older than their own."),
    (79, "A3", "The removal does not say which of a person's roles it takes away."),
    (80, "C1", "The checkpoint is damaged."),
    (81, "C1", "The checkpoint has more or larger blobs than the protocol allows."),
    (82, "C1", "The checkpoint claims to cover entries that come after it."),
    (100, "I3", "The invitation is closed. Ask an owner for a new one."),
    (101, "I3", "The invitation was closed without accepting this redemption. Ask an owner for a new one."),
    (102, "I3", "The close of an invitation lists something that is not a redemption of it."),
    (103, "I3", "Whoever opened the invitation was removed before it was used. Ask an owner for a new one."),
    (104, "A7", "The device was removed. It has to be set up as a new device."),
    (105, "A1", "The person has never been in the space; they have to be invited."),
    (106, "A7", "The removal of the device is not signed by the person it belongs to."),
    (107, "A7", "People add and remove only their own devices."),
    (108, "A7", "The device has not agreed to belong to this person."),
    (109, "A7", "The person has as many devices in the space as they may."),
    (110, "A4", "The removal names logs that are not of the person or device it is about."),
    (111, "E2", "The operation takes reading away from someone, and does not change the key."),
    (112, "E1", "The new key is not wrapped for exactly those who may read."),
    (113, "E1", "The new key does not carry the keys before it."),
    (114, "E3", "Only who may write can change the key."),
    (115, "E1", "No key can be wrapped for the sealing key that the operation names."),
];

fn meaning(code: u16) -> Option<&'static (u16, &'static str, &'static str)> {
    MEANINGS.iter().find(|(known, ..)| *known == code)
}

/// A plain sentence for a refusal's number; none for one that a later version made up.
pub fn explain(code: u16) -> Option<&'static str> {
    meaning(code).map(|(_, _, sentence)| *sentence)
}

/// The rule that a refusal's number names.
pub fn rule_of(code: u16) -> Option<&'static str> {
    meaning(code).map(|(_, rule, _)| *rule)
}
