//! What admission has found that points to a fork, and what is asked because of it.

use sheaf_access::{DeviceId, EntryHash, LogId};
use sheaf_log::{Entry, EntryRef, Forks, Refusal, Taken};

use super::{Branched, Said, forked, search};
use crate::tip::Tip;

/// Of how many forked logs, and how many at once, access entries are asked for whose log is not known.
const ASKED_LOGS: usize = 8;
const ASKED_ENTRIES: usize = 4;

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

/// Whether a refusal points to a fork; and whether the entry only waits for what there is to be found out, and comes again.
pub fn suspect(forks: &Forks, entry: &Entry, refusal: &Refusal) -> Option<(Suspicion, bool)> {
    match refusal {
        Refusal::Fork { seq, .. } if *seq == entry.seq() => Some((Suspicion::Twice(Box::new(entry.clone())), false)),
        Refusal::Fork { log, seq, .. } => Some((Suspicion::Differs(*log, *seq), true)),
        Refusal::OtherBranch { on, .. } => Some((Suspicion::BuiltOn(*on), true)),
        Refusal::Lacking(lacking) => {
            let branch = |on: &&EntryRef| forks.at(&on.log).is_some_and(|at| on.seq >= at);
            if let Some(on) = lacking.builds_on.iter().find(branch) {
                return Some((Suspicion::BuiltOn(*on), true));
            }
            let knew = !lacking.access.is_empty() && !forks.is_empty();
            knew.then(|| (Suspicion::Knew(lacking.access.clone()), true))
        }
        _ => None,
    }
}

/// Those of a peer's logs that end in places which are held here with another entry.
pub fn differing<B: Branched>(here: &B, tips: &[(LogId, u64, Tip)]) -> Result<Vec<Suspicion>, B::Error> {
    let mut found = Vec::new();
    for (log, seq, tip) in tips {
        if here.entry(*log, *seq)?.is_some_and(|ours| Tip::of(&ours.hash()) != *tip) {
            found.push(Suspicion::Differs(*log, *seq));
        }
    }
    Ok(found)
}

/// Follows up what admission has found. Answers what to say to whoever it came from.
pub fn follow_up<B: Branched>(here: &B, from: DeviceId, suspicion: Suspicion) -> Result<Vec<Said>, B::Error> {
    match suspicion {
        Suspicion::Twice(entry) => {
            let (log, seq) = (entry.log(), entry.seq());
            match here.entry(log, seq)? {
                Some(ours) if ours.header().prev == entry.header().prev => {
                    forked(here, &ours, &entry)?;
                    Ok(Vec::new())
                }
                Some(_) => Ok(search(here, from, log, seq.saturating_sub(1)).into_iter().collect()),
                None => Ok(Vec::new()),
            }
        }
        Suspicion::Differs(log, seq) => Ok(search(here, from, log, seq).into_iter().collect()),
        Suspicion::Branch(entry) => {
            if here.take(&entry, false)? == Taken::New {
                here.grew(&entry.log());
            }
            Ok(Vec::new())
        }
        Suspicion::BuiltOn(on) => {
            let Some(at) = here.forks().at(&on.log).filter(|at| on.seq >= *at) else {
                return Ok(search(here, from, on.log, on.seq).into_iter().collect());
            };
            here.talk().need((on.log, on.hash));
            Ok(vec![Said::Want { log: on.log, end: on.hash, from: at, needed: true }])
        }
        Suspicion::Knew(entries) => {
            // Which log they are of is not said. Where they are not, there is no answer.
            let mut said = Vec::new();
            for (log, forked) in here.forks().iter().take(ASKED_LOGS) {
                for end in entries.iter().take(ASKED_ENTRIES) {
                    here.talk().need((*log, *end));
                    said.push(Said::Want { log: *log, end: *end, from: forked.at, needed: true });
                }
            }
            Ok(said)
        }
    }
}
