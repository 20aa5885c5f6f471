//! `checkpoint`

use sheaf_node::{CheckpointReport, Node};

use crate::arguments::Global;
use crate::output::{self, Failure};

/// Checkpoints.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Stand for a space's history with its state, and give back the room that the history takes
    Checkpoint {
        /// The space: its id, the beginning of it, or its name
        space: String,
    },
}

/// Runs one of them.
pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    let Command::Checkpoint { space } = command;
    let report = node.checkpoint(&node.find_space(&space).await?.id).await?;
    output::print(global.json, &report, line);
    Ok(())
}

fn line(report: &CheckpointReport) -> String {
    let CheckpointReport { entries, blobs, bytes, pruned, .. } = report;
    if *entries == 0 && *pruned == 0 {
        return "Nothing has been written since the last checkpoint.".to_owned();
    }
    let written = format!("{entries} entries covered, {blobs} blobs written ({bytes} bytes), {pruned} entries pruned.");
    if *pruned == 0 {
        return format!("{written}\nEntries are kept until someone else in the space has checked the checkpoint.");
    }
    written
}
