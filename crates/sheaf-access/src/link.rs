//! Invitation links, `sheaf://join/…`: what they say. How that becomes text is `link_text`'s.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::domain;
use crate::invitation::InvitationSecret;
use crate::link_text::{Broken, Kind};
use crate::{DeviceId, Relay, Role, SpaceId};

const PREFIX: &str = "sheaf://join/";
const KIND: Kind = Kind { prefix: PREFIX, context: domain::LINK_CHECKSUM };
/// The most addresses a link carries.
pub const MAX_ADDRESSES: usize = 16;
/// The most relays that a link names.
pub const MAX_LINK_RELAYS: usize = 4;
/// The longest address.
pub const MAX_ADDRESS_LENGTH: usize = 128;

/// What an invitation link says. It holds a secret: whoever has it can read the space and join it (I1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvitationLink {
    /// The space.
    pub space: SpaceId,
    /// The secret that reads and joins.
    pub secret: InvitationSecret,
    /// The inviter's device: where to join from.
    pub device: DeviceId,
    /// Where it can be reached, as `address:port`.
    pub addresses: Vec<String>,
    /// The relays of the space, where joining goes on while the inviter sleeps (I2).
    pub relays: Vec<Relay>,
    /// The role that the link was made to give. A hint for the dialog: what counts is what the space says.
    pub role: Role,
}

/// Why a link cannot be written.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum LinkError {
    /// More addresses than fit.
    #[error("an invitation link carries at most {MAX_ADDRESSES} addresses, not {0}")]
    TooManyAddresses(usize),
    /// An address that is too long, empty, or not plain text.
    #[error("`{0}` is not an address that a link can carry")]
    BadAddress(String),
    /// More relays than fit, or one that says more than it may.
    #[error("an invitation link carries at most {MAX_LINK_RELAYS} relays")]
    BadRelays,
}

/// Why a text is not a usable invitation link.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum ParseLinkError {
    /// It is something else.
    #[error("This is not an invitation to Sheaf. An invitation begins with `{PREFIX}`.")]
    NotAnInvitation,
    /// The end is missing.
    #[error(
        "This invitation was cut short on its way: its end is missing. Ask for it again, as a file or in one line."
    )]
    CutShort,
    /// A letter is wrong somewhere.
    #[error(
        "This invitation was changed on its way: a letter is wrong or missing. Copy it again from where it was sent."
    )]
    Mistyped,
    /// A later version of Sheaf made it.
    #[error("This invitation was made by a newer Sheaf. Update to open it.")]
    Newer,
}

#[derive(Serialize, Deserialize)]
struct Body {
    space: [u8; 32],
    secret: [u8; 32],
    device: [u8; 32],
    role: Role,
    addresses: Vec<String>,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl InvitationLink {
    /// The link as text. Handle it like the secret it holds.
    pub fn to_text(&self) -> Result<String, LinkError> {
        if self.addresses.len() > MAX_ADDRESSES {
            return Err(LinkError::TooManyAddresses(self.addresses.len()));
        }
        if let Some(bad) = self.addresses.iter().find(|address| !is_address(address)) {
            return Err(LinkError::BadAddress(bad.chars().take(MAX_ADDRESS_LENGTH).collect()));
        }
        if !are_relays(&self.relays) {
            return Err(LinkError::BadRelays);
        }
        let body = Body {
            space: *self.space.as_bytes(),
            secret: *self.secret.as_bytes(),
            device: *self.device.as_bytes(),
            role: self.role,
            addresses: self.addresses.clone(),
        };
        // Writing plain data into memory has nothing that can fail, and what was checked above keeps it under 64 KiB.
        let mut body = Zeroizing::new(postcard::to_allocvec(&body).expect("a link encodes into memory"));
        if !self.relays.is_empty() {
            // They follow what links have had from the beginning, so that one without is what it always was.
            let relays = postcard::to_allocvec(&self.relays).expect("relays encode into memory");
            body.extend_from_slice(&relays);
        }
        Ok(KIND.write(&body).expect("16 addresses and 4 relays are far below 64 KiB"))
    }
}

impl From<Broken> for ParseLinkError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Absent => Self::NotAnInvitation,
            Broken::CutShort => Self::CutShort,
            Broken::Mistyped => Self::Mistyped,
            Broken::Newer => Self::Newer,
        }
    }
}

impl FromStr for InvitationLink {
    type Err = ParseLinkError;

    fn from_str(text: &str) -> Result<Self, ParseLinkError> {
        Self::from_body(&KIND.read(text)?).ok_or(ParseLinkError::Mistyped)
    }
}

impl InvitationLink {
    fn from_body(bytes: &[u8]) -> Option<Self> {
        let (mut body, rest): (Body, _) = postcard::take_from_bytes(bytes).ok()?;
        if body.addresses.len() > MAX_ADDRESSES || !body.addresses.iter().all(|a| is_address(a)) {
            return None;
        }
        let relays = if rest.is_empty() { Vec::new() } else { relays_from(rest)? };
        Some(Self {
            space: SpaceId::from_bytes(body.space),
            secret: InvitationSecret::from_bytes(&body.secret),
            device: DeviceId::from_bytes(body.device),
            addresses: std::mem::take(&mut body.addresses),
            relays,
            role: body.role,
        })
    }
}

impl fmt::Display for InvitationLink {
    /// Says what it is without giving the secret away: a link must not end up in a log. For the link itself there is
    /// [`InvitationLink::to_text`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an invitation to join space {} as {}", self.space.short(), self.role)
    }
}

fn are_relays(relays: &[Relay]) -> bool {
    relays.len() <= MAX_LINK_RELAYS && relays.iter().all(Relay::is_within_limits)
}

/// The relays that follow, if there are any: written in one way only.
fn relays_from(bytes: &[u8]) -> Option<Vec<Relay>> {
    let (relays, rest): (Vec<Relay>, _) = postcard::take_from_bytes(bytes).ok()?;
    (rest.is_empty() && !relays.is_empty() && are_relays(&relays)).then_some(relays)
}

pub(crate) fn is_address(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ADDRESS_LENGTH && text.bytes().all(|byte| byte.is_ascii_graphic())
}
