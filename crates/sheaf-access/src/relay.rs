//! Relays: the nodes that keep a space for its members while their devices are closed, and that are no members themselves.
//!
//! An owner *names* a relay in a space ([`AccessOp::NameRelay`](crate::AccessOp::NameRelay)), so that everyone in it follows.
//! What is named is its key and where it can be reached. How an owner comes to know a relay is its link, `sheaf-relay://…`,
//! which whoever runs one gives to people; it may carry a token besides, by which the relay knows who may ask it to keep
//! spaces. The token is the owner's, and never part of a space.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::link::is_address;
use crate::link_text::{Broken, Kind};
use crate::{DeviceId, domain};

const PREFIX: &str = "sheaf-relay://";
const KIND: Kind = Kind { prefix: PREFIX, context: domain::RELAY_CHECKSUM };

/// The most addresses of one relay.
pub const MAX_RELAY_ADDRESSES: usize = 8;
/// The longest web address of one.
pub const MAX_RELAY_URL: usize = 256;
/// The longest token.
pub const MAX_TOKEN: usize = 128;
/// Begins what stands among a relay's addresses and is none, but says which cluster it is one of. No address has such a sign in it.
const CLUSTER: &str = "cluster/";

/// A relay: who it is, and where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Relay {
    /// Its key: what a connection with it proves, and what it signs receipts with.
    pub key: DeviceId,
    /// Where it can be reached, as `address:port` or `name:port`, and which cluster it is one of, as `cluster/name`. What is none
    /// of these is left to others who know it.
    pub addresses: Vec<String>,
    /// The web address at which it helps devices that cannot reach each other directly, if it does.
    pub url: Option<String>,
}

impl Relay {
    /// Whether it keeps to the limits: nothing in it is longer than it may be, or anything but plain text.
    pub fn is_within_limits(&self) -> bool {
        let url = |url: &String| url.len() <= MAX_RELAY_URL && url.bytes().all(|byte| byte.is_ascii_graphic());
        self.addresses.len() <= MAX_RELAY_ADDRESSES
            && self.addresses.iter().all(|address| is_address(address))
            && self.url.as_ref().is_none_or(url)
    }

    /// Where it can be reached: an IP address or a name, and a port.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.addresses.iter().map(String::as_str).filter(|address| !address.contains('/'))
    }

    /// The cluster it is one of, if it says so: relays that say the same have the same, and one of them stands for all.
    pub fn cluster(&self) -> Option<&str> {
        self.addresses.iter().find_map(|address| address.strip_prefix(CLUSTER)).filter(|name| !name.is_empty())
    }

    /// What stands among the addresses of a relay that is one of a cluster.
    pub fn one_of(cluster: &str) -> String {
        format!("{CLUSTER}{cluster}")
    }
}

/// What a relay's link says.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayLink {
    /// The relay.
    pub relay: Relay,
    /// What the relay knows those by who may ask it to keep spaces.
    pub token: Option<Zeroizing<String>>,
}

/// Why a link cannot be written.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum RelayLinkError {
    /// Its addresses are too many, too long, or no plain text.
    #[error("these are not addresses that a relay's link can carry")]
    BadAddress,
    /// The token is empty, too long, or no plain text.
    #[error("a token has 1 to {MAX_TOKEN} letters, digits or signs, and no spaces")]
    BadToken,
}

/// Why a text is not a usable link of a relay.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum ParseRelayError {
    /// It is something else.
    #[error("This is not the link of a relay. Such a link begins with `{PREFIX}`; whoever runs the relay has it.")]
    NotARelay,
    /// The end is missing.
    #[error("This link was cut short on its way: its end is missing. Copy all of it, in one line.")]
    CutShort,
    /// A letter is wrong somewhere.
    #[error("A letter of this link is wrong or missing. Copy it again from where it was shown.")]
    Mistyped,
    /// A later version of Sheaf made it.
    #[error("This link was made by a newer Sheaf. Update to use it.")]
    Newer,
}

impl From<Broken> for ParseRelayError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Absent => Self::NotARelay,
            Broken::CutShort => Self::CutShort,
            Broken::Mistyped => Self::Mistyped,
            Broken::Newer => Self::Newer,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Body {
    relay: Relay,
    token: Option<String>,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

/// Whether a text can be a token.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl RelayLink {
    /// The link as text. With a token in it, whoever has it can have spaces kept there.
    pub fn to_text(&self) -> Result<String, RelayLinkError> {
        if !self.relay.is_within_limits() {
            return Err(RelayLinkError::BadAddress);
        }
        if self.token.as_ref().is_some_and(|token| !is_token(token)) {
            return Err(RelayLinkError::BadToken);
        }
        let body = Body { relay: self.relay.clone(), token: self.token.as_deref().cloned() };
        // Writing plain data into memory has nothing that can fail, and what was checked above keeps it under 64 KiB.
        let body = Zeroizing::new(postcard::to_allocvec(&body).expect("a link encodes into memory"));
        Ok(KIND.write(&body).expect("8 addresses of 128 bytes are far below 64 KiB"))
    }
}

impl FromStr for RelayLink {
    type Err = ParseRelayError;

    fn from_str(text: &str) -> Result<Self, ParseRelayError> {
        let bytes = KIND.read(text)?;
        let (mut body, rest): (Body, _) = postcard::take_from_bytes(&bytes).map_err(|_| ParseRelayError::Mistyped)?;
        let token = body.token.as_ref().is_none_or(|token| is_token(token));
        if !rest.is_empty() || !body.relay.is_within_limits() || !token {
            return Err(ParseRelayError::Mistyped);
        }
        Ok(Self { relay: body.relay.clone(), token: body.token.take().map(Zeroizing::new) })
    }
}

impl fmt::Debug for RelayLink {
    /// Without the token: a link must not end up in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayLink").field("relay", &self.relay).finish_non_exhaustive()
    }
}

impl fmt::Display for RelayLink {
    /// Says what it is without giving the token away. For the link itself there is [`RelayLink::to_text`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the link of relay {}", self.relay.key.short())
    }
}
