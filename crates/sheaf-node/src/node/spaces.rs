//! Spaces: listing, making, finding and joining them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sheaf_access::{AccessOp, ContentKey, EntryHash, InvitationLink, LogId, PersonId, SpaceId};
use sheaf_log::{Draft, Membership};
use tokio::sync::broadcast;

use super::find::{checked_title, find, shown};
use super::relays::NewSpaceRelay;
use super::{Node, blocking};
use crate::core::{Core, now};
use crate::error::NodeError;
use crate::identity::Identity;
use crate::network::Reach;
use crate::space::Space;
use crate::unopened::Opened;
use crate::view::{Ended, NodeEvent, SpaceInfo};
use crate::writer::Work;

/// How long `join` waits for the inviter before it says that it goes on in the background.
const JOIN: Duration = Duration::from_secs(20);

impl Node {
    /// The spaces this device has, the private one first, then by name.
    pub async fn spaces(&self) -> Result<Vec<SpaceInfo>, NodeError> {
        self.core.me()?;
        let mut spaces = Vec::new();
        for space in self.core.spaces() {
            spaces.push(self.space_info(&space).await?);
        }
        spaces
            .sort_by(|a, b| b.private.cmp(&a.private).then_with(|| a.name.cmp(&b.name)).then_with(|| a.id.cmp(&b.id)));
        Ok(spaces)
    }

    async fn space_info(&self, space: &Arc<Space>) -> Result<SpaceInfo, NodeError> {
        let me = self.core.me()?;
        let access = space.access();
        let name = self.core.space_name(space).await?;
        let people = access.as_ref().map_or(0, |access| access.members().len());
        let open = access.as_ref().map_or(0, |access| access.invitations().count());
        let ended = self.ended(space, &me).await?;
        let role = access.and_then(|access| access.role_of(&me.keys.device.id())).filter(|_| ended.is_none());
        Ok(SpaceInfo {
            ended,
            id: space.id.to_string(),
            private: people == 1 && open == 0 && self.core.is_first_space(space.id),
            role: role.map(|role| role.to_string()),
            name,
            people,
        })
    }

    /// How this person's time in a space ended, or that of this device of theirs, if it has.
    async fn ended(&self, space: &Arc<Space>, me: &Identity) -> Result<Option<Ended>, NodeError> {
        let removal = space.access().and_then(|access| access.was_removed_by(&me.person()));
        let Some(removal) = removal else {
            let device = self.core.device_was_removed();
            return Ok(device.then(|| Ended { device, when: removed_at(space, me), ..Ended::default() }));
        };
        let people = self.core.people(space).await?;
        Ok(Some(ended(space, me.person(), &removal, &people)))
    }

    /// Makes a space with this person as its owner, kept where this device's new spaces are.
    pub async fn create_space(&self, name: &str) -> Result<SpaceInfo, NodeError> {
        self.create_space_at(name, NewSpaceRelay::Usual).await
    }

    /// Makes a space with this person as its owner.
    pub async fn create_space_at(&self, name: &str, relay: NewSpaceRelay) -> Result<SpaceInfo, NodeError> {
        if let NewSpaceRelay::At(link) = &relay {
            super::relays::read(link)?;
        }
        let name = checked_title(name, "a space's name")?;
        let me = self.core.me()?;
        let core = Arc::clone(&self.core);
        let space = blocking(move || found(&core, &me)).await?;
        self.core.set_space_name(&space, &name).await?;
        self.introduce_myself(&space).await;
        self.keep_new(&space, relay).await?;
        self.settle().await?;
        self.space_info(&space).await
    }

    /// Finds a space by its id, the beginning of it (four letters or more), or its name.
    pub async fn find_space(&self, text: &str) -> Result<SpaceInfo, NodeError> {
        let spaces = self.spaces().await?;
        let found = find(text, &spaces, |space| (&space.id, &space.name), "spaces")?;
        found.cloned().ok_or_else(|| NodeError::NoSuchSpace(shown(text)))
    }

    /// Joins the space a link invites to. Resolves when the space is here; if the inviter cannot be reached, it says so
    /// and goes on whenever this device is online.
    pub async fn join(&self, link: &str) -> Result<SpaceInfo, NodeError> {
        let link = super::links::read(link)?;
        self.go_online().await?;
        let me = self.core.me()?;
        let was_in = self.core.space(link.space).is_some_and(|space| space.role(&me).is_some());
        let mut space = self.redeem(&link).await?;
        if was_in {
            // Perhaps only here: that somebody has removed this person may be heard just now, and the link is a way back.
            self.wait_for_step(&space).await;
            space = self.redeem(&link).await?;
        }
        self.settle().await?;
        self.core.mark_joined(space.id).await?;
        self.introduce_myself(&space).await;
        self.wait_for_step(&space).await;
        self.settle().await?;
        self.space_info(&space).await
    }

    /// Asks for what a link gives, unless this person is in the space already, and waits until they are.
    async fn redeem(&self, link: &InvitationLink) -> Result<Arc<Space>, NodeError> {
        let mut events = self.core.subscribe();
        let (core, link) = (Arc::clone(&self.core), link.clone());
        let space = blocking(move || core.begin_joining(&link)).await?;
        let id = space.id.to_string();
        let joined = async {
            while space.role(&*self.core.me()?).is_none() {
                match events.recv().await {
                    Ok(NodeEvent::JoinFailed { space, why, reason }) if space == id => {
                        return Err(NodeError::InvitationRefused { why, reason });
                    }
                    Err(broadcast::error::RecvError::Closed) => return Err(NodeError::Closing),
                    _ => {}
                }
            }
            Ok(())
        };
        tokio::time::timeout(JOIN, joined).await.map_err(|_| {
            NodeError::Unreachable(
                "whoever invited you cannot be reached now. The invitation is remembered: stay online, or try again when they are."
                    .into(),
            )
        })??;
        Ok(space)
    }

    /// After joining: a moment for the inviter to hear of it and for the documents to come; or to hear that it is over.
    pub(super) async fn wait_for_step(&self, space: &Arc<Space>) {
        let Some(network) = self.core.network() else { return };
        let mut reach = network.reach;
        let in_step = async {
            let met = |reach: &Reach| reach.devices.values().any(|device| device.synced.get(&space.id) == Some(&true));
            while space.lock().removed.is_none() && !met(&reach.borrow_and_update()) {
                if reach.changed().await.is_err() {
                    return;
                }
            }
        };
        // Not an error: what is not here yet comes when it comes.
        let _ = tokio::time::timeout(Duration::from_secs(5), in_step).await;
    }
}

/// How a person's time in a space ended by this entry.
pub(super) fn ended(space: &Space, person: PersonId, by: &EntryHash, people: &HashMap<String, (String, u8)>) -> Ended {
    let written = {
        let state = space.lock();
        let history = state.access.as_ref();
        history.and_then(|history| {
            let entry = history.get(by)?;
            let late = matches!(entry.operation, AccessOp::Close { .. });
            Some((history.now().person_of(&entry.log.device), entry.time, late))
        })
    };
    let (by, when, late) = written.unwrap_or_default();
    let left = by == Some(person);
    let name = by.filter(|_| !left).and_then(|by| people.get(&by.to_string()));
    Ended { by: name.map(|(name, _)| name.clone()).unwrap_or_default(), left, when, late, device: false }
}

/// When this device was removed from a space, if anybody has said so; else 0.
fn removed_at(space: &Space, me: &Identity) -> u64 {
    let state = space.lock();
    let removal = state.access.as_ref().and_then(|history| {
        let by = history.challenges(&LogId { device: me.keys.device.id(), nonce: 0 }).first()?.by;
        history.get(&by).map(|entry| entry.time)
    });
    removal.unwrap_or_default()
}

/// Makes a space: its first entry creates it, and its id is that entry's hash.
fn found(core: &Arc<Core>, me: &Arc<Identity>) -> Result<Arc<Space>, NodeError> {
    let mut rng = rand::rng();
    let key = ContentKey::generate(&mut rng);
    let op = AccessOp::create(me.keys.certificate, &key, &mut rng)
        .map_err(|error| NodeError::BadInput(error.to_string()))?;
    let mut state = core.new_state(SpaceId::UNBORN, me)?;
    let entry = Draft::founding(state.log.id, now(), &op, &me.keys.device)
        .map_err(|error| NodeError::BadInput(error.to_string()))?;
    let id = entry.space();
    core.put_log(id, state.log.id)?;
    state.admit_access(&entry).map_err(|refusal| NodeError::Role(refusal.to_string()))?;
    state.log.seq = entry.seq();
    state.log.tip = Some(entry.hash());
    state.take_keys(me);
    let space = Space::new(id, state, Opened::default());
    {
        let _state = space.lock();
        core.write(Work::new(&space, entry, None));
    }
    core.flush()?;
    core.add_space(&space)?;
    core.remember_first_space(id)?;
    Ok(space)
}
