//! Everything that must hold for a change before Automerge sees it (L3), as far as no log is needed to tell.
//!
//! Automerge panics on a gap in an actor's numbers, on a late author, on an unknown actor, object or element; one change
//! whose operations are numbered near 2^32 makes every later local edit panic; a few bytes can unfold into billions of
//! operations. And it accepts a change that does not descend from its actor's previous one, which would let a log be
//! rewritten. None of this may depend on what else has arrived: a change is judged by what it builds on alone, so that
//! every device comes to the same verdict.

mod audit;
mod bytes;
mod past;
mod peek;
pub(crate) mod saved;
pub(crate) mod scan;

use std::collections::HashSet;
use std::sync::Arc;

use automerge::{ActorId, Change, ChangeHash, ObjId, ObjType, ReadDoc, legacy};

pub use audit::{Audit, characters_in};
use past::{Lines, Objects, Past};
pub use peek::{Peek, peek};
pub use scan::ScanError;

use crate::{
    document::{Document, Genesis, guard},
    limits::{MAX_CHANGE_BYTES, MAX_CHANGE_OPERATIONS, MAX_OPERATION_GAP, MAX_OPERATION_NUMBER},
};

/// What is known about where a change came from.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The actors that the log may use in this document and part: one for each slot.
    pub actors: Vec<Vec<u8>>,
    /// The log's person.
    pub author: Vec<u8>,
}

/// Why a change is not applied. Each of these is a verdict: every device comes to the same one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is larger than a change may be.
    #[error("the change takes {bytes} bytes, and at most {MAX_CHANGE_BYTES} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Its bytes are not those of a plain change, or unfold into too much.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// Automerge cannot read it.
    #[error("the change cannot be read: {0}")]
    Unreadable(String),
    /// Its checksum is not that of its contents.
    #[error("the change's checksum does not match")]
    Checksum,
    /// Its actor belongs to another log, document or part.
    #[error("the change was made by an actor that is not this log's")]
    ForeignActor,
    /// It is not the actor's next change.
    #[error("the change is number {found} of its actor, and number {expected} is next")]
    Sequence {
        /// Its number.
        found: u64,
        /// The number it should have.
        expected: u64,
    },
    /// It does not build on its actor's previous change.
    #[error("the change does not build on its actor's previous one")]
    LostPredecessor,
    /// It does not name the log's person as its author, or names one where it must not.
    #[error("the change does not name its author as it must")]
    Author,
    /// It builds on a change that is not here. Not a verdict on a change whose entry says otherwise: L2 comes first.
    #[error("the change builds on {0}, which is not here")]
    UnknownDependency(ChangeHash),
    /// Its operations are numbered too low, too far ahead, or too high.
    #[error("the change's operations are numbered from {start} to {end}, where {highest} is the highest it builds on")]
    Numbering {
        /// Its first operation's number.
        start: u64,
        /// Its last.
        end: u64,
        /// The highest number among what it builds on.
        highest: u64,
    },
    /// It has no operations.
    #[error("the change does nothing")]
    Empty,
    /// It names an operation that is not among what it builds on.
    #[error("the change speaks of something that is not in what it builds on")]
    UnknownReference,
    /// It does to an object what cannot be done to an object of that kind.
    #[error("the change does something to an object that cannot be done to it")]
    Impossible,
}

/// A change that has passed every check.
#[derive(Clone, Debug)]
pub struct ValidChange {
    change: Change,
}

impl ValidChange {
    /// Its hash.
    pub fn hash(&self) -> ChangeHash {
        self.change.hash()
    }

    /// Its actor.
    pub fn actor(&self) -> &[u8] {
        self.change.actor_id().to_bytes()
    }

    /// Its number among the actor's changes.
    pub fn seq(&self) -> u64 {
        self.change.seq()
    }

    /// The changes it builds on.
    pub fn deps(&self) -> &[ChangeHash] {
        self.change.deps()
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.change.raw_bytes()
    }

    /// One of a document that was accepted as a whole (C1).
    pub(crate) const fn accepted(change: Change) -> Self {
        Self { change }
    }

    pub(crate) fn into_change(self) -> Change {
        self.change
    }

    /// A change nobody has looked at, for tests of what happens when one slips through.
    #[doc(hidden)]
    pub fn unchecked(bytes: &[u8]) -> Option<Self> {
        Change::from_bytes(bytes.to_vec()).ok().map(|change| Self { change })
    }
}

/// Checks one change against a document as it is.
pub fn check_change(doc: &Document, bytes: &[u8], expect: &Expect) -> Result<ValidChange, Invalid> {
    Checker::new(doc).check(bytes, expect)
}

/// Changes of the document that are not below some others.
type Beside = Arc<HashSet<ChangeHash>>;

/// Checks changes one after another, each against the document and those before it, before any is applied.
#[derive(Debug)]
pub struct Checker<'a> {
    doc: &'a Document,
    /// What passed, and is not in the document yet.
    passed: Lines,
    /// What was named last, and what of the document is not below it.
    beside: Option<(Arc<[ChangeHash]>, Beside)>,
}

impl<'a> Checker<'a> {
    /// Begins with a document.
    pub fn new(doc: &'a Document) -> Self {
        Self { doc, passed: Lines::default(), beside: None }
    }

    /// Checks the next change.
    pub fn check(&mut self, bytes: &[u8], expect: &Expect) -> Result<ValidChange, Invalid> {
        if bytes.len() > MAX_CHANGE_BYTES {
            return Err(Invalid::TooLarge { bytes: bytes.len() });
        }
        // First what can be told without Automerge …
        let scanned = scan::change(bytes)?;
        let tip = self.passed.tip(&scanned.actor).map(|tip| (tip.seq, tip.hash));
        let tip = tip.or_else(|| self.doc.tip(&scanned.actor).map(|tip| (tip.seq, tip.hash)));
        let end = outline(&scanned, expect, tip, |dep| match self.passed.get(dep) {
            Some(passed) => Some(passed.end),
            None => self.doc.doc.get_change_meta_by_hash(dep).map(|meta| meta.max_op),
        })?;
        // … then with it, where it may panic.
        let read = guard::caught(|| {
            let change = Change::from_bytes(bytes.to_vec()).map_err(|error| Invalid::Unreadable(error.to_string()))?;
            if change.hash().0[..4] != scanned.checksum {
                return Err(Invalid::Checksum);
            }
            if change.len() as u64 != scanned.operations || change.len() as u64 > MAX_CHANGE_OPERATIONS {
                return Err(Invalid::Unreadable("it holds another number of operations than it says".to_owned()));
            }
            let past = self.passed.past(&scanned.deps);
            let beside = self.beside(&past.named);
            let objects = self.check_operations(&change, &scanned, &past, &beside)?;
            Ok((change, objects, past))
        });
        let (change, objects, past) = read.unwrap_or_else(|panic| Err(Invalid::Unreadable(panic)))?;
        self.passed.push(&scanned.actor, (scanned.seq, change.hash()), (scanned.start_op, end, objects), past);
        Ok(ValidChange { change })
    }

    /// The changes of the document that are not below these.
    fn beside(&mut self, named: &Arc<[ChangeHash]>) -> Beside {
        // Changes that come together mostly build on the same.
        if let Some((_, beside)) = self.beside.as_ref().filter(|(same, _)| same == named) {
            return Arc::clone(beside);
        }
        let changes = self.doc.doc.get_changes_meta(named);
        let beside: Beside = Arc::new(changes.into_iter().map(|change| change.hash).collect());
        self.beside = Some((Arc::clone(named), Arc::clone(&beside)));
        beside
    }

    /// Every object, element and predecessor must be the change's own or come from what it builds on, and every operation
    /// must be one that its object can take. Automerge asks for little of this itself in a release build. Gives the
    /// objects that the change makes.
    fn check_operations(
        &self,
        change: &Change,
        scanned: &scan::ScannedChange,
        past: &Past,
        beside: &HashSet<ChangeHash>,
    ) -> Result<Objects, Invalid> {
        let mut past = Below { doc: self.doc, passed: &self.passed, past, beside, last: None };
        let known: HashSet<&[u8]> =
            std::iter::once(&scanned.actor).chain(&scanned.other_actors).map(Vec::as_slice).collect();
        let mut made = Objects::new();
        // Operations come in long runs on one object.
        let mut last: Option<(legacy::OpId, ObjType)> = None;
        for (own, operation) in (scanned.start_op..).zip(change.decode().operations) {
            let object = match &operation.obj {
                legacy::ObjectId::Id(id) => Some(id),
                legacy::ObjectId::Root => None,
            };
            let element = match &operation.key {
                legacy::Key::Seq(legacy::ElementId::Id(id)) => Some(id),
                _ => None,
            };
            for id in object.into_iter().chain(element).chain(operation.pred.iter()) {
                let actor = id.actor().to_bytes();
                let is_own = actor == scanned.actor && (scanned.start_op..own).contains(&id.counter());
                let is_known = is_own || known.contains(actor) && past.holds(id.counter(), id.actor());
                if !is_known {
                    return Err(Invalid::UnknownReference);
                }
            }
            let kind = match object {
                None => ObjType::Map,
                Some(id) => match &last {
                    Some((same, kind)) if same == id => *kind,
                    _ => {
                        let is_own = id.actor().to_bytes() == scanned.actor;
                        let own = made.get(&id.counter()).copied().filter(|_| is_own);
                        let kind = own.or_else(|| past.object(id)).ok_or(Invalid::UnknownReference)?;
                        last = Some((id.clone(), kind));
                        kind
                    }
                },
            };
            if !fits(&operation, kind) {
                return Err(Invalid::Impossible);
            }
            if let legacy::OpType::Make(kind) = operation.action {
                made.insert(own, kind);
            }
        }
        Ok(made)
    }
}

/// What can be told of a change without Automerge: whose it is, where it stands, and what it builds on. `tip` is its actor's
/// latest change before it, `highest` the highest operation of one that is here. Gives the number of its last operation.
fn outline(
    scanned: &scan::ScannedChange,
    expect: &Expect,
    tip: Option<(u64, ChangeHash)>,
    highest: impl Fn(&ChangeHash) -> Option<u64>,
) -> Result<u64, Invalid> {
    if !expect.actors.contains(&scanned.actor) {
        return Err(Invalid::ForeignActor);
    }
    if scanned.operations == 0 {
        return Err(Invalid::Empty);
    }
    let expected = tip.map_or(1, |(seq, _)| seq + 1);
    if scanned.seq != expected {
        return Err(Invalid::Sequence { found: scanned.seq, expected });
    }
    if tip.is_some_and(|(_, hash)| !scanned.deps.contains(&hash)) {
        return Err(Invalid::LostPredecessor);
    }
    let footer = if scanned.seq == 1 { author_footer(&expect.author) } else { Vec::new() };
    if scanned.extra != footer {
        return Err(Invalid::Author);
    }
    let mut below = 0;
    for dep in &scanned.deps {
        below = below.max(highest(dep).ok_or(Invalid::UnknownDependency(*dep))?);
    }
    let end = scanned.start_op.saturating_add(scanned.operations - 1);
    let numbered =
        scanned.start_op > below && scanned.start_op <= below + MAX_OPERATION_GAP && end < MAX_OPERATION_NUMBER;
    if !numbered {
        return Err(Invalid::Numbering { start: scanned.start_op, end, highest: below });
    }
    Ok(end)
}

/// Whether an object of this type can take the operation.
fn fits(operation: &legacy::Op, kind: ObjType) -> bool {
    use legacy::{ElementId, Key, OpType};
    let place = match (&operation.key, kind) {
        (Key::Map(_), ObjType::Map | ObjType::Table) => !operation.insert,
        (Key::Seq(ElementId::Head), ObjType::List | ObjType::Text) => operation.insert,
        (Key::Seq(ElementId::Id(_)), ObjType::List | ObjType::Text) => true,
        _ => false,
    };
    let action = match &operation.action {
        OpType::Delete | OpType::Increment(_) => !operation.insert && operation.pred.iter().next().is_some(),
        OpType::MarkBegin(_) | OpType::MarkEnd(_) => operation.insert && kind == ObjType::Text,
        OpType::Make(_) | OpType::Put(_) => true,
    };
    // What is inserted is new, and so replaces nothing.
    place && action && !(operation.insert && operation.pred.iter().next().is_some())
}

/// What a change builds on: which operations are in it.
struct Below<'a> {
    doc: &'a Document,
    passed: &'a Lines,
    past: &'a Past,
    /// Changes in the document that are *not* in the past.
    beside: &'a HashSet<ChangeHash>,
    /// References come in long runs to the same change.
    last: Option<(ActorId, u64, u64)>,
}

impl Below<'_> {
    /// The type of an object that this past holds; nothing if that is not an object.
    fn object(&self, id: &legacy::OpId) -> Option<ObjType> {
        let made = self.passed.maker(self.past, id.actor().to_bytes(), id.counter());
        match made.and_then(|change| change.objects.get(&id.counter())) {
            Some(kind) => Some(*kind),
            None => self.doc.doc.object_type(ObjId::Id(id.counter(), id.actor().clone(), 0)).ok(),
        }
    }

    fn holds(&mut self, counter: u64, actor: &ActorId) -> bool {
        if let Some((known, start, end)) = &self.last
            && known == actor
            && (*start..=*end).contains(&counter)
        {
            return true;
        }
        if let Some(change) = self.passed.maker(self.past, actor.to_bytes(), counter) {
            self.last = Some((actor.clone(), change.start, change.end));
            return true;
        }
        let doc = &self.doc.doc;
        if counter == 0 || counter > u64::from(u32::MAX) {
            return false;
        }
        let Some(hash) = doc.hash_for_opid(&ObjId::Id(counter, actor.clone(), 0)) else { return false };
        if self.beside.contains(&hash) {
            return false;
        }
        if let Some(meta) = doc.get_change_meta_by_hash(&hash) {
            self.last = Some((actor.clone(), meta.start_op, meta.max_op));
        }
        true
    }
}

/// The footer Automerge writes into an actor's first change to say who the author is.
pub(crate) fn author_footer(author: &[u8]) -> Vec<u8> {
    let mut footer = vec![1];
    let mut length = author.len();
    while length >= 0x80 {
        footer.push(length as u8 | 0x80);
        length >>= 7;
    }
    footer.push(length as u8);
    footer.extend_from_slice(author);
    footer
}

/// Whether a change is one of those every document begins with, which are exempt from all of this (D2).
pub fn is_exempt(hash: &ChangeHash) -> bool {
    Genesis::is_genesis(hash)
}
