//! Carrying out a plan in Automerge, and finding out what it really did.

use std::{collections::VecDeque, mem::ManuallyDrop};

use automerge::{
    Automerge, AutomergeError, ChangeHash, Cursor, ObjId, ObjType, PatchLog, ReadDoc, ScalarValue, Value,
    marks::{ExpandMark, Mark},
    transaction::{Transactable, Transaction},
};

use super::{
    convert, patch_log,
    plan::{self, Step},
};
use crate::{
    limits::{OWN_CHANGE_BYTES, OWN_CHANGE_OPERATIONS},
    model::{Block, Marks, Scalar},
    patch::Patch,
    reading::items::{byte_of, utf16_len},
};

/// One change that was made: its hash, and what it did to the state it was made at.
pub(super) struct Made {
    pub(super) hash: ChangeHash,
    pub(super) patches: Option<Vec<Patch>>,
}

/// Carries out a plan in as few changes as the limits allow. `at` isolates it at older heads, which must include the
/// actor's own last change (W12). What was made before an error stays made, and is in `made`.
pub(super) fn carry_out(
    doc: &mut Automerge,
    content: &ObjId,
    mut at: Option<Vec<ChangeHash>>,
    steps: Vec<Step>,
    made: &mut Vec<Made>,
) -> Result<(), AutomergeError> {
    let mut queue = VecDeque::from(steps);
    while !queue.is_empty() {
        let tx = match &at {
            Some(heads) => doc.transaction_at(PatchLog::active(), heads)?,
            None => doc.transaction_log_patches(PatchLog::active())?,
        };
        // A transaction that is dropped rolls back. After a panic that would be a second one on top of the first, which
        // ends the program: so it is not dropped then, and the document is thrown away anyway.
        let mut tx = ManuallyDrop::new(tx);
        let filled = fill(&mut tx, content, &mut queue);
        let tx = ManuallyDrop::into_inner(tx);
        if let Err(error) = filled {
            tx.rollback();
            return Err(error);
        }
        let (hash, mut log) = tx.commit();
        if let Some(hash) = hash {
            let log = doc.make_patches(&mut log);
            if at.is_some() {
                at = Some(vec![hash]);
            }
            let patches = patch_log::patches_of(doc, content, log, at.as_deref()).map(patch_log::join);
            made.push(Made { hash, patches });
        }
    }
    Ok(())
}

/// Carries out steps until there are none left or the change is large enough.
fn fill(tx: &mut Transaction<'_>, content: &ObjId, queue: &mut VecDeque<Step>) -> Result<(), AutomergeError> {
    let mut bytes = 0;
    while let Some(step) = queue.pop_front() {
        bytes += weight(&step);
        let room = OWN_CHANGE_OPERATIONS.saturating_sub(tx.pending_ops());
        if let Some(rest) = run(tx, content, step, room)? {
            queue.push_front(rest);
            break;
        }
        if bytes > OWN_CHANGE_BYTES || tx.pending_ops() >= OWN_CHANGE_OPERATIONS {
            break;
        }
    }
    Ok(())
}

/// About how many bytes a step adds to a change beyond its operations' few.
fn weight(step: &Step) -> usize {
    let scalar = |value: &Scalar| if let Scalar::Text(text) = value { text.len() + 4 } else { 12 };
    let marks = |marks: &Marks| marks.iter().map(|(name, value)| name.len() + scalar(value) + 16).sum::<usize>();
    match step {
        Step::Delete { count, .. } => (*count).min(OWN_CHANGE_OPERATIONS) * 6,
        Step::Text { text, want, guess, .. } => text.len().min(4 * OWN_CHANGE_OPERATIONS) + marks(want) + marks(guess),
        Step::Block { block, .. } => {
            let attrs = block.attrs.iter().map(|(name, value)| name.len() + scalar(value) + 16).sum::<usize>();
            80 + block.kind.len() + attrs + block.parents.iter().map(|parent| parent.len() + 8).sum::<usize>()
        }
        Step::Mark { name, value, .. } => name.len() + scalar(value) + 16,
        Step::SetBlock { kind, parents, attrs, .. } => {
            let attrs = attrs.iter().map(|(name, value)| name.len() + scalar(value) + 16).sum::<usize>();
            let parents = parents.iter().flatten().map(|parent| parent.len() + 8).sum::<usize>();
            32 + kind.as_ref().map_or(0, String::len) + attrs + parents
        }
    }
}

/// Carries out one step, or as much of it as there is room for: then the rest is given back.
fn run(tx: &mut Transaction<'_>, content: &ObjId, step: Step, room: usize) -> Result<Option<Step>, AutomergeError> {
    match step {
        Step::Delete { at, count } => delete(tx, content, at, count, room),
        Step::Text { at, text, want, guess } => {
            align(tx, content, at)?;
            let (now, rest) = cut(text, room);
            let width = utf16_len(&now);
            tx.splice_text(content, at, 0, &now)?;
            let gone = guess.keys().filter(|name| !want.contains_key(*name)).map(|name| (name, &Scalar::Null));
            for (name, value) in gone.chain(want.iter().filter(|(name, value)| guess.get(*name) != Some(value))) {
                mark(tx, content, at, at + width, name, value)?;
            }
            let guess =
                want.iter().filter(|(name, _)| plan::continues(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
            Ok(rest.map(|text| Step::Text { at: at + width, text, want, guess }))
        }
        Step::Block { at, block } => {
            align(tx, content, at)?;
            insert_block(tx, content, at, &block)?;
            Ok(None)
        }
        Step::Mark { from, to, name, value } => {
            align(tx, content, from)?;
            align(tx, content, to)?;
            mark(tx, content, from, to, &name, &value)?;
            Ok(None)
        }
        Step::SetBlock { at, kind, parents, attrs } => {
            let Some((Value::Object(ObjType::Map), id)) = tx.get(content, at)? else {
                return Err(AutomergeError::InvalidIndex(at));
            };
            if let Some(kind) = kind {
                tx.put(&id, "type", kind)?;
            }
            if let Some(parents) = parents {
                put_parents(tx, &id, &parents)?;
            }
            if !attrs.is_empty() {
                let map = match tx.get(&id, "attrs")? {
                    Some((Value::Object(ObjType::Map), map)) => map,
                    _ => tx.put_object(&id, "attrs", ObjType::Map)?,
                };
                for (name, value) in &attrs {
                    if *value != Scalar::Null {
                        tx.put(&map, name.as_str(), convert::scalar_into(value))?;
                    } else if tx.get(&map, name.as_str())?.is_some() {
                        tx.delete(&map, name.as_str())?;
                    }
                }
            }
            Ok(None)
        }
    }
}

fn insert_block(tx: &mut Transaction<'_>, content: &ObjId, at: usize, block: &Block) -> Result<(), AutomergeError> {
    let id = tx.split_block(content, at)?;
    tx.put(&id, "type", block.kind.as_str())?;
    put_parents(tx, &id, &block.parents)?;
    // Made with the block, also when empty: two people who set an attribute at once must not each make a map for it.
    let attrs = tx.put_object(&id, "attrs", ObjType::Map)?;
    for (name, value) in &block.attrs {
        tx.put(&attrs, name.as_str(), convert::scalar_into(value))?;
    }
    tx.put(&id, "isEmbed", block.is_embed)
}

fn put_parents(tx: &mut Transaction<'_>, block: &ObjId, parents: &[String]) -> Result<(), AutomergeError> {
    let list = tx.put_object(block, "parents", ObjType::List)?;
    for (at, parent) in parents.iter().enumerate() {
        tx.insert(&list, at, parent.as_str())?;
    }
    Ok(())
}

fn mark(
    tx: &mut Transaction<'_>,
    content: &ObjId,
    from: usize,
    to: usize,
    name: &str,
    value: &Scalar,
) -> Result<(), AutomergeError> {
    // A mark taken off stays off for what is typed at its end, whatever kind it is.
    let expand = if *value == Scalar::Null || plan::continues(name) { ExpandMark::After } else { ExpandMark::None };
    tx.mark(content, Mark::new(name.to_owned(), convert::scalar_into(value), from, to), expand)
}

fn delete(
    tx: &mut Transaction<'_>,
    content: &ObjId,
    at: usize,
    count: usize,
    room: usize,
) -> Result<Option<Step>, AutomergeError> {
    align(tx, content, at)?;
    align(tx, content, at + count)?;
    if count <= room {
        tx.splice_text(content, at, count.cast_signed(), "")?;
        return Ok(None);
    }
    // The piece may end inside a character; Automerge then takes all of it, and the length says how much that was.
    let before = tx.length(content);
    tx.splice_text(content, at, room.cast_signed(), "")?;
    let gone = before.saturating_sub(tx.length(content));
    Ok((gone < count && gone > 0).then_some(Step::Delete { at, count: count - gone }))
}

/// Cuts a text after at most `room` characters.
fn cut(mut text: String, room: usize) -> (String, Option<String>) {
    if text.len() <= room {
        return (text, None);
    }
    match text.char_indices().nth(room.max(1)) {
        Some((byte, _)) => {
            let rest = text.split_off(byte);
            (text, Some(rest))
        }
        None => (text, None),
    }
}

/// Other programs may put several characters into one place. Before an edit inside such a place, it is taken apart.
fn align(tx: &mut Transaction<'_>, content: &ObjId, at: usize) -> Result<(), AutomergeError> {
    let Some((Value::Scalar(value), _)) = tx.get(content, at)? else { return Ok(()) };
    let ScalarValue::Str(text) = value.as_ref() else { return Ok(()) };
    if utf16_len(text) <= 1 {
        return Ok(());
    }
    let text = text.to_string();
    let cursor: Cursor = tx.get_cursor(content, at, None)?;
    let start = tx.get_cursor_position(content, &cursor, None)?;
    if start == at || byte_of(&text, at.saturating_sub(start)).is_none() {
        return Ok(());
    }
    tx.splice_text(content, start, utf16_len(&text).cast_signed(), &text)
}
