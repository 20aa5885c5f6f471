//! People: what this device writes to say who may do what (A), and what it keeps of them for itself.
//!
//! Every change goes the same way: an access operation is made from what is held, written as this device's next entry, and
//! takes effect here at once; everyone else works out the same from the same entries.

use std::sync::Arc;

use sheaf_access::{
    AccessHistory, AccessOp, AccessState, ContentKey, EpochId, LogId, PersonId, Removal, Role, WriteError,
};
use sheaf_store::{StoreError, Table};

use crate::core::{Core, now};
use crate::error::NodeError;
use crate::identity::Identity;
use crate::space::{Space, State, still_arriving};
use crate::writer::Work;

/// A person whose words were compared, and when.
const VERIFIED: &[u8] = b"verified/";

/// What an access operation is made from.
pub struct Making<'s> {
    /// Who writes it.
    pub me: &'s Identity,
    /// The access entries that are held.
    pub history: &'s AccessHistory,
    /// The content keys that are known.
    pub keys: &'s [(EpochId, ContentKey)],
    /// How far each log is held.
    pub heights: &'s [(LogId, u64)],
}

impl Making<'_> {
    /// The state as it is now.
    pub fn access(&self) -> &AccessState {
        self.history.now()
    }

    /// Up to where a person's logs are held: what they have written beyond that, they wrote without having heard (A4).
    pub fn watermarks(&self, person: &PersonId) -> Vec<(LogId, u64)> {
        let of_person = |(log, _): &&(LogId, u64)| self.access().person_of(&log.device) == Some(*person);
        self.heights.iter().filter(of_person).copied().collect()
    }
}

impl Core {
    /// Writes an access operation as this device's next entry in a space, and lets everyone here know. Blocks.
    pub fn administer(
        &self,
        space: &Arc<Space>,
        make: impl FnOnce(&Making<'_>) -> Result<AccessOp, NodeError>,
    ) -> Result<(), NodeError> {
        self.administer_if(space, |making| make(making).map(Some))
    }

    /// The same, where it may turn out that there is nothing to write. Blocks.
    pub fn administer_if(
        &self,
        space: &Arc<Space>,
        make: impl FnOnce(&Making<'_>) -> Result<Option<AccessOp>, NodeError>,
    ) -> Result<(), NodeError> {
        let me = self.me()?;
        if me.copied {
            return Err(NodeError::Copied);
        }
        // What was typed before this is sealed as that (A6): also what builds on words that this may keep from counting.
        self.seal_what_is_typed(space.id);
        {
            let mut state = space.lock();
            let heights = self.heights(space, &state)?;
            let keys = state.known_keys();
            let history = state.access.as_ref().ok_or_else(still_arriving)?;
            let making = Making { me: &me, history, keys: &keys, heights: &heights };
            let Some(op) = make(&making)? else { return Ok(()) };
            let before = state.before_hearing(&me);
            let entry = state.write_access(space.id, &me, &op, now())?;
            state.take_keys(&me);
            state.heard(&me, before);
            self.write(Work::new(space, entry, None));
        }
        // The network hears of the entry before it hears who is no longer a member: those are sent it too.
        let stored = self.flush();
        self.access_changed(space);
        stored
    }

    /// How far each log is held. Own entries may still be on their way to the store; with the one that is about to be
    /// written they are all that this device will have written when it takes effect.
    fn heights(&self, space: &Space, state: &State) -> Result<Vec<(LogId, u64)>, StoreError> {
        let mut frontier = self.store.frontier(space.id)?;
        frontier.advance(state.log.id, state.log.seq + 1);
        Ok(frontier.iter().map(|(log, seq)| (*log, seq)).collect())
    }

    /// Gives someone who is or was a member another role. Blocks.
    pub fn set_role(&self, space: &Arc<Space>, person: PersonId, role: Role) -> Result<(), NodeError> {
        let is = |making: &Making<'_>| making.access().member(&person).map(|member| member.role);
        if space.access().and_then(|access| access.member(&person).map(|member| member.role)) == Some(role) {
            return Ok(());
        }
        self.seal_what_is_typed(space.id);
        self.administer(space, |making| {
            let (access, device) = (making.access(), making.me.keys.device.id());
            if Some(role) > is(making) {
                return AccessOp::grant(access, &device, person, role, making.keys, &mut rand::rng())
                    .map_err(|error| not_made(access, &person, &error));
            }
            check_other_owner(access, &making.me.person(), &person)?;
            let removal = Removal { person, leaves: Some(role), watermarks: making.watermarks(&person) };
            AccessOp::remove(making.history, &device, removal, making.keys, &mut rand::rng())
                .map_err(|error| not_made(access, &person, &error))
        })
    }

    /// Ends someone's time in a space: another's, or this person's own. The key changes in the same entry (E2). Blocks.
    pub fn remove(&self, space: &Arc<Space>, person: PersonId) -> Result<(), NodeError> {
        // Whoever leaves may still be typing: that was before.
        self.seal_what_is_typed(space.id);
        self.administer(space, |making| {
            let (access, device) = (making.access(), making.me.keys.device.id());
            if access.member(&person).is_none() {
                let who = if person == making.me.person() { "you" } else { "they" };
                return Err(NodeError::NotAMember(format!("{who} are not in this space any more.")));
            }
            check_other_owner(access, &making.me.person(), &person)?;
            let removal = Removal { person, leaves: None, watermarks: making.watermarks(&person) };
            AccessOp::remove(making.history, &device, removal, making.keys, &mut rand::rng())
                .map_err(|error| not_made(access, &person, &error))
        })
    }

    /// Begins an epoch where there is none that may be written under (E3), for words that are about to be sealed. Called
    /// with the space locked.
    pub fn make_writable(&self, space: &Arc<Space>, state: &mut State, me: &Identity) -> Result<(), NodeError> {
        if let Some(entry) = state.begin_epoch_if_needed(space.id, me, now())? {
            self.write(Work::new(space, entry, None));
            self.upkeep.touch(space.id);
        }
        Ok(())
    }

    /// Whether this person has compared words with another.
    pub fn is_verified(&self, person: &PersonId) -> Result<bool, StoreError> {
        Ok(self.store.get(Table::Peers, &verified(person))?.is_some())
    }

    /// Notes that words were compared with someone and were the same; or that this is no longer so. Blocks.
    pub fn set_verified(&self, person: &PersonId, is: bool) -> Result<(), StoreError> {
        if is {
            self.store.put(Table::Peers, &verified(person), &now().to_le_bytes())
        } else {
            self.store.delete(Table::Peers, &verified(person))
        }
    }
}

impl Core {
    /// Everyone who is verified on this device.
    pub fn verified_here(&self) -> Result<Vec<PersonId>, StoreError> {
        let known = self.store.scan(Table::Peers, VERIFIED)?;
        let person = |name: &[u8]| Some(PersonId::from_bytes(name.get(VERIFIED.len()..)?.try_into().ok()?));
        Ok(known.iter().filter_map(|(name, _)| person(name)).collect())
    }
}

fn verified(person: &PersonId) -> Vec<u8> {
    [VERIFIED, person.as_bytes()].concat()
}

/// A space without an owner can never again change who is in it (A3): nobody gets there by mistake.
fn check_other_owner(access: &AccessState, me: &PersonId, person: &PersonId) -> Result<(), NodeError> {
    if access.power_over(me, person).is_none() {
        // They may not do it anyway, and are told so.
        return Ok(());
    }
    let mut owners = access.members().filter(|member| member.role == Role::Owner).map(|member| member.person);
    if owners.next() == Some(*person) && owners.next().is_none() {
        return Err(NodeError::LastOwner);
    }
    Ok(())
}

/// Why an operation on someone was not made, as a sentence for the person who wanted it.
pub fn not_made(access: &AccessState, person: &PersonId, error: &WriteError) -> NodeError {
    use sheaf_access::Void;
    match error {
        WriteError::Void(Void::SeniorGrant) if access.is_founder(person) => NodeError::Founder,
        WriteError::Void(Void::SeniorGrant) => NodeError::Role(
            "they became an owner before you did, so only someone who did so even earlier can change that. Ask the \
             founder."
                .into(),
        ),
        WriteError::Void(Void::NotAnOwner(_) | Void::MayNotInvite(_)) => not_an_owner(),
        WriteError::Void(Void::NotAMember) => {
            NodeError::NotAMember("you are not in this space any more. Ask an owner for a new invitation.".into())
        }
        error => NodeError::Role(error.to_string()),
    }
}

/// Only owners say who may do what.
pub fn not_an_owner() -> NodeError {
    NodeError::Role("only an owner can do this. Ask one of them, or ask to become one.".into())
}
