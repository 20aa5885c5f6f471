//! Up to where the cluster's streams have been read, written down.

use sheaf_store::{StoreError, Table};

use super::Keeper;
use crate::cluster::{Place, SHARDS};

/// A place: shard.
const PLACE: &[u8] = b"place/";

impl Keeper {
    /// Up to where each stream has been read.
    pub fn places(&self) -> Result<Vec<Place>, StoreError> {
        (0..SHARDS)
            .map(|shard| {
                Ok(self.store.get(Table::Settings, &key(shard))?.map_or_else(Place::default, |row| read(&row)))
            })
            .collect()
    }

    /// A stream has been read up to here, and what came in it is durable. Blocks.
    pub fn put_place(&self, shard: u8, place: Place) -> Result<(), StoreError> {
        let row = [place.stream.to_le_bytes(), place.sequence.to_le_bytes()].concat();
        self.store.put(Table::Settings, &key(shard), &row)
    }
}

/// A row of another form says nothing: then the stream is read from the beginning, which is harmless.
fn read(row: &[u8]) -> Place {
    let number = |at: usize| row.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    match (number(0), number(8)) {
        (Some(stream), Some(sequence)) => Place { stream, sequence },
        _ => Place::default(),
    }
}

fn key(shard: u8) -> Vec<u8> {
    [PLACE, &[shard]].concat()
}
