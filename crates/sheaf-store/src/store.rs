//! What a store can do.

use serde::{Deserialize, Serialize};
use sheaf_access::{DocumentId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, Frontier};

use crate::{Damage, Result, StoreError};

/// The number of an entry in the order in which a space's entries came to be stored *here*, from 1. An entry is stored
/// after all it builds on (L2), so this order is causal: whoever sends a space in it never sends an effect before its cause.
pub type Arrival = u64;

/// A table of small local records. The numbers are part of the stored format: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Table {
    /// What this home is set to.
    Settings = 1,
    /// One record for each space: its name here, its sealed keys, who invited us.
    Spaces = 2,
    /// One record for each device we know how to reach.
    Peers = 3,
    /// One record for each document: what only this home knows of it.
    Documents = 4,
    /// One record for each of this device's own logs.
    Logs = 5,
    /// How far derived things (document rows, indexes) have got. Lost together with them, never separately.
    Progress = 6,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Settings, Self::Spaces, Self::Peers, Self::Documents, Self::Logs, Self::Progress];

    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.number() == number)
    }
}

/// A cache of a document: quick to have, quick to make again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CacheKind {
    /// The CRDT as last saved, so that opening need not replay every entry.
    Snapshot,
    /// The blocks as last shown, so that a window paints before the CRDT has loaded (W9).
    View,
}

impl CacheKind {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Snapshot, Self::View];
}

/// One entry that holds changes of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRow {
    /// When the entry came.
    pub arrival: Arrival,
    /// The log it is in.
    pub log: LogId,
    /// Its number there.
    pub seq: u64,
    /// The hashes of the changes of this document in it.
    pub changes: Vec<[u8; 32]>,
}

/// What pruning took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many entries.
    pub entries: u64,
    /// How many bytes these had.
    pub bytes: u64,
}

/// Where everything is kept. All functions block: call them off the async threads.
///
/// An entry goes in only in order within its log, and what [`frontier`](Self::frontier) claims is exactly what can be
/// served: see the crate's page on damage.
pub trait Store: Send + Sync {
    /// Stores entries, in the order given, and answers their arrival numbers when they are flushed. An entry that is held
    /// already keeps its number and costs nothing; one that was pruned is not stored again, and its number is 0. One that does not follow the last of its log is refused, and so is all
    /// after it; what came before it in the call may have been stored.
    fn append(&self, space: SpaceId, entries: &[Entry]) -> Result<Vec<Arrival>>;
    /// The entry with this number.
    fn entry(&self, space: SpaceId, log: LogId, seq: u64) -> Result<Option<Entry>>;
    /// Where the entry with this hash is.
    fn by_hash(&self, space: SpaceId, hash: EntryHash) -> Result<Option<(LogId, u64)>>;
    /// Entries of one log from `from_seq` on, without a gap, until `max_bytes` are reached; at least one if there is one.
    fn range(&self, space: SpaceId, log: LogId, from_seq: u64, max_bytes: usize) -> Result<Vec<Entry>>;
    /// Entries that came *after* arrival number `arrival` (0: all), in order, until `max_bytes` are reached; at least one
    /// if there is one. Only what the frontier claims is served.
    fn since(&self, space: SpaceId, arrival: Arrival, max_bytes: usize) -> Result<Vec<(Arrival, Entry)>>;
    /// The arrival number of an entry.
    fn arrival_of(&self, space: SpaceId, log: LogId, seq: u64) -> Result<Option<Arrival>>;
    /// What is held, flushed, and undamaged, of every log: all entries up to the number.
    fn frontier(&self, space: SpaceId) -> Result<Frontier>;
    /// Up to where entries of each log may have been pruned. Never above the frontier.
    fn floors(&self, space: SpaceId) -> Result<Frontier>;
    /// Takes over what a verified checkpoint stands for: the frontier claims all it covers from now on, and where entries
    /// of it are not here, the floor is raised instead. `entries` are kept of it (its access entries); those beyond what
    /// it covers are left out. All or nothing.
    fn cover(&self, space: SpaceId, covers: &Frontier, entries: &[Entry]) -> Result<()>;
    /// Deletes entries at and below these numbers, but for access entries. The caller has seen to it that a checkpoint
    /// stands for them and is on the disk (C2, C5). What is beyond the frontier stays.
    fn prune(&self, space: SpaceId, floors: &Frontier) -> Result<Pruned>;
    /// The spaces of which at least one entry has been stored.
    fn spaces(&self) -> Result<Vec<SpaceId>>;

    /// Notes which entries hold which of a document's changes. Noting the same again changes nothing. These rows are
    /// derived from the entries and are flushed with the next [`append`](Self::append) or [`put`](Self::put): who notes
    /// keeps a mark in [`Table::Progress`] and notes again from there.
    fn note(&self, space: SpaceId, document: DocumentId, rows: &[DocumentRow]) -> Result<()>;
    /// What was noted of a document, from arrival number `from` (included) on, in order of arrival.
    ///
    /// If one of them is damaged, this is refused once ([`StoreError::Damaged`]), the row is set aside and everything in
    /// [`Table::Progress`] forgotten: note again from the beginning, and ask again.
    fn document_rows(&self, space: SpaceId, document: DocumentId, from: Arrival) -> Result<Vec<DocumentRow>>;

    /// A small local record.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;
    /// Writes a record, flushed when it returns.
    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<()>;
    /// Deletes a record, if it is there.
    fn delete(&self, table: Table, key: &[u8]) -> Result<()>;
    /// The records whose keys begin with `prefix`, by key.
    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>>;

    /// Keeps a cached copy of a document, in place of the one before. It may be lost at a crash, never wrong.
    fn put_cache(&self, kind: CacheKind, document: DocumentId, bytes: &[u8]) -> Result<()>;
    /// The cached copy of a document. A damaged one reads as none.
    fn cache(&self, kind: CacheKind, document: DocumentId) -> Result<Option<Vec<u8>>>;
    /// Puts what `change` makes of the cached copy of a document in its place, if there is one and something is made of it.
    /// Nothing is put or forgotten meanwhile: what was forgotten does not come back.
    fn change_cache(
        &self,
        kind: CacheKind,
        document: DocumentId,
        change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<()>;
    /// Forgets the cached copy of a document.
    fn drop_cache(&self, kind: CacheKind, document: DocumentId) -> Result<()>;

    /// What was found damaged since the store was opened, oldest first.
    fn damage(&self) -> Vec<Damage>;
}

/// Refuses an entry of another space.
pub(crate) fn belongs(space: SpaceId, entry: &Entry) -> Result<()> {
    let found = entry.space();
    if found == space { Ok(()) } else { Err(StoreError::WrongSpace { expected: space, found }) }
}
