//! What a document's thread keeps for the next time it is opened, and when.

use std::collections::{BTreeSet, HashSet};

use sheaf_access::DocumentId;
use sheaf_document::{ChangeHash, Genesis};
use sheaf_store::{CacheKind, StoreError};

use super::cache::{Content, Snapshot, View};
use super::task::Task;
use super::{cache_name, load};
use crate::core::Core;
use crate::error::NodeError;
use crate::space::Space;

/// How many entries may have come since the last snapshot before another is written.
const SNAPSHOT_AFTER: usize = 200;

impl Task {
    /// In a quiet moment: the title for the index, and the caches.
    pub(super) fn look_after(&mut self) {
        self.give_title();
        if self.stale && self.is_saved() {
            self.write_caches(self.since_snapshot >= SNAPSHOT_AFTER);
        }
    }

    /// Everything is written down that is still open, and what is kept for the next time is written too.
    pub(super) fn rest(&mut self) {
        let out = self.sessions.flush(self.now());
        self.send(out);
        self.give_title();
        // The cache is written after the entries it shows (W9).
        let flushed = self.core.flush();
        if self.stale && flushed.is_ok() && self.unsealed.is_empty() {
            self.write_caches(true);
        }
    }

    /// Tells the index the title, if it may be another.
    fn give_title(&mut self) {
        if std::mem::take(&mut self.retitle) {
            let title = sheaf_document::import::called(&self.sessions.document().items());
            self.core.retitle(&self.space, self.id, title);
        }
    }

    fn write_caches(&mut self, snapshot: bool) {
        self.stale = false;
        if self.space.is_destroyed(&self.id) {
            return;
        }
        let (out, heads, items) = self.sessions.view(self.now());
        self.send(out);
        let mut written = Ok(());
        if self.genesis() == Genesis::Text {
            let view = View::new(bytes_of(&heads), items);
            written = self.put(CacheKind::View, view.encode());
        }
        let number = self.core.store_number().ok().flatten();
        if let (true, Some(number)) = (snapshot, number) {
            let wanted: HashSet<[u8; 32]> =
                self.sessions.document().tips().into_iter().chain(heads.iter().copied()).map(|hash| hash.0).collect();
            let holders: Vec<_> =
                self.holders.iter().filter(|(hash, _)| wanted.contains(*hash)).map(|(h, e)| (*h, *e)).collect();
            let content = self.content(&heads);
            let snapshot = Snapshot::new(number, self.upto, &self.void, holders, content);
            written = written.and(self.put(CacheKind::Snapshot, snapshot.encode()));
            self.since_snapshot = 0;
        }
        if let Err(error) = written {
            tracing::warn!(%error, document = %self.id, "the caches of a document are not written");
        }
    }

    /// The document at its heads: itself, unless the checkpoints that are held have all of it.
    fn content(&mut self, heads: &[ChangeHash]) -> Content {
        let heads = bytes_of(heads);
        if has_all(&self.space.checkpoints().tips(&self.id), &heads) {
            return Content::InCheckpoint { heads };
        }
        let (_, bytes) = self.sessions.save(self.now());
        Content::Here { heads, bytes }
    }

    fn put(&self, kind: CacheKind, bytes: Option<Vec<u8>>) -> Result<(), StoreError> {
        let name = cache_name(self.space.id, self.id);
        bytes.map_or(Ok(()), |bytes| self.core.store.put_cache(kind, name, &bytes))
    }
}

impl Core {
    /// Leaves out of the saved copies of these documents what the checkpoints that are held now have as well: a copy that has
    /// no more than they have, or less, which would be put aside for that when the document is opened.
    pub fn thin_snapshots(&self, space: &Space, documents: &[DocumentId]) -> Result<(), NodeError> {
        let covers = space.checkpoints().covers();
        for document in documents {
            let rows = load::rows(self, space, *document, 0)?;
            let mut thin = |bytes: &[u8]| {
                let snapshot = Snapshot::decode(bytes)?;
                let has_more = rows.iter().any(|row| row.arrival <= snapshot.upto && !covers.holds(&row.log, row.seq));
                // Its heads tell when it is opened whether that was right.
                if has_more { None } else { snapshot.without_content()?.encode() }
            };
            self.store.change_cache(CacheKind::Snapshot, cache_name(space.id, *document), &mut thin)?;
        }
        Ok(())
    }
}

/// Whether a document that has these last changes has everything that one with these heads has.
fn has_all(tips: &BTreeSet<[u8; 32]>, heads: &[[u8; 32]]) -> bool {
    !heads.is_empty() && heads.iter().all(|head| tips.contains(head))
}

fn bytes_of(heads: &[ChangeHash]) -> Vec<[u8; 32]> {
    heads.iter().map(|head| head.0).collect()
}
