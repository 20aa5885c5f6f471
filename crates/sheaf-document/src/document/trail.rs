//! A second copy of the document that lags behind, to fork from.
//!
//! An edit at older heads is carried out under `transaction_at`, which costs the whole document for every place looked
//! up, or, where that would be slow or is not safe, in a fork. Automerge's own `fork_at` applies the entire history again:
//! seconds for a long one. While windows are open on a document that others change too, a copy is therefore kept of how
//! it was, with the changes since; a fork is a clone of that and a part of them. It also serves to rebuild from, should
//! the document break.

use std::{collections::HashSet, sync::Arc};

use automerge::{Automerge, AutomergeError, Change, ChangeHash};

use super::Document;

/// How much may gather in a trail before it is begun anew.
const MAX_CHANGES: usize = 4_000;
const MAX_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Trail {
    doc: Automerge,
    heads: Vec<ChangeHash>,
    since: Vec<(ChangeHash, Arc<[u8]>)>,
    bytes: usize,
}

impl Trail {
    pub(super) fn keep(&mut self, hash: ChangeHash, bytes: &Arc<[u8]>) {
        self.bytes += bytes.len();
        self.since.push((hash, Arc::clone(bytes)));
    }

    pub(super) fn drop_last(&mut self, count: usize) {
        self.since.truncate(self.since.len().saturating_sub(count));
    }

    /// The document as it is, made anew.
    pub(super) fn whole(&self) -> Result<Automerge, AutomergeError> {
        self.with(|_| true)
    }

    fn with(&self, wanted: impl Fn(&ChangeHash) -> bool) -> Result<Automerge, AutomergeError> {
        let mut doc = self.doc.clone();
        let since = self.since.iter().filter(|(hash, _)| wanted(hash));
        let changes = since.map(|(_, bytes)| Change::from_bytes(bytes.to_vec())).collect::<Result<Vec<_>, _>>()?;
        doc.apply_changes(changes)?;
        Ok(doc)
    }
}

impl Document {
    /// Begins a trail where the document is now, unless there is one that is not too long yet. To be called when every
    /// window stands at the present heads, before the document moves on: a fork can only be made at or after a trail's
    /// beginning.
    pub(crate) fn begin_trail(&mut self) {
        if self.trail.as_ref().is_none_or(|trail| trail.since.len() > MAX_CHANGES || trail.bytes > MAX_BYTES) {
            self.trail = Some(Trail { doc: self.doc.clone(), heads: self.heads(), since: Vec::new(), bytes: 0 });
        }
    }

    /// Gives the trail up, for instance because no window is left.
    pub(crate) fn end_trail(&mut self) {
        self.trail = None;
    }

    /// Whether a fork at these heads is cheap: the trail begins below them.
    pub(super) fn forks_cheaply(&self, beside: &HashSet<ChangeHash>) -> bool {
        self.trail.as_ref().is_some_and(|trail| trail.heads.iter().all(|head| !beside.contains(head)))
    }

    /// The document as it was at these heads, as one of its own. `beside` are the changes that are not below them.
    pub(super) fn fork(&self, heads: &[ChangeHash], beside: &HashSet<ChangeHash>) -> Result<Automerge, AutomergeError> {
        match &self.trail {
            Some(trail) if self.forks_cheaply(beside) => trail.with(|hash| !beside.contains(hash)),
            _ => self.doc.fork_at(heads),
        }
    }
}
