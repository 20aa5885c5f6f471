//! Who is shown which space: members, those who were removed, and newcomers with an invitation.

use std::net::SocketAddr;
use std::sync::Arc;

use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_sync::{Event, RedemptionRefusal, Refusal, Verdict};

use super::Driver;
use crate::refusals::Refused;

impl Driver {
    /// Members may have come or gone: those who are connected are shown the space or no longer, the others are called.
    pub(super) fn members(&mut self, space: SpaceId) {
        self.unshare(space);
        for (device, addresses) in self.core.devices_of(space) {
            if self.peers.contains_key(&device) {
                let known = self.reach.borrow().devices.get(&device).is_some_and(|s| s.synced.contains_key(&space));
                if !known {
                    self.share(device, space);
                }
            } else {
                self.dial(device, addresses);
            }
        }
        self.follow_relays(space);
    }

    /// Sends nothing more of a space to those who are no longer members, nor to guests whose invitation was closed. What was
    /// stored before this reached them, their removal too.
    pub(super) fn unshare(&mut self, space: SpaceId) {
        let Some(access) = self.core.space(space).and_then(|space| space.access()) else { return };
        let dismissed = self.core.dismiss_guests(space, &access);
        let gone = |device: &DeviceId| {
            let removed = access.role_of(device).is_none() && access.person_of(device).is_some();
            dismissed.contains(device) || (removed && !self.core.is_guest(space, *device))
        };
        let gone: Vec<DeviceId> = self.peers.keys().filter(|device| gone(device)).copied().collect();
        for device in gone {
            self.part(device, space);
            self.feed(Event::Unshares { peer: device, space });
            self.core.tell_removal(device);
            self.stand(device, |standing| {
                standing.synced.remove(&space);
            });
        }
    }

    /// Tells a device that was removed that it was. It may not have heard, and hears it nowhere else.
    pub(super) fn part(&mut self, device: DeviceId, space: SpaceId) {
        let core = Arc::clone(&self.core);
        self.blocking(move || match core.farewell(space, device) {
            Some(word) => Event::Say { peer: device, space, word: word.encode() },
            None => Event::Tick,
        });
    }

    /// Nothing is asked or said of a space any more.
    pub(super) fn space_removed(&mut self, space: SpaceId) {
        self.redeeming.remove(&space);
        self.asked.remove(&space);
        self.carets.retain(|_, (of, _)| *of != space);
        self.feed(Event::SpaceRemoved { space });
        for device in self.peers.keys().copied().collect::<Vec<_>>() {
            self.stand(device, |standing| {
                standing.synced.remove(&space);
            });
        }
    }

    pub(super) fn share(&mut self, device: DeviceId, space: SpaceId) {
        self.net.admit(device);
        self.stand(device, |standing| {
            standing.synced.insert(space, false);
        });
        self.feed(Event::Shares { peer: device, space });
        self.introduce(device, space);
    }

    pub(super) fn dial(&mut self, device: DeviceId, addresses: Vec<SocketAddr>) {
        if let Err(error) = self.net.dial(device, addresses) {
            tracing::warn!(%device, %error, "cannot be called");
        }
    }

    pub(super) fn redeem(&mut self, space: SpaceId, device: DeviceId) {
        let Some(redeeming) = self.redeeming.get(&space) else { return };
        let Some(peer) = self.peers.get(&device) else { return };
        let proof = self.core.prove_invitation(space, &redeeming.secret, &peer.nonce);
        self.net.admit(device);
        self.feed(Event::Redeeming { peer: device, space, proof });
    }

    /// A peer does not let this device in. What whoever invited says is final. Others may be behind, or have nothing to do
    /// with the space, and wish that nobody joined it; but that an invitation is over, another device of whoever invited may
    /// say too, and so may a relay that the link names.
    pub(super) fn refused(&mut self, peer: DeviceId, space: SpaceId, reason: RedemptionRefusal) {
        let Some(inviter) = self.redeeming.get(&space).map(|redeeming| redeeming.device) else { return };
        let over = !matches!(reason, RedemptionRefusal::UnknownSpace | RedemptionRefusal::UnknownInvitation);
        let may_know = || self.core.are_of_one_person(inviter, peer) || self.core.kept_at(peer).contains(&space);
        if inviter == peer || (over && may_know()) {
            self.redeeming.remove(&space);
            self.core.redemption_refused(space, reason);
        }
    }

    /// A peer does not take an entry. If that is this device's redemption, it came too late after all: the invitation was over
    /// when it arrived, though it had been good when it was shown.
    pub(super) fn entry_refused(&mut self, space: SpaceId, log: LogId, refusal: &Refusal) {
        let reason = match refusal {
            Refusal::Never(Verdict::INVITATION_EXPIRED) => RedemptionRefusal::Expired,
            Refusal::Never(Verdict::INVITATION_USED_UP) => RedemptionRefusal::UsedUp,
            Refusal::Never(Verdict::INVITATION_CLOSED) => RedemptionRefusal::Cancelled,
            _ => return,
        };
        let own = self.core.me().is_ok_and(|me| me.keys.device.id() == log.device);
        if own && self.redeeming.remove(&space).is_some() {
            self.core.redemption_refused(space, reason);
        }
    }

    pub(super) fn check_redemption(&mut self, peer: DeviceId, space: SpaceId, proof: &[u8]) {
        let Some(nonce) = self.peers.get(&peer).map(|peer| peer.nonce) else { return };
        match self.core.check_invitation(space, peer, &nonce, proof) {
            Ok(()) => self.share(peer, space),
            Err(reason) => {
                self.core.refused(peer, &Refused::invitation(reason));
                self.feed(Event::RedemptionRefused { peer, space, reason });
            }
        }
    }
}
