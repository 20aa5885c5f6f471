//! Taking changes out of a document again, and making them anew (A6).
//!
//! A change that turns out not to count cannot be undone in Automerge: it is history. So the document is made again from
//! the changes that do count, all of which have been checked and applied before. What the others had done is not lost
//! with that: it can be worked out, as the difference between two readings, and made on the new document as somebody's own
//! edits. The merging is Automerge's: a scratch document of the reading before, which one side changes in one way and
//! the other in the other.

use std::collections::HashSet;

use automerge::{Change, ChangeHash};

use super::{Document, Genesis, LoadError, Slot, WriteError, empty_automerge, guard, load};
use crate::{model::Item, reading::Reading};

/// The two sides of a merge, as actors of a scratch document.
const OURS: u8 = 1;
const THEIRS: u8 = 2;

impl Document {
    /// The same document without some changes, and without what builds on them; and which changes are not in it.
    pub fn without(&self, out: &HashSet<ChangeHash>) -> Result<(Self, HashSet<ChangeHash>), LoadError> {
        let mut dropped = HashSet::new();
        let mut kept: Vec<Change> = Vec::new();
        // In causal order, so that what a change builds on has been looked at before it.
        for change in self.doc.get_changes(&[]) {
            if out.contains(&change.hash()) || change.deps().iter().any(|dep| dropped.contains(dep)) {
                dropped.insert(change.hash());
            } else {
                kept.push(change);
            }
        }
        let mut doc = empty_automerge();
        match guard::caught(|| doc.apply_changes(kept)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(LoadError::Damaged(error.to_string())),
            Err(panic) => return Err(LoadError::Damaged(panic)),
        }
        let content = load::find_text(&doc);
        let mut document = Self::around(doc, content);
        document.save();
        Ok((document, dropped))
    }

    /// What `onto` reads once these changes, which are in this document, have been made there too. They need not follow
    /// each other: what others wrote between them is left out.
    pub fn rework(&self, changes: &HashSet<ChangeHash>, onto: Vec<Item>) -> Result<Vec<Item>, WriteError> {
        let mut items = onto;
        for run in self.runs_of(changes) {
            let (Some(before), Some(after)) = (self.items_at(&run.before), self.items_at(&[run.last])) else {
                return Err(WriteError::UnknownHeads);
            };
            items = merge(&before, &items, &after)?;
        }
        Ok(items)
    }

    /// These changes in causal order, those that directly follow each other together.
    fn runs_of(&self, changes: &HashSet<ChangeHash>) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for change in self.doc.get_changes_meta(&[]).into_iter().filter(|change| changes.contains(&change.hash)) {
            match runs.iter_mut().find(|run| change.deps.as_slice() == [run.last]) {
                Some(run) => run.last = change.hash,
                None => runs.push(Run { before: change.deps.clone(), last: change.hash }),
            }
        }
        runs
    }
}

/// Changes that follow each other.
struct Run {
    /// The heads before the first.
    before: Vec<ChangeHash>,
    last: ChangeHash,
}

/// What comes of `base` when it has become `ours` on one side and `theirs` on the other.
pub fn merge(base: &[Item], ours: &[Item], theirs: &[Item]) -> Result<Vec<Item>, WriteError> {
    if ours == base {
        return Ok(theirs.to_vec());
    }
    if theirs == base || theirs == ours {
        return Ok(ours.to_vec());
    }
    let side = |number: u8| Slot { actor: vec![number; 32], author: vec![number; 32] };
    let mut scratch = Document::new(Genesis::Text);
    scratch.replace_with(&side(0), base)?;
    let bytes = scratch.save();
    let mut other = Document::load(&bytes).map_err(|error| WriteError::Broke(error.to_string()))?;
    scratch.replace_with(&side(OURS), ours)?;
    let changes = other.replace_with(&side(THEIRS), theirs)?;
    let changes: Vec<_> = changes.into_iter().map(|change| change.bytes).collect();
    scratch.take_own(&changes)?;
    Ok(Reading::items(scratch.reading()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::Edit;

    fn slot(number: u8) -> Slot {
        Slot { actor: vec![number; 32], author: vec![number; 32] }
    }

    fn type_at(document: &mut Document, by: u8, at: usize, text: &str) -> Vec<ChangeHash> {
        let insert = vec![Item::Text { text: text.into(), marks: [].into() }];
        let edit = Edit::Splice { at: at as u32, delete: 0, insert };
        document.edit(&slot(by), &[edit]).unwrap().into_iter().map(|change| change.hash).collect()
    }

    #[test]
    fn a_document_without_some_changes_is_as_if_they_had_never_been() {
        let mut document = Document::new(Genesis::Text);
        type_at(&mut document, 1, 0, "Kept. ");
        let before = document.heads();
        let void: HashSet<_> = type_at(&mut document, 2, 6, "Void. ").into_iter().collect();
        let on_it = type_at(&mut document, 3, 12, "On it.");
        let (rebuilt, dropped) = document.without(&void).unwrap();
        assert_eq!((rebuilt.text(), rebuilt.heads()), ("Kept. ".to_owned(), before));
        assert_eq!(dropped, void.iter().chain(&on_it).copied().collect());
        // And it can be loaded again, and go on.
        let mut rebuilt = rebuilt;
        type_at(&mut rebuilt, 4, 6, "More.");
        assert_eq!(Document::load(&rebuilt.save()).unwrap().text(), "Kept. More.");
    }

    #[test]
    fn what_was_taken_out_can_be_made_again_where_it_was() {
        let mut document = Document::new(Genesis::Text);
        type_at(&mut document, 1, 0, "One two three.");
        let mut void: HashSet<ChangeHash> = type_at(&mut document, 2, 4, "and a half ").into_iter().collect();
        let between = type_at(&mut document, 3, 0, "Not this. ");
        void.extend(type_at(&mut document, 2, 24, " Then four."));
        let (mut rebuilt, dropped) = document.without(&void).unwrap();
        assert!(dropped.contains(&between[0]));
        type_at(&mut rebuilt, 1, 14, " Five.");
        let items = document.rework(&void, rebuilt.items()).unwrap();
        rebuilt.replace_with(&slot(5), &items).unwrap();
        let text = rebuilt.text();
        assert_eq!(text, "One and a half Then four. two three. Five.");
    }

    #[test]
    fn a_merge_has_what_both_sides_did() {
        let text = |text: &str| vec![Item::Text { text: text.into(), marks: [].into() }];
        let merged = merge(&text("a b c"), &text("a b c d"), &text("x a c")).unwrap();
        assert_eq!(merged, text("x a c d"));
        assert_eq!(merge(&text("a"), &text("a"), &text("b")).unwrap(), text("b"));
        assert_eq!(merge(&[], &[], &text("b")).unwrap(), text("b"));
    }
}
