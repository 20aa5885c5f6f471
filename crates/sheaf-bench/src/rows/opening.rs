//! Opening a document with a long history: until the window shows it and takes keys.

use std::time::{Duration, Instant};

use anyhow::Result;
use sheaf_node::Format;

use super::{Context, loading};
use crate::figures::Figures;
use crate::history::History;
use crate::home::{self, Folder};
use crate::report::Row;
use crate::window::Window;

/// One opening of the home and the document.
struct Opened {
    home: Duration,
    document: Duration,
    key: Duration,
    saved: Vec<u8>,
}

pub async fn rows(context: &mut Context) -> Result<Vec<Row>> {
    let samples = context.samples(10);
    let about = context.about_long();
    let (folder, history) = context.long().await?;
    let first = open(folder, history).await?;
    let (mut homes, mut documents, mut keys, mut loads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..samples {
        let opened = open(folder, history).await?;
        homes.push(opened.home);
        documents.push(opened.document);
        keys.push(opened.key);
        loads.push(loading(&opened.saved)?);
    }
    let loads = Figures::of(&loads);
    let against = "Automerge loading that document";
    Ok(vec![
        Row::new("open", format!("document to an editable window, {about}"), Figures::of(&documents))
            .against_p50(against, loads)
            .at_most(0.1, "<= 1/10"),
        Row::new("open-first", "the same the first time, with nothing but the entries", Figures::of(&[first.document]))
            .against_p50(against, loads),
        Row::new("open-key", "the same, and a key typed at once is saved", Figures::of(&keys))
            .against_p50(against, loads),
        Row::new("open-home", "the home before that", Figures::of(&homes))
            .note(format!("the first time {:.0} ms", first.home.as_secs_f64() * 1e3)),
    ])
}

async fn open(folder: &Folder, history: &History) -> Result<Opened> {
    let (node, home) = home::open_timed(folder).await?;
    let start = Instant::now();
    let mut window = Window::open(&node, &history.document).await?;
    window.showing(history.places).await?;
    let opened = start.elapsed();
    window.key();
    let key = window.saved().await?.duration_since(start);
    window.close().await?;
    let saved = node.export(&history.document, Format::Automerge).await?;
    node.shutdown().await?;
    Ok(Opened { home, document: opened, key, saved })
}
