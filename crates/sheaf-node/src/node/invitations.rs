//! Invitations: making them, listing them, closing them.

use std::sync::Arc;
use std::time::Duration;

use sheaf_access::{InvitationId, ParseRoleError, Role, Terms};

use super::find::{find, shown};
use super::{Node, blocking};
use crate::core::now;
use crate::error::NodeError;
use crate::view::{InvitationInfo, InvitationState, NodeEvent};

impl Node {
    /// Opens an invitation to a space, for so many and for so long if that is said, and answers its link.
    pub async fn invite(
        &self,
        space: &str,
        role: &str,
        uses: Option<u32>,
        expires: Option<Duration>,
    ) -> Result<String, NodeError> {
        let space = self.space_of(space)?;
        let role: Role = role.parse().map_err(|error: ParseRoleError| NodeError::BadInput(error.to_string()))?;
        if uses == Some(0) {
            return Err(NodeError::BadInput("an invitation for nobody invites nobody.".into()));
        }
        let until = |lasts: Duration| now().saturating_add(u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
        let terms = Terms { role, uses, expires: expires.map(until) };
        let addresses = self.go_online().await?;
        let core = Arc::clone(&self.core);
        let link = blocking(move || core.invite(&space, terms, &addresses)).await?;
        self.settle().await?;
        self.core.say(NodeEvent::Spaces);
        Ok(link)
    }

    /// The invitations of a space that are not closed, the newest first.
    pub async fn invitations(&self, space: &str) -> Result<Vec<InvitationInfo>, NodeError> {
        let space = self.space_of(space)?;
        let me = self.core.me()?;
        let people = self.core.people(&space).await?;
        let Some(access) = space.access() else { return Ok(Vec::new()) };
        let time = now();
        let mut invitations = Vec::new();
        for (id, invitation) in access.invitations() {
            let used = u32::try_from(invitation.redemptions.len()).unwrap_or(u32::MAX);
            let by = invitation.by.to_string();
            invitations.push(InvitationInfo {
                id: id.to_string(),
                role: invitation.role.to_string(),
                by_you: invitation.by == me.person(),
                by: people.get(&by).map(|(name, _)| name.clone()).filter(|name| !name.is_empty()).unwrap_or(by),
                opened: invitation.opened,
                expires: invitation.expires,
                uses: invitation.uses,
                used,
                link: self.core.link_of(space.id, id)?,
                state: if invitation.uses.is_some_and(|uses| used >= uses) {
                    InvitationState::UsedUp
                } else if invitation.expires.is_some_and(|expires| time >= expires) {
                    InvitationState::Expired
                } else {
                    InvitationState::Open
                },
            });
        }
        invitations.sort_by(|a, b| b.opened.cmp(&a.opened).then_with(|| a.id.cmp(&b.id)));
        Ok(invitations)
    }

    /// Closes an invitation, given its id or the beginning of it: nobody joins or reads by it any more. Who has joined stays.
    pub async fn cancel_invitation(&self, space: &str, id: &str) -> Result<(), NodeError> {
        let invitations = self.invitations(space).await?;
        let found = find(id, &invitations, |invitation| (&invitation.id, &invitation.id), "invitations")?;
        let found: InvitationId = found
            .and_then(|invitation| invitation.id.parse().ok())
            .ok_or_else(|| NodeError::NoSuchInvitation(shown(id)))?;
        let (space, core) = (self.space_of(space)?, Arc::clone(&self.core));
        blocking(move || core.close_invitation(&space, found)).await?;
        self.settle().await
    }
}
