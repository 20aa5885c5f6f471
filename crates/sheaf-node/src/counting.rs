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
use sheaf_log::{Counting, Entry, Membership, Part, first_challenged};
use sheaf_store::{Arrival, CacheKind, StoreError};

use crate::core::{Core, READ, locked};
use crate::document::{Message, cache_name};
use crate::opening::Arrived;
use crate::space::{Space, State};
use crate::view::NodeEvent;

/// Of each log some of which does not count, the first place that does not.
pub type Void = BTreeMap<LogId, u64>;

/// How far counting has got in a space.
#[derive(Default)]
pub struct Counted {
    /// The access entries it was made by.
    heads: Vec<EntryHash>,
    /// The logs it knew of.
    logs: usize,
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

/// Whether an entry is beyond what counts of its log.
pub fn is_void(void: &Void, log: &LogId, seq: u64) -> bool {
    void.get(log).is_some_and(|first| seq >= *first)
}

/// Where two answers differ: the log, from where, up to before where, and whether that has come not to count.
pub fn differences(before: &Void, after: &Void) -> Vec<(LogId, u64, u64, bool)> {
    let logs: BTreeSet<&LogId> = before.keys().chain(after.keys()).collect();
    let of = |void: &Void, log| void.get(log).copied().unwrap_or(u64::MAX);
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
        self.begin_counting(space, &mut counted)?;
        let counted = &mut *counted;
        let mut after = Void::new();
        let counted_frontier = self.store.frontier(space.id)?;
        if let Some(counting) = &mut counted.counting {
            loop {
                let batch = self.store.since(space.id, counted.upto, READ)?;
                let Some((last, _)) = batch.last() else { break };
                counted.upto = *last;
                for (_, entry) in &batch {
                    counting.add(entry.hash(), entry.header(), false);
                }
            }
            after = counting.void();
        }
        // Below a checkpoint that is held everything counts for good: what was pruned cannot be counted again.
        let covers = space.checkpoints().covers();
        after.retain(|log, first| {
            *first = (*first).max(covers.get(log) + 1);
            *first <= counted_frontier.get(log)
        });
        let again = std::mem::replace(&mut counted.again, true);
        let before = std::mem::replace(&mut space.lock().void, Arc::new(after.clone()));
        if *before != after {
            self.void_changed(space, &before, &after, again)?;
        }
        self.leave_void_log(space);
        Ok(())
    }

    /// Begins anew if the access entries are others, or there are logs that were not looked at.
    fn begin_counting(&self, space: &Space, counted: &mut Counted) -> Result<(), StoreError> {
        let frontier = self.store.frontier(space.id)?;
        let (history, first) = {
            let state = space.lock();
            let Some(history) = &state.access else { return Ok(()) };
            let now = history.now();
            if now.heads() == counted.heads && frontier.len() == counted.logs {
                return Ok(());
            }
            counted.heads = now.heads().to_vec();
            counted.logs = frontier.len();
            let first = first_challenged(history, frontier.iter().map(|(log, _)| *log));
            // A copy, so that the space is not locked while entries are read.
            ((!first.is_empty()).then(|| history.clone()), first)
        };
        counted.counting = history.map(Counting::new);
        counted.upto = 0;
        if counted.counting.is_some() {
            let mut earliest = Arrival::MAX;
            for (log, seq) in first {
                earliest = earliest.min(self.store.arrival_of(space.id, log, seq)?.unwrap_or(Arrival::MAX));
            }
            // What may yet come of those logs arrives later than everything that is here.
            counted.upto = earliest.saturating_sub(1).min(self.last_arrival(space)?);
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

    /// Other entries count than before: the documents they are of follow.
    fn void_changed(&self, space: &Space, before: &Void, after: &Void, again: bool) -> Result<(), StoreError> {
        let mut effects: HashMap<DocumentId, Effect> = HashMap::new();
        for (log, from, to, lost) in differences(before, after) {
            self.gather(space, log, from..to, lost, &mut effects)?;
        }
        let void = Arc::new(after.clone());
        let (mut lost, mut gained) = (HashMap::new(), Vec::new());
        for (document, effect) in effects {
            if again && !effect.lost.is_empty() {
                // They hold what does not count. (After a start, they say themselves what they were made by.)
                for kind in CacheKind::ALL {
                    self.store.drop_cache(kind, cache_name(space.id, document))?;
                }
            }
            lost.insert(document, Arc::new(effect.lost));
            gained.push((document, effect.gained));
        }
        let nothing = Arc::new(HashSet::new());
        self.tell_documents(space.id, |document| Message::Counted {
            void: Arc::clone(&void),
            lost: Arc::clone(lost.get(&document).unwrap_or(&nothing)),
        });
        for (document, gained) in gained.into_iter().filter(|(_, gained)| !gained.is_empty()) {
            self.tell_document((space.id, document), Message::Gained(gained));
        }
        self.index_changed(space);
        self.say(NodeEvent::SetAside { space: space.id.to_string(), count: after.len() });
        Ok(())
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
        let (document, entry) = (content.document, entry.reference());
        Ok(Some((document, Arrived { arrival, entry, author, changes: content.changes })))
    }

    /// An own log that does not count to its end, or was begun before this person was removed and granted again, is left:
    /// what is written from now on goes to a new one (A6).
    fn leave_void_log(&self, space: &Space) {
        let mut state = space.lock();
        let log = state.log.id;
        if state.log.seq > 0 && (state.void.contains_key(&log) || is_outdated(self, space, &state)) {
            self.begin_log(space.id, &mut state);
        }
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
        let before: Void = [(log(1), 5), (log(2), 7), (log(3), 1)].into();
        let after: Void = [(log(1), 3), (log(2), 9), (log(4), 2)].into();
        let expected = vec![
            (log(1), 3, 5, true),
            (log(2), 7, 9, false),
            (log(3), 1, u64::MAX, false),
            (log(4), 2, u64::MAX, true),
        ];
        assert_eq!(differences(&before, &after), expected);
        assert!(is_void(&after, &log(1), 3) && !is_void(&after, &log(1), 2) && !is_void(&after, &log(3), 9));
    }
}
