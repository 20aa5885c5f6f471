//! Whether the header of an entry commits to what its log has written (L1): the map `mine` that follows from the log's
//! changes up to there has the root that the header names.
//!
//! The verdict is about the log alone, up to that entry, so it is the same for everyone who can open it; a checkpoint's
//! proof of what each log wrote hangs on it (C1). The first entry that commits to something else closes its log (L3).
//!
//! A map goes on from entry to entry: what is paid for each is its own changes and one hash of 8 KiB. Where it is not in
//! memory it is taken up from where it was last kept, or from the checkpoint that covers the log that far, and what came
//! since is read again. What a checkpoint covers has been proved, and is not judged once more.

use std::collections::HashMap;

use sheaf_access::{ContentKey, EntryHash, EpochId, LogId, SpaceId};
use sheaf_document::check::{Peek, peek};
use sheaf_log::{Content, Entry, Kind, Mine, MineKey, slot_of};
use sheaf_store::{Store, StoreError, Table};

use crate::core::{Core, key};
use crate::space::Space;

/// The map of a log at some place of it.
const LEDGER: &[u8] = b"ledger/";
/// After how many entries a map is kept anew.
const KEEP_AFTER: u64 = 256;
/// How many maps are in memory, of one space.
const IN_MEMORY: usize = 256;

/// The maps of a space's logs that are in memory.
#[derive(Default, Debug)]
pub struct Ledgers {
    logs: HashMap<LogId, Ledger>,
}

/// The map of a log, up to an entry of it.
#[derive(Clone, Debug)]
struct Ledger {
    seq: u64,
    tip: Option<EntryHash>,
    mine: Mine,
    /// Up to where it is stored.
    kept: u64,
}

impl Ledger {
    fn new() -> Self {
        Self { seq: 0, tip: None, mine: Mine::new(), kept: 0 }
    }

    /// The next entry. Answers whether it commits to what follows from it.
    fn advance(&mut self, entry: &Entry, changes: &[(MineKey, u64, [u8; 32])]) -> bool {
        for (place, seq, hash) in changes {
            self.mine.set(*place, *seq, *hash);
        }
        (self.seq, self.tip) = (entry.seq(), Some(entry.hash()));
        self.mine.root() == entry.header().mine
    }
}

/// What a log's map says of an entry.
pub enum Committed {
    /// It commits to what its log wrote, or to nothing that can or has to be judged here.
    Yes,
    /// An entry before it has to be opened first, and waits for the key of this epoch.
    Waits(EpochId),
    /// It commits to something else.
    No,
}

/// The changes of an entry, as its log's map has them; nothing, if some are another's.
pub fn own_changes(entry: &Entry, content: &Content, peeks: &[Peek]) -> Option<Vec<(MineKey, u64, [u8; 32])>> {
    let one = |peek: &Peek| {
        let slot = slot_of(&entry.log(), &content.document, content.part, &peek.actor)?;
        Some((MineKey { document: content.document, part: content.part, slot }, peek.seq, peek.hash.0))
    };
    peeks.iter().map(one).collect()
}

impl Core {
    /// Judges what an entry commits to; `changes` are its own. Blocks.
    pub fn commits(
        &self,
        space: &Space,
        ledgers: &mut Ledgers,
        entry: &Entry,
        changes: &[(MineKey, u64, [u8; 32])],
    ) -> Result<Committed, StoreError> {
        let (log, seq) = (entry.log(), entry.seq());
        let covered = space.checkpoints().covered(&log).is_some_and(|covered| covered.seq >= seq);
        let is_from = |from: &u64| *from <= seq;
        let shut = {
            let state = space.lock();
            state.closed.get(&log).is_some_and(is_from) || state.forks.at(&log).as_ref().is_some_and(is_from)
        };
        // From a fork on a log is a tree, and what is stored in it is whatever came first: nothing is said of that here.
        if covered || shut {
            return Ok(Committed::Yes);
        }
        let mut ledger = match ledgers.logs.remove(&log) {
            Some(ledger) => ledger,
            None => self.load_ledger(space.id, log)?,
        };
        let caught_up = self.catch_up(space, &mut ledger, entry)?;
        let verdict = match caught_up {
            // What is judged anew finds the map as it was before it.
            Caught::Up if ledger.seq < seq && !ledger.advance(entry, changes) => return Ok(Committed::No),
            // What is not here comes again, and what comes after it is opened again then.
            Caught::Up | Caught::Hole => Committed::Yes,
            Caught::Waits(epoch) => Committed::Waits(epoch),
        };
        if ledger.seq >= ledger.kept + KEEP_AFTER {
            self.keep_ledger(space.id, log, &mut ledger)?;
        }
        if ledgers.logs.len() >= IN_MEMORY
            && let Some(other) = ledgers.logs.keys().next().copied()
            && let Some(mut other_ledger) = ledgers.logs.remove(&other)
        {
            self.keep_ledger(space.id, other, &mut other_ledger)?;
        }
        ledgers.logs.insert(log, ledger);
        Ok(verdict)
    }

    /// Brings a map to just before an entry. What is read again for that has been judged when it came.
    fn catch_up(&self, space: &Space, ledger: &mut Ledger, entry: &Entry) -> Result<Caught, StoreError> {
        let (log, seq) = (entry.log(), entry.seq());
        if ledger.seq >= seq && (ledger.seq > seq || ledger.tip == Some(entry.hash())) {
            return Ok(Caught::Up);
        }
        if ledger.seq >= seq || (ledger.seq + 1 == seq && ledger.tip != entry.header().prev) {
            // It is of another branch than what is here now.
            *ledger = Ledger::new();
        }
        if let Some(covered) = space.checkpoints().covered(&log).filter(|covered| covered.seq > ledger.seq) {
            let (seq, tip) = (covered.seq, Some(covered.held.hash));
            *ledger = Ledger { seq, tip, mine: covered.mine.clone(), kept: seq };
        }
        while ledger.seq + 1 < seq {
            let Some(earlier) = self.store.entry(space.id, log, ledger.seq + 1)? else { return Ok(Caught::Hole) };
            if earlier.header().prev != ledger.tip {
                return Ok(Caught::Hole);
            }
            let epoch = earlier.header().epoch;
            let content_key = space.lock().keys.get(&epoch).cloned();
            match changes_of(&earlier, content_key.as_ref()) {
                Changes::These(changes) => {
                    ledger.advance(&earlier, &changes);
                }
                Changes::NoKey => return Ok(Caught::Waits(epoch)),
                // It has closed the log.
                Changes::Bad => return Ok(Caught::Hole),
            }
        }
        Ok(Caught::Up)
    }

    fn load_ledger(&self, space: SpaceId, log: LogId) -> Result<Ledger, StoreError> {
        let record = self.store.get(Table::Progress, &record(space, log))?;
        let decode = |bytes: Vec<u8>| {
            let (seq, rest) = bytes.split_first_chunk::<8>()?;
            let (tip, mine) = rest.split_first_chunk::<32>()?;
            let seq = u64::from_le_bytes(*seq);
            let (tip, mine) = (Some(EntryHash::from_bytes(*tip)), Mine::decode(mine).ok()?);
            Some(Ledger { seq, tip, mine, kept: seq })
        };
        let ledger = record.and_then(decode).unwrap_or_else(Ledger::new);
        // Whether it is of the log as it is stored now.
        let there = self.store.entry(space, log, ledger.seq.max(1))?.map(|entry| entry.hash());
        Ok(if ledger.seq == 0 || there.is_none() || there == ledger.tip { ledger } else { Ledger::new() })
    }

    fn keep_ledger(&self, space: SpaceId, log: LogId, ledger: &mut Ledger) -> Result<(), StoreError> {
        keep(&*self.store, space, log, ledger)
    }
}

/// Writes down how far a map has come. That saves reading the log again and is nothing else: one that its author has made too
/// large for a record is worked out anew at the next start, and holds nobody up.
fn keep(store: &dyn Store, space: SpaceId, log: LogId, ledger: &mut Ledger) -> Result<(), StoreError> {
    let Some(tip) = ledger.tip.filter(|_| ledger.seq > ledger.kept) else { return Ok(()) };
    let value = [&ledger.seq.to_le_bytes(), tip.as_bytes().as_slice(), &ledger.mine.encode()].concat();
    match store.put(Table::Progress, &record(space, log), &value) {
        Err(StoreError::TooLarge { size, .. }) => {
            tracing::warn!(%space, %log, size, "what a log says of its own work is too much to keep at hand");
        }
        put => put?,
    }
    ledger.kept = ledger.seq;
    Ok(())
}

/// How far a map could be brought.
enum Caught {
    Up,
    /// An entry is not here.
    Hole,
    /// An entry cannot be opened without the key of this epoch.
    Waits(EpochId),
}

/// What an entry adds to its log's map.
enum Changes {
    These(Vec<(MineKey, u64, [u8; 32])>),
    NoKey,
    Bad,
}

fn changes_of(entry: &Entry, key: Option<&ContentKey>) -> Changes {
    if !matches!(entry.header().kind, Kind::Body | Kind::Talk) {
        return Changes::These(Vec::new());
    }
    let Some(key) = key else { return Changes::NoKey };
    let Ok(content) = entry.open(key) else { return Changes::Bad };
    let peeks: Result<Vec<Peek>, _> = content.changes.iter().map(|change| peek(change)).collect();
    let changes = peeks.ok().and_then(|peeks| own_changes(entry, &content, &peeks));
    changes.map_or(Changes::Bad, Changes::These)
}

fn record(space: SpaceId, log: LogId) -> Vec<u8> {
    [key(LEDGER, space).as_slice(), log.device.as_bytes(), &log.nonce.to_le_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use sheaf_access::{DeviceId, DocumentId};
    use sheaf_log::Part;
    use sheaf_store::MemoryStore;

    use super::*;

    /// An editor may write a little in very many documents that nobody ever opens.
    #[test]
    fn a_map_that_is_too_large_to_keep_holds_nobody_up() {
        let store = MemoryStore::new();
        let (space, log) = (SpaceId::from_bytes([1; 32]), LogId { device: DeviceId::from_bytes([2; 32]), nonce: 1 });
        let mut ledger = Ledger { seq: 1, tip: Some(EntryHash::from_bytes([3; 32])), ..Ledger::new() };
        for number in 0..250_000_u32 {
            let mut document = [0; 32];
            document[..4].copy_from_slice(&number.to_le_bytes());
            let document = DocumentId::from_bytes(document);
            ledger.mine.set(MineKey { document, part: Part::Body, slot: 0 }, 1, [4; 32]);
        }
        let value = ledger.mine.encode();
        assert!(matches!(store.put(Table::Progress, b"a map", &value), Err(StoreError::TooLarge { .. })));
        keep(&store, space, log, &mut ledger).expect("it is only not kept");
        assert_eq!(ledger.kept, 1, "nor is it tried again at once");
        ledger.mine = Mine::new();
        ledger.seq = 2;
        keep(&store, space, log, &mut ledger).expect("it is kept");
        assert!(store.get(Table::Progress, &record(space, log)).expect("it is read").is_some());
    }
}
