//! How anything of ours lies on a disk: its length, its BLAKE3, itself (S2).
//!
//! The hash covers also *where* it belongs (a key, a file's purpose), so that a whole value in a wrong place is as little
//! believed as a broken one in the right place.

/// Length and hash.
pub(crate) const OVERHEAD: usize = 4 + 32;

/// Why bytes are not what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// Fewer or more bytes than were written.
    #[error("its length is wrong")]
    Length,
    /// Other bytes than were written.
    #[error("its checksum is wrong")]
    Checksum,
    /// What is inside is not of the form expected.
    #[error("its content cannot be read")]
    Content,
    /// A part of it is missing.
    #[error("a part of it is missing")]
    Missing,
}

/// What goes before a payload.
pub(crate) fn head(place: &[u8], payload: &[u8]) -> [u8; OVERHEAD] {
    let mut head = [0; OVERHEAD];
    let (length, sum) = head.split_at_mut(4);
    // Nothing this long is ever stored: `limits` bounds every value.
    length.copy_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    sum.copy_from_slice(checksum(place, payload).as_bytes());
    head
}

/// A payload with its head.
pub(crate) fn seal(place: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(OVERHEAD + payload.len());
    bytes.extend_from_slice(&head(place, payload));
    bytes.extend_from_slice(payload);
    bytes
}

/// The payload, if it is what was stored in this place.
pub(crate) fn open<'a>(place: &[u8], bytes: &'a [u8]) -> Result<&'a [u8], Broken> {
    let (head, payload) = bytes.split_first_chunk::<OVERHEAD>().ok_or(Broken::Length)?;
    let (length, sum) = head.split_at(4);
    if u32::try_from(payload.len()).map(u32::to_le_bytes).as_ref().map(<[u8; 4]>::as_slice) != Ok(length) {
        return Err(Broken::Length);
    }
    if checksum(place, payload).as_bytes() == sum { Ok(payload) } else { Err(Broken::Checksum) }
}

fn checksum(place: &[u8], payload: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(place.len() as u64).to_le_bytes());
    hasher.update(place);
    hasher.update(payload);
    hasher.finalize()
}
