//! How things stand: what the relay's parts write down, and its operator reads.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::meters::Meters;

/// Rates are those of about the last minute.
const SAMPLES: usize = 13;
/// Of what is to stay free on the disk, what part nothing at all is put into.
const LAST: u64 = 4;
/// How often the files of the data folder are added up, which costs a look at each.
const ADD_UP: Duration = Duration::from_mins(1);

/// Whether a relay does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It is opening its data folder.
    Starting,
    /// It takes in and serves.
    Ready,
    /// It serves, and takes no more words in, because the disk is as full as it may be.
    NoDisk,
    /// It serves, and keeps nothing of what is sent, because that cannot be written.
    NoStore,
    /// It takes in and serves, and acknowledges nothing, because the cluster's NATS servers are away.
    NoCluster,
    /// It takes in and serves, and acknowledges nothing of the spaces of these streams, which are away: a bit each.
    NoStreams(u32),
    /// It is finishing what is under way, to stop.
    Draining,
}

impl Readiness {
    /// Whether whoever shares out the work may send people here.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Ready | Self::NoStreams(_))
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoStreams(away) => {
                let streams = crate::cluster::names(*away).join(", ");
                return write!(
                    f,
                    "ready, but for what is in {streams} with NATS: it is away; what is sent of its spaces is kept here, and \
                     acknowledged when it is back"
                );
            }
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::NoDisk => "the disk is full; no more words are taken in, and what is kept is served",
            Self::NoStore => {
                "what is sent cannot be written to the disk, and is not acknowledged; what is kept is served, and it is tried again"
            }
            Self::NoCluster => {
                "the cluster's NATS servers are away; what is sent is kept here, and acknowledged when they are back"
            }
            Self::Draining => "draining",
        })
    }
}

/// What went by, a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// In how many seconds.
    pub seconds: u64,
    /// Entries that became durable.
    pub entries: u64,
    /// Bytes of frames in.
    pub bytes_in: u64,
    /// Bytes of frames out.
    pub bytes_out: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    entries: u64,
    bytes_in: u64,
    bytes_out: u64,
}

/// How things stand with a relay.
#[derive(Debug)]
pub struct Board {
    meters: Meters,
    started: Instant,
    /// What is to stay free on the disk.
    reserve: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    readiness: Readiness,
    /// The NATS servers of the cluster, if it is in one, are away.
    cut_off: bool,
    /// The streams of the cluster that are away, a bit each.
    away: u32,
    /// What was sent last could not be written.
    failing: bool,
    samples: VecDeque<Sample>,
    added_up: Option<Instant>,
}

impl Board {
    /// A relay that is starting.
    pub fn new() -> Self {
        let (readiness, samples) = (Readiness::Starting, VecDeque::new());
        let state = State { readiness, cut_off: false, away: 0, failing: false, samples, added_up: None };
        Self { meters: Meters::new(), started: Instant::now(), reserve: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// What is counted.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Whether it does its work.
    pub fn readiness(&self) -> Readiness {
        self.state().seen()
    }

    /// Whether the disk is as full as it may be.
    pub fn is_full(&self) -> bool {
        self.state().readiness == Readiness::NoDisk
    }

    /// Whether the disk is so full that not even what puts spaces in order again is taken in, and lets room be made.
    pub fn is_packed(&self) -> bool {
        self.is_full() && self.meters.disk_free.get() < self.reserve.load(Ordering::Relaxed) / LAST
    }

    /// Whether the NATS servers of the cluster are away.
    pub fn is_cut_off(&self) -> bool {
        self.state().cut_off
    }

    /// The NATS servers of the cluster are away from now on, or are there.
    pub fn cut_off(&self, cut_off: bool) {
        let mut state = self.state();
        state.cut_off = cut_off;
        self.meters.cluster.set(u64::from(!cut_off));
        self.meters.ready.set(u64::from(state.seen().is_ready()));
    }

    /// What was sent could not be written, or now it can.
    pub fn store_fails(&self, failing: bool) {
        let mut state = self.state();
        if failing {
            self.meters.store_failures.add(1);
        }
        if state.failing != failing {
            state.failing = failing;
            self.meters.ready.set(u64::from(state.seen().is_ready()));
            if !failing {
                tracing::info!("what is sent can be written again");
            }
        }
    }

    /// Whether what was sent last could not be written.
    pub fn is_failing(&self) -> bool {
        self.state().failing
    }

    /// These streams of the cluster are away from now on, a bit each.
    pub fn streams_away(&self, away: u32) {
        self.state().away = away;
        self.meters.streams_away.set(u64::from(away.count_ones()));
    }

    /// Whether what is said of a stream is not heard by the cluster just now.
    pub fn is_away(&self, shard: u8) -> bool {
        let state = self.state();
        state.cut_off || state.away & (1 << shard) != 0
    }

    /// From now on it stands like this. A relay that drains does not come back from it.
    pub fn is(&self, readiness: Readiness) {
        let mut state = self.state();
        if state.readiness != Readiness::Draining {
            state.readiness = readiness;
        }
        self.meters.ready.set(u64::from(state.seen().is_ready()));
    }

    /// So much is to stay free on the disk from now on.
    pub fn reserve(&self, bytes: u64) {
        self.reserve.store(bytes, Ordering::Relaxed);
    }

    /// How long it has been running.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// Takes a sample, and looks at the disk.
    pub fn look(&self, data: &Path, now: Instant) {
        if let Ok(free) = fs4::available_space(data) {
            self.meters.disk_free.set(free);
            let enough = free >= self.reserve.load(Ordering::Relaxed);
            // Bound first: the arms lock it again.
            let readiness = self.state().readiness;
            match (readiness, enough) {
                (Readiness::Ready, false) => {
                    tracing::error!(free, "the disk is as full as it may be: no more words are taken in");
                    self.is(Readiness::NoDisk);
                }
                (Readiness::NoDisk, true) => {
                    tracing::info!(free, "there is room on the disk again");
                    self.is(Readiness::Ready);
                }
                _ => {}
            }
        }
        let add_up = self.state().added_up.is_none_or(|last| now.saturating_duration_since(last) >= ADD_UP);
        if add_up {
            self.meters.disk_used.set(size_of(data));
        }
        let mut state = self.state();
        if add_up {
            state.added_up = Some(now);
        }
        state.samples.push_back(self.sample(now));
        if state.samples.len() > SAMPLES {
            state.samples.pop_front();
        }
    }

    /// What went by lately.
    pub fn rates(&self, now: Instant) -> Rates {
        let last = self.sample(now);
        let Some(first) = self.state().samples.front().copied() else { return Rates::default() };
        let seconds = last.at.saturating_duration_since(first.at).as_secs();
        let rate = |from: u64, to: u64| to.saturating_sub(from) / seconds.max(1);
        Rates {
            seconds,
            entries: rate(first.entries, last.entries),
            bytes_in: rate(first.bytes_in, last.bytes_in),
            bytes_out: rate(first.bytes_out, last.bytes_out),
        }
    }

    fn sample(&self, at: Instant) -> Sample {
        let Meters { entries_stored, bytes_in, bytes_out, .. } = &self.meters;
        Sample { at, entries: entries_stored.get(), bytes_in: bytes_in.get(), bytes_out: bytes_out.get() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // What is written down in it is whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What an operator is told of it: the disk goes before the cluster.
    fn seen(&self) -> Readiness {
        match self.readiness {
            Readiness::Ready if self.failing => Readiness::NoStore,
            Readiness::Ready if self.cut_off => Readiness::NoCluster,
            Readiness::Ready if self.away != 0 => Readiness::NoStreams(self.away),
            readiness => readiness,
        }
    }
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes of all files below a folder. What vanishes meanwhile counts as gone.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_minute() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("inner")).expect("a folder in it");
        std::fs::write(folder.path().join("inner/file"), [0; 1_000]).expect("a file in it");
        let board = Board::new();
        let start = Instant::now();
        for tick in 0..100 {
            board.meters().entries_stored.add(50);
            board.look(folder.path(), start + Duration::from_secs(5 * tick));
        }
        let rates = board.rates(start + Duration::from_secs(5 * 99));
        assert_eq!((rates.seconds, rates.entries), (60, 10));
        assert_eq!(board.meters().disk_used.get(), 1_000);
        assert!(board.meters().disk_free.get() > 0);
    }

    #[test]
    fn a_full_disk_is_noticed_and_so_is_one_with_room_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let board = Board::new();
        board.is(Readiness::Ready);
        board.reserve(u64::MAX);
        board.look(folder.path(), Instant::now());
        assert_eq!(board.readiness(), Readiness::NoDisk);
        assert!(board.is_packed());
        let free = board.meters().disk_free.get();
        board.reserve(free * 2);
        assert!(board.is_full() && !board.is_packed(), "there is room for what lets room be made");
        board.reserve(1);
        board.look(folder.path(), Instant::now());
        assert_eq!(board.readiness(), Readiness::Ready);
        assert!(!board.is_packed());
    }

    #[test]
    fn a_cluster_that_is_away_is_said_unless_the_disk_is_full_too() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let board = Board::new();
        board.cut_off(true);
        assert_eq!(board.readiness(), Readiness::Starting);
        board.is(Readiness::Ready);
        assert_eq!((board.readiness(), board.meters().ready.get()), (Readiness::NoCluster, 0));
        board.reserve(u64::MAX);
        board.look(folder.path(), Instant::now());
        assert!(board.is_full());
        board.cut_off(false);
        board.reserve(1);
        board.look(folder.path(), Instant::now());
        assert_eq!((board.readiness(), board.meters().ready.get()), (Readiness::Ready, 1));
    }

    #[test]
    fn streams_that_are_away_are_named_and_a_disk_that_fails_comes_first() {
        let board = Board::new();
        board.is(Readiness::Ready);
        board.streams_away(1 << 3);
        assert!(board.readiness().is_ready() && board.readiness().to_string().contains("SHEAF_03"));
        assert!(board.is_away(3) && !board.is_away(4));
        board.store_fails(true);
        assert_eq!((board.readiness(), board.meters().ready.get()), (Readiness::NoStore, 0));
        board.store_fails(false);
        board.streams_away(0);
        assert_eq!((board.readiness(), board.meters().ready.get()), (Readiness::Ready, 1));
        assert_eq!(board.meters().store_failures.get(), 1);
    }

    #[test]
    fn a_relay_that_drains_does_not_become_ready_again() {
        let board = Board::new();
        board.is(Readiness::Ready);
        assert_eq!(board.meters().ready.get(), 1);
        board.is(Readiness::Draining);
        board.is(Readiness::Ready);
        assert_eq!(board.readiness(), Readiness::Draining);
        assert_eq!(board.meters().ready.get(), 0);
    }
}
