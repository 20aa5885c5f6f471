//! What is answered to each word about forks.

use std::time::Instant;

use sheaf_access::{DeviceId, EntryHash, LogId};
use sheaf_log::{ForkProof, Taken, Unverified};

use super::search::Next;
use super::{Branched, ENDS, End, ROOM, Said, Unbelieved, WAITING, Waiting, ends_of, forked, word};
use crate::entry_bytes::EntryBytes;

/// Takes in what a peer has said of forks, and answers what to say to it. What is said of other things has no answer here.
pub fn hear<B: Branched>(here: &B, from: DeviceId, said: Said) -> Result<Vec<Said>, B::Error> {
    match said {
        Said::Farewell(_) => Ok(Vec::new()),
        Said::Ask { log, seq } => ask(here, from, log, seq),
        Said::Answer { log, seq, entry } => answer(here, from, (log, seq), entry.as_ref()),
        Said::Fork { proof, ends } => fork(here, from, &proof, ends),
        Said::Want { log, end, from: first, needed } => want(here, from, (log, end), first, needed),
        Said::Path { log, end, entries, next, needed } => path(here, from, (log, end), &entries, next, needed),
    }
}

/// A peer asks for an entry.
fn ask<B: Branched>(here: &B, from: DeviceId, log: LogId, seq: u64) -> Result<Vec<Said>, B::Error> {
    if !here.may_see(&from) {
        return Ok(Vec::new());
    }
    let entry = here.entry(log, seq)?.map(|entry| EntryBytes::from(entry.encoded()));
    let mut said = vec![Said::Answer { log, seq, entry }];
    if here.forks().at(&log).is_some_and(|at| at <= seq) {
        // They have found out that something is not as it should be. Both may have the same in the log proper.
        said.extend(word(here, &log));
    }
    Ok(said)
}

/// A peer answers with an entry.
fn answer<B: Branched>(
    here: &B,
    from: DeviceId,
    (log, seq): (LogId, u64),
    entry: Option<&EntryBytes>,
) -> Result<Vec<Said>, B::Error> {
    let key = (from, here.space(), log);
    let theirs = entry.and_then(|bytes| Unverified::decode(bytes.as_slice()).and_then(Unverified::verify).ok());
    let theirs = theirs.filter(|entry| (entry.space(), entry.log(), entry.seq()) == (here.space(), log, seq));
    let ours = here.entry(log, seq)?;
    // What was pruned, there or here, a checkpoint stands for: it is the same.
    let same = match (&ours, &theirs) {
        (Some(ours), Some(theirs)) => ours.hash() == theirs.hash(),
        _ => true,
    };
    match here.searches().answered(key, seq, same, Instant::now()) {
        Some(Next::Ask(next)) => Ok(vec![Said::Ask { log, seq: next }]),
        Some(Next::Found(place)) if place == seq || (same && place <= seq) => {
            here.searches().end(key);
            if let (Some(ours), Some(theirs), false) = (ours, theirs, same) {
                forked(here, &ours, &theirs)?;
            }
            Ok(Vec::new())
        }
        Some(Next::Found(place)) => Ok(vec![Said::Ask { log, seq: place }]),
        None => Ok(Vec::new()),
    }
}

/// A peer proves that a log is forked, and says how its branches end there.
fn fork<B: Branched>(here: &B, from: DeviceId, proof: &[u8], mut ends: Vec<End>) -> Result<Vec<Said>, B::Error> {
    let Ok(proof) = ForkProof::verify(proof) else { return Ok(Vec::new()) };
    if proof.space() != here.space() || !here.knows(&proof.log().device) {
        return Ok(Vec::new());
    }
    ends.truncate(ENDS);
    weigh(here, from, proof, ends)
}

/// A proof is in order. It is kept if it is of a log that is held, for a device can sign any number of others: names of
/// logs cost it nothing. Otherwise it waits, and not long: whoever has it says it again when they meet.
pub(super) fn weigh<B: Branched>(
    here: &B,
    from: DeviceId,
    proof: ForkProof,
    ends: Vec<End>,
) -> Result<Vec<Said>, B::Error> {
    let log = proof.log();
    let height = here.height(&log)?;
    if height == 0 || proof.seq() > height.saturating_add(1) {
        here.talk().wait(Unbelieved { device: from, proof, ends });
        return Ok(Vec::new());
    }
    let before = here.forks().version();
    here.fork_proved(&proof)?;
    let forks = here.forks();
    let Some(forked) = forks.get(&log) else { return Ok(Vec::new()) };
    let want = |end: &End| {
        let next = end.prev.is_some_and(|prev| forked.tree.contains(&prev));
        Said::Want { log, end: end.hash, from: if next { end.seq } else { forked.at }, needed: false }
    };
    let wanted: Vec<Said> = ends.iter().filter(|end| !forked.tree.contains(&end.hash)).map(want).collect();
    // Of what would be said: if that is not all, saying it again would help nobody.
    let said = |end: &EntryHash| ends.iter().any(|said| said.hash == *end);
    let more = ends_of(here, &log, forked).iter().any(|end| !said(&end.hash));
    if forks.version() != before {
        here.grew(&log);
    }
    // Not before what they have is here: it may follow what is.
    let answers = wanted.is_empty() && more && here.may_see(&from);
    Ok(if answers { word(here, &log).into_iter().collect() } else { wanted })
}

/// A peer asks for what leads to an end of a branch.
fn want<B: Branched>(
    here: &B,
    from: DeviceId,
    (log, end): (LogId, EntryHash),
    first: u64,
    needed: bool,
) -> Result<Vec<Said>, B::Error> {
    if !here.may_see(&from) {
        return Ok(Vec::new());
    }
    let forks = here.forks();
    // Where it is not known to be forked it is a log like any other: the end, if it is held, can be asked for by its place.
    let Some(forked) = forks.get(&log) else { return Ok(Vec::new()) };
    let place = |hash: EntryHash| Some((hash, forked.tree.seq_of(&hash)?));
    let path = forked.tree.path(&end).into_iter().filter_map(place).filter(|(_, seq)| *seq >= first);
    let (mut entries, mut size, mut next) = (Vec::new(), 0, None);
    for (hash, seq) in path {
        let entry = if forked.is_main(&hash) { here.entry(log, seq)? } else { here.beside(log, hash)? };
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
fn path<B: Branched>(
    here: &B,
    from: DeviceId,
    (log, end): (LogId, EntryHash),
    entries: &[EntryBytes],
    next: Option<u64>,
    needed: bool,
) -> Result<Vec<Said>, B::Error> {
    let needed = needed && here.talk().needed.contains(&(log, end));
    let mut grew = false;
    let mut answer = next.map(|from| Said::Want { log, end, from, needed });
    for bytes in entries {
        let Ok(entry) = Unverified::decode(bytes.as_slice()).and_then(Unverified::verify) else { break };
        if entry.log() != log || entry.space() != here.space() {
            break;
        }
        match here.take(&entry, needed)? {
            Taken::New => grew = true,
            Taken::Known => {}
            Taken::Lacking => {
                // What it names is on its way, or comes when it comes.
                let again = Waiting { device: from, log, end, from: entry.seq() };
                let mut talk = here.talk();
                if talk.wanting.len() < WAITING && !talk.wanting.contains(&again) {
                    talk.wanting.push(again);
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
        here.grew(&log);
    }
    Ok(answer.into_iter().collect())
}
