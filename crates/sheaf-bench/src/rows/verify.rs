//! Verifying a document with a long history: every signature, every author, every change.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sheaf_node::{Format, Node};

use super::{Context, count, loading};
use crate::figures::Figures;
use crate::home;
use crate::report::Row;

pub async fn rows(context: &mut Context) -> Result<Vec<Row>> {
    let (about, pruned, samples) = (context.about_long(), context.pruned, context.samples(5));
    let (folder, history) = context.long().await?;
    let ana = home::open(folder).await?;
    let saved = ana.export(&history.document, Format::Automerge).await?;
    let (mut took, mut loads, mut said) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..samples {
        let (one, what) = verified(&ana, &history.document).await?;
        took.push(one);
        said = what;
        loads.push(loading(&saved)?);
    }
    ana.shutdown().await?;
    let (name, what) = if pruned { ("verify-pruned", "from its checkpoint") } else { ("verify", "entry by entry") };
    Ok(vec![
        Row::new(name, format!("{what}, {about}"), Figures::of(&took))
            .against_p50("Automerge loading that document", Figures::of(&loads))
            .note(said),
    ])
}

/// How long it takes, and what was looked at.
async fn verified(node: &Node, document: &str) -> Result<(Duration, String)> {
    let start = Instant::now();
    let report = node.verify(document).await?;
    let took = start.elapsed();
    ensure!(report.problems.is_empty(), "there is something wrong with it: {:?}", report.problems);
    let changes: usize = report.authors.iter().map(|author| author.changes).sum();
    let said = format!(
        "{} entries, {} signatures, {} changes, {} checkpoints",
        count(report.entries),
        count(report.signatures),
        count(changes),
        report.checkpoints
    );
    Ok((took, said))
}
