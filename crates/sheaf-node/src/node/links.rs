//! What a link says before anything is done with it: a window asks a person first, and shows them what it is they are
//! asked.

use sheaf_access::{InvitationLink, ParseLinkError};

use super::Node;
use crate::error::NodeError;
use crate::view::InvitationLook;

/// Reads an invitation link; what is wrong with one is said as a person would want it.
pub(super) fn read(link: &str) -> Result<InvitationLink, NodeError> {
    link.parse().map_err(|error| match error {
        ParseLinkError::CutShort => NodeError::InvitationCutShort(error.to_string()),
        _ => NodeError::NotAnInvitation(error.to_string()),
    })
}

impl Node {
    /// What an invitation says of itself. Nothing is sent, and nothing is remembered.
    pub async fn look_at(&self, link: &str) -> Result<InvitationLook, NodeError> {
        let link = read(link)?;
        let me = self.core.me()?;
        let mut look = InvitationLook {
            role: link.role.to_string(),
            yours: link.device == me.keys.device.id(),
            ..InvitationLook::default()
        };
        if let Some(space) = self.core.space(link.space).filter(|space| space.role(&me).is_some()) {
            look.here = true;
            look.space = self.core.space_name(&space).await?;
        }
        // A link names a device. Whose it is can be told only if they and this person meet in a space already.
        for space in self.core.spaces() {
            let Some(person) = space.access().and_then(|access| access.person_of(&link.device)) else { continue };
            if let Some((name, _)) = self.core.people(&space).await?.remove(&person.to_string()) {
                look.from = name;
                break;
            }
        }
        Ok(look)
    }
}
