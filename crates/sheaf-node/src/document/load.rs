//! Bringing a document into memory: the snapshot, then the entries that came after it, checked like any others.

use std::collections::HashMap;
use std::sync::Arc;

use sheaf_access::{DocumentId, PersonId};
use sheaf_document::{Checker, Document, Expect, Genesis, ValidChange};
use sheaf_log::{EntryRef, MAX_SLOTS, Part, actor};
use sheaf_store::{Arrival, CacheKind, StoreError};

use super::cache::Snapshot;
use crate::core::Core;
use crate::error::NodeError;
use crate::opening::Arrived;
use crate::space::Space;

/// A document in memory, and what is known of where its changes are kept.
pub struct Loaded {
    /// The document.
    pub document: Document,
    /// Which entries hold the changes that new ones may build on directly.
    pub holders: HashMap<[u8; 32], EntryRef>,
    /// Every entry of the document up to this arrival is in it.
    pub upto: Arrival,
    /// How many entries came after the snapshot.
    pub since_snapshot: usize,
}

/// Loads a document. What its entries hold and may not be applied closes their logs, and nothing else.
pub fn load(core: &Core, space: &Space, id: DocumentId, genesis: Genesis) -> Result<Loaded, NodeError> {
    let mut loaded = from_snapshot(core, id, genesis)?;
    let rows = match core.store.document_rows(space.id, id, loaded.upto + 1) {
        // What was noted of the entries is damaged; the entries say it again.
        Err(StoreError::Damaged { .. }) => {
            core.open_all_again(space);
            core.store.document_rows(space.id, id, loaded.upto + 1)
        }
        rows => rows,
    }?;
    let mut arrived = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(entry) = core.store.entry(space.id, row.log, row.seq)? else { continue };
        let (key, author) = {
            let state = space.lock();
            let key = state.keys.get(&entry.header().epoch).cloned();
            let author = state.access.as_ref().and_then(|access| access.now().person_of(&row.log.device));
            (key, author)
        };
        let (Some(key), Some(author)) = (key, author) else { continue };
        // It has been opened before, or it would not have been noted.
        let Ok(content) = entry.open(&key) else { continue };
        if content.part == Part::Body {
            let entry = entry.reference();
            arrived.push(Arrived { arrival: row.arrival, entry, author, changes: content.changes });
        }
    }
    loaded.since_snapshot = arrived.len();
    let valid = check(core, space, id, &loaded.document, &arrived);
    loaded.holders.extend(valid.holders);
    loaded.upto = arrived.iter().map(|arrived| arrived.arrival).max().unwrap_or(loaded.upto).max(loaded.upto);
    for refused in loaded.document.apply(valid.changes).refused {
        close(core, space, id, &refused, &loaded.holders);
    }
    Ok(loaded)
}

fn from_snapshot(core: &Core, id: DocumentId, genesis: Genesis) -> Result<Loaded, NodeError> {
    let snapshot = core.store.cache(CacheKind::Snapshot, id)?.and_then(|bytes| Snapshot::decode(&bytes));
    if let Some(snapshot) = snapshot {
        match Document::load(&snapshot.bytes) {
            Ok(document) => {
                let (holders, upto) = (snapshot.holders.into_iter().collect(), snapshot.upto);
                return Ok(Loaded { document, holders, upto, since_snapshot: 0 });
            }
            // It is only a copy: the entries say the same, and take longer.
            Err(error) => tracing::warn!(%error, document = %id, "the saved copy of a document does not open"),
        }
    }
    let document = Document::new(genesis);
    Ok(Loaded { document, holders: HashMap::new(), upto: 0, since_snapshot: 0 })
}

/// Changes that may be applied, and the entries they came in.
pub struct Checked {
    /// The changes.
    pub changes: Vec<ValidChange>,
    /// Which entry holds which.
    pub holders: HashMap<[u8; 32], EntryRef>,
}

/// Checks what entries brought (L3). The first invalid one closes its log.
pub fn check(core: &Core, space: &Space, id: DocumentId, document: &Document, arrived: &[Arrived]) -> Checked {
    let mut checker = Checker::new(document);
    let mut passed = Checked { changes: Vec::new(), holders: HashMap::new() };
    let mut expectations: HashMap<_, Arc<Expect>> = HashMap::new();
    for one in arrived {
        if space.lock().closed.contains(&one.entry.log) {
            continue;
        }
        let expect = expectations.entry(one.entry.log).or_insert_with(|| Arc::new(expect(id, one.entry, one.author)));
        for bytes in &one.changes {
            // An own change is here already; so is one that came twice.
            let known = sheaf_document::check::peek(bytes).is_ok_and(|peek| document.has(&peek.hash));
            if known {
                continue;
            }
            match checker.check(bytes, expect) {
                Ok(change) => {
                    passed.holders.insert(change.hash().0, one.entry);
                    passed.changes.push(change);
                }
                Err(invalid) => {
                    core.close_log(space, one.entry.log, &invalid.to_string());
                    break;
                }
            }
        }
    }
    passed
}

/// A change passed every check and still broke the document.
pub fn close(
    core: &Core,
    space: &Space,
    id: DocumentId,
    refused: &sheaf_document::RefusedChange,
    holders: &HashMap<[u8; 32], EntryRef>,
) {
    tracing::warn!(document = %id, reason = %refused.reason, "a change broke the document and was left out");
    if let Some(holder) = holders.get(&refused.hash.0) {
        core.close_log(space, holder.log, &refused.reason);
    }
}

fn expect(id: DocumentId, entry: EntryRef, author: PersonId) -> Expect {
    let actors = (0..MAX_SLOTS).map(|slot| actor(&entry.log, &id, Part::Body, slot).to_vec()).collect();
    Expect { actors, author: author.as_bytes().to_vec() }
}
