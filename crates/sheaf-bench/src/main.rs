//! The benchmarks: what the budgets name, measured.
//!
//! A number of milliseconds says as much about the machine as about the program. So every row is held against something
//! that does the unavoidable part of the same work, measured in the same run on the same machine: a bare write and sync,
//! Automerge's own call, the same thing on a small document. What a row means is in `docs/benchmarks.md`.
//!
//! - [`rows`]: one file for each thing that is measured.
//! - [`figures`] and [`report`]: samples become percentiles, rows become a table and JSON.
//! - [`trace`] and [`history`]: a recorded or invented writing session, and a home with it behind a document.
//! - [`home`] and [`window`]: a node in a folder of its own, and a window on one of its documents.
//!
//! Everything goes through the public surface of `sheaf-node`, as the desktop and the command line do. Only [`history`]
//! writes to a home from below: entries as a device would have written them over months.

mod bare;
mod figures;
mod history;
mod home;
mod machine;
mod report;
mod rows;
mod trace;
mod window;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::report::Report;
use crate::rows::{Context, Measure};
use crate::trace::Trace;

/// The seed of everything that is invented.
const SEED: u64 = 0x5eaf;
/// How many edits an invented history has.
const EDITS: usize = 20_000;
/// How much shorter it is when samples are few.
const QUICK: usize = 10;
/// How many characters it has in the end, about.
const CHARACTERS: usize = 100_000;

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Measures what the budgets name, each against something real")]
struct Arguments {
    /// A recorded writing session (gzip JSON: startContent, endContent, txns) to use where a long history is needed,
    /// instead of an invented one.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Writes the rows as JSON as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Takes fewer samples, of a shorter history if it is invented: to see that everything runs, not to quote.
    #[arg(long)]
    quick: bool,
    /// Accepts connections and does nothing with them: what they cost by themselves is read from outside.
    #[arg(long, hide = true)]
    bare_endpoint: bool,
    /// Which measurements to take; all of them if none is named.
    #[arg(value_name = "ROW")]
    rows: Vec<Measure>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if arguments.bare_endpoint {
        return runtime.block_on(rows::serve_bare());
    }
    let (trace, history) = if let Some(file) = &arguments.trace {
        let trace = Trace::read(file).with_context(|| format!("cannot use {}", file.display()))?;
        (trace, "a recorded session")
    } else {
        let part = if arguments.quick { QUICK } else { 1 };
        (Trace::invented(SEED, EDITS / part, CHARACTERS / part), "an invented session")
    };
    let rows = if arguments.rows.is_empty() { Measure::ALL.to_vec() } else { arguments.rows };
    let mut rows: Vec<Measure> = rows.into_iter().flat_map(Measure::parts).collect();
    rows.sort_unstable();
    rows.dedup();
    let mut report = Report::new(machine::Machine::here());
    let mut context = Context::new(trace, history, arguments.quick);
    for row in rows {
        eprintln!("measuring: {}", row.what());
        let taken = runtime.block_on(row.take(&mut context)).with_context(|| format!("measuring {}", row.what()))?;
        for row in &taken {
            eprintln!("  {}: {:.1} ms (p50), {:.1} ms (p99)", row.name, row.took.p50, row.took.p99);
        }
        report.rows.extend(taken);
        // After each, so that nothing is lost when a later one fails.
        if let Some(file) = &arguments.json {
            std::fs::write(file, report.json()?).with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    print!("{}", report.table());
    Ok(())
}
