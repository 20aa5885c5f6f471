//! What somebody calls themselves, said by those who may not write it into what a space shares: viewers and commenters.
//!
//! It stands in an access entry, which everyone passes on, so it is sealed for those who read, and as long for every name:
//! whoever only passes it on learns that somebody has a name. What seals and opens it is with whatever else seals under
//! a content key; here it is bytes of one length.

use serde::{Deserialize, Serialize};

use crate::EpochId;

/// How long a sealed name is, whatever the name.
pub const SEALED_NAME: usize = 328;
/// How often a device says in a space what its person is called: access entries are kept for good.
pub const MAX_INTRODUCTIONS: usize = 32;

/// A name, sealed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Introduction {
    /// The epoch whose content key opens it.
    pub epoch: EpochId,
    /// The sealed name: [`SEALED_NAME`] bytes.
    pub sealed: Vec<u8>,
}
