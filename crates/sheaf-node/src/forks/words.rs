//! What nodes say to each other of forks: where their logs differ, that one is forked, and the entries of its branches.
//!
//! Branches travel beside the log, by name and not by number. Whoever holds a fork says so to everyone they share the
//! space with, when they meet and whenever they hold more of it: the proof, and the ends of all branches. Whoever lacks one
//! asks for what leads to it. Nobody is blamed for passing one on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use sheaf_access::{DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, EntryRef, ForkProof, Frontier, Unverified};
use sheaf_store::StoreError;
use sheaf_sync::EntryBytes;

use super::keep::Taken;
use super::search::Next;
use super::{Forked, Forks};
use crate::core::{Core, locked};
use crate::counting::Void;
use crate::network::{End, Input, ROOM, Said};
use crate::space::Space;

/// How many ends of branches one word names.
const ENDS: usize = 256;
/// How many requests wait for something else to come first.
const WAITING: usize = 64;
/// How many entries are remembered that were asked for because somebody builds on them.
const NEEDED: usize = 1024;
/// Of how many forked logs, and how many at once, access entries are asked for whose log is not known.
const ASKED_LOGS: usize = 8;
const ASKED_ENTRIES: usize = 4;
/// How many proofs of one device wait for more of the space to be here.
const UNBELIEVED: usize = 8;
/// A proof of more bytes than this does not wait.
const LARGE: usize = 64 * 1024;

/// What admission has found that points to a fork.
pub enum Suspicion {
    /// Another entry is in this one's place.
    Twice(Box<Entry>),
    /// The peer's log differs from the one here in this place.
    Differs(LogId, u64),
    /// It is of a log that is forked, from there on.
    Branch(Box<Entry>),
    /// It builds on an entry of a forked log that is not held.
    BuiltOn(EntryRef),
    /// Its author knew access entries that are not held, and may be on branches.
    Knew(Vec<EntryHash>),
}

/// A proof that is looked at again when more of the space is here: of its log too little is.
pub struct Unbelieved {
    device: DeviceId,
    proof: ForkProof,
    ends: Vec<End>,
}

/// Keeps a proof until more is here, if there is room: a few of each device, the last that it said of a log, and none that is
/// large.
fn wait(waiting: &mut Vec<Unbelieved>, one: Unbelieved) {
    waiting.retain(|other| (other.device, other.proof.log()) != (one.device, one.proof.log()));
    let of_one = waiting.iter().filter(|other| other.device == one.device).count();
    if waiting.len() < WAITING && of_one < UNBELIEVED && one.proof.encode().len() <= LARGE {
        waiting.push(one);
    }
}

/// Somebody builds on an entry: it is asked for, and taken however many there are in its place.
fn need(needed: &mut VecDeque<(LogId, EntryHash)>, entry: (LogId, EntryHash)) {
    if !needed.contains(&entry) {
        needed.drain(..needed.len().saturating_sub(NEEDED - 1));
        needed.push_back(entry);
    }
}

/// What is forked, and what of that counts.
fn both(space: &Space) -> (Arc<Forks>, Arc<Void>) {
    let state = space.lock();
    (Arc::clone(&state.forks), Arc::clone(&state.void))
}

/// What is said of a forked log.
fn word_of(log: &LogId, forked: &Forked, void: &Void) -> Said {
    Said::Fork { proof: forked.proof.clone(), ends: ends_of(log, forked, void) }
}

/// How its branches end: first the one that counts, for not all may be named.
fn ends_of(log: &LogId, forked: &Forked, void: &Void) -> Vec<End> {
    let end = |hash: EntryHash| Some(End { hash, seq: forked.tree.seq_of(&hash)?, prev: forked.tree.before(&hash) });
    let mut ends: Vec<End> = forked.tree.tips().filter_map(end).collect();
    let counts = |end: &End| {
        if forked.is_main(&end.hash) { !void.is_from(log, end.seq) } else { void.branch.contains(&end.hash) }
    };
    // The others in the order of their hashes, as they are.
    ends.sort_by_key(|end| !counts(end));
    ends.truncate(ENDS);
    ends
}

/// A request that is repeated when more of the space is here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    device: DeviceId,
    log: LogId,
    end: EntryHash,
    from: u64,
}

impl Core {
    /// What is said to a device that a space is shared with: which logs of it are forked.
    pub fn words_of_forks(&self, space: SpaceId) -> Vec<Said> {
        let Some(space) = self.space(space) else { return Vec::new() };
        let (forks, void) = both(&space);
        forks.iter().map(|(log, forked)| word_of(log, forked, &void)).collect()
    }

    /// The same of one log.
    fn word_of_fork(space: &Space, log: &LogId) -> Option<Said> {
        let (forks, void) = both(space);
        forks.get(log).map(|forked| word_of(log, forked, &void))
    }

    /// The last entry of every log, where it is known.
    pub fn tips(&self, space: &Space, frontier: &Frontier) -> Result<Vec<(LogId, u64, EntryHash)>, StoreError> {
        let headers = space.checkpoints().headers();
        let mut tips = Vec::with_capacity(frontier.len());
        for (log, seq) in frontier.iter() {
            // What a checkpoint stands for comes before what is here.
            let hash = match headers.get(&(*log, seq)) {
                Some(held) => Some(held.hash),
                None => self.store.entry(space.id, *log, seq)?.map(|entry| entry.hash()),
            };
            tips.extend(hash.map(|hash| (*log, seq, hash)));
        }
        Ok(tips)
    }

    /// Follows up what admission has found. Blocks.
    pub fn suspect(&self, space: &Space, from: DeviceId, suspicion: Suspicion) {
        let word = match self.follow_up(space, from, suspicion) {
            Ok(word) => word,
            Err(error) => {
                tracing::warn!(%error, space = %space.id, "what points to a fork is not followed up");
                None
            }
        };
        if let Some(word) = word {
            self.tell_network(Input::Word { device: from, space: space.id, word });
        }
    }

    fn follow_up(&self, space: &Space, from: DeviceId, suspicion: Suspicion) -> Result<Option<Said>, StoreError> {
        match suspicion {
            Suspicion::Twice(entry) => {
                let (log, seq) = (entry.log(), entry.seq());
                match self.store.entry(space.id, log, seq)? {
                    Some(ours) if ours.header().prev == entry.header().prev => {
                        self.forked(space, &ours, &entry)?;
                        Ok(None)
                    }
                    Some(_) => Ok(self.search(space, from, log, seq.saturating_sub(1))),
                    None => Ok(None),
                }
            }
            Suspicion::Differs(log, seq) => Ok(self.search(space, from, log, seq)),
            Suspicion::Branch(entry) => {
                if matches!(self.take_branch_entry(space, &entry, false)?, Taken::New) {
                    self.branches_grew(space, &entry.log());
                }
                Ok(None)
            }
            Suspicion::BuiltOn(on) => {
                let Some(at) = space.lock().forks.at(&on.log).filter(|at| on.seq >= *at) else {
                    return Ok(self.search(space, from, on.log, on.seq));
                };
                need(&mut locked(&space.needed), (on.log, on.hash));
                Ok(Some(Said::Want { log: on.log, end: on.hash, from: at, needed: true }))
            }
            Suspicion::Knew(entries) => {
                // Which log they are of is not said. Where they are not, there is no answer.
                let forks = Arc::clone(&space.lock().forks);
                for (log, forked) in forks.iter().take(ASKED_LOGS) {
                    for end in entries.iter().take(ASKED_ENTRIES) {
                        need(&mut locked(&space.needed), (*log, *end));
                        let word = Said::Want { log: *log, end: *end, from: forked.at, needed: true };
                        self.tell_network(Input::Word { device: from, space: space.id, word });
                    }
                }
                Ok(None)
            }
        }
    }

    /// A peer's log differs from the one here in a place: asks where they part.
    fn search(&self, space: &Space, from: DeviceId, log: LogId, differs: u64) -> Option<Said> {
        let next = self.searches.begin((from, space.id, log), differs, Instant::now())?;
        let (Next::Ask(seq) | Next::Found(seq)) = next;
        Some(Said::Ask { log, seq })
    }

    /// Two entries contradict each other.
    fn forked(&self, space: &Space, ours: &Entry, theirs: &Entry) -> Result<(), StoreError> {
        let Ok(proof) = ForkProof::of(ours, theirs) else { return Ok(()) };
        self.fork_proved(space, &proof)?;
        self.take_branch_entry(space, theirs, true)?;
        self.branches_grew(space, &ours.log());
        Ok(())
    }

    /// More is held of the branches of a log: it is counted again, and everyone is told.
    fn branches_grew(&self, space: &Space, log: &LogId) {
        self.open_new(space, None);
        // Not before it is known what counts, and documents have been told.
        if let Err(error) = self.thin_out(space, log) {
            tracing::warn!(%error, space = %space.id, "more is kept of a forked log than need be");
        }
        if let Some(word) = Self::word_of_fork(space, log) {
            self.tell_network(Input::Words { space: space.id, word });
        }
    }

    /// What waited for more of a space is looked at, or asked for, again.
    pub fn ask_again(&self, space: &Space) {
        let unbelieved = std::mem::take(&mut *locked(&space.unbelieved));
        for Unbelieved { device, proof, ends } in unbelieved {
            match self.weigh(space, device, proof, ends) {
                Ok(words) => words.into_iter().for_each(|word| {
                    self.tell_network(Input::Word { device, space: space.id, word });
                }),
                Err(error) => tracing::warn!(%error, space = %space.id, "the proof of a fork is not followed up"),
            }
        }
        let waiting = std::mem::take(&mut *locked(&space.wanting));
        for Waiting { device, log, end, from } in waiting {
            let word = Said::Want { log, end, from, needed: false };
            self.tell_network(Input::Word { device, space: space.id, word });
        }
    }

    /// Whether a device may be shown entries of a space.
    fn may_see(space: &Space, device: DeviceId) -> bool {
        space.access().is_some_and(|access| access.role_of(&device).is_some())
    }

    /// A peer's logs end in places that are held here. Where there is another entry in one of them, it is found out where
    /// the log forks. Blocks.
    pub fn compare(&self, id: SpaceId, from: DeviceId, tips: &[(LogId, u64, sheaf_sync::Tip)]) {
        let Some(space) = self.space(id) else { return };
        for (log, seq, tip) in tips {
            let suspicion = match self.store.entry(id, *log, *seq) {
                Ok(Some(ours)) if sheaf_sync::Tip::of(&ours.hash()) != *tip => Suspicion::Differs(*log, *seq),
                _ => continue,
            };
            self.suspect(&space, from, suspicion);
        }
    }

    /// A peer asks for an entry.
    pub fn hear_ask(&self, space: &Space, from: DeviceId, log: LogId, seq: u64) -> Result<Vec<Said>, StoreError> {
        if !Self::may_see(space, from) {
            return Ok(Vec::new());
        }
        let entry = self.store.entry(space.id, log, seq)?.map(|entry| EntryBytes::from(entry.encoded()));
        Ok(vec![Said::Answer { log, seq, entry }])
    }

    /// A peer answers with an entry.
    pub fn hear_answer(
        &self,
        space: &Space,
        from: DeviceId,
        (log, seq): (LogId, u64),
        entry: Option<&EntryBytes>,
    ) -> Result<Vec<Said>, StoreError> {
        let key = (from, space.id, log);
        let theirs = entry.and_then(|bytes| Unverified::decode(bytes.as_slice()).and_then(Unverified::verify).ok());
        let theirs = theirs.filter(|entry| (entry.space(), entry.log(), entry.seq()) == (space.id, log, seq));
        let ours = self.store.entry(space.id, log, seq)?;
        // What was pruned, there or here, a checkpoint stands for: it is the same.
        let same = match (&ours, &theirs) {
            (Some(ours), Some(theirs)) => ours.hash() == theirs.hash(),
            _ => true,
        };
        match self.searches.answered(key, seq, same, Instant::now()) {
            Some(Next::Ask(next)) => Ok(vec![Said::Ask { log, seq: next }]),
            Some(Next::Found(place)) if place == seq || (same && place <= seq) => {
                self.searches.end(key);
                if let (Some(ours), Some(theirs), false) = (ours, theirs, same) {
                    self.forked(space, &ours, &theirs)?;
                }
                Ok(Vec::new())
            }
            Some(Next::Found(place)) => Ok(vec![Said::Ask { log, seq: place }]),
            None => Ok(Vec::new()),
        }
    }

    /// A peer proves that a log is forked, and says how its branches end there.
    pub fn hear_fork(
        &self,
        space: &Space,
        from: DeviceId,
        proof: &[u8],
        mut ends: Vec<End>,
    ) -> Result<Vec<Said>, StoreError> {
        let Ok(proof) = ForkProof::verify(proof) else { return Ok(Vec::new()) };
        let known = space.access().is_some_and(|access| access.person_of(&proof.log().device).is_some());
        if proof.space() != space.id || !known {
            return Ok(Vec::new());
        }
        ends.truncate(ENDS);
        self.weigh(space, from, proof, ends)
    }

    /// A proof is in order. It is kept if it is of a log that is held, for a device can sign any number of others: names of
    /// logs cost it nothing. Otherwise it waits, and not long: whoever has it says it again when they meet.
    fn weigh(&self, space: &Space, from: DeviceId, proof: ForkProof, ends: Vec<End>) -> Result<Vec<Said>, StoreError> {
        let log = proof.log();
        let height = self.store.frontier(space.id)?.get(&log);
        if height == 0 || proof.seq() > height.saturating_add(1) {
            wait(&mut locked(&space.unbelieved), Unbelieved { device: from, proof, ends });
            return Ok(Vec::new());
        }
        let before = space.lock().forks.version();
        self.fork_proved(space, &proof)?;
        let (wanted, more) = {
            let state = space.lock();
            let Some(forked) = state.forks.get(&log) else { return Ok(Vec::new()) };
            let lacks = |end: &&End| !forked.tree.contains(&end.hash);
            let want = |end: &End| {
                let next = end.prev.is_some_and(|prev| forked.tree.contains(&prev));
                Said::Want { log, end: end.hash, from: if next { end.seq } else { forked.at }, needed: false }
            };
            let wanted: Vec<Said> = ends.iter().filter(lacks).map(want).collect();
            // Of what would be said: if that is not all, saying it again would help nobody.
            let said = |end: &EntryHash| ends.iter().any(|said| said.hash == *end);
            let more = ends_of(&log, forked, &state.void).iter().any(|end| !said(&end.hash));
            (wanted, more)
        };
        if space.lock().forks.version() != before {
            self.branches_grew(space, &log);
        }
        // Not before what they have is here: it may follow what is.
        let answers = wanted.is_empty() && more && Self::may_see(space, from);
        Ok(if answers { Self::word_of_fork(space, &log).into_iter().collect() } else { wanted })
    }

    /// A peer asks for what leads to an end of a branch.
    pub fn hear_want(
        &self,
        space: &Space,
        from: DeviceId,
        (log, end): (LogId, EntryHash),
        first: u64,
        needed: bool,
    ) -> Result<Vec<Said>, StoreError> {
        if !Self::may_see(space, from) {
            return Ok(Vec::new());
        }
        let path: Vec<(EntryHash, u64, bool)> = {
            let state = space.lock();
            let Some(forked) = state.forks.get(&log) else {
                // Here it is a log like any other: the end, if it is held, is at a place that can be asked for.
                return Ok(Vec::new());
            };
            let place = |hash: EntryHash| Some((hash, forked.tree.seq_of(&hash)?, forked.is_main(&hash)));
            forked.tree.path(&end).into_iter().filter_map(place).filter(|(_, seq, _)| *seq >= first).collect()
        };
        let (mut entries, mut size, mut next) = (Vec::new(), 0, None);
        for (hash, seq, is_main) in path {
            let entry =
                if is_main { self.store.entry(space.id, log, seq)? } else { self.branch_entry(space.id, log, hash)? };
            let Some(entry) = entry else { break };
            size += entry.encoded().len();
            if size > ROOM && !entries.is_empty() {
                next = Some(seq);
                break;
            }
            entries.push(EntryBytes::from(entry.encoded()));
        }
        Ok(if entries.is_empty() { Vec::new() } else { vec![Said::Path { log, end, entries, next, needed }] })
    }

    /// A peer sends what leads to an end of a branch.
    pub fn hear_path(
        &self,
        space: &Space,
        from: DeviceId,
        (log, end): (LogId, EntryHash),
        entries: &[EntryBytes],
        next: Option<u64>,
        needed: bool,
    ) -> Result<Vec<Said>, StoreError> {
        let needed = needed && locked(&space.needed).contains(&(log, end));
        let mut grew = false;
        let mut answer = next.map(|from| Said::Want { log, end, from, needed });
        for bytes in entries {
            let Ok(entry) = Unverified::decode(bytes.as_slice()).and_then(Unverified::verify) else { break };
            if entry.log() != log || entry.space() != space.id {
                break;
            }
            match self.take_branch_entry(space, &entry, needed)? {
                Taken::New => grew = true,
                Taken::Known => {}
                Taken::Lacking => {
                    // What it names is on its way, or comes when it comes.
                    let again = Waiting { device: from, log, end, from: entry.seq() };
                    let mut wanting = locked(&space.wanting);
                    if wanting.len() < WAITING && !wanting.contains(&again) {
                        wanting.push(again);
                    }
                    answer = None;
                    break;
                }
                Taken::Refused => {
                    answer = None;
                    break;
                }
            }
        }
        if grew {
            self.branches_grew(space, &log);
        }
        Ok(answer.into_iter().collect())
    }
}
