//! One connection of a raw device: it greets, and then says what it is told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::{BlobId, BlobLink, Entry, Frontier, Unverified};
use sheaf_net::{CloseCode, DisconnectReason, Events, Net, NetConfig, NetEvent, Stream, StreamKey};
use sheaf_sync::{Digest, EntryBytes, Frame, Nonce, RedemptionRefusal, Refusal, Tag, Window};
use tokio::time::{Instant, timeout_at};

use crate::DEADLINE;

/// What became of entries that were sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// All are durable there.
    Taken,
    /// Some are not, by their place among those that were sent.
    Refused(Vec<(u64, Refusal)>),
    /// The connection was ended.
    Closed(Option<CloseCode>),
}

impl Answer {
    /// The number of the verdict, if one entry was sent and refused for good.
    pub fn verdict(&self) -> Option<u16> {
        match self {
            Self::Refused(refused) => match refused.as_slice() {
                [(0, Refusal::Never(verdict))] => Some(verdict.code()),
                _ => None,
            },
            Self::Taken | Self::Closed(_) => None,
        }
    }

    /// Whether all of so many entries were refused for what they name.
    pub fn all_missing(&self, count: usize) -> bool {
        let missing = |refusal: &Refusal| matches!(refusal, Refusal::Missing { .. });
        matches!(self, Self::Refused(refused) if refused.len() == count && refused.iter().all(|(_, r)| missing(r)))
    }
}

/// A connection to one node.
pub struct Line {
    net: Net,
    events: Events,
    device: DeviceId,
    nonce: [u8; 32],
    /// How many entries were sent, and how many came, of each space.
    sent: BTreeMap<SpaceId, u64>,
    came: BTreeMap<Tag, u64>,
    /// Entries that came and were not asked about yet.
    received: Vec<(Tag, Entry)>,
    /// What it serves to those who ask.
    serves: BTreeMap<BlobId, Vec<u8>>,
}

impl Line {
    /// Connects, and greets as someone who knows of no space.
    pub(super) async fn open(seed: [u8; 32], device: DeviceId, addresses: &[SocketAddr]) -> Self {
        let listen = Some("127.0.0.1:0".parse().expect("an address"));
        let config = NetConfig { listen, discovery: false, ..NetConfig::new(seed) };
        let (net, events) = Net::bind(config).await.expect("a socket on the loopback interface");
        net.dial(device, addresses.to_vec()).expect("a device that can be called");
        let (sent, came) = (BTreeMap::new(), BTreeMap::new());
        let mut line =
            Self { net, events, device, nonce: [0; 32], sent, came, received: Vec::new(), serves: BTreeMap::new() };
        line.nonce = line.until_connected().await;
        let window = Window { bytes: 4 << 20, entries: 8_192 };
        line.put(&Frame::Hello { digest: Digest::over([]), spaces: 0, window, offers: Vec::new() });
        loop {
            if matches!(line.frame().await.expect("a greeting"), Frame::Hello { .. }) {
                return line;
            }
        }
    }

    async fn until_connected(&mut self) -> [u8; 32] {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match timeout_at(deadline, self.events.recv()).await.expect("a connection in time") {
                Some(NetEvent::Connected { nonce, .. }) => return nonce,
                Some(_) => {}
                None => panic!("the network closed before there was a connection"),
            }
        }
    }

    /// What only the two ends of the connection know.
    pub fn nonce(&self) -> [u8; 32] {
        self.nonce
    }

    /// A space's name on this connection.
    pub fn tag(&self, space: SpaceId) -> Tag {
        Tag::of(&space, &Nonce::from_bytes(self.nonce))
    }

    /// Sends a frame.
    pub fn put(&mut self, frame: &Frame) {
        let stream = match frame.stream() {
            sheaf_sync::Stream::Control => None,
            sheaf_sync::Stream::Space(tag) => Some(tag),
        };
        self.put_bytes(stream, frame.encode());
    }

    /// Sends bytes as a frame, on the stream of a space or the one for all.
    pub fn put_bytes(&mut self, stream: Option<Tag>, bytes: Vec<u8>) {
        let stream = stream.map_or(Stream::Control, |tag| {
            let mut key = [0; 32];
            key[..16].copy_from_slice(tag.as_bytes());
            Stream::Space(StreamKey::from_bytes(key))
        });
        // If the other side has hung up meanwhile, the next frame to be read says so.
        let _ = self.net.send(self.device, stream, bytes);
    }

    /// The next frame; entries that come are acknowledged and kept. Or how the connection ended.
    ///
    /// # Panics
    /// When nothing comes in time.
    pub async fn frame(&mut self) -> Result<Frame, Option<CloseCode>> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match timeout_at(deadline, self.events.recv()).await.expect("an answer in time") {
                Some(NetEvent::Frame { bytes, .. }) => {
                    // Devices say other things to each other too: of pairing, and of what one person's devices share.
                    if bytes.first() != Some(&sheaf_sync::VERSION) {
                        continue;
                    }
                    let frame = Frame::decode(&bytes).expect("an honest node's frame");
                    match &frame {
                        Frame::Entries { tag, entries, .. } => self.keep(*tag, entries),
                        Frame::WantBlob { tag, blob, from, length } => self.serve(*tag, *blob, *from, *length),
                        _ => {}
                    }
                    return Ok(frame);
                }
                Some(NetEvent::Disconnected { reason, .. }) => {
                    self.net.hang_up(self.device);
                    return Err(match reason {
                        DisconnectReason::Theirs(code) => code,
                        _ => None,
                    });
                }
                Some(_) => {}
                None => return Err(None),
            }
        }
    }

    fn keep(&mut self, tag: Tag, entries: &[EntryBytes]) {
        for bytes in entries {
            let entry = Unverified::decode(bytes.as_slice()).and_then(Unverified::verify);
            self.received.push((tag, entry.expect("an honest node's entry")));
        }
        let came = self.came.entry(tag).or_default();
        *came += entries.len() as u64;
        let count = *came;
        self.put(&Frame::Ack { tag, count, refused: Vec::new() });
    }

    fn serve(&mut self, tag: Tag, blob: BlobId, from: u64, length: u32) {
        let all = self.serves.get(&blob).map(Vec::as_slice).unwrap_or_default();
        let piece = all.iter().skip(from as usize).take(length as usize).copied().collect();
        self.put(&Frame::Blob { tag, blob, from, piece });
    }

    /// Serves these blobs from now on.
    pub fn serve_also(&mut self, blobs: BTreeMap<BlobId, Vec<u8>>) {
        self.serves.extend(blobs);
    }

    /// Answers what is asked of it until something has happened elsewhere.
    pub async fn serving_until<T>(&mut self, happened: impl Future<Output = T>) -> T {
        let mut happened = std::pin::pin!(happened);
        loop {
            tokio::select! {
                answer = &mut happened => return answer,
                frame = self.frame() => if frame.is_err() { return happened.await },
            }
        }
    }

    /// Fetches a blob.
    ///
    /// # Panics
    /// When the other side does not have it.
    pub async fn blob(&mut self, space: SpaceId, link: BlobLink) -> Vec<u8> {
        let tag = self.tag(space);
        let mut all = Vec::new();
        while (all.len() as u64) < link.size {
            let from = all.len() as u64;
            let length = (link.size - from).min(sheaf_sync::MAX_PIECE as u64) as u32;
            self.put(&Frame::WantBlob { tag, blob: link.id, from, length });
            loop {
                match self.frame().await.expect("a piece of a blob") {
                    Frame::Blob { blob, piece, .. } if blob == link.id => {
                        assert!(!piece.is_empty(), "it is not there");
                        all.extend(piece);
                        break;
                    }
                    _ => {}
                }
            }
        }
        all
    }

    /// Waits until the other side hangs up, and answers why.
    pub async fn closed(&mut self) -> Option<CloseCode> {
        loop {
            if let Err(code) = self.frame().await {
                return code;
            }
        }
    }

    /// Shows an invitation. An answer that is not no is yes.
    pub async fn redeem(&mut self, space: SpaceId, proof: Vec<u8>) -> Result<(), RedemptionRefusal> {
        let tag = self.tag(space);
        self.put(&Frame::Redeem { tag, proof });
        loop {
            match self.frame().await.expect("an answer to an invitation") {
                Frame::RedeemRefused { reason, .. } => return Err(reason),
                Frame::Frontier { .. } | Frame::Whole { .. } => return Ok(()),
                _ => {}
            }
        }
    }

    /// Asks what the node holds of a space, saying that this much is held here.
    pub async fn frontier(&mut self, space: SpaceId, held: &Frontier) -> Frontier {
        let asked = self.tag(space);
        self.put(&Frame::Frontier { tag: asked, whole: true, reply: true, held: held.clone() });
        loop {
            if let Frame::Frontier { tag, held, .. } | Frame::Whole { tag, held, .. } =
                self.frame().await.expect("a frontier")
                && tag == asked
            {
                return held;
            }
        }
    }

    /// Fetches what the node holds of a space beyond this, in the order it sends it.
    pub async fn fetch(&mut self, space: SpaceId, held: &Frontier) -> Vec<Entry> {
        let theirs = self.frontier(space, held).await;
        let asked = self.tag(space);
        let mut fetched = held.clone();
        let mut entries = Vec::new();
        loop {
            let mine = std::mem::take(&mut self.received).into_iter().filter(|(tag, _)| *tag == asked);
            for (_, entry) in mine {
                fetched.advance(entry.log(), entry.seq());
                entries.push(entry);
            }
            if fetched.covers(&theirs) {
                return entries;
            }
            self.frame().await.expect("entries");
        }
    }

    /// The entries that have come and were not asked about, without waiting for more.
    pub fn drain(&mut self) -> Vec<Entry> {
        while let Some(event) = self.events.try_recv() {
            if let NetEvent::Frame { bytes, .. } = event
                && let Ok(Frame::Entries { tag, entries, .. }) = Frame::decode(&bytes)
            {
                self.keep(tag, &entries);
            }
        }
        std::mem::take(&mut self.received).into_iter().map(|(_, entry)| entry).collect()
    }

    /// Sends entries and waits for what became of all of them.
    pub async fn send(&mut self, space: SpaceId, entries: &[&[u8]]) -> Answer {
        let tag = self.tag(space);
        let sent = self.sent.entry(space).or_default();
        let first = *sent;
        *sent += entries.len() as u64;
        let last = *sent;
        let entries = entries.iter().map(|bytes| EntryBytes::from(*bytes)).collect();
        self.put(&Frame::Entries { tag, first, entries });
        let mut all = Vec::new();
        loop {
            match self.frame().await {
                Ok(Frame::Ack { tag: of, count, refused }) if of == tag => {
                    all.extend(refused.into_iter().map(|(ordinal, refusal)| (ordinal - first, refusal)));
                    if count >= last {
                        return if all.is_empty() { Answer::Taken } else { Answer::Refused(all) };
                    }
                }
                Ok(_) => {}
                Err(code) => return Answer::Closed(code),
            }
        }
    }

    /// Hangs up.
    pub async fn hang_up(self) {
        self.close().await;
    }

    /// Hangs up, and stays to be replaced by another connection.
    pub async fn close(&self) {
        self.net.shutdown(Duration::from_secs(2)).await;
    }
}
