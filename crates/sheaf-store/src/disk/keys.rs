//! What the rows are called.
//!
//! One sled tree holds everything, so that one batch can change everything together. The first byte of a key says what
//! sort of row it is; numbers are big-endian, so that sled's order is theirs.
//!
//! | first byte | then | value |
//! | --- | --- | --- |
//! | `e` | space, log, seq | arrival number and the entry as signed |
//! | `a` | space, arrival number | log, seq, hash |
//! | `h` | space, hash | log, seq |
//! | `t` | space, log | the tip: the highest seq stored |
//! | `o` | space, log, seq | a hole: an entry below the tip that is damaged and set aside; its arrival number and hash, where known |
//! | `f` | space, log | the floor: up to where entries may be pruned, and up to where they have been |
//! | `n` | space | the last arrival number given, when the entry that had it may have been pruned |
//! | `d` | space, document, arrival number | which changes of the document the entry holds |
//! | `r` | table, key | a record, sealed with the vault key |
//! | `k` | id, number | a piece of a value that is too large for one row |
//! | `x` | the key it had | a value that was damaged, as it was found |
//! | `j` | | the segment of the journal up to which the store has everything
//! | `g` | | how many bytes were deleted since it was last looked how much room that left, see `reclaim`
//! | `w` | | the number of the last change, see `mark`
//! | `v` | | the version of this layout: 1 had records that were not sealed
//! | `s` | | a value sealed with the vault key, by which it is known that the key is the right one

use sheaf_access::{DeviceId, DocumentId, EntryHash, LogId, SpaceId};

use crate::{Arrival, Table};

pub(super) const ENTRY: u8 = b'e';
pub(super) const ARRIVAL: u8 = b'a';
pub(super) const HASH: u8 = b'h';
pub(super) const TIP: u8 = b't';
pub(super) const HOLE: u8 = b'o';
pub(super) const FLOOR: u8 = b'f';
pub(super) const LAST: u8 = b'n';
pub(super) const DOCUMENT: u8 = b'd';
pub(super) const RECORD: u8 = b'r';
pub(super) const PIECE: u8 = b'k';
pub(super) const ASIDE: u8 = b'x';
pub(super) const JOURNAL: u8 = b'j';
pub(super) const FREED: u8 = b'g';
pub(super) const CHANGE: u8 = b'w';
pub(super) const VERSION: u8 = b'v';
pub(super) const SEAL: u8 = b's';

/// A key in the making.
#[derive(Debug, Clone)]
pub(super) struct Key(Vec<u8>);

impl Key {
    fn new(sort: u8) -> Self {
        let mut key = Vec::with_capacity(96);
        key.push(sort);
        Self(key)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    fn log(self, log: LogId) -> Self {
        self.bytes(log.device.as_bytes()).number(log.nonce)
    }
}

impl std::ops::Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Key> for sled::IVec {
    fn from(key: Key) -> Self {
        key.0.into()
    }
}

pub(super) fn entry(space: SpaceId, log: LogId, seq: u64) -> Key {
    log_of(ENTRY, space, log).number(seq)
}

pub(super) fn arrival(space: SpaceId, arrival: Arrival) -> Key {
    in_space(ARRIVAL, space).number(arrival)
}

pub(super) fn hash(space: SpaceId, hash: EntryHash) -> Key {
    in_space(HASH, space).bytes(hash.as_bytes())
}

pub(super) fn tip(space: SpaceId, log: LogId) -> Key {
    log_of(TIP, space, log)
}

pub(super) fn floor(space: SpaceId, log: LogId) -> Key {
    log_of(FLOOR, space, log)
}

pub(super) fn last(space: SpaceId) -> Key {
    in_space(LAST, space)
}

pub(super) fn hole(space: SpaceId, log: LogId, seq: u64) -> Key {
    log_of(HOLE, space, log).number(seq)
}

pub(super) fn document(space: SpaceId, document: DocumentId) -> Key {
    in_space(DOCUMENT, space).bytes(document.as_bytes())
}

pub(super) fn document_row(space: SpaceId, id: DocumentId, arrival: Arrival) -> Key {
    document(space, id).number(arrival)
}

pub(super) fn record(table: Table, key: &[u8]) -> Key {
    Key::new(RECORD).bytes(&[table.number()]).bytes(key)
}

pub(super) fn piece(id: [u8; 16], number: u32) -> Key {
    Key::new(PIECE).bytes(&id).bytes(&number.to_be_bytes())
}

pub(super) fn aside(key: &[u8]) -> Key {
    Key::new(ASIDE).bytes(key)
}

/// All rows of one sort in a space.
pub(super) fn in_space(sort: u8, space: SpaceId) -> Key {
    Key::new(sort).bytes(space.as_bytes())
}

fn log_of(sort: u8, space: SpaceId, log: LogId) -> Key {
    in_space(sort, space).log(log)
}

/// Reads a key back.
pub(super) struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// After the byte that says what sort it is.
    pub(super) fn of(key: &'a [u8]) -> Self {
        Self(key.get(1..).unwrap_or_default())
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn space(&mut self) -> Option<SpaceId> {
        self.take().map(SpaceId::from_bytes)
    }

    pub(super) fn document(&mut self) -> Option<DocumentId> {
        self.take().map(DocumentId::from_bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn log(&mut self) -> Option<LogId> {
        Some(LogId { device: DeviceId::from_bytes(self.take()?), nonce: self.number()? })
    }

    pub(super) fn table(&mut self) -> Option<Table> {
        self.take::<1>().and_then(|[number]| Table::from_number(number))
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }
}
