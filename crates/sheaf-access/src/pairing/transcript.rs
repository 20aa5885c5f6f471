//! What both sides prove, and show: the secret and all that was said, under one hash each.

use super::code::PairingSecret;
use crate::certificate::DeviceCertificate;
use crate::words::{COMPARED_WORDS, words};
use crate::{DeviceId, SealingKey, domain};

/// What the old device says first, on a connection.
#[derive(Clone, Copy)]
pub(super) struct Greeting<'a> {
    pub(super) secret: &'a PairingSecret,
    pub(super) channel: &'a [u8; 32],
    pub(super) new: DeviceId,
    pub(super) certificate: &'a DeviceCertificate,
    pub(super) nonce: &'a [u8; 32],
}

/// What the new device answers.
#[derive(Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) sealing_key: SealingKey,
    pub(super) name: &'a str,
    pub(super) nonce: &'a [u8; 32],
}

impl Greeting<'_> {
    /// The old device's proof.
    pub(super) fn proof(&self) -> [u8; 32] {
        self.hash(domain::PAIRING_GREET, None)
    }

    /// The new device's.
    pub(super) fn answer_proof(&self, answer: Answer<'_>) -> [u8; 32] {
        self.hash(domain::PAIRING_ANSWER, Some(answer))
    }

    /// What both show.
    pub(super) fn words(&self, answer: Answer<'_>) -> [&'static str; COMPARED_WORDS] {
        words(&self.hash(domain::PAIRING_WORDS, Some(answer)))
    }

    fn hash(&self, context: &str, answer: Option<Answer<'_>>) -> [u8; 32] {
        let signature = self.certificate.signature.to_bytes();
        let mut parts: Vec<&[u8]> = vec![
            self.secret.as_bytes(),
            self.channel,
            self.new.as_bytes(),
            self.certificate.person.as_bytes(),
            self.certificate.device.as_bytes(),
            self.certificate.sealing_key.as_bytes(),
            &signature,
            self.nonce,
        ];
        if let Some(answer) = &answer {
            // The name is last, so that it needs no length.
            parts.extend([answer.sealing_key.as_bytes().as_slice(), answer.nonce, answer.name.as_bytes()]);
        }
        domain::hash(context, &parts)
    }
}
