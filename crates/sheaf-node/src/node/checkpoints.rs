//! Checkpoints on demand.

use super::Node;
use crate::error::NodeError;
use crate::view::CheckpointReport;

impl Node {
    /// Writes a checkpoint of a space now, and gives back the room of what it stands for, as far as it may be pruned.
    pub async fn checkpoint(&self, space: &str) -> Result<CheckpointReport, NodeError> {
        let space = self.space_of(space)?;
        let written = self.core.write_checkpoint(&space).await?;
        Ok(CheckpointReport {
            space: space.id.to_string(),
            entries: written.entries,
            blobs: written.blobs,
            bytes: written.bytes,
            pruned: written.pruned,
        })
    }
}
