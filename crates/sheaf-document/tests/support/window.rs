//! A window, as the contract has it (rules W2, W3, W7, W8), and the slow, reordering-free wires between it and the core.

use std::collections::VecDeque;

use rand::RngExt;
use sheaf_document::{
    Reading,
    edit::Edit,
    model::Item,
    naive,
    session::{Caret, Refused, ToCore, ToWindow},
};

use super::{Rng, edits};

/// What a window knows and does.
#[expect(clippy::struct_excessive_bools, reason = "each is something a window can be in the middle of")]
pub struct Window {
    pub items: Vec<Item>,
    pub seen: u64,
    pub made: u64,
    pub composing: bool,
    pub saved: u64,
    pub holds: bool,
    pub dropped: u64,
    pub applied: u64,
    pub refused: Vec<Refused>,
    pub people: Vec<Caret>,
    /// A reset waits for a composition to end.
    late_reset: Option<ToWindow>,
    wants_refresh: bool,
    open: bool,
}

impl Window {
    pub fn new() -> Self {
        Self {
            items: Vec::new(),
            seen: 0,
            made: 0,
            composing: false,
            saved: 0,
            holds: false,
            dropped: 0,
            applied: 0,
            refused: Vec::new(),
            people: Vec::new(),
            late_reset: None,
            wants_refresh: false,
            open: false,
        }
    }

    /// Whether it shows a document yet.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// A person does something; what is sent for it.
    pub fn act(&mut self, rng: &mut Rng) -> Vec<ToCore> {
        if !self.open || (self.holds && !self.composing) {
            return Vec::new();
        }
        let batch = edits(rng, &Reading::from_items(self.items.clone()), 2);
        if batch.is_empty() {
            return Vec::new();
        }
        let mut sent = vec![self.make(batch)];
        if rng.random_range(0..3) == 0 {
            let at = rng.random_range(0..=sheaf_document::model::len_of(&self.items)) as u32;
            sent.push(ToCore::Select { seen: self.seen, made: self.made, anchor: Some(at), head: Some(at) });
        }
        sent
    }

    pub fn make(&mut self, edits: Vec<Edit>) -> ToCore {
        self.items = naive::apply_edits(&self.items, &edits).expect("a person edits what is there");
        self.made += 1;
        ToCore::Batch { made: self.made, seen: self.seen, edits }
    }

    /// A composition ends: what waited for that happens.
    pub fn compose(&mut self, composing: bool) -> Vec<ToCore> {
        self.composing = composing;
        let mut sent = Vec::new();
        if !composing {
            if let Some(reset) = self.late_reset.take() {
                sent.extend(self.take(reset));
            }
            if std::mem::take(&mut self.wants_refresh) {
                sent.push(ToCore::Refresh { seen: self.seen, made: self.made });
            }
        }
        sent
    }

    /// Something arrives; what is sent for it.
    pub fn take(&mut self, message: ToWindow) -> Option<ToCore> {
        match message {
            ToWindow::Update { number, base, after, patches, checksum } => {
                if base != self.seen || after != self.made || self.composing {
                    self.dropped += 1;
                    if self.composing {
                        self.wants_refresh = true;
                        return None;
                    }
                    return Some(ToCore::Refresh { seen: self.seen, made: self.made });
                }
                self.items = naive::apply_patches(&self.items, &patches).expect("an update fits where it says it fits");
                if let Some(checksum) = checksum {
                    assert_eq!(sheaf_document::checksum(&self.items), checksum, "after update {number}");
                }
                self.seen = number;
                self.applied += 1;
                self.holds = false;
                self.wants_refresh = false;
                Some(ToCore::Seen { seen: self.seen, made: self.made })
            }
            ToWindow::Reset { number, items, refused, checksum, forced } => {
                if self.composing && !forced {
                    self.late_reset = Some(ToWindow::Reset { number, items, refused, checksum, forced });
                    return None;
                }
                assert!(number > self.seen, "numbers rise");
                self.items = items;
                self.seen = number;
                self.composing = false;
                self.holds = false;
                self.open = true;
                self.refused.extend(refused);
                if let Some(checksum) = checksum {
                    assert_eq!(sheaf_document::checksum(&self.items), checksum);
                }
                Some(ToCore::Seen { seen: self.seen, made: self.made })
            }
            ToWindow::Hold => {
                self.holds = true;
                None
            }
            ToWindow::Saved { made } => {
                assert!(
                    made > self.saved && made <= self.made,
                    "saved {made} after {}, made {}",
                    self.saved,
                    self.made
                );
                self.saved = made;
                None
            }
            ToWindow::SaveFailed { .. } => None,
            ToWindow::Presence { number, after, people } => {
                if number == self.seen && after == self.made {
                    let len = sheaf_document::model::len_of(&self.items) as u32;
                    for caret in &people {
                        assert!(caret.anchor.is_none_or(|at| at <= len) && caret.head.is_none_or(|at| at <= len));
                    }
                    self.people = people;
                }
                None
            }
        }
    }
}

/// A window and its two wires.
pub struct Wired {
    pub window: Window,
    pub to_core: VecDeque<ToCore>,
    pub to_window: VecDeque<ToWindow>,
}

impl Wired {
    pub fn new() -> Self {
        Self { window: Window::new(), to_core: VecDeque::new(), to_window: VecDeque::new() }
    }
}
