//! What the core knows of one window.

use std::collections::{HashSet, VecDeque};

use automerge::ChangeHash;

use super::{Out, Refused, SessionId, Sessions, ToWindow, presence::CaretOut};
use crate::{
    document::{Document, same_heads},
    reading::Reading,
};

/// How many updates that were given up on are remembered, in case one of them arrives after all.
const MAX_FLIGHTS: usize = 16;

/// Where one window stands.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) slot: u32,
    /// The heads of what it shows, without batches that are not committed. None: what it shows is no state of this
    /// document, see `rebuild`.
    pub(super) heads: Vec<ChangeHash>,
    /// What it shows, with them.
    pub(super) view: Reading,
    /// The last number given to an update or reset.
    number: u64,
    /// The last one it is known to have applied.
    pub(super) seen: u64,
    /// The last batch taken from it.
    pub(super) made: u64,
    /// The last reset; batches made before it was seen are void.
    pub(super) reset: u64,
    /// Updates sent since `seen`, any of which it may yet apply.
    flights: VecDeque<Flight>,
    /// Whether the last of them may still arrive.
    waiting: bool,
    /// How many updates in a row it has dropped.
    pub(super) drops: u32,
    /// Changes that are not in the journal yet, and the last batch in each.
    unsaved: VecDeque<(ChangeHash, u64)>,
    pub(super) caret: CaretOut,
    pub(super) presence_due: bool,
    /// Whether it was told of anyone, and so must be told when they are gone.
    pub(super) caret_list_sent: bool,
}

/// The state an update leads to.
#[derive(Debug)]
struct Flight {
    number: u64,
    after: u64,
    heads: Vec<ChangeHash>,
    view: Reading,
}

/// A message that does not fit anything the core has sent.
pub(super) struct Astray;

impl Window {
    pub(super) fn new(slot: u32) -> Self {
        Self {
            slot,
            heads: Vec::new(),
            view: Reading::default(),
            number: 0,
            seen: 0,
            made: 0,
            reset: 0,
            flights: VecDeque::new(),
            waiting: false,
            drops: 0,
            unsaved: VecDeque::new(),
            caret: CaretOut::default(),
            presence_due: true,
            caret_list_sent: false,
        }
    }

    /// It was sent its first `Reset` from the cache, before the document was loaded.
    pub(super) fn painted_from_cache(&mut self) {
        self.number = 1;
        self.reset = 1;
    }

    pub(super) fn stand_at(&mut self, view: Reading, heads: Vec<ChangeHash>) {
        self.view = view;
        self.heads = heads;
    }

    /// Whether it has not confirmed its last reset.
    pub(super) fn awaits_reset(&self) -> bool {
        self.seen < self.reset
    }

    /// Whether what it shows is known for sure: nothing is on its way that it might yet apply.
    pub(super) fn is_settled(&self) -> bool {
        !self.waiting && !self.awaits_reset()
    }

    /// It says that it applied `seen` when `made` was its last batch.
    pub(super) fn confirm(&mut self, seen: u64, made: u64) -> Result<(), Astray> {
        if self.awaits_reset() && seen == self.reset {
            self.seen = seen;
            self.made = self.made.max(made);
            self.waiting = false;
            self.drops = 0;
            self.presence_due = true;
            return Ok(());
        }
        if seen == self.seen {
            return Ok(());
        }
        let place = self.flights.iter().position(|flight| flight.number == seen && flight.after == self.made);
        let flight = place.and_then(|place| self.flights.remove(place)).ok_or(Astray)?;
        self.seen = seen;
        self.heads = flight.heads;
        self.view = flight.view;
        self.flights.clear();
        self.waiting = false;
        self.drops = 0;
        self.presence_due = true;
        Ok(())
    }

    /// It made a batch: every update that was sent before, and not applied, it will drop.
    pub(super) fn batch_crossed(&mut self, made: u64) {
        if self.waiting && self.flights.iter().any(|flight| flight.after < made) {
            self.waiting = false;
            self.drops += 1;
        }
        self.flights.retain(|flight| flight.after >= made);
    }

    /// It dropped an update, and asks for another.
    pub(super) fn dropped(&mut self) {
        if self.waiting {
            self.waiting = false;
            self.drops += 1;
        }
    }

    /// Batches up to `made` were written; nothing was to be written if there is no `change`. Gives the last batch that is
    /// safe, if that is news already.
    pub(super) fn written(&mut self, change: Option<ChangeHash>, made: u64) -> Option<u64> {
        match (change, self.unsaved.back_mut()) {
            (Some(change), _) => {
                self.unsaved.push_back((change, made));
                None
            }
            (None, Some((_, last))) => {
                *last = made;
                None
            }
            (None, None) => Some(made),
        }
    }

    /// The document was rebuilt: what it shows, and what is on its way to it, may be no state of the new one.
    pub(super) fn stray_from(&mut self, document: &Document) {
        if !document.has_all(&self.heads) {
            self.heads.clear();
        }
        for flight in &mut self.flights {
            if !document.has_all(&flight.heads) {
                flight.heads.clear();
            }
        }
    }

    /// Changes of ours were lost with others, and what they said is in another now, if that had to be made. Gives the
    /// last batch that is safe, if that is news.
    pub(super) fn made_again(&mut self, lost: &HashSet<ChangeHash>, made: Option<ChangeHash>) -> Option<u64> {
        let mut safe = None;
        for (change, batch) in &mut self.unsaved {
            if lost.contains(change) {
                match made {
                    Some(made) => *change = made,
                    None => safe = Some(*batch),
                }
            }
        }
        if made.is_none() {
            self.unsaved.retain(|(change, _)| !lost.contains(change));
            // Not before those that are older and still on their way.
            if !self.unsaved.is_empty() {
                return None;
            }
        }
        safe
    }

    /// A change is in the journal, and so is every one before. Gives the last batch that is safe now, if that is news.
    pub(super) fn journaled(&mut self, change: &ChangeHash) -> Option<u64> {
        let place = self.unsaved.iter().position(|(hash, _)| hash == change)?;
        self.unsaved.drain(..=place).next_back().map(|(_, made)| made)
    }
}

impl Sessions {
    pub(super) fn seen(&mut self, session: SessionId, seen: u64, made: u64, out: &mut Vec<Out>) {
        let Some(window) = self.windows.get_mut(&session) else { return };
        if seen < window.reset {
            return;
        }
        if window.confirm(seen, made).is_err() || made > window.made {
            self.reset(session, None, out);
        }
    }

    pub(super) fn refresh(&mut self, session: SessionId, seen: u64, made: u64, now: u64, out: &mut Vec<Out>) {
        let Some(window) = self.windows.get_mut(&session) else { return };
        // Nothing seen: the window has lost its state.
        let lost = seen == 0;
        if !lost && seen < window.reset {
            return;
        }
        if lost || window.confirm(seen, made).is_err() || made > window.made {
            if self.pending_of(session).is_some() {
                out.extend(self.commit_pending(now));
            }
            self.reset(session, None, out);
        } else if made == window.made {
            window.dropped();
        }
    }

    /// Replaces what a window shows by the document (W7). Its pending batches must be committed or given up.
    pub(super) fn reset(&mut self, session: SessionId, refused: Option<Refused>, out: &mut Vec<Out>) {
        let reading = self.document.reading().clone();
        let heads = self.document.heads();
        let Some(window) = self.windows.get_mut(&session) else { return };
        window.number += 1;
        window.reset = window.number;
        window.flights.clear();
        window.waiting = true;
        let checksum = (self.config.checksum_every > 0).then(|| reading.checksum());
        let items = reading.items();
        window.stand_at(reading, heads);
        let forced = true;
        out.push(Out::ToWindow(session, ToWindow::Reset { number: window.number, items, refused, checksum, forced }));
    }

    /// Makes an update for every window that the document has moved on from (W4).
    pub(super) fn serve(&mut self, now: u64, out: &mut Vec<Out>) {
        let sessions: Vec<SessionId> = self.windows.keys().copied().collect();
        for session in sessions {
            let wants =
                |window: &Window, heads: &[ChangeHash]| window.is_settled() && !same_heads(&window.heads, heads);
            let Some(window) = self.windows.get(&session) else { continue };
            if !wants(window, &self.document.heads()) {
                continue;
            }
            if self.pending_of(session).is_some() {
                out.extend(self.commit_pending(now));
            }
            // Committing may have refused what was pending, and brought others behind: they are served below or already were.
            let heads = self.document.heads();
            if self.windows.get(&session).is_some_and(|window| wants(window, &heads)) {
                self.update(session, heads, out);
            }
        }
        self.serve_again(out);
        self.presence(out);
    }

    /// Windows that fell behind because another one's batches were committed to serve it.
    fn serve_again(&mut self, out: &mut Vec<Out>) {
        let heads = self.document.heads();
        let behind: Vec<SessionId> = self
            .windows
            .iter()
            .filter(|(session, window)| {
                window.is_settled() && !same_heads(&window.heads, &heads) && self.pending_of(**session).is_none()
            })
            .map(|(session, _)| *session)
            .collect();
        for session in behind {
            self.update(session, heads.clone(), out);
        }
    }

    fn update(&mut self, session: SessionId, heads: Vec<ChangeHash>, out: &mut Vec<Out>) {
        let target = self.document.reading().clone();
        let Some(window) = self.windows.get_mut(&session) else { return };
        let logged = self
            .recent
            .as_ref()
            .filter(|recent| same_heads(&recent.from, &window.heads) && same_heads(&recent.to, &heads));
        let logged = logged.map(|recent| recent.patches.clone()).filter(|patches| {
            let mut there = window.view.clone();
            patches.iter().all(|patch| there.apply_patch(patch).is_ok()) && there == target
        });
        let patches = logged.unwrap_or_else(|| window.view.compare(&target));
        if patches.is_empty() {
            // What changed is nothing that is shown.
            window.stand_at(target, heads);
            return;
        }
        window.number += 1;
        self.updates += 1;
        let sample = self.config.checksum_every;
        let checksum = (sample > 0 && self.updates.is_multiple_of(sample)).then(|| target.checksum());
        let (number, base, after) = (window.number, window.seen, window.made);
        window.flights.push_back(Flight { number, after, heads, view: target });
        if window.flights.len() > MAX_FLIGHTS {
            window.flights.pop_front();
        }
        window.waiting = true;
        out.push(Out::ToWindow(session, ToWindow::Update { number, base, after, patches, checksum }));
    }
}
