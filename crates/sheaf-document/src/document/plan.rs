//! From edits to the operations Automerge is asked for.
//!
//! An edit says what marks inserted text carries; Automerge decides by itself which marks around it reach over new
//! text. A plan holds a guess at that beside what is wanted, so that in nearly every case the difference is written in
//! the same change. The guess need not be right: what was really written is read from the patch log afterwards, and
//! corrected (see [`super::write`]).

use std::collections::BTreeMap;

use crate::{
    edit::{Edit, EditError},
    model::{Block, Item, MarkValue, Marks, Scalar},
    reading::{
        Reading,
        items::{normal, utf16_len},
    },
};

/// One thing to ask Automerge for. Places are indices at the time it is its turn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Delete { at: usize, count: usize },
    Text { at: usize, text: String, want: Marks, guess: Marks },
    Block { at: usize, block: Block },
    Mark { from: usize, to: usize, name: String, value: MarkValue },
    SetBlock { at: usize, kind: Option<String>, parents: Option<Vec<String>>, attrs: BTreeMap<String, Scalar> },
}

/// Whether text typed at the end of a mark continues it.
pub(crate) fn continues(name: &str) -> bool {
    matches!(name, "strong" | "em" | "strike")
}

/// The marks new text most likely gets where these lie before and after it.
fn guess(before: Option<&Marks>, after: Option<&Marks>) -> Marks {
    let Some(before) = before else { return Marks::new() };
    before
        .iter()
        .filter(|(name, value)| continues(name) || after.is_some_and(|after| after.get(*name) == Some(value)))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Adds what an edit asks for to a plan. `before` is the document as it is when the edit's turn comes.
pub(crate) fn add(steps: &mut Vec<Step>, edit: &Edit, before: &Reading) -> Result<(), EditError> {
    match edit {
        Edit::Splice { at, delete, insert } => {
            let mut place = *at as usize;
            let around = before.neighbours(place);
            let mut last = around.before;
            let insert: Vec<Item> = insert.iter().cloned().map(normal).collect();
            for item in &insert {
                match item {
                    Item::Text { text, marks } if !text.is_empty() => {
                        push_text(steps, place, text, marks, guess(last, around.after));
                        place += utf16_len(text);
                        last = Some(marks);
                    }
                    Item::Text { .. } => {}
                    Item::Block { block } | Item::Embed { block } => {
                        steps.push(Step::Block { at: place, block: block.clone() });
                        place += 1;
                    }
                }
            }
            if *delete > 0 {
                push_delete(steps, place, *delete as usize);
            }
        }
        Edit::Mark { from, to, name, value } => {
            if before.has_text(*from as usize, *to as usize) {
                steps.push(Step::Mark {
                    from: *from as usize,
                    to: *to as usize,
                    name: name.clone(),
                    value: value.clone(),
                });
            }
        }
        Edit::SetBlock { at, kind, parents, attrs } => {
            let Some(block) = before.block_at(*at as usize) else {
                return Err(EditError::NotABlock { at: *at as usize });
            };
            // Only what differs: a property set to what it says already would win over someone else's change to it.
            let kind = kind.clone().filter(|kind| *kind != block.kind);
            let parents = parents.clone().filter(|parents| *parents != block.parents);
            let differs = |(name, value): &(&String, &Scalar)| match value {
                Scalar::Null => block.attrs.contains_key(*name),
                value => block.attrs.get(*name) != Some(value),
            };
            let attrs: BTreeMap<_, _> = attrs.iter().filter(differs).map(|(n, v)| (n.clone(), v.clone())).collect();
            if kind.is_some() || parents.is_some() || !attrs.is_empty() {
                steps.push(Step::SetBlock { at: *at as usize, kind, parents, attrs });
            }
        }
    }
    Ok(())
}

/// Adds the steps of a later edit to a plan.
pub(crate) fn append(steps: &mut Vec<Step>, more: Vec<Step>) {
    for step in more {
        match step {
            Step::Text { at, text, want, guess } => push_text(steps, at, &text, &want, guess),
            Step::Delete { at, count } => push_delete(steps, at, count),
            other => steps.push(other),
        }
    }
}

/// Keys typed one after another are one text.
fn push_text(steps: &mut Vec<Step>, at: usize, text: &str, want: &Marks, guess: Marks) {
    if let Some(Step::Text { at: start, text: typed, want: same, .. }) = steps.last_mut()
        && same == want
        && *start + utf16_len(typed) == at
    {
        typed.push_str(text);
        return;
    }
    steps.push(Step::Text { at, text: text.to_owned(), want: want.clone(), guess });
}

/// Held-down backspace is one deletion, and so is held-down delete.
fn push_delete(steps: &mut Vec<Step>, at: usize, count: usize) {
    if let Some(Step::Delete { at: start, count: before }) = steps.last_mut() {
        if *start == at {
            *before += count;
            return;
        }
        if at + count == *start {
            *start = at;
            *before += count;
            return;
        }
    }
    steps.push(Step::Delete { at, count });
}

/// How many places Automerge looks up for a plan: what costs the whole document under `transaction_at`.
pub(crate) fn lookups(steps: &[Step]) -> usize {
    steps
        .iter()
        .map(|step| match step {
            Step::Delete { count, .. } => 2 + count,
            Step::Text { want, guess, .. } => 2 + 2 * (want.len() + guess.len()),
            Step::Block { .. } | Step::SetBlock { .. } | Step::Mark { .. } => 2,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(at: u32, text: &str) -> Edit {
        Edit::Splice { at, delete: 0, insert: vec![Item::Text { text: text.to_owned(), marks: Marks::new() }] }
    }

    #[test]
    fn a_run_of_keys_is_one_step() {
        let mut reading = Reading::default();
        let mut steps = Vec::new();
        for (at, key) in ["h", "é", "😀", "!"].into_iter().enumerate() {
            let at = if at < 3 { at } else { at + 1 } as u32;
            add(&mut steps, &typed(at, key), &reading).unwrap();
            reading.apply_edit(&typed(at, key)).unwrap();
        }
        assert_eq!(steps, vec![Step::Text { at: 0, text: "hé😀!".into(), want: Marks::new(), guess: Marks::new() }]);
    }

    #[test]
    fn setting_a_block_to_what_it_is_asks_for_nothing() {
        let block = Block {
            kind: "heading".into(),
            parents: vec![],
            attrs: [("level".into(), Scalar::Number(1.0))].into(),
            is_embed: false,
        };
        let reading = Reading::from_items([Item::Block { block }]);
        let mut steps = Vec::new();
        let same = Edit::SetBlock {
            at: 0,
            kind: Some("heading".into()),
            parents: Some(vec![]),
            attrs: [("level".into(), Scalar::Number(1.0))].into(),
        };
        add(&mut steps, &same, &reading).unwrap();
        assert_eq!(steps, vec![]);
    }
}
