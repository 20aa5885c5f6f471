//! The connection to NATS: streams that are there, entries that are published, and whether any of that works just now.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::stream::{Config as StreamConfig, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, ErrorCode, message::PublishMessage};
use async_nats::{Client, ConnectOptions, ServerAddr};
use bytes::Bytes;
use n0_future::StreamExt as _;
use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::BlobLink;
use sheaf_store::FileBlobs;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::objects::Objects;
use super::reading::{self, Recent};
use super::roster::Roster;
use super::wire::{self, Kind, MAX_MESSAGE, Message, SHARDS, Shared};
use super::{Kept, News, Order, Place};
use crate::board::Board;
use crate::config::Config;

/// How long a start waits for NATS before it goes on without.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long anything that is asked of NATS may take.
const ANSWER: Duration = Duration::from_secs(3);
/// How often it is tried whether the cluster is there, while it is not.
const TRY: Duration = Duration::from_millis(500);
/// How often a relay says that it is there.
const ROLL: Duration = Duration::from_secs(5);
/// How often what is held twice is given back.
const GIVE_BACK: Duration = Duration::from_mins(10);
/// How long what is said to all waits before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How many words on checkpoints wait to be said. One beyond that is forgotten: whoever brought it brings it again.
const WORDS: usize = 1_024;
/// For how long JetStream knows an entry again that is published twice.
const DUPLICATES: Duration = Duration::from_mins(10);

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
    /// What publishing found out.
    failed: UnboundedSender<()>,
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
    /// Room for words on checkpoints.
    words: Arc<Semaphore>,
    watched: HashMap<SpaceId, AbortHandle>,
    readers: Vec<AbortHandle>,
}

/// Connects, or goes on trying to: a relay starts without NATS too, and acknowledges nothing meanwhile.
pub async fn start(
    config: &Config,
    id: DeviceId,
    places: Vec<Place>,
    board: Arc<Board>,
    blobs: Arc<FileBlobs>,
) -> Result<(UnboundedSender<Order>, UnboundedReceiver<News>), ClusterError> {
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
    let objects = Objects::new(jetstream.clone(), blobs);
    let nats = Nats {
        client,
        jetstream,
        replicas,
        board,
        news,
        there: false,
        failed,
        recent: Arc::default(),
        id,
        begun: Instant::now(),
        roster: Roster::default(),
        durable: places.clone(),
        places: Some(places),
        objects,
        words: Arc::new(Semaphore::new(WORDS)),
        watched: HashMap::new(),
        readers: Vec::new(),
    };
    tokio::spawn(nats.run(ordered, failures));
    Ok((orders, told))
}

fn check_payload(client: &Client) -> Result<(), ClusterError> {
    let found = client.max_payload();
    if found < MAX_MESSAGE { Err(ClusterError::MaxPayload { found }) } else { Ok(()) }
}

impl Nats {
    /// Runs until the engine is gone.
    async fn run(mut self, mut orders: UnboundedReceiver<Order>, mut failures: UnboundedReceiver<()>) {
        let mut trying = tokio::time::interval(TRY);
        trying.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut rolling, mut giving_back) = (tokio::time::interval(ROLL), tokio::time::interval(GIVE_BACK));
        let mut others = self.client.subscribe(wire::RELAYS).await.ok();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.carry_out(order),
                    None => break,
                },
                Some(()) = failures.recv() => self.is_there(false),
                _ = trying.tick() => self.look().await,
                _ = rolling.tick() => self.call_roll(),
                _ = giving_back.tick() => self.give_back(),
                Some(message) = next(&mut others) => {
                    if let Some((relay, places)) = wire::read_roll(&message.payload) {
                        self.roster.heard(self.now(), relay, places);
                        self.board.meters().cluster_relays.set(self.roster.others() as u64);
                    }
                }
            }
        }
        for task in self.readers.iter().chain(self.watched.values()) {
            task.abort();
        }
    }

    /// Whether the cluster is there: connected, and every stream answers.
    async fn look(&mut self) {
        let connected = self.client.connection_state() == State::Connected;
        if self.there && !connected {
            self.is_there(false);
        }
        if self.there || !connected {
            return;
        }
        if let Err(error) = check_payload(&self.client) {
            tracing::error!("{error}");
            return;
        }
        let ensured = async { self.objects.ensure(ensure(&self.jetstream, self.replicas).await?).await };
        match timeout(2 * ANSWER, ensured).await {
            Ok(Ok(())) => self.is_there(true),
            Ok(Err(error)) => tracing::info!(error, "the cluster's streams are not there yet"),
            Err(_) => tracing::info!("the cluster's streams do not answer yet"),
        }
    }

    fn is_there(&mut self, there: bool) {
        if self.there == there {
            return;
        }
        self.there = there;
        self.board.cut_off(!there);
        if there {
            tracing::info!("the cluster is there");
            // From here on each begins again by itself whenever it breaks off.
            for (shard, place) in (0..SHARDS).zip(self.places.take().unwrap_or_default()) {
                let reader =
                    reading::read(self.jetstream.clone(), shard, place, self.recent.clone(), self.news.clone());
                self.readers.push(tokio::spawn(reader).abort_handle());
            }
            // The engine may have ended; then nobody waits for it.
            let _ = self.news.send(News::There);
        } else {
            tracing::warn!("the cluster is away: what is sent is kept here, and acknowledged when it is back");
        }
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    /// Says that this relay is there.
    fn call_roll(&self) {
        if self.there {
            let (client, roll) = (self.client.clone(), wire::roll(self.id, &self.durable));
            tokio::spawn(async move {
                if let Err(error) = client.publish(wire::RELAYS, roll.into()).await {
                    tracing::debug!(%error, "the other relays do not hear of this one");
                }
            });
        }
    }

    /// Gives back what two relays hold, or more.
    fn give_back(&self) {
        let held =
            (0..SHARDS).filter_map(|shard| Some((shard, self.roster.held_twice(self.now(), shard, &self.durable)?)));
        let held: Vec<(u8, u64)> = held.filter(|_| self.there).collect();
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

    /// Says a member's word to all, as soon as that can be done.
    fn say(&self, space: SpaceId, bringer: DeviceId, endorsement: Vec<u8>, proof: [u8; 32]) {
        let Ok(room) = Arc::clone(&self.words).try_acquire_owned() else { return };
        let (jetstream, news) = (self.jetstream.clone(), self.news.clone());
        tokio::spawn(async move {
            let message = Message { kind: Kind::Endorsement, bringer, proof, body: &endorsement };
            say(&jetstream, &news, space, &message).await;
            drop(room);
        });
    }

    /// Puts a checkpoint into the object store, as soon as that can be done, and then says to all that it is there.
    fn share(&self, space: SpaceId, bringer: DeviceId, shared: Shared, blobs: Vec<BlobLink>, proof: [u8; 32]) {
        let (jetstream, objects, news) = (self.jetstream.clone(), self.objects.clone(), self.news.clone());
        tokio::spawn(async move {
            for blob in blobs.into_iter().chain([shared.bundle]) {
                while let Err(error) = objects.put(space, blob).await {
                    tracing::info!(error, space = %space.short(), "a checkpoint is not in the cluster yet");
                    tokio::time::sleep(AGAIN).await;
                    if news.is_closed() {
                        return;
                    }
                }
            }
            let body = shared.encode();
            say(&jetstream, &news, space, &Message { kind: Kind::Checkpoint, bringer, proof, body: &body }).await;
            // The engine may have ended; then nobody waits for it.
            let _ = news.send(News::Shared(space));
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
            Order::Say { space, bringer, endorsement, proof } => self.say(space, bringer, endorsement, proof),
            Order::Share { space, bringer, shared, blobs, proof } => self.share(space, bringer, shared, blobs, proof),
            Order::Fetch { space, blob } => {
                let (objects, news) = (self.objects.clone(), self.news.clone());
                tokio::spawn(async move {
                    let got = objects.get(space, blob).await;
                    // The engine may have ended; then nobody waits for it.
                    let _ = news.send(News::Fetched(space, blob, got));
                });
            }
            Order::Discard(space, blobs) => {
                let objects = self.objects.clone();
                tokio::spawn(async move {
                    for blob in blobs {
                        if let Err(error) = objects.delete(space, blob).await {
                            tracing::debug!(error, space = %space.short(), "a blob that is not needed was not deleted");
                        }
                    }
                });
            }
            Order::Publish { space, batch, items, proof } => {
                let recent = Arc::clone(&self.recent);
                let (news, failed, there) = (self.news.clone(), self.failed.clone(), self.there);
                let (jetstream, board) = (self.jetstream.clone(), Arc::clone(&self.board));
                tokio::spawn(async move {
                    let (begun, all) = (Instant::now(), items.len());
                    let count = if there { publish(&jetstream, space, &items, proof).await } else { 0 };
                    recent.add(items.iter().take(count).map(|kept| kept.item.bytes.as_slice()));
                    board.meters().cluster_published.add(count as u64);
                    if count == all {
                        board.meters().publishing.took(begun.elapsed());
                    } else {
                        // The tasks may have ended meanwhile; then nobody waits for either.
                        let _ = failed.send(());
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

/// Publishes something that is no entry, as soon as that can be done.
async fn say(jetstream: &jetstream::Context, news: &UnboundedSender<News>, space: SpaceId, message: &Message<'_>) {
    let id = blake3::hash(message.body).to_hex().to_string();
    while !news.is_closed() {
        let message = PublishMessage::build().message_id(id.as_str()).payload(message.encode().into());
        let sent = async { jetstream.send_publish(wire::subject(space), message).await?.await };
        match sent.await {
            Ok(_) => return,
            Err(error) => tracing::debug!(%error, "what is said to all was not acknowledged by the cluster"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Publishes entries in order, and answers how many of the first of them the cluster has.
async fn publish(jetstream: &jetstream::Context, space: SpaceId, items: &[Kept], proof: [u8; 32]) -> usize {
    let subject = wire::subject(space);
    let mut acks = Vec::with_capacity(items.len());
    for kept in items {
        let item = &kept.item;
        // Of one that was read from the disk it is not known any more who brought it: most bring what they wrote.
        let bringer = kept.from.unwrap_or(item.log.device);
        let message = Message { kind: Kind::Entry, bringer, proof, body: item.bytes.as_slice() };
        let id = data_encoding::HEXLOWER.encode(item.hash.as_bytes());
        let message = PublishMessage::build().message_id(id).payload(message.encode().into());
        match jetstream.send_publish(subject.clone(), message).await {
            Ok(ack) => acks.push(ack),
            Err(error) => {
                tracing::debug!(%error, "an entry was not published");
                break;
            }
        }
    }
    let mut count = 0;
    for ack in acks {
        match ack.await {
            Ok(_) => count += 1,
            Err(error) => {
                tracing::debug!(%error, "an entry was not acknowledged by the cluster");
                break;
            }
        }
    }
    count
}

/// Sees to it that every stream is there. Answers how many copies are kept.
async fn ensure(jetstream: &jetstream::Context, replicas: usize) -> Result<usize, String> {
    let mut copies = replicas;
    for shard in 0..SHARDS {
        let config = |replicas: usize| StreamConfig {
            name: wire::stream(shard),
            subjects: vec![wire::subjects(shard)],
            retention: RetentionPolicy::Limits,
            // What is not held twice must not vanish, whatever room there is.
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: replicas,
            duplicate_window: DUPLICATES,
            allow_direct: true,
            ..StreamConfig::default()
        };
        let stream = match jetstream.get_or_create_stream(config(replicas)).await {
            // A server that is no cluster keeps one copy, and cannot keep more. Fewer than asked for in a cluster, because some
            // of it is away just now, is not accepted: it would stay so.
            Err(error) if alone(&error) => {
                if shard == 0 {
                    tracing::warn!("the NATS server is no cluster: it keeps each entry once, whatever `replicas` says");
                }
                copies = 1;
                jetstream.get_or_create_stream(config(1)).await
            }
            stream => stream,
        };
        let stream = stream.map_err(|error| error.to_string())?;
        let kept = stream.cached_info();
        let clustered = kept.cluster.as_ref().is_some_and(|cluster| cluster.name.is_some());
        if kept.config.num_replicas < replicas
            && clustered
            && let Err(error) = jetstream.update_stream(config(replicas)).await
        {
            tracing::warn!(%error, stream = wire::stream(shard), "the stream keeps fewer copies than `replicas` says");
        }
        if !clustered {
            copies = 1;
        }
    }
    Ok(copies)
}

/// Whether a stream was refused because its server is no cluster.
fn alone(error: &jetstream::context::CreateStreamError) -> bool {
    use jetstream::context::CreateStreamErrorKind::JetStream;
    matches!(error.kind(), JetStream(error) if error.error_code() == ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED)
}
