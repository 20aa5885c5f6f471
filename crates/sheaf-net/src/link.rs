//! One connection, from the moment both sides agreed to use it to its end.
//!
//! The control stream is the one bidirectional stream, opened by the side that dialled. For a space, each side opens a
//! stream of its own to send on, when it first has something to say there, and names the space's key at its beginning.
//! Presence has one stream in each direction, behind everything else in priority. Each stream has its own task to write
//! or read it, so a slow one holds up no other; they share the bounds of the connection.
//!
//! Memory. What waits to be sent is bounded by the outbox. What has arrived is bounded by the streams' windows in the
//! QUIC stack, and by a budget for frames being put together or waiting for the node. The windows of all streams that
//! may be open add up to no more than the connection's, so a stream that waits for the budget cannot starve the one
//! that holds it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use iroh::endpoint::{Connection, RecvStream, SendStream};
use sheaf_access::DeviceId;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::counters::count;
use crate::frame::{FRAME_MAX, StreamEnd};
use crate::greeting::Greeting;
use crate::listen::Place;
use crate::outbox::Outbox;
use crate::shared::{EventSender, Item, Shared};
use crate::streams::{Arrived, Arriving, ReaderEnd, Reading, Writing};
use crate::transport;
use crate::{CloseCode, DisconnectReason, Limits, NetEvent, Stream, StreamKey, Timings};

/// After the connection is gone, what has arrived is still handed to the node, for this long at most.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Frames of one connection that are being put together, or wait for the node.
const FRAMES_IN_MEMORY: usize = 4 * FRAME_MAX;

/// The label under which both ends derive the nonce from the TLS session.
const NONCE_LABEL: &[u8] = b"EXPORTER-sheaf/1 channel nonce";

/// What the switchboard tells a link.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// The node lets the device stay.
    Admit,
    /// End it: send what is queued within `flush`, then close with the code.
    Close {
        code: CloseCode,
        flush: Duration,
        /// The whole network is closing: do not wait for the node to hear of it.
        quiet: bool,
    },
}

/// The control stream.
pub(crate) type Control = (SendStream, RecvStream);

/// A connection both sides agreed to use.
pub(crate) struct Link {
    pub(crate) device: DeviceId,
    pub(crate) connection: Connection,
    /// Until its two halves are being read and written.
    pub(crate) control: Option<Control>,
    /// To be sent before anything else, if this side has not greeted yet.
    pub(crate) greeting: Option<Greeting>,
    pub(crate) outgoing: bool,
    pub(crate) admitted: bool,
    pub(crate) outbox: Arc<Outbox>,
    /// Streams that come to need a writer.
    pub(crate) opened: mpsc::UnboundedReceiver<Stream>,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
    pub(crate) events: EventSender,
    pub(crate) shared: Arc<Shared>,
    pub(crate) timings: Timings,
    pub(crate) limits: Limits,
    /// Its place among the connections of its address, until it ends.
    pub(crate) _seat: Option<Place>,
}

/// How it ends.
enum End {
    Here { code: CloseCode, flush: Duration, quiet: bool },
    Gone,
}

impl End {
    fn now(code: CloseCode) -> Self {
        Self::Here { code, flush: Duration::ZERO, quiet: false }
    }
}

impl Link {
    /// Lives until the connection ends, and says why it did. `Connected` and `Disconnected` are told from here, so that
    /// they stand round its frames.
    pub(crate) async fn run(mut self) -> DisconnectReason {
        let mut nonce = [0; 32];
        if self.connection.export_keying_material(&mut nonce, NONCE_LABEL, b"").is_err() {
            self.connection.close(CloseCode::Malformed.wire(), b"");
            return DisconnectReason::Ours(CloseCode::Malformed);
        }
        let connected = NetEvent::Connected { device: self.device, nonce, outgoing: self.outgoing };
        let mut item = Item::from(connected);
        item.outbox = Some(self.outbox.clone());
        let (told, end) = match self.tell(item).await {
            Ok(()) => (true, None),
            Err(end) => (false, Some(end)),
        };

        let mut writers = JoinSet::new();
        let mut readers = JoinSet::new();
        let end = match end {
            Some(end) => end,
            None => self.live(&mut writers, &mut readers).await,
        };

        self.outbox.close();
        let (reason, quiet) = match end {
            End::Here { code, flush, quiet } => {
                // Time is up, or everything is out: both end the same way.
                let _ = timeout(flush, async { while writers.join_next().await.is_some() {} }).await;
                self.connection.close(code.wire(), b"");
                (DisconnectReason::Ours(code), quiet)
            }
            End::Gone => (self.reason(), false),
        };
        drop((writers, readers));
        if told {
            let item = Item::from(NetEvent::Disconnected { device: self.device, reason });
            if quiet {
                // The node may not be listening while it waits for the end. It knows that everything is disconnected.
                let _ = self.events.try_send(item);
            } else {
                self.tell_whatever_comes(item).await;
            }
        }
        reason
    }

    fn reason(&self) -> DisconnectReason {
        self.connection.close_reason().map_or(DisconnectReason::Lost, |error| DisconnectReason::from_error(&error))
    }

    /// Tells the node, unless an order to close comes first.
    async fn tell(&mut self, item: Item) -> Result<(), End> {
        let events = self.events.clone();
        let mut sending = std::pin::pin!(events.send(item));
        loop {
            tokio::select! {
                sent = &mut sending => return sent.map_err(|_| End::now(CloseCode::Bye)),
                order = self.orders.recv() => match order {
                    Some(Order::Admit) => self.admit(),
                    Some(Order::Close { code, flush, quiet }) => return Err(End::Here { code, flush, quiet }),
                    None => return Err(End::now(CloseCode::Bye)),
                },
            }
        }
    }

    /// Tells the node; only the end of everything comes first.
    async fn tell_whatever_comes(&mut self, item: Item) {
        let events = self.events.clone();
        let mut sending = std::pin::pin!(events.send(item));
        loop {
            tokio::select! {
                _ = &mut sending => return,
                order = self.orders.recv() => if matches!(order, None | Some(Order::Close { quiet: true, .. })) { return },
            }
        }
    }

    fn admit(&mut self) {
        self.admitted = true;
        self.connection.set_max_concurrent_uni_streams(transport::streams_accepted(&self.limits));
    }

    /// Writes and reads until something ends it.
    async fn live(&mut self, writers: &mut JoinSet<Result<(), StreamEnd>>, readers: &mut JoinSet<ReaderEnd>) -> End {
        if self.admitted {
            self.admit();
        }
        let spoke = Arc::new(AtomicBool::new(false));
        let reading = Reading {
            device: self.device,
            events: self.events.clone(),
            shared: self.shared.clone(),
            memory: Arc::new(Semaphore::new(FRAMES_IN_MEMORY)),
            spoke: spoke.clone(),
        };
        let writing = Writing {
            device: self.device,
            connection: self.connection.clone(),
            outbox: self.outbox.clone(),
            events: self.events.clone(),
            shared: self.shared.clone(),
        };
        let Some((send, recv)) = self.control.take() else { return End::Gone };
        writers.spawn(writing.clone().control(send, self.greeting.take()));
        writers.spawn(writing.clone().presence());
        readers.spawn(reading.clone().frames(recv, Stream::Control, None, 0));

        let born = Instant::now();
        let first_frame = born + self.timings.first_frame;
        let admission = born + self.timings.admission;
        let mut arriving = Arriving::new(self.connection.clone(), self.timings.first_frame);
        let mut tails: HashMap<StreamKey, (u64, oneshot::Receiver<()>)> = HashMap::new();
        let mut tickets = 0;
        // Set when the connection is gone: until then what has arrived is still read.
        let mut last_words: Option<Instant> = None;
        loop {
            if last_words.is_some() && arriving.ended && readers.is_empty() {
                return End::Gone;
            }
            let unheard = !self.admitted && !spoke.load(Ordering::Relaxed);
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(Order::Admit) => self.admit(),
                    Some(Order::Close { code, flush, quiet }) => return End::Here { code, flush, quiet },
                    None => return End::now(CloseCode::Bye),
                },
                Some(stream) = self.opened.recv() => {
                    writers.spawn(writing.clone().space(stream));
                }
                arrived = arriving.next(), if !arriving.ended => match arrived {
                    Arrived::Space(stream, key) => {
                        tickets += 1;
                        let (done, tail) = oneshot::channel();
                        let before = tails.insert(key, (tickets, tail)).map(|(_, tail)| tail);
                        readers.spawn(reading.clone().frames(stream, Stream::Space(key), Some((before, done)), tickets));
                    }
                    Arrived::Presence(stream) => { readers.spawn(reading.clone().presence(stream)); }
                    Arrived::Fault(code) => return self.fault(code),
                    Arrived::End => {
                        last_words.get_or_insert(Instant::now() + LAST_WORDS);
                    }
                },
                Some(ended) = readers.join_next() => {
                    // A reader that panicked would be a bug here; its stream ends, and the connection with it.
                    let Ok(ended) = ended else { return End::now(CloseCode::Malformed) };
                    if let Some(key) = ended.key && tails.get(&key).is_some_and(|(ticket, _)| *ticket == ended.ticket) {
                        tails.remove(&key);
                    }
                    if let StreamEnd::Fault(code) = ended.end && last_words.is_none() {
                        return self.fault(code);
                    }
                }
                Some(ended) = writers.join_next() => {
                    if let Ok(Err(StreamEnd::Fault(code))) = ended && last_words.is_none() {
                        return self.fault(code);
                    }
                }
                () = sleep_until(first_frame), if unheard => {
                    if !spoke.load(Ordering::Relaxed) {
                        count(&self.shared.counters.expired_strangers);
                        return End::now(CloseCode::Silent);
                    }
                }
                () = sleep_until(admission), if !self.admitted => {
                    count(&self.shared.counters.expired_strangers);
                    return End::now(CloseCode::NotAdmitted);
                }
                () = sleep_until(last_words.unwrap_or(born)), if last_words.is_some() => return End::Gone,
            }
        }
    }

    /// The other side broke the rules, unless the connection broke first and only looks like it.
    fn fault(&self, code: CloseCode) -> End {
        if self.connection.close_reason().is_some() {
            return End::Gone;
        }
        let counters = &self.shared.counters;
        count(match code {
            CloseCode::TooLarge => &counters.too_large,
            CloseCode::Truncated => &counters.truncated,
            CloseCode::Version => &counters.other_version,
            _ => &counters.malformed,
        });
        tracing::debug!(device = %self.device.short(), %code, "closing a connection that broke the protocol");
        End::now(code)
    }
}
