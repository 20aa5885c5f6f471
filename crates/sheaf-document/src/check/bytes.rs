//! The low end of reading Automerge's chunks: numbers, chunks, tables of columns, runs.

use std::io::Read;

use super::scan::ScanError::{self, BadColumn, Cut, Malformed, NotAutomerge, TooMany};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// The bit of a column's specification that says it is deflated.
pub(super) const DEFLATE: u32 = 8;
/// More columns than any writer makes.
const MAX_COLUMNS: u64 = 64;

pub(super) struct Chunk<'a> {
    pub(super) kind: u8,
    pub(super) checksum: [u8; 4],
    pub(super) body: &'a [u8],
}

pub(super) struct Input<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], ScanError> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or(Cut { at: self.bytes.len() })?;
        self.at += taken.len();
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ScanError> {
        self.take(N as u64)?.try_into().map_err(|_| Cut { at: self.at })
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, ScanError> {
        let start = self.at;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed { at: start });
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed { at: start })
    }

    pub(super) fn signed(&mut self) -> Result<i64, ScanError> {
        let start = self.at;
        let mut value = 0_i64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let used = shift + 7;
                return Ok(if used < 64 && byte & 0x40 != 0 { value | (-1 << used) } else { value });
            }
        }
        Err(Malformed { at: start })
    }

    pub(super) fn prefixed(&mut self) -> Result<&'a [u8], ScanError> {
        let length = self.unsigned()?;
        self.take(length)
    }

    pub(super) fn count(&mut self, what: &'static str, limit: u64) -> Result<u64, ScanError> {
        let found = self.unsigned()?;
        if found > limit { Err(TooMany { what, found, limit }) } else { Ok(found) }
    }

    pub(super) fn chunk(&mut self) -> Result<Chunk<'a>, ScanError> {
        let begins = &self.bytes[self.at..];
        if begins.len() >= MAGIC.len() && !begins.starts_with(&MAGIC)
            || !MAGIC.starts_with(&begins[..begins.len().min(4)])
        {
            return Err(NotAutomerge);
        }
        self.take(4)?;
        let checksum = self.array()?;
        let [kind] = self.array()?;
        let body = self.prefixed()?;
        Ok(Chunk { kind, checksum, body })
    }

    /// A table of columns: specification and length of each.
    pub(super) fn columns(&mut self) -> Result<Vec<(u32, u64)>, ScanError> {
        let count = self.count("columns", MAX_COLUMNS)?;
        let mut columns: Vec<(u32, u64)> = Vec::new();
        for _ in 0..count {
            let at = self.at;
            let spec = u32::try_from(self.unsigned()?).map_err(|_| Malformed { at })?;
            if columns.last().is_some_and(|(before, _)| before & !DEFLATE >= spec & !DEFLATE) {
                return Err(BadColumn(spec));
            }
            columns.push((spec, self.unsigned()?));
        }
        Ok(columns)
    }
}

pub(super) fn inflate(bytes: &[u8], budget: &mut u64) -> Result<Vec<u8>, ScanError> {
    let mut out = Vec::new();
    let limit = *budget;
    let read = flate2::bufread::DeflateDecoder::new(bytes).take(limit.saturating_add(1)).read_to_end(&mut out);
    read.map_err(|_| Malformed { at: 0 })?;
    *budget =
        limit.checked_sub(out.len() as u64).ok_or(TooMany { what: "bytes when inflated", found: limit + 1, limit })?;
    Ok(out)
}

/// A run of equal entries: how many, and what each is, if anything.
pub(super) enum Kind {
    Unsigned,
    Signed,
    Text,
}

/// Walks a run-length encoded column. For text, the value is its length.
pub(super) fn runs(
    bytes: &[u8],
    kind: &Kind,
    mut each: impl FnMut(u64, Option<i128>) -> Result<(), ScanError>,
) -> Result<u64, ScanError> {
    let mut input = Input::new(bytes);
    let mut total = 0_u64;
    let value = |input: &mut Input<'_>| {
        Ok::<i128, ScanError>(match kind {
            Kind::Unsigned => i128::from(input.unsigned()?),
            Kind::Signed => i128::from(input.signed()?),
            Kind::Text => input.prefixed()?.len() as i128,
        })
    };
    while !input.is_done() {
        let at = input.at;
        let head = input.signed()?;
        let count = if head == 0 { input.unsigned()? } else { head.unsigned_abs() };
        total = total.checked_add(count).ok_or(Malformed { at })?;
        match head.signum() {
            1 => {
                let run = value(&mut input)?;
                each(count, Some(run))?;
            }
            0 => each(count, None)?,
            // A literal run: every value is there in the bytes, so there cannot be more of them than bytes.
            _ => {
                for _ in 0..count {
                    let one = value(&mut input)?;
                    each(1, Some(one))?;
                }
            }
        }
    }
    Ok(total)
}

pub(super) fn boolean_runs(bytes: &[u8]) -> Result<u64, ScanError> {
    let mut input = Input::new(bytes);
    let mut total = 0_u64;
    while !input.is_done() {
        let at = input.at;
        total = total.checked_add(input.unsigned()?).ok_or(Malformed { at })?;
    }
    Ok(total)
}
