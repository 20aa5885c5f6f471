//! Inviting, and being invited (I1, I2, N1).
//!
//! How long an invitation is good, and for how many, are questions of time and order, which the access entries cannot answer
//! (I3). They are asked once, of the first peer that the newcomer shows the link to: whoever lets them in there is in
//! everywhere. What a peer has said yes to it keeps a place for, so that two who come at once for one place are not both told
//! to come in; a redemption that a member passes on is taken as it is, for that member has asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use sheaf_access::{
    AccessEntry, AccessOp, AccessState, Binding, DeviceId, Invitation, InvitationId, InvitationLink, InvitationSecret,
    LogId, MAX_LINK_RELAYS, Relay, Role, Signature, SpaceId, Terms,
};
use sheaf_store::{StoreError, Table};
use sheaf_sync::RedemptionRefusal;

use crate::core::{Core, locked, now};
use crate::error::NodeError;
use crate::identity::Identity;
use crate::network::Input;
use crate::people::{not_an_owner, not_made};
use crate::space::{Space, State};
use crate::unopened::Opened;
use crate::view::{JoinRefusal, NodeEvent};
use crate::writer::Work;

/// A link that was made on this device.
const MADE: &[u8] = b"invitation/";
/// How many addresses of this device a link names.
const ADDRESSES: usize = 8;

/// Devices that have shown a link and were let in, until they have joined or gone (N1).
pub type Guests = BTreeMap<(SpaceId, DeviceId), InvitationId>;

impl Core {
    /// Opens an invitation, and makes its link. The link is kept, so that whoever made it can copy it again. Blocks.
    pub fn invite(&self, space: &Arc<Space>, terms: Terms, addresses: &[SocketAddr]) -> Result<String, NodeError> {
        let me = self.me()?;
        if self.is_first_space(space.id) {
            return Err(NodeError::Role(
                "your private space is yours alone: it lists your spaces and devices. Make a space to share, and invite \
                 people there."
                    .into(),
            ));
        }
        let secret = InvitationSecret::generate(&mut rand::rng());
        self.administer(space, |making| {
            let access = making.access();
            let member = access.member(&making.me.person()).filter(|member| member.role == Role::Owner);
            let under = member.ok_or_else(not_an_owner)?.grant;
            let keys = access.keys_to_give(making.keys);
            AccessOp::invite(space.id, under, &secret, terms, &keys, &mut rand::rng())
                .map_err(|error| NodeError::BadInput(error.to_string()))
        })?;
        let addresses = addresses.iter().take(ADDRESSES).map(ToString::to_string).collect();
        let id = secret.id();
        let relays: Vec<Relay> = space.relays().into_iter().take(MAX_LINK_RELAYS).collect();
        let link = InvitationLink {
            space: space.id,
            secret,
            device: me.keys.device.id(),
            addresses,
            relays,
            role: terms.role,
        };
        let text = link.to_text().map_err(|error| NodeError::BadInput(error.to_string()))?;
        self.store.put(Table::Spaces, &made(space.id, &id), text.as_bytes())?;
        Ok(text)
    }

    /// The link of an invitation, if it was made on this device.
    pub fn link_of(&self, space: SpaceId, invitation: &InvitationId) -> Result<Option<String>, StoreError> {
        let text = self.store.get(Table::Spaces, &made(space, invitation))?;
        Ok(text.and_then(|text| String::from_utf8(text).ok()))
    }

    /// Closes an invitation, accepting everyone who has joined by it, and changes the key that its link reads (I3). Blocks.
    pub fn close_invitation(&self, space: &Arc<Space>, id: InvitationId) -> Result<(), NodeError> {
        self.administer(space, |making| {
            let (access, me) = (making.access(), making.me);
            let invitation = access.invitation(&id).ok_or_else(|| NodeError::NoSuchInvitation(id.to_string()))?;
            let accepted = invitation.redemptions.clone();
            AccessOp::close(making.history, &me.keys.device.id(), id, accepted, making.keys, &mut rand::rng())
                .map_err(|error| not_made(access, &me.person(), &error))
        })?;
        Ok(self.store.delete(Table::Spaces, &made(space.id, &id))?)
    }

    /// Begins to join a space: from here on it is held, though nothing of it has come.
    pub fn begin_joining(&self, link: &InvitationLink) -> Result<Arc<Space>, NodeError> {
        let me = self.me()?;
        if link.device == me.keys.device.id() {
            return Err(NodeError::NotAnInvitation(
                "this invitation was made on this device. Give it to someone else.".into(),
            ));
        }
        // Also for later: the inviter is the first of the space that this device can call.
        self.put_addresses(link.device, &socket_addresses(link));
        self.recall(link.space)?;
        if let Some(space) = self.space(link.space) {
            if space.role(&me).is_none() {
                self.put_joining(space.id, Some(link))?;
                space.lock().joining = Some(link.clone());
                self.redeem(&space);
            } else {
                // They are in already; but the link may know better where its maker can be called.
                self.tell_network(Input::Call { device: link.device, addresses: socket_addresses(link) });
            }
            return Ok(space);
        }
        self.put_joining(link.space, Some(link))?;
        let state = State { joining: Some(link.clone()), ..self.new_state(link.space, &me)? };
        let space = Space::new(link.space, state, Opened::default());
        self.add_space(&space)?;
        self.redeem(&space);
        Ok(space)
    }

    /// Asks the inviter, as soon as they can be reached.
    pub fn redeem(&self, space: &Space) {
        let Some(link) = space.lock().joining.clone() else { return };
        let addresses = socket_addresses(&link);
        self.tell_network(Input::Redeem { space: space.id, secret: link.secret, device: link.device, addresses });
    }

    /// When the invitation's keys have come: writes the redemption, the first entry of this device's log here (I2).
    /// Answers whether it was, just now.
    pub fn finish_joining(&self, space: &Space) -> bool {
        let Ok(me) = self.me() else { return false };
        let Some(held) = self.space(space.id) else { return false };
        match self.try_finish_joining(&held, &me) {
            Ok(true) => {
                self.say(NodeEvent::Joined { space: space.id.to_string() });
                return true;
            }
            Ok(false) => {}
            Err(error) => self.join_refused(space.id, JoinRefusal::Unknown, &error.to_string()),
        }
        false
    }

    fn try_finish_joining(&self, space: &Arc<Space>, me: &Identity) -> Result<bool, NodeError> {
        let mut state = space.lock();
        let Some(link) = state.joining.clone() else { return Ok(false) };
        let Some(access) = state.access.as_ref().map(|history| Arc::clone(history.now())) else {
            return Ok(false);
        };
        if access.role_of(&me.keys.device.id()).is_some() {
            return Ok(false);
        }
        if access.invitation(&link.secret.id()).is_none() || state.keys.is_empty() {
            return Ok(false);
        }
        if state.log.seq > 0 {
            // They were here before: a way back begins with a log of its own (I2, A6).
            self.begin_log(space.id, &mut state);
        }
        let keys = access.keys_to_give(&state.known_keys());
        let certificate = me.keys.certificate;
        let op = AccessOp::redeem(space.id, &link.secret, certificate, access.heads(), &keys, &mut rand::rng())
            .map_err(|error| NodeError::BadInput(error.to_string()))?;
        let entry = state.write_access(space.id, me, &op, now())?;
        self.write(Work::new(space, entry, None));
        Ok(true)
    }

    /// Someone holds `own` entries of this device's log in a space. If that includes the redemption, the invitation is not
    /// needed any more; answers whether so.
    pub fn joining_is_done(&self, space: SpaceId, holds: impl Fn(&LogId) -> u64) -> bool {
        let (Some(held), Ok(me)) = (self.space(space), self.me()) else { return false };
        let log = held.lock().log.id;
        if held.role(&me).is_none() || holds(&log) == 0 {
            return false;
        }
        held.lock().joining = None;
        if let Err(error) = self.put_joining(space, None) {
            tracing::warn!(%error, "a used invitation is not forgotten");
        }
        true
    }

    /// A peer does not accept an invitation.
    pub fn redemption_refused(&self, space: SpaceId, refusal: RedemptionRefusal) {
        let why = match refusal {
            RedemptionRefusal::Expired => JoinRefusal::Expired,
            RedemptionRefusal::UsedUp => JoinRefusal::UsedUp,
            RedemptionRefusal::Cancelled => JoinRefusal::Cancelled,
            RedemptionRefusal::UnknownSpace | RedemptionRefusal::UnknownInvitation => JoinRefusal::Unknown,
        };
        self.join_refused(space, why, &refusal.to_string());
    }

    /// An invitation is not accepted.
    pub fn join_refused(&self, space: SpaceId, why: JoinRefusal, reason: &str) {
        let forgotten = self.drop_unborn_space(space).and_then(|()| {
            // Someone who was here before has the space still, and asks no more.
            if let Some(held) = self.space(space) {
                held.lock().joining = None;
                self.put_joining(space, None)?;
            }
            Ok(())
        });
        if let Err(error) = forgotten {
            tracing::warn!(%error, "a refused invitation is not forgotten");
        }
        self.say(NodeEvent::JoinFailed { space: space.to_string(), why, reason: reason.to_owned() });
    }

    /// Proves on a connection that this device holds an invitation (N1): its id, and its key's word over the channel.
    pub fn prove_invitation(&self, space: SpaceId, secret: &InvitationSecret, nonce: &[u8; 32]) -> Vec<u8> {
        let Ok(me) = self.me() else { return Vec::new() };
        let proof = secret.prove_on_channel(space, me.keys.device.id(), nonce);
        [secret.id().as_bytes().as_slice(), &proof.to_bytes()].concat()
    }

    /// Checks such a proof, and whether the invitation is good for one more (I3a). A yes keeps a place.
    pub fn check_invitation(
        &self,
        space: SpaceId,
        device: DeviceId,
        nonce: &[u8; 32],
        proof: &[u8],
    ) -> Result<(), RedemptionRefusal> {
        let access = self.space(space).and_then(|space| space.access()).ok_or(RedemptionRefusal::UnknownSpace)?;
        let unknown = RedemptionRefusal::UnknownInvitation;
        let (id, signature) = proof.split_first_chunk::<32>().ok_or(unknown)?;
        let signature = Signature::from_bytes(signature.try_into().map_err(|_| unknown)?);
        let id = InvitationId::from_bytes(*id);
        let invitation = access.any_invitation(&id).ok_or(unknown)?;
        // What is wrong with it is told to those who hold it, and to nobody else.
        id.verify_on_channel(space, device, nonce, &signature).map_err(|_| unknown)?;
        let mut guests = locked(&self.guests);
        let others = guests.iter().filter(|((of, who), by)| *of == space && *who != device && **by == id).count();
        check_terms(invitation, others, now())?;
        guests.insert((space, device), id);
        Ok(())
    }

    /// Whether a redemption that a device brings itself is accepted (I3a): it was let in with its link, or might be now.
    pub fn check_redemption(&self, entry: &AccessEntry, access: &AccessState) -> Result<(), Binding> {
        let AccessOp::Redeem { invitation, .. } = &entry.operation else { return Ok(()) };
        let guest = locked(&self.guests).get(&(access.space(), entry.log.device)) == Some(invitation);
        match access.binds(entry, now()) {
            Err(Binding::Expired | Binding::UsedUp) if guest => Ok(()),
            verdict => verdict,
        }
    }

    /// Forgets guests who have joined. Answers those among a space's whose invitation was closed before they had.
    pub fn dismiss_guests(&self, space: SpaceId, access: &AccessState) -> Vec<DeviceId> {
        let mut dismissed = Vec::new();
        locked(&self.guests).retain(|(of, device), invitation| {
            if *of != space {
                return true;
            }
            let joined = access.role_of(device).is_some();
            let open = access.invitation(invitation).is_some();
            if !joined && !open {
                dismissed.push(*device);
            }
            !joined && open
        });
        dismissed
    }

    /// Whether a device is here by its invitation alone.
    pub fn is_guest(&self, space: SpaceId, device: DeviceId) -> bool {
        locked(&self.guests).contains_key(&(space, device))
    }

    /// A device is gone, and the places that were kept for it are free.
    pub fn guest_left(&self, device: DeviceId) {
        locked(&self.guests).retain(|(_, guest), _| *guest != device);
    }
}

/// Whether an invitation is good for one more than have joined by it, with so many who are about to.
fn check_terms(invitation: &Invitation, coming: usize, now: u64) -> Result<(), RedemptionRefusal> {
    let used = invitation.redemptions.len() + coming;
    let used_up = invitation.uses.is_some_and(|uses| used >= uses as usize);
    let expired = invitation.expires.is_some_and(|expires| now >= expires);
    // A closed one says why it was, where that can be known: an owner's node closes those that are over by itself.
    match (used_up, expired, invitation.open) {
        (true, ..) => Err(RedemptionRefusal::UsedUp),
        (_, true, _) => Err(RedemptionRefusal::Expired),
        (_, _, false) => Err(RedemptionRefusal::Cancelled),
        _ => Ok(()),
    }
}

fn made(space: SpaceId, invitation: &InvitationId) -> Vec<u8> {
    [MADE, space.as_bytes(), invitation.as_bytes()].concat()
}

fn socket_addresses(link: &InvitationLink) -> Vec<SocketAddr> {
    link.addresses.iter().filter_map(|address| address.parse().ok()).collect()
}
