//! What a space holds beyond its last checkpoint, log by log, and how far of it the next one may cover.
//!
//! A checkpoint can cover a log up to an entry only if everything the log has written until there is in the documents,
//! and if the map that follows from its changes is the one that the entry's header commits to. What is not so (an entry
//! that waits, a closed log, a kind of content that this version does not read) stops the log there, and stays an entry.
//! What has been built on it stays too, in whatever log: a document cannot be saved with a change and without what that
//! builds on. So what is covered is closed under what changes build on.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use sheaf_access::{DocumentId, LogId};
use sheaf_document::check::peek;
use sheaf_log::{Entry, Frontier, Kind, Mine, MineKey, MineRoot, Part, slot_of};

use crate::core::{Core, READ};
use crate::error::NodeError;
use crate::space::Space;

/// One entry of a log.
struct Step {
    seq: u64,
    root: MineRoot,
    changes: Vec<Own>,
    /// Whether it is worth a checkpoint: another checkpoint is not.
    counts: bool,
}

/// A change in a log.
struct Own {
    place: MineKey,
    seq: u64,
    hash: [u8; 32],
    /// What it builds on.
    deps: Vec<[u8; 32]>,
}

/// A log beyond the last checkpoint that covers some of it.
struct LogTail {
    from: u64,
    mine: Mine,
    steps: Vec<Step>,
    /// The first entry that cannot be covered.
    stop: Option<u64>,
    /// The changes from there on, and on branches beside the log.
    beyond: Vec<Own>,
}

impl LogTail {
    /// What is beyond a place up to which a log is covered, where its map is this.
    const fn after(from: u64, mine: Mine) -> Self {
        Self { from, mine, steps: Vec::new(), stop: None, beyond: Vec::new() }
    }
}

/// All logs.
pub struct Tail {
    logs: BTreeMap<LogId, LogTail>,
}

/// How far a log can be covered, and its map there.
pub struct Reach {
    /// The number of the entry.
    pub seq: u64,
    /// The map that its header commits to.
    pub mine: Mine,
}

impl Core {
    /// Reads what is beyond the last checkpoint. Blocks.
    pub fn read_tail(&self, space: &Space) -> Result<Tail, NodeError> {
        let mut logs = BTreeMap::new();
        {
            let held = space.checkpoints();
            for (log, _) in held.covers().iter() {
                if let Some(covered) = held.covered(log) {
                    let (from, mine) = (covered.seq, covered.mine.clone());
                    logs.insert(*log, LogTail::after(from, mine));
                }
            }
        }
        let mut from = 0;
        loop {
            let batch = self.store.since(space.id, from, READ)?;
            let Some((last, _)) = batch.last() else { break };
            from = *last;
            for (_, entry) in &batch {
                let tail = logs.entry(entry.log()).or_insert_with(|| LogTail::after(0, Mine::new()));
                if entry.seq() <= tail.from {
                    continue;
                }
                if let Some(step) = Self::step(space, entry).filter(|_| tail.stop.is_none()) {
                    tail.steps.push(step);
                } else {
                    tail.stop.get_or_insert(entry.seq());
                    tail.beyond.extend(Self::changes(space, entry).unwrap_or_default());
                }
            }
        }
        let forks = Arc::clone(&space.lock().forks);
        for (log, hash) in forks.all_beside() {
            if let (Some(tail), Some(entry)) = (logs.get_mut(&log), self.branch_entry(space.id, log, hash)?) {
                tail.beyond.extend(Self::changes(space, &entry).unwrap_or_default());
            }
        }
        Ok(Tail { logs })
    }

    /// What one entry adds to its log's map; nothing, if it cannot be covered.
    fn step(space: &Space, entry: &Entry) -> Option<Step> {
        let header = entry.header();
        let invalid = space.lock().invalid_from(&header.log);
        if invalid.is_some_and(|from| header.seq >= from) {
            return None;
        }
        let changes = match header.kind {
            Kind::Access | Kind::Checkpoint => Vec::new(),
            Kind::Talk => return None,
            Kind::Body => Self::changes(space, entry)?,
        };
        let counts = header.kind != Kind::Checkpoint;
        Some(Step { seq: header.seq, root: header.mine, changes, counts })
    }

    /// The changes of an entry; nothing, if it holds none, cannot be opened, or holds another log's.
    fn changes(space: &Space, entry: &Entry) -> Option<Vec<Own>> {
        let header = entry.header();
        let key = space.lock().keys.get(&header.epoch).filter(|_| header.kind == Kind::Body).cloned()?;
        let content = entry.open(&key).ok()?;
        let own = |bytes: &Vec<u8>| {
            let peek = peek(bytes).ok()?;
            let slot = slot_of(&header.log, &content.document, Part::Body, &peek.actor)?;
            let place = MineKey { document: content.document, part: Part::Body, slot };
            let deps = peek.deps.iter().map(|dep| dep.0).collect();
            Some(Own { place, seq: peek.seq, hash: peek.hash.0, deps })
        };
        content.changes.iter().map(own).collect()
    }
}

impl Tail {
    /// The documents that were written in, each with the changes.
    pub fn documents(&self) -> BTreeMap<DocumentId, Vec<[u8; 32]>> {
        let mut documents: BTreeMap<DocumentId, Vec<[u8; 32]>> = BTreeMap::new();
        for change in self.logs.values().flat_map(|log| &log.steps).flat_map(|step| &step.changes) {
            documents.entry(change.place.document).or_default().push(change.hash);
        }
        documents
    }

    /// Whether there is anything to cover.
    pub fn is_empty(&self) -> bool {
        !self.logs.values().flat_map(|log| &log.steps).any(|step| step.counts)
    }

    /// How many entries are covered when so much is reached, checkpoints apart.
    pub fn covered(&self, reached: &BTreeMap<LogId, Reach>) -> u64 {
        let until = |id: &LogId| reached.get(id).map_or(0, |reach| reach.seq);
        let steps = self.logs.iter().flat_map(|(id, log)| log.steps.iter().filter(move |step| step.seq <= until(id)));
        steps.filter(|step| step.counts).count() as u64
    }

    /// How far each log can be covered, when these changes are not in their documents.
    pub fn reach(&self, missing: &HashSet<[u8; 32]>) -> BTreeMap<LogId, Reach> {
        let mut reached: BTreeMap<LogId, usize> =
            self.logs.iter().map(|(id, log)| (*id, log.committed(missing))).collect();
        self.close(&mut reached);
        let reach = |(id, steps): (LogId, usize)| {
            let log = &self.logs[&id];
            let seq = log.steps[..steps].last().map_or(log.from, |step| step.seq);
            let mut mine = log.mine.clone();
            for change in log.steps[..steps].iter().flat_map(|step| &step.changes) {
                mine.set(change.place, change.seq, change.hash);
            }
            (seq > 0).then_some((id, Reach { seq, mine }))
        };
        reached.into_iter().filter_map(reach).collect()
    }

    /// Takes from what is reached all that builds on what is not.
    fn close(&self, reached: &mut BTreeMap<LogId, usize>) {
        let steps =
            || self.logs.iter().flat_map(|(id, log)| (0..).zip(&log.steps).map(move |(at, step)| (*id, at, step)));
        // Who builds on a change: the log, and how many steps of it go before.
        let mut dependents: HashMap<[u8; 32], Vec<(LogId, usize)>> = HashMap::new();
        // A change that came twice is reached if it is where it came first.
        let mut first: HashMap<[u8; 32], usize> = HashMap::new();
        for (id, at, step) in steps() {
            for change in &step.changes {
                first.entry(change.hash).or_insert(at);
                for dep in &change.deps {
                    dependents.entry(*dep).or_default().push((id, at));
                }
            }
        }
        let mut lost: Vec<[u8; 32]> = Vec::new();
        for (id, log) in &self.logs {
            let covered = |change: &Own| log.mine.get(&change.place).is_some_and(|(seq, _)| seq >= change.seq);
            let beyond = log.beyond.iter().filter(|change| !covered(change) && !first.contains_key(&change.hash));
            lost.extend(beyond.map(|change| change.hash));
            let unreached = log.steps[reached[id]..].iter().flat_map(|step| &step.changes);
            lost.extend(
                unreached.filter(|change| !covered(change) && first[&change.hash] >= reached[id]).map(|c| c.hash),
            );
        }
        while let Some(change) = lost.pop() {
            for (id, at) in dependents.remove(&change).unwrap_or_default() {
                let Some(until) = reached.get_mut(&id).filter(|until| at < **until) else { continue };
                let log = &self.logs[&id];
                let gone = log.steps[at..*until].iter().flat_map(|step| &step.changes);
                lost.extend(gone.filter(|change| first[&change.hash] >= at).map(|change| change.hash));
                *until = at;
            }
        }
    }
}

impl LogTail {
    /// How many steps there are before a change that is not in its document, or a header that commits to something else.
    fn committed(&self, missing: &HashSet<[u8; 32]>) -> usize {
        let mut mine = self.mine.clone();
        let mut root = mine.root();
        for (at, step) in self.steps.iter().enumerate() {
            if step.changes.iter().any(|change| missing.contains(&change.hash)) {
                return at;
            }
            for change in &step.changes {
                mine.set(change.place, change.seq, change.hash);
            }
            if !step.changes.is_empty() {
                root = mine.root();
            }
            if root != step.root {
                return at;
            }
        }
        self.steps.len()
    }
}

/// The frontier of what is reached.
pub fn covers(reached: &BTreeMap<LogId, Reach>) -> Frontier {
    reached.iter().map(|(log, reach)| (*log, reach.seq)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sheaf_access::DeviceId;

    use super::*;

    /// One entry with one change: of which log, what the change builds on, and whether the header commits to it.
    type Planned = (u64, Vec<usize>, bool);

    fn log(nonce: u64) -> LogId {
        LogId { device: DeviceId::from_bytes([7; 32]), nonce }
    }

    fn hash(number: usize) -> [u8; 32] {
        let mut hash = [1; 32];
        hash[..8].copy_from_slice(&(number as u64).to_le_bytes());
        hash
    }

    /// The tail of such entries, and for each its log, its place there, and the changes it builds on.
    fn tail_of(plan: &[Planned], stops: &[usize]) -> (Tail, Vec<(LogId, usize, Vec<usize>)>) {
        let mut logs: BTreeMap<LogId, LogTail> = BTreeMap::new();
        let mut made: Vec<(LogId, usize, Vec<usize>)> = Vec::new();
        let mut mines: BTreeMap<LogId, Mine> = BTreeMap::new();
        for (number, (nonce, deps, honest)) in plan.iter().enumerate() {
            let id = log(*nonce);
            let deps: Vec<usize> = deps.iter().filter(|_| number > 0).map(|dep| dep % number).collect();
            let tail = logs.entry(id).or_insert_with(|| LogTail::after(0, Mine::new()));
            let at = made.iter().filter(|(other, ..)| *other == id).count();
            let place = MineKey { document: DocumentId::from_bytes([3; 32]), part: Part::Body, slot: 0 };
            let hashes = deps.iter().map(|dep| hash(*dep)).collect();
            let change = Own { place, seq: at as u64 + 1, hash: hash(number), deps: hashes };
            let mine = mines.entry(id).or_default();
            mine.set(place, change.seq, change.hash);
            let root = if *honest { mine.root() } else { Mine::new().root() };
            if stops.get(*nonce as usize).is_some_and(|stop| at >= *stop) {
                tail.beyond.push(change);
            } else {
                tail.steps.push(Step { seq: at as u64 + 1, root, changes: vec![change], counts: true });
            }
            made.push((id, at, deps));
        }
        (Tail { logs }, made)
    }

    #[test]
    fn what_is_built_on_what_cannot_be_covered_is_not_covered() {
        // The second log's second entry commits to something else; the first log builds on that, and on the one before.
        let plan = [
            (0, vec![], true),
            (1, vec![], true),
            (0, vec![1], true),
            (1, vec![], false),
            (0, vec![3], true),
            (2, vec![], true),
        ];
        let (tail, _) = tail_of(&plan, &[]);
        let covers = covers(&tail.reach(&HashSet::new()));
        assert_eq!([0, 1, 2].map(|nonce| covers.get(&log(nonce))), [2, 1, 1]);
    }

    proptest! {
        #[test]
        fn what_is_covered_is_closed_and_nothing_is_left_out_for_nothing(
            plan in prop::collection::vec((0_u64..4, prop::collection::vec(0_usize..40, 0..3), prop::bool::weighted(0.9)), 0..40),
            stops in prop::collection::vec(0_usize..12, 4),
            missing in prop::collection::hash_set(0_usize..40, 0..2),
        ) {
            let (tail, made) = tail_of(&plan, &stops);
            let missing: HashSet<[u8; 32]> = missing.into_iter().map(hash).collect();
            let covers = covers(&tail.reach(&missing));
            // One by one, until nothing more has to go.
            let mut until: BTreeMap<LogId, usize> = tail.logs.iter().map(|(id, log)| (*id, log.committed(&missing))).collect();
            loop {
                let is_in = |number: usize| made[number].1 < until[&made[number].0];
                let bad = (0..made.len()).find(|number| is_in(*number) && !made[*number].2.iter().all(|dep| is_in(*dep)));
                let Some(bad) = bad else { break };
                let (id, at, _) = &made[bad];
                until.insert(*id, *at);
            }
            for (id, until) in until {
                prop_assert_eq!(covers.get(&id), until as u64);
            }
        }
    }
}
