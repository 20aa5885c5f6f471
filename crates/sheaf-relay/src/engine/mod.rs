//! The engine: one task that owns the sync machine and carries out what it asks for.
//!
//! The network brings bytes, the machine decides, the [`Keeper`](crate::keeper::Keeper) checks and keeps. What blocks runs on
//! blocking threads, and its answer comes back as an [`Answer`]. So the task itself never waits for anything but news.
//!
//! A connection begins with a look at the disk: which spaces is this device in? Until that is answered, and while spaces that
//! it has named are opened, its frames are *held*, in order, so that the machine knows a space before it hears of it. What
//! may be held is bounded.

mod begun;
mod clustering;
mod fetching;
mod hosting;
mod passed_on;
mod peers;
mod removing;
mod sending;
mod tidying;
mod words;
mod work;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use governor::clock::MonotonicClock;
use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::{BlobLink, Frontier};
use sheaf_net::{CloseCode, Events, Net, NetEvent, Stream};
use sheaf_store::{Pruned, StoreError};
use sheaf_sync::{Action, Config, EntryBytes, Event, HostingRefusal, Machine, NotNow, Outcome, Refusal, Ticket};
use tokio::sync::{mpsc, oneshot};

pub use self::clustering::{Clustered, Left};
use self::fetching::Fetch;
use crate::board::Board;
use crate::cluster::{News, Order, Place, Removal};
use crate::config;
use crate::keeper::{Accepted, Delivered, Keeper, LetIn, Sharing, Space, Told};
use crate::limits;

/// How often receipts are signed at most.
const SIGNING: Duration = Duration::from_millis(500);
/// How long what is queued may take to leave when the relay stops.
const FLUSH: Duration = Duration::from_secs(2);

/// What the rest of the relay tells the engine.
pub enum Command {
    /// Let whatever is under way become durable, say goodbye to everyone, and end.
    Drain(oneshot::Sender<()>),
    /// Remove a space.
    Remove(SpaceId, removing::Told),
    /// Something was pruned in these spaces, because an operator asked for it.
    Pruned(Vec<SpaceId>),
    /// Other limits of speed from now on, and another pause between two looks for what is not needed any more.
    Settings(config::Limits, Duration),
}

/// What a blocking thread answers.
pub enum Answer {
    /// Something for the machine, as it is.
    Event(Event<DeviceId>),
    /// The spaces that a device which has connected is in.
    Met { device: DeviceId, connection: u64, spaces: Vec<Arc<Space>> },
    /// The spaces that a device has named.
    Named { device: DeviceId, connection: u64, looked: hosting::Looked },
    /// It is known whether these spaces, which were asked for, are kept here.
    Demanded(Vec<SpaceId>),
    /// Entries that were let in, to be passed on.
    Let { space: SpaceId, from: DeviceId, items: Vec<sheaf_sync::Item> },
    /// Something was pruned in these spaces.
    Pruned(Vec<SpaceId>),
    /// A checkpoint was taken over: what it covers is held.
    Covered { space: SpaceId, covers: Frontier },
    /// A checkpoint is whole here, and is to be in the cluster before it counts; who brought it.
    Share { space: SpaceId, peer: DeviceId, sharing: Sharing },
    /// Somebody's word on a checkpoint is to be said to all relays; who brought it.
    Say { space: SpaceId, peer: DeviceId, endorsement: Vec<u8> },
    /// A blob is to be fetched from the cluster.
    Get { space: SpaceId, blob: BlobLink },
    /// What became of a message of the cluster's that is no entry; if it was not taken, whether that may change by itself.
    TakenShared { at: fetching::At, taken: bool, later: bool },
    /// Something that was left unpublished of a space, when the relay stopped.
    Left(Arc<Space>),
    /// Spaces of which a checkpoint is to be put into the cluster's object store.
    ToShare(Vec<SpaceId>),
    /// What of a space may not be in the cluster, as far as it was asked for.
    Unpublished { space: SpaceId, read: Result<(Vec<sheaf_sync::Item>, bool), StoreError> },
    /// A space was opened for what another relay passed on of it.
    OpenedFor { id: SpaceId, opened: passed_on::Opened },
    /// What came in the cluster's streams is durable up to these places.
    Durable(Vec<Place>),
    /// It is done, and that is all.
    Nothing,
    /// The thread for checkpoints has failed.
    Broken,
    /// A quota leaves no room for something that a device brought beside entries.
    OverQuota { space: SpaceId, device: DeviceId },
    /// What comes of a word about a space.
    Told { space: SpaceId, told: Told },
    /// A space was removed, or could not be; and the removal that the others are to hear of.
    Removed { space: SpaceId, own: Option<Removal>, removed: Result<Pruned, StoreError> },
    /// A word of a device's was dealt with.
    Heard { device: DeviceId },
    /// Deliveries of a space that were let in, to be made durable.
    LetIn { space: SpaceId, let_in: LetIn },
    /// What became of the deliveries of a space, of which so many bytes were to be kept.
    Taken { space: SpaceId, accepted: Vec<Accepted>, bytes: usize },
}

/// A connection.
struct Peer {
    /// Known to both ends of the connection, and to nobody else.
    nonce: [u8; 32],
    /// Which of the device's connections it is: answers meant for an earlier one are not for this.
    connection: u64,
    /// How many looks at the disk its frames wait for.
    looking: usize,
    /// Its frames meanwhile, in order.
    held: VecDeque<(Stream, Bytes)>,
    held_bytes: usize,
    /// Frames that found the network's queue full.
    waiting: VecDeque<(Stream, Bytes)>,
    waiting_bytes: usize,
    /// The spaces it has to do with.
    spaces: BTreeSet<SpaceId>,
    /// Those of them of which nothing was here when they were opened for it.
    empty: BTreeSet<SpaceId>,
    /// What it has named besides, of which nothing is here.
    named: VecDeque<(SpaceId, hosting::How)>,
    /// Those of its spaces that it has been in step with.
    in_step: BTreeSet<SpaceId>,
    /// How many of its words are being dealt with.
    words: usize,
    /// What it may send.
    limits: limits::Connection,
}

/// A space that someone who is connected has to do with.
struct Followed {
    space: Arc<Space>,
    peers: BTreeSet<DeviceId>,
    /// The members among these.
    members: BTreeSet<DeviceId>,
    /// What was delivered and is not taken in yet.
    deliveries: Vec<Delivered>,
}

/// The task.
pub struct Engine {
    keeper: Arc<Keeper>,
    net: Net,
    machine: Machine<DeviceId>,
    started: Instant,
    connections: u64,
    peers: HashMap<DeviceId, Peer>,
    spaces: HashMap<SpaceId, Followed>,
    /// What is being taken in.
    taking: HashMap<SpaceId, work::Taking>,
    /// Who has asked for a signed receipt since the last were signed.
    asked: BTreeMap<SpaceId, BTreeSet<DeviceId>>,
    answers: mpsc::UnboundedSender<Answer>,
    fetching: std::sync::mpsc::Sender<Fetch>,
    board: Arc<Board>,
    limits: config::Limits,
    keys: limits::Keys,
    /// Deliveries of which so many entries came too fast, and were not given to the keeper.
    late: HashMap<DeviceId, Vec<(Ticket, usize)>>,
    /// Spaces that are removed as soon as what is under way of them is done.
    removing: HashMap<SpaceId, removing::Removing>,
    /// Removals of which the other relays are to hear, and operators who wait for that.
    saying: Vec<removing::Saying>,
    wake: Option<u64>,
    /// What there is besides, in a cluster.
    cluster: Option<Clustered>,
    /// Something it cannot do without has failed.
    broken: bool,
}

/// Ticks now, and after each of these pauses.
fn ticking(pause: Duration) -> tokio::time::Interval {
    let mut ticking = tokio::time::interval(pause);
    ticking.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticking
}

/// What the cluster tells next, in one; otherwise nothing, ever.
async fn next(news: &mut Option<mpsc::UnboundedReceiver<News>>) -> Option<News> {
    match news {
        Some(news) => news.recv().await,
        None => std::future::pending().await,
    }
}

impl Engine {
    /// Runs until it is told to stop.
    pub async fn run(
        (keeper, board): (Arc<Keeper>, Arc<Board>),
        (limits, sweep): (config::Limits, Duration),
        (net, mut events): (Net, Events),
        mut commands: mpsc::Receiver<Command>,
        cluster: Option<(Clustered, mpsc::UnboundedReceiver<News>)>,
    ) {
        let (cluster, mut news) = cluster.unzip();
        let (answers, mut answered) = mpsc::unbounded_channel();
        let fetching = match fetching::start(Arc::clone(&keeper), answers.clone()) {
            Ok(fetching) => fetching,
            Err(error) => {
                tracing::error!(%error, "the system gives no thread for checkpoints");
                return;
            }
        };
        let mut engine = Self::new((keeper, board), limits, net, (answers, fetching), cluster);
        let mut signing = ticking(SIGNING);
        let mut sweeping = ticking(sweep);
        let mut draining: Option<oneshot::Sender<()>> = None;
        loop {
            if engine.broken {
                return;
            }
            if draining.is_some() && engine.is_idle() {
                break;
            }
            let wake = engine.next_wake();
            tokio::select! {
                event = events.recv(), if draining.is_none() => match event {
                    Some(event) => engine.network_event(event),
                    None => return,
                },
                Some(answer) = answered.recv() => engine.answer(answer),
                Some(told) = next(&mut news) => engine.news(told),
                command = commands.recv(), if draining.is_none() => match command {
                    // Whoever held the relay is gone: nobody can ask it to stop politely any more.
                    None => return,
                    Some(Command::Drain(done)) => draining = Some(done),
                    Some(Command::Remove(space, done)) => engine.remove(space, done),
                    Some(Command::Pruned(spaces)) => engine.pruned(spaces),
                    Some(Command::Settings(limits, sweep)) => {
                        engine.set_limits(limits);
                        sweeping = ticking(sweep);
                    }
                },
                () = tokio::time::sleep_until(wake) => {
                    engine.wake = None;
                    engine.feed(Event::Tick);
                    engine.cluster_tick();
                }
                _ = signing.tick() => {
                    engine.sign();
                    engine.open_named();
                    engine.settle_cluster();
                    engine.settle_incoming();
                    engine.settle_removals();
                }
                _ = sweeping.tick() => engine.tidy(),
            }
        }
        engine.sign();
        engine.net.shutdown(FLUSH).await;
        if let Some(done) = draining {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
    }

    /// Nobody is connected yet.
    fn new(
        (keeper, board): (Arc<Keeper>, Arc<Board>),
        limits: config::Limits,
        net: Net,
        (answers, fetching): (mpsc::UnboundedSender<Answer>, std::sync::mpsc::Sender<Fetch>),
        cluster: Option<Clustered>,
    ) -> Self {
        Self {
            keeper,
            net,
            machine: Machine::new(Config::default()),
            started: Instant::now(),
            connections: 0,
            peers: HashMap::new(),
            spaces: HashMap::new(),
            taking: HashMap::new(),
            asked: BTreeMap::new(),
            answers,
            fetching,
            board,
            keys: limits::Keys::new(&limits, &MonotonicClock),
            limits,
            late: HashMap::new(),
            removing: HashMap::new(),
            saying: Vec::new(),
            wake: None,
            cluster,
            broken: false,
        }
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn next_wake(&self) -> tokio::time::Instant {
        let wake = self.wake.into_iter().chain(self.cluster_wake()).min();
        let wait = wake.map_or(Duration::from_hours(1), |at| Duration::from_millis(at.saturating_sub(self.now())));
        tokio::time::Instant::now() + wait
    }

    /// Whether everything that was taken from the network has been dealt with.
    fn is_idle(&self) -> bool {
        self.taking.is_empty() && self.is_published()
    }

    fn feed(&mut self, event: Event<DeviceId>) {
        for action in self.machine.handle(event, self.now()) {
            self.act(action);
        }
    }

    fn network_event(&mut self, event: NetEvent) {
        match event {
            NetEvent::Connected { device, nonce, .. } => self.connected(device, nonce),
            NetEvent::Frame { device, stream, bytes } => self.frame(device, stream, bytes),
            NetEvent::Presence { device, bytes } => self.presence(device, &bytes),
            NetEvent::Drained { device } => self.drain(device),
            NetEvent::Disconnected { device, reason } => {
                tracing::debug!(device = %device.short(), %reason, "gone");
                self.disconnected(device);
            }
            NetEvent::Found { .. } | NetEvent::State { .. } => {}
        }
    }

    fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Event(event) => self.feed(event),
            Answer::Met { device, connection, spaces } => self.met(device, connection, spaces),
            Answer::Named { device, connection, looked } => self.named(device, connection, looked),
            Answer::Demanded(spaces) => self.demanded(&spaces),
            Answer::Let { space, from, items } => self.feed(Event::Admitted { space, from, items }),
            Answer::Pruned(spaces) => self.pruned(spaces),
            Answer::Covered { space, covers } => {
                self.feed(Event::Covered { space, covers });
                self.members_changed(space);
            }
            Answer::Share { space, peer, sharing } => self.share_in_cluster(space, peer, sharing),
            Answer::Say { space, peer, endorsement } => self.say_in_cluster(space, peer, endorsement),
            Answer::Get { space, blob } => self.order(Order::Fetch { space, blob }),
            Answer::TakenShared { at, taken, later } => self.taken_shared(at, taken, later),
            Answer::Left(space) => self.left(&space),
            Answer::ToShare(spaces) => self.share_anew(spaces),
            Answer::Unpublished { space, read } => self.read_unpublished(space, read),
            Answer::OpenedFor { id, opened } => self.opened_for(id, opened),
            Answer::Durable(places) => self.order(Order::Durable(places)),
            Answer::Nothing => {}
            Answer::Broken => self.broken = true,
            Answer::OverQuota { space, device } => self.refuse(device, space, HostingRefusal::Quota),
            Answer::Removed { space, own, removed } => self.has_removed(space, own, removed),
            Answer::Told { space, told } => self.told(space, told),
            Answer::Heard { device } => self.heard(device),
            Answer::LetIn { space, let_in } => self.is_let_in(space, let_in),
            Answer::Taken { space, accepted, bytes } => self.taken(space, accepted, bytes),
        }
    }

    fn act(&mut self, action: Action<DeviceId>) {
        match action {
            Action::Send { peer, frame } => self.send(peer, &frame),
            Action::Read { peer, space, ticket, from_arrival, lacking, max_bytes, max_entries } => {
                let keeper = Arc::clone(&self.keeper);
                self.blocking(move || {
                    let read = keeper.read_for(space, from_arrival, &lacking, max_bytes, max_entries);
                    let (items, end) = read.unwrap_or_else(|error| {
                        tracing::error!(%error, space = %space.short(), "entries cannot be read");
                        (Vec::new(), true)
                    });
                    Answer::Event(Event::ReadDone { peer, space, ticket, items, end })
                });
            }
            Action::Deliver { peer, space, ticket, entries } => {
                self.follow(peer, space);
                let entries = self.in_time(peer, ticket, entries);
                let delivered = Delivered { from: peer, ticket: Some(ticket), entries };
                let full = self.is_cluster_full();
                if let Some(followed) = self.spaces.get_mut(&space).filter(|_| !full) {
                    followed.deliveries.push(delivered);
                    self.take_in(space);
                } else {
                    let busy = Outcome::Refused(Refusal::NotNow(NotNow::Busy));
                    let outcomes = vec![busy; delivered.entries.len() + self.late(peer, ticket)];
                    self.feed(Event::Delivered { peer, space, ticket, outcomes });
                }
            }
            Action::Compare { peer, space, ticket, tips } if self.spaces.contains_key(&space) => {
                self.fetch(space, |space| Fetch::Compare { space, peer, ticket, tips });
            }
            Action::Compare { peer, space, ticket, .. } => self.feed(Event::Compared { peer, space, ticket }),
            Action::Said { peer, space, word } => self.said(peer, space, word),
            Action::Synced { peer, space, .. } => self.in_step(peer, space),
            Action::CheckRedemption { peer, space, proof } => self.check_redemption(peer, space, &proof),
            Action::Receipt { peer, space, .. } => self.follow(peer, space),
            Action::Sign { peer, space } => {
                self.asked.entry(space).or_default().insert(peer);
            }
            Action::EntryRefused { peer, space, seq, refusal, .. } => {
                tracing::debug!(peer = %peer.short(), space = %space.short(), seq, ?refusal, "an entry was refused");
            }
            Action::Close { peer, reason } => {
                tracing::info!(peer = %peer.short(), %reason, "a connection is closed");
                self.board.meters().rules_broken.add(1);
                self.net.close(peer, CloseCode::Protocol);
            }
            Action::Behind { peer, space, bundle } => {
                self.follow(peer, space);
                self.fetch(space, |space| Fetch::Behind { space, peer, bundle });
            }
            Action::Piece { peer, space, blob, from, piece } => {
                self.fetch(space, |space| Fetch::Piece { space: space.id, peer, blob, from, piece });
            }
            Action::NoBlob { peer, space, .. } => {
                self.fetch(space, |space| Fetch::NoBlob { space: space.id, peer });
            }
            Action::ReadBlob { peer, space, ticket, blob, from, length } => {
                self.fetch(space, |space| Fetch::Read { space, peer, ticket, blob, from, length });
            }
            Action::Endorsed { peer, space, endorsement } => {
                self.fetch(space, |space| Fetch::Endorsed { space, peer, endorsement });
            }
            // Nothing was asked for, and there is nobody here to tell.
            Action::Signed { .. }
            | Action::Unrecognised { .. }
            | Action::Delayed { .. }
            | Action::RedemptionRefused { .. } => {}
            Action::WakeAt { at } => self.wake = Some(self.wake.map_or(at, |wake| wake.min(at))),
        }
    }

    /// Tells the thread that fetches, about a space.
    fn fetch(&self, space: SpaceId, message: impl FnOnce(Arc<Space>) -> Fetch) {
        if let Some(followed) = self.spaces.get(&space) {
            // The thread lives as long as the engine.
            let _ = self.fetching.send(message(Arc::clone(&followed.space)));
        }
    }

    fn set_limits(&mut self, limits: config::Limits) {
        self.keys = limits::Keys::new(&limits, &MonotonicClock);
        for peer in self.peers.values_mut() {
            peer.limits = limits::Connection::new(&limits, &MonotonicClock);
        }
        self.limits = limits;
    }

    /// Those of the entries that do not come too fast. The others are refused for now, when the delivery is answered.
    fn in_time(&mut self, device: DeviceId, ticket: Ticket, mut entries: Vec<EntryBytes>) -> Vec<EntryBytes> {
        let fit = entries.iter().take_while(|entry| self.keys.entry(&device, entry.as_slice().len()).is_ok()).count();
        if fit < entries.len() {
            let late = entries.len() - fit;
            self.board.meters().too_fast.add(late as u64);
            self.late.entry(device).or_default().push((ticket, late));
            entries.truncate(fit);
        }
        entries
    }

    /// How many entries of a delivery came too fast.
    fn late(&mut self, device: DeviceId, ticket: Ticket) -> usize {
        let Some(late) = self.late.get_mut(&device) else { return 0 };
        let count = late.iter().position(|(of, _)| *of == ticket).map_or(0, |at| late.swap_remove(at).1);
        if late.is_empty() {
            self.late.remove(&device);
        }
        count
    }

    /// Runs what blocks on another thread; its answer comes back.
    fn blocking(&self, work: impl FnOnce() -> Answer + Send + 'static) {
        let answers = self.answers.clone();
        tokio::task::spawn_blocking(move || {
            // The task may have ended meanwhile; then nobody waits for the answer.
            let _ = answers.send(work());
        });
    }
}
