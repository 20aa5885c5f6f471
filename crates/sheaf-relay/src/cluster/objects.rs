//! Checkpoints' blobs in the object store: put there before a checkpoint counts, and fetched from there by whoever lacks them.
//!
//! A blob goes there in parts, so that no more than a part of it is in memory, and what breaks off goes on where it stopped. What
//! comes from there is held against its name, as what comes from a device is.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::object_store::{Config, GetErrorKind, ObjectStore};
use async_nats::jetstream::stream::StorageType;
use sheaf_access::SpaceId;
use sheaf_log::{BlobLink, MAX_BLOB};
use sheaf_store::{BlobStore, Fetched, FileBlobs};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Got;
use super::wire::{self, BUCKET, PART};

/// How many parts are on their way at a time: so many are in memory.
const UNDER_WAY: usize = 4;
/// How long one part may take.
const A_PART: Duration = Duration::from_mins(1);

/// The bucket, and the folder of blobs here.
#[derive(Clone)]
pub struct Objects {
    jetstream: Context,
    blobs: Arc<FileBlobs>,
    room: Arc<Semaphore>,
}

impl Objects {
    /// With this folder.
    pub fn new(jetstream: Context, blobs: Arc<FileBlobs>) -> Self {
        Self { jetstream, blobs, room: Arc::new(Semaphore::new(UNDER_WAY)) }
    }

    /// Sees to it that the bucket is there, with as many copies as the streams. Answers which it is, by when it was made.
    pub async fn ensure(&self, replicas: usize) -> Result<u64, String> {
        match self.identity().await {
            Ok(identity) => return Ok(identity),
            Err(error) => tracing::debug!(error, "the bucket for checkpoints is to be made"),
        }
        let config = Config {
            bucket: BUCKET.to_owned(),
            storage: StorageType::File,
            num_replicas: replicas,
            ..Config::default()
        };
        self.jetstream.create_object_store(config).await.map_err(|error| error.to_string())?;
        self.identity().await
    }

    /// Which bucket it is.
    async fn identity(&self) -> Result<u64, String> {
        let stream = self.jetstream.get_stream(wire::BUCKET_STREAM).await.map_err(|error| error.to_string())?;
        Ok(stream.cached_info().created.unix_timestamp_nanos().unsigned_abs() as u64)
    }

    async fn bucket(&self) -> Result<ObjectStore, String> {
        self.jetstream.get_object_store(BUCKET).await.map_err(|error| error.to_string())
    }

    /// Puts a blob there that is here. What is there already is not put again.
    pub async fn put(&self, space: SpaceId, blob: BlobLink) -> Result<(), String> {
        let bucket = self.bucket().await?;
        for part in 0..parts(blob) {
            let name = wire::object(space, blob.id, part);
            let _room = self.room.acquire().await.map_err(|error| error.to_string())?;
            let there =
                bucket.info(&name).await.is_ok_and(|info| !info.deleted && info.size as u64 == size(blob, part));
            if there {
                continue;
            }
            let blobs = Arc::clone(&self.blobs);
            let read = move || blobs.read(blob.id, part * PART, PART as usize);
            let bytes = blocking(read).await?.ok_or("a blob is not here any more")?;
            let put =
                async { bucket.put(name.as_str(), &mut bytes.as_slice()).await.map_err(|error| error.to_string()) };
            timeout(A_PART, put).await.map_err(|error| error.to_string())??;
        }
        Ok(())
    }

    /// Fetches a blob from there, and goes on where it stopped.
    pub async fn get(&self, space: SpaceId, blob: BlobLink) -> Got {
        self.try_get(space, blob).await.unwrap_or_else(|error| {
            tracing::debug!(error, space = %space.short(), "a checkpoint's blob is not fetched yet");
            Got::NotNow
        })
    }

    async fn try_get(&self, space: SpaceId, blob: BlobLink) -> Result<Got, String> {
        if blob.size > MAX_BLOB {
            return Ok(Got::None);
        }
        let bucket = self.bucket().await?;
        let blobs = Arc::clone(&self.blobs);
        let mut from = blocking(move || blobs.partial(blob.id)).await?;
        // Each turn adds a part, or begins anew what was damaged before.
        for _ in 0..=parts(blob) + 1 {
            let part = from / PART;
            let _room = self.room.acquire().await.map_err(|error| error.to_string())?;
            let mut object = match bucket.get(wire::object(space, blob.id, part)).await {
                Ok(object) if object.info.size as u64 == size(blob, part) => object,
                Ok(_) => return Ok(Got::None),
                Err(error) if error.kind() == GetErrorKind::NotFound => return Ok(Got::None),
                Err(error) => return Err(error.to_string()),
            };
            let mut bytes = Vec::with_capacity(object.info.size);
            let read = timeout(A_PART, object.read_to_end(&mut bytes)).await.map_err(|error| error.to_string())?;
            read.map_err(|error| error.to_string())?;
            bytes.drain(..usize::try_from(from % PART).unwrap_or(usize::MAX).min(bytes.len()));
            let blobs = Arc::clone(&self.blobs);
            from = match blocking(move || blobs.add(blob, from, &bytes)).await? {
                Fetched::Whole => return Ok(Got::Here),
                Fetched::Until(here) => here,
                Fetched::Wrong => 0,
            };
        }
        Ok(Got::None)
    }

    /// Deletes a blob that no checkpoint needs any more.
    pub async fn delete(&self, space: SpaceId, blob: BlobLink) -> Result<(), String> {
        let bucket = self.bucket().await?;
        for part in 0..parts(blob) {
            // It may be gone already: another relay has found the same.
            if let Err(error) = bucket.delete(wire::object(space, blob.id, part)).await {
                tracing::debug!(%error, space = %space.short(), "a blob that is not needed was not deleted");
            }
        }
        Ok(())
    }
}

/// How many parts a blob has.
fn parts(blob: BlobLink) -> u64 {
    blob.size.div_ceil(PART).max(1)
}

/// How many bytes one of its parts has.
fn size(blob: BlobLink, part: u64) -> u64 {
    blob.size.saturating_sub(part.saturating_mul(PART)).min(PART)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> sheaf_store::Result<T> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
    done.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use sheaf_log::BlobId;

    use super::*;

    #[test]
    fn the_parts_of_a_blob_are_all_of_it() {
        for bytes in [0, 1, PART - 1, PART, PART + 1, 3 * PART + 7] {
            let blob = BlobLink { id: BlobId::of(b""), size: bytes };
            assert_eq!((0..parts(blob)).map(|part| size(blob, part)).sum::<u64>(), bytes);
        }
    }
}
