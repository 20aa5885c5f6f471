//! Persons, devices, roles, invitations and epochs: who may do what in a space.

mod certificate;
mod domain;
mod epoch;
mod history;
mod id;
mod identity;
mod invitation;
mod keys;
mod link;
mod operation;
mod role;
mod state;

pub use certificate::DeviceCertificate;
pub use epoch::{Commitment, ContentKey, EpochStart, UnusableSealingKey, UnwrapError, Wrap, WrapContext};
pub use history::{AccessHistory, Denied, Known, Missing};
/// The traits that randomness is passed in by.
pub use hpke::rand_core;
pub use id::{DeviceId, DocumentId, EntryHash, EpochId, InvitationId, LogId, ParseIdError, PersonId, SpaceId};
pub use identity::{Identity, ParseIdentityError};
pub use invitation::InvitationSecret;
pub use keys::{BadSignature, DeviceKeys, PersonKey, SealingKey, SealingSecret, Signature};
pub use link::{InvitationLink, LinkError, MAX_ADDRESS_LENGTH, MAX_ADDRESSES, ParseLinkError};
pub use operation::{AccessEntry, AccessOp, MAX_WRAPS, OperationError};
pub use role::{ParseRoleError, Role};
pub use state::{AccessState, Epoch, Grant, Invitation, MAX_MEMBERS, Member, Verdict, Void};
