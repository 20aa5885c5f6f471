//! What a long history costs once a checkpoint stands for it: on the disk, and for someone who comes new.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use automerge::{Automerge, LoadOptions, TextEncoding};
use sheaf_node::Format;

use super::{Context, count};
use crate::figures::Figures;
use crate::home::{self, Folder};
use crate::report::Row;

/// How long a newcomer may take.
const PATIENCE: Duration = Duration::from_mins(5);

pub async fn rows(context: &mut Context) -> Result<Vec<Row>> {
    let about = context.about_long();
    let (folder, history) = context.long().await?;
    let ana = home::open(folder).await?;
    let space = ana.find_document(&history.document).await?.space;
    let start = Instant::now();
    let report = ana.checkpoint(&space).await?;
    let written = start.elapsed();
    ensure!(report.pruned > 0, "a checkpoint that nobody else has to check lets entries be pruned");
    let saved = ana.export(&history.document, Format::Automerge).await?;
    let start = Instant::now();
    let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
    drop(Automerge::load_with_options(&saved, options)?);
    let load = start.elapsed();
    let blobs = size(&folder.home().join("blobs"))?;
    let kept = blobs + size(&folder.home().join("store"))? + size(&folder.home().join("journal"))?;
    let newcomer = newcomer(&ana, &space, &history.document).await?;
    ana.shutdown().await?;
    #[expect(clippy::cast_precision_loss, reason = "a ratio to show, of sizes far below 2^52")]
    let ratio = |bytes: u64| bytes as f64 / saved.len() as f64;
    let load = Figures::of(&[load]);
    let against = "Automerge loading that document";
    Ok(vec![
        Row::new("checkpoint", format!("written, read back, pruned below, {about}"), Figures::of(&[written]))
            .against_p50(against, load)
            .note(format!(
                "{} entries pruned; on the disk {} bytes, {:.2} of the compressed save ({} bytes; budget 3)",
                count(usize::try_from(report.pruned)?),
                count(usize::try_from(kept)?),
                ratio(kept),
                count(saved.len()),
            )),
        Row::new("newcomer", "joins and reads it, from the checkpoint", Figures::of(&[newcomer]))
            .against_p50(against, load)
            .note(format!(
                "{} bytes of blobs, {:.2} of the compressed save (budget 1.2)",
                count(usize::try_from(blobs)?),
                ratio(blobs),
            )),
    ])
}

/// Someone joins, until they read the document.
async fn newcomer(ana: &sheaf_node::Node, space: &str, document: &str) -> Result<Duration> {
    ana.go_online().await?;
    let link = ana.invite(space, "viewer", None, None).await?;
    let expected = ana.export(document, Format::Text).await?;
    let folder = Folder::new()?;
    let kofi = home::new(&folder, "Kofi").await?;
    kofi.go_online().await?;
    let start = Instant::now();
    kofi.join(&link).await?;
    loop {
        if kofi.export(document, Format::Text).await.is_ok_and(|text| text == expected) {
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "the newcomer does not get the document");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = start.elapsed();
    kofi.shutdown().await?;
    Ok(took)
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
