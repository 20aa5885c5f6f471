//! People: who is in a space and what they may do; changing that, removing someone, leaving; and making sure that somebody
//! is who they say.

use std::sync::Arc;

use sheaf_access::{ParseRoleError, PersonId, Role, sas_words};

use super::find::{find, shown};
use super::spaces::ended;
use super::{Node, blocking};
use crate::error::NodeError;
use crate::space::Space;
use crate::view::{FormerInfo, MemberInfo, NodeEvent};

impl Node {
    /// The members of a space.
    pub async fn members(&self, space: &str) -> Result<Vec<MemberInfo>, NodeError> {
        self.members_of(&self.space_of(space)?).await
    }

    async fn members_of(&self, space: &Arc<Space>) -> Result<Vec<MemberInfo>, NodeError> {
        let me = self.core.me()?;
        let people = self.core.people(space).await?;
        let Some(access) = space.access() else { return Ok(Vec::new()) };
        let mine = access.role_of(&me.keys.device.id());
        let mut members = Vec::with_capacity(access.members().len());
        for member in access.members() {
            let known = people.get(&member.person.to_string());
            let you = member.person == me.person();
            members.push(MemberInfo {
                id: member.person.to_string(),
                name: if you { me.name.clone() } else { known.map(|p| p.0.clone()).unwrap_or_default() },
                colour: if you { me.colour } else { known.map_or(1, |p| p.1) },
                role: member.role.to_string(),
                devices: member.devices.len(),
                you,
                founder: access.is_founder(&member.person),
                verified: you || self.core.is_verified(&member.person)?,
                can_change: mine == Some(Role::Owner)
                    && !you
                    && access.power_over(&me.person(), &member.person).is_some(),
            });
        }
        Ok(members)
    }

    /// Who was in a space and is no longer, the last to go first.
    pub async fn former_members(&self, space: &str) -> Result<Vec<FormerInfo>, NodeError> {
        let space = self.space_of(space)?;
        let people = self.core.people(&space).await?;
        let Some(access) = space.access() else { return Ok(Vec::new()) };
        let mut former: Vec<FormerInfo> = access
            .former_members()
            .map(|former| {
                let id = former.person.to_string();
                let name = people.get(&id).map(|(name, _)| name.clone()).unwrap_or_default();
                FormerInfo { id, name, ended: ended(&space, former.person, &former.by, &people) }
            })
            .collect();
        former.sort_by(|a, b| b.ended.when.cmp(&a.ended.when).then_with(|| a.id.cmp(&b.id)));
        Ok(former)
    }

    /// Finds a member of a space by their id, the beginning of it (four letters or more), or their name.
    pub async fn find_member(&self, space: &str, text: &str) -> Result<MemberInfo, NodeError> {
        let members = self.members(space).await?;
        let found = find(text, &members, |member| (&member.id, &member.name), "people")?;
        found.cloned().ok_or_else(|| NodeError::NoSuchPerson(shown(text)))
    }

    /// Lets someone do more or less in a space: a member, or someone who was one and is to come back. Answers with how they
    /// stand then.
    pub async fn set_role(&self, space: &str, person: &str, role: &str) -> Result<MemberInfo, NodeError> {
        let role: Role = role.parse().map_err(|error: ParseRoleError| NodeError::BadInput(error.to_string()))?;
        let held = self.space_of(space)?;
        let id = match self.find_member(space, person).await {
            Ok(member) => parse_person(&member.id)?,
            Err(NodeError::NoSuchPerson(_)) => self.find_former(&held, person).await?,
            Err(error) => return Err(error),
        };
        let core = Arc::clone(&self.core);
        blocking(move || core.set_role(&held, id, role)).await?;
        self.settle().await?;
        self.find_member(space, &id.to_string()).await
    }

    /// Removes someone from a space: what they have they keep, and nothing new reaches them. Answers with who it was.
    pub async fn revoke(&self, space: &str, person: &str) -> Result<MemberInfo, NodeError> {
        let held = self.space_of(space)?;
        let member = self.find_member(space, person).await?;
        if member.you {
            return Err(NodeError::BadInput("that is you. Use `sheaf leave` to leave the space.".into()));
        }
        let id = parse_person(&member.id)?;
        let core = Arc::clone(&self.core);
        blocking(move || core.remove(&held, id)).await?;
        self.settle().await?;
        Ok(member)
    }

    /// Leaves a space. What is here of it can still be read here.
    pub async fn leave(&self, space: &str) -> Result<(), NodeError> {
        let held = self.space_of(space)?;
        let (core, me) = (Arc::clone(&self.core), self.core.me()?.person());
        let id = held.id;
        if held.access().is_some_and(|access| access.member(&me).is_none()) {
            return Err(NodeError::NotAMember(
                "you are not in this space any more. `sheaf space forget` takes it off your list.".into(),
            ));
        }
        blocking(move || core.remove(&held, me)).await?;
        // Or the person's other devices would fetch it again.
        self.core.mark_left(id).await?;
        self.settle().await
    }

    /// Takes a space that this person is not in, or not yet, off the list of all of their devices' spaces. It is told
    /// nothing; an invitation brings it back, with what is stored of it here.
    pub async fn forget_space(&self, space: &str) -> Result<(), NodeError> {
        let held = self.space_of(space)?;
        self.core.check_forgettable(&held)?;
        // Or the person's other devices would have it fetched again.
        self.core.mark_left(held.id).await?;
        let core = Arc::clone(&self.core);
        blocking(move || core.forget(&held)).await?;
        self.settle().await
    }

    /// The words to compare with someone, over a channel that both trust: on their side they are the same, in the same
    /// order, exactly if each has the other's true key.
    pub async fn compare_words(&self, person: &str) -> Result<Vec<String>, NodeError> {
        let other = self.find_person(person).await?;
        Ok(sas_words(self.core.me()?.person(), other).iter().map(ToString::to_string).collect())
    }

    /// Notes that the words were the same; or that they were not, or that it is no longer certain.
    pub async fn set_verified(&self, person: &str, verified: bool) -> Result<(), NodeError> {
        let other = self.find_person(person).await?;
        let core = Arc::clone(&self.core);
        blocking(move || Ok(core.set_verified(&other, verified)?)).await?;
        self.core.share_verified(other, verified).await?;
        self.settle().await?;
        self.core.say(NodeEvent::Spaces);
        Ok(())
    }

    /// Another person, in any space, by their id, the beginning of it, or their name.
    async fn find_person(&self, text: &str) -> Result<PersonId, NodeError> {
        self.core.me()?;
        let mut people: Vec<(String, String)> = Vec::new();
        for space in self.core.spaces() {
            let members = self.members_of(&space).await?;
            people.extend(members.into_iter().filter(|member| !member.you).map(|member| (member.id, member.name)));
        }
        // Once each, by a name that is known.
        people.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
        people.dedup_by(|later, first| later.0 == first.0);
        if let Some(person) = find(text, &people, |person| (&person.0, &person.1), "people")? {
            return parse_person(&person.0);
        }
        let me = self.core.me()?;
        let own = [(me.person().to_string(), me.name.clone())];
        Err(match find(text, &own, |person| (&person.0, &person.1), "people")? {
            Some(_) => NodeError::BadInput(
                "that is you. Words are compared with somebody else; `sheaf members SPACE` shows who is in a space."
                    .into(),
            ),
            None => NodeError::NoSuchPerson(shown(text)),
        })
    }

    /// Someone who was a member of a space and is no longer.
    async fn find_former(&self, space: &Arc<Space>, text: &str) -> Result<PersonId, NodeError> {
        let names = self.core.people(space).await?;
        let access = space.access().ok_or_else(crate::space::still_arriving)?;
        let former: Vec<(String, String)> = access
            .former_members()
            .map(|former| former.person.to_string())
            .map(|id| (id.clone(), names.get(&id).map(|(name, _)| name.clone()).unwrap_or_default()))
            .collect();
        let found = find(text, &former, |person| (&person.0, &person.1), "people")?;
        parse_person(&found.ok_or_else(|| NodeError::NoSuchPerson(shown(text)))?.0)
    }
}

fn parse_person(id: &str) -> Result<PersonId, NodeError> {
    id.parse().map_err(|_| NodeError::NoSuchPerson(shown(id)))
}
