//! What a long history costs once a checkpoint stands for it: on the disk, and for someone who comes new.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sheaf_node::{Format, Node, Search};
use sheaf_store::Store;

use super::{Context, count, loading, verify};
use crate::figures::Figures;
use crate::history::History;
use crate::home::{self, Folder};
use crate::report::Row;

/// How long a newcomer may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// How many times the compressed Automerge save a device may keep on its disk.
const DISK: f64 = 3.0;
/// How many times that a newcomer may fetch.
const FETCHED: f64 = 1.2;
/// What everything is held against.
const AGAINST: &str = "Automerge loading that document";

pub async fn rows(context: &mut Context) -> Result<Vec<Row>> {
    let about = context.about_long();
    let (folder, history) = context.long().await?;
    let ana = home::open(folder).await?;
    let start = Instant::now();
    let report = ana.checkpoint(&history.space).await?;
    let written = start.elapsed();
    ensure!(report.pruned > 0, "a checkpoint that nobody else has to check lets entries be pruned");
    let saved = ana.export(&history.document, Format::Automerge).await?;
    // Whoever has a window open has the index of the search as well.
    ana.search(Search { words: "the".into(), limit: 1, wait: true, ..Search::default() }).await?;
    ana.shutdown().await?;
    drop(ana);
    let load = Figures::of(&[loading(&saved)?]);
    let kept = |name: &str| size(&folder.home().join(name));
    let (blobs, store, journal, cache) = (kept("blobs")?, kept("store")?, kept("journal")?, kept("cache")?);
    // What a home takes with nothing in it, nearly all of it room that the store keeps ready, says nothing about the document.
    let empty = empty().await?;
    let all = size(&folder.home())?.saturating_sub(empty);
    let mut rows = vec![
        Row::new("checkpoint", format!("written, read back, pruned below, {about}"), Figures::of(&[written]))
            .against_p50(AGAINST, load)
            .budget("disk <= 3x the save", ratio(all, &saved) <= DISK)
            .note(format!(
                "{} entries pruned; on the disk {} bytes more than an empty home ({} bytes), {:.2} of the compressed save ({} \
                 bytes); in all {} of blobs, {} in the store, {} in the journal, {} of caches",
                count(usize::try_from(report.pruned)?),
                bytes(all),
                bytes(empty),
                ratio(all, &saved),
                count(saved.len()),
                bytes(blobs),
                bytes(store),
                bytes(journal),
                bytes(cache),
            )),
    ];
    context.pruned = true;
    rows.extend(verify::rows(context).await?);
    Ok(rows)
}

/// How many bytes a home has with a person and a space in it, and no document. It has been opened a second time, as that
/// which it is held against: then the store has filled up the room that it writes into next.
async fn empty() -> Result<u64> {
    let folder = Folder::new()?;
    let node = home::new(&folder, "Ana").await?;
    node.create_space("Field station").await?;
    node.shutdown().await?;
    drop(node);
    home::open(&folder).await?.shutdown().await?;
    size(&folder.home())
}

pub async fn newcomer_rows(context: &mut Context) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    if !context.pruned {
        rows.extend(self::rows(context).await?);
    }
    let (folder, history) = context.long().await?;
    let ana = home::open(folder).await?;
    let saved = ana.export(&history.document, Format::Automerge).await?;
    let (took, fetched) = newcomer(&ana, history).await?;
    ana.shutdown().await?;
    drop(ana);
    rows.push(
        Row::new("newcomer", "joins and reads it, from the checkpoint", Figures::of(&[took]))
            .against_p50(AGAINST, Figures::of(&[loading(&saved)?]))
            .budget("<= 1.2x the bytes of the save", ratio(fetched, &saved) <= FETCHED)
            .note(format!(
                "{} bytes of blobs and entries fetched, {:.2} of the compressed save ({} bytes)",
                bytes(fetched),
                ratio(fetched, &saved),
                count(saved.len())
            )),
    );
    Ok(rows)
}

/// Someone joins, until they read the document. Answers how long that took, and how many bytes came: the bundle, the blobs
/// and the entries, as they lie in the newcomer's home.
async fn newcomer(ana: &Node, history: &History) -> Result<(Duration, u64)> {
    ana.go_online().await?;
    let link = ana.invite(&history.space, "viewer", None, None).await?;
    let expected = ana.export(&history.document, Format::Text).await?;
    let folder = Folder::new()?;
    let kofi = home::new(&folder, "Kofi").await?;
    kofi.go_online().await?;
    let start = Instant::now();
    kofi.join(&link).await?;
    loop {
        if kofi.export(&history.document, Format::Text).await.is_ok_and(|text| text == expected) {
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "the newcomer does not get the document");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = start.elapsed();
    kofi.shutdown().await?;
    drop(kofi);
    let below = home::open_below(&folder).await?;
    let (mut after, mut entries) = (0, 0);
    loop {
        let batch = below.store().since(history.space.parse()?, after, 1 << 20)?;
        let Some((last, _)) = batch.last() else { break };
        after = *last;
        entries += batch.iter().map(|(_, entry)| entry.encoded().len() as u64).sum::<u64>();
    }
    Ok((took, size(&folder.home().join("blobs"))? + entries))
}

#[expect(clippy::cast_precision_loss, reason = "a ratio to show, of sizes far below 2^52")]
fn ratio(bytes: u64, saved: &[u8]) -> f64 {
    bytes as f64 / saved.len() as f64
}

fn bytes(bytes: u64) -> String {
    count(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// How many bytes the files in a folder have.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { size(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}
