//! A segment of the journal as bytes.
//!
//! ```text
//! segment  "SHEAFOWN" version:u32 number:u64 before:u64 BLAKE3(all that)     before = how much of the previous one counts
//! frame    "SHJ1" length:u32 BLAKE3(segment, offset, payload) payload
//! payload  group:u64 space:32 entry as signed                                group = where its group begins
//! ```
//!
//! All numbers are little-endian. A *group* is what one sync made durable together; a group is begun only after the one
//! before it was synced. So what is broken before the last group had been acknowledged, and is damage; what is broken in the
//! last group was being written when the power went, and is cut off.

use std::ops::Range;

use sheaf_access::SpaceId;

use crate::frame;

const MAGIC: &[u8; 8] = b"SHEAFOWN";
const VERSION: u32 = 1;
const FRAME: &[u8; 4] = b"SHJ1";

/// The length of the header of a segment.
pub(crate) const HEADER: usize = 8 + 4 + 8 + 8 + 32;
const FRAME_HEAD: usize = 4 + frame::OVERHEAD;
const PAYLOAD_HEAD: usize = 8 + 32;

/// No payload is longer: an entry is at most 512 KiB.
const LONGEST: usize = 1024 * 1024;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The number of the segment.
    pub number: u64,
    /// How long the previous segment was when this one was begun. What it has beyond was never acknowledged.
    pub before: u64,
}

/// One entry in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where the frame is.
    pub place: Range<usize>,
    /// Where its group begins.
    pub group: usize,
    /// The space the entry belongs to.
    pub space: SpaceId,
    /// Where the entry is.
    pub entry: Range<usize>,
}

/// What is in a segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its header, if that is whole.
    pub header: Option<Header>,
    /// The frames that are whole, in order, without those of a group that was being written.
    pub frames: Vec<Frame>,
    /// What is broken and had been acknowledged.
    pub damaged: Vec<Range<usize>>,
    /// How much of the segment is to be kept. What follows was never acknowledged.
    pub length: usize,
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let (plain, sum) = bytes.split_at_mut(HEADER - 32);
        plain[..8].copy_from_slice(MAGIC);
        plain[8..12].copy_from_slice(&VERSION.to_le_bytes());
        plain[12..20].copy_from_slice(&self.number.to_le_bytes());
        plain[20..].copy_from_slice(&self.before.to_le_bytes());
        sum.copy_from_slice(blake3::hash(plain).as_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (plain, sum) = bytes.get(..HEADER)?.split_at(HEADER - 32);
        let (magic, rest) = plain.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (number, before) = rest.split_first_chunk::<8>()?;
        let before = u64::from_le_bytes(before.try_into().ok()?);
        let good = magic == MAGIC && *version == VERSION.to_le_bytes() && blake3::hash(plain).as_bytes() == sum;
        good.then_some(Self { number: u64::from_le_bytes(*number), before })
    }
}

/// Adds a frame to a group that begins at `group` and is written out from `at`, both places in the segment.
pub(crate) fn push(buffer: &mut Vec<u8>, number: u64, group: usize, space: SpaceId, entry: &[u8]) {
    let offset = group + buffer.len();
    let mut payload = Vec::with_capacity(PAYLOAD_HEAD + entry.len());
    payload.extend_from_slice(&(group as u64).to_le_bytes());
    payload.extend_from_slice(space.as_bytes());
    payload.extend_from_slice(entry);
    buffer.extend_from_slice(FRAME);
    buffer.extend_from_slice(&frame::head(&place(number, offset), &payload));
    buffer.extend_from_slice(&payload);
}

/// How long the frame of an entry is that is so long.
pub(crate) fn framed(entry: usize) -> u64 {
    (FRAME_HEAD + PAYLOAD_HEAD + entry) as u64
}

/// A frame belongs to its place, so that left-overs of another segment in a reused block are never taken for frames.
fn place(number: u64, offset: usize) -> [u8; 16] {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&number.to_le_bytes());
    place[8..].copy_from_slice(&(offset as u64).to_le_bytes());
    place
}

/// Reads a segment, whatever it is. Of the first `acknowledged` bytes it is known that they had been synced.
pub fn decode(number: u64, bytes: &[u8], acknowledged: usize) -> Contents {
    let header = Header::decode(bytes).filter(|header| header.number == number);
    let mut frames: Vec<Frame> = Vec::new();
    let mut broken: Vec<Range<usize>> = Vec::new();
    let mut at = HEADER.min(bytes.len());
    // How much may be hashed looking for where frames go on: hostile bytes must not take for ever.
    let mut patience = bytes.len().saturating_mul(4);
    while at < bytes.len() {
        if let Some(frame) = frame_at(number, bytes, at, &mut usize::MAX.clone()) {
            at = frame.place.end;
            frames.push(frame);
            continue;
        }
        let next = (at + 1..bytes.len())
            .filter(|next| bytes[*next..].starts_with(FRAME))
            .find(|next| frame_at(number, bytes, *next, &mut patience).is_some())
            .unwrap_or(bytes.len());
        broken.push(at..next);
        at = next;
    }
    // With a broken header and no frames nothing was ever written here.
    if header.is_none() && frames.is_empty() {
        return Contents::default();
    }
    if header.is_none() {
        broken.insert(0, 0..HEADER.min(bytes.len()));
    }
    let last_group = frames.last().map_or(HEADER, |frame| frame.group).max(acknowledged);
    let torn = broken.iter().find(|range| range.start >= last_group).map_or(bytes.len(), |range| range.start);
    frames.retain(|frame| frame.place.start < torn);
    broken.retain(|range| range.start < torn);
    Contents { header, frames, damaged: broken, length: torn }
}

/// The frame that begins here, if there is one. Hashing it is taken from `patience`.
fn frame_at(number: u64, bytes: &[u8], at: usize, patience: &mut usize) -> Option<Frame> {
    let rest = bytes.get(at..)?.strip_prefix(FRAME)?;
    let length = u32::from_le_bytes(*rest.first_chunk::<4>()?) as usize;
    if !(PAYLOAD_HEAD..=LONGEST).contains(&length) {
        return None;
    }
    let framed = rest.get(..frame::OVERHEAD + length)?;
    *patience = patience.checked_sub(length)?;
    let payload = frame::open(&place(number, at), framed).ok()?;
    let (group, payload) = payload.split_first_chunk::<8>()?;
    let (space, _) = payload.split_first_chunk::<32>()?;
    let group = usize::try_from(u64::from_le_bytes(*group)).ok()?;
    let end = at + FRAME_HEAD + length;
    // A group begins at or before its frames.
    (HEADER..=at).contains(&group).then(|| Frame {
        place: at..end,
        group,
        space: SpaceId::from_bytes(*space),
        entry: at + FRAME_HEAD + PAYLOAD_HEAD..end,
    })
}
