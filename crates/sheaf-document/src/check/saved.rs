//! A saved document's own account of its changes, read before any operation of it is decoded (C1).
//!
//! An Automerge save is one chunk of columns: first what is said of each change (actor, number, last operation, what it
//! depends on, its author), then all operations together. Only the first part is read here. A checkpoint's reader knows
//! exactly which actors have written in the document, and how many changes each has made; so nothing here grows beyond
//! what honest people have signed for, whatever the bytes claim.
//!
//! ```text
//! column  0x01 actor   0x03 number   0x13 last operation   0x23 time   0x35 message
//!         0x40 how many dependencies   0x43 which, by place   0x56, 0x57 extra bytes: the author
//! ```

use super::bytes::{DEFLATE, Input, Kind, inflate, runs};
use super::scan::ScanError;
use crate::limits::{LoadLimits, MAX_CHANGE_REFERENCES};

const KIND_DOCUMENT: u8 = 0;
const ACTOR: u32 = 0x01;
const SEQ: u32 = 0x03;
const MAX_OP: u32 = 0x13;
const DEPS_COUNT: u32 = 0x40;
const DEPS: u32 = 0x43;
const EXTRA_META: u32 = 0x56;
const EXTRA: u32 = 0x57;
/// The type of a value that is raw bytes, in the low four bits of its meta.
const BYTES: u64 = 7;

/// What a saved document says of one of its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedChange {
    /// The place of its actor among the document's.
    pub(crate) actor: usize,
    pub(crate) seq: u64,
    pub(crate) max_op: u64,
    /// What it depends on, by place: always earlier.
    pub(crate) deps: Vec<usize>,
    /// Where its extra bytes are in the column of all of them.
    pub(crate) extra: std::ops::Range<usize>,
}

/// What a saved document says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedChanges {
    pub(crate) actors: Vec<Vec<u8>>,
    pub(crate) heads: Vec<[u8; 32]>,
    pub(crate) changes: Vec<SavedChange>,
    extra: Vec<u8>,
}

impl SavedChanges {
    pub(crate) fn extra_of(&self, change: &SavedChange) -> &[u8] {
        self.extra.get(change.extra.clone()).unwrap_or_default()
    }
}

/// Reads the account of a document of exactly `count` changes by at most `actors` actors.
pub(crate) fn changes(bytes: &[u8], count: u64, actors: u64, limits: &LoadLimits) -> Result<SavedChanges, ScanError> {
    let mut input = Input::new(bytes);
    let chunk = input.chunk()?;
    if chunk.kind != KIND_DOCUMENT {
        return Err(ScanError::WrongKind(chunk.kind));
    }
    if !input.is_done() {
        return Err(ScanError::LeftOver { at: input.at });
    }
    let mut input = Input::new(chunk.body);
    let mut names = Vec::new();
    for _ in 0..input.count("actors", actors)? {
        names.push(input.prefixed()?.to_vec());
    }
    let mut heads = Vec::new();
    for _ in 0..input.count("heads", MAX_CHANGE_REFERENCES)? {
        heads.push(input.array()?);
    }
    let columns = input.columns()?;
    input.columns()?; // those of the operations, which begin where these end
    let mut inflated = limits.inflated;
    let mut data = Vec::new();
    for (spec, length) in columns {
        let column = input.take(length)?;
        let column = if spec & DEFLATE == 0 { column.to_vec() } else { inflate(column, &mut inflated)? };
        data.push((spec & !DEFLATE, column));
    }
    let column = |wanted: u32| data.iter().find(|(spec, _)| *spec == wanted).map_or(&[][..], |(_, bytes)| bytes);
    // Counted first, run by run: that says best what is wrong with a document that lacks changes, or has too many.
    let found = runs(column(ACTOR), &Kind::Unsigned, |_, _| Ok(()))?;
    if found != count {
        return Err(ScanError::OtherCount { found, signed: count });
    }
    let actor = numbers(ACTOR, column(ACTOR), count)?;
    let seq = deltas(SEQ, column(SEQ), count)?;
    let max_op = deltas(MAX_OP, column(MAX_OP), count)?;
    let dependencies = numbers(DEPS_COUNT, column(DEPS_COUNT), count)?;
    let total = dependencies.iter().try_fold(0_u64, |sum, each| {
        let sum = sum.saturating_add(*each);
        let within = *each <= MAX_CHANGE_REFERENCES && sum <= limits.operations;
        within.then_some(sum).ok_or(ScanError::BadColumn(DEPS_COUNT))
    })?;
    let deps = deltas(DEPS, column(DEPS), total)?;
    let extra_meta = numbers(EXTRA_META, column(EXTRA_META), count)?;
    let mut deps = deps.into_iter();
    let mut at = 0;
    let mut changes = Vec::with_capacity(actor.len());
    for place in 0..actor.len() {
        let own: Vec<usize> = deps.by_ref().take(dependencies[place] as usize).map(|dep| dep as usize).collect();
        if own.iter().any(|dep| *dep >= place) {
            return Err(ScanError::BadColumn(DEPS));
        }
        let actor = usize::try_from(actor[place]).unwrap_or(usize::MAX);
        let length = usize::try_from(extra_meta[place] >> 4).unwrap_or(usize::MAX);
        let end = at + length.min(column(EXTRA).len() + 1);
        let raw = extra_meta[place] & 0xf == BYTES;
        if actor >= names.len() || !raw || end > column(EXTRA).len() {
            return Err(ScanError::BadColumn(if actor >= names.len() { ACTOR } else { EXTRA_META }));
        }
        changes.push(SavedChange { actor, seq: seq[place], max_op: max_op[place], deps: own, extra: at..end });
        at = end;
    }
    if at != column(EXTRA).len() {
        return Err(ScanError::BadColumn(EXTRA));
    }
    Ok(SavedChanges { actors: names, heads, changes, extra: column(EXTRA).to_vec() })
}

/// The columns of all operations of a save that is not deflated: what they are and in which order they stand.
pub(crate) fn operations(bytes: &[u8]) -> Result<Vec<(u32, &[u8])>, ScanError> {
    let mut input = Input::new(Input::new(bytes).chunk()?.body);
    for _ in 0..input.unsigned()? {
        input.prefixed()?;
    }
    let heads = input.unsigned()?;
    input.take(heads.saturating_mul(32))?;
    let changes = input.columns()?;
    let operations = input.columns()?;
    for (_, length) in changes {
        input.take(length)?;
    }
    operations.into_iter().map(|(spec, length)| Ok((spec, input.take(length)?))).collect()
}

/// A column of numbers, exactly `count` of them. Nothing is written out before it is known that it is not too much.
fn numbers(spec: u32, bytes: &[u8], count: u64) -> Result<Vec<u64>, ScanError> {
    let mut values = Vec::new();
    runs(bytes, &Kind::Unsigned, |times, value| {
        let value = value.and_then(|value| u64::try_from(value).ok()).ok_or(ScanError::BadColumn(spec))?;
        push(&mut values, times, value, count, spec)
    })?;
    whole(values, count, spec)
}

/// A column of differences, as what they come to: never negative, never above what Automerge counts with.
fn deltas(spec: u32, bytes: &[u8], count: u64) -> Result<Vec<u64>, ScanError> {
    let mut values = Vec::new();
    let mut sum = 0_i128;
    runs(bytes, &Kind::Signed, |times, step| {
        let step = step.ok_or(ScanError::BadColumn(spec))?;
        if times > count {
            return Err(ScanError::BadColumn(spec));
        }
        for _ in 0..times {
            sum += step;
            let value = u32::try_from(sum).map_err(|_| ScanError::BadColumn(spec))?;
            push(&mut values, 1, u64::from(value), count, spec)?;
        }
        Ok(())
    })?;
    whole(values, count, spec)
}

fn push(values: &mut Vec<u64>, times: u64, value: u64, count: u64, spec: u32) -> Result<(), ScanError> {
    if times > count.saturating_sub(values.len() as u64) {
        return Err(ScanError::BadColumn(spec));
    }
    values.extend(std::iter::repeat_n(value, times as usize));
    Ok(())
}

fn whole(values: Vec<u64>, count: u64, spec: u32) -> Result<Vec<u64>, ScanError> {
    if values.len() as u64 == count { Ok(values) } else { Err(ScanError::BadColumn(spec)) }
}
