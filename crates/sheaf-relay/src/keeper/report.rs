//! What an operator is shown of spaces: how much, since when, by whom. Nothing of what is in them, for that nobody here can read.

use serde::{Deserialize, Serialize};
use sheaf_access::SpaceId;
use sheaf_store::StoreError;

use super::Keeper;
use crate::quota::Amount;

/// A space, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceRow {
    /// Its id.
    pub space: String,
    /// Entries that are kept, and their bytes.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When a device of a member was last here, in milliseconds since 1970.
    pub seen: u64,
}

/// A space, by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceReport {
    /// As in a list.
    pub row: SpaceRow,
    /// How many members it has.
    pub members: usize,
    /// Who wrote how much of it: entries, bytes.
    pub by: Vec<(String, u64, u64)>,
    /// Its logs, and how many of them are forked.
    pub logs: usize,
    /// How many of them are forked.
    pub forked: usize,
    /// The checkpoints that are held: since when, how many entries each stands for, and whether another member has endorsed it.
    pub checkpoints: Vec<(u64, u64, bool)>,
    /// Bytes of their blobs.
    pub blobs: u64,
}

impl Keeper {
    /// All spaces that are kept. Blocks.
    pub fn rows(&self, now: u64) -> Result<Vec<SpaceRow>, StoreError> {
        self.store.spaces()?.into_iter().map(|space| self.row(space, now)).collect()
    }

    fn row(&self, space: SpaceId, now: u64) -> Result<SpaceRow, StoreError> {
        if self.ledger().account(&space).is_none() {
            // Opening it counts it.
            self.open(space)?;
        }
        let Amount { bytes, entries } =
            self.ledger().account(&space).map(crate::quota::Account::total).unwrap_or_default();
        Ok(SpaceRow { space: space.to_string(), entries, bytes, seen: self.last_seen(space, now)? })
    }

    /// One of them. Blocks.
    pub fn report(&self, id: SpaceId, now: u64) -> Result<SpaceReport, StoreError> {
        let space = self.open(id)?;
        let row = self.row(id, now)?;
        let access = space.access();
        let (checkpoints, blobs) = {
            let known = space.checkpoints();
            let checkpoints = known.held.iter().map(|kept| {
                let endorsed = access.as_ref().is_some_and(|access| known.is_endorsed(kept.entry, kept.by, access));
                (kept.since, u64::try_from(kept.covers.entries()).unwrap_or(u64::MAX), endorsed)
            });
            (checkpoints.collect(), known.bytes())
        };
        let by = {
            let ledger = self.ledger();
            let account = ledger.account(&id);
            account
                .into_iter()
                .flat_map(crate::quota::Account::each)
                .map(|(who, a)| (who.to_string(), a.entries, a.bytes))
                .collect()
        };
        Ok(SpaceReport {
            row,
            members: access.map_or(0, |access| access.members().len()),
            by,
            logs: space.frontier().len(),
            forked: space.forked().len(),
            checkpoints,
            blobs,
        })
    }
}
