//! The two sides of a pairing, tied to the network and to whoever sits in front of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sheaf_access::pairing::{
    MAX_DEVICES, NewDevice, NewStep, OldDevice, OldStep, PairingCode, PairingFrame, PairingRefusal, PairingSecret,
    Welcome,
};
use sheaf_access::{DeviceId, DeviceKeys, PersonKey};

use super::direct::{Direct, DirectStep};
use super::plan::Proof;
use crate::core::{Core, locked, now};
use crate::error::NodeError;
use crate::identity::Identity;
use crate::network::Input;
use crate::refusals::Refused;
use crate::view::NodeEvent;

/// How many addresses of a device the new one is told.
const ADDRESSES: usize = 8;

/// How often it is looked whether the time of a pairing is over.
const TICK: Duration = Duration::from_secs(1);

/// Which side this device is on.
enum Side {
    New { machine: NewDevice, keys: DeviceKeys },
    Old(OldDevice),
}

/// What is known of the other device once it has proved itself.
#[derive(Clone)]
pub struct Met {
    /// Which device.
    pub device: DeviceId,
    /// What it calls itself; empty on the new device.
    pub name: String,
    /// What both show.
    pub words: Vec<String>,
}

/// A pairing that is going on, or how the last one ended.
pub struct Pairing {
    side: Side,
    met: Option<Met>,
    end: Option<Result<Proof, PairingRefusal>>,
}

/// What is to be done after a step.
#[derive(Default)]
struct Outcome {
    direct: Vec<DirectStep>,
    events: Vec<NodeEvent>,
    welcome: Option<Box<Welcome>>,
}

impl Pairing {
    fn device(&self) -> Option<DeviceId> {
        match &self.side {
            Side::New { .. } => None,
            Side::Old(machine) => Some(machine.device()),
        }
    }

    fn after_new(&mut self, steps: Vec<NewStep>) -> Outcome {
        let mut outcome = Outcome::default();
        for step in steps {
            match step {
                NewStep::Send(device, frame) => {
                    outcome.direct.push(DirectStep::Send(device, Box::new(Direct::Pairing(frame))));
                }
                NewStep::Keep(device) => outcome.direct.push(DirectStep::Admit(device)),
                NewStep::Words(device, words) => {
                    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
                    self.met = Some(Met { device, name: String::new(), words: words.clone() });
                    outcome.events.push(NodeEvent::PairingWords { device: device.to_string(), words });
                }
                NewStep::Become(welcome) => outcome.welcome = Some(welcome),
                NewStep::Failed(reason) => self.failed(reason, &mut outcome),
            }
        }
        outcome
    }

    fn after_old(&mut self, steps: Vec<OldStep>) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(device) = self.device() else { return outcome };
        for step in steps {
            match step {
                OldStep::Send(frame) => outcome.direct.push(DirectStep::Send(device, Box::new(Direct::Pairing(frame)))),
                OldStep::Words { name, words } => {
                    let words = words.into_iter().map(str::to_owned).collect();
                    outcome.direct.push(DirectStep::Admit(device));
                    self.met = Some(Met { device, name, words });
                }
                OldStep::Done { certificate, consent } => self.end = Some(Ok(Proof { certificate, consent })),
                OldStep::Failed(reason) => self.failed(reason, &mut outcome),
            }
        }
        outcome
    }

    fn failed(&mut self, reason: PairingRefusal, outcome: &mut Outcome) {
        self.end = Some(Err(reason));
        outcome.events.push(NodeEvent::PairingFailed { reason: reason.to_string() });
    }

    fn cancel(&mut self) -> Outcome {
        match &mut self.side {
            Side::New { machine, .. } => {
                let steps = machine.cancel();
                self.after_new(steps)
            }
            Side::Old(machine) => {
                let steps = machine.cancel();
                self.after_old(steps)
            }
        }
    }

    fn tick(&mut self, now: u64) -> Outcome {
        match &mut self.side {
            Side::New { machine, .. } => {
                let steps = machine.tick(now);
                self.after_new(steps)
            }
            Side::Old(machine) => {
                let steps = machine.tick(now);
                self.after_old(steps)
            }
        }
    }

    fn heard(&mut self, from: DeviceId, channel: &[u8; 32], frame: PairingFrame, now: u64) -> Outcome {
        match &mut self.side {
            Side::New { machine, .. } => {
                let steps = machine.heard(from, channel, frame, rand::random(), now);
                self.after_new(steps)
            }
            Side::Old(machine) => {
                let steps = machine.heard(from, frame, now);
                self.after_old(steps)
            }
        }
    }
}

fn as_text(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().take(ADDRESSES).map(ToString::to_string).collect()
}

impl Core {
    /// Begins to show a code, with keys that this device will have from then on. Answers the code, and until when it can be
    /// used.
    pub fn show_code(self: &Arc<Self>, keys: DeviceKeys, addresses: &[String]) -> Result<(String, u64), NodeError> {
        let secret = PairingSecret::generate(&mut rand::rng());
        let code = PairingCode { device: keys.id(), secret: secret.clone(), addresses: addresses.to_vec() };
        let text = code.to_text().map_err(|error| NodeError::BadInput(error.to_string()))?;
        let machine = NewDevice::new(keys.id(), keys.sealing_key(), &super::default_name(), secret, now());
        let until = machine.until();
        self.put_pairing(Side::New { machine, keys });
        Ok((text, until))
    }

    /// The keys of a code that has been shown in this process: another code is shown with the same ones.
    pub fn shown_keys(&self) -> Option<DeviceKeys> {
        match locked(&self.devices.pairing).as_ref()?.side {
            Side::New { ref keys, .. } => Some(keys.clone()),
            Side::Old(_) => None,
        }
    }

    /// Begins to call the device that shows a code.
    pub fn take_code(self: &Arc<Self>, code: PairingCode) -> Result<(), NodeError> {
        let me = self.me()?;
        let (device, addresses) = (code.device, code.addresses.iter().filter_map(|a| a.parse().ok()).collect());
        self.put_pairing(Side::Old(OldDevice::new(code, me.keys.certificate, rand::random(), now())));
        self.tell_network(Input::Call { device, addresses });
        Ok(())
    }

    fn put_pairing(self: &Arc<Self>, side: Side) {
        self.cancel_pairing();
        *locked(&self.devices.pairing) = Some(Pairing { side, met: None, end: None });
        let node = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                let Some(core) = node.upgrade() else { return };
                core.with_pairing(|pairing| pairing.tick(now()));
                if core.pairing_end().is_some() {
                    return;
                }
            }
        });
    }

    /// The person wants no more of the pairing that is going on, if one is.
    pub fn cancel_pairing(self: &Arc<Self>) {
        if self.pairing_end().is_none() {
            self.with_pairing(Pairing::cancel);
        }
    }

    /// The other device, once it has proved itself.
    pub fn pairing_met(&self) -> Option<Met> {
        locked(&self.devices.pairing).as_ref()?.met.clone()
    }

    /// How the pairing ended, if it has.
    pub fn pairing_end(&self) -> Option<Result<Proof, PairingRefusal>> {
        locked(&self.devices.pairing).as_ref()?.end
    }

    /// The person has compared the words, and the root key signs. Nothing happens if nobody has answered.
    pub fn confirm_pairing(self: &Arc<Self>, root: &PersonKey) -> Result<(), NodeError> {
        let me = self.me()?;
        let private = self.first_space().ok_or(NodeError::NotInitialised)?.id;
        let addresses = self.network().map(|network| network.addresses.to_vec()).unwrap_or_default();
        let mut devices = vec![(me.keys.device.id(), as_text(&addresses))];
        // The others, too: the new device can then do without this one.
        let others = self.devices_of(private).into_iter().filter(|(_, addresses)| !addresses.is_empty());
        devices.extend(others.take(MAX_DEVICES - 1).map(|(device, addresses)| (device, as_text(&addresses))));
        self.with_pairing(|pairing| {
            let Side::Old(machine) = &mut pairing.side else { return Outcome::default() };
            let Some(certificate) = machine.certify(root) else { return Outcome::default() };
            let (name, colour) = (me.name.clone(), me.colour);
            let welcome = Welcome { certificate, name, colour, private, devices };
            let steps = machine.confirm(welcome, now());
            pairing.after_old(steps)
        });
        Ok(())
    }

    /// A connection stands.
    pub(super) fn pairing_connected(self: &Arc<Self>, device: DeviceId, channel: &[u8; 32]) {
        self.with_pairing(|pairing| {
            let Side::Old(machine) = &mut pairing.side else { return Outcome::default() };
            if machine.device() != device {
                return Outcome::default();
            }
            let steps = machine.connected(channel, now());
            pairing.after_old(steps)
        });
    }

    /// A connection is gone.
    pub(super) fn pairing_gone(self: &Arc<Self>, device: DeviceId) {
        self.with_pairing(|pairing| {
            let Side::Old(machine) = &mut pairing.side else { return Outcome::default() };
            if machine.device() != device {
                return Outcome::default();
            }
            let steps = machine.gone();
            pairing.after_old(steps)
        });
    }

    /// A connected device said something.
    pub(super) fn pairing_heard(self: &Arc<Self>, device: DeviceId, channel: &[u8; 32], frame: PairingFrame) {
        if locked(&self.devices.pairing).is_none() {
            if matches!(frame, PairingFrame::Greet { .. }) {
                self.refused(device, &Refused::pairing());
                let refuse = Direct::Pairing(PairingFrame::Refuse(PairingRefusal::NoCode));
                self.tell_network(Input::Direct(vec![DirectStep::Send(device, Box::new(refuse))]));
            }
            return;
        }
        self.with_pairing(|pairing| pairing.heard(device, channel, frame, now()));
    }

    fn with_pairing(self: &Arc<Self>, step: impl FnOnce(&mut Pairing) -> Outcome) {
        let outcome = match locked(&self.devices.pairing).as_mut() {
            Some(pairing) => step(pairing),
            None => return,
        };
        if !outcome.direct.is_empty() {
            self.tell_network(Input::Direct(outcome.direct));
        }
        for event in outcome.events {
            self.say(event);
        }
        if let Some(welcome) = outcome.welcome {
            let core = Arc::clone(self);
            // It writes files, and whoever calls this may not wait.
            tokio::task::spawn_blocking(move || core.become_device(*welcome));
        }
        self.devices.paired.notify_waiters();
    }

    /// The certificate is here: from now on this device is that person's. Blocks.
    fn become_device(self: &Arc<Self>, welcome: Welcome) {
        let peer = self.pairing_met().map(|met| met.device);
        let became = self.try_become(welcome);
        if let Err(error) = &became {
            tracing::error!(%error, "the certificate of this device cannot be kept");
        }
        self.with_pairing(|pairing| {
            let Side::New { machine, .. } = &mut pairing.side else { return Outcome::default() };
            let steps = machine.stored(became.as_ref().ok().map(|proof| proof.consent));
            let mut outcome = pairing.after_new(steps);
            match (&became, peer) {
                (Ok(proof), Some(peer)) => {
                    pairing.end = Some(Ok(*proof));
                    outcome.events.push(NodeEvent::Paired { device: peer.to_string() });
                }
                (Err(error), _) => {
                    pairing.end = Some(Err(PairingRefusal::Cancelled));
                    outcome.events.push(NodeEvent::PairingFailed { reason: error.to_string() });
                }
                (Ok(_), None) => {}
            }
            outcome
        });
    }

    fn try_become(self: &Arc<Self>, welcome: Welcome) -> Result<Proof, NodeError> {
        let keys = self.shown_keys().ok_or(NodeError::Closing)?;
        let Welcome { certificate, name, colour, private, devices } = welcome;
        let consent = certificate.consent(&keys);
        let identity = Identity::for_new_device(certificate, keys, &name, colour)?;
        // Which space is the private one is written first: a home with a person and without it would begin a new one.
        self.choose_first_space(private)?;
        self.set_me(identity)?;
        self.fetch(private)?;
        for (device, addresses) in devices {
            let addresses: Vec<_> = addresses.iter().filter_map(|address| address.parse().ok()).collect();
            self.put_addresses(device, &addresses);
            self.tell_network(Input::Call { device, addresses });
        }
        self.devices.wake();
        self.say(NodeEvent::Devices);
        Ok(Proof { certificate, consent })
    }
}
