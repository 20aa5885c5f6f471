//! A document edited as Markdown, somewhere else: what it is now.

use std::collections::HashMap;

use super::markdown;
use crate::{
    export,
    model::{Item, blocks_of},
};

/// What `present` becomes when its Markdown is replaced by `text`.
///
/// Markdown cannot say everything a document holds: unknown marks and kinds, attributes, a blank someone just typed at
/// the end of a line. So blocks whose Markdown did not change are kept as they are in `present`, and only the others
/// are taken from `text`. A text that is [`export::markdown`](fn@export::markdown) of `present` changes nothing at all.
pub fn revise(present: &[Item], text: &str) -> Vec<Item> {
    let new = markdown(text);
    // What `present` looks like to someone who only sees its Markdown.
    let seen = markdown(&export::markdown(present));
    let (old, seen) = (split(present), split(&seen));
    if old.len() != seen.len() {
        return new;
    }
    let new_blocks = split(&new);
    let pairs = align(&seen, &new_blocks);
    // A block may name parents that are not there. Kept at a new place it may find some; then that is not what the text
    // says, and only blocks that name what the text says are kept.
    let any = |_: &[Item], _: &[Item]| true;
    let at_home = |old: &[Item], new: &[Item]| parents(old) == parents(new);
    for may_keep in [&any as &dyn Fn(&[Item], &[Item]) -> bool, &at_home] {
        let revised = keep(&old, &new_blocks, &pairs, may_keep);
        if markdown(&export::markdown(&revised)) == new {
            return revised;
        }
    }
    new
}

/// The new blocks, with the old ones in their places where they are paired and may be kept.
fn keep(
    old: &[&[Item]],
    new: &[&[Item]],
    pairs: &[(usize, usize)],
    may_keep: &dyn Fn(&[Item], &[Item]) -> bool,
) -> Vec<Item> {
    let mut out = Vec::new();
    let mut pairs = pairs.iter().peekable();
    for (number, block) in new.iter().enumerate() {
        let kept = pairs.next_if(|(_, at)| *at == number).map(|(at, _)| old[*at]);
        // A paragraph without a marker can only be the first.
        let kept = kept.filter(|kept| number == 0 || matches!(kept.first(), Some(Item::Block { .. })));
        out.extend_from_slice(kept.filter(|kept| may_keep(kept, block)).unwrap_or(block));
    }
    out
}

/// What a block says it is nested in.
fn parents(block: &[Item]) -> &[String] {
    match block.first() {
        Some(Item::Block { block }) => &block.parents,
        _ => &[],
    }
}

/// The blocks of a document, each with its marker.
fn split(items: &[Item]) -> Vec<&[Item]> {
    let mut rest = items;
    let mut blocks = Vec::new();
    for (marker, inside) in blocks_of(items) {
        let (block, after) = rest.split_at(inside.len() + usize::from(marker.is_some()));
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// Pairs equal blocks of both, in order: those at both ends; between them, those that are there once on both sides, as
/// many as can be paired without crossing; and what is equal right beside those.
fn align(old: &[&[Item]], new: &[&[Item]]) -> Vec<(usize, usize)> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_end, new_end) = (old.len() - end, new.len() - end);

    let mut pairs: Vec<_> = (0..start).map(|at| (at, at)).collect();
    let anchors = longest_rising(&once_on_both(&old[start..old_end], &new[start..new_end]));
    let anchors = anchors.into_iter().map(|(a, b)| (a + start, b + start)).chain([(old_end, new_end)]);
    let mut done = (start, start);
    for (a, b) in anchors {
        // Forward from the last pair, then backward from this one.
        let gap = a.min(old_end) - done.0;
        let forward = (0..gap.min(b - done.1)).take_while(|at| old[done.0 + at] == new[done.1 + at]).count();
        pairs.extend((0..forward).map(|at| (done.0 + at, done.1 + at)));
        done = (done.0 + forward, done.1 + forward);
        let left = (a - done.0).min(b - done.1);
        let backward = (1..=left).take_while(|at| old[a - at] == new[b - at]).count();
        pairs.extend((1..=backward).rev().map(|at| (a - at, b - at)));
        if (a, b) != (old_end, new_end) {
            pairs.push((a, b));
            done = (a + 1, b + 1);
        }
    }
    pairs.extend((0..end).map(|at| (old_end + at, new_end + at)));
    pairs
}

/// The blocks that stand exactly once in each row, in the order of the new one.
fn once_on_both(old: &[&[Item]], new: &[&[Item]]) -> Vec<(usize, usize)> {
    let key = |block: &[Item]| serde_json::to_string(block).unwrap_or_default();
    let mut seen: HashMap<String, [Vec<usize>; 2]> = HashMap::new();
    for (side, row) in [old, new].into_iter().enumerate() {
        for (at, block) in row.iter().enumerate() {
            seen.entry(key(block)).or_default()[side].push(at);
        }
    }
    let mut pairs: Vec<_> = seen
        .into_values()
        .filter_map(|places| match [&places[0][..], &places[1][..]] {
            [[a], [b]] => Some((*a, *b)),
            _ => None,
        })
        .collect();
    pairs.sort_unstable_by_key(|(_, b)| *b);
    pairs
}

/// The longest choice of pairs in which the old place rises with the new one.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the pair that ends a choice of that length at the lowest old place; and each one's predecessor.
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; pairs.len()];
    for (number, (old, _)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&end| pairs[end].0 < *old);
        before[number] = length.checked_sub(1).map(|shorter| ends[shorter]);
        if length == ends.len() {
            ends.push(number);
        } else {
            ends[length] = number;
        }
    }
    let mut chosen = Vec::new();
    let mut at = ends.last().copied();
    while let Some(number) = at {
        chosen.push(pairs[number]);
        at = before[number];
    }
    chosen.reverse();
    chosen
}
