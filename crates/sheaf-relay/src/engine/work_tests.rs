//! What is let in does not wait for the disk, and what is acknowledged does.

use std::time::Duration;

use sheaf_access::DeviceId;
use sheaf_net::{Net, NetConfig};
use sheaf_sync::EntryBytes;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::*;
use crate::board::Board;
use crate::config::Config;
use crate::keeper::Delivered;
use crate::keeper::testing::{Held, Written, keeper};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// An engine that nobody is connected to, on a disk that can be held up.
struct Bench {
    engine: Engine,
    answered: UnboundedReceiver<Answer>,
    disk: Arc<Held>,
    written: Written,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// Its space is open, and nothing of it is there.
    async fn new() -> Self {
        let (folder, disk) = (tempfile::tempdir().expect("a temporary folder"), Arc::new(Held::default()));
        let keeper = Arc::new(keeper(disk.home(folder.path())));
        let listen = Some("127.0.0.1:0".parse().expect("an address"));
        let config = NetConfig { listen, discovery: false, ..NetConfig::new([7; 32]) };
        let (net, _) = Net::bind(config).await.expect("the loopback interface");
        let (answers, answered) = unbounded_channel();
        let fetching = super::super::fetching::start(Arc::clone(&keeper), answers.clone()).expect("a thread");
        let limits = Config::default().limits;
        let board = Arc::new(Board::new());
        let mut engine = Engine::new((Arc::clone(&keeper), board), limits, net, (answers, fetching), None);
        let written = Written::new();
        engine.open(&keeper.open(written.space).expect("it opens"));
        // It stays open as long as somebody has to do with it.
        engine.spaces.get_mut(&written.space).expect("it is open").peers.insert(written.who.device.id());
        Self { engine, answered, disk, written, _folder: folder }
    }

    /// These of the entries are delivered. Only the sync machine gives tickets, so it is as if another relay had passed them on.
    fn deliver(&mut self, entries: std::ops::Range<usize>) {
        let entries = self.written.entries[entries].iter().map(|entry| EntryBytes::from(entry.encoded().to_vec()));
        let delivered = Delivered { from: self.author(), ticket: None, entries: entries.collect() };
        self.engine.spaces.get_mut(&self.written.space).expect("it is open").deliveries.push(delivered);
        self.engine.take_in(self.written.space);
    }

    fn author(&self) -> DeviceId {
        self.written.who.device.id()
    }

    /// Goes on until so many entries have been passed on since it was last asked, and nothing has become of any delivery.
    async fn passes_on(&mut self, count: usize) {
        let mut passed_on = 0;
        while passed_on < count {
            let answer = timeout(PATIENCE, self.answered.recv()).await.expect("it does not wait").expect("it is open");
            match &answer {
                Answer::Let { items, .. } => passed_on += items.len(),
                Answer::Taken { .. } => panic!("it is acknowledged, and not durable"),
                _ => {}
            }
            self.engine.answer(answer);
        }
    }

    /// Goes on until nothing is under way. Answers what became of each entry, in order.
    async fn outcomes(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while !self.engine.taking.is_empty() {
            let answer = timeout(PATIENCE, self.answered.recv()).await.expect("it goes on").expect("it is open");
            if let Answer::Taken { accepted, .. } = &answer {
                outcomes.extend(accepted.iter().flat_map(|one| one.outcomes.iter().cloned()));
            }
            self.engine.answer(answer);
        }
        outcomes
    }

    fn places(&self, entries: std::ops::Range<usize>) -> Vec<Outcome> {
        let place = |entry: &sheaf_log::Entry| Outcome::Held { log: entry.log(), seq: entry.seq() };
        self.written.entries[entries].iter().map(place).collect()
    }

    /// Up to where its writer's log is in the store.
    fn stored(&self) -> u64 {
        use sheaf_store::Store as _;
        let frontier = self.engine.keeper.home().store().frontier(self.written.space).expect("it is read");
        frontier.get(&self.written.log)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_is_passed_on_while_the_disk_is_busy_and_nothing_is_acknowledged() {
    let mut bench = Bench::new().await;
    bench.written.words(9);
    bench.deliver(0..4);
    assert_eq!(bench.outcomes().await, bench.places(0..4));

    bench.disk.hold();
    bench.deliver(4..6);
    bench.passes_on(2).await;
    // It builds on what is not durable. So does the third, and it is with the second in one sync.
    bench.deliver(6..7);
    bench.passes_on(1).await;
    bench.deliver(7..10);
    bench.passes_on(3).await;
    // The same once more: it is known, and as little acknowledged.
    bench.deliver(5..7);
    assert_eq!(bench.stored(), 4);
    bench.disk.let_go(false);
    let all = [bench.places(4..10), bench.places(5..7)].concat();
    assert_eq!(bench.outcomes().await, all, "in the order in which it came");
    assert_eq!(bench.stored(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rests_on_what_the_disk_lost_is_not_acknowledged_and_comes_again() {
    let mut bench = Bench::new().await;
    bench.written.words(9);
    bench.deliver(0..4);
    bench.outcomes().await;
    bench.disk.hold();
    bench.deliver(4..6);
    bench.passes_on(2).await;
    bench.deliver(6..10);
    bench.passes_on(4).await;
    bench.disk.let_go(true);
    let outcomes = bench.outcomes().await;
    let not_now = |outcome: &Outcome| matches!(outcome, Outcome::Refused(Refusal::NotNow(_)));
    assert!(outcomes.len() == 6 && outcomes.iter().all(not_now), "{outcomes:?}");
    assert_eq!(bench.stored(), 4);
    // What comes later without what was lost has to wait for it.
    bench.disk.let_go(false);
    bench.deliver(8..10);
    let outcomes = bench.outcomes().await;
    assert!(
        outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused(Refusal::Missing { .. }))),
        "{outcomes:?}"
    );
    bench.deliver(4..10);
    assert_eq!(bench.outcomes().await, bench.places(4..10));
    assert_eq!(bench.stored(), 10);
}

/// A disk that hangs is waited for in the end: what is in memory is bounded.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_let_in_than_may_wait() {
    let mut bench = Bench::new().await;
    bench.written.words(3);
    bench.deliver(0..1);
    bench.outcomes().await;
    bench.disk.hold();
    bench.deliver(1..2);
    bench.passes_on(1).await;
    let space = bench.written.space;
    bench.engine.taking.get_mut(&space).expect("it is under way").ahead += AHEAD;
    while bench.engine.taking[&space].letting_in {
        let answer = timeout(PATIENCE, bench.answered.recv()).await.expect("it goes on").expect("it is open");
        bench.engine.answer(answer);
    }
    bench.deliver(2..4);
    assert!(!bench.engine.taking[&space].letting_in);
    bench.engine.taking.get_mut(&space).expect("it is under way").ahead -= AHEAD;
    bench.disk.let_go(false);
    assert_eq!(bench.outcomes().await, bench.places(1..4));
}

/// The thread that reads and writes checkpoints fails. Nobody is left to wait for it: the relay ends, to be started again.
#[tokio::test]
async fn an_engine_ends_when_the_thread_for_checkpoints_has_failed() {
    let mut bench = Bench::new().await;
    bench.engine.fetching.send(Fetch::Panic).expect("it is there");
    while !bench.engine.broken {
        let answer = timeout(PATIENCE, bench.answered.recv()).await.expect("it says so").expect("it is open");
        bench.engine.answer(answer);
    }
}
