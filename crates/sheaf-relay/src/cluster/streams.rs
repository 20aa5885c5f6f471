//! The streams: that they are there, and publishing to them.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context, ErrorCode, message::PublishMessage};
use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::BlobLink;
use tokio::sync::mpsc::UnboundedSender;

use super::objects::Objects;
use super::standing::Away;
use super::wire::{self, Kind, Message, Shared};
use super::{Kept, News};

/// How long what is said to all waits before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// For how long JetStream knows an entry again that is published twice.
const DUPLICATES: Duration = Duration::from_mins(10);

/// Publishes something that is no entry, as soon as that can be done.
pub async fn say(jetstream: &Context, news: &UnboundedSender<News>, space: SpaceId, message: &Message<'_>) {
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

/// Puts a checkpoint into the object store, as soon as that can be done, and then says to all that it is there; unless it does not
/// stand any more.
pub async fn share(
    jetstream: &Context,
    objects: &Objects,
    (news, failed): (&UnboundedSender<News>, &UnboundedSender<(Away, bool)>),
    space: SpaceId,
    (shared, blobs): (&Shared, &[BlobLink]),
    (bringer, proof): (DeviceId, [u8; 32]),
    stands: impl Fn() -> bool,
) {
    for blob in blobs.iter().chain([&shared.bundle]) {
        while let Err(error) = objects.put(space, *blob).await {
            tracing::info!(error, space = %space.short(), "a checkpoint is not in the cluster yet");
            // It may be the object store that is lost: it is looked for, and made again. The task may have ended meanwhile.
            let _ = failed.send((Away::Objects, true));
            tokio::time::sleep(AGAIN).await;
            if news.is_closed() || !stands() {
                return;
            }
        }
    }
    if !stands() {
        // Its space was removed meanwhile: nobody is to take it over.
        return;
    }
    let body = shared.encode();
    say(jetstream, news, space, &Message { kind: Kind::Checkpoint, bringer, proof, body: &body }).await;
    // The engine may have ended; then nobody waits for it.
    let _ = news.send(News::Shared(space));
}

/// Publishes entries in order, and answers how many of the first of them the cluster has.
pub async fn publish(jetstream: &Context, space: SpaceId, items: &[Kept], proof: [u8; 32]) -> usize {
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

/// Sees to it that a stream is there. Answers how many copies are kept.
pub async fn ensure(jetstream: &Context, shard: u8, replicas: usize) -> Result<usize, String> {
    let config = |replicas: usize| Config {
        name: wire::stream(shard),
        subjects: vec![wire::subjects(shard)],
        retention: RetentionPolicy::Limits,
        // What is not held twice must not vanish, whatever room there is.
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: replicas,
        duplicate_window: DUPLICATES,
        allow_direct: true,
        ..Config::default()
    };
    let mut copies = replicas;
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
    if kept.config.num_replicas < replicas && clustered {
        more_copies(jetstream, config(replicas)).await;
    }
    Ok(if clustered { copies } else { 1 })
}

/// A stream that was made when there were fewer servers is kept on more of them from now on.
async fn more_copies(jetstream: &Context, config: Config) {
    let name = config.name.clone();
    if let Err(error) = jetstream.update_stream(config).await {
        tracing::warn!(%error, stream = name, "the stream keeps fewer copies than `replicas` says");
    }
}

/// Whether a stream was refused because its server is no cluster.
fn alone(error: &jetstream::context::CreateStreamError) -> bool {
    use jetstream::context::CreateStreamErrorKind::JetStream;
    matches!(error.kind(), JetStream(error) if error.error_code() == ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED)
}
