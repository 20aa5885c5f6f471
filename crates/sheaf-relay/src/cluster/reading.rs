//! Reading a stream, from its place on.
//!
//! A reader asks JetStream to push what follows, and tells the engine of it in order. Whenever it breaks off, whatever the
//! reason, it begins again after the last message that it has told of; the engine's durable place is behind that, by what is not dealt with.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, push};
use async_nats::jetstream::{Context, Message as JetMessage};
use n0_future::StreamExt as _;
use sheaf_access::SpaceId;
use sheaf_sync::EntryBytes;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use super::gaps::Gap;
use super::wire::{self, Kind, Message, Removal, Shared};
use super::{News, PassedOn, Place, What};

/// How many entries of one stream are under way at a time.
const UNDER_WAY: usize = 256;
/// How often JetStream says that it is there when nothing comes. After two that did not come, the reader begins again.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long a reader waits before it begins again.
const PAUSE: Duration = Duration::from_millis(300);
/// For how long JetStream remembers a reader that is gone.
const FORGET: Duration = Duration::from_secs(30);
/// How many own entries are known again.
const RECENT: usize = 1 << 16;

/// What this relay has published lately: when it comes back from the stream, its signature need not be checked again.
#[derive(Debug, Default)]
pub struct Recent(Mutex<(HashSet<blake3::Hash>, VecDeque<blake3::Hash>)>);

impl Recent {
    /// These are in the stream.
    pub fn add<'b>(&self, bodies: impl Iterator<Item = &'b [u8]>) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *recent;
        for hash in bodies.map(blake3::hash) {
            if known.insert(hash) {
                order.push_back(hash);
            }
            if order.len() > RECENT
                && let Some(oldest) = order.pop_front()
            {
                known.remove(&oldest);
            }
        }
    }

    /// Whether a message is one of them. Its body is hashed: what a message is called anyone can say.
    fn has(&self, body: &[u8]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.contains(&blake3::hash(body))
    }
}

/// Whoever reads a stream.
pub struct Reader {
    /// The connection.
    pub jetstream: Context,
    /// Which stream.
    pub shard: u8,
    /// After which place.
    pub place: Place,
    /// What need not be read.
    pub recent: Arc<Recent>,
    /// Where what comes goes.
    pub news: UnboundedSender<News>,
    /// Where it is said that something is in the stream no more.
    pub gaps: UnboundedSender<Gap>,
}

impl Reader {
    /// Reads until the engine is gone.
    pub async fn read(mut self) {
        let room = Arc::new(Semaphore::new(UNDER_WAY));
        while !self.news.is_closed() {
            if let Err(error) = self.read_on(&room).await {
                tracing::debug!(shard = self.shard, error, "a stream is read again");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read_on(&mut self, room: &Arc<Semaphore>) -> Result<(), String> {
        let Self { jetstream, shard, place, recent, news, gaps } = self;
        let shard = *shard;
        let stream = jetstream.get_stream(wire::stream(shard)).await.map_err(|error| error.to_string())?;
        let info = stream.cached_info();
        // Which stream it is, by when it was made.
        let identity = info.created.unix_timestamp_nanos().unsigned_abs() as u64;
        let other = place.stream != identity;
        // What was in another stream of this name is in this one no more.
        let gap = other && place.stream != 0;
        if other {
            *place = Place { stream: identity, sequence: 0 };
        }
        if gap || place.sequence + 1 < info.state.first_sequence {
            tracing::warn!(
                shard,
                "the stream no longer has what follows the place: what is lacking is asked of the other relays"
            );
            place.sequence = place.sequence.max(info.state.first_sequence.saturating_sub(1));
            // The task lives as long as its readers.
            let _ = gaps.send(Gap::Found(shard));
        }
        // The engine may have ended; then nobody waits for it, here and below.
        let _ = news.send(News::Reading(shard, *place));
        let config = push::Config {
            deliver_subject: jetstream.client().new_inbox(),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: place.sequence + 1 },
            ack_policy: AckPolicy::None,
            max_deliver: 1,
            flow_control: true,
            idle_heartbeat: HEARTBEAT,
            inactive_threshold: FORGET,
            memory_storage: true,
            num_replicas: 1,
            ..push::Config::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| error.to_string())?;
        let mut messages = consumer.messages().await.map_err(|error| error.to_string())?;
        let mut count = 0;
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| error.to_string())?;
            let at = message.info().map_err(|error| error.to_string())?;
            let (sequence, number) = (at.stream_sequence, at.consumer_sequence);
            count += 1;
            if number != count {
                return Err("a message was lost on its way".to_owned());
            }
            if sequence <= place.sequence {
                continue;
            }
            let permit = Arc::clone(room).acquire_owned().await.map_err(|error| error.to_string())?;
            let told = match passed_on(&message, recent) {
                Some((space, Message { bringer, proof, .. }, what)) => {
                    let (tries, left) = (0, None);
                    News::Came(Box::new(PassedOn { shard, sequence, space, bringer, proof, what, tries, permit, left }))
                }
                None => News::Passed(shard, sequence),
            };
            place.sequence = sequence;
            if news.send(told).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// What a message passes on; nothing, if it is this relay's own entry, or of another version.
fn passed_on<'m>(message: &'m JetMessage, recent: &Recent) -> Option<(SpaceId, Message<'m>, What)> {
    let passed_on = Message::decode(&message.payload)?;
    let space = wire::space_of(&message.subject)?;
    let what = match passed_on.kind {
        Kind::Entry if recent.has(passed_on.body) => return None,
        Kind::Entry => What::Entry(EntryBytes::from(passed_on.body)),
        Kind::Endorsement => What::Endorsement(passed_on.body.to_vec()),
        Kind::Checkpoint => What::Checkpoint(Shared::decode(passed_on.body)?),
        Kind::Removal => What::Removal(Removal::decode(passed_on.body)?),
    };
    Some((space, passed_on, what))
}
