//! Bringing a document into memory: the snapshot, then the entries that came after it, checked like any others.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sheaf_access::{DocumentId, PersonId};
use sheaf_document::{ChangeHash, Checker, Document, Expect, Genesis, Invalid, ValidChange};
use sheaf_log::{EntryRef, MAX_SLOTS, Part, actor};
use sheaf_store::{Arrival, CacheKind, DocumentRow, StoreError};

use super::cache::{Content, Snapshot};
use super::cache_name;
use super::named::{Holders, Places};
use crate::core::Core;
use crate::counting::{Void, differences};
use crate::error::NodeError;
use crate::opening::Arrived;
use crate::space::Space;

/// A document in memory, and what is known of where its changes are kept.
pub struct Loaded {
    /// The document.
    pub document: Document,
    /// Which entries hold the changes that new ones may build on directly.
    pub holders: Holders,
    /// Every entry of the document up to this arrival is in it, if it counts.
    pub upto: Arrival,
    /// What does not count.
    pub void: Arc<Void>,
    /// How many entries came after the snapshot.
    pub since_snapshot: usize,
    /// Whether one of them waits for something that is not here.
    pub behind: bool,
}

/// Loads a document. What its entries hold and may not be applied closes their logs, and nothing else.
pub fn load(core: &Core, space: &Space, id: DocumentId, genesis: Genesis) -> Result<Loaded, NodeError> {
    let void = Arc::clone(&space.lock().void);
    let (mut loaded, gained) = from_snapshot(core, space, id, genesis, void)?;
    let mut arrived = gained;
    arrived.extend(read(core, space, id, loaded.upto + 1, &loaded.void)?);
    loaded.since_snapshot = arrived.len();
    let known = (&loaded.document, &loaded.holders);
    let checked = check(core, space, id, known, &loaded.void, &arrived);
    loaded.upto = checked.upto(&arrived, loaded.upto);
    loaded.behind = checked.waits.is_some();
    loaded.holders.extend(checked.holders);
    let refused = loaded.document.apply(checked.changes).refused;
    for refused in &refused {
        close(core, space, id, refused, &loaded.holders);
    }
    if checked.closed || !refused.is_empty() {
        core.open_new(space, None);
    }
    Ok(loaded)
}

/// What the stored entries from an arrival on bring to a document, those that count.
pub fn read(core: &Core, space: &Space, id: DocumentId, from: Arrival, void: &Void) -> Result<Vec<Arrived>, NodeError> {
    let rows = rows(core, space, id, from)?;
    let mut arrived = read_rows(core, space, rows.into_iter().filter(|row| !void.is_from(&row.log, row.seq)))?;
    arrived.extend(read_branches(core, space, id, void)?);
    Ok(arrived)
}

/// What comes to a document from branches that are kept beside their logs, and count (L6).
fn read_branches(core: &Core, space: &Space, id: DocumentId, void: &Void) -> Result<Vec<Arrived>, NodeError> {
    let mut arrived = Vec::new();
    if void.branch.is_empty() {
        return Ok(arrived);
    }
    let forks = Arc::clone(&space.lock().forks);
    for (log, hash) in forks.all_beside().into_iter().filter(|(_, hash)| void.branch.contains(hash)) {
        let Some(entry) = core.branch_entry(space.id, log, hash)? else { continue };
        arrived.extend(core.open_stored(space, &entry)?.filter(|(of, _)| *of == id).map(|(_, one)| one));
    }
    Ok(arrived)
}

/// Which entries hold changes of a document, from an arrival on.
pub fn rows(core: &Core, space: &Space, id: DocumentId, from: Arrival) -> Result<Vec<DocumentRow>, NodeError> {
    Ok(match core.store.document_rows(space.id, id, from) {
        // What was noted of the entries is damaged; the entries say it again.
        Err(StoreError::Damaged { .. }) => {
            core.open_all_again(space);
            core.store.document_rows(space.id, id, from)
        }
        rows => rows,
    }?)
}

/// What entries hold.
pub fn read_rows(
    core: &Core,
    space: &Space,
    rows: impl Iterator<Item = DocumentRow>,
) -> Result<Vec<Arrived>, NodeError> {
    let mut arrived = Vec::new();
    for row in rows {
        // Not here any more: it comes again from others, and with it what builds on it.
        let Some(entry) = core.store.entry(space.id, row.log, row.seq)? else { continue };
        // It has been opened before, or it would not have been noted.
        arrived.extend(core.open_stored(space, &entry)?.map(|(_, one)| Arrived { arrival: row.arrival, ..one }));
    }
    Ok(arrived)
}

/// What has come to count since a snapshot was made, of the document's entries up to there; or nothing, if it holds some
/// that do not count any more.
fn still_good(
    core: &Core,
    space: &Space,
    id: DocumentId,
    snapshot: &Snapshot,
    void: &Void,
) -> Result<Option<Vec<Arrived>>, NodeError> {
    let branch = snapshot.branch.iter().copied().collect();
    let before = Void { from: snapshot.void.iter().copied().collect(), branch };
    if !before.branch.is_subset(&void.branch) {
        return Ok(None);
    }
    let changed = differences(&before, void);
    if changed.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let mut gained = Vec::new();
    for row in rows(core, space, id, 0)? {
        let within = |(log, from, to, _): &&(_, u64, u64, bool)| *log == row.log && (*from..*to).contains(&row.seq);
        match changed.iter().find(within) {
            // Where something waited, what came after that is in it too.
            Some((.., true)) => return Ok(None),
            Some((.., false)) if row.arrival <= snapshot.upto => gained.push(row),
            _ => {}
        }
    }
    Ok(Some(read_rows(core, space, gained.into_iter())?))
}

fn from_snapshot(
    core: &Core,
    space: &Space,
    id: DocumentId,
    genesis: Genesis,
    void: Arc<Void>,
) -> Result<(Loaded, Vec<Arrived>), NodeError> {
    let cached = core.store.cache(CacheKind::Snapshot, cache_name(space.id, id))?;
    let snapshot = cached.and_then(|bytes| Snapshot::decode(&bytes));
    let store = core.store_number()?;
    // One that was made beside another store says nothing about what has arrived at this one.
    if let Some(snapshot) = snapshot.filter(|snapshot| Some(snapshot.store) == store)
        && let Some(gained) = still_good(core, space, id, &snapshot, &void)?
        && let Some(document) = restored(core, space, id, &snapshot)?
    {
        let (holders, upto) = (snapshot.holders.into_iter().collect(), snapshot.upto);
        return Ok((Loaded { document, holders, upto, void, since_snapshot: 0, behind: false }, gained));
    }
    // What was pruned is in a checkpoint; what came after it is in entries.
    let document = match from_checkpoint(core, space, id)? {
        Some(document) => document,
        None => Document::new(genesis),
    };
    Ok((Loaded { document, holders: HashMap::new(), upto: 0, void, since_snapshot: 0, behind: false }, Vec::new()))
}

/// The document that a snapshot is of. Nothing, if it does not open, or is not all of it any more.
fn restored(core: &Core, space: &Space, id: DocumentId, snapshot: &Snapshot) -> Result<Option<Document>, NodeError> {
    let document = match &snapshot.content {
        Content::Here { bytes, .. } => match Document::load(bytes) {
            Ok(document) => Some(document),
            // It is only a copy: the entries say the same, and take longer.
            Err(error) => {
                tracing::warn!(%error, document = %id, "the saved copy of a document does not open");
                return Ok(None);
            }
        },
        // Another one may be held now, which has more; or one that was let go, if the last was found damaged, and has less.
        Content::InCheckpoint { heads } => {
            let heads: Vec<_> = heads.iter().map(|head| ChangeHash(*head)).collect();
            from_checkpoint(core, space, id)?.filter(|document| document.has_all(&heads))
        }
    };
    let whole = document.filter(|document| holds_checkpoints(space, id, document));
    if whole.is_none() {
        tracing::debug!(document = %id, "the saved copy does not have what the checkpoints have");
    }
    Ok(whole)
}

/// Whether a saved copy has all that checkpoints stand for: what it lacks of that may be pruned, and no entry would bring
/// it. So it is when the node was killed after a checkpoint, before it saved the document anew.
pub fn holds_checkpoints(space: &Space, id: DocumentId, document: &Document) -> bool {
    let held = space.checkpoints().held.clone();
    let mut attested = held.iter().filter_map(|base| base.attested.get(&(id, Part::Body))).flatten();
    attested.all(|one| document.has(&ChangeHash(one.hash)))
}

/// A document as the last checkpoint that has it keeps it; all that the others have of it is applied on top.
pub fn from_checkpoint(core: &Core, space: &Space, id: DocumentId) -> Result<Option<Document>, NodeError> {
    let mut bases = space.checkpoints().held.clone();
    let Some(last) = bases.pop() else { return Ok(None) };
    let blobs = core.home().blobs();
    let mut document =
        match last.document(&**blobs, id)? {
            Some(saved) => {
                // Verified before it was kept, and what is read is what was kept: the blob's name is its hash.
                let loaded = Document::load(&saved.save);
                Some(loaded.map_err(|error| {
                    NodeError::Damaged(format!("a document in a checkpoint does not open: {error}"))
                })?)
            }
            None => None,
        };
    for base in bases.iter().rev().filter(|base| !last.checkpoint.covers.covers(&base.checkpoint.covers)) {
        let Some(saved) = base.document(&**blobs, id)? else { continue };
        let other = Document::load(&saved.save).map_err(|error| NodeError::Damaged(error.to_string()))?;
        match &mut document {
            Some(document) => {
                // Of two that stand for different branches of a log, the one that goes further.
                let refused = document.apply(other.accepted_changes()).refused;
                if let Some(first) = refused.first() {
                    tracing::warn!(document = %id, count = refused.len(), reason = %first.reason, "two checkpoints differ");
                }
            }
            None => document = Some(other),
        }
    }
    Ok(document)
}

/// Changes that may be applied, and the entries they came in.
#[derive(Default)]
pub struct Checked {
    /// The changes.
    pub changes: Vec<ValidChange>,
    /// Which entry holds which.
    pub holders: Holders,
    /// The first entry that builds on something that is not here, and so has to wait.
    pub waits: Option<Arrival>,
    /// Whether a log was closed for one of them.
    pub closed: bool,
}

impl Checked {
    /// Up to where everything that came is in the document.
    pub fn upto(&self, arrived: &[Arrived], before: Arrival) -> Arrival {
        match self.waits {
            Some(waits) => before.min(waits.saturating_sub(1)),
            None => arrived.iter().map(|one| one.arrival).max().unwrap_or(before).max(before),
        }
    }
}

/// What became of one entry's changes.
enum Verdict {
    Good,
    /// For this change.
    Waits(ChangeHash),
    Invalid(String),
}

/// Checks what entries brought (L3). The first invalid one closes its log, from there on. One that builds on what is not
/// here waits: that something is missing here is no verdict. After a store was lost, own entries come before those
/// of others that they build on; so what waits is looked at again as long as that helps. But what an entry builds on, it
/// has to name: where that is not so, or all that it names is here and has no such change, it is not valid ([`Places`]).
/// One that builds on what is not valid is not judged: it does not count, as soon as that has been counted.
///
/// What does not count is left out, as far as the document has heard of it.
pub fn check(
    core: &Core,
    space: &Space,
    id: DocumentId,
    (document, holders): (&Document, &Holders),
    void: &Void,
    arrived: &[Arrived],
) -> Checked {
    let places = Places::new(core, space, id, document, holders);
    // Entries of which a part passed. The checker has seen that part, though it is not applied, so it begins anew.
    let mut set_aside: HashMap<Arrival, ChangeHash> = HashMap::new();
    let mut closed = false;
    'anew: loop {
        let mut passed = Checked::default();
        let mut checker = Checker::new(document);
        let mut expectations: HashMap<_, Arc<Expect>> = HashMap::new();
        let mut todo: Vec<&Arrived> = arrived.iter().filter(|one| !set_aside.contains_key(&one.arrival)).collect();
        loop {
            let before = todo.len();
            let mut waiting: Vec<(&Arrived, ChangeHash)> = Vec::new();
            for one in todo {
                if is_closed(space, &one.entry) || void.is(&one.entry) {
                    continue;
                }
                let expect =
                    expectations.entry(one.entry.log).or_insert_with(|| Arc::new(expect(id, one.entry, one.author)));
                let (changes, verdict) = check_one(&mut checker, &places, &passed.holders, one, expect);
                match verdict {
                    Verdict::Good => {
                        passed.holders.extend(changes.iter().map(|change| (change.hash().0, one.entry)));
                        passed.changes.extend(changes);
                        continue;
                    }
                    Verdict::Waits(change) if changes.is_empty() => waiting.push((one, change)),
                    Verdict::Waits(change) => {
                        set_aside.insert(one.arrival, change);
                    }
                    Verdict::Invalid(reason) => {
                        core.close_log(space, one.entry.log, one.entry.seq, &reason);
                        closed = true;
                    }
                }
                if !changes.is_empty() {
                    continue 'anew;
                }
            }
            if waiting.is_empty() || waiting.len() == before {
                let partly = arrived.iter().filter_map(|one| Some((one, *set_aside.get(&one.arrival)?)));
                waiting.extend(partly.filter(|(one, _)| !is_closed(space, &one.entry)));
                if let Some((one, _)) = waiting.iter().find(|(one, lacks)| places.is_hopeless(one, lacks)) {
                    let reason = "it builds on a change that nothing it names has";
                    core.close_log(space, one.entry.log, one.entry.seq, reason);
                    closed = true;
                    set_aside.remove(&one.arrival);
                    continue 'anew;
                }
                let waits = waiting.iter().map(|(one, _)| one.arrival).min();
                if let Some(first) = waits {
                    tracing::debug!(document = %id, first, "entries wait for something that is not here");
                }
                (passed.waits, passed.closed) = (waits, closed);
                return passed;
            }
            todo = waiting.into_iter().map(|(one, _)| one).collect();
        }
    }
}

/// Whether the log is closed there.
fn is_closed(space: &Space, entry: &EntryRef) -> bool {
    space.lock().closed.get(&entry.log).is_some_and(|bad| entry.seq >= *bad)
}

/// Checks one entry's changes, and gives back those that passed before the first that did not.
fn check_one(
    checker: &mut Checker<'_>,
    places: &Places<'_>,
    passed: &Holders,
    one: &Arrived,
    expect: &Expect,
) -> (Vec<ValidChange>, Verdict) {
    let mut changes: Vec<ValidChange> = Vec::with_capacity(one.changes.len());
    let mut within = HashSet::new();
    for bytes in &one.changes {
        let mut lacks = None;
        if let Ok(peek) = sheaf_document::check::peek(bytes) {
            // An own change is here already; so is one that came twice.
            let is_here = |hash: &ChangeHash| places.document().has(hash) || passed.contains_key(&hash.0);
            if is_here(&peek.hash) {
                within.insert(peek.hash);
                continue;
            }
            let others = peek.deps.iter().filter(|dep| !Genesis::is_genesis(dep) && !within.contains(*dep));
            for dep in others.filter(|dep| is_here(dep)) {
                match places.is_named(one, dep, passed) {
                    Some(true) => {}
                    Some(false) => {
                        return (
                            changes,
                            Verdict::Invalid(format!("it builds on {dep} and does not name where that is")),
                        );
                    }
                    None => return (changes, Verdict::Waits(*dep)),
                }
            }
            within.insert(peek.hash);
            lacks = peek
                .deps
                .iter()
                .find(|dep| !Genesis::is_genesis(dep) && !within.contains(*dep) && !is_here(dep))
                .copied();
        }
        match (checker.check(bytes, expect), lacks) {
            (Ok(change), _) => changes.push(change),
            (Err(Invalid::UnknownDependency(change)), _) => return (changes, Verdict::Waits(change)),
            // The change before it of its actor has to be among those that it builds on.
            (Err(Invalid::Sequence { found, expected }), Some(lacks)) if found > expected => {
                return (changes, Verdict::Waits(lacks));
            }
            (Err(invalid), _) => return (changes, Verdict::Invalid(invalid.to_string())),
        }
    }
    (changes, Verdict::Good)
}

/// A change passed every check and still broke the document.
pub fn close(core: &Core, space: &Space, id: DocumentId, refused: &sheaf_document::RefusedChange, holders: &Holders) {
    tracing::warn!(document = %id, reason = %refused.reason, "a change broke the document and was left out");
    // Whoever only built on it is left out with it; what they wrote is not what broke it.
    if !refused.follows
        && let Some(holder) = holders.get(&refused.hash.0)
    {
        core.close_log(space, holder.log, holder.seq, &refused.reason);
    }
}

/// What the changes of an entry have to say of themselves.
pub fn expect(id: DocumentId, entry: EntryRef, author: PersonId) -> Expect {
    let actors = (0..MAX_SLOTS).map(|slot| actor(&entry.log, &id, Part::Body, slot).to_vec()).collect();
    Expect { actors, author: author.as_bytes().to_vec() }
}
