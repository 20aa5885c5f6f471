//! Reading Automerge's chunks without believing them.
//!
//! Automerge's format is columns of run-length encoded values, deflated in files. A few bytes can stand for billions of
//! operations, and Automerge builds every one of them before it notices. So the bytes are walked here first, run by run
//! and never value by value, and anything that would come to too much is refused before Automerge sees it (L3). This
//! file allocates only what the bytes themselves hold, and what it inflates it inflates against a cap.

use automerge::ChangeHash;

use super::bytes::{DEFLATE, Input, Kind, boolean_runs, inflate, runs};
use crate::limits::{
    LoadLimits, MAX_CHANGE_NAMES, MAX_CHANGE_OPERATIONS, MAX_CHANGE_PREDECESSORS, MAX_CHANGE_REFERENCES,
};

/// What is wrong with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// It does not begin as Automerge's chunks do.
    #[error("this is not an Automerge document or change: it does not begin like one")]
    NotAutomerge,
    /// It ends too early.
    #[error("the Automerge data is cut short: more should follow after byte {at}")]
    Cut {
        /// How far it goes.
        at: usize,
    },
    /// Something follows where it should end.
    #[error("the Automerge data goes on after its end at byte {at}")]
    LeftOver {
        /// Where it should have ended.
        at: usize,
    },
    /// Another kind of chunk than expected.
    #[error("the Automerge data is of kind {0}, which is not taken here")]
    WrongKind(u8),
    /// A number or a run that no writer makes.
    #[error("the Automerge data is malformed at byte {at}")]
    Malformed {
        /// Where.
        at: usize,
    },
    /// A deflated column where only plain ones are allowed.
    #[error("a change from outside must not be deflated")]
    Deflated,
    /// A column that this version does not know or that does not fit the others.
    #[error("column {0} does not belong there or does not fit the others")]
    BadColumn(u32),
    /// A number of things beyond what is allowed.
    #[error("too many {what}: {found}, and at most {limit} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// Another number of changes than there has to be.
    #[error("there are {found} changes, and {signed} were signed for")]
    OtherCount {
        /// How many there are.
        found: u64,
        /// How many there have to be.
        signed: u64,
    },
}

use ScanError::{BadColumn, Deflated, LeftOver, NotAutomerge, TooMany, WrongKind};

const KIND_DOCUMENT: u8 = 0;
const KIND_CHANGE: u8 = 1;
const KIND_DEFLATED_CHANGE: u8 = 2;

// The columns of a change's operations: id * 16 + type.
const OBJECT_ACTOR: u32 = 0x01;
const OBJECT_COUNTER: u32 = 0x02;
const KEY_ACTOR: u32 = 0x11;
const KEY_COUNTER: u32 = 0x13;
const KEY_NAME: u32 = 0x15;
const INSERT: u32 = 0x34;
const ACTION: u32 = 0x42;
const VALUE_META: u32 = 0x56;
const VALUE: u32 = 0x57;
const PRED_COUNT: u32 = 0x70;
const PRED_ACTOR: u32 = 0x71;
const PRED_COUNTER: u32 = 0x73;
const EXPAND: u32 = 0x94;
const MARK_NAME: u32 = 0xa5;

/// What a change says about itself, read without touching its operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScannedChange {
    pub(crate) checksum: [u8; 4],
    pub(crate) deps: Vec<ChangeHash>,
    pub(crate) actor: Vec<u8>,
    pub(crate) seq: u64,
    pub(crate) start_op: u64,
    pub(crate) other_actors: Vec<Vec<u8>>,
    pub(crate) operations: u64,
    pub(crate) extra: Vec<u8>,
}

struct Caps {
    operations: u64,
    predecessors: u64,
    names: u64,
    references: u64,
}

/// Reads exactly one plain change.
pub(crate) fn change(bytes: &[u8]) -> Result<ScannedChange, ScanError> {
    let caps = Caps {
        operations: MAX_CHANGE_OPERATIONS,
        predecessors: MAX_CHANGE_PREDECESSORS,
        names: MAX_CHANGE_NAMES,
        references: MAX_CHANGE_REFERENCES,
    };
    let mut input = Input::new(bytes);
    let chunk = input.chunk()?;
    match chunk.kind {
        KIND_CHANGE => {}
        KIND_DEFLATED_CHANGE => return Err(Deflated),
        other => return Err(WrongKind(other)),
    }
    if !input.is_done() {
        return Err(LeftOver { at: input.at });
    }
    change_body(chunk.body, chunk.checksum, &caps)
}

/// The number of the operation that begins or ends a mark.
const MARK: i128 = 7;

/// Whether a change begins or ends marks; also when it cannot be told.
pub(crate) fn has_marks(bytes: &[u8]) -> bool {
    let found = || {
        let mut marks = false;
        for (spec, column) in change_columns(Input::new(bytes).chunk()?.body)? {
            if spec == ACTION {
                runs(column, &Kind::Unsigned, |_, action| {
                    marks |= action == Some(MARK);
                    Ok(())
                })?;
            }
        }
        Ok::<_, ScanError>(marks)
    };
    found().unwrap_or(true)
}

/// Walks all chunks of a saved document.
pub(crate) fn document(bytes: &[u8], limits: &LoadLimits) -> Result<(), ScanError> {
    let caps = Caps {
        operations: limits.operations,
        predecessors: limits.operations.saturating_mul(4),
        names: limits.inflated,
        references: limits.operations,
    };
    if bytes.is_empty() {
        return Err(NotAutomerge);
    }
    let mut input = Input::new(bytes);
    let mut inflated = limits.inflated;
    let mut operations = limits.operations;
    while !input.is_done() {
        let chunk = input.chunk()?;
        let found = match chunk.kind {
            KIND_DOCUMENT => document_body(chunk.body, &caps, &mut inflated)?,
            KIND_CHANGE => change_body(chunk.body, chunk.checksum, &caps)?.operations,
            KIND_DEFLATED_CHANGE => {
                let body = inflate(chunk.body, &mut inflated)?;
                change_body(&body, chunk.checksum, &caps)?.operations
            }
            other => return Err(WrongKind(other)),
        };
        operations =
            operations.checked_sub(found).ok_or(TooMany { what: "operations", found, limit: limits.operations })?;
    }
    Ok(())
}

fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), ScanError> {
    if found > limit { Err(TooMany { what, found, limit }) } else { Ok(()) }
}

/// The columns of a change's operations.
fn change_columns(body: &[u8]) -> Result<Vec<(u32, &[u8])>, ScanError> {
    let mut input = Input::new(body);
    let deps = input.unsigned()?;
    input.take(deps.saturating_mul(32))?;
    input.prefixed()?; // the actor
    input.unsigned()?; // its number
    input.unsigned()?; // the first operation's
    input.signed()?; // the time
    input.prefixed()?; // the message
    for _ in 0..input.count("actors", MAX_CHANGE_REFERENCES)? {
        input.prefixed()?;
    }
    let columns = input.columns()?;
    columns.into_iter().map(|(spec, length)| Ok((spec, input.take(length)?))).collect()
}

fn change_body(body: &[u8], checksum: [u8; 4], caps: &Caps) -> Result<ScannedChange, ScanError> {
    let mut input = Input::new(body);
    let mut deps = Vec::new();
    for _ in 0..input.count("dependencies", caps.references)? {
        deps.push(ChangeHash(input.array()?));
    }
    let actor = input.prefixed()?.to_vec();
    let seq = input.unsigned()?;
    let start_op = input.unsigned()?;
    input.signed()?; // the time
    input.prefixed()?; // the message
    let mut other_actors = Vec::new();
    for _ in 0..input.count("actors", caps.references)? {
        other_actors.push(input.prefixed()?.to_vec());
    }
    let columns = input.columns()?;
    let mut data: Vec<(u32, &[u8])> = Vec::new();
    for (spec, length) in columns {
        if spec & DEFLATE != 0 {
            return Err(Deflated);
        }
        data.push((spec, input.take(length)?));
    }
    let extra = input.rest().to_vec();
    let operations = operations(&data, 1 + other_actors.len() as u64, caps)?;
    Ok(ScannedChange { checksum, deps, actor, seq, start_op, other_actors, operations, extra })
}

/// Counts the operations of a change and checks that no other column holds more than belongs to them.
fn operations(data: &[(u32, &[u8])], actors: u64, caps: &Caps) -> Result<u64, ScanError> {
    let column = |wanted: u32| data.iter().find(|(spec, _)| *spec == wanted).map_or(&[][..], |(_, bytes)| *bytes);
    let count = runs(column(ACTION), &Kind::Unsigned, |_, action| action.map(drop).ok_or(BadColumn(ACTION)))?;
    at_most("operations", count, caps.operations)?;
    let mut predecessors = 0_u64;
    runs(column(PRED_COUNT), &Kind::Unsigned, |times, each| {
        let each = u64::try_from(each.unwrap_or(0)).unwrap_or(u64::MAX);
        predecessors = predecessors.saturating_add(times.saturating_mul(each));
        Ok(())
    })?;
    at_most("predecessors", predecessors, caps.predecessors)?;
    let mut names = 0_u64;
    for (spec, bytes) in data {
        let of_actor = |_, actor: Option<i128>| match actor {
            Some(actor) if actor >= i128::from(actors) => Err(BadColumn(*spec)),
            _ => Ok(()),
        };
        let mut counter = 0_i128;
        let mut of_counter = |times: u64, step: Option<i128>| {
            let first = counter + step.unwrap_or(0);
            counter = counter.saturating_add(step.unwrap_or(0).saturating_mul(i128::from(times)));
            let fits = |value: i128| (0..=i128::from(u32::MAX)).contains(&value);
            if fits(first) && fits(counter) { Ok(()) } else { Err(BadColumn(*spec)) }
        };
        let mut of_name = |times: u64, length: Option<i128>| {
            names = names.saturating_add(times.saturating_mul(u64::try_from(length.unwrap_or(0)).unwrap_or(u64::MAX)));
            at_most("bytes of names", names, caps.names)
        };
        let (entries, limit) = match *spec {
            OBJECT_ACTOR | KEY_ACTOR => (runs(bytes, &Kind::Unsigned, of_actor)?, count),
            PRED_ACTOR => (runs(bytes, &Kind::Unsigned, of_actor)?, predecessors),
            KEY_COUNTER => (runs(bytes, &Kind::Signed, &mut of_counter)?, count),
            PRED_COUNTER => (runs(bytes, &Kind::Signed, &mut of_counter)?, predecessors),
            OBJECT_COUNTER => (
                runs(bytes, &Kind::Unsigned, |_, value| match value {
                    Some(value) if value > i128::from(u32::MAX) => Err(BadColumn(*spec)),
                    _ => Ok(()),
                })?,
                count,
            ),
            KEY_NAME | MARK_NAME => (runs(bytes, &Kind::Text, &mut of_name)?, count),
            INSERT | EXPAND => (boolean_runs(bytes)?, count),
            ACTION | PRED_COUNT => (runs(bytes, &Kind::Unsigned, |_, _| Ok(()))?, count),
            VALUE_META => {
                let mut length = 0_u64;
                let entries = runs(bytes, &Kind::Unsigned, |times, meta| {
                    let each = u64::try_from(meta.unwrap_or(0)).unwrap_or(u64::MAX) >> 4;
                    length = length.saturating_add(times.saturating_mul(each));
                    Ok(())
                })?;
                if length != column(VALUE).len() as u64 {
                    return Err(BadColumn(VALUE));
                }
                (entries, count)
            }
            VALUE => (0, 0),
            other => return Err(BadColumn(other)),
        };
        if entries > limit {
            return Err(BadColumn(*spec));
        }
    }
    Ok(count)
}

/// Walks a document chunk, and says how many operations it holds.
fn document_body(body: &[u8], caps: &Caps, inflated: &mut u64) -> Result<u64, ScanError> {
    let mut input = Input::new(body);
    for _ in 0..input.count("actors", caps.references)? {
        input.prefixed()?;
    }
    for _ in 0..input.count("heads", caps.references)? {
        input.take(32)?;
    }
    let change_columns = input.columns()?;
    let operation_columns = input.columns()?;
    let mut most = 0;
    for (spec, length) in change_columns.into_iter().chain(operation_columns) {
        let bytes = input.take(length)?;
        let own;
        let bytes = if spec & DEFLATE == 0 {
            bytes
        } else {
            own = inflate(bytes, inflated)?;
            &own
        };
        most = most.max(column_entries(spec & !DEFLATE, bytes, caps)?);
    }
    Ok(most)
}

/// How many entries a column of a document has, by its type alone.
fn column_entries(spec: u32, bytes: &[u8], caps: &Caps) -> Result<u64, ScanError> {
    let mut names = 0_u64;
    let entries = match spec & 7 {
        0 => {
            let mut grouped = 0_u64;
            let entries = runs(bytes, &Kind::Unsigned, |times, each| {
                let each = u64::try_from(each.unwrap_or(0)).unwrap_or(u64::MAX);
                grouped = grouped.saturating_add(times.saturating_mul(each));
                at_most("references", grouped, caps.predecessors)
            })?;
            at_most("operations", entries, caps.operations)?;
            return Ok(entries);
        }
        1 | 2 | 6 => runs(bytes, &Kind::Unsigned, |_, _| Ok(()))?,
        3 => runs(bytes, &Kind::Signed, |_, _| Ok(()))?,
        4 => boolean_runs(bytes)?,
        5 => runs(bytes, &Kind::Text, |times, length| {
            names = names.saturating_add(times.saturating_mul(u64::try_from(length.unwrap_or(0)).unwrap_or(u64::MAX)));
            at_most("bytes of names", names, caps.names)
        })?,
        _ => return Ok(0),
    };
    // Columns that belong to a group hold as many entries as the group says.
    at_most("entries", entries, caps.predecessors)?;
    Ok(entries.min(caps.operations))
}
