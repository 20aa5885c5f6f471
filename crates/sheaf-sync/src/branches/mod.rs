//! What is said of forks (L6): where two logs differ, that one is forked, and the entries of its branches.
//!
//! Branches travel beside the log, by name and not by number. Whoever holds a fork says so to everyone they share the
//! space with, when they meet and whenever they hold more of it: the proof, and the ends of all branches. Whoever lacks one
//! asks for what leads to it. Nobody is blamed for passing one on.
//!
//! Devices and relays say this alike, and keep what they have each in their own way: that is [`Branched`]. Everything here
//! is pure but for what it asks of that; what it says goes as [`Said`], in words ([`Event::Say`](crate::Event::Say)).

mod hearing;
mod said;
mod search;
mod suspicion;

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use sheaf_access::{DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, ForkProof, Forked, Forks, Taken};

pub use hearing::hear;
pub use said::{End, ROOM, Said};
pub use search::{Next, Searches};
pub use suspicion::{Suspicion, differing, follow_up, suspect};

/// How many ends of branches one word names.
const ENDS: usize = 256;
/// How many requests wait for something else to come first.
const WAITING: usize = 64;
/// How many entries are remembered that were asked for because somebody builds on them.
const NEEDED: usize = 1024;
/// How many proofs of one device wait for more of the space to be here.
const UNBELIEVED: usize = 8;
/// A proof of more bytes than this does not wait.
const LARGE: usize = 64 * 1024;

/// What someone has of a space, its logs and what stands beside them. All of it blocks.
pub trait Branched {
    /// Why it cannot be read or written.
    type Error;

    /// The space.
    fn space(&self) -> SpaceId;
    /// The entry in a place of the log proper.
    fn entry(&self, log: LogId, seq: u64) -> Result<Option<Entry>, Self::Error>;
    /// An entry beside a log.
    fn beside(&self, log: LogId, hash: EntryHash) -> Result<Option<Entry>, Self::Error>;
    /// How far a log is held.
    fn height(&self, log: &LogId) -> Result<u64, Self::Error>;
    /// What is forked.
    fn forks(&self) -> Arc<Forks>;
    /// Whether an end of a branch is of the side that counts, as far as can be told here.
    fn counts(&self, log: &LogId, forked: &Forked, end: &End) -> bool;
    /// Whether a device is or was a member's.
    fn knows(&self, device: &DeviceId) -> bool;
    /// Whether a device may be shown entries of the space.
    fn may_see(&self, device: &DeviceId) -> bool;
    /// It is proved that a log is forked: it is kept, and made known.
    fn fork_proved(&self, proof: &ForkProof) -> Result<(), Self::Error>;
    /// Takes in an entry of a branch, verified; `needed`, if somebody has built on it.
    fn take(&self, entry: &Entry, needed: bool) -> Result<Taken, Self::Error>;
    /// More is held of the branches of a log: it is counted again, and everyone is told.
    fn grew(&self, log: &LogId);
    /// The searches that are under way.
    fn searches(&self) -> &Searches;
    /// What is remembered of the conversation, for moments.
    fn talk(&self) -> MutexGuard<'_, Talk>;
}

/// What is remembered of the conversation about one space.
#[derive(Default)]
pub struct Talk {
    /// Entries of branches that were asked for, and wait for something else to come first.
    wanting: Vec<Waiting>,
    /// Entries of branches that somebody builds on who was not let in for want of them, the last ones last.
    needed: VecDeque<(LogId, EntryHash)>,
    /// Proofs of forks of logs of which too little is here to believe that they matter.
    unbelieved: Vec<Unbelieved>,
}

/// A request that is repeated when more of the space is here.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Waiting {
    device: DeviceId,
    log: LogId,
    end: EntryHash,
    from: u64,
}

/// A proof that is looked at again when more of the space is here: of its log too little is.
struct Unbelieved {
    device: DeviceId,
    proof: ForkProof,
    ends: Vec<End>,
}

impl Talk {
    /// What of a log was asked for because somebody builds on it.
    pub fn asked(&self, log: &LogId) -> Vec<EntryHash> {
        self.needed.iter().filter(|(of, _)| of == log).map(|(_, end)| *end).collect()
    }

    /// Keeps a proof until more is here, if there is room: a few of each device, the last that it said of a log, and none
    /// that is large.
    fn wait(&mut self, one: Unbelieved) {
        self.unbelieved.retain(|other| (other.device, other.proof.log()) != (one.device, one.proof.log()));
        let of_one = self.unbelieved.iter().filter(|other| other.device == one.device).count();
        if self.unbelieved.len() < WAITING && of_one < UNBELIEVED && one.proof.encode().len() <= LARGE {
            self.unbelieved.push(one);
        }
    }

    /// Somebody builds on an entry: it is asked for, and taken however many there are in its place.
    fn need(&mut self, entry: (LogId, EntryHash)) {
        if !self.needed.contains(&entry) {
            self.needed.drain(..self.needed.len().saturating_sub(NEEDED - 1));
            self.needed.push_back(entry);
        }
    }
}

/// What is said of a forked log.
fn word_of<B: Branched>(here: &B, log: &LogId, forked: &Forked) -> Said {
    Said::Fork { proof: forked.proof.clone(), ends: ends_of(here, log, forked) }
}

/// How its branches end: first the one that counts, for not all may be named.
fn ends_of<B: Branched>(here: &B, log: &LogId, forked: &Forked) -> Vec<End> {
    let end = |hash: EntryHash| Some(End { hash, seq: forked.tree.seq_of(&hash)?, prev: forked.tree.before(&hash) });
    let mut ends: Vec<End> = forked.tree.tips().filter_map(end).collect();
    // The others in the order of their hashes, as they are.
    ends.sort_by_key(|end| !here.counts(log, forked, end));
    ends.truncate(ENDS);
    ends
}

/// What is said to a device that a space is shared with: which logs of it are forked.
pub fn words<B: Branched>(here: &B) -> Vec<Said> {
    here.forks().iter().map(|(log, forked)| word_of(here, log, forked)).collect()
}

/// The same of one log.
pub fn word<B: Branched>(here: &B, log: &LogId) -> Option<Said> {
    here.forks().get(log).map(|forked| word_of(here, log, forked))
}

/// More of the space is here: what waited for it is looked at, or asked for, again.
pub fn ask_again<B: Branched>(here: &B) -> Result<Vec<(DeviceId, Said)>, B::Error> {
    let (unbelieved, waiting) = {
        let mut talk = here.talk();
        (std::mem::take(&mut talk.unbelieved), std::mem::take(&mut talk.wanting))
    };
    let mut said: Vec<(DeviceId, Said)> = waiting
        .into_iter()
        .map(|Waiting { device, log, end, from }| (device, Said::Want { log, end, from, needed: false }))
        .collect();
    for Unbelieved { device, proof, ends } in unbelieved {
        said.extend(hearing::weigh(here, device, proof, ends)?.into_iter().map(|word| (device, word)));
    }
    Ok(said)
}

/// A peer's log differs from the one here in a place: asks where they part.
fn search<B: Branched>(here: &B, from: DeviceId, log: LogId, differs: u64) -> Option<Said> {
    let next = here.searches().begin((from, here.space(), log), differs, Instant::now())?;
    let (Next::Ask(seq) | Next::Found(seq)) = next;
    Some(Said::Ask { log, seq })
}

/// Two entries contradict each other.
fn forked<B: Branched>(here: &B, ours: &Entry, theirs: &Entry) -> Result<(), B::Error> {
    let Ok(proof) = ForkProof::of(ours, theirs) else { return Ok(()) };
    here.fork_proved(&proof)?;
    here.take(theirs, true)?;
    here.grew(&ours.log());
    Ok(())
}
