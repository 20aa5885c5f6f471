//! A key, from the window to the disk.
//!
//! Two windows have the document open, for then a key after a pause is not held back to be joined with the next. The bare
//! write takes place in the same pause, a little later, into a file of its own in the journal's folder.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Context, count, ms};
use crate::bare::{BareFile, bytes_in};
use crate::figures::Figures;
use crate::home::{self, Folder};
use crate::report::Row;
use crate::window::Window;

/// Keys before it counts: they also tell how many bytes one takes.
const WARM_UP: usize = 10;
/// Half the pause between two keys.
const HALF: Duration = ms(75);

pub async fn rows(context: &mut Context) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for characters in [10_000, 100_000] {
        rows.push(row(context, characters).await?);
    }
    rows.push(alone(context).await?);
    Ok(rows)
}

async fn row(context: &Context, characters: usize) -> Result<Row> {
    let folder = Folder::new()?;
    let node = home::new(&folder, "Ana").await?;
    let document = node.import(None, "page.md", home::markdown(characters).into_bytes()).await?.id;
    let mut window = Window::open(&node, &document).await?;
    let mut other = Window::open(&node, &document).await?;
    let before = bytes_in(&folder.journal())?;
    for _ in 0..WARM_UP {
        key(&mut window, &mut other).await?;
    }
    let bytes = (bytes_in(&folder.journal())? - before) as usize / WARM_UP;
    ensure!(bytes > 0, "the journal did not grow");
    let mut bare = BareFile::in_folder(&folder.journal(), bytes)?;
    let (mut keys, mut writes) = (Vec::new(), Vec::new());
    for _ in 0..context.samples(300) {
        keys.push(key(&mut window, &mut other).await?);
        writes.push(bare.write()?);
    }
    window.close().await?;
    other.close().await?;
    node.shutdown().await?;
    let name = if characters < 50_000 { "keystroke-10k" } else { "keystroke-100k" };
    Ok(Row::new(name, format!("key to saved, {} characters", count(characters)), Figures::of(&keys))
        .against_p99(format!("one write and sync of {bytes} bytes"), Figures::of(&writes))
        .at_most(3.0, "p99 <= 3x"))
}

async fn key(window: &mut Window, other: &mut Window) -> Result<Duration> {
    tokio::time::sleep(HALF).await;
    let sent = window.key();
    let saved = window.saved().await?;
    tokio::time::sleep(HALF).await;
    other.take_all()?;
    Ok(saved.duration_since(sent))
}

/// The same where nobody else has the document open: a key waits for a pause, to be joined with those that follow.
async fn alone(context: &Context) -> Result<Row> {
    let folder = Folder::new()?;
    let node = home::new(&folder, "Ana").await?;
    let document = node.import(None, "page.md", home::markdown(10_000).into_bytes()).await?.id;
    let mut window = Window::open(&node, &document).await?;
    let mut keys = Vec::new();
    for _ in 0..context.samples(40) {
        tokio::time::sleep(HALF).await;
        let sent = window.key();
        keys.push(window.saved().await?.duration_since(sent));
    }
    window.close().await?;
    node.shutdown().await?;
    Ok(Row::new("keystroke-alone", "key to saved, nobody else has it open", Figures::of(&keys))
        .note("250 ms of it is the pause that ends a change when nobody else has the document open."))
}
