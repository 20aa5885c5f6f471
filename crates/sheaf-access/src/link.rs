//! Invitation links: `sheaf://join/…`, made to survive being mailed, copied by hand and photographed.
//!
//! Everything after the prefix is base32 in lower case: no letter means something else in capitals, nothing needs
//! quoting, and a QR code can use its compact alphabet. The bytes are
//!
//! ```text
//! version (1) | length of the body (2, little endian) | check of these three (1) | body | checksum of all before (8)
//! ```
//!
//! so that a link that was *cut short* (fewer bytes than it says) is told apart from one that was *mistyped* (the
//! checksum fails) and from a text that never was one. What a mail program adds round it (line breaks, brackets, a full
//! stop, the next word) is left aside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::domain;
use crate::invitation::InvitationSecret;
use crate::{DeviceId, Role, SpaceId};

const PREFIX: &str = "sheaf://join/";
const VERSION: u8 = 1;
const HEAD: usize = 4;
const CHECKSUM: usize = 8;
/// The most addresses a link carries.
pub const MAX_ADDRESSES: usize = 16;
/// The longest address.
pub const MAX_ADDRESS_LENGTH: usize = 128;
/// The longest text that is looked at.
const MAX_TEXT: usize = 16 * 1024;

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
        let body = Body {
            space: *self.space.as_bytes(),
            secret: *self.secret.as_bytes(),
            device: *self.device.as_bytes(),
            role: self.role,
            addresses: self.addresses.clone(),
        };
        // Writing plain data into memory has nothing that can fail, and what was checked above keeps it under 64 KiB.
        let body = Zeroizing::new(postcard::to_allocvec(&body).expect("a link encodes into memory"));
        let length = u16::try_from(body.len()).expect("16 addresses of 128 bytes are far below 64 KiB");
        let mut bytes = Zeroizing::new(vec![VERSION]);
        bytes.extend_from_slice(&length.to_le_bytes());
        let check = head_check(&bytes);
        bytes.push(check);
        bytes.extend_from_slice(&body);
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        Ok(format!("{PREFIX}{}", base32(&bytes)))
    }
}

impl FromStr for InvitationLink {
    type Err = ParseLinkError;

    fn from_str(text: &str) -> Result<Self, ParseLinkError> {
        let token = token(text)?;
        let (bytes, stopped_by) = unbase32(token);
        let bytes = Zeroizing::new(bytes);
        // Too few bytes: its end is missing, unless what stops it is a 9, which no link has in it.
        let short = if stopped_by == Some(b'9') { ParseLinkError::Mistyped } else { ParseLinkError::CutShort };
        if bytes.len() < HEAD {
            return Err(short);
        }
        // Before the version is believed: one wrong letter there is not the future.
        if head_check(&bytes[..HEAD - 1]) != bytes[HEAD - 1] {
            return Err(ParseLinkError::Mistyped);
        }
        if bytes[0] != VERSION {
            return Err(ParseLinkError::Newer);
        }
        let body_end = HEAD + usize::from(u16::from_le_bytes([bytes[1], bytes[2]]));
        let Some(sum) = bytes.get(body_end..body_end + CHECKSUM) else { return Err(short) };
        if checksum(&bytes[..body_end]) != sum {
            return Err(ParseLinkError::Mistyped);
        }
        Self::from_body(&bytes[HEAD..body_end]).ok_or(ParseLinkError::Mistyped)
    }
}

impl InvitationLink {
    fn from_body(bytes: &[u8]) -> Option<Self> {
        let (mut body, rest): (Body, _) = postcard::take_from_bytes(bytes).ok()?;
        if !rest.is_empty() || body.addresses.len() > MAX_ADDRESSES || !body.addresses.iter().all(|a| is_address(a)) {
            return None;
        }
        Some(Self {
            space: SpaceId::from_bytes(body.space),
            secret: InvitationSecret::from_bytes(&body.secret),
            device: DeviceId::from_bytes(body.device),
            addresses: std::mem::take(&mut body.addresses),
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

fn is_address(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ADDRESS_LENGTH && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn head_check(head: &[u8]) -> u8 {
    domain::hash(domain::LINK_CHECKSUM, &[head])[0]
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&domain::hash(domain::LINK_CHECKSUM, &[bytes])[..CHECKSUM]);
    sum
}

/// What follows the prefix, wherever in the text it stands.
fn token(text: &str) -> Result<&[u8], ParseLinkError> {
    let bytes = &text.as_bytes()[..text.len().min(MAX_TEXT)];
    let start = bytes
        .windows(PREFIX.len())
        .position(|window| window.eq_ignore_ascii_case(PREFIX.as_bytes()))
        .ok_or(ParseLinkError::NotAnInvitation)?;
    Ok(&bytes[start + PREFIX.len()..])
}

/// The five bits of a base32 letter. Digits that are no letters stand for the letters they are taken for.
fn letter(byte: u8) -> Option<u8> {
    match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => Some(letter - b'a'),
        digit @ b'2'..=b'7' => Some(digit - b'2' + 26),
        b'0' => Some(b'o' - b'a'),
        b'1' => Some(b'l' - b'a'),
        b'8' => Some(b'b' - b'a'),
        _ => None,
    }
}

fn base32(bytes: &[u8]) -> String {
    let mut text = data_encoding::BASE32_NOPAD.encode(bytes);
    text.make_ascii_lowercase();
    text
}

/// As many whole bytes as the letters give: a link that was cut may end in the middle of one. White space (a wrapped
/// line) and quoting marks between them are skipped. Says also what came where a letter should be.
fn unbase32(token: &[u8]) -> (Vec<u8>, Option<u8>) {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for byte in token.iter().filter(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'>' | b'=')) {
        let Some(letter) = letter(*byte) else { return (bytes, Some(*byte)) };
        bits = (bits << 5 | u32::from(letter)) & 0xfff;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    (bytes, None)
}
