//! Keeping the object store whole: what a checkpoint that counts names is there, whoever gave up the same bytes a moment before.
//!
//! Checkpoints share blobs, by their names. So one relay may delete a blob for which a checkpoint stood that was given up, while
//! another finds it there and shares a checkpoint that names it again. Whoever deletes looks again afterwards; and whoever does not
//! find a blob there, and has it from another relay, puts it there.

use std::sync::Arc;

use sheaf_access::SpaceId;
use sheaf_log::BlobLink;
use tokio::sync::mpsc::UnboundedSender;

use super::objects::Objects;
use super::siblings::Siblings;
use super::{Got, News};
use crate::keeper::Keeper;

/// Fetches a blob from the object store, or from whoever has it.
pub async fn fetch(
    objects: &Objects,
    siblings: &Siblings,
    news: &UnboundedSender<News>,
    space: SpaceId,
    blob: BlobLink,
) {
    let mut got = objects.get(space, blob).await;
    if got != Got::Here {
        let lacking = got == Got::None;
        if siblings.blob(space, blob).await == Got::Here {
            got = Got::Here;
            // What another relay gave up a moment before a new checkpoint named it, or an object store has lost, is there again.
            if lacking && let Err(error) = objects.put(space, blob).await {
                tracing::info!(error, space = %space.short(), "a blob is not in the object store again yet");
            }
        }
    }
    // The engine may have ended; then nobody waits for it.
    let _ = news.send(News::Fetched(space, blob, got));
}

/// Deletes blobs from the object store that no checkpoint needs any more. One may have come since they were given up, which names
/// the same bytes: those stay, and what was deleted just before it came is put there again.
pub async fn discard(objects: &Objects, keeper: &Arc<Keeper>, space: SpaceId, blobs: Vec<BlobLink>) {
    let needed = |blobs: Vec<BlobLink>| {
        let keeper = Arc::clone(keeper);
        async move {
            let needed = tokio::task::spawn_blocking(move || keeper.needed(space, &blobs)).await;
            // What cannot be read is needed, as far as anyone knows.
            needed.ok().and_then(Result::ok)
        }
    };
    let Some(stay) = needed(blobs.clone()).await else { return };
    let gone: Vec<BlobLink> = blobs.into_iter().filter(|blob| !stay.contains(blob)).collect();
    for blob in &gone {
        if let Err(error) = objects.delete(space, *blob).await {
            tracing::debug!(error, space = %space.short(), "a blob that is not needed was not deleted");
        }
    }
    for blob in needed(gone).await.unwrap_or_default() {
        if let Err(error) = objects.put(space, blob).await {
            tracing::info!(error, space = %space.short(), "a blob is not in the object store again yet");
        }
    }
}
