//! A device shows that it is a person's, and is told which of that person's spaces are here.
//!
//! A device that was recovered from the phrase has a certificate and nothing else: it is in no access state, so nobody
//! offers it anything (N1). The certificate is enough to be told, by someone who shares a space with the person, *which*
//! spaces these are, and to be shown them: it is signed by the root key, the connection has proved the device, and the
//! device was not removed. Nobody learns of a space in which the person they have proved to be is not a member.

use std::net::SocketAddr;
use std::sync::Arc;

use sheaf_access::pairing::MAX_DEVICES;
use sheaf_access::{AccessOp, AccessState, DeviceCertificate, DeviceId, DeviceRevocation, SpaceId};

use super::direct::{Direct, DirectStep, MAX_ADDRESSES, MAX_NAMED};
use super::plan::Proof;
use crate::core::{Core, locked};
use crate::identity::Identity;
use crate::network::Input;
use crate::refusals::Refused;

impl Core {
    /// A connection stands: what there is to say beside the spaces that both share.
    pub fn direct_connected(self: &Arc<Self>, device: DeviceId, channel: &[u8; 32]) {
        self.pairing_connected(device, channel);
        let Ok(me) = self.me() else { return };
        if self.tell_removal(device) {
            return;
        }
        // Whoever shares nothing with this device learns nothing of whose it is, unless it looks for its spaces.
        let known = !self.shared_with(device).is_empty() || locked(&self.devices.claimed).contains_key(&device);
        // A device that was paired and knows its private space by name only: whoever paired it can be called.
        let arriving = || self.own_private().is_none() && !self.addresses_of(device).is_empty();
        if self.devices.is_looking() || known || arriving() {
            self.ask(device, &me);
        }
    }

    /// Shows a device whose this one is, and asks it for the person's spaces.
    fn ask(&self, device: DeviceId, me: &Identity) {
        let certificate = me.keys.certificate;
        let proof = Proof { certificate, consent: certificate.consent(&me.keys.device) };
        locked(&self.devices.asked).insert(device);
        let addresses = self.network().map(|network| network.addresses.to_vec()).unwrap_or_default();
        let addresses = addresses.into_iter().take(MAX_ADDRESSES).collect();
        self.say_directly(vec![DirectStep::Send(device, Box::new(Direct::Claim { proof, addresses }))]);
    }

    /// A connected device said something.
    pub fn direct_heard(self: &Arc<Self>, device: DeviceId, channel: &[u8; 32], direct: Direct) {
        match direct {
            Direct::Pairing(frame) => self.pairing_heard(device, channel, frame),
            Direct::Claim { proof, addresses } => self.claimed(device, proof, &addresses),
            Direct::Named { certificate, private, spaces, devices } => {
                if self.named(device, &certificate, private, &spaces) {
                    self.call_others(&devices);
                }
            }
            Direct::Revoked(revocation) => {
                if !self.learn_removal(revocation) {
                    self.refused(device, &Refused::claim("It says that somebody removed this device who cannot."));
                }
            }
        }
    }

    /// A connection is gone.
    pub fn direct_gone(self: &Arc<Self>, device: DeviceId) {
        locked(&self.devices.asked).remove(&device);
        locked(&self.devices.answered).remove(&device);
        locked(&self.devices.told).remove(&device);
        self.pairing_gone(device);
    }

    fn say_directly(&self, steps: Vec<DirectStep>) {
        self.tell_network(Input::Direct(steps));
    }

    /// "This device is that person's."
    fn claimed(self: &Arc<Self>, device: DeviceId, proof: Proof, addresses: &[SocketAddr]) {
        let Ok(me) = self.me() else { return };
        // Once on each connection: it costs signatures to check, and a look at every space.
        if !locked(&self.devices.answered).insert(device) {
            return;
        }
        if proof.certificate.device != device || !proof.holds() {
            self.refused(device, &Refused::claim("It claims to be somebody's device, and shows nothing that says so."));
            return;
        }
        if self.tell_removal(device) {
            return;
        }
        let person = proof.certificate.person;
        let own = person == me.person();
        let is_in = |access: &AccessState| access.member(&person).is_some() && !access.is_removed(&person, &device);
        let held = self.spaces();
        let named = held.iter().filter(|space| space.access().is_some_and(|access| is_in(&access)));
        let spaces: Vec<SpaceId> = named.map(|space| space.id).take(MAX_NAMED).collect();
        if own {
            let news = locked(&self.devices.claimed).insert(device, proof).is_none();
            self.devices.wake();
            if news {
                // It may know of spaces, and of a private one, that this device does not.
                self.ask(device, &me);
            }
        } else if spaces.is_empty() {
            return;
        }
        self.put_addresses(device, addresses);
        let private = self.first_space().filter(|_| own).map(|space| space.id);
        let others = private.map(|private| self.devices_of(private)).unwrap_or_default().into_iter();
        let others = others.filter(|(other, addresses)| *other != device && !addresses.is_empty());
        let devices = others
            .take(MAX_DEVICES)
            .map(|(other, addresses)| (other, addresses.into_iter().take(MAX_ADDRESSES).collect()))
            .collect();
        let answer = Direct::Named { certificate: me.keys.certificate, private, spaces: spaces.clone(), devices };
        let mut steps = vec![DirectStep::Admit(device), DirectStep::Send(device, Box::new(answer))];
        steps.extend(spaces.into_iter().map(|space| DirectStep::Share(device, space)));
        self.say_directly(steps);
    }

    /// Where the person's other devices can be called: so that they meet also when the one that knows all is away.
    fn call_others(&self, devices: &[(DeviceId, Vec<SocketAddr>)]) {
        let Ok(me) = self.me() else { return };
        for (device, addresses) in devices.iter().filter(|(device, _)| *device != me.keys.device.id()) {
            // What the device says of itself is newer.
            if self.addresses_of(*device).is_empty() {
                self.put_addresses(*device, addresses);
                self.tell_network(Input::Call { device: *device, addresses: addresses.clone() });
            }
        }
    }

    /// The answer to a claim of this device's. Answers whether it comes from the person's own device.
    fn named(
        &self,
        device: DeviceId,
        certificate: &DeviceCertificate,
        private: Option<SpaceId>,
        spaces: &[SpaceId],
    ) -> bool {
        let (Ok(me), true) = (self.me(), locked(&self.devices.asked).remove(&device)) else { return false };
        if certificate.device != device || certificate.verify().is_err() {
            return false;
        }
        let own = certificate.person == me.person();
        // Before the spaces: whoever waits for these asks for the private one next.
        match private.filter(|_| own) {
            Some(private) if self.first_space_id().is_none() => {
                *locked(&self.devices.found_private) = Some(private);
            }
            Some(private) if !self.is_first_space(private) => {
                *locked(&self.devices.other_private) = Some(private);
                self.devices.wake();
            }
            _ => {}
        }
        // From others only a device that looks takes what it is told: they could name anything.
        if own || self.devices.is_looking() {
            for space in spaces {
                if let Err(error) = self.fetch(*space) {
                    tracing::warn!(%error, %space, "a space that was named is not taken in");
                }
            }
        }
        self.devices.named.notify_waiters();
        own
    }

    /// Shows a connected device that its person has removed it, if that is so: once on each connection.
    pub fn tell_removal(&self, device: DeviceId) -> bool {
        let Some(revocation) = self.revocation_of(device) else { return false };
        if locked(&self.devices.told).insert(device) {
            self.say_directly(vec![DirectStep::Send(device, Box::new(Direct::Revoked(revocation)))]);
        }
        true
    }

    /// The person's word that a device is theirs no longer, if it is known in any space.
    pub fn revocation_of(&self, device: DeviceId) -> Option<DeviceRevocation> {
        self.spaces().iter().find_map(|space| {
            let state = space.lock();
            let history = state.access.as_ref()?;
            let person = history.now().person_of(&device)?;
            if !history.now().is_removed(&person, &device) {
                return None;
            }
            history.entries().find_map(|entry| match &entry.operation {
                AccessOp::RemoveDevice { revocation, .. }
                    if revocation.device == device && revocation.person == person =>
                {
                    Some(*revocation)
                }
                _ => None,
            })
        })
    }
}
