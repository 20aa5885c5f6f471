//! `checkpoint`

use sheaf_node::{CheckpointReport, Node};

use crate::arguments::Global;
use crate::output::{self, Failure};

/// Checkpoints.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Stand for a space's history with its state, and give back the room that the history takes
    Checkpoint {
        /// The space: its id, its first letters (4 or more), or its name
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
    if *entries == 0 {
        let nothing = "Nothing has been written since the last checkpoint, so no other was.";
        return if *pruned == 0 { nothing.to_owned() } else { format!("{nothing} {pruned} entries pruned.") };
    }
    let written = format!("{entries} entries covered, {blobs} blobs written ({bytes} bytes), {pruned} entries pruned.");
    if *pruned == 0 {
        // C2: nothing goes below one that nobody else has checked, nor what came after the one before it.
        return format!(
            "{written}\nWhat came after the checkpoint before it is kept until the next one; and in a space that is shared, \
             everything is, until someone else has checked the checkpoint."
        );
    }
    written
}
