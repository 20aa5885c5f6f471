//! What was put in order when a home was opened.

use std::fmt;
use std::path::PathBuf;

/// Something that was put in order. As text, it is for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repair {
    /// A crash had interrupted a write to the journal. Nothing that was saved was in it.
    TornJournal {
        /// The file.
        path: PathBuf,
        /// How much was cut off.
        bytes: u64,
    },
    /// A crash had left snapshots of sled's page table half written. sled makes new ones.
    UnfinishedSnapshots {
        /// How many.
        count: usize,
    },
    /// sled opened only without its snapshots. They hold nothing that it cannot find out again.
    SnapshotsDropped {
        /// What was wrong.
        why: String,
        /// Where the store is kept as it was.
        kept: PathBuf,
    },
    /// A part of the store could not be read. What could has been put into a new one.
    Salvaged {
        /// What was wrong.
        why: String,
    },
    /// Nothing of the store could be read. Own work comes from the journal, the rest from others.
    StoreLost {
        /// What was wrong.
        why: String,
        /// Where the store is kept as it was.
        kept: PathBuf,
    },
}

impl Repair {
    /// Whether more was wrong than an interruption explains.
    pub fn is_of_damage(&self) -> bool {
        matches!(self, Self::SnapshotsDropped { .. } | Self::Salvaged { .. } | Self::StoreLost { .. })
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornJournal { path, bytes } => {
                write!(
                    f,
                    "{}: cut off {bytes} bytes that were being written when Sheaf was interrupted",
                    path.display()
                )
            }
            Self::UnfinishedSnapshots { count } => {
                write!(f, "removed {count} half-written snapshots, left when Sheaf was interrupted")
            }
            Self::SnapshotsDropped { why, kept } => write!(
                f,
                "the store did not open ({why}) and was opened from its log instead; it is kept as it was in {}",
                kept.display()
            ),
            Self::Salvaged { why } => write!(
                f,
                "a part of the store could not be read ({why}); what could be read is in a new one, own work comes from \
                 the journal, the rest is fetched from the others"
            ),
            Self::StoreLost { why, kept } => write!(
                f,
                "the store could not be read ({why}); own work comes from the journal, the rest is fetched from the \
                 others; it is kept as it was in {}",
                kept.display()
            ),
        }
    }
}
