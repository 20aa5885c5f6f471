//! Receipts: a device's word that entries of a space are durable with it (N5).
//!
//! ```text
//! version (1) | space (32) | device (32) | time (8, little endian) | frontier | signature (64)
//! ```
//!
//! A receipt says *at least*: it may speak of a few logs only, and says nothing of the others. So one that is late, or comes
//! twice, is as true as it was when it was signed, and whoever waits for their own words to be safe is sent a few bytes
//! however many write in the space. It holds no secret, and proves what it says to a third as well: that is what makes it
//! more than the word of a connection.

use std::fmt;

use sheaf_access::{DeviceId, DeviceKeys, Signature, SpaceId};

use crate::domain;
use crate::frontier::Frontier;

/// The longest receipt: one that speaks of all the logs a space may have.
pub const MAX_RECEIPT: usize = 256 * 1024;
const VERSION: u8 = 1;
const FRONT: usize = 1 + 32 + 32 + 8;

/// Why bytes are not a receipt.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum ReceiptError {
    /// Longer than one may be.
    #[error("a receipt of {0} bytes; the most is {MAX_RECEIPT}")]
    TooLarge(usize),
    /// Not one.
    #[error("this is not a receipt")]
    Malformed,
    /// A later version.
    #[error("this receipt is of a newer Sheaf")]
    Newer,
    /// The device that it names did not sign it.
    #[error("the signature is not the device's that this receipt names")]
    Signature,
}

/// A receipt whose signature is its device's.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The space.
    pub space: SpaceId,
    /// Whose receipt it is.
    pub device: DeviceId,
    /// When its clock said it was signed, in milliseconds since 1970: for show.
    pub time: u64,
    /// What is durable there, of the logs it speaks of.
    pub held: Frontier,
    encoded: Vec<u8>,
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt(of {:?} in {:?}: {:?})", self.device, self.space, self.held)
    }
}

impl Receipt {
    /// Signs that this much is durable with this device. Nothing may be in `held` that a power cut could take back.
    pub fn sign(space: SpaceId, held: Frontier, time: u64, device: &DeviceKeys) -> Self {
        let id = device.id();
        let mut encoded = vec![VERSION];
        encoded.extend_from_slice(space.as_bytes());
        encoded.extend_from_slice(id.as_bytes());
        encoded.extend_from_slice(&time.to_le_bytes());
        // Writing plain data into a growing vector has nothing that can fail.
        let mut encoded = postcard::to_extend(&held, encoded).expect("a frontier encodes into memory");
        let signature = device.sign(&statement(&encoded));
        encoded.extend_from_slice(&signature.to_bytes());
        Self { space, device: id, time, held, encoded }
    }

    /// Checks the shape and the signature. There is one encoding of each receipt: any other is refused.
    pub fn verify(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > MAX_RECEIPT {
            return Err(ReceiptError::TooLarge(bytes.len()));
        }
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&version) if version > VERSION => return Err(ReceiptError::Newer),
            _ => return Err(ReceiptError::Malformed),
        }
        let (signed, signature) = bytes.split_last_chunk::<{ Signature::SIZE }>().ok_or(ReceiptError::Malformed)?;
        let field = |from: usize| signed.get(from..).and_then(|rest| rest.first_chunk::<32>().copied());
        let (Some(space), Some(device)) = (field(1), field(33)) else { return Err(ReceiptError::Malformed) };
        let (Some(time), Some(frontier)) = (signed.get(65..).and_then(<[u8]>::first_chunk::<8>), signed.get(FRONT..))
        else {
            return Err(ReceiptError::Malformed);
        };
        // The signature first: what follows it is then at least some device's own doing.
        let device = DeviceId::from_bytes(device);
        device.verify(&statement(signed), &Signature::from_bytes(signature)).map_err(|_| ReceiptError::Signature)?;
        let held: Frontier = postcard::from_bytes(frontier).map_err(|_| ReceiptError::Malformed)?;
        if postcard::to_allocvec(&held).ok().as_deref() != Some(frontier) {
            return Err(ReceiptError::Malformed);
        }
        Ok(Self {
            space: SpaceId::from_bytes(space),
            device,
            time: u64::from_le_bytes(*time),
            held,
            encoded: bytes.to_vec(),
        })
    }

    /// Its bytes, as they were signed.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }
}

fn statement(signed: &[u8]) -> [u8; 32] {
    domain::hash(domain::RECEIPT_SIGNATURE, &[signed])
}
