//! What waits to be sent on one connection: a lane of frames per stream, and a few presence messages.
//!
//! `push` never waits. A frame that would go over the bounds is refused with what is queued, and whoever sent it reads
//! the store later instead: the log is the truth, the queue only a shortcut. A frame counts until the network has taken
//! it, which itself takes only so much ahead of the other side's acknowledgements.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use crate::counters::Counters;
use crate::{Limits, PresenceSent, Stream};

/// Presence messages that wait at most. What is newer says more.
const PRESENCE_WAITING: usize = 16;

/// What a lane's writer does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Write this.
    Frame(Bytes),
    /// Finish the stream; the lane is gone.
    Finish,
    /// Nothing yet.
    Wait,
}

/// A refused frame: what waits already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) bytes: usize,
    pub(crate) frames: usize,
}

/// Why a frame was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No room.
    Full(Full),
    /// The connection is closing.
    Closed,
}

#[derive(Debug, Default)]
struct Lane {
    frames: VecDeque<Bytes>,
    /// Of the frames, and of the one being written.
    bytes: usize,
    count: usize,
    used: u64,
    wake: Arc<Notify>,
}

/// The queues themselves, without locks or tasks.
#[derive(Debug)]
struct Queues {
    limits: Limits,
    lanes: HashMap<Stream, Lane>,
    bytes: usize,
    frames: usize,
    presence: VecDeque<Bytes>,
    turn: u64,
    was_full: bool,
    closed: bool,
}

impl Queues {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            lanes: HashMap::new(),
            bytes: 0,
            frames: 0,
            presence: VecDeque::new(),
            turn: 0,
            was_full: false,
            closed: false,
        }
    }

    /// Queues a frame. True: its lane is new and needs a writer.
    fn push(&mut self, stream: Stream, frame: Bytes) -> Result<bool, Refused> {
        if self.closed {
            return Err(Refused::Closed);
        }
        let len = frame.len();
        let (lane_bytes, lane_frames) = self.lanes.get(&stream).map_or((0, 0), |lane| (lane.bytes, lane.count));
        // An empty lane takes one frame of any size, or a small bound would make a large frame unsendable.
        let over = |bytes: usize, frames: usize, part: usize| {
            frames > 0 && (bytes + len > self.limits.queue_bytes / part || frames + 1 > self.limits.queue_frames / part)
        };
        if over(self.bytes, self.frames, 1) || over(lane_bytes, lane_frames, 2) {
            self.was_full = true;
            return Err(Refused::Full(Full { bytes: self.bytes, frames: self.frames }));
        }
        self.turn += 1;
        self.bytes += len;
        self.frames += 1;
        let is_new = !self.lanes.contains_key(&stream);
        let lane = self.lanes.entry(stream).or_default();
        lane.frames.push_back(frame);
        lane.bytes += len;
        lane.count += 1;
        lane.used = self.turn;
        lane.wake.notify_one();
        if is_new && self.crowded() {
            self.make_room();
        }
        Ok(is_new)
    }

    /// Whether more space streams are open than should be. The control stream does not count.
    fn crowded(&self) -> bool {
        self.lanes.keys().filter(|stream| matches!(stream, Stream::Space(_))).count() > self.limits.streams
    }

    /// Wakes the writer of the idle lane unused for longest: it will find that it is not wanted.
    fn make_room(&self) {
        let idle = self.lanes.iter().filter(|(stream, lane)| matches!(stream, Stream::Space(_)) && lane.count == 0);
        if let Some((_, lane)) = idle.min_by_key(|(_, lane)| lane.used) {
            lane.wake.notify_one();
        }
    }

    fn next(&mut self, stream: Stream) -> Next {
        let crowded = matches!(stream, Stream::Space(_)) && self.crowded();
        let Some(lane) = self.lanes.get_mut(&stream) else { return Next::Finish };
        if let Some(frame) = lane.frames.pop_front() {
            return Next::Frame(frame);
        }
        if self.closed || crowded {
            self.lanes.remove(&stream);
            return Next::Finish;
        }
        Next::Wait
    }

    /// The network has taken a frame. True: there is room again after having been full.
    fn written(&mut self, stream: Stream, len: usize) -> bool {
        self.bytes -= len;
        self.frames -= 1;
        if let Some(lane) = self.lanes.get_mut(&stream) {
            lane.bytes -= len;
            lane.count -= 1;
        }
        let drained =
            self.was_full && self.bytes <= self.limits.queue_bytes / 4 && self.frames <= self.limits.queue_frames / 4;
        if drained {
            self.was_full = false;
        }
        drained
    }

    fn busy(&self) -> bool {
        self.bytes > self.limits.presence_busy_bytes
    }

    /// Queues presence. Returns how many messages were dropped for it, itself included.
    fn push_presence(&mut self, message: Bytes) -> usize {
        if self.closed || self.busy() {
            return 1;
        }
        self.presence.push_back(message);
        let excess = self.presence.len().saturating_sub(PRESENCE_WAITING);
        self.presence.drain(..excess);
        excess
    }
}

/// The queues of one connection, shared between whoever sends and the writers.
#[derive(Debug)]
pub(crate) struct Outbox {
    queues: Mutex<Queues>,
    /// Streams that need a writer. Bounded by the frames that may wait, as each comes with one.
    opened: mpsc::UnboundedSender<Stream>,
    presence: Notify,
}

impl Outbox {
    /// Empty queues, and the streams that come to need a writer.
    pub(crate) fn new(limits: Limits) -> (Arc<Self>, mpsc::UnboundedReceiver<Stream>) {
        let (opened, receiver) = mpsc::unbounded_channel();
        let mut queues = Queues::new(limits);
        // The control stream has its writer from the beginning.
        queues.lanes.insert(Stream::Control, Lane::default());
        (Arc::new(Self { queues: Mutex::new(queues), opened, presence: Notify::new() }), receiver)
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        // Nothing in the critical sections panics half-way through a change.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a frame, or says why not.
    pub(crate) fn push(&self, stream: Stream, frame: Bytes) -> Result<(), Refused> {
        let mut queues = self.queues();
        if queues.push(stream, frame)? && self.opened.send(stream).is_err() {
            return Err(Refused::Closed);
        }
        Ok(())
    }

    /// Queues presence, or drops it.
    pub(crate) fn push_presence(&self, message: Bytes, counters: &Counters) -> PresenceSent {
        let (dropped, refused) = {
            let mut queues = self.queues();
            let refused = queues.closed || queues.busy();
            (queues.push_presence(message), refused)
        };
        counters.presence_unsent.fetch_add(dropped as u64, Ordering::Relaxed);
        self.presence.notify_one();
        if refused { PresenceSent::Dropped } else { PresenceSent::Queued }
    }

    /// Waits for the next frame of a stream. None: finish the stream.
    pub(crate) async fn next(&self, stream: Stream) -> Option<Bytes> {
        loop {
            let wake = {
                let mut queues = self.queues();
                match queues.next(stream) {
                    Next::Frame(frame) => return Some(frame),
                    Next::Finish => return None,
                    Next::Wait => queues.lanes.get(&stream)?.wake.clone(),
                }
            };
            // A notification between the look and the wait is kept for the wait: there is one waiter per lane.
            wake.notified().await;
        }
    }

    /// The network has taken a frame of `len` bytes. True: there is room again after having been full.
    pub(crate) fn written(&self, stream: Stream, len: usize) -> bool {
        self.queues().written(stream, len)
    }

    /// Waits for presence to send. None: no more. The number is what was dropped because the connection was busy.
    pub(crate) async fn next_presence(&self) -> Option<(Bytes, usize)> {
        let mut dropped = 0;
        loop {
            {
                let mut queues = self.queues();
                if queues.closed {
                    return None;
                }
                if queues.busy() {
                    dropped += queues.presence.len();
                    queues.presence.clear();
                }
                if let Some(message) = queues.presence.pop_front() {
                    return Some((message, dropped));
                }
            }
            self.presence.notified().await;
        }
    }

    /// Takes no more. What is queued can still be written; then the writers finish.
    pub(crate) fn close(&self) {
        let mut queues = self.queues();
        queues.closed = true;
        for lane in queues.lanes.values() {
            lane.wake.notify_one();
        }
        self.presence.notify_one();
    }

    /// Bytes and frames that wait.
    pub(crate) fn waiting(&self) -> Full {
        let queues = self.queues();
        Full { bytes: queues.bytes, frames: queues.frames }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::StreamKey;

    fn space(n: u8) -> Stream {
        Stream::Space(StreamKey::from_bytes([n; 32]))
    }

    fn small() -> Limits {
        Limits { queue_bytes: 100, queue_frames: 8, streams: 2, presence_busy_bytes: 20, ..Limits::default() }
    }

    #[test]
    fn one_busy_stream_leaves_room_for_another() {
        let mut queues = Queues::new(small());
        assert_eq!(queues.push(space(1), vec![0; 40].into()), Ok(true));
        assert_eq!(queues.push(space(1), vec![0; 11].into()), Err(Refused::Full(Full { bytes: 40, frames: 1 })));
        assert_eq!(queues.push(space(2), vec![0; 50].into()), Ok(true));
        assert_eq!(queues.push(space(3), vec![0; 11].into()), Err(Refused::Full(Full { bytes: 90, frames: 2 })));
    }

    #[test]
    fn room_is_told_once_after_full() {
        let mut queues = Queues::new(small());
        assert_eq!(queues.push(space(1), vec![0; 50].into()), Ok(true));
        assert!(queues.push(space(1), vec![0; 50].into()).is_err());
        assert_eq!(queues.next(space(1)), Next::Frame(vec![0; 50].into()));
        assert!(queues.push(space(1), vec![0; 50].into()).is_err(), "not taken by the network yet");
        assert!(queues.written(space(1), 50));
        assert_eq!(queues.push(space(1), vec![0; 50].into()), Ok(false));
        assert_eq!(queues.next(space(1)), Next::Frame(vec![0; 50].into()));
        assert!(!queues.written(space(1), 50));
    }

    #[test]
    fn the_idle_stream_makes_room_for_a_new_one() {
        let mut queues = Queues::new(small());
        for n in 1..=3 {
            assert_eq!(queues.push(space(n), vec![n].into()), Ok(true));
            assert_eq!(queues.next(space(n)), Next::Frame(vec![n].into()));
            queues.written(space(n), 1);
        }
        assert_eq!(queues.next(space(1)), Next::Finish);
        assert_eq!(queues.next(space(2)), Next::Wait);
        assert_eq!(queues.push(space(1), vec![1].into()), Ok(true), "a new stream, with a new writer");
    }

    #[test]
    fn presence_gives_way() {
        let mut queues = Queues::new(small());
        for n in 0..=PRESENCE_WAITING {
            assert_eq!(queues.push_presence(vec![n as u8].into()), usize::from(n == PRESENCE_WAITING));
        }
        assert_eq!(queues.presence.front(), Some(&Bytes::from(vec![1])), "the oldest went");
        queues.push(space(1), vec![0; 21].into()).unwrap();
        assert_eq!(queues.push_presence(vec![9].into()), 1, "busy");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u8, usize),
        Take(u8),
        Written(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..5_u8, 1..60_usize).prop_map(|(n, len)| Step::Push(n, len)),
            2 => (0..5_u8).prop_map(Step::Take),
            2 => (0..5_u8).prop_map(Step::Written),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crate::cases(2000)))]

        /// Whatever happens: never over the bounds, never out of order within a stream, never a frame lost or miscounted.
        #[test]
        fn bounded_and_in_order(steps in prop::collection::vec(step(), 0..200)) {
            let limits = small();
            let mut queues = Queues::new(limits);
            let mut number = 0_u64;
            let mut sent: HashMap<u8, VecDeque<Bytes>> = HashMap::new();
            let mut in_hand: HashMap<u8, usize> = HashMap::new();
            for step in steps {
                match step {
                    Step::Push(n, len) => {
                        number += 1;
                        let mut bytes = vec![n; len.max(8)];
                        bytes[..8].copy_from_slice(&number.to_be_bytes());
                        if queues.push(space(n), bytes.clone().into()).is_ok() {
                            sent.entry(n).or_default().push_back(bytes.into());
                        }
                    }
                    Step::Take(n) if !in_hand.contains_key(&n) => {
                        if let Next::Frame(frame) = queues.next(space(n)) {
                            in_hand.insert(n, frame.len());
                            prop_assert_eq!(Some(frame), sent.get_mut(&n).and_then(VecDeque::pop_front));
                        } else {
                            prop_assert!(sent.get(&n).is_none_or(VecDeque::is_empty));
                        }
                    }
                    Step::Take(_) => {}
                    Step::Written(n) => {
                        if let Some(len) = in_hand.remove(&n) {
                            queues.written(space(n), len);
                        }
                    }
                }
                let waiting = sent.values().flatten().map(Bytes::len).chain(in_hand.values().copied());
                prop_assert_eq!(queues.bytes, waiting.clone().sum::<usize>());
                prop_assert_eq!(queues.frames, waiting.count());
                prop_assert!(queues.bytes <= limits.queue_bytes.max(60));
                prop_assert!(queues.frames <= limits.queue_frames);
            }
        }
    }
}
