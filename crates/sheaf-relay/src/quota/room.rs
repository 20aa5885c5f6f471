//! [`Room`]: how far beyond its quotas a space takes what puts it in order again.
//!
//! A quota that is used up would otherwise protect whoever used it up: nobody could remove them at this relay, and no checkpoint could
//! come that lets it prune. So access entries and checkpoints have room beyond the quotas, and so has what removals and
//! checkpoints rest on of the same log and comes with them: some for everybody, more of it for owners, and more for the founder. Each of them can undo what those before have filled, as
//! owners can remove members, and nobody the founder (A3). All of it together is a bounded amount of each space, and of each person
//! over all their spaces, so nobody gets a larger disk by it.

use sheaf_access::{AccessState, DeviceId, EntryHash, Role};

/// How much each of them may have more than the one before: bytes, entries.
pub(super) const SPARE: (u64, u64) = (16 << 20, 20_000);

/// How far beyond the quotas something may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Words: not at all.
    Words,
    /// What puts a space in order, by anyone.
    Member,
    /// The same, by an owner.
    Owner,
    /// The same, by the founder.
    Founder,
}

impl Room {
    /// The room for what puts a space in order, if this device has written it.
    pub fn of(access: Option<&AccessState>, device: DeviceId) -> Self {
        let Some(access) = access else { return Self::Member };
        if access.role_of(&device) != Some(Role::Owner) {
            return Self::Member;
        }
        let creation = EntryHash::from_bytes(*access.space().as_bytes());
        let founder = access.grant(&creation).map(|grant| grant.person);
        if founder.is_some() && founder == access.person_of(&device) { Self::Founder } else { Self::Owner }
    }

    /// The limits with it: bytes and entries.
    pub(super) fn beyond(self, [bytes, entries]: [u64; 2]) -> [u64; 2] {
        let times = match self {
            Self::Words => 0,
            Self::Member => 1,
            Self::Owner => 2,
            Self::Founder => 3,
        };
        [bytes.saturating_add(times * SPARE.0), entries.saturating_add(times * SPARE.1)]
    }
}
