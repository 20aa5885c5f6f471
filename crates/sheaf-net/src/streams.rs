//! The tasks that write and read one stream each.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use iroh::endpoint::{Connection, RecvStream, SendStream, WriteError};
use sheaf_access::DeviceId;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::counters::count;
use crate::frame::{self, FRAME_MAX, PRESENCE_MAX, StreamEnd};
use crate::greeting::Greeting;
use crate::outbox::Outbox;
use crate::shared::{EventSender, Item, Shared};
use crate::{CloseCode, NetEvent, Stream, StreamKey};

/// What a stream that carries a space's frames begins with, before the key.
const SPACE_STREAM: u8 = 1;
/// What a stream that carries presence begins with.
const PRESENCE_STREAM: u8 = 2;

impl From<WriteError> for StreamEnd {
    fn from(error: WriteError) -> Self {
        match error {
            // Nobody who keeps the rules stops reading a stream and keeps the connection.
            WriteError::Stopped(_) => Self::Fault(CloseCode::Malformed),
            _ => Self::Gone,
        }
    }
}

/// What the writers of a connection need.
#[derive(Clone)]
pub(crate) struct Writing {
    pub(crate) device: DeviceId,
    pub(crate) connection: Connection,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) events: EventSender,
    pub(crate) shared: Arc<Shared>,
}

impl Writing {
    /// Writes the control stream, after this side's greeting if it is still to come.
    pub(crate) async fn control(self, mut stream: SendStream, greeting: Option<Greeting>) -> Result<(), StreamEnd> {
        // The connection as a whole comes before any one space.
        let _ = stream.set_priority(1);
        if let Some(greeting) = greeting {
            write_frame(&mut stream, Bytes::copy_from_slice(&greeting.encode())).await?;
        }
        self.frames(stream, Stream::Control).await
    }

    /// Opens and writes the stream of a space.
    pub(crate) async fn space(self, which: Stream) -> Result<(), StreamEnd> {
        let Stream::Space(key) = which else { return Ok(()) };
        let mut stream = self.connection.open_uni().await.map_err(|_| StreamEnd::Gone)?;
        stream.write_all(&[SPACE_STREAM]).await?;
        stream.write_all(key.as_bytes()).await?;
        self.frames(stream, which).await
    }

    async fn frames(self, mut stream: SendStream, which: Stream) -> Result<(), StreamEnd> {
        while let Some(frame) = self.outbox.next(which).await {
            let len = frame.len();
            write_frame(&mut stream, frame).await?;
            count(&self.shared.counters.frames_out);
            if self.outbox.written(which, len) {
                // Fails only when the node is gone, and then it needs no telling.
                let _ = self.events.send(NetEvent::Drained { device: self.device }.into()).await;
            }
        }
        finish(stream).await
    }

    /// Writes presence, when there is any.
    pub(crate) async fn presence(self) -> Result<(), StreamEnd> {
        let mut stream = None;
        while let Some((message, dropped)) = self.outbox.next_presence().await {
            self.shared.counters.presence_unsent.fetch_add(dropped as u64, Ordering::Relaxed);
            let stream = match &mut stream {
                Some(stream) => stream,
                none => {
                    let mut opened = self.connection.open_uni().await.map_err(|_| StreamEnd::Gone)?;
                    let _ = opened.set_priority(-1);
                    opened.write_all(&[PRESENCE_STREAM]).await?;
                    none.insert(opened)
                }
            };
            write_frame(stream, message).await?;
        }
        match stream {
            Some(stream) => finish(stream).await,
            None => Ok(()),
        }
    }
}

/// Writes a frame whole.
pub(crate) async fn write_frame(stream: &mut SendStream, frame: Bytes) -> Result<(), StreamEnd> {
    let prefix = Bytes::copy_from_slice(&frame::prefix(frame.len()));
    Ok(stream.write_all_chunks(&mut [prefix, frame]).await?)
}

/// Finishes a stream, and waits until the other side has everything.
async fn finish(mut stream: SendStream) -> Result<(), StreamEnd> {
    if stream.finish().is_ok() {
        let _ = stream.stopped().await;
    }
    Ok(())
}

/// What the readers of a connection need.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) device: DeviceId,
    pub(crate) events: EventSender,
    pub(crate) shared: Arc<Shared>,
    /// The budget for frames being put together, or waiting for the node.
    pub(crate) memory: Arc<Semaphore>,
    /// Whether the device has said anything yet.
    pub(crate) spoke: Arc<AtomicBool>,
}

/// How a reader ended, and whose it was.
pub(crate) struct ReaderEnd {
    pub(crate) key: Option<StreamKey>,
    pub(crate) ticket: u64,
    pub(crate) end: StreamEnd,
}

/// Keeps the streams of one space in order: wait for the end of the one before, tell the one after.
pub(crate) type Turn = (Option<oneshot::Receiver<()>>, oneshot::Sender<()>);

impl Reading {
    /// Reads frames until the stream ends. A space's stream may be followed by another one, when its sender had to make
    /// room in between; the later one waits here for its turn.
    pub(crate) async fn frames(
        self,
        mut stream: RecvStream,
        which: Stream,
        turn: Option<Turn>,
        ticket: u64,
    ) -> ReaderEnd {
        let (before, _done) = turn.map_or((None, None), |(before, done)| (before, Some(done)));
        if let Some(before) = before {
            // Dropped or sent: either way the stream before has ended.
            let _ = before.await;
        }
        let end = match self.read_all(&mut stream, which).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let key = match which {
            Stream::Space(key) => Some(key),
            Stream::Control => None,
        };
        ReaderEnd { key, ticket, end }
    }

    async fn read_all(&self, stream: &mut RecvStream, which: Stream) -> Result<std::convert::Infallible, StreamEnd> {
        loop {
            let len = frame::read_length(stream, FRAME_MAX).await?;
            // A frame is at most a megabyte, so its length fits.
            let memory = self.memory.clone().acquire_many_owned(len as u32).await.map_err(|_| StreamEnd::Gone)?;
            let bytes = frame::read_body(stream, len).await?;
            self.spoke.store(true, Ordering::Relaxed);
            count(&self.shared.counters.frames_in);
            let event = NetEvent::Frame { device: self.device, stream: which, bytes };
            let item = Item { event, outbox: None, memory: Some(memory) };
            self.events.send(item).await.map_err(|_| StreamEnd::Gone)?;
        }
    }

    /// Reads presence until the stream ends. What the node has no time for is dropped: the next one says more.
    pub(crate) async fn presence(self, mut stream: RecvStream) -> ReaderEnd {
        let end = loop {
            match frame::read_frame(&mut stream, PRESENCE_MAX).await {
                Ok(bytes) => {
                    let event = NetEvent::Presence { device: self.device, bytes };
                    if self.events.try_send(event.into()).is_err() {
                        count(&self.shared.counters.presence_unread);
                    }
                }
                Err(end) => break end,
            }
        };
        ReaderEnd { key: None, ticket: 0, end }
    }
}

/// A stream that the other side opened, once its first bytes have said what it is.
pub(crate) enum Arrived {
    /// It carries a space's frames.
    Space(RecvStream, StreamKey),
    /// It carries presence.
    Presence(RecvStream),
    /// It is nothing that is known here.
    Fault(CloseCode),
    /// There will be no more: the connection is gone.
    End,
}

/// The streams that the other side opens, in the order it opened them: what is said on two streams of one space must
/// not change places.
pub(crate) struct Arriving {
    connection: Connection,
    patience: Duration,
    /// The stream whose first bytes are being read. Kept here so that `next` can be dropped and called again.
    opening: Option<Pin<Box<dyn Future<Output = Arrived> + Send>>>,
    /// Nothing more to come.
    pub(crate) ended: bool,
}

impl Arriving {
    pub(crate) fn new(connection: Connection, patience: Duration) -> Self {
        Self { connection, patience, opening: None, ended: false }
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Arrived {
        let opening = match &mut self.opening {
            Some(opening) => opening,
            none => {
                let Ok(stream) = self.connection.accept_uni().await else {
                    self.ended = true;
                    return Arrived::End;
                };
                none.insert(Box::pin(open(stream, self.patience)))
            }
        };
        let arrived = opening.await;
        self.opening = None;
        arrived
    }
}

async fn open(mut stream: RecvStream, patience: Duration) -> Arrived {
    let header = async {
        let mut kind = [0];
        stream.read_exact(&mut kind).await.map_err(|_| ())?;
        match kind[0] {
            SPACE_STREAM => {
                let mut key = [0; 32];
                stream.read_exact(&mut key).await.map_err(|_| ())?;
                Ok(Some(StreamKey::from_bytes(key)))
            }
            PRESENCE_STREAM => Ok(None),
            _ => Err(()),
        }
    };
    match timeout(patience, header).await {
        Ok(Ok(Some(key))) => Arrived::Space(stream, key),
        Ok(Ok(None)) => Arrived::Presence(stream),
        // A connection that broke in the middle is told apart by the link.
        Ok(Err(())) | Err(_) => Arrived::Fault(CloseCode::Malformed),
    }
}
