//! Frames on their way to a device, and what waits when the network takes no more.

use bytes::Bytes;
use sheaf_access::DeviceId;
use sheaf_net::{CloseCode, SendError, Stream, StreamKey};
use sheaf_sync::{Frame, Tag};

use super::Engine;

/// How many bytes may wait for a device that takes nothing: twice what the sync machine lets be on its way.
const WAITING: usize = 8 << 20;

impl Engine {
    pub(super) fn send(&mut self, device: DeviceId, frame: &Frame) {
        let stream = match frame.stream() {
            sheaf_sync::Stream::Control => Stream::Control,
            sheaf_sync::Stream::Space(tag) => Stream::Space(stream_key(tag)),
        };
        self.send_bytes(device, stream, Bytes::from(frame.encode()));
    }

    pub(super) fn send_bytes(&mut self, device: DeviceId, stream: Stream, bytes: Bytes) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if peer.waiting.is_empty() {
            match self.net.send(device, stream, bytes.clone()) {
                Ok(()) => {
                    self.board.meters().bytes_out.add(bytes.len() as u64);
                    return;
                }
                Err(SendError::Full { .. }) => {}
                Err(error) => {
                    tracing::debug!(device = %device.short(), %error, "a frame was not sent");
                    return;
                }
            }
        }
        peer.waiting_bytes += bytes.len();
        peer.waiting.push_back((stream, bytes));
        if peer.waiting_bytes > WAITING {
            tracing::info!(device = %device.short(), "it asks for much and takes nothing; the connection is closed");
            self.net.close(device, CloseCode::Busy);
        }
    }

    pub(super) fn drain(&mut self, device: DeviceId) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        while let Some((stream, bytes)) = peer.waiting.front().cloned() {
            let size = bytes.len();
            if let Err(SendError::Full { .. }) = self.net.send(device, stream, bytes) {
                return;
            }
            self.board.meters().bytes_out.add(size as u64);
            peer.waiting_bytes -= size;
            peer.waiting.pop_front();
        }
    }
}

fn stream_key(tag: Tag) -> StreamKey {
    let mut key = [0; 32];
    key[..16].copy_from_slice(tag.as_bytes());
    StreamKey::from_bytes(key)
}
