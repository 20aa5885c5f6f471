//! What binds on admission only: the end and the number of uses of an invitation (I3).

use super::AccessState;
use crate::operation::{AccessEntry, AccessOp};

/// Why a redemption that comes from the redeemer is not accepted, though nothing in the set of access entries is against it.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum Binding {
    /// Its time is over.
    #[error("this invitation has expired. Ask whoever sent it for a new one.")]
    Expired,
    /// It was good for fewer.
    #[error("this invitation has been used as often as it may be. Ask whoever sent it for a new one.")]
    UsedUp,
    /// It was closed.
    #[error("this invitation was cancelled. Ask whoever sent it for a new one.")]
    Closed,
}

impl AccessState {
    /// Whether a redemption that its own device brings is accepted now (I3a). One that a member passes on is: they have
    /// accepted it. Any other operation is.
    pub fn binds(&self, entry: &AccessEntry, now: u64) -> Result<(), Binding> {
        let AccessOp::Redeem { invitation, .. } = &entry.operation else { return Ok(()) };
        let Some(invitation) = self.any_invitation(invitation) else { return Ok(()) };
        if invitation.redemptions.contains(&entry.hash) {
            return Ok(());
        }
        if !invitation.open {
            return Err(Binding::Closed);
        }
        if invitation.expires.is_some_and(|expires| now >= expires) {
            return Err(Binding::Expired);
        }
        let used = u32::try_from(invitation.redemptions.len()).unwrap_or(u32::MAX);
        if invitation.uses.is_some_and(|uses| used >= uses) { Err(Binding::UsedUp) } else { Ok(()) }
    }
}
