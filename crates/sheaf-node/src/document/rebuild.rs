//! An open document follows what counts (A6).
//!
//! What has come not to count is taken out again: the document is made anew from the changes that do, under its windows,
//! which get an ordinary update. What was typed here on top of it is not lost with it, but made again as new edits on what
//! is left; so it is for changes that were made under actors of a log that has been left since.

use std::collections::HashSet;
use std::sync::Arc;

use sheaf_document::session::ToWindow;
use sheaf_document::{ChangeHash, Out};
use sheaf_log::EntryRef;

use super::load;
use super::task::Task;
use crate::counting::Void;

impl Task {
    /// Whether this thread has heard what counts now. Until then it seals nothing, for that may build on what does not.
    pub(super) fn is_current(&self) -> bool {
        Arc::ptr_eq(&self.void, &self.space.lock().void)
    }

    /// Other entries count than before; `lost` are the changes of this document that have come not to, as far as they were
    /// stored. Where those went that this thread has sealed since, it knows itself.
    pub(super) fn recounted(&mut self, void: Arc<Void>, lost: &HashSet<[u8; 32]>) {
        let sealed = self.holders.iter().filter(|(_, holder)| void.is(holder)).map(|(hash, _)| hash);
        let held = |hash: &ChangeHash| self.sessions.document().has(hash);
        let mut out: HashSet<ChangeHash> =
            lost.iter().chain(sealed).map(|hash| ChangeHash(*hash)).filter(held).collect();
        self.void = void;
        if out.is_empty() {
            return;
        }
        match load::from_checkpoint(&self.core, &self.space, self.id) {
            // What a checkpoint stands for counts for good, in whatever entry it came.
            Ok(base) => out.retain(|hash| !base.as_ref().is_some_and(|base| base.has(hash))),
            Err(error) => tracing::error!(%error, document = %self.id, "a document in a checkpoint cannot be read"),
        }
        if out.is_empty() {
            return;
        }
        // Committed, so that it is a change; not sealed, for it may build on what is going.
        let typed = self.sessions.flush(self.now());
        self.route(typed);
        self.rebuild_without(&out);
    }

    /// Changes were made for a log that has been left before they were sealed: they are made again for the one there is.
    pub(super) fn make_unsealed_again(&mut self) {
        let out: HashSet<ChangeHash> = self.unsealed.iter().map(|change| change.hash).collect();
        self.rebuild_without(&out);
    }

    /// More came than was kept for this thread: it is in the store.
    pub(super) fn catch_up(&mut self) {
        match load::read(&self.core, &self.space, self.id, self.upto + 1, &self.void) {
            Ok(arrived) => self.apply(arrived),
            Err(error) => tracing::error!(%error, document = %self.id, "stored entries cannot be read"),
        }
    }

    fn rebuild_without(&mut self, out: &HashSet<ChangeHash>) {
        let old = self.sessions.document();
        let (document, lost) = match old.without(out) {
            Ok(rebuilt) => rebuilt,
            Err(error) => {
                // All of it was in one document before; the entries still say it, one by one.
                tracing::error!(%error, document = %self.id, "a document is not rebuilt from what it holds");
                return self.reload(out);
            }
        };
        let again = self.to_make_again(&lost);
        let words = (!again.is_empty()).then(|| old.rework(&again, document.items()));
        let words = words.transpose().unwrap_or_else(|error| {
            // An index has no text to make again: its titles follow the documents.
            tracing::warn!(%error, document = %self.id, "own changes are not made again");
            None
        });
        // What is made again is not to be offered for adoption besides.
        let sealed: Vec<EntryRef> = again.iter().filter_map(|hash| self.holders.get(&hash.0).copied()).collect();
        self.unsealed.retain(|change| !lost.contains(&change.hash));
        self.holders.retain(|hash, _| !lost.contains(&ChangeHash(*hash)));
        let (made, failure) = self.sessions.rebuild(document, &lost, words.as_deref(), self.now());
        if words.is_some() && failure.is_none() {
            self.core.put_made_again(&self.space, self.id, &sealed);
        }
        if let Some(error) = failure {
            self.tell_windows(&format!("What you last typed could not be kept ({error}). Copy it before you go on."));
        }
        self.rebuilt(made);
    }

    pub(super) fn reload(&mut self, out: &HashSet<ChangeHash>) {
        match load::load(&self.core, &self.space, self.id, self.genesis()) {
            Ok(loaded) => {
                self.holders = loaded.holders;
                self.unsealed.clear();
                let (made, _) = self.sessions.rebuild(loaded.document, out, None, self.now());
                self.rebuilt(made);
            }
            Err(error) => self.tell_windows(&error.to_string()),
        }
    }

    fn rebuilt(&mut self, made: Vec<Out>) {
        self.stale = true;
        // The snapshot of before is of no use any more.
        self.since_snapshot = usize::MAX / 2;
        self.changed = std::time::Instant::now();
        self.send(made);
    }

    /// Of the changes that are lost, those to make again: what is not sealed yet; and what is, if it does not count only
    /// for what it builds on, and its author may write.
    fn to_make_again(&self, lost: &HashSet<ChangeHash>) -> HashSet<ChangeHash> {
        let mut again: HashSet<ChangeHash> = self.unsealed.iter().map(|change| change.hash).collect();
        again.retain(|hash| lost.contains(hash));
        let state = self.space.lock();
        let Some(history) = &state.access else { return again };
        let own = |hash: &&ChangeHash| {
            let holder = self.holders.get(&hash.0);
            holder.is_some_and(|holder| self.core.is_made_again(history, &state.forks, &holder.log))
        };
        again.extend(lost.iter().filter(own));
        again
    }

    /// What was just typed cannot be kept as it is: windows say so.
    fn tell_windows(&self, reason: &str) {
        for window in self.windows() {
            // A window that has gone needs no words.
            let _ = window.send(ToWindow::SaveFailed { reason: reason.to_owned() });
        }
    }
}
