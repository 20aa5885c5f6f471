//! Work that is set aside (A6): what it is, what it says, and how somebody who may write makes it theirs.
//!
//! Entries that do not count are kept and never applied. What one log wrote in one document is a *piece*: it has a name that
//! stays the same on this device, a text, and somebody can adopt it. To see what a piece says, the document is made as if
//! everything in it counted, beside the one that is open; what the piece did there is worked out and merged into what the
//! document says now. Adopting writes that, as edits of whoever adopts it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use sheaf_access::{DocumentId, LogId, PersonId, SpaceId};
use sheaf_document::check::peek;
use sheaf_document::export;
use sheaf_document::model::{Block, BlockKind, Item};
use sheaf_document::{ChangeHash, Document, Genesis, index};
use sheaf_log::{EntryRef, index_document};

use crate::core::{Core, READ};
use crate::counting::Void;
use crate::document::{Job, Message, load};
use crate::error::NodeError;
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

    /// What a document reads once this piece is adopted: merged where it was; where that does not work, or nothing of it
    /// would be seen, quoted at the end.
    pub fn adopted(&self, whole: &Document, now: &[Item]) -> Vec<Item> {
        match self.merged(whole, now.to_vec()) {
            Ok(merged) if merged != now => merged,
            _ => quoted(now, &self.text(whole).unwrap_or_default()),
        }
    }
}

impl Core {
    /// The pieces of a space that are set aside, oldest first, without what was `adopted`. Blocks.
    pub fn pieces(&self, space: &Space, adopted: &HashMap<String, u64>) -> Result<Vec<Piece>, NodeError> {
        let void = Arc::clone(&space.lock().void);
        let mut pieces: BTreeMap<(LogId, DocumentId), Piece> = BTreeMap::new();
        let index = index_document(&space.id);
        for (log, first) in void.iter() {
            let mut from = *first;
            loop {
                let batch = self.store.range(space.id, *log, from, READ)?;
                let Some(last) = batch.last() else { break };
                from = last.seq() + 1;
                for entry in &batch {
                    let Some((document, arrived)) = self.open_stored(space, entry)? else { continue };
                    let id = name_of(space.id, *log, document);
                    // Titles and names come along with what they are of.
                    if document == index || adopted.get(&id).is_some_and(|upto| entry.seq() <= *upto) {
                        continue;
                    }
                    let piece = pieces.entry((*log, document)).or_insert_with(|| Piece {
                        id,
                        author: arrived.author,
                        log: *log,
                        document,
                        when: 0,
                        last: arrived.entry,
                        changes: HashSet::new(),
                    });
                    piece.when = piece.when.max(entry.header().time);
                    piece.last = arrived.entry;
                    piece.changes.extend(hashes(&arrived));
                }
            }
        }
        let mut pieces: Vec<Piece> = pieces.into_values().collect();
        pieces.sort_by(|a, b| a.when.cmp(&b.when).then_with(|| a.id.cmp(&b.id)));
        Ok(pieces)
    }

    /// A document as it would be if everything that is held of it counted. Blocks.
    pub fn with_everything(&self, space: &Space, id: DocumentId) -> Result<Document, NodeError> {
        let arrived = load::read(self, space, id, 0, &Void::new())?;
        let mut document = Document::new(Genesis::Text);
        let checked = load::check(self, space, id, &document, &Void::new(), &arrived);
        document.apply(checked.changes);
        Ok(document)
    }

    /// Lets everyone know that what these entries wrote in a document has been adopted, or made again by their author.
    pub fn put_adopted(self: &Arc<Self>, space: &Arc<Space>, document: DocumentId, entries: &[EntryRef]) {
        let mut last: HashMap<LogId, u64> = HashMap::new();
        for entry in entries {
            let seq = last.entry(entry.log).or_insert(entry.seq);
            *seq = entry.seq.max(*seq);
        }
        for (log, seq) in last {
            let id = name_of(space.id, log, document);
            let job: Job = Box::new(move |task| {
                if let Err(error) = task.change(|doc, slot| index::put_adopted(doc, slot, &id, seq)) {
                    tracing::warn!(%error, "what was adopted is not written down");
                }
            });
            if let Err(error) = self.tell(space, index_document(&space.id), Genesis::Index, Message::Run(job)) {
                tracing::warn!(%error, "what was adopted is not written down");
            }
        }
    }
}

fn hashes(arrived: &Arrived) -> impl Iterator<Item = ChangeHash> + '_ {
    arrived.changes.iter().filter_map(|change| Some(peek(change).ok()?.hash))
}

/// What to call what a log wrote in a document.
fn name_of(space: SpaceId, log: LogId, document: DocumentId) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("sheaf 2026 piece set aside v1");
    hasher.update(space.as_bytes()).update(log.device.as_bytes());
    hasher.update(&log.nonce.to_le_bytes()).update(document.as_bytes());
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
    use super::*;

    fn text(text: &str) -> Item {
        Item::Text { text: text.to_owned(), marks: [].into() }
    }

    #[test]
    fn what_finds_no_place_is_quoted_at_the_end() {
        let items = quoted(&[paragraph(BlockKind::Paragraph), text("Here.")], "lost\n\nwords");
        assert_eq!(export::plain(&items).lines().filter(|line| line.contains("words")).count(), 1);
        assert_eq!(items.len(), 6);
    }
}
