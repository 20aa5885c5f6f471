//! Whether an entry names what its changes build on (L1, A5).
//!
//! What a change builds on is in its own entry, or earlier in its own log, or in an entry that is named in `builds_on`, or
//! earlier in the log of that one. An entry of which this is not so is not valid: it would rest on what may not count, and
//! nobody who counts entries could see that it does. This is said of the entry and of what it names, and of nothing else that
//! happens to be here: so everyone comes to the same answer, whatever came to them first. As long as something that it
//! names cannot be read here, there is no answer.
//!
//! What a held checkpoint stands for counts for good, and need not be named.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use sheaf_access::{DocumentId, LogId};
use sheaf_document::check::peek;
use sheaf_document::{ChangeHash, Document};
use sheaf_log::{Entry, EntryRef, Kind, Part};
use sheaf_store::StoreError;

use super::load::holds_checkpoints;
use crate::core::{Core, READ, locked};
use crate::forks::{Forked, Forks};
use crate::opening::Arrived;
use crate::space::Space;

/// Which entry holds which change, as far as that is remembered.
pub type Holders = HashMap<[u8; 32], EntryRef>;

/// In which places of which logs a change is.
type Noted = HashMap<[u8; 32], Vec<(LogId, u64)>>;

/// Where the changes of one document are.
pub struct Places<'a> {
    core: &'a Core,
    space: &'a Space,
    id: DocumentId,
    document: &'a Document,
    holders: &'a Holders,
    forks: Arc<Forks>,
    /// Of each actor the last change that a held checkpoint stands for.
    covered: OnceCell<HashMap<Vec<u8>, u64>>,
    /// Everything that is noted; gone through only if it must be.
    noted: OnceCell<Noted>,
}

impl<'a> Places<'a> {
    /// Of a document as it is, and what is remembered of which entry holds what.
    pub fn new(core: &'a Core, space: &'a Space, id: DocumentId, document: &'a Document, holders: &'a Holders) -> Self {
        let forks = Arc::clone(&space.lock().forks);
        let (covered, noted) = (OnceCell::new(), OnceCell::new());
        Self { core, space, id, document, holders, forks, covered, noted }
    }

    /// The document.
    pub const fn document(&self) -> &Document {
        self.document
    }

    /// Whether an entry names where a change is that it builds on, and that is here; nothing, if that cannot be told now.
    /// `passed` are those that are about to be applied.
    pub fn is_named(&self, one: &Arrived, change: &ChangeHash, passed: &Holders) -> Option<bool> {
        let known = [passed.get(&change.0), self.holders.get(&change.0)];
        if known.into_iter().flatten().any(|holder| self.leads_to(one, holder)) || self.is_covered(change, passed) {
            return Some(true);
        }
        self.is_within(one, change).inspect_err(|error| tracing::warn!(%error, "it cannot be told what is named")).ok()
    }

    /// Whether an entry builds on a change which is not here, and does not name where it is: all that it names can be read, and
    /// has no such change. That what has it is not valid itself, or does not count, is nothing against this one: it does not
    /// count either (A5), and its log goes on.
    pub fn is_hopeless(&self, one: &Arrived, change: &ChangeHash) -> bool {
        let sure = || {
            // What a checkpoint stands for need not be named, so it has to be here first.
            if !holds_checkpoints(self.space, self.id, self.document) {
                return Ok(false);
            }
            for named in &one.names {
                if !self.is_readable(named)? {
                    return Ok(false);
                }
            }
            Ok::<bool, StoreError>(!self.is_within(one, change)?)
        };
        sure().unwrap_or(false)
    }

    /// Whether an entry is one of those that this one builds on, or comes before one of them in the same log.
    fn leads_to(&self, one: &Arrived, holder: &EntryRef) -> bool {
        let same = |on: &&EntryRef| on.log == holder.log && holder.seq <= on.seq;
        one.names.iter().filter(same).any(|on| match self.branches(on) {
            Some(forked) => holder.seq < forked.at || forked.tree.path(&on.hash).contains(&holder.hash),
            None => true,
        })
    }

    /// Where an entry is beyond the fork of its log: the branches there.
    fn branches(&self, on: &EntryRef) -> Option<&Forked> {
        self.forks.get(&on.log).filter(|forked| forked.at <= on.seq)
    }

    fn is_covered(&self, change: &ChangeHash, passed: &Holders) -> bool {
        if passed.get(&change.0).is_some_and(|holder| self.space.checkpoints().covers().holds(&holder.log, holder.seq))
        {
            return true;
        }
        let covered = self.covered.get_or_init(|| {
            let held = self.space.checkpoints();
            let attested = held.held.iter().filter_map(|base| base.attested.get(&(self.id, Part::Body))).flatten();
            attested.fold(HashMap::new(), |mut last, one| {
                let seq = last.entry(one.actor.to_vec()).or_insert(0);
                *seq = one.seq.max(*seq);
                last
            })
        });
        let last = || covered.get(&self.document.actor_of(change)?).copied();
        let number = || self.document.number_of(change);
        !covered.is_empty() && matches!((last(), number()), (Some(last), Some(number)) if number <= last)
    }

    /// Whether something that an entry names has a change, gone through one by one.
    fn is_within(&self, one: &Arrived, change: &ChangeHash) -> Result<bool, StoreError> {
        let places = self.noted()?.get(&change.0);
        for on in &one.names {
            let end = self.branches(on).map_or(on.seq, |forked| forked.at - 1).min(on.seq);
            if places.is_some_and(|places| places.iter().any(|(log, seq)| *log == on.log && *seq <= end)) {
                return Ok(true);
            }
            for entry in self.branch_of(on)? {
                let Some((_, held)) = self.core.open_stored(self.space, &entry)?.filter(|(of, _)| *of == self.id)
                else {
                    continue;
                };
                if held.changes.iter().any(|bytes| peek(bytes).is_ok_and(|peek| peek.hash == *change)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether all can be read of a log up to an entry that is named, but for what a checkpoint stands for.
    fn is_readable(&self, on: &EntryRef) -> Result<bool, StoreError> {
        let covered = self.space.checkpoints().covers().get(&on.log);
        let opened = locked(&self.space.opened);
        let has_key = |entry: &Entry| {
            let epoch = &entry.header().epoch;
            let is_sealed = matches!(entry.header().kind, Kind::Body | Kind::Talk);
            !is_sealed || !opened.waits_for(epoch) && self.space.lock().keys.contains_key(epoch)
        };
        let branch = self.branch_of(on)?;
        if self.branches(on).is_some() && branch.last().map(Entry::hash) != Some(on.hash) || !branch.iter().all(has_key)
        {
            return Ok(false);
        }
        let end = self.branches(on).map_or(on.seq, |forked| forked.at - 1);
        let mut from = covered + 1;
        while from <= end {
            let batch = self.core.store.range(self.space.id, on.log, from, READ)?;
            let arrived = |entry: &Entry| self.core.store.arrival_of(self.space.id, on.log, entry.seq());
            let Some(last) = batch.iter().rfind(|entry| entry.seq() <= end) else { return Ok(false) };
            let whole = batch.first().is_some_and(|first| first.seq() == from);
            let read = arrived(last)?.is_some_and(|arrival| arrival <= opened.upto);
            if !whole || !read || !batch.iter().take_while(|entry| entry.seq() <= end).all(has_key) {
                return Ok(false);
            }
            from = last.seq() + 1;
        }
        Ok(true)
    }

    /// The entries of a forked log from the fork up to one that is named.
    fn branch_of(&self, on: &EntryRef) -> Result<Vec<Entry>, StoreError> {
        let Some(forked) = self.branches(on) else { return Ok(Vec::new()) };
        let mut branch = Vec::new();
        for hash in forked.tree.path(&on.hash) {
            let entry = match forked.tree.seq_of(&hash).filter(|_| forked.is_main(&hash)) {
                Some(seq) => self.core.store.entry(self.space.id, on.log, seq)?,
                None => self.core.branch_entry(self.space.id, on.log, hash)?,
            };
            branch.extend(entry);
        }
        Ok(branch)
    }

    fn noted(&self) -> Result<&Noted, StoreError> {
        if let Some(noted) = self.noted.get() {
            return Ok(noted);
        }
        let mut noted = Noted::new();
        for row in self.core.store.document_rows(self.space.id, self.id, 0)? {
            for change in row.changes {
                noted.entry(change).or_default().push((row.log, row.seq));
            }
        }
        Ok(self.noted.get_or_init(|| noted))
    }
}
