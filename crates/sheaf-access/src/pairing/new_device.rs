//! The new device's side: it waits for whoever knows its code.

use super::code::PairingSecret;
use super::frame::{PairingFrame, PairingRefusal, Welcome};
use super::transcript::{Answer, Greeting};
use super::{CODE_LIFE, COMPARING};
use crate::words::COMPARED_WORDS;
use crate::{DeviceId, PersonId, SealingKey, Signature};

/// What the new device is to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NewStep {
    /// Say this to that device.
    Send(DeviceId, PairingFrame),
    /// That device has proved that it knows the code: its connection may stay.
    Keep(DeviceId),
    /// Show these words; the other device shows the same.
    Words(DeviceId, [&'static str; COMPARED_WORDS]),
    /// Write down who this device is from now on, then say [`NewDevice::stored`].
    Become(Box<Welcome>),
    /// It came to nothing.
    Failed(PairingRefusal),
}

enum State {
    /// Nobody has come.
    Waiting,
    /// A device that knows the code has come, and the person compares.
    Met { peer: DeviceId, person: PersonId, until: u64 },
    /// The certificate is here and being written down.
    Becoming { peer: DeviceId },
    /// Paired, or not; nothing more comes of this code.
    Over,
}

/// The new device's side of a pairing.
pub struct NewDevice {
    device: DeviceId,
    sealing_key: SealingKey,
    name: String,
    secret: PairingSecret,
    until: u64,
    state: State,
}

impl NewDevice {
    /// Begins to wait. The name is what the device calls itself.
    pub fn new(device: DeviceId, sealing_key: SealingKey, name: &str, secret: PairingSecret, now: u64) -> Self {
        let name = name.chars().filter(|c| !c.is_control()).take(super::MAX_DEVICE_NAME).collect();
        Self { device, sealing_key, name, secret, until: now.saturating_add(CODE_LIFE), state: State::Waiting }
    }

    /// This device.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Until when the code can be used.
    pub fn until(&self) -> u64 {
        self.until
    }

    /// Whether nothing more comes of this code.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// A connected device said something. `nonce` is drawn for this call; it is used at most once.
    pub fn heard(
        &mut self,
        from: DeviceId,
        channel: &[u8; 32],
        frame: PairingFrame,
        nonce: [u8; 32],
        now: u64,
    ) -> Vec<NewStep> {
        match frame {
            PairingFrame::Greet { certificate, nonce: theirs, proof } => {
                let greeting = Greeting {
                    secret: &self.secret,
                    channel,
                    new: self.device,
                    certificate: &certificate,
                    nonce: &theirs,
                };
                // Whoever does not know the code learns nothing of how things stand, and changes nothing.
                if blake3::Hash::from(greeting.proof()) != blake3::Hash::from(proof) {
                    return vec![NewStep::Send(from, PairingFrame::Refuse(PairingRefusal::OtherSecret))];
                }
                if certificate.device != from || certificate.verify().is_err() {
                    return vec![NewStep::Send(from, PairingFrame::Refuse(PairingRefusal::Rules))];
                }
                match &self.state {
                    State::Over | State::Becoming { .. } => {
                        return vec![NewStep::Send(from, PairingFrame::Refuse(PairingRefusal::Used))];
                    }
                    // The same device may come again when its connection broke; another may not.
                    State::Met { peer, .. } if *peer != from => {
                        return vec![NewStep::Send(from, PairingFrame::Refuse(PairingRefusal::Used))];
                    }
                    State::Waiting | State::Met { .. } => {}
                }
                if now >= self.until {
                    return vec![NewStep::Send(from, PairingFrame::Refuse(PairingRefusal::NoCode))];
                }
                let answer = Answer { sealing_key: self.sealing_key, name: &self.name, nonce: &nonce };
                let (proof, words) = (greeting.answer_proof(answer), greeting.words(answer));
                let until = now.saturating_add(COMPARING);
                self.state = State::Met { peer: from, person: certificate.person, until };
                let frame =
                    PairingFrame::Answer { sealing_key: self.sealing_key, name: self.name.clone(), nonce, proof };
                vec![NewStep::Keep(from), NewStep::Send(from, frame), NewStep::Words(from, words)]
            }
            PairingFrame::Welcome(welcome) => {
                let State::Met { peer, person, .. } = self.state else { return Vec::new() };
                if peer != from {
                    return Vec::new();
                }
                let certificate = &welcome.certificate;
                let fits = certificate.device == self.device
                    && certificate.sealing_key == self.sealing_key
                    && certificate.person == person
                    && certificate.verify().is_ok();
                if !fits {
                    return self.fail(PairingRefusal::Rules, true);
                }
                self.state = State::Becoming { peer };
                vec![NewStep::Become(welcome)]
            }
            PairingFrame::Refuse(reason) => match self.state {
                State::Met { peer, .. } if peer == from => self.fail(reason, false),
                _ => Vec::new(),
            },
            // Only the new device says these.
            PairingFrame::Answer { .. } | PairingFrame::Done { .. } => Vec::new(),
        }
    }

    /// The certificate is written down, and the device agrees to it; none: it could not be written.
    pub fn stored(&mut self, consent: Option<Signature>) -> Vec<NewStep> {
        let State::Becoming { peer } = self.state else { return Vec::new() };
        self.state = State::Over;
        let frame = match consent {
            Some(consent) => PairingFrame::Done { consent },
            None => PairingFrame::Refuse(PairingRefusal::Cancelled),
        };
        vec![NewStep::Send(peer, frame)]
    }

    /// The person wants no more of it.
    pub fn cancel(&mut self) -> Vec<NewStep> {
        self.fail(PairingRefusal::Cancelled, true)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: u64) -> Vec<NewStep> {
        match self.state {
            State::Waiting if now >= self.until => self.fail(PairingRefusal::NoCode, true),
            State::Met { until, .. } if now >= until => self.fail(PairingRefusal::NoCode, true),
            _ => Vec::new(),
        }
    }

    fn fail(&mut self, reason: PairingRefusal, tell: bool) -> Vec<NewStep> {
        let mut steps = Vec::new();
        if let State::Met { peer, .. } = self.state
            && tell
        {
            steps.push(NewStep::Send(peer, PairingFrame::Refuse(reason)));
        }
        if !matches!(self.state, State::Over | State::Becoming { .. }) {
            self.state = State::Over;
            steps.push(NewStep::Failed(reason));
        }
        steps
    }
}
