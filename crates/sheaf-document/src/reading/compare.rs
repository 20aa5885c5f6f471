//! From one reading to another in few and small steps.
//!
//! `Automerge::diff` loses marks on inserted text, so two readings are compared instead (W5). First by block: what both
//! share at the start and at the end is skipped (shared blocks are the same pointer), the middle is aligned with
//! Myers' algorithm. Between aligned blocks only gaps are left, and each gap is compared character by character with
//! its markers in the row, so that a paragraph split in two, or two joined, is one marker more or less, and carets in
//! the text stay where they are. Both searches are bounded; past the bound a whole stretch is replaced, which is always
//! right and only less gentle.

use std::collections::HashMap;

use super::{Entry, flatten, items};
use crate::{
    model::{Block, Item, MarkValue, Marks, Scalar},
    patch::Patch,
};

/// How many blocks may come and go before the middle is taken as one gap.
const MAX_BLOCK_EDITS: usize = 400;
/// How many characters may come and go within a gap before it is replaced whole.
const MAX_CHAR_EDITS: usize = 300;

pub(super) fn compare(old: &[Entry], new: &[Entry]) -> Vec<Patch> {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a.same(b)).count();
    let (old, new_middle) = (&old[prefix..], &new[prefix..]);
    let suffix = old.iter().rev().zip(new_middle.iter().rev()).take_while(|(a, b)| a.same(b)).count();
    let old = &old[..old.len() - suffix];
    let at = new[..prefix].iter().map(|entry| entry.len).sum();
    let new = &new_middle[..new_middle.len() - suffix];

    let mut steps = Steps { at, patches: Vec::new() };
    let mut ids = Interner::default();
    let old_ids: Vec<u32> = old.iter().map(|entry| ids.id(entry)).collect();
    let new_ids: Vec<u32> = new.iter().map(|entry| ids.id(entry)).collect();
    let mut done = (0, 0);
    let matches = myers(&old_ids, &new_ids, MAX_BLOCK_EDITS).unwrap_or_default();
    for (from_old, from_new, count) in matches.into_iter().chain([(old.len(), new.len(), 0)]) {
        steps.gap(&old[done.0..from_old], &new[done.1..from_new]);
        steps.at += new[from_new..from_new + count].iter().map(|entry| entry.len).sum::<usize>();
        done = (from_old + count, from_new + count);
    }
    steps.patches
}

/// Gives equal blocks equal numbers.
#[derive(Default)]
struct Interner<'a> {
    by_hash: HashMap<u32, Vec<(&'a Entry, u32)>>,
    count: u32,
}

impl<'a> Interner<'a> {
    fn id(&mut self, entry: &'a Entry) -> u32 {
        let same_hash = self.by_hash.entry(entry.hash()).or_default();
        if let Some((_, id)) = same_hash.iter().find(|(known, _)| known.same(entry)) {
            return *id;
        }
        self.count += 1;
        same_hash.push((entry, self.count));
        self.count
    }
}

/// A place in the row of a gap: a character with its marks, a marker, or an embed.
#[derive(Clone, Copy)]
struct Token<'a> {
    item: &'a Item,
    char: char,
    /// What decides whether two tokens may be aligned. Two characters if they are the same; any two markers, because
    /// one can be made into the other; embeds of one kind.
    key: u32,
}

const MARKER_KEY: u32 = 0x11_0000;

fn tokens(row: &[Item]) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    for item in row {
        match item {
            Item::Text { text, .. } => out.extend(text.chars().map(|char| Token { item, char, key: u32::from(char) })),
            Item::Block { .. } => out.push(Token { item, char: '\0', key: MARKER_KEY }),
            Item::Embed { block } => {
                let kind = block.kind.bytes().fold(0_u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
                out.push(Token { item, char: '\0', key: MARKER_KEY + 1 + kind % 0x1000_0000 });
            }
        }
    }
    out
}

impl<'a> Token<'a> {
    fn width(&self) -> usize {
        if matches!(self.item, Item::Text { .. }) { self.char.len_utf16() } else { 1 }
    }

    fn marks(&self) -> Option<&'a Marks> {
        super::text_marks(self.item)
    }

    fn block(&self) -> Option<&'a Block> {
        items::block_of(self.item)
    }
}

struct Steps {
    /// How much of the newer reading is done: everything before is already as it should be.
    at: usize,
    patches: Vec<Patch>,
}

impl Steps {
    fn gap(&mut self, old: &[Entry], new: &[Entry]) {
        if old.is_empty() && new.is_empty() {
            return;
        }
        let (old_row, new_row) = (flatten(old), flatten(new));
        if !old.is_empty() && old.len() == new.len() && old.len() > 1 {
            // As many blocks as before: most likely each changed by itself, and smaller comparisons find more.
            for (a, b) in old.iter().zip(new) {
                self.rows(&flatten(std::slice::from_ref(a)), &flatten(std::slice::from_ref(b)));
            }
        } else {
            self.rows(&old_row, &new_row);
        }
    }

    fn rows(&mut self, old_row: &[Item], new_row: &[Item]) {
        let (old, new) = (tokens(old_row), tokens(new_row));
        let prefix = old.iter().zip(&new).take_while(|(a, b)| a.key == b.key).count();
        let (old_middle, new_middle) = (&old[prefix..], &new[prefix..]);
        let suffix = old_middle.iter().rev().zip(new_middle.iter().rev()).take_while(|(a, b)| a.key == b.key).count();
        let old_middle = &old_middle[..old_middle.len() - suffix];
        let new_middle = &new_middle[..new_middle.len() - suffix];

        self.same(&old[..prefix], &new[..prefix]);
        let old_keys: Vec<u32> = old_middle.iter().map(|token| token.key).collect();
        let new_keys: Vec<u32> = new_middle.iter().map(|token| token.key).collect();
        let mut done = (0, 0);
        let matches = gentle(myers(&old_keys, &new_keys, MAX_CHAR_EDITS).unwrap_or_default(), &old_keys, &new_keys);
        for (from_old, from_new, count) in matches.into_iter().chain([(old_middle.len(), new_middle.len(), 0)]) {
            self.replace(&old_middle[done.0..from_old], &new_middle[done.1..from_new]);
            self.same(&old_middle[from_old..from_old + count], &new_middle[from_new..from_new + count]);
            done = (from_old + count, from_new + count);
        }
        self.same(&old[old.len() - suffix..], &new[new.len() - suffix..]);
    }

    fn replace(&mut self, old: &[Token<'_>], new: &[Token<'_>]) {
        if old.is_empty() && new.is_empty() {
            return;
        }
        let delete = old.iter().map(Token::width).sum::<usize>();
        let mut insert: Vec<Item> = new
            .iter()
            .map(|token| match token.item {
                Item::Text { marks, .. } => Item::Text { text: token.char.to_string(), marks: marks.clone() },
                other => other.clone(),
            })
            .collect();
        items::merge(&mut insert);
        self.patches.push(Patch::Splice { at: self.at as u32, delete: delete as u32, insert });
        self.at += new.iter().map(Token::width).sum::<usize>();
    }

    /// Aligned tokens: what differs between them is marks, and what a marker or embed says.
    fn same(&mut self, old: &[Token<'_>], new: &[Token<'_>]) {
        let mut changes: Vec<(usize, usize, &str, MarkValue)> = Vec::new();
        let mut at = self.at;
        let mut token = 0;
        while token < new.len() {
            let (a, b) = (old[token], new[token]);
            if let (Some(before), Some(after)) = (a.block(), b.block()) {
                if before != after {
                    self.patches.push(Patch::SetBlock { at: at as u32, block: after.clone() });
                }
                at += 1;
                token += 1;
                continue;
            }
            // Runs share their item, so a stretch with one pair of items has one pair of mark sets.
            let stretch = old[token..]
                .iter()
                .zip(&new[token..])
                .take_while(|(x, y)| std::ptr::eq(x.item, a.item) && std::ptr::eq(y.item, b.item));
            let (mut count, mut width) = (0, 0);
            for (_, y) in stretch {
                count += 1;
                width += y.width();
            }
            if let (Some(before), Some(after)) = (a.marks(), b.marks())
                && before != after
            {
                let gone = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name, Scalar::Null));
                let set = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
                for (name, value) in gone.chain(set.map(|(name, value)| (name, value.clone()))) {
                    match changes.iter_mut().rev().find(|(_, to, n, v)| *to == at && *n == name && *v == value) {
                        Some(change) => change.1 = at + width,
                        None => changes.push((at, at + width, name, value)),
                    }
                }
            }
            at += width;
            token += count;
        }
        self.at = at;
        self.patches.extend(changes.into_iter().map(|(from, to, name, value)| Patch::Mark {
            from: from as u32,
            to: to as u32,
            name: name.to_owned(),
            value,
        }));
    }
}

/// Leaves out matches that are shorter than what surrounds them: a shared letter here and there in a rewritten
/// sentence would make it a dozen patches, and means nothing. Markers are always kept.
fn gentle(matches: Vec<(usize, usize, usize)>, old: &[u32], new: &[u32]) -> Vec<(usize, usize, usize)> {
    if matches.len() < 4 {
        return matches;
    }
    let lone = |(from, _, count): &(usize, usize, usize)| {
        *count < 3 && old[*from..from + count].iter().all(|key| *key < MARKER_KEY)
    };
    debug_assert!(matches.iter().all(|(a, b, n)| old[*a..a + n] == new[*b..b + n]));
    matches.into_iter().filter(|found| !lone(found)).collect()
}

/// Myers' greedy search: the runs `(from in old, from in new, length)` that both rows share in a shortest script, or
/// nothing when more than `bound` elements come and go.
#[expect(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "diagonals are signed, and rows are far shorter than either type holds"
)]
fn myers(old: &[u32], new: &[u32], bound: usize) -> Option<Vec<(usize, usize, usize)>> {
    let (rows, columns) = (old.len(), new.len());
    if rows == 0 || columns == 0 {
        return Some(Vec::new());
    }
    let max = (rows + columns).min(bound);
    if rows.abs_diff(columns) > max {
        return None;
    }
    let width = 2 * max + 3;
    let middle = max + 1;
    // `reach[middle + k]`: how far in `old` the best path on diagonal k has come. One copy a round, for walking back.
    let mut reach = vec![0_usize; width];
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    let mut found = None;
    'search: for edits in 0..=max {
        rounds.push(reach[middle - edits.min(middle)..=(middle + edits).min(width - 1)].to_vec());
        let mut k = -(edits as isize);
        while k <= edits as isize {
            let place = (middle as isize + k) as usize;
            let mut x = if k == -(edits as isize) || (k != edits as isize && reach[place - 1] < reach[place + 1]) {
                reach[place + 1]
            } else {
                reach[place - 1] + 1
            };
            let y = x as isize - k;
            if x <= rows && y >= 0 && y as usize <= columns {
                let mut y = y as usize;
                while x < rows && y < columns && old[x] == new[y] {
                    x += 1;
                    y += 1;
                }
                reach[place] = x;
                if x == rows && y == columns {
                    found = Some(edits);
                    break 'search;
                }
            } else {
                reach[place] = x;
            }
            k += 2;
        }
    }
    let edits = found?;
    // Walk back: on each round, the snake that ends at (x, y), then the step that led to its diagonal.
    let (mut x, mut y) = (rows as isize, columns as isize);
    let mut runs = Vec::new();
    for round in (0..=edits).rev() {
        let before = &rounds[round];
        let centre = round.min(middle) as isize;
        let get = |k: isize| {
            usize::try_from(centre + k).ok().and_then(|place| before.get(place)).copied().unwrap_or(0) as isize
        };
        let k = x - y;
        let (from_x, from_y) = if round == 0 {
            (0, 0)
        } else {
            let down = k == -(round as isize) || (k != round as isize && get(k - 1) < get(k + 1));
            if down { (get(k + 1), get(k + 1) - k) } else { (get(k - 1) + 1, get(k - 1) + 1 - k) }
        };
        if x > from_x {
            runs.push((from_x as usize, from_y as usize, (x - from_x) as usize));
        }
        if round > 0 {
            let down = k == -(round as isize) || (k != round as isize && get(k - 1) < get(k + 1));
            (x, y) = if down { (from_x, from_y - 1) } else { (from_x - 1, from_y) };
        }
    }
    runs.reverse();
    Some(runs)
}
