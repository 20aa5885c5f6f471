//! Values: framed, and in pieces where they are large.
//!
//! A row holds `0, value` or `1, id, count, length, hash`, and then the value is in pieces under the id. The id comes from
//! the key and the value's own hash, so the pieces of an old value and of its successor never share a name, unless they
//! are the same.

use sled::IVec;

use super::keys;
use super::rows::{Batch, Rows, Trouble};
use crate::frame::{self, Broken};
use crate::limits::PIECE;

const WHOLE: u8 = 0;
const PIECES: u8 = 1;

/// Why a value was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// This value is not what was stored.
    Broken(Broken),
    /// The store does not answer.
    Trouble(Trouble),
}

impl From<Broken> for Unread {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Trouble> for Unread {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// Where the pieces of a value are.
struct Pieces {
    id: [u8; 16],
    count: u32,
    length: u64,
    hash: [u8; 32],
}

impl Pieces {
    fn of(key: &[u8], value: &[u8]) -> Self {
        let hash = *blake3::hash(value).as_bytes();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&hash).update(key);
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self { id, count: value.chunks(PIECE).count() as u32, length: value.len() as u64, hash }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![PIECES];
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.length.to_le_bytes());
        bytes.extend_from_slice(&self.hash);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let hash = <[u8; 32]>::try_from(rest).ok()?;
        Some(Self { id: *id, count: u32::from_le_bytes(*count), length: u64::from_le_bytes(*length), hash })
    }
}

/// Puts a value where none is.
pub(super) fn insert(batch: &mut Batch, key: &[u8], value: &[u8]) {
    if value.len() <= PIECE {
        let mut whole = Vec::with_capacity(1 + value.len());
        whole.push(WHOLE);
        whole.extend_from_slice(value);
        batch.insert(key, frame::seal(key, &whole));
        return;
    }
    let pieces = Pieces::of(key, value);
    for (number, piece) in (0..).zip(value.chunks(PIECE)) {
        let name = keys::piece(pieces.id, number);
        batch.insert(name.to_vec(), frame::seal(&name, piece));
    }
    batch.insert(key, frame::seal(key, &pieces.encode()));
}

/// Takes away the value in a row, `found` being what is there now.
pub(super) fn remove(batch: &mut Batch, key: &[u8], found: &[u8]) {
    batch.remove(key);
    // The pieces of a value whose row is damaged stay until the store is next salvaged.
    if let Ok([PIECES, rest @ ..]) = frame::open(key, found)
        && let Some(pieces) = Pieces::decode(rest)
    {
        for number in 0..pieces.count {
            batch.remove(keys::piece(pieces.id, number).to_vec());
        }
    }
}

/// The value of a row, `found` being what is there.
pub(super) fn open(rows: &Rows, key: &[u8], found: &[u8]) -> Result<Vec<u8>, Unread> {
    match frame::open(key, found)? {
        [WHOLE, value @ ..] => Ok(value.to_vec()),
        [PIECES, rest @ ..] => {
            let pieces = Pieces::decode(rest).ok_or(Broken::Content)?;
            let mut value = Vec::new();
            for number in 0..pieces.count {
                let name = keys::piece(pieces.id, number);
                let found: IVec = rows.get(&name)?.ok_or(Broken::Missing)?;
                value.extend_from_slice(frame::open(&name, &found)?);
            }
            let whole = value.len() as u64 == pieces.length && *blake3::hash(&value).as_bytes() == pieces.hash;
            if whole { Ok(value) } else { Err(Broken::Checksum.into()) }
        }
        _ => Err(Broken::Content.into()),
    }
}

/// The value under a key.
pub(super) fn read(rows: &Rows, key: &[u8]) -> Result<Option<Vec<u8>>, Unread> {
    rows.get(key)?.map(|found| open(rows, key, &found)).transpose()
}

/// Reads any bytes as the row of a value in pieces; for fuzzing.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn decode_any(bytes: &[u8]) {
    if let Some(pieces) = Pieces::decode(bytes) {
        assert_eq!(pieces.encode()[1..], *bytes);
    }
}
