//! A key, from one person's window to another's: two nodes with a home each, joined by an invitation, over loopback.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use automerge::{Automerge, LoadOptions, TextEncoding};
use sheaf_node::{Format, Node};

use super::{Context, count, ms};
use crate::figures::Figures;
use crate::history::History;
use crate::home::{self, Folder};
use crate::report::Row;
use crate::window::Window;

/// Keys before it counts.
const WARM_UP: usize = 5;
/// The pause before each key.
const PAUSE: Duration = ms(300);

pub async fn rows(context: &mut Context) -> Result<Vec<Row>> {
    let samples = context.samples(100);
    let mut rows = Vec::new();
    for (name, characters) in [("remote-10k", 10_000), ("remote-100k", 100_000)] {
        let folder = Folder::new()?;
        let ana = home::new(&folder, "Ana").await?;
        let space = ana.create_space("Field station").await?.id;
        let document = ana.import(Some(&space), "page.md", home::markdown(characters).into_bytes()).await?.id;
        let what = format!("{} characters, imported", count(characters));
        let row = row(name, &what, &ana, &History { space, document, places: 0 }, samples).await?;
        rows.push(if characters < 50_000 { row.at_most_ms(10.0, 40.0) } else { row });
    }
    let about = context.about_long();
    let (folder, history) = context.long().await?;
    let ana = home::open(folder).await?;
    let row = row("remote-long", &about, &ana, history, samples).await?;
    rows.push(row.at_most_ms(45.0, 100.0));
    Ok(rows)
}

async fn row(name: &'static str, about: &str, ana: &Node, history: &History, samples: usize) -> Result<Row> {
    let History { space, document, places } = history;
    let folder = Folder::new()?;
    let kofi = home::new(&folder, "Kofi").await?;
    let link = ana.invite(space, "editor", None, None).await?;
    kofi.join(&link).await?;
    arrived(&kofi, document).await?;
    let mut sender = Window::open(ana, document).await?;
    let mut receiver = Window::open(&kofi, document).await?;
    // It may show what was kept from before, or still be on its way in.
    sender.showing(*places).await?;
    receiver.showing(sender.places()).await?;
    sender.in_company().await?;
    for _ in 0..WARM_UP {
        key(&mut sender, &mut receiver).await?;
    }
    let before = kofi.export(document, Format::Automerge).await?;
    let (mut keys, mut durable) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let (arrived, saved) = key(&mut sender, &mut receiver).await?;
        keys.push(arrived);
        durable.push(saved);
    }
    let after = kofi.export(document, Format::Automerge).await?;
    sender.close().await?;
    receiver.close().await?;
    kofi.shutdown().await?;
    ana.shutdown().await?;
    let applied = Figures::of(&apply_one_by_one(&before, &after, samples)?);
    let (took, saved) = (Figures::of(&keys), Figures::of(&durable));
    Ok(Row::new(name, format!("key to the other's window, {about}"), took)
        .against_p50("Automerge applying that change", applied)
        .note(format!(
            "Automerge's part {:.1} ms, the rest {:.1} ms (p50); the sender had it saved after {:.1} ms (p50), {:.1} ms (p99)",
            applied.p50,
            took.p50 - applied.p50,
            saved.p50,
            saved.p99,
        )))
}

/// Waits until a document is in the list.
async fn arrived(node: &Node, document: &str) -> Result<()> {
    let listed = async {
        while !node.documents(None).await?.iter().any(|listed| listed.id == document) {
            tokio::time::sleep(ms(50)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_mins(2), listed).await.context("waited for the document")?
}

/// How long one key took to arrive, and how long to be saved where it was typed.
async fn key(sender: &mut Window, receiver: &mut Window) -> Result<(Duration, Duration)> {
    tokio::time::sleep(PAUSE).await;
    sender.take_all()?;
    receiver.take_all()?;
    let places = sender.places() + 1;
    let sent = sender.key();
    let (saved, arrived) = tokio::join!(sender.saved(), receiver.updated());
    ensure!(receiver.places() == places, "the other window has {} places, not {places}", receiver.places());
    Ok((arrived?.duration_since(sent), saved?.duration_since(sent)))
}

/// How long Automerge takes for each of the changes that make `after` of `before`.
fn apply_one_by_one(before: &[u8], after: &[u8], samples: usize) -> Result<Vec<Duration>> {
    let load =
        |bytes| Automerge::load_with_options(bytes, LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit));
    let (mut document, after) = (load(before)?, load(after)?);
    let changes = after.get_changes(&document.get_heads());
    ensure!(changes.len() == samples, "{samples} keys made {} changes", changes.len());
    let mut took = Vec::new();
    for change in changes {
        let start = std::time::Instant::now();
        document.apply_changes([change])?;
        took.push(start.elapsed());
    }
    Ok(took)
}
