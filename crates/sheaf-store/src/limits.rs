//! Sizes, in one place.

use crate::{Result, StoreError};

/// The largest record that is taken. What is larger is a blob, or a cache, and lives in a file.
pub const MAX_RECORD: usize = 16 * 1024 * 1024;

/// The largest cached copy of a document that is taken.
pub const MAX_CACHE: usize = 512 * 1024 * 1024;

/// The longest key of a record.
pub const MAX_KEY: usize = 1024;

/// What sled is given in one value. The blueprint says "at most 32 KiB", because sled puts what is over 128 KiB into files
/// that it never fsyncs. But sled counts *pages*, and rewrites a page of up to 16 values (a few more before it splits, or
/// after it merges) as one message: with values of 32 KiB it gets there after the fourth. With these it never does.
pub(crate) const PIECE: usize = 4 * 1024;

/// How much goes into one atomic batch before the next is begun.
pub(crate) const BATCH: usize = 1024 * 1024;

/// Refuses a record whose key or value is too large.
pub(crate) fn check_record(key: &[u8], value: &[u8]) -> Result<()> {
    check("the key of a record", key.len(), MAX_KEY)?;
    check("a record", value.len(), MAX_RECORD)
}

/// Refuses a cached copy that is too large.
pub(crate) fn check_cache(bytes: &[u8]) -> Result<()> {
    check("a cached copy of a document", bytes.len(), MAX_CACHE)
}

fn check(what: &'static str, size: usize, limit: usize) -> Result<()> {
    if size <= limit { Ok(()) } else { Err(StoreError::TooLarge { what, size, limit }) }
}
