//! Pairing codes, `sheaf://pair/…`: what a new device shows so that one of the person's devices can find it and prove,
//! by the secret in it, that the person has carried the code from one to the other.

use std::fmt;
use std::str::FromStr;

use hpke::rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::link::{MAX_ADDRESSES, is_address};
use crate::link_text::{Broken, Kind};
use crate::{DeviceId, LinkError, MAX_ADDRESS_LENGTH, domain};

const PREFIX: &str = "sheaf://pair/";
const KIND: Kind = Kind { prefix: PREFIX, context: domain::PAIRING_CHECKSUM };

/// What only the code's reader knows, for one pairing.
#[derive(Clone, PartialEq, Eq)]
pub struct PairingSecret(Zeroizing<[u8; 16]>);

impl PairingSecret {
    /// A new one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 16]);
        rng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for PairingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairingSecret(..)")
    }
}

/// What a pairing code says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PairingCode {
    /// The new device.
    pub device: DeviceId,
    /// What whoever calls it must know.
    pub secret: PairingSecret,
    /// Where it can be called, as `address:port`.
    pub addresses: Vec<String>,
}

/// Why a text is not a usable pairing code.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum ParsePairingError {
    /// It is something else.
    #[error("This is not a pairing code. A pairing code begins with `{PREFIX}`; the new device shows it.")]
    NotACode,
    /// The end is missing.
    #[error("This pairing code was cut short: its end is missing. Copy all of it from the new device.")]
    CutShort,
    /// A letter is wrong somewhere.
    #[error("A letter of this pairing code is wrong or missing. Copy it again from the new device.")]
    Mistyped,
    /// A later version of Sheaf made it.
    #[error("This pairing code was made by a newer Sheaf. Update this device first.")]
    Newer,
}

impl From<Broken> for ParsePairingError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Absent => Self::NotACode,
            Broken::CutShort => Self::CutShort,
            Broken::Mistyped => Self::Mistyped,
            Broken::Newer => Self::Newer,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Body {
    device: [u8; 32],
    secret: [u8; 16],
    addresses: Vec<String>,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl PairingCode {
    /// The code as text. Whoever reads it before it is used can take the new device for theirs.
    pub fn to_text(&self) -> Result<String, LinkError> {
        if self.addresses.len() > MAX_ADDRESSES {
            return Err(LinkError::TooManyAddresses(self.addresses.len()));
        }
        if let Some(bad) = self.addresses.iter().find(|address| !is_address(address)) {
            return Err(LinkError::BadAddress(bad.chars().take(MAX_ADDRESS_LENGTH).collect()));
        }
        let body = Body {
            device: *self.device.as_bytes(),
            secret: *self.secret.as_bytes(),
            addresses: self.addresses.clone(),
        };
        // Writing plain data into memory has nothing that can fail, and what was checked above keeps it under 64 KiB.
        let body = Zeroizing::new(postcard::to_allocvec(&body).expect("a code encodes into memory"));
        Ok(KIND.write(&body).expect("16 addresses of 128 bytes are far below 64 KiB"))
    }
}

impl FromStr for PairingCode {
    type Err = ParsePairingError;

    fn from_str(text: &str) -> Result<Self, ParsePairingError> {
        let bytes = KIND.read(text)?;
        let (mut body, rest): (Body, _) = postcard::take_from_bytes(&bytes).map_err(|_| ParsePairingError::Mistyped)?;
        if !rest.is_empty() || body.addresses.len() > MAX_ADDRESSES || !body.addresses.iter().all(|a| is_address(a)) {
            return Err(ParsePairingError::Mistyped);
        }
        Ok(Self {
            device: DeviceId::from_bytes(body.device),
            secret: PairingSecret(Zeroizing::new(body.secret)),
            addresses: std::mem::take(&mut body.addresses),
        })
    }
}

impl fmt::Display for PairingCode {
    /// Says what it is without giving the secret away. For the code itself there is [`PairingCode::to_text`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pairing code of device {}", self.device.short())
    }
}
