//! Frames on a stream: four bytes of length, most significant first, and that many bytes.
//!
//! The length is checked before anything is allocated, and the buffer grows with what really arrives: a length of a
//! megabyte that nothing follows costs a few bytes.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::CloseCode;

/// The largest frame, in bytes. A protocol constant.
pub const FRAME_MAX: usize = 1 << 20;

/// The largest presence message, in bytes. A protocol constant.
pub const PRESENCE_MAX: usize = 4 << 10;

/// What a frame begins with.
pub(crate) const PREFIX: usize = 4;

/// As much is set aside for a frame before its bytes arrive.
const FIRST_BUFFER: usize = 8 << 10;

/// Why a stream has no more frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// Its sender finished it, between two frames.
    Finished,
    /// Its sender broke the rules.
    Fault(CloseCode),
    /// The connection is gone.
    Gone,
}

impl From<std::io::Error> for StreamEnd {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::UnexpectedEof => {
                Self::Fault(CloseCode::Truncated)
            }
            _ => Self::Gone,
        }
    }
}

/// The length in front of a frame of `len` bytes, which is at most [`FRAME_MAX`].
pub(crate) fn prefix(len: usize) -> [u8; PREFIX] {
    debug_assert!((1..=FRAME_MAX).contains(&len));
    (len as u32).to_be_bytes()
}

/// Reads the length of the next frame.
pub(crate) async fn read_length(stream: &mut (impl AsyncRead + Unpin), cap: usize) -> Result<usize, StreamEnd> {
    let mut bytes = [0; PREFIX];
    let first = stream.read(&mut bytes).await?;
    if first == 0 {
        return Err(StreamEnd::Finished);
    }
    stream.read_exact(&mut bytes[first..]).await?;
    match u32::from_be_bytes(bytes) as usize {
        0 => Err(StreamEnd::Fault(CloseCode::Malformed)),
        len if len > cap => Err(StreamEnd::Fault(CloseCode::TooLarge)),
        len => Ok(len),
    }
}

/// Reads the bytes of a frame whose length is known and checked.
pub(crate) async fn read_body(stream: &mut (impl AsyncRead + Unpin), len: usize) -> Result<Bytes, StreamEnd> {
    let mut frame = BytesMut::with_capacity(len.min(FIRST_BUFFER));
    let mut rest = stream.take(len as u64);
    while frame.len() < len {
        // No more than what is missing: the buffer ends as large as the frame, not twice that.
        let missing = len - frame.len();
        if frame.capacity() == frame.len() {
            frame.reserve(missing.min(frame.len().max(FIRST_BUFFER)));
        }
        if rest.read_buf(&mut frame).await? == 0 {
            return Err(StreamEnd::Fault(CloseCode::Truncated));
        }
    }
    Ok(frame.freeze())
}

/// Reads a whole frame.
pub(crate) async fn read_frame(stream: &mut (impl AsyncRead + Unpin), cap: usize) -> Result<Bytes, StreamEnd> {
    let len = read_length(stream, cap).await?;
    read_body(stream, len).await
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use proptest::prelude::*;
    use tokio::io::ReadBuf;

    use super::*;

    /// A stream whose bytes arrive in pieces of the given sizes, over and over.
    struct Pieces<'a> {
        bytes: &'a [u8],
        sizes: Vec<usize>,
        turn: usize,
    }

    impl AsyncRead for Pieces<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            let size = self.sizes[self.turn % self.sizes.len()];
            self.turn += 1;
            let take = size.min(buf.remaining()).min(self.bytes.len());
            let (now, later) = self.bytes.split_at(take);
            buf.put_slice(now);
            self.bytes = later;
            Poll::Ready(Ok(()))
        }
    }

    fn read_all(bytes: &[u8], sizes: Vec<usize>, cap: usize) -> (Vec<Bytes>, StreamEnd) {
        let mut stream = Pieces { bytes, sizes, turn: 0 };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut frames = Vec::new();
            loop {
                match read_frame(&mut stream, cap).await {
                    Ok(frame) => frames.push(frame),
                    Err(end) => return (frames, end),
                }
            }
        })
    }

    fn written(frames: &[Vec<u8>]) -> Vec<u8> {
        frames.iter().flat_map(|frame| [&prefix(frame.len())[..], frame].concat()).collect()
    }

    /// Bytes that tell their place, cheaper than random ones.
    fn sized(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
        (len, any::<u8>()).prop_map(|(len, first)| (0..len).map(|n| first.wrapping_add((n % 251) as u8)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crate::cases(500)))]

        #[test]
        fn frames_come_back_however_they_are_cut(
            frames in prop::collection::vec(prop_oneof![9 => sized(1..300), 1 => sized(1..40_000)], 0..6),
            sizes in prop::collection::vec(1..20_000_usize, 1..6),
        ) {
            let (read, end) = read_all(&written(&frames), sizes, FRAME_MAX);
            prop_assert_eq!(read, frames);
            prop_assert_eq!(end, StreamEnd::Finished);
        }

        #[test]
        fn a_stream_cut_short_is_known_for_one(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 1..6),
            sizes in prop::collection::vec(1..100_usize, 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let whole = written(&frames);
            let cut = cut.index(whole.len());
            let (read, end) = read_all(&whole[..cut], sizes, FRAME_MAX);
            let mut at = 0;
            let boundary = frames.iter().map(|frame| { at += PREFIX + frame.len(); at }).chain([0]).any(|edge| edge == cut);
            prop_assert_eq!(end, if boundary { StreamEnd::Finished } else { StreamEnd::Fault(CloseCode::Truncated) });
            prop_assert!(read.iter().zip(&frames).all(|(read, sent)| read == sent));
        }

        #[test]
        fn any_bytes_end_in_a_named_way(bytes in prop::collection::vec(any::<u8>(), 0..2000), sizes in prop::collection::vec(1..100_usize, 1..4)) {
            let (read, end) = read_all(&bytes, sizes, 64);
            prop_assert!(read.iter().all(|frame| (1..=64).contains(&frame.len())));
            prop_assert_ne!(end, StreamEnd::Gone);
        }
    }

    #[test]
    fn the_cap_is_exact() {
        let frame = vec![7; 64];
        assert_eq!(read_all(&written(std::slice::from_ref(&frame)), vec![9], 64).0, vec![frame.clone()]);
        assert_eq!(read_all(&written(&[frame]), vec![9], 63).1, StreamEnd::Fault(CloseCode::TooLarge));
        assert_eq!(read_all(&[0, 0, 0, 0], vec![9], 63).1, StreamEnd::Fault(CloseCode::Malformed));
    }
}
