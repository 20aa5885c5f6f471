//! Work that is set aside (A6): what it is, what it says, and how somebody who may write makes it theirs.
//!
//! Entries that do not count are kept and never applied. What one log wrote in one document is a *piece*: it has a name that
//! stays the same on this device, a text, and somebody can adopt it. To see what a piece says, the document is made as if
//! everything in it counted, beside the one that is open; what the piece did there is worked out and merged into what the
//! document says now. Adopting writes that, as edits of whoever adopts it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use sheaf_access::{DocumentId, EntryHash, LogId, PersonId, SpaceId};
use sheaf_document::check::peek;
use sheaf_document::export;
use sheaf_document::model::{Block, BlockKind, Item};
use sheaf_document::{ChangeHash, Document, Genesis, index};
use sheaf_log::{Entry, EntryRef, index_document};

use crate::core::{Core, READ, locked};
use crate::counting::Void;
use crate::document::{Job, Message, apply_all, load};
use crate::error::NodeError;
use crate::forks::Forks;
use crate::opening::Arrived;
use crate::space::Space;

/// What one log wrote in one document and does not count.
pub struct Piece {
    /// What to call it by.
    pub id: String,
    /// Who wrote it.
    pub author: PersonId,
    /// In which log.
    pub log: LogId,
    /// In which document.
    pub document: DocumentId,
    /// When the last of it was written, in milliseconds since 1970.
    pub when: u64,
    /// The last entry of it.
    pub last: EntryRef,
    /// Its changes.
    pub changes: HashSet<ChangeHash>,
    /// Of each forked log that it is of or builds on, the last entry of the branch that it means.
    branches: BTreeMap<LogId, EntryHash>,
}

impl Piece {
    /// What a document that reads `now` would read with this piece; `whole` is the document with everything in it.
    pub fn merged(&self, whole: &Document, now: Vec<Item>) -> Result<Vec<Item>, NodeError> {
        let changes: HashSet<ChangeHash> = self.changes.iter().filter(|hash| whole.has(hash)).copied().collect();
        whole.rework(&changes, now).map_err(|error| NodeError::BadInput(error.to_string()))
    }

    /// What it adds, as plain text: what it puts into a document that says nothing else.
    pub fn text(&self, whole: &Document) -> Result<String, NodeError> {
        Ok(plain(&self.merged(whole, Vec::new())?))
    }

    /// Whether a document has all of it.
    pub fn is_in(&self, document: &Document) -> bool {
        self.changes.iter().all(|change| document.has(change))
    }

    /// What a document reads once this piece is adopted: merged where it was; where that does not work, or nothing of it
    /// would be seen, quoted at the end. Not, if some of it is missing: nobody would look for that any more.
    pub fn adopted(&self, whole: &Document, now: &[Item]) -> Result<Vec<Item>, NodeError> {
        if !self.is_in(whole) {
            return Err(NodeError::PieceIncomplete);
        }
        match self.merged(whole, now.to_vec()) {
            Ok(merged) if merged != now => Ok(merged),
            _ => Ok(quoted(now, &self.text(whole)?)),
        }
    }
}

impl Core {
    /// The pieces of a space that are set aside, oldest first, without what was `adopted`. Blocks.
    pub fn pieces(&self, space: &Space, adopted: &HashMap<String, u64>) -> Result<Vec<Piece>, NodeError> {
        // What is being opened at this moment is looked at when all of it is.
        let _opened = locked(&space.opened);
        let (void, forks, aside) = {
            let state = space.lock();
            (Arc::clone(&state.void), Arc::clone(&state.forks), state.set_aside().collect::<Vec<_>>())
        };
        let mut pieces = Pieces { space: space.id, adopted, forks: &forks, found: BTreeMap::new() };
        for (log, mut from, until) in aside {
            while from < until {
                let batch = self.store.range(space.id, log, from, READ)?;
                let Some(last) = batch.last() else { break };
                from = last.seq() + 1;
                for entry in batch.iter().take_while(|entry| entry.seq() < until) {
                    pieces.take(entry, self.open_stored(space, entry)?);
                }
            }
        }
        for (log, hash) in forks.all_beside().into_iter().filter(|(_, hash)| !void.branch.contains(hash)) {
            if let Some(entry) = self.branch_entry(space.id, log, hash)? {
                pieces.take(&entry, self.open_stored(space, &entry)?);
            }
        }
        let mut pieces: Vec<Piece> = pieces.found.into_values().collect();
        pieces.sort_by(|a, b| a.when.cmp(&b.when).then_with(|| a.id.cmp(&b.id)));
        Ok(pieces)
    }

    /// A piece's document as it would be if everything that leads to the piece counted. Blocks.
    pub fn with_everything(&self, space: &Space, piece: &Piece) -> Result<Document, NodeError> {
        let forks = Arc::clone(&space.lock().forks);
        let mut arrived = load::read(self, space, piece.document, 0, &Void::default())?;
        for (log, end) in &piece.branches {
            // One branch of a log at a time: two cannot be in one document.
            let Some(forked) = forks.get(log) else { continue };
            arrived.retain(|one| one.entry.log != *log || one.entry.seq < forked.at);
            for hash in forked.tree.path(end) {
                let entry = match forked.tree.seq_of(&hash).filter(|_| forked.is_main(&hash)) {
                    Some(seq) => self.store.entry(space.id, *log, seq)?,
                    None => self.branch_entry(space.id, *log, hash)?,
                };
                let Some(entry) = entry else { continue };
                arrived.extend(
                    self.open_stored(space, &entry)?.filter(|(of, _)| *of == piece.document).map(|(_, one)| one),
                );
            }
        }
        let mut document = Document::new(Genesis::Text);
        apply_all(piece.document, &mut document, &arrived);
        // After a checkpoint, what the piece builds on may be in there and nowhere else. It comes second, since of a forked
        // log it has the branch that counts.
        if !piece.is_in(&document)
            && let Some(base) = load::from_checkpoint(self, space, piece.document)?
        {
            let mut base = without_other_side(base, piece, &arrived)?;
            apply_all(piece.document, &mut base, &arrived);
            document = base;
        }
        Ok(document)
    }

    /// Lets everyone know that a piece has been adopted, up to an entry of its log.
    pub fn put_adopted(self: &Arc<Self>, space: &Arc<Space>, id: String, upto: u64) {
        let job: Job = Box::new(move |task| {
            if let Err(error) = task.change(|doc, slot| index::put_adopted(doc, slot, &id, upto)) {
                tracing::warn!(%error, "what was adopted is not written down");
            }
        });
        if let Err(error) = self.tell(space, index_document(&space.id), Genesis::Index, Message::Run(job)) {
            tracing::warn!(%error, "what was adopted is not written down");
        }
    }

    /// Lets everyone know that its author has made again what these entries wrote in a document.
    pub fn put_made_again(self: &Arc<Self>, space: &Arc<Space>, document: DocumentId, entries: &[EntryRef]) {
        let mut last: HashMap<String, u64> = HashMap::new();
        {
            let state = space.lock();
            for entry in entries {
                let id = name_of(space.id, entry.log, side_of(&state.forks, entry), document);
                let seq = last.entry(id).or_insert(entry.seq);
                *seq = entry.seq.max(*seq);
            }
        }
        for (id, seq) in last {
            self.put_adopted(space, id, seq);
        }
    }
}

/// A document without what is in the places of a piece's own changes: a checkpoint may stand for the other side of a fork.
fn without_other_side(base: Document, piece: &Piece, arrived: &[Arrived]) -> Result<Document, NodeError> {
    let own = arrived.iter().filter(|one| one.entry.log == piece.log).flat_map(|one| &one.changes);
    let places: HashSet<(Vec<u8>, u64)> = own
        .filter_map(|change| peek(change).ok().filter(|peek| !base.has(&peek.hash)))
        .map(|peek| (peek.actor.clone(), peek.seq))
        .collect();
    if places.is_empty() {
        return Ok(base);
    }
    let place = |hash: &ChangeHash| Some((base.actor_of(hash)?, base.number_of(hash)?));
    let all = base.accepted_changes().into_iter().map(|change| change.hash());
    let out = all.filter(|hash| place(hash).is_some_and(|place| places.contains(&place))).collect();
    base.without(&out).map(|(document, _)| document).map_err(|error| NodeError::Damaged(error.to_string()))
}

/// Pieces in the making.
struct Pieces<'p> {
    space: SpaceId,
    adopted: &'p HashMap<String, u64>,
    forks: &'p Forks,
    found: BTreeMap<String, Piece>,
}

impl Pieces<'_> {
    /// An entry that does not count, and what it holds.
    fn take(&mut self, entry: &Entry, held: Option<(DocumentId, Arrived)>) {
        let Some((document, arrived)) = held else { return };
        let id = name_of(self.space, entry.log(), side_of(self.forks, &arrived.entry), document);
        // Titles and names come along with what they are of.
        let left_out = document == index_document(&self.space);
        if left_out || self.adopted.get(&id).is_some_and(|upto| entry.seq() <= *upto) {
            return;
        }
        let piece = self.found.entry(id.clone()).or_insert_with(|| Piece {
            id,
            author: arrived.author,
            log: entry.log(),
            document,
            when: 0,
            last: arrived.entry,
            changes: HashSet::new(),
            branches: BTreeMap::new(),
        });
        piece.when = piece.when.max(entry.header().time);
        piece.last = arrived.entry;
        piece.changes.extend(hashes(&arrived));
        // Of every log that is forked, the branch that it is on, or builds on.
        for on in entry.header().builds_on.iter().chain([&arrived.entry]) {
            if self.forks.get(&on.log).is_some_and(|forked| forked.tree.contains(&on.hash)) {
                piece.branches.insert(on.log, on.hash);
            }
        }
    }
}

/// On which side of a fork an entry is: its first entry.
fn side_of(forks: &Forks, entry: &EntryRef) -> Option<EntryHash> {
    forks.get(&entry.log)?.tree.path(&entry.hash).first().copied()
}

fn hashes(arrived: &Arrived) -> impl Iterator<Item = ChangeHash> + '_ {
    arrived.changes.iter().filter_map(|change| Some(peek(change).ok()?.hash))
}

/// What to call what a log wrote in a document; where it is forked, on one side of that.
fn name_of(space: SpaceId, log: LogId, side: Option<EntryHash>, document: DocumentId) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("sheaf 2026 piece set aside v1");
    hasher.update(space.as_bytes()).update(log.device.as_bytes());
    hasher.update(&log.nonce.to_le_bytes()).update(document.as_bytes());
    if let Some(side) = side {
        hasher.update(side.as_bytes());
    }
    // The letters of every other id.
    DocumentId::from_bytes(*hasher.finalize().as_bytes()).to_string()
}

/// A block to put text into.
fn paragraph(kind: BlockKind) -> Item {
    let kind = kind.name().unwrap_or("paragraph").to_owned();
    Item::Block { block: Block { kind, parents: Vec::new(), attrs: BTreeMap::new(), is_embed: false } }
}

/// A text at the end of a document, as a quotation: for what finds no place in it.
fn quoted(now: &[Item], text: &str) -> Vec<Item> {
    let mut items = now.to_vec();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        items.push(paragraph(BlockKind::Quote));
        items.push(Item::Text { text: line.to_owned(), marks: [].into() });
    }
    items
}

fn plain(items: &[Item]) -> String {
    export::plain(items).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use sheaf_access::DeviceId;
    use sheaf_document::Slot;

    use super::*;

    fn text(text: &str) -> Item {
        Item::Text { text: text.to_owned(), marks: [].into() }
    }

    #[test]
    fn of_what_is_not_all_here_nothing_is_adopted() {
        let slot = Slot { actor: vec![1; 32], author: vec![1; 32] };
        let mut whole = Document::new(Genesis::Text);
        let made = whole.replace_with(&slot, &[paragraph(BlockKind::Paragraph), text("Set aside.")]).unwrap();
        let log = LogId { device: DeviceId::from_bytes([1; 32]), nonce: 1 };
        let mut piece = Piece {
            id: String::new(),
            author: PersonId::from_bytes([1; 32]),
            log,
            document: DocumentId::from_bytes([1; 32]),
            when: 0,
            last: EntryRef { log, seq: 1, hash: EntryHash::from_bytes([1; 32]) },
            changes: made.iter().map(|change| change.hash).collect(),
            branches: BTreeMap::new(),
        };
        let now = Document::new(Genesis::Text).items();
        let read = export::plain(&piece.adopted(&whole, &now).unwrap());
        assert!(read.contains("Set aside."), "{read}");
        // One more that has not come, or cannot be opened.
        piece.changes.insert(ChangeHash([9; 32]));
        assert!(matches!(piece.adopted(&whole, &now), Err(NodeError::PieceIncomplete)));
    }

    #[test]
    fn what_finds_no_place_is_quoted_at_the_end() {
        let items = quoted(&[paragraph(BlockKind::Paragraph), text("Here.")], "lost\n\nwords");
        assert_eq!(export::plain(&items).lines().filter(|line| line.contains("words")).count(), 1);
        assert_eq!(items.len(), 6);
    }
}
