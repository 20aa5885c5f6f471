//! How what a link says becomes text that survives being mailed, copied by hand and photographed.
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

use zeroize::Zeroizing;

use crate::domain;

const VERSION: u8 = 1;
const HEAD: usize = 4;
const CHECKSUM: usize = 8;
/// The longest text that is looked at.
const MAX_TEXT: usize = 16 * 1024;

/// A kind of link: what it begins with, and the context of its checksums, so that none passes for another.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) prefix: &'static str,
    pub(crate) context: &'static str,
}

/// Why a text is not a link of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// It is something else.
    Absent,
    /// The end is missing.
    CutShort,
    /// A letter is wrong somewhere.
    Mistyped,
    /// A later version made it.
    Newer,
}

impl Kind {
    /// The text. The body is at most 64 KiB, which callers see to.
    pub(crate) fn write(self, body: &[u8]) -> Option<String> {
        let length = u16::try_from(body.len()).ok()?;
        let mut bytes = Zeroizing::new(vec![VERSION]);
        bytes.extend_from_slice(&length.to_le_bytes());
        let check = self.head_check(&bytes);
        bytes.push(check);
        bytes.extend_from_slice(body);
        let checksum = self.checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        Some(format!("{}{}", self.prefix, base32(&bytes)))
    }

    /// The body, from a text that has the link somewhere in it.
    pub(crate) fn read(self, text: &str) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let token = self.token(text).ok_or(Broken::Absent)?;
        let (bytes, stopped_by) = unbase32(token);
        // Too few bytes: its end is missing, unless what stops it is a 9, which no link has in it.
        let short = if stopped_by == Some(b'9') { Broken::Mistyped } else { Broken::CutShort };
        if bytes.len() < HEAD {
            return Err(short);
        }
        // Before the version is believed: one wrong letter there is not the future.
        if self.head_check(&bytes[..HEAD - 1]) != bytes[HEAD - 1] {
            return Err(Broken::Mistyped);
        }
        if bytes[0] != VERSION {
            return Err(Broken::Newer);
        }
        let body_end = HEAD + usize::from(u16::from_le_bytes([bytes[1], bytes[2]]));
        let Some(sum) = bytes.get(body_end..body_end + CHECKSUM) else { return Err(short) };
        if self.checksum(&bytes[..body_end]) != sum {
            return Err(Broken::Mistyped);
        }
        Ok(Zeroizing::new(bytes[HEAD..body_end].to_vec()))
    }

    fn head_check(self, head: &[u8]) -> u8 {
        domain::hash(self.context, &[head])[0]
    }

    fn checksum(self, bytes: &[u8]) -> [u8; CHECKSUM] {
        let mut sum = [0; CHECKSUM];
        sum.copy_from_slice(&domain::hash(self.context, &[bytes])[..CHECKSUM]);
        sum
    }

    /// What follows the prefix, wherever in the text it stands.
    fn token(self, text: &str) -> Option<&[u8]> {
        let bytes = &text.as_bytes()[..text.len().min(MAX_TEXT)];
        let is_prefix = |window: &[u8]| window.eq_ignore_ascii_case(self.prefix.as_bytes());
        let start = bytes.windows(self.prefix.len()).position(is_prefix)?;
        Some(&bytes[start + self.prefix.len()..])
    }
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
fn unbase32(token: &[u8]) -> (Zeroizing<Vec<u8>>, Option<u8>) {
    let mut bytes = Zeroizing::new(Vec::with_capacity(token.len() * 5 / 8 + 1));
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
