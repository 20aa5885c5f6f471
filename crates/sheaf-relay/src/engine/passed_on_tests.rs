//! What becomes of entries that are not taken: what a stream must keep for this relay it keeps, and what it need not it gives back.

use std::sync::Arc;

use sheaf_access::{DeviceId, SpaceId};
use sheaf_net::{Net, NetConfig};
use sheaf_sync::{EntryBytes, Refusal, Verdict};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::board::Board;
use crate::cluster::Duty;
use crate::config::{Config, Follow};
use crate::engine::{Clustered, Left, fetching};
use crate::keeper::testing::{Held, Written, keeper};

const SPACE: SpaceId = SpaceId::from_bytes([7; 32]);
const SHARD: u8 = 7;

/// An engine in a cluster, to which nothing has come yet.
struct Bench {
    engine: Engine,
    orders: UnboundedReceiver<Order>,
    answered: UnboundedReceiver<Answer>,
    disk: Arc<Held>,
    come: u64,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = Arc::new(Held::default());
        let keeper = Arc::new(keeper(disk.home(folder.path())));
        let listen = Some("127.0.0.1:0".parse().expect("an address"));
        let (net, _) =
            Net::bind(NetConfig { listen, discovery: false, ..NetConfig::new([9; 32]) }).await.expect("a port");
        let (answers, answered) = unbounded_channel();
        let (order, orders) = unbounded_channel();
        let fetching = fetching::start(Arc::clone(&keeper), answers.clone()).expect("a thread");
        let duty = Arc::new(Duty::new(Follow::All, keeper.id()));
        let places = vec![Place { stream: 1, sequence: 0 }; usize::from(SHARDS)];
        let cluster = Clustered::new(order, duty, Left::default(), places);
        let limits = Config::default().limits;
        let engine = Engine::new((keeper, Arc::new(Board::new())), limits, net, (answers, fetching), Some(cluster));
        Self { engine, orders, answered, disk, come: 0, _folder: folder }
    }

    /// An entry has come, and was tried so often.
    fn comes(&mut self, tries: u32) -> PassedOn {
        self.come += 1;
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("it is free");
        let (bringer, what) = (DeviceId::from_bytes([3; 32]), What::Entry(EntryBytes::from(vec![0])));
        let (sequence, proof, left) = (self.come, [0; 32], None);
        let passed_on = PassedOn { shard: SHARD, sequence, space: SPACE, bringer, proof, what, tries, permit, left };
        assert!(self.incoming().came(&passed_on));
        passed_on
    }

    fn incoming(&mut self) -> &mut Incoming {
        &mut self.engine.cluster.as_mut().expect("it is in a cluster").incoming
    }

    /// Up to where the stream is dealt with: so much of it may be given back.
    fn place(&mut self) -> u64 {
        self.incoming().reading(SHARD).expect("there are so many").place()
    }

    /// Goes on until nothing is being taken in.
    async fn settles(&mut self) {
        while !self.engine.taking.is_empty() {
            let answer = tokio::time::timeout(std::time::Duration::from_mins(2), self.answered.recv()).await;
            self.engine.answer(answer.expect("it goes on").expect("it is open"));
        }
    }

    fn ordered(&mut self) -> Vec<Order> {
        std::iter::from_fn(|| self.orders.try_recv().ok()).collect()
    }
}

fn missing() -> Outcome {
    Outcome::Refused(Refusal::Missing { entries: Vec::new() })
}

#[tokio::test]
async fn what_is_kept_and_what_nobody_will_ever_take_may_be_given_back() {
    let mut bench = Bench::new().await;
    let held = Outcome::Held { log: sheaf_access::LogId { device: DeviceId::from_bytes([3; 32]), nonce: 1 }, seq: 1 };
    for outcome in [held, Outcome::Refused(Refusal::Never(Verdict::LOG_FORKED)), Outcome::Forged] {
        let passed_on = bench.comes(0);
        bench.engine.judged(&outcome, passed_on);
        assert_eq!(bench.place(), bench.come, "{outcome:?}");
        assert!(bench.ordered().is_empty(), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_finds_no_room_on_the_disk_stays_in_the_stream_for_as_long_as_that_takes() {
    let mut bench = Bench::new().await;
    for tries in [0, TRIES, 100 * TRIES] {
        let before = bench.place();
        let passed_on = bench.comes(tries);
        bench.engine.judged(&Outcome::Refused(Refusal::NotNow(NotNow::DiskFull)), passed_on);
        assert_eq!(bench.place(), before);
    }
    assert_eq!(bench.incoming().again.len(), 3, "all of them are tried again");
}

#[tokio::test]
async fn what_is_not_waited_for_any_more_is_compared_with_the_others_before_anything_is_given_back() {
    let mut bench = Bench::new().await;
    let passed_on = bench.comes(0);
    bench.engine.judged(&missing(), passed_on);
    assert_eq!(bench.place(), 0, "it may still come");
    let mut passed_on = bench.incoming().again.pop().expect("it is tried again");
    passed_on.tries = TRIES;
    bench.engine.judged(&missing(), passed_on);
    assert_eq!(bench.place(), 1, "what comes after it does not wait for it");
    assert!(matches!(bench.ordered().as_slice(), [Order::Compare(SHARD)]));
    // What builds on it is not waited for at all, and nothing is asked twice within moments.
    let passed_on = bench.comes(0);
    bench.engine.judged(&missing(), passed_on);
    assert_eq!(bench.place(), 2);
    assert!(bench.ordered().is_empty());
}

/// What no relay has taken from another after many attempts, as a checkpoint whose blobs nobody has just now.
#[tokio::test]
async fn a_checkpoint_that_is_given_up_is_compared_too() {
    let mut bench = Bench::new().await;
    let passed_on = bench.comes(TRIES);
    let at = (passed_on.shard, passed_on.sequence);
    bench.incoming().fetching.insert(at, passed_on);
    bench.engine.taken_shared(at, false, false);
    assert_eq!(bench.place(), 1);
    assert!(matches!(bench.ordered().as_slice(), [Order::Compare(SHARD)]));
}

/// The disk of one relay fails while the cluster has what it is sent: it stays in the stream for as long as that takes, the relay says so,
/// and all of it is there when the disk is well again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_failing_disk_does_not_take_stays_in_the_stream_and_is_caught_up_with() {
    let mut bench = Bench::new().await;
    let mut written = Written::new();
    written.words(2 * TRIES as usize);
    let space = bench.engine.keeper.open(written.space).expect("it opens");
    bench.engine.open(&space);
    let author = written.who.device.id();
    bench.engine.spaces.get_mut(&written.space).expect("it is open").peers.insert(author);
    let shard = crate::cluster::shard(written.space);
    bench.disk.hold();
    bench.disk.let_go(true);
    let room = Arc::new(Semaphore::new(1_024));
    for (at, entry) in written.entries.iter().enumerate() {
        let permit = Arc::clone(&room).try_acquire_owned().expect("there is room");
        let (bringer, what) = (author, What::Entry(EntryBytes::from(entry.encoded().to_vec())));
        let (space, sequence, proof, left) = (written.space, at as u64 + 1, [0; 32], None);
        bench.engine.came(PassedOn { shard, sequence, space, bringer, proof, what, tries: 0, permit, left });
    }
    let place = |bench: &mut Bench| bench.incoming().reading(shard).expect("there are so many").place();
    for _ in 0..3 * TRIES {
        bench.settles().await;
        bench.engine.try_again();
    }
    bench.settles().await;
    assert_eq!(place(&mut bench), 0, "the stream may give back what is nowhere here");
    assert!(bench.engine.keeper.is_failing());
    bench.disk.let_go(false);
    while place(&mut bench) < written.entries.len() as u64 {
        bench.engine.try_again();
        bench.settles().await;
    }
    assert!(!bench.engine.keeper.is_failing());
    assert_eq!(space.shown().get(&written.log), written.entries.len() as u64);
    assert_eq!(room.available_permits(), 1_024);
}
