//! Persons, devices, roles and who may do what.

mod id;
mod role;

pub use id::{DeviceId, DocumentId, EntryHash, EpochId, InvitationId, LogId, ParseIdError, PersonId, SpaceId};
pub use role::{ParseRoleError, Role};
