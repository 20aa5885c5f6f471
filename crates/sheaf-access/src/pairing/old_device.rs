//! The old device's side: it has been given a code, and calls the new one.

use super::code::PairingCode;
use super::frame::{PairingFrame, PairingRefusal, Welcome};
use super::transcript::{Answer, Greeting};
use super::{ANSWERING, COMPARING};
use crate::certificate::DeviceCertificate;
use crate::keys::PersonKey;
use crate::words::COMPARED_WORDS;
use crate::{DeviceId, SealingKey, Signature};

/// What the old device is to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OldStep {
    /// Say this to the new device.
    Send(PairingFrame),
    /// It has proved that it shows the code: show its name and these words.
    Words {
        /// What the new device calls itself.
        name: String,
        /// What it shows, too.
        words: [&'static str; COMPARED_WORDS],
    },
    /// The new device has written down whose it is, and agrees to it: it may be entered everywhere.
    Done {
        /// The certificate it was given.
        certificate: DeviceCertificate,
        /// Its word that it agrees.
        consent: Signature,
    },
    /// It came to nothing.
    Failed(PairingRefusal),
}

enum State {
    /// The new device is being called.
    Calling { until: u64 },
    /// It has been greeted.
    Greeted { channel: [u8; 32], until: u64 },
    /// It has answered, and the person compares.
    Answered { sealing_key: SealingKey, until: u64 },
    /// It has been told whose it is.
    Welcomed { certificate: DeviceCertificate, until: u64 },
    /// Paired, or not.
    Over,
}

/// The old device's side of a pairing.
pub struct OldDevice {
    code: PairingCode,
    certificate: DeviceCertificate,
    nonce: [u8; 32],
    state: State,
}

impl OldDevice {
    /// Begins with a code, and the certificate of the device that was given it. `nonce` is drawn for this pairing.
    pub fn new(code: PairingCode, certificate: DeviceCertificate, nonce: [u8; 32], now: u64) -> Self {
        Self { code, certificate, nonce, state: State::Calling { until: now.saturating_add(ANSWERING) } }
    }

    /// The new device.
    pub fn device(&self) -> DeviceId {
        self.code.device
    }

    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// A connection with the new device stands.
    pub fn connected(&mut self, channel: &[u8; 32], now: u64) -> Vec<OldStep> {
        if !matches!(self.state, State::Calling { .. } | State::Greeted { .. }) {
            return Vec::new();
        }
        let proof = self.greeting(channel).proof();
        self.state = State::Greeted { channel: *channel, until: now.saturating_add(ANSWERING) };
        vec![OldStep::Send(PairingFrame::Greet { certificate: self.certificate, nonce: self.nonce, proof })]
    }

    /// The new device said something.
    pub fn heard(&mut self, from: DeviceId, frame: PairingFrame, now: u64) -> Vec<OldStep> {
        if from != self.code.device {
            return Vec::new();
        }
        match (frame, &self.state) {
            (PairingFrame::Answer { sealing_key, name, nonce, proof }, State::Greeted { channel, .. }) => {
                let greeting = self.greeting(channel);
                let answer = Answer { sealing_key, name: &name, nonce: &nonce };
                if blake3::Hash::from(greeting.answer_proof(answer)) != blake3::Hash::from(proof) {
                    return self.fail(PairingRefusal::Rules, true);
                }
                let words = greeting.words(answer);
                self.state = State::Answered { sealing_key, until: now.saturating_add(COMPARING) };
                vec![OldStep::Words { name, words }]
            }
            (PairingFrame::Done { consent }, State::Welcomed { certificate, .. }) => {
                let certificate = *certificate;
                if certificate.verify_consent(&consent).is_err() {
                    return self.fail(PairingRefusal::Rules, true);
                }
                self.state = State::Over;
                vec![OldStep::Done { certificate, consent }]
            }
            (PairingFrame::Refuse(reason), _) => self.fail(reason, false),
            _ => Vec::new(),
        }
    }

    /// Signs the certificate of the device that answered; nothing unless one has, and the person is comparing.
    pub fn certify(&self, root: &PersonKey) -> Option<DeviceCertificate> {
        let State::Answered { sealing_key, .. } = &self.state else { return None };
        (root.id() == self.certificate.person)
            .then(|| DeviceCertificate::issue_for(root, self.code.device, *sealing_key))
    }

    /// The person has compared the words: they are the same.
    pub fn confirm(&mut self, welcome: Welcome, now: u64) -> Vec<OldStep> {
        if !matches!(self.state, State::Answered { .. }) {
            return Vec::new();
        }
        self.state = State::Welcomed { certificate: welcome.certificate, until: now.saturating_add(ANSWERING) };
        vec![OldStep::Send(PairingFrame::Welcome(Box::new(welcome)))]
    }

    /// The connection is gone. Until there are words to compare, another may take its place.
    pub fn gone(&mut self) -> Vec<OldStep> {
        match self.state {
            State::Greeted { until, .. } => self.state = State::Calling { until },
            State::Answered { .. } | State::Welcomed { .. } => return self.fail(PairingRefusal::Lost, false),
            State::Calling { .. } | State::Over => {}
        }
        Vec::new()
    }

    /// The person wants no more of it.
    pub fn cancel(&mut self) -> Vec<OldStep> {
        self.fail(PairingRefusal::Cancelled, true)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: u64) -> Vec<OldStep> {
        let until = match &self.state {
            State::Calling { until }
            | State::Greeted { until, .. }
            | State::Answered { until, .. }
            | State::Welcomed { until, .. } => *until,
            State::Over => return Vec::new(),
        };
        if now >= until { self.fail(PairingRefusal::Lost, true) } else { Vec::new() }
    }

    fn greeting<'a>(&'a self, channel: &'a [u8; 32]) -> Greeting<'a> {
        Greeting {
            secret: &self.code.secret,
            channel,
            new: self.code.device,
            certificate: &self.certificate,
            nonce: &self.nonce,
        }
    }

    fn fail(&mut self, reason: PairingRefusal, tell: bool) -> Vec<OldStep> {
        let mut steps = Vec::new();
        if tell && matches!(self.state, State::Greeted { .. } | State::Answered { .. }) {
            steps.push(OldStep::Send(PairingFrame::Refuse(reason)));
        }
        if !self.is_over() {
            self.state = State::Over;
            steps.push(OldStep::Failed(reason));
        }
        steps
    }
}
