//! What a space holds beyond its last checkpoint, log by log, and how far of it the next one may cover.
//!
//! A checkpoint can cover a log up to an entry only if everything the log has written until there is in the documents,
//! and if the map that follows from its changes is the one that the entry's header commits to. What is not so (an entry
//! that waits, a closed log, a kind of content that this version does not read) stops the log there, and stays an entry.

use std::collections::{BTreeMap, HashSet};

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
    changes: Vec<(MineKey, u64, [u8; 32])>,
}

/// A log beyond the last checkpoint that covers some of it.
struct LogTail {
    from: u64,
    mine: Mine,
    steps: Vec<Step>,
    /// The first entry that cannot be covered.
    stop: Option<u64>,
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
                    logs.insert(*log, LogTail { from, mine, steps: Vec::new(), stop: None });
                }
            }
        }
        let mut from = 0;
        loop {
            let batch = self.store.since(space.id, from, READ)?;
            let Some((last, _)) = batch.last() else { break };
            from = *last;
            for (_, entry) in &batch {
                let tail = logs.entry(entry.log()).or_insert_with(|| LogTail {
                    from: 0,
                    mine: Mine::new(),
                    steps: Vec::new(),
                    stop: None,
                });
                if entry.seq() > tail.from && tail.stop.is_none() {
                    match Self::step(space, entry) {
                        Some(step) => tail.steps.push(step),
                        None => tail.stop = Some(entry.seq()),
                    }
                }
            }
        }
        Ok(Tail { logs })
    }

    /// What one entry adds to its log's map; nothing, if it cannot be covered.
    fn step(space: &Space, entry: &Entry) -> Option<Step> {
        let header = entry.header();
        let (key, invalid) = {
            let state = space.lock();
            (state.keys.get(&header.epoch).cloned(), state.invalid_from(&header.log))
        };
        if invalid.is_some_and(|from| header.seq >= from) {
            return None;
        }
        let mut changes = Vec::new();
        match header.kind {
            Kind::Access | Kind::Checkpoint => {}
            Kind::Talk => return None,
            Kind::Body => {
                let content = entry.open(&key?).ok()?;
                for change in &content.changes {
                    let peek = peek(change).ok()?;
                    let slot = slot_of(&header.log, &content.document, Part::Body, &peek.actor)?;
                    let place = MineKey { document: content.document, part: Part::Body, slot };
                    changes.push((place, peek.seq, peek.hash.0));
                }
            }
        }
        Some(Step { seq: header.seq, root: header.mine, changes })
    }
}

impl Tail {
    /// The documents that were written in, each with the changes.
    pub fn documents(&self) -> BTreeMap<DocumentId, Vec<[u8; 32]>> {
        let mut documents: BTreeMap<DocumentId, Vec<[u8; 32]>> = BTreeMap::new();
        for (place, _, hash) in self.logs.values().flat_map(|log| &log.steps).flat_map(|step| &step.changes) {
            documents.entry(place.document).or_default().push(*hash);
        }
        documents
    }

    /// How many entries there are.
    pub fn entries(&self) -> u64 {
        self.logs.values().map(|log| log.steps.len() as u64).sum()
    }

    /// How far each log can be covered, when these changes are not in their documents.
    pub fn reach(&self, missing: &HashSet<[u8; 32]>) -> BTreeMap<LogId, Reach> {
        let mut reached = BTreeMap::new();
        for (id, log) in &self.logs {
            let mut mine = log.mine.clone();
            let mut best = log.from;
            let mut root = mine.root();
            for step in &log.steps {
                if step.changes.iter().any(|(_, _, hash)| missing.contains(hash)) {
                    break;
                }
                let before = (!step.changes.is_empty()).then(|| mine.clone());
                for (place, seq, hash) in &step.changes {
                    mine.set(*place, *seq, *hash);
                }
                if !step.changes.is_empty() {
                    root = mine.root();
                }
                if root != step.root {
                    mine = before.unwrap_or(mine);
                    break;
                }
                best = step.seq;
            }
            if best > 0 {
                reached.insert(*id, Reach { seq: best, mine });
            }
        }
        reached
    }
}

/// The frontier of what is reached.
pub fn covers(reached: &BTreeMap<LogId, Reach>) -> Frontier {
    reached.iter().map(|(log, reach)| (*log, reach.seq)).collect()
}
