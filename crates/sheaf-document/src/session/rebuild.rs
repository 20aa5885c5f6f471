//! Windows on a document that was rebuilt under them (A6).
//!
//! What windows show was a state of the old document, and may be none of the new one. Nothing is taken from them for
//! that: each gets an ordinary update, found by comparing what it shows with what there is now. Until it has applied that,
//! it *strays*: its heads are none, and what it sends meanwhile was made at a text that has no heads. Such a batch is
//! merged in by its text: the text before it, the text after it, and the document as it is.

use std::collections::HashSet;

use automerge::ChangeHash;

use super::{Out, SessionId, Sessions, ToWindow, pending::Pending};
use crate::{
    document::{Document, Slot, WriteError, rework},
    model::Item,
};

impl Sessions {
    /// Puts another document in the place of this one: the same without changes that do not count any more. `lost` are
    /// those that are not in it. Commits nothing: [`Sessions::flush`] first. `words` is what the document should read
    /// beyond that, if something of ours was among them and is made again.
    pub fn rebuild(
        &mut self,
        document: Document,
        lost: &HashSet<ChangeHash>,
        words: Option<&[Item]>,
        now: u64,
    ) -> (Vec<Out>, Option<WriteError>) {
        let mut out = std::mem::take(&mut self.owed);
        self.document = document;
        self.recent = None;
        for window in self.windows.values_mut() {
            window.stray_from(&self.document);
        }
        let mut failure = None;
        if let Some(words) = words {
            match self.replace_with(words, now) {
                Ok(more) => out.extend(more),
                Err(error) => failure = Some(error),
            }
        }
        let made = out.iter().rev().find_map(|out| match out {
            Out::Committed(change) => Some(change.hash),
            _ => None,
        });
        for (session, window) in &mut self.windows {
            // Saved when what was made of it is; at once, if nothing had to be.
            let saved = window.made_again(lost, made);
            out.extend(saved.map(|made| Out::ToWindow(*session, ToWindow::Saved { made })));
        }
        self.serve(now, &mut out);
        (out, failure)
    }

    /// Makes a change of what a stray window has done.
    pub(super) fn merge_stray(&mut self, pending: &Pending, slot: &Slot, now: u64, out: &mut Vec<Out>) {
        let Some(window) = self.windows.get(&pending.session) else { return };
        let (before, after) = (pending.before.items(), window.view.items());
        let ours = self.document.reading().items();
        let merged = rework::merge(&before, &ours, &after);
        let written = merged.and_then(|merged| self.document.replace_with(slot, &merged));
        match written {
            Ok(committed) => {
                let last = committed.last().map(|committed| committed.hash);
                if last.is_some() {
                    self.last_commit = Some(now);
                }
                self.recent = None;
                let window = self.windows.get_mut(&pending.session);
                if let Some(made) = window.and_then(|window| window.written(last, pending.to)) {
                    out.push(Out::ToWindow(pending.session, ToWindow::Saved { made }));
                }
                out.extend(committed.into_iter().map(Out::Committed));
            }
            Err(error) => self.refuse_stray(pending, &error, now, out),
        }
    }

    fn refuse_stray(&mut self, pending: &Pending, error: &WriteError, now: u64, out: &mut Vec<Out>) {
        let reason = format!("The edit could not be written ({error}).");
        let refused = super::Refused { from: pending.from, to: pending.to, reason };
        self.refuse(pending.session, refused, now, out);
    }

    /// Whether a window shows a state that has no heads here.
    pub fn is_stray(&self, session: SessionId) -> bool {
        self.windows.get(&session).is_some_and(|window| window.heads.is_empty())
    }
}
