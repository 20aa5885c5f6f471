//! What two devices say to each other while they are being paired, and its bytes.

use serde::{Deserialize, Serialize};

use crate::certificate::DeviceCertificate;
use crate::link::{MAX_ADDRESSES, is_address};
use crate::{DeviceId, SealingKey, Signature, SpaceId};

/// The longest name of a device, in characters.
pub const MAX_DEVICE_NAME: usize = 80;
/// The longest name of a person, in bytes.
const MAX_PERSON_NAME: usize = 400;
/// The most devices a new one is told of.
pub const MAX_DEVICES: usize = 32;
/// The longest frame.
const MAX_SIZE: usize = 96 * 1024;

/// What makes the new device the person's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// The root key's word that the device is the person's.
    pub certificate: DeviceCertificate,
    /// What the person is called.
    pub name: String,
    /// Their colour, 1 to 8.
    pub colour: u8,
    /// The private space of the person: what lists all the others.
    pub private: SpaceId,
    /// The person's devices, and where they can be called.
    pub devices: Vec<(DeviceId, Vec<String>)>,
}

/// Why one side wants no more of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum PairingRefusal {
    /// No code is shown there, or its time is over.
    #[error("The new device shows no pairing code any more, or its time is over. Show a new one there, and use that.")]
    NoCode,
    /// The secret is another.
    #[error("The new device shows another code by now. Copy the code from it again.")]
    OtherSecret,
    /// The code was used.
    #[error(
        "Another device has used this code already. If that was not you, someone has read it: the new device may be \
         theirs now. Delete its folder there, and show a new code."
    )]
    Used,
    /// Nobody answers.
    #[error(
        "The new device does not answer. Both must be switched on, and on one network; then show a new code there."
    )]
    Lost,
    /// Somebody said no.
    #[error("The pairing was cancelled on the other device.")]
    Cancelled,
    /// What was said is not what is said here.
    #[error("The other device does not follow the pairing's rules. Update both, and show a new code.")]
    Rules,
}

/// One message of a pairing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PairingFrame {
    /// Old to new: here I am, and I know the code.
    Greet {
        /// Who calls.
        certificate: DeviceCertificate,
        /// Drawn for this connection.
        nonce: [u8; 32],
        /// That the sender knows the secret.
        proof: [u8; 32],
    },
    /// New to old: so do I, and this is what I am.
    Answer {
        /// What content keys are to be wrapped for.
        sealing_key: SealingKey,
        /// What the device calls itself.
        name: String,
        /// Drawn for this answer.
        nonce: [u8; 32],
        /// That the sender knows the secret, and heard what was said.
        proof: [u8; 32],
    },
    /// Old to new: the person has confirmed.
    Welcome(Box<Welcome>),
    /// New to old: it is written down.
    Done {
        /// The device's own word that it is the person's: see [`DeviceCertificate::consent`].
        consent: Signature,
    },
    /// Either way: no.
    Refuse(PairingRefusal),
}

/// Bytes that are no message of a pairing.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
#[error("this is no message of a pairing")]
pub struct NotAPairingFrame;

impl PairingFrame {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Writing plain data into memory has nothing that can fail.
        postcard::to_allocvec(self).expect("a frame encodes into memory")
    }

    /// From bytes, all of them, within the limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotAPairingFrame> {
        if bytes.len() > MAX_SIZE {
            return Err(NotAPairingFrame);
        }
        let (frame, rest): (Self, _) = postcard::take_from_bytes(bytes).map_err(|_| NotAPairingFrame)?;
        if rest.is_empty() && frame.is_within_limits() { Ok(frame) } else { Err(NotAPairingFrame) }
    }

    fn is_within_limits(&self) -> bool {
        match self {
            Self::Answer { name, .. } => name.chars().count() <= MAX_DEVICE_NAME && !name.chars().any(char::is_control),
            Self::Welcome(welcome) => {
                welcome.name.len() <= MAX_PERSON_NAME
                    && !welcome.name.chars().any(char::is_control)
                    && (1..=8).contains(&welcome.colour)
                    && welcome.devices.len() <= MAX_DEVICES
                    && welcome.devices.iter().all(|(_, addresses)| {
                        addresses.len() <= MAX_ADDRESSES && addresses.iter().all(|address| is_address(address))
                    })
            }
            Self::Greet { .. } | Self::Done { .. } | Self::Refuse(_) => true,
        }
    }
}
