//! Giving disk back: entries that an endorsed checkpoint stands for (C2, C5), and spaces that nobody comes for.

use std::sync::TryLockError;
use std::time::Duration;

use sheaf_access::SpaceId;
use sheaf_log::{Entry, Frontier, Kind};
use sheaf_store::{Pruned, StoreError, Table};

use super::checkpoints::{HELD, Kept};
use super::endorsing::ENDORSED;
use super::{Keeper, Space, locked};
use crate::config;

/// For how long a relay keeps what a checkpoint stands for at least, whatever its operator says (C2).
const LEAST: u64 = 7 * 24 * 60 * 60 * 1_000;
/// How many bytes of entries are read at a time.
const READ: usize = 1 << 20;

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What a sweep has found, or would.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Spaces in which entries are pruned, and how many of how many bytes.
    pub pruned: Vec<(SpaceId, u64, u64)>,
    /// Spaces that nobody has come for in all the time that the settings say, and when somebody last did.
    pub abandoned: Vec<(SpaceId, u64)>,
    /// Bytes of the journal that the store has.
    pub journal: u64,
}

/// What decides whether something can be pruned in a space: the checkpoints that are held for long enough, what was said on
/// checkpoints, and how many access entries there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    ripe: Vec<Vec<u8>>,
    endorsed: Vec<Vec<u8>>,
    access: usize,
}

impl Keeper {
    /// How long things stay from now on.
    pub fn set_retention(&self, retention: config::Retention) {
        *locked(&self.retention) = retention;
    }

    /// Whether what need not be kept is being given back now.
    pub fn is_sweeping(&self) -> bool {
        matches!(self.sweeping.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Gives back what need not be kept any more, as things stand at this time (in milliseconds since 1970); or only says
    /// what that would be. Blocks.
    pub fn sweep(&self, now: u64, dry_run: bool) -> Result<Swept, StoreError> {
        let (prune, abandoned) = {
            let retention = locked(&self.retention);
            (retention.prune_after.0.map(millis), retention.abandoned_after.0.map(millis))
        };
        let _sweeping = locked(&self.sweeping);
        let mut swept = Swept::default();
        for id in self.store.spaces()? {
            // One that cannot be read keeps nothing else from being tidied.
            if let Err(error) = self.sweep_space(id, (prune, abandoned), now, dry_run, &mut swept) {
                tracing::warn!(%error, space = %id.short(), "what is not needed any more of a space cannot be removed");
            }
        }
        if !dry_run {
            swept.journal = self.tidy_journal()?;
            tracing::debug!(bytes = swept.journal, "dropped from the journal");
        }
        Ok(swept)
    }

    /// The same for one space, and not for the journal. What was done is in `swept`, also if the rest fails.
    fn sweep_space(
        &self,
        id: SpaceId,
        (prune, abandoned): (Option<u64>, Option<u64>),
        now: u64,
        dry_run: bool,
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        if let Some(after) = abandoned {
            let seen = self.last_seen(id, now)?;
            if seen.saturating_add(after) <= now && !self.is_open(id) {
                swept.abandoned.push((id, seen));
                if !dry_run {
                    tracing::info!(space = %id.short(), "abandoned: it is removed");
                    self.remove(id)?;
                }
                return Ok(());
            }
        }
        let Some(after) = prune else { return Ok(()) };
        let seen = self.seen_of(id, after, now)?;
        // Nothing of it is ripe, or it was pruned as it stands: that is known without opening it.
        if seen.ripe.is_empty() || locked(&self.pruned).get(&id) == Some(&seen) {
            return Ok(());
        }
        let space = self.open(id)?;
        let (pruned, all) =
            if dry_run { (self.prunable(&space, after, now)?, false) } else { self.prune(&space, after, now)? };
        if pruned.entries > 0 {
            swept.pruned.push((id, pruned.entries, pruned.bytes));
        }
        if pruned.entries > 0 && !dry_run {
            tracing::info!(space = %id.short(), entries = pruned.entries, bytes = pruned.bytes, "pruned");
            self.board.meters().pruned.add(pruned.bytes);
            self.count_anew(id)?;
        }
        if all {
            locked(&self.pruned).insert(id, seen);
        }
        Ok(())
    }

    /// What decides whether something can be pruned in a space, as far as tables say it.
    fn seen_of(&self, id: SpaceId, after: u64, now: u64) -> Result<Seen, StoreError> {
        let held = self.store.scan(Table::Spaces, &[HELD, id.as_bytes()].concat())?;
        let ripe = |since: &[u8]| {
            let since = since.try_into().map_or(0, u64::from_le_bytes);
            now.checked_sub(after.max(LEAST)).is_some_and(|ripe| since <= ripe)
        };
        let ripe = held.into_iter().filter(|(_, since)| ripe(since)).map(|(key, _)| key).collect::<Vec<_>>();
        if ripe.is_empty() {
            return Ok(Seen::default());
        }
        let endorsed = self.store.scan(Table::Spaces, &[ENDORSED, id.as_bytes()].concat())?;
        Ok(Seen {
            ripe,
            endorsed: endorsed.into_iter().map(|(key, _)| key).collect(),
            access: self.access_of(id)?.len(),
        })
    }

    /// Below what may be deleted in a space, and the checkpoints that are needed no more: what the last endorsed one that has
    /// been held for `after` milliseconds, and for a week at least, stands for. The one before it and its tail are kept.
    fn ripe(space: &Space, after: u64, now: u64) -> Option<(Frontier, Vec<Kept>)> {
        let access = space.access()?;
        let ripe = now.checked_sub(after.max(LEAST))?;
        let checkpoints = space.checkpoints();
        let good = |at: &usize| {
            let kept = &checkpoints.held[*at];
            kept.since <= ripe && checkpoints.is_endorsed(kept.entry, kept.by, &access)
        };
        let last = (0..checkpoints.held.len()).rev().find(good)?;
        let covers = &checkpoints.held[last].covers;
        let mut old: Vec<_> =
            checkpoints.held[..last].iter().filter(|kept| covers.covers(&kept.covers)).cloned().collect();
        let floors = old.pop().map_or_else(|| covers.clone(), |previous| previous.covers);
        Some((floors, old))
    }

    /// Answers what went of the entries, and whether all else did that can go.
    fn prune(&self, space: &Space, after: u64, now: u64) -> Result<(Pruned, bool), StoreError> {
        let Some((floors, old)) = Self::ripe(space, after, now) else { return Ok((Pruned::default(), true)) };
        let pruned = self.store.prune(space.id, &floors)?;
        space.raise_floors(&self.store.floors(space.id)?);
        // What was pruned is to be said, whatever becomes of these: they are given up the next time.
        let given_up = old.iter().try_for_each(|gone| self.give_up(space, gone));
        if let Err(error) = &given_up {
            tracing::warn!(%error, space = %space.id.short(), "a checkpoint that is needed no more cannot be removed");
        }
        Ok((pruned, given_up.is_ok()))
    }

    /// What pruning would delete.
    fn prunable(&self, space: &Space, after: u64, now: u64) -> Result<Pruned, StoreError> {
        let Some((floors, _)) = Self::ripe(space, after, now) else { return Ok(Pruned::default()) };
        let (mut pruned, mut from) = (Pruned::default(), 0);
        loop {
            let batch = self.store.since(space.id, from, READ)?;
            let Some((last, _)) = batch.last() else { return Ok(pruned) };
            from = *last;
            let below = |entry: &&Entry| floors.holds(&entry.log(), entry.seq()) && entry.header().kind != Kind::Access;
            for entry in batch.iter().map(|(_, entry)| entry).filter(below) {
                pruned.entries += 1;
                pruned.bytes += entry.encoded().len() as u64;
            }
        }
    }
}
