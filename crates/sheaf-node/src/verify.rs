//! Verifying: everything that is stored of a space is gone over once more, as if a stranger had brought it.
//!
//! Each entry's signature and payload, its place in its log and what it builds on, whether its author might write it as its
//! own past has it, and, where this device has the key, what is in it: whose changes they are and that none is left out
//! (L3). Checkpoints are held against what the logs that they stand for have signed (C1). Nothing is repaired here; what is
//! wrong is named.
//!
//! Signatures and seals are what takes long, and need nothing but the entry: a batch of entries is divided among all
//! processors. What needs the entries before it is done in order afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;

use sheaf_access::{AccessHistory, ContentKey, DeviceId, DocumentId, EpochId, LogId, PersonId, SpaceId};
use sheaf_document::check::{Audit, characters_in};
use sheaf_document::{Document, Expect, Genesis, Invalid};
use sheaf_log::{
    Content, Entry, EntryRef, Frontier, Held, HeldEntry, Kind, MAX_SLOTS, NotAdmitted, Part, Unverified, actor, admit,
    belongings_document, index_document, may_checkpoint,
};

use crate::checkpoint::Means;
use crate::core::{Core, READ};
use crate::counting::Void;
use crate::document::load::from_checkpoint;
use crate::error::NodeError;
use crate::forks::Forks;
use crate::space::{Space, still_arriving};

/// The most problems that are named; the others are counted.
const NAMED: usize = 100;

/// What was found.
#[derive(Default)]
pub struct Verified {
    /// How many entries were gone over.
    pub entries: usize,
    /// How many signatures were checked.
    pub signatures: usize,
    /// How many entries this device has no key for.
    pub sealed: usize,
    /// How many checkpoints were held against what they stand for.
    pub checkpoints: usize,
    /// What is wrong.
    pub problems: Vec<String>,
    /// How many problems there are beyond those.
    pub more: usize,
    /// Who wrote how much that counts.
    pub authors: BTreeMap<PersonId, Work>,
    /// What does not count, log by log: it is set aside.
    pub aside: BTreeMap<LogId, Aside>,
}

/// What one log wrote that does not count (A5, L3, L6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Who wrote it.
    pub author: PersonId,
    /// The first entry of it.
    pub first: u64,
    /// How much it is.
    pub work: Work,
}

/// How much someone wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Entries of their logs that are stored here.
    pub entries: usize,
    /// Changes of documents.
    pub changes: usize,
    /// Characters in these, whatever became of them.
    pub characters: usize,
}

impl Work {
    /// The two together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        let entries = self.entries + other.entries;
        let (changes, characters) = (self.changes + other.changes, self.characters + other.characters);
        Self { entries, changes, characters }
    }
}

impl Verified {
    fn named(&self) -> usize {
        self.problems.len() + self.more
    }

    fn problem(&mut self, text: impl FnOnce() -> String) {
        if self.problems.len() < NAMED {
            self.problems.push(text());
        } else {
            self.more += 1;
        }
    }
}

/// An entry, checked as far as it can be by itself.
struct Alone {
    entry: Entry,
    /// What is wrong with its signature or payload, if anything is.
    wrong: Option<String>,
    /// What is in it, if there is a key; and why not, if the key does not open it.
    content: Option<Result<Content, String>>,
}

impl Core {
    /// Goes over a space, or one document of it. Blocks.
    pub fn verify(&self, space: &Space, only: Option<DocumentId>) -> Result<Verified, NodeError> {
        let (access, keys, closed, forks, void) = {
            let state = space.lock();
            let access = state.access.clone().ok_or_else(still_arriving)?;
            let (forks, void) = (Arc::clone(&state.forks), Arc::clone(&state.void));
            (access, state.keys.clone(), state.closed.clone(), forks, void)
        };
        let mut found = Verified::default();
        let mut round = Round {
            core: self,
            space,
            access: &access,
            closed: &closed,
            only,
            held: Past::new(self, space, Arc::clone(&forks))?,
            void,
            audits: HashMap::new(),
            waiting: Vec::new(),
        };
        let mut after = 0;
        loop {
            let batch = self.store.since(space.id, after, READ)?;
            let Some((last, _)) = batch.last() else { break };
            after = *last;
            for alone in check_alone(batch.into_iter().map(|(_, entry)| entry).collect(), &keys) {
                round.take(alone, &mut found)?;
            }
        }
        for (log, hash) in forks.all_beside() {
            if let Some(entry) = self.branch_entry(space.id, log, hash)? {
                for alone in check_alone(vec![entry], &keys) {
                    round.take(alone, &mut found)?;
                }
            }
        }
        for (log, forked) in forks.iter() {
            found.problem(|| {
                let at = forked.at;
                format!("log {log} is forked at entry {at}: its device wrote two there; one counts, and the other is set aside (L6)")
            });
        }
        round.finish(&mut found)?;
        self.verify_checkpoints(space, &access, &keys, &closed, only, &mut found)?;
        for damage in self.store.damage() {
            found.problem(|| damage.to_string());
        }
        Ok(found)
    }

    /// Holds the checkpoints against what the logs have signed, blobs and all, and counts what was written before them.
    fn verify_checkpoints(
        &self,
        space: &Space,
        access: &AccessHistory,
        keys: &BTreeMap<EpochId, ContentKey>,
        closed: &BTreeMap<LogId, u64>,
        only: Option<DocumentId>,
        found: &mut Verified,
    ) -> Result<(), NodeError> {
        let bases = space.checkpoints().held.clone();
        let blobs = self.home().blobs();
        for base in &bases {
            let means = Means { blobs: &**blobs, access, keys, invalid: closed, known: None, documents: true };
            if let Err(problem) = means.verify(&base.entry, Arc::clone(&base.bundle)) {
                let number = base.entry.seq();
                found.problem(|| format!("the checkpoint in entry {number} of log {}: {problem}", base.entry.log()));
            }
            found.checkpoints += 1;
        }
        let Some(last) = bases.last() else { return Ok(()) };
        for ((document, part), attested) in &last.attested {
            if *part != Part::Body || only.is_some_and(|only| only != *document) {
                continue;
            }
            let Some(whole) = from_checkpoint(self, space, *document)? else { continue };
            let authors: HashMap<Vec<u8>, PersonId> =
                attested.iter().map(|one| (one.actor.to_vec(), one.author)).collect();
            for change in whole.accepted_changes() {
                if let Some(author) = authors.get(change.actor()) {
                    let work = found.authors.entry(*author).or_default();
                    work.changes += 1;
                    work.characters += change.characters();
                }
            }
        }
        Ok(())
    }
}

/// Checks entries by themselves, on as many threads as there are processors.
fn check_alone(entries: Vec<Entry>, keys: &BTreeMap<EpochId, ContentKey>) -> Vec<Alone> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let share = entries.len().div_ceil(threads).max(1);
    let mut entries = entries.into_iter();
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        loop {
            let part: Vec<Entry> = entries.by_ref().take(share).collect();
            if part.is_empty() {
                break;
            }
            workers.push(scope.spawn(move || part.into_iter().map(|entry| alone(entry, keys)).collect::<Vec<_>>()));
        }
        // A worker that panicked would have panicked here: what it should have said must not be taken for good news.
        let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect()
    })
}

fn alone(entry: Entry, keys: &BTreeMap<EpochId, ContentKey>) -> Alone {
    let verified = Unverified::decode(entry.encoded()).and_then(Unverified::verify);
    let wrong = verified.err().map(|error| error.to_string());
    let is_content = matches!(entry.header().kind, Kind::Body | Kind::Talk);
    let key = keys.get(&entry.header().epoch).filter(|_| is_content && wrong.is_none());
    let content = key.map(|key| entry.open(key).map_err(|error| error.to_string()));
    Alone { entry, wrong, content }
}

/// One document's audit, and how its logs' changes are to look.
struct Auditing {
    audit: Audit,
    expected: HashMap<LogId, Expect>,
}

/// A content entry of which a change builds on something that has not come by yet.
struct Waiting {
    log: LogId,
    seq: u64,
    author: PersonId,
    document: DocumentId,
    changes: std::vec::IntoIter<Vec<u8>>,
    /// Whether it does not count: it is counted as that already.
    aside: bool,
}

/// The going over, entry by entry, in the order in which they arrived.
struct Round<'a> {
    core: &'a Core,
    space: &'a Space,
    access: &'a AccessHistory,
    closed: &'a BTreeMap<LogId, u64>,
    only: Option<DocumentId>,
    held: Past,
    void: Arc<Void>,
    audits: HashMap<DocumentId, Auditing>,
    waiting: Vec<Waiting>,
}

impl Round<'_> {
    fn take(&mut self, alone: Alone, found: &mut Verified) -> Result<(), NodeError> {
        let Alone { entry, wrong, content } = alone;
        let (log, seq) = (entry.log(), entry.seq());
        found.signatures += 1;
        if let Some(reason) = wrong {
            found.problem(|| format!("entry {seq} of log {log}: {reason}"));
        }
        let beside = self.held.forks.beside(&entry.reference()).is_some();
        // One that is kept beside its log was admitted on its branch.
        if let Some(reason) = if beside { None } else { self.is_out_of_place(&entry) } {
            found.problem(|| format!("entry {seq} of log {log}: {reason}"));
        }
        if !beside {
            self.held.add(&entry);
        }
        let author = self.access.now().person_of(&log.device);
        let is_content = matches!(entry.header().kind, Kind::Body | Kind::Talk);
        let content = match content {
            None => None,
            Some(Ok(content)) => Some(content),
            Some(Err(reason)) => {
                found.problem(|| format!("entry {seq} of log {log} does not open: {reason}"));
                return Ok(());
            }
        };
        let concerned = match (&content, self.only) {
            (_, None) => true,
            (Some(content), Some(only)) => content.document == only,
            (None, Some(_)) => false,
        };
        if !concerned {
            return Ok(());
        }
        found.entries += 1;
        if content.is_none() && is_content {
            found.sealed += 1;
        }
        let Some(author) = author else { return Ok(()) };
        let bad = self.closed.get(&log).copied();
        let other_side = beside && !self.void.branch.contains(&entry.hash());
        let aside = other_side || self.void.is(&entry.reference()) || bad.is_some_and(|bad| seq >= bad);
        let changes = content.filter(|content| content.part == Part::Body);
        if aside {
            let changes = changes.as_ref().map_or(&[][..], |content| &content.changes);
            // What cannot be read is named by whoever goes over it, and writes nothing.
            let characters = changes.iter().map(|change| characters_in(change).unwrap_or(0)).sum();
            let work = Work { entries: 1, changes: changes.len(), characters };
            let one = found.aside.entry(log).or_insert(Aside { author, first: seq, work: Work::default() });
            (one.first, one.work) = (one.first.min(seq), one.work.and(work));
        } else {
            found.authors.entry(author).or_default().entries += 1;
        }
        if bad.is_some_and(|bad| seq > bad) {
            // Set aside with the one that closed its log (L3).
            return Ok(());
        }
        let parts = !self.held.forks.is_empty() || !self.closed.is_empty();
        if parts && bad != Some(seq) && self.void.is(&entry.reference()) {
            // Of two branches, and what was built on them, the changes of one side only fit together (L6); and nothing fits
            // what is built on what was not valid.
            return Ok(());
        }
        let before = found.named();
        if let Some(content) = changes {
            let (document, changes) = (content.document, content.changes.into_iter());
            self.audit(Waiting { log, seq, author, document, changes, aside }, found)?;
        }
        if bad == Some(seq) && found.named() == before {
            found.problem(|| format!("log {log} is closed from entry {seq} on, which was not valid; it is set aside"));
        }
        Ok(())
    }

    /// Whether an entry stands where it should: it follows what it says it follows (L1, L2), and its author might write it,
    /// as its own past has it (A2, A4, A5, E3).
    fn is_out_of_place(&self, entry: &Entry) -> Option<String> {
        if entry.header().is_creation() {
            let first = entry.space() == self.space.id;
            return (!first).then(|| "it begins another space".to_owned());
        }
        let refusal = match admit(entry, &self.held, self.access) {
            Ok(_) => return None,
            Err(NotAdmitted::Refused(refusal)) => refusal,
            Err(NotAdmitted::Unreadable(never)) => match never {},
        };
        // A checkpoint may have come before what it stands for, and without it.
        if entry.header().kind == Kind::Checkpoint && may_checkpoint(entry, self.access).is_ok() {
            return None;
        }
        Some(format!("{refusal} ({})", refusal.rule()))
    }

    /// Checks the changes of an entry (L3), as far as what they build on has come by.
    fn audit(&mut self, mut entry: Waiting, found: &mut Verified) -> Result<(), NodeError> {
        let document = entry.document;
        if !self.audits.contains_key(&document) {
            let base = from_checkpoint(self.core, self.space, document)?;
            let base = base.unwrap_or_else(|| Document::new(genesis_of(&self.space.id, &document)));
            self.audits.insert(document, Auditing { audit: Audit::new(base), expected: HashMap::new() });
        }
        let Some(auditing) = self.audits.get_mut(&document) else { return Ok(()) };
        let expect = auditing.expected.entry(entry.log).or_insert_with(|| {
            let actors = (0..MAX_SLOTS).map(|slot| actor(&entry.log, &document, Part::Body, slot).to_vec());
            Expect { actors: actors.collect(), author: entry.author.as_bytes().to_vec() }
        });
        while let Some(change) = entry.changes.as_slice().first() {
            match auditing.audit.check(change, expect) {
                Ok(written) => {
                    // What a checkpoint has too is counted with it.
                    if let Some(characters) = written.filter(|_| !entry.aside) {
                        let work = found.authors.entry(entry.author).or_default();
                        work.changes += 1;
                        work.characters += characters;
                    }
                    entry.changes.next();
                }
                // After a loss, own entries come before those of others that they build on.
                Err(Invalid::UnknownDependency(_) | Invalid::Sequence { .. }) => {
                    self.waiting.push(entry);
                    return Ok(());
                }
                Err(invalid) => {
                    found.problem(|| format!("entry {} of log {}: {invalid} (L3)", entry.seq, entry.log));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Looks again at what waits, as long as that helps.
    fn finish(&mut self, found: &mut Verified) -> Result<(), NodeError> {
        loop {
            let waiting = std::mem::take(&mut self.waiting);
            let before: usize = waiting.iter().map(|entry| entry.changes.len()).sum();
            for entry in waiting {
                self.audit(entry, found)?;
            }
            let after: usize = self.waiting.iter().map(|entry| entry.changes.len()).sum();
            if after == before {
                break;
            }
        }
        for entry in std::mem::take(&mut self.waiting) {
            let reason = "it builds on something that is not here";
            found.problem(|| format!("entry {} of log {}: {reason} (L3)", entry.seq, entry.log));
        }
        Ok(())
    }
}

/// What a document begins with.
fn genesis_of(space: &SpaceId, document: &DocumentId) -> Genesis {
    if *document == index_document(space) {
        Genesis::Index
    } else if *document == belongings_document(space) {
        Genesis::Belongings
    } else {
        Genesis::Text
    }
}

/// What has been gone over so far: what the next entry may build on.
struct Past {
    frontier: Frontier,
    floors: Frontier,
    /// The last headers of covered logs, which stand for the entries (C3).
    headers: HashMap<(LogId, u64), HeldEntry>,
    entries: HashMap<(LogId, u64), HeldEntry>,
    forks: Arc<Forks>,
}

impl Past {
    fn new(core: &Core, space: &Space, forks: Arc<Forks>) -> Result<Self, NodeError> {
        let floors = core.store.floors(space.id)?;
        let headers = space.checkpoints().headers();
        Ok(Self { frontier: floors.clone(), floors, headers, entries: HashMap::new(), forks })
    }

    fn add(&mut self, entry: &Entry) {
        self.frontier.advance(entry.log(), entry.seq());
        self.entries.insert((entry.log(), entry.seq()), HeldEntry::from(entry));
    }
}

impl Held for Past {
    type Error = Infallible;

    fn height(&self, log: &LogId) -> Result<u64, Infallible> {
        Ok(self.frontier.get(log))
    }

    fn at(&self, log: &LogId, seq: u64) -> Result<Option<HeldEntry>, Infallible> {
        Ok(self.entries.get(&(*log, seq)).or_else(|| self.headers.get(&(*log, seq))).cloned())
    }

    fn branch(&self, on: &EntryRef) -> Result<Option<HeldEntry>, Infallible> {
        Ok(self.forks.beside(on).cloned())
    }

    fn covered(&self, log: &LogId, seq: u64) -> Result<bool, Infallible> {
        Ok(self.floors.holds(log, seq))
    }

    // How many logs there may be was asked when they began.
    fn logs(&self) -> Result<usize, Infallible> {
        Ok(0)
    }

    fn logs_of(&self, _: &BTreeSet<DeviceId>) -> Result<usize, Infallible> {
        Ok(0)
    }
}
