//! The open transaction: batches taken from one window and not yet made into a change.

use super::{Out, Refused, SessionId, Sessions, ToWindow};
use crate::{
    document::{
        plan::{self, Step},
        same_heads,
    },
    edit::{Edit, EditError},
    reading::Reading,
};

/// What one window has done since the last change.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) session: SessionId,
    steps: Vec<Step>,
    /// What the window showed before.
    pub(super) before: Reading,
    /// The first and the last batch in it.
    pub(super) from: u64,
    pub(super) to: u64,
    opened: u64,
    last: u64,
}

impl Sessions {
    pub(super) fn pending_of(&self, session: SessionId) -> Option<&Pending> {
        self.pending.as_ref().filter(|pending| pending.session == session)
    }

    /// When the open transaction is to become a change.
    pub(super) fn due(&self, pending: &Pending) -> u64 {
        if self.shared || self.windows.len() > 1 {
            self.last_commit.map_or(0, |last| last + self.config.shared_interval)
        } else {
            (pending.opened + self.config.longest).min(pending.last + self.config.pause)
        }
    }

    pub(super) fn batch(
        &mut self,
        session: SessionId,
        made: u64,
        seen: u64,
        edits: &[Edit],
        now: u64,
        out: &mut Vec<Out>,
    ) {
        let Some(window) = self.windows.get_mut(&session) else { return };
        // Made before the window knew of its Reset: void, and the window knows which those are (W7).
        if seen < window.reset || made <= window.made && !window.awaits_reset() {
            return;
        }
        let crossed = window.confirm(seen, made.saturating_sub(1)).is_err();
        if crossed || made != window.made.saturating_add(1) {
            let refused = Refused {
                from: window.made.saturating_add(1),
                to: made,
                reason: "A part of what was typed did not arrive.".to_owned(),
            };
            self.refuse(session, refused, now, out);
            return;
        }
        window.batch_crossed(made);
        if let Some(reason) = self.read_only.clone() {
            self.refuse(session, Refused { from: made, to: made, reason }, now, out);
            return;
        }
        if self.pending.as_ref().is_some_and(|pending| pending.session != session) {
            out.extend(self.commit_pending(now));
        }
        if let Err(error) = self.take(session, made, edits, now) {
            let reason = format!("The edit did not fit the document ({error}).");
            self.refuse(session, Refused { from: made, to: made, reason }, now, out);
            return;
        }
        let behind =
            self.windows.get(&session).is_some_and(|window| !same_heads(&window.heads, &self.document.heads()));
        let hold = self.windows.get(&session).is_some_and(|window| window.drops >= self.config.hold_after);
        if hold {
            out.push(Out::ToWindow(session, ToWindow::Hold));
        }
        if behind || self.pending.as_ref().is_some_and(|pending| self.due(pending) <= now) {
            out.extend(self.commit_pending(now));
        }
    }

    /// Carries a batch out on what the window shows, and adds it to the plan: all of it or nothing.
    fn take(&mut self, session: SessionId, made: u64, edits: &[Edit], now: u64) -> Result<(), EditError> {
        let Some(window) = self.windows.get_mut(&session) else { return Ok(()) };
        let view = &mut window.view;
        let before = self.pending.is_none().then(|| view.clone());
        let mut steps = Vec::new();
        match edits {
            // A single edit changes nothing when it fails; several are tried on a copy.
            [edit] => {
                plan::add(&mut steps, edit, view)?;
                view.apply_edit(edit)?;
            }
            edits => {
                let mut copy = view.clone();
                for edit in edits {
                    plan::add(&mut steps, edit, &copy)?;
                    copy.apply_edit(edit)?;
                }
                *view = copy;
            }
        }
        window.made = made;
        let pending = self.pending.get_or_insert_with(|| Pending {
            session,
            steps: Vec::new(),
            before: before.unwrap_or_default(),
            from: made,
            to: made,
            opened: now,
            last: now,
        });
        plan::append(&mut pending.steps, steps);
        pending.to = made;
        pending.last = now;
        Ok(())
    }

    /// Makes a change of what is open.
    pub(super) fn commit_pending(&mut self, now: u64) -> Vec<Out> {
        let mut out = Vec::new();
        let Some(pending) = self.pending.take() else { return out };
        if self.windows.len() > 1 {
            // The other windows are about to fall behind.
            self.begin_trail();
        }
        let Some(window) = self.windows.get_mut(&pending.session) else { return out };
        let slot = (self.slot_for)(window.slot);
        if window.heads.is_empty() {
            self.merge_stray(&pending, &slot, now, &mut out);
            return out;
        }
        let from = self.document.heads();
        let current = same_heads(&window.heads, &from);
        let done = self.document.write(
            &slot,
            &window.heads,
            pending.steps,
            &pending.before,
            &window.view,
            self.config.fork_after,
        );
        let fits = done.reading == window.view;
        window.heads = done.heads;
        window.view = done.reading;
        let last = done.committed.last().map(|committed| committed.hash);
        if let Some(made) = window.written(last, pending.to) {
            out.push(Out::ToWindow(pending.session, ToWindow::Saved { made }));
        }
        if last.is_some() {
            self.last_commit = Some(now);
            self.remember_step(from, done.patches.filter(|_| current));
            self.document.trim();
        }
        out.extend(done.committed.into_iter().map(Out::Committed));
        if done.failure.is_some() || !fits {
            let reason = match done.failure {
                Some(failure) => format!("The edit could not be written ({failure})."),
                None => "The document did not take the edit as it was made.".to_owned(),
            };
            self.refuse(pending.session, Refused { from: pending.from, to: pending.to, reason }, now, &mut out);
        }
        out
    }

    /// Does not take some batches: the window starts anew from the document, and offers their text for copying (W7).
    pub(super) fn refuse(&mut self, session: SessionId, refused: Refused, now: u64, out: &mut Vec<Out>) {
        // What came before the refused batch was taken, and stays taken.
        if self.pending_of(session).is_some() {
            out.extend(self.commit_pending(now));
        }
        if let Some(window) = self.windows.get_mut(&session) {
            window.made = window.made.max(refused.to);
        }
        self.reset(session, Some(refused), out);
    }
}
