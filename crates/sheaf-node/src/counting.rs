//! What counts here (A5), and what follows when that changes (A6).
//!
//! Most spaces never lose anyone, and then there is nothing to do. Once somebody was removed whose logs are held, stored
//! entries are counted in the order they arrived, from the first that the removal may concern. What comes of it is a
//! number for each log: the first place that does not count. Entries from there on are kept, listed as set aside, and never
//! applied.
//!
//! When that number moves, documents follow. Those that hold something which does not count any more are told, and
//! rebuild themselves without it; those for which something has come to count again get it as if it had just arrived.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sheaf_access::{AccessHistory, DocumentId, EntryHash, LogId};
use sheaf_document::check::peek;
use sheaf_log::{Counting, Entry, EntryRef, Frontier, Membership, Part, first_challenged};
use sheaf_store::{Arrival, CacheKind, StoreError};

use crate::core::{Core, READ, locked};
use crate::document::{Message, cache_name};
use crate::forks::{Forks, Settled, settle};
use crate::opening::{Arrived, named_by};
use crate::space::{Space, State};
use crate::view::NodeEvent;

/// What does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Void {
    /// Of each log some of which does not, the first place that does not.
    pub from: BTreeMap<LogId, u64>,
    /// Where a log is forked, and a branch counts that is kept beside it: the entries of that which do count.
    pub branch: BTreeSet<EntryHash>,
}

impl Void {
    /// Whether an entry does not count.
    pub fn is(&self, entry: &EntryRef) -> bool {
        self.is_from(&entry.log, entry.seq) && !self.branch.contains(&entry.hash)
    }

    /// Whether the entry in a place of a log proper does not count.
    pub fn is_from(&self, log: &LogId, seq: u64) -> bool {
        self.from.get(log).is_some_and(|first| seq >= *first)
    }
}

/// How far counting has got in a space.
#[derive(Default)]
pub struct Counted {
    /// The access entries it was made by.
    heads: Vec<EntryHash>,
    /// The logs it knew of.
    logs: usize,
    /// The forks it knew of, with who has built on which branch.
    forks: Forks,
    /// The branches that count.
    chosen: BTreeSet<EntryHash>,
    /// By what it is settled which.
    settled: BTreeMap<LogId, Settled>,
    /// Logs of which a checkpoint stands for other entries than are in the log proper, and the first of these.
    parted: BTreeMap<LogId, u64>,
    /// The logs that were closed (L3), and the entry that was not valid.
    closed: BTreeMap<LogId, u64>,
    /// Nothing, as long as nothing is challenged.
    counting: Option<Counting<AccessHistory>>,
    /// Everything up to here is counted.
    upto: Arrival,
    /// Whether this is not the first time: documents may hold what has come not to count.
    again: bool,
}

/// What a change in what counts means for one document.
#[derive(Default)]
struct Effect {
    /// Its changes that do not count any more.
    lost: HashSet<[u8; 32]>,
    /// What has come to count.
    gained: Vec<Arrived>,
}

/// Where two answers differ: the log, from where, up to before where, and whether that has come not to count.
pub fn differences(before: &Void, after: &Void) -> Vec<(LogId, u64, u64, bool)> {
    let logs: BTreeSet<&LogId> = before.from.keys().chain(after.from.keys()).collect();
    let of = |void: &Void, log| void.from.get(log).copied().unwrap_or(u64::MAX);
    let ranges = logs.into_iter().map(|log| (*log, of(before, log), of(after, log)));
    ranges
        .filter(|(_, before, after)| before != after)
        .map(|(log, before, after)| (log, before.min(after), before.max(after), after < before))
        .collect()
}

impl Core {
    /// Counts what was stored since the last time, and lets everyone know who holds something else. Called by whoever
    /// opens entries, before they do. Blocks.
    pub fn recount(&self, space: &Space) -> Result<(), StoreError> {
        let mut counted = locked(&space.counted);
        loop {
            self.begin_counting(space, &mut counted)?;
            if self.count_on(space, &mut counted)? {
                break;
            }
            // Somebody has built on a branch, and another one counts for it: everything is looked at again.
            counted.heads.clear();
        }
        let counted_frontier = self.store.frontier(space.id)?;
        let covers = space.checkpoints().covers();
        let mut after = counted.void(&covers);
        after.from.retain(|log, first| *first <= counted_frontier.get(log));
        let again = std::mem::replace(&mut counted.again, true);
        let before = Arc::clone(&space.lock().void);
        if *before == after {
            self.leave_void_log(space, &mut space.lock());
            return Ok(());
        }
        let effects = self.effects(space, &before, &after)?;
        let void = Arc::new(after);
        {
            // In one step: nobody writes to a log of which it is known that it does not count.
            let mut state = space.lock();
            state.void = Arc::clone(&void);
            self.leave_void_log(space, &mut state);
        }
        self.void_changed(space, &void, effects, again)
    }

    /// Begins anew if the access entries are others, or there are logs that were not looked at.
    fn begin_counting(&self, space: &Space, counted: &mut Counted) -> Result<(), StoreError> {
        let frontier = self.store.frontier(space.id)?;
        let (history, first) = {
            let state = space.lock();
            let Some(history) = &state.access else { return Ok(()) };
            let now = history.now();
            let (decided, parted) = {
                let held = space.checkpoints();
                (held.decided(now), held.parted.clone())
            };
            let mut forks = Forks::clone(&state.forks);
            settle(&mut forks, &decided, &parted);
            let settled = forks.settled();
            let same = now.heads() == counted.heads && frontier.len() == counted.logs;
            let same_forks = forks.version() == counted.forks.version() && settled == counted.settled;
            if same && same_forks && parted == counted.parted && state.closed == counted.closed {
                return Ok(());
            }
            (counted.settled, counted.parted) = (settled, parted);
            counted.closed.clone_from(&state.closed);
            counted.heads = now.heads().to_vec();
            counted.logs = frontier.len();
            counted.forks = forks;
            let first = first_challenged(history, frontier.iter().map(|(log, _)| *log));
            // A copy, so that the space is not locked while entries are read.
            let parts = !state.forks.is_empty() || !counted.parted.is_empty() || !counted.closed.is_empty();
            let needed = !first.is_empty() || parts;
            (needed.then(|| history.clone()), first)
        };
        counted.counting = history.map(Counting::new);
        counted.chosen.clear();
        counted.upto = 0;
        if counted.counting.is_some() {
            let mut earliest = Arrival::MAX;
            for (log, seq) in first {
                earliest = earliest.min(self.store.arrival_of(space.id, log, seq)?.unwrap_or(Arrival::MAX));
            }
            for (log, forked) in counted.forks.iter() {
                // Whoever has built on a branch has what it parted from before that.
                let parted = self.store.arrival_of(space.id, *log, forked.at.saturating_sub(1))?;
                earliest = earliest.min(parted.map_or(1, |parted| parted + 1));
            }
            for (log, seq) in counted.parted.iter().chain(&counted.closed) {
                earliest = earliest.min(self.store.arrival_of(space.id, *log, *seq)?.unwrap_or(1));
            }
            // What may yet come of those logs arrives later than everything that is here.
            counted.upto = earliest.saturating_sub(1).min(self.last_arrival(space)?);
            self.count_votes(space, counted)?;
        }
        Ok(())
    }

    /// Who has built on which branch, of what is held; and so which branches count.
    fn count_votes(&self, space: &Space, counted: &mut Counted) -> Result<(), StoreError> {
        if counted.forks.is_empty() {
            return Ok(());
        }
        let mut from = counted.upto;
        loop {
            let batch = self.store.since(space.id, from, READ)?;
            let Some((last, _)) = batch.last() else { break };
            from = *last;
            for (_, entry) in &batch {
                counted.vote(entry);
            }
        }
        for (log, hash) in counted.forks.all_beside() {
            if let Some(entry) = self.branch_entry(space.id, log, hash)? {
                counted.vote(&entry);
            }
        }
        counted.chosen = counted.forks.chosen();
        Ok(())
    }

    /// Counts what has come since. Answers no if other branches count than were taken to.
    fn count_on(&self, space: &Space, counted: &mut Counted) -> Result<bool, StoreError> {
        if counted.counting.is_none() {
            return Ok(true);
        }
        loop {
            let batch = self.store.since(space.id, counted.upto, READ)?;
            let Some((last, _)) = batch.last() else { break };
            counted.upto = *last;
            for (_, entry) in &batch {
                let news = counted.vote(entry);
                if news && counted.forks.chosen() != counted.chosen {
                    return Ok(false);
                }
                self.count_beside(space, counted, entry)?;
                counted.add(entry);
            }
        }
        for (log, hash) in counted.forks.all_beside() {
            self.count_branch(space, counted, log, hash)?;
        }
        Ok(true)
    }

    /// Counts what an entry names that is kept beside a log: it comes before it.
    fn count_beside(&self, space: &Space, counted: &mut Counted, entry: &Entry) -> Result<(), StoreError> {
        for on in &entry.header().builds_on {
            if counted.forks.beside(on).is_some() {
                self.count_branch(space, counted, on.log, on.hash)?;
            }
        }
        Ok(())
    }

    /// Counts an entry that is kept beside a log, and what it follows there.
    fn count_branch(
        &self,
        space: &Space,
        counted: &mut Counted,
        log: LogId,
        hash: EntryHash,
    ) -> Result<(), StoreError> {
        let path = counted.forks.get(&log).map(|forked| forked.tree.path(&hash)).unwrap_or_default();
        for hash in path {
            let done = counted.counting.as_ref().is_none_or(|counting| counting.contains(&hash));
            let Some(entry) = (if done { None } else { self.branch_entry(space.id, log, hash)? }) else { continue };
            self.count_beside(space, counted, &entry)?;
            counted.add(&entry);
        }
        Ok(())
    }

    fn last_arrival(&self, space: &Space) -> Result<Arrival, StoreError> {
        let mut last = 0;
        for (log, seq) in self.store.frontier(space.id)?.iter() {
            last = last.max(self.store.arrival_of(space.id, *log, seq)?.unwrap_or(0));
        }
        Ok(last)
    }

    /// What it means for documents that other entries count than before. What is being written meanwhile is not among it:
    /// documents know where their own changes went.
    fn effects(&self, space: &Space, before: &Void, after: &Void) -> Result<HashMap<DocumentId, Effect>, StoreError> {
        let mut effects: HashMap<DocumentId, Effect> = HashMap::new();
        for (log, from, to, lost) in differences(before, after) {
            self.gather(space, log, from..to, lost, &mut effects)?;
        }
        self.gather_branches(space, before, after, &mut effects)?;
        Ok(effects)
    }

    /// Other entries count than before: the documents they are of follow, whatever else fails.
    fn void_changed(
        &self,
        space: &Space,
        void: &Arc<Void>,
        effects: HashMap<DocumentId, Effect>,
        again: bool,
    ) -> Result<(), StoreError> {
        let mut result = Ok(());
        let (mut lost, mut gained) = (HashMap::new(), Vec::new());
        for (document, effect) in effects {
            if again && !effect.lost.is_empty() {
                // They hold what does not count. (After a start, they say themselves what they were made by.)
                for kind in CacheKind::ALL {
                    result = result.and(self.store.drop_cache(kind, cache_name(space.id, document)));
                }
            }
            lost.insert(document, Arc::new(effect.lost));
            gained.push((document, effect.gained));
        }
        let nothing = Arc::new(HashSet::new());
        self.tell_documents(space.id, |document| Message::Counted {
            void: Arc::clone(void),
            lost: Arc::clone(lost.get(&document).unwrap_or(&nothing)),
        });
        for (document, gained) in gained.into_iter().filter(|(_, gained)| !gained.is_empty()) {
            self.tell_document((space.id, document), Message::Gained(gained));
        }
        self.index_changed(space);
        self.upkeep.touch(space.id);
        let count = space.lock().set_aside().count();
        self.say(NodeEvent::SetAside { space: space.id.to_string(), count });
        result.and_then(|()| self.reckoned_anew(space))
    }

    /// What the entries of a part of a log hold, by document.
    fn gather(
        &self,
        space: &Space,
        log: LogId,
        places: std::ops::Range<u64>,
        lost: bool,
        effects: &mut HashMap<DocumentId, Effect>,
    ) -> Result<(), StoreError> {
        let mut from = places.start;
        loop {
            let batch = self.store.range(space.id, log, from, READ)?;
            let Some(end) = batch.last() else { return Ok(()) };
            from = end.seq() + 1;
            for entry in batch.iter().take_while(|entry| entry.seq() < places.end) {
                let Some((document, arrived)) = self.open_stored(space, entry)? else { continue };
                let effect = effects.entry(document).or_default();
                if lost {
                    let hashes = arrived.changes.iter().filter_map(|change| Some(peek(change).ok()?.hash.0));
                    effect.lost.extend(hashes);
                } else {
                    effect.gained.push(arrived);
                }
            }
            if from >= places.end {
                return Ok(());
            }
        }
    }

    /// What the entries of branches hold that have come to count, or not to.
    fn gather_branches(
        &self,
        space: &Space,
        before: &Void,
        after: &Void,
        effects: &mut HashMap<DocumentId, Effect>,
    ) -> Result<(), StoreError> {
        let forks = Arc::clone(&space.lock().forks);
        for (log, hash) in forks.all_beside() {
            let (did, does) = (before.branch.contains(&hash), after.branch.contains(&hash));
            if did == does {
                continue;
            }
            let Some(entry) = self.branch_entry(space.id, log, hash)? else { continue };
            let Some((document, arrived)) = self.open_stored(space, &entry)? else { continue };
            let effect = effects.entry(document).or_default();
            if did {
                effect.lost.extend(arrived.changes.iter().filter_map(|change| Some(peek(change).ok()?.hash.0)));
            } else {
                effect.gained.push(arrived);
            }
        }
        Ok(())
    }

    /// What a stored entry holds of a document's text, if this device can open it.
    pub fn open_stored(&self, space: &Space, entry: &Entry) -> Result<Option<(DocumentId, Arrived)>, StoreError> {
        let (key, author) = {
            let state = space.lock();
            let key = state.keys.get(&entry.header().epoch).cloned();
            let author = state.access.as_ref().and_then(|access| access.now().person_of(&entry.log().device));
            (key, author)
        };
        let (Some(key), Some(author)) = (key, author) else { return Ok(None) };
        let Ok(content) = entry.open(&key) else { return Ok(None) };
        if content.part != Part::Body {
            return Ok(None);
        }
        let arrival = self.store.arrival_of(space.id, entry.log(), entry.seq())?.unwrap_or(0);
        let (document, names, entry) = (content.document, named_by(entry), entry.reference());
        Ok(Some((document, Arrived { arrival, entry, author, names, changes: content.changes })))
    }

    /// An own log that does not count to its end, or was begun before this person was removed and granted again, is left:
    /// what is written from now on goes to a new one (A6).
    fn leave_void_log(&self, space: &Space, state: &mut State) {
        let log = state.log.id;
        if state.log.seq > 0 && (state.void.from.contains_key(&log) || is_outdated(self, space, state)) {
            self.begin_log(space.id, state);
        }
    }
}

impl Counted {
    /// Notes whom an entry's author has built on, if that is a log that is forked. Answers whether that is news. Whoever was
    /// removed and had not heard has no say.
    fn vote(&mut self, entry: &Entry) -> bool {
        let Some(counting) = &mut self.counting else { return false };
        let header = entry.header();
        let mut news = false;
        for on in &header.builds_on {
            if self.forks.at(&on.log).is_none_or(|at| on.seq < at) {
                continue;
            }
            let person = |device| counting.membership().now().person_of(device);
            let (by, of) = (person(&header.log.device), person(&on.log.device));
            if let Some(by) = by.filter(|by| Some(*by) != of)
                && !counting.is_challenged(header)
            {
                news |= self.forks.vote(on, by);
            }
        }
        news
    }

    fn add(&mut self, entry: &Entry) {
        let Some(counting) = &mut self.counting else { return };
        let hash = entry.hash();
        let of_a_branch = self.forks.get(&entry.log()).is_some_and(|forked| forked.tree.contains(&hash));
        let is_from = |first: &BTreeMap<LogId, u64>| first.get(&entry.log()).is_some_and(|first| entry.seq() >= *first);
        let other = if of_a_branch { !self.chosen.contains(&hash) } else { is_from(&self.parted) };
        counting.add(hash, entry.header(), other || is_from(&self.closed));
    }

    /// What does not count. Below a checkpoint that is held everything counts for good, for what was pruned cannot be counted
    /// again; but where a log is forked, only what it stands for.
    fn void(&self, covers: &Frontier) -> Void {
        let Some(counting) = &self.counting else { return Void::default() };
        let mut void = Void { from: counting.void(), branch: BTreeSet::new() };
        for (log, seq) in &self.closed {
            let first = void.from.entry(*log).or_insert(*seq);
            *first = (*seq).min(*first);
        }
        for (log, first) in &mut void.from {
            *first = (*first).max(covers.get(log) + 1);
        }
        for (log, seq) in self.parted.iter().filter(|(log, _)| self.forks.at(log).is_none()) {
            let first = void.from.entry(*log).or_insert(*seq);
            *first = (*seq).min(*first);
        }
        for (log, forked) in self.forks.iter() {
            // Of the log proper, what is not of the branch that counts; it may be all, from the fork on.
            let other = forked.main().filter(|hash| !self.chosen.contains(*hash));
            if let Some(seq) = other.filter_map(|hash| forked.tree.seq_of(hash)).min() {
                let first = void.from.entry(*log).or_insert(seq);
                *first = seq.min(*first);
            }
        }
        let beside = self.forks.all_beside().into_iter().map(|(_, hash)| hash);
        void.branch = beside.filter(|hash| self.chosen.contains(hash) && counting.counts(hash)).collect();
        void
    }
}

/// Whether the last entry of the own log was written without knowing of a removal that concerns the log.
fn is_outdated(core: &Core, space: &Space, state: &State) -> bool {
    let Some(history) = &state.access else { return false };
    let challenges = history.challenges(&state.log.id);
    if challenges.is_empty() {
        return false;
    }
    let last = core.store.entry(space.id, state.log.id, state.log.seq);
    let knew = |by: &EntryHash| match &last {
        Ok(Some(entry)) => history.knows(&entry.header().access_heads, by) || entry.hash() == *by,
        // Not stored yet: it was written since, and so with what is known now.
        Ok(None) => true,
        Err(_) => false,
    };
    challenges.iter().any(|challenge| !knew(&challenge.by))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sheaf_access::DeviceId;

    #[test]
    fn where_two_answers_differ_is_said_with_the_side_that_counts() {
        let log = |number: u8| LogId { device: DeviceId::from_bytes([number; 32]), nonce: 0 };
        let void = |from: &[(LogId, u64)]| Void { from: from.iter().copied().collect(), branch: BTreeSet::new() };
        let before = void(&[(log(1), 5), (log(2), 7), (log(3), 1)]);
        let mut after = void(&[(log(1), 3), (log(2), 9), (log(4), 2)]);
        let expected = vec![
            (log(1), 3, 5, true),
            (log(2), 7, 9, false),
            (log(3), 1, u64::MAX, false),
            (log(4), 2, u64::MAX, true),
        ];
        assert_eq!(differences(&before, &after), expected);
        let entry = |number, seq| EntryRef { log: log(number), seq, hash: EntryHash::from_bytes([9; 32]) };
        assert!(after.is(&entry(1, 3)) && !after.is(&entry(1, 2)) && !after.is(&entry(3, 9)));
        // A branch that is kept beside the log counts where the log proper does not.
        after.branch.insert(EntryHash::from_bytes([9; 32]));
        assert!(!after.is(&entry(1, 3)) && after.is_from(&log(1), 3));
    }
}
