//! Inviting, and being invited (I1, I2, N1).

use std::net::SocketAddr;
use std::sync::Arc;

use sheaf_access::{
    AccessOp, DeviceId, InvitationId, InvitationLink, InvitationSecret, LogId, Role, Signature, SpaceId,
};
use sheaf_sync::RedemptionRefusal;

use crate::core::{Core, now};
use crate::error::NodeError;
use crate::identity::Identity;
use crate::network::Input;
use crate::space::{Space, State};
use crate::view::NodeEvent;
use crate::writer::Work;

impl Core {
    /// Opens an invitation, and makes its link.
    pub fn invite(&self, space: &Arc<Space>, role: Role, addresses: &[SocketAddr]) -> Result<String, NodeError> {
        let me = self.me()?;
        let secret = InvitationSecret::generate(&mut rand::rng());
        let mut state = space.lock();
        let access = state.access.as_ref().map(|history| Arc::clone(history.now()));
        let owned = access.and_then(|access| {
            let member = access.member(&me.person()).filter(|member| member.role == Role::Owner)?;
            Some((member.grant, access))
        });
        let Some((grant, access)) = owned else {
            return Err(NodeError::Role("only an owner can invite. Ask one of them, or ask to become one.".into()));
        };
        let keys: Vec<_> = state.keys.iter().map(|(epoch, key)| (*epoch, key.clone())).collect();
        let keys = access.keys_to_give(&keys);
        let op = AccessOp::invite(space.id, grant, &secret, role, &keys, &mut rand::rng())
            .map_err(|error| NodeError::BadInput(error.to_string()))?;
        let entry = state.write_access(space.id, &me, &op, now())?;
        self.write(Work::new(space, entry, None));
        drop(state);
        let addresses = addresses.iter().take(8).map(ToString::to_string).collect();
        let link = InvitationLink { space: space.id, secret, device: me.keys.device.id(), addresses, role };
        link.to_text().map_err(|error| NodeError::BadInput(error.to_string()))
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
        if let Some(space) = self.space(link.space) {
            if space.role(&me).is_none() {
                self.put_joining(space.id, Some(link))?;
                space.lock().joining = Some(link.clone());
                self.redeem(&space);
            }
            return Ok(space);
        }
        self.put_joining(link.space, Some(link))?;
        let state = State { joining: Some(link.clone()), ..self.new_state(link.space, &me)? };
        let space = Space::new(link.space, state, 0);
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
    pub fn finish_joining(&self, space: &Space) {
        let Ok(me) = self.me() else { return };
        let Some(held) = self.space(space.id) else { return };
        match self.try_finish_joining(&held, &me) {
            Ok(false) => {}
            Ok(true) => self.say(NodeEvent::Joined { space: space.id.to_string() }),
            Err(error) => self.join_refused(space.id, &error.to_string()),
        }
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
        let keys: Vec<_> = state.keys.iter().map(|(epoch, key)| (*epoch, key.clone())).collect();
        let keys = access.keys_to_give(&keys);
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

    /// An invitation is not accepted.
    pub fn join_refused(&self, space: SpaceId, reason: &str) {
        self.say(NodeEvent::JoinFailed { space: space.to_string(), reason: reason.to_owned() });
        if let Err(error) = self.drop_unborn_space(space) {
            tracing::warn!(%error, "a refused invitation is not forgotten");
        }
    }

    /// Proves on a connection that this device holds an invitation (N1): its id, and its key's word over the channel.
    pub fn prove_invitation(&self, space: SpaceId, secret: &InvitationSecret, nonce: &[u8; 32]) -> Vec<u8> {
        let Ok(me) = self.me() else { return Vec::new() };
        let proof = secret.prove_on_channel(space, me.keys.device.id(), nonce);
        [secret.id().as_bytes().as_slice(), &proof.to_bytes()].concat()
    }

    /// Checks such a proof.
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
        access.invitation(&id).ok_or(unknown)?;
        id.verify_on_channel(space, device, nonce, &signature).map_err(|_| unknown)
    }
}

fn socket_addresses(link: &InvitationLink) -> Vec<SocketAddr> {
    link.addresses.iter().filter_map(|address| address.parse().ok()).collect()
}
