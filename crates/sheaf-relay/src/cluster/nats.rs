//! The connection to NATS: streams that are there, entries that are published, and whether any of that works just now.

mod looking;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, ServerAddr};
use bytes::Bytes;
use n0_future::StreamExt as _;
use sheaf_access::{DeviceId, SpaceId};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::asking;
use super::duty::Duty;
use super::gaps::{Gap, close_gap};
use super::objects::Objects;
use super::reading::Recent;
use super::refilling::{discard, fetch};
use super::roster::Roster;
use super::siblings::Siblings;
use super::standing::{Away, Standing};
use super::streams::{publish, say, share};
use super::wire::{self, Kind, MAX_MESSAGE, Message, Removal, SHARDS};
use super::{Joined, News, Order, Place};
use crate::board::Board;
use crate::config::Config;
use crate::keeper::Keeper;

/// How long a start waits for NATS before it goes on without.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long anything that is asked of NATS may take.
const ANSWER: Duration = Duration::from_secs(3);
/// How often it is tried whether the cluster is there, while it is not.
const TRY: Duration = Duration::from_millis(500);
/// How long each of the first tries takes at most, and how many these are. What is asked of a server that has just died is not
/// answered, and those that are left need some seconds to agree on who takes its place: who asks often knows soon.
const HASTY: (Duration, u32) = (Duration::from_secs(1), 12);
/// How often a relay says that it is there.
const ROLL: Duration = Duration::from_secs(5);
/// How long it takes until everyone who is there has answered a relay that has come.
const ANSWERED: Duration = Duration::from_secs(2);
/// How often what is held twice is given back.
const GIVE_BACK: Duration = Duration::from_mins(10);
/// How many words on checkpoints, and entries beside logs, wait to be said. One beyond that is forgotten: whoever brought a word brings it
/// again, and an entry is asked for by the relay to which something comes that builds on it.
const WORDS: usize = 1_024;

/// Why a relay does not start in its cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A server's address is none.
    #[error("`cluster`: {0} is not an address that can be connected to")]
    Address(String),
    /// The options of the connection are no good.
    #[error("the connection to NATS cannot be made: {0}")]
    Connect(String),
    /// The servers take less than an entry.
    #[error(
        "the NATS server takes messages of at most {found} bytes, and an entry needs {MAX_MESSAGE}. Set `max_payload: 1MB` in its configuration, on every server, and reload it"
    )]
    MaxPayload {
        /// What it takes.
        found: usize,
    },
}

/// The task that has the connection.
struct Nats {
    client: Client,
    jetstream: jetstream::Context,
    replicas: usize,
    board: Arc<Board>,
    news: UnboundedSender<News>,
    /// Whether it works, as far as is known.
    there: bool,
    /// How often that was tried in vain since it did.
    tried: u32,
    /// How it stands with each of the streams.
    standing: Standing,
    /// Those that did not take what was published last.
    refused: BTreeSet<u8>,
    /// What was last said of that.
    shown: u32,
    /// How many copies the streams keep, when that is known.
    copies: usize,
    /// What publishing found out: that something failed, or that it did not.
    failed: UnboundedSender<(Away, bool)>,
    /// What this relay has published lately.
    recent: Arc<Recent>,
    /// Where the streams are to be read from, until they are.
    places: Option<Vec<Place>>,
    /// Which relay this is.
    id: DeviceId,
    begun: Instant,
    roster: Roster,
    /// Up to where everything is durable here.
    durable: Vec<Place>,
    objects: Objects,
    keeper: Arc<Keeper>,
    duty: Arc<Duty>,
    siblings: Siblings,
    /// Streams of which something may be lacking that is in them no more: it is compared with what the others have.
    comparing: BTreeSet<u8>,
    /// Streams that had a gap since this relay started.
    gapped: BTreeSet<u8>,
    /// Where readers and comparisons say so, and that it is done.
    gaps: UnboundedSender<Gap>,
    /// Room for words on checkpoints, and entries beside logs.
    words: Arc<Semaphore>,
    watched: HashMap<SpaceId, AbortHandle>,
    readers: Vec<AbortHandle>,
}

/// Connects, or goes on trying to: a relay starts without NATS too, and acknowledges nothing meanwhile.
pub async fn start(
    config: &Config,
    keeper: Arc<Keeper>,
    (places, gaps): (Vec<Place>, Vec<u8>),
    board: Arc<Board>,
) -> Result<Joined, ClusterError> {
    let id = keeper.id();
    let mut servers = Vec::new();
    for server in &config.cluster.0 {
        let address: ServerAddr = server.expose().parse().map_err(|_| ClusterError::Address(server.to_string()))?;
        servers.push(address);
    }
    board.cut_off(true);
    let options = ConnectOptions::new()
        .name("sheaf-relay")
        .no_echo()
        .retry_on_initial_connect()
        .connection_timeout(Duration::from_secs(2))
        .request_timeout(Some(ANSWER))
        .ping_interval(Duration::from_secs(2))
        .reconnect_delay_callback(|attempts| Duration::from_millis(100 * attempts.min(20) as u64));
    let client = options.connect(servers).await.map_err(|error| ClusterError::Connect(error.to_string()))?;
    let begun = Instant::now();
    while client.connection_state() != State::Connected && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if client.connection_state() == State::Connected {
        check_payload(&client)?;
    }
    let jetstream = ContextBuilder::new().timeout(ANSWER).ack_timeout(ANSWER).build(client.clone());
    let replicas = usize::try_from(config.replicas.0).unwrap_or(usize::MAX);
    let (orders, ordered) = unbounded_channel();
    let (news, told) = unbounded_channel();
    let (failed, failures) = unbounded_channel();
    let (gap, found) = unbounded_channel();
    for shard in gaps {
        // The receiver is here.
        let _ = gap.send(Gap::Found(shard));
    }
    let duty = Arc::new(Duty::new(config.follow, id));
    let nats = Nats {
        objects: Objects::new(jetstream.clone(), Arc::clone(keeper.home().blobs())),
        siblings: Siblings::new(client.clone(), Arc::clone(&keeper), news.clone()),
        keeper,
        duty: Arc::clone(&duty),
        comparing: BTreeSet::new(),
        gapped: BTreeSet::new(),
        gaps: gap,
        client,
        jetstream,
        replicas,
        board,
        news,
        there: false,
        tried: 0,
        standing: Standing::new(),
        refused: BTreeSet::new(),
        shown: 0,
        copies: 0,
        failed,
        recent: Arc::default(),
        id,
        begun: Instant::now(),
        roster: Roster::default(),
        durable: places.clone(),
        places: Some(places),
        words: Arc::new(Semaphore::new(WORDS)),
        watched: HashMap::new(),
        readers: Vec::new(),
    };
    tokio::spawn(nats.run(ordered, failures, found));
    Ok(Joined { orders, news: told, duty })
}

fn check_payload(client: &Client) -> Result<(), ClusterError> {
    let found = client.max_payload();
    if found < MAX_MESSAGE { Err(ClusterError::MaxPayload { found }) } else { Ok(()) }
}

impl Nats {
    /// Runs until the engine is gone.
    async fn run(
        mut self,
        mut orders: UnboundedReceiver<Order>,
        mut failures: UnboundedReceiver<(Away, bool)>,
        mut gaps: UnboundedReceiver<Gap>,
    ) {
        let mut trying = tokio::time::interval(TRY);
        trying.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut rolling, mut giving_back) = (tokio::time::interval(ROLL), tokio::time::interval(GIVE_BACK));
        let mut others = self.client.subscribe(wire::RELAYS).await.ok();
        let mut questions = self.client.subscribe(asking::subject(self.id)).await.ok();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.carry_out(order),
                    None => break,
                },
                Some((what, failed)) = failures.recv() => self.heard_of(what, failed),
                Some(gap) = gaps.recv() => match gap {
                    Gap::Found(shard) => {
                        tracing::info!(shard, "a stream is compared with what the other relays have");
                        self.gapped.insert(shard);
                        self.compare(shard);
                    }
                    Gap::Closed(shard) => drop(self.comparing.remove(&shard)),
                },
                Some(question) = next(&mut questions) => self.siblings.answer(question),
                _ = trying.tick() => self.look().await,
                _ = rolling.tick() => self.call_roll(),
                _ = giving_back.tick() => self.give_back(),
                Some(message) = next(&mut others) => {
                    if let Some((relay, places)) = wire::read_roll(&message.payload) {
                        self.heard(relay, places);
                    }
                }
            }
        }
        for task in self.readers.iter().chain(self.watched.values()) {
            task.abort();
        }
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    /// Another relay says that it is there.
    fn heard(&mut self, relay: DeviceId, places: Vec<Place>) {
        let now = self.now();
        let new = self.roster.heard(now, relay, places);
        if new {
            // So that a relay which has just come need not wait to know who else is there.
            self.call_roll();
        }
        self.siblings.are(self.roster.there(now));
        if new {
            // It may have what those who were there before it had not.
            for shard in self.gapped.clone() {
                self.compare(shard);
            }
        }
        self.board.meters().cluster_relays.set(self.roster.others() as u64);
        if self.duty.others(self.roster.relays(now)) {
            // It may have to keep spaces now that others kept.
            for shard in 0..SHARDS {
                self.compare(shard);
            }
        }
    }

    /// Compares what is held of a stream's spaces with what the others hold, until that has been done.
    fn compare(&mut self, shard: u8) {
        if self.comparing.insert(shard) {
            let (siblings, keeper, duty) = (self.siblings.clone(), Arc::clone(&self.keeper), Arc::clone(&self.duty));
            let (news, gaps) = (self.news.clone(), self.gaps.clone());
            tokio::spawn(async move { close_gap(shard, (&siblings, &keeper, &duty), &news, &gaps).await });
        }
    }

    /// Says that this relay is there. Of streams that it may lack something of it says that it has nothing, so that no more is given back.
    fn call_roll(&self) {
        if self.there {
            let mut places = self.durable.clone();
            for shard in &self.comparing {
                if let Some(place) = places.get_mut(usize::from(*shard)) {
                    place.sequence = 0;
                }
            }
            let (client, roll) = (self.client.clone(), wire::roll(self.id, &places));
            tokio::spawn(async move {
                if let Err(error) = client.publish(wire::RELAYS, roll.into()).await {
                    tracing::debug!(%error, "the other relays do not hear of this one");
                }
            });
        }
    }

    /// Gives back what two relays hold, or more.
    fn give_back(&mut self) {
        let now = self.now();
        let whole = (0..SHARDS).filter(|shard| self.there && !self.comparing.contains(shard));
        let held = whole.filter_map(|shard| Some((shard, self.roster.held_twice(now, shard, &self.durable)?)));
        let held: Vec<(u8, u64)> = held.collect();
        let jetstream = self.jetstream.clone();
        tokio::spawn(async move {
            for (shard, sequence) in held {
                let Ok(stream) = jetstream.get_stream_no_info(wire::stream(shard)).await else { continue };
                if let Err(error) = stream.purge().sequence(sequence + 1).await {
                    tracing::debug!(%error, shard, "what is held twice was not given back");
                }
            }
        });
    }

    /// Tells the engine of the presence of a space that comes by.
    fn watch(&mut self, space: SpaceId) {
        let (client, news) = (self.client.clone(), self.news.clone());
        let watching = tokio::spawn(async move {
            let Ok(mut presence) = client.subscribe(wire::presence(space)).await else { return };
            while let Some(message) = presence.next().await {
                if news.send(News::Presence(space, message.payload)).is_err() {
                    return;
                }
            }
        });
        if let Some(before) = self.watched.insert(space, watching.abort_handle()) {
            before.abort();
        }
    }

    /// Carets are dropped first: nothing waits for them, and nothing is tried again.
    fn pass_on_presence(&self, space: SpaceId, bytes: Bytes) {
        if self.there {
            let client = self.client.clone();
            tokio::spawn(async move {
                if let Err(error) = client.publish(wire::presence(space), bytes).await {
                    tracing::trace!(%error, "presence was not passed on");
                }
            });
        }
    }

    /// Says to all a member's word, or an entry beside a log, as soon as that can be done.
    fn say(&self, space: SpaceId, (kind, body): (Kind, Vec<u8>), bringer: DeviceId, proof: [u8; 32]) {
        let Ok(room) = Arc::clone(&self.words).try_acquire_owned() else { return };
        let (jetstream, news) = (self.jetstream.clone(), self.news.clone());
        tokio::spawn(async move {
            let message = Message { kind, bringer, proof, body: &body };
            say(&jetstream, &news, space, &message).await;
            drop(room);
        });
    }

    /// Says to all that a space is removed, as soon as that can be done.
    fn say_removal(&self, space: SpaceId, removal: Removal) {
        let (jetstream, news, bringer) = (self.jetstream.clone(), self.news.clone(), self.id);
        let proof = self.keeper.admission().proof(space);
        tokio::spawn(async move {
            let body = removal.encode();
            say(&jetstream, &news, space, &Message { kind: Kind::Removal, bringer, proof, body: &body }).await;
            // The engine may have ended; then nobody waits for it.
            let _ = news.send(News::RemovalSaid(space, removal));
        });
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Durable(places) => self.durable = places,
            Order::Presence(space, bytes) => self.pass_on_presence(space, bytes),
            Order::Watch(space) => self.watch(space),
            Order::Unwatch(space) => {
                if let Some(watching) = self.watched.remove(&space) {
                    watching.abort();
                }
            }
            Order::Say { space, bringer, endorsement, proof } => {
                self.say(space, (Kind::Endorsement, endorsement), bringer, proof);
            }
            Order::Beside { space, bringer, entry, proof } => self.say(space, (Kind::Entry, entry), bringer, proof),
            Order::Remove(space, removal) => self.say_removal(space, removal),
            Order::Share { space, bringer, shared, blobs, proof } => {
                let (jetstream, objects, news) = (self.jetstream.clone(), self.objects.clone(), self.news.clone());
                let (failed, keeper) = (self.failed.clone(), Arc::clone(&self.keeper));
                tokio::spawn(async move {
                    let what = (&shared, blobs.as_slice());
                    let removed = keeper.removed(space);
                    let stands = || keeper.removed(space) == removed;
                    share(&jetstream, &objects, (&news, &failed), space, what, (bringer, proof), stands).await;
                });
            }
            Order::Fetch { space, blob } => {
                let (objects, siblings, news) = (self.objects.clone(), self.siblings.clone(), self.news.clone());
                tokio::spawn(async move { fetch(&objects, &siblings, &news, space, blob).await });
            }
            // The receiver is this task's.
            Order::Compare(shard) => drop(self.gaps.send(Gap::Found(shard))),
            Order::Pull(space, None) if self.siblings.is_pulling(space) => {}
            Order::Pull(space, done) => {
                let siblings = self.siblings.clone();
                tokio::spawn(async move {
                    siblings.pull(space).await;
                    // Nobody may wait for it.
                    let _ = done.map(|done| done.send(()));
                });
            }
            Order::Discard(space, blobs) => {
                let (objects, keeper) = (self.objects.clone(), Arc::clone(&self.keeper));
                tokio::spawn(async move { discard(&objects, &keeper, space, blobs).await });
            }
            Order::Publish { space, batch, items, proof } => {
                let recent = Arc::clone(&self.recent);
                let shard = wire::shard(space);
                let there = self.there && self.standing.may_take(shard);
                let refused = self.refused.contains(&shard);
                let (news, failed) = (self.news.clone(), self.failed.clone());
                let (jetstream, board) = (self.jetstream.clone(), Arc::clone(&self.board));
                tokio::spawn(async move {
                    let (begun, all) = (Instant::now(), items.len());
                    let count = if there { publish(&jetstream, space, &items, proof).await } else { 0 };
                    recent.add(items.iter().take(count).map(|kept| kept.item.bytes.as_slice()));
                    board.meters().cluster_published.add(count as u64);
                    // The tasks may have ended meanwhile; then nobody waits for any of this.
                    if count == all {
                        board.meters().publishing.took(begun.elapsed());
                        if refused {
                            let _ = failed.send((Away::Stream(shard), false));
                        }
                    } else if there {
                        let _ = failed.send((Away::Stream(shard), true));
                    }
                    let _ = news.send(News::Published { space, batch, count });
                });
            }
        }
    }
}

/// What comes next; nothing, ever, where nothing was subscribed to.
async fn next(messages: &mut Option<async_nats::Subscriber>) -> Option<async_nats::Message> {
    match messages {
        Some(messages) => messages.next().await,
        None => std::future::pending().await,
    }
}
