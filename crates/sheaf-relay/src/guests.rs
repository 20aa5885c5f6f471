//! Guests: devices that have shown a link and were let in, until they have joined or gone (N1, I3a).
//!
//! How long an invitation is good, and for how many, are questions of time and order, which access entries cannot answer. A
//! relay answers them like any device that a newcomer comes to: once, on the connection. A yes keeps a place, so that two who
//! come at once for one place are not both told to come in.

use std::collections::BTreeMap;

use sheaf_access::{
    AccessEntry, AccessOp, AccessState, Binding, DeviceId, Invitation, InvitationId, Signature, SpaceId,
};
use sheaf_sync::RedemptionRefusal;

/// Who is here by an invitation alone.
#[derive(Debug, Default)]
pub struct Guests(BTreeMap<(SpaceId, DeviceId), InvitationId>);

impl Guests {
    /// Checks that a device holds an invitation, by its id and its key's word over the channel, and whether it is good for
    /// one more. A yes keeps a place.
    pub fn check(
        &mut self,
        access: &AccessState,
        device: DeviceId,
        nonce: &[u8; 32],
        proof: &[u8],
        now: u64,
    ) -> Result<(), RedemptionRefusal> {
        let unknown = RedemptionRefusal::UnknownInvitation;
        let space = access.space();
        let (id, signature) = proof.split_first_chunk::<32>().ok_or(unknown)?;
        let signature = Signature::from_bytes(signature.try_into().map_err(|_| unknown)?);
        let id = InvitationId::from_bytes(*id);
        let invitation = access.any_invitation(&id).ok_or(unknown)?;
        // What is wrong with it is told to those who hold it, and to nobody else.
        id.verify_on_channel(space, device, nonce, &signature).map_err(|_| unknown)?;
        let others = self.0.iter().filter(|((of, who), by)| *of == space && *who != device && **by == id).count();
        check_terms(invitation, others, now)?;
        self.0.insert((space, device), id);
        Ok(())
    }

    /// Whether a redemption that a device brings itself is accepted: it was let in with its link, or might be now.
    pub fn binds(&self, entry: &AccessEntry, access: &AccessState, now: u64) -> Result<(), Binding> {
        let AccessOp::Redeem { invitation, .. } = &entry.operation else { return Ok(()) };
        let guest = self.0.get(&(access.space(), entry.log.device)) == Some(invitation);
        match access.binds(entry, now) {
            Err(Binding::Expired | Binding::UsedUp) if guest => Ok(()),
            verdict => verdict,
        }
    }

    /// Whether a device is in a space as a guest.
    pub fn has(&self, space: SpaceId, device: DeviceId) -> bool {
        self.0.contains_key(&(space, device))
    }

    /// Forgets those of a space who have joined. Answers those whose invitation was closed before they had.
    pub fn dismiss(&mut self, access: &AccessState) -> Vec<DeviceId> {
        let mut dismissed = Vec::new();
        self.0.retain(|(space, device), invitation| {
            if *space != access.space() {
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

    /// A device is gone, and the places that were kept for it are free.
    pub fn left(&mut self, device: DeviceId) {
        self.0.retain(|(_, guest), _| *guest != device);
    }
}

/// Whether an invitation is good for one more than have joined by it, with so many who are about to.
fn check_terms(invitation: &Invitation, coming: usize, now: u64) -> Result<(), RedemptionRefusal> {
    let used = invitation.redemptions.len() + coming;
    let used_up = invitation.uses.is_some_and(|uses| used >= uses as usize);
    let expired = invitation.expires.is_some_and(|expires| now >= expires);
    match (used_up, expired, invitation.open) {
        (true, ..) => Err(RedemptionRefusal::UsedUp),
        (_, true, _) => Err(RedemptionRefusal::Expired),
        (_, _, false) => Err(RedemptionRefusal::Cancelled),
        _ => Ok(()),
    }
}
