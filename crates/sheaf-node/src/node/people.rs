//! People: who is in a space, what they may do, and inviting them.

use std::sync::Arc;

use sheaf_access::Role;

use super::{Node, blocking};
use crate::error::NodeError;
use crate::view::{MemberInfo, NodeEvent};

impl Node {
    /// The members of a space.
    pub async fn members(&self, space: &str) -> Result<Vec<MemberInfo>, NodeError> {
        let space = self.space_of(space)?;
        let me = self.core.me()?;
        let people = self.core.people(&space).await?;
        let Some(access) = space.access() else { return Ok(Vec::new()) };
        let mine = access.role_of(&me.keys.device.id());
        // The space is named by the entry that made it, which is also the founder's grant.
        let creation = sheaf_access::EntryHash::from_bytes(*space.id.as_bytes());
        let member = |member: &sheaf_access::Member| {
            let known = people.get(&member.person.to_string());
            let you = member.person == me.person();
            MemberInfo {
                id: member.person.to_string(),
                name: if you { me.name.clone() } else { known.map(|p| p.0.clone()).unwrap_or_default() },
                colour: if you { me.colour } else { known.map_or(1, |p| p.1) },
                role: member.role.to_string(),
                devices: member.devices.len(),
                you,
                founder: member.grant == creation,
                verified: you,
                can_change: mine == Some(Role::Owner) && !you && member.grant != creation,
            }
        };
        Ok(access.members().map(member).collect())
    }

    /// Opens an invitation to a space and answers its link.
    pub async fn invite(&self, space: &str, role: &str) -> Result<String, NodeError> {
        let space = self.space_of(space)?;
        let role: Role =
            role.parse().map_err(|error: sheaf_access::ParseRoleError| NodeError::BadInput(error.to_string()))?;
        let addresses = self.go_online().await?;
        let core = Arc::clone(&self.core);
        let link = blocking(move || core.invite(&space, role, &addresses)).await?;
        self.settle().await?;
        self.core.say(NodeEvent::Spaces);
        Ok(link)
    }
}
