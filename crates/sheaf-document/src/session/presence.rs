//! Carets, in and out. They travel as Automerge cursors and are drawn as places in a state both sides know.

use super::{Caret, Out, SessionId, Sessions, ToWindow};

/// Someone else's caret, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCaret {
    /// Tells two carets apart.
    pub id: String,
    /// The person's name.
    pub name: String,
    /// The person's colour, 1 to 8.
    pub colour: u8,
    /// The fixed end of the selection, as the bytes of a cursor. Anyone may have written them.
    pub anchor: Option<Vec<u8>>,
    /// The moving end.
    pub head: Option<Vec<u8>>,
}

/// A window's own caret, on its way to others.
#[derive(Debug, Default)]
pub(super) struct CaretOut {
    place: (Option<u32>, Option<u32>),
    moved: bool,
    sent: Option<u64>,
    shown: bool,
}

impl CaretOut {
    pub(super) fn was_shown(&self) -> bool {
        self.shown
    }

    /// When it is to be sent.
    pub(super) fn due(&self, interval: u64) -> Option<u64> {
        self.moved.then(|| self.sent.map_or(0, |sent| sent + interval))
    }
}

impl Sessions {
    pub(super) fn select(&mut self, session: SessionId, seen: u64, made: u64, anchor: Option<u32>, head: Option<u32>) {
        let Some(window) = self.windows.get_mut(&session) else { return };
        // A place means something only in the state it was taken in; another message follows for another state.
        if seen >= window.reset && window.confirm(seen, made).is_ok() && made == window.made {
            window.caret.place = (anchor, head);
            window.caret.moved = true;
        }
    }

    /// Sends carets that have moved, as soon as what they stand in has heads.
    pub(super) fn carets(&mut self, now: u64, out: &mut Vec<Out>) {
        let pending = self.pending.as_ref().map(|pending| pending.session);
        for (session, window) in &mut self.windows {
            if pending == Some(*session) || window.caret.due(self.config.caret_interval).is_none_or(|due| due > now) {
                continue;
            }
            let cursor = |place: Option<u32>| {
                let at = (place? as usize).min(window.view.len());
                self.document.cursor(at, &window.heads)
            };
            let (anchor, head) = (cursor(window.caret.place.0), cursor(window.caret.place.1));
            window.caret.moved = false;
            window.caret.sent = Some(now);
            window.caret.shown = head.is_some();
            out.push(Out::Caret { session: *session, anchor, head });
        }
    }

    /// Says where others are. All who have the document open, each time.
    pub fn set_remote_carets(&mut self, carets: Vec<RemoteCaret>) -> Vec<Out> {
        let mut out = Vec::new();
        if self.carets != carets {
            self.carets = carets;
            for window in self.windows.values_mut() {
                window.presence_due = true;
            }
        }
        self.presence(&mut out);
        out
    }

    /// Tells windows where others are, each as of what it shows. A window that something is on its way to, or whose
    /// batches have no heads yet, is told once that is over.
    pub(super) fn presence(&mut self, out: &mut Vec<Out>) {
        let pending = self.pending.as_ref().map(|pending| pending.session);
        for (session, window) in &mut self.windows {
            if !window.presence_due || !window.is_settled() || pending == Some(*session) {
                continue;
            }
            window.presence_due = false;
            if self.carets.is_empty() && !window.caret_list_sent {
                continue;
            }
            window.caret_list_sent = !self.carets.is_empty();
            let place = |bytes: &Option<Vec<u8>>| {
                let at = self.document.cursor_position(bytes.as_deref()?, &window.heads)?;
                u32::try_from(at.min(window.view.len())).ok()
            };
            let people = self
                .carets
                .iter()
                .map(|caret| Caret {
                    id: caret.id.clone(),
                    name: caret.name.clone(),
                    colour: caret.colour.clamp(1, 8),
                    anchor: place(&caret.anchor),
                    head: place(&caret.head),
                })
                .collect();
            out.push(Out::ToWindow(*session, ToWindow::Presence { number: window.seen, after: window.made, people }));
        }
    }
}
