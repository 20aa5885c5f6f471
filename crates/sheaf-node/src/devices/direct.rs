//! What two devices say to each other beside the spaces they share, on the connection's control stream.
//!
//! Each message begins with [`MARK`], which no frame of the sync machine does, and is small. The network has proved who
//! says it; whether it means anything is for what it says to show.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use sheaf_access::pairing::{MAX_DEVICES, PairingFrame};
use sheaf_access::{DeviceCertificate, DeviceId, DeviceRevocation, SpaceId};

use super::plan::Proof;

/// The first byte: the high bit, and a version.
pub const MARK: u8 = 0x81;
/// The longest message.
const MAX_SIZE: usize = 128 * 1024;
/// The most addresses of one device.
pub const MAX_ADDRESSES: usize = 16;
/// The most spaces that are named at once.
pub const MAX_NAMED: usize = 1_000;

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub enum Direct {
    /// Of a pairing.
    Pairing(PairingFrame),
    /// "This device is that person's. Which of their spaces do you have?"
    Claim {
        /// What shows that it is.
        proof: Proof,
        /// Where it can be called.
        addresses: Vec<SocketAddr>,
    },
    /// The answer: the spaces in which that person is a member. If they are the person's own device, also which is the
    /// private one.
    Named {
        /// Whose device answers.
        certificate: DeviceCertificate,
        /// The private space of the person.
        private: Option<SpaceId>,
        /// The spaces.
        spaces: Vec<SpaceId>,
        /// Where the person's other devices can be called, if it is their own that answers.
        devices: Vec<(DeviceId, Vec<SocketAddr>)>,
    },
    /// "Your person has removed you." It carries the person's own word.
    Revoked(DeviceRevocation),
}

/// As it is sent.
#[derive(Serialize, Deserialize)]
enum Wire {
    Pairing(Vec<u8>),
    Claim {
        proof: Proof,
        addresses: Vec<SocketAddr>,
    },
    Named {
        certificate: DeviceCertificate,
        private: Option<SpaceId>,
        spaces: Vec<SpaceId>,
        devices: Vec<(DeviceId, Vec<SocketAddr>)>,
    },
    Revoked(DeviceRevocation),
}

/// What the network is to do about such messages.
#[derive(Debug)]
pub enum DirectStep {
    /// Say this.
    Send(DeviceId, Box<Direct>),
    /// Let the connection stay.
    Admit(DeviceId),
    /// Show the device a space.
    Share(DeviceId, SpaceId),
}

impl Direct {
    /// Whether bytes that came on the control stream are such a message.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.first().is_some_and(|first| first & 0x80 != 0)
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let wire = match self {
            Self::Pairing(frame) => Wire::Pairing(frame.encode()),
            Self::Claim { proof, addresses } => Wire::Claim { proof: *proof, addresses: addresses.clone() },
            Self::Named { certificate, private, spaces, devices } => Wire::Named {
                certificate: *certificate,
                private: *private,
                spaces: spaces.clone(),
                devices: devices.clone(),
            },
            Self::Revoked(revocation) => Wire::Revoked(*revocation),
        };
        // Writing plain data into memory has nothing that can fail.
        postcard::to_extend(&wire, vec![MARK]).unwrap_or_default()
    }

    /// From bytes, all of them, within the limits; nothing if they are something else, or of a version not known here.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (mark, rest) = bytes.split_first()?;
        if *mark != MARK || bytes.len() > MAX_SIZE {
            return None;
        }
        let (wire, rest) = postcard::take_from_bytes(rest).ok()?;
        if !rest.is_empty() {
            return None;
        }
        match wire {
            Wire::Pairing(frame) => PairingFrame::decode(&frame).ok().map(Self::Pairing),
            Wire::Claim { proof, addresses } => {
                (addresses.len() <= MAX_ADDRESSES).then_some(Self::Claim { proof, addresses })
            }
            Wire::Named { certificate, private, spaces, devices } => {
                let fits = spaces.len() <= MAX_NAMED
                    && devices.len() <= MAX_DEVICES
                    && devices.iter().all(|(_, addresses)| addresses.len() <= MAX_ADDRESSES);
                fits.then_some(Self::Named { certificate, private, spaces, devices })
            }
            Wire::Revoked(revocation) => Some(Self::Revoked(revocation)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sheaf_access::pairing::PairingRefusal;
    use sheaf_access::{DeviceKeys, PersonKey, SealingSecret};

    use super::*;

    fn all() -> Vec<Direct> {
        let root = PersonKey::from_seed(&[1; 32]);
        let keys = DeviceKeys::from_secrets(&[2; 32], SealingSecret::from_bytes(&[3; 32]));
        let certificate = DeviceCertificate::issue(&root, &keys);
        let space = SpaceId::from_bytes([5; 32]);
        vec![
            Direct::Pairing(PairingFrame::Refuse(PairingRefusal::Used)),
            Direct::Claim {
                proof: Proof { certificate, consent: certificate.consent(&keys) },
                addresses: vec!["192.0.2.7:4000".parse().unwrap(); MAX_ADDRESSES],
            },
            Direct::Named {
                certificate,
                private: Some(space),
                spaces: vec![space; MAX_NAMED],
                devices: vec![(keys.id(), vec!["[2001:db8::1]:5000".parse().unwrap(); MAX_ADDRESSES]); MAX_DEVICES],
            },
            Direct::Revoked(DeviceRevocation::issue(&root, keys.id())),
        ]
    }

    #[test]
    fn messages_come_back_and_are_told_from_frames_of_the_sync_machine() {
        for message in all() {
            let bytes = message.encode();
            assert!(Direct::is_one(&bytes));
            assert_eq!(Direct::decode(&bytes), Some(message.clone()));
            assert_eq!(Direct::decode(&bytes[..bytes.len() - 1]), None);
            assert_eq!(Direct::decode(&[bytes.as_slice(), &[0]].concat()), None);
        }
        assert!(!Direct::is_one(&[sheaf_sync::VERSION, 0]));
    }

    #[test]
    fn too_many_spaces_are_no_answer() {
        let Some(Direct::Named { certificate, .. }) = all().into_iter().nth(2) else { panic!("the third is it") };
        let spaces = vec![SpaceId::UNBORN; MAX_NAMED + 1];
        let many = Direct::Named { certificate, private: None, spaces, devices: Vec::new() };
        assert_eq!(Direct::decode(&many.encode()), None);
        let devices = vec![(certificate.device, Vec::new()); MAX_DEVICES + 1];
        let many = Direct::Named { certificate, private: None, spaces: Vec::new(), devices };
        assert_eq!(Direct::decode(&many.encode()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let marked = [&[MARK], bytes.as_slice()].concat();
            if let Some(message) = Direct::decode(&marked) {
                prop_assert!(Direct::decode(&message.encode()).is_some());
            }
        }
    }
}
