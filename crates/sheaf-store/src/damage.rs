//! Damage: what was stored and is not what it was (S2).
//!
//! Damage is not an error of the call that met it. The call answers as if the thing had never been there, which is true
//! of it now, and what happened is kept in a list for the screen and for `sheaf doctor`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use sheaf_access::{DocumentId, LogId, SpaceId};
use sheaf_log::BlobId;

use crate::{CacheKind, Table};

/// Something that was stored and is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What it is.
    pub item: Damaged,
    /// How it showed, and in which file.
    pub found: String,
}

/// What was damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damaged {
    /// An entry. The frontier no longer claims it nor what follows it in its log, so the next exchange with anyone who
    /// has it brings it back.
    Entry {
        /// Its space.
        space: SpaceId,
        /// Its log.
        log: LogId,
        /// Its number.
        seq: u64,
    },
    /// A row that said which changes of a document an entry holds.
    DocumentRow {
        /// The space.
        space: SpaceId,
        /// The document.
        document: DocumentId,
    },
    /// A small local record.
    Record {
        /// Its table.
        table: Table,
        /// Its key.
        key: Vec<u8>,
    },
    /// A cached copy of a document; it is made again from the entries.
    Cache {
        /// Which cache.
        kind: CacheKind,
        /// The document.
        document: DocumentId,
    },
    /// A blob; it is fetched again.
    Blob(BlobId),
    /// What belongs with a checkpoint of a space; it is made or fetched again.
    Checkpoint {
        /// The space.
        space: SpaceId,
    },
    /// A part of the journal that had been acknowledged.
    Journal {
        /// The number of the segment.
        segment: u64,
        /// Where it begins.
        offset: u64,
        /// How long it is.
        length: u64,
    },
    /// A part of the sled store that cannot be told any nearer.
    Store,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.item {
            Damaged::Entry { space, log, seq } => {
                write!(f, "entry {seq} of log {log} in space {space}: {}; it will be fetched again", self.found)
            }
            Damaged::DocumentRow { space, document } => {
                write!(f, "what space {space} notes of document {document}: {}; to be noted again", self.found)
            }
            Damaged::Record { table, .. } => write!(f, "a record of {table:?}: {}; it is gone", self.found),
            Damaged::Cache { kind, document } => {
                write!(f, "the {kind:?} cache of document {document}: {}; it will be made again", self.found)
            }
            Damaged::Blob(id) => write!(f, "blob {id}: {}; it will be fetched again", self.found),
            Damaged::Checkpoint { space } => {
                write!(f, "a checkpoint of space {space}: {}; it will be fetched again", self.found)
            }
            Damaged::Journal { segment, offset, length } => write!(
                f,
                "the journal, segment {segment}, {length} bytes from {offset} on: {}; passed over. The store may still hold what was there: sheaf doctor --rebuild writes that into the journal anew",
                self.found
            ),
            Damaged::Store => write!(f, "the store: {}", self.found),
        }
    }
}

/// The list of what was met, oldest first. It forgets the oldest beyond a bound: a dying disk must not fill memory.
#[derive(Debug, Default)]
pub(crate) struct DamageList(Mutex<VecDeque<Damage>>);

impl DamageList {
    const KEPT: usize = 1_000;

    pub(crate) fn report(&self, item: Damaged, found: impl Into<String>) {
        let damage = Damage { item, found: found.into() };
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The journal is read more than once, and what is broken in it stays where it is.
        if matches!(damage.item, Damaged::Journal { .. }) && list.contains(&damage) {
            return;
        }
        tracing::warn!("damaged: {damage}");
        if list.len() == Self::KEPT {
            list.pop_front();
        }
        list.push_back(damage);
    }

    pub(crate) fn all(&self) -> Vec<Damage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
