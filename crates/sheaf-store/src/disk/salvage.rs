//! A new store from what can still be read of a damaged one.
//!
//! sled checks each page it reads; a page that fails takes the rows on it along, and stops whoever iterates over it. So
//! rows are read in order, and where they stop, the first key beyond is found by probing. Entries, records and document
//! rows are copied; the indexes are made again from the entries. What is missing in the middle of a log becomes holes,
//! which the next exchange with anyone who has those entries fills.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use sheaf_access::{EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, Unverified};
use sled::IVec;

use super::entries::decode_entry;
use super::keys::{self, Parts};
use super::recovery::{Aside, Site};
use super::rows::{Batch, Rows, Trouble, after};
use super::state::{Arrived, Floor, Hole, Place, State, Tip, index_row, index_value};
use super::value::{self, Unread};
use super::{Open, layout, mark, recovery};
use crate::damage::DamageList;
use crate::vault::{Purpose, VaultKey};
use crate::{Arrival, Damaged, Table, limits};

/// More missing entries than this in one log are not kept as holes: what is above them is let go, and fetched again.
const MOST_HOLES: u64 = 10_000;

/// More unreadable places than this, and the rest is given up.
const MOST_PLACES: usize = 10_000;

/// Why a store is written anew.
#[derive(Clone, Copy)]
pub(super) enum Why<'a> {
    /// Something in it cannot be read.
    Damage(&'a str),
    /// It is from before records were sealed.
    Unsealed,
    /// The person asked for it. Nothing that is whole may get lost on the way.
    Asked,
}

/// A store that was written anew.
pub(super) struct Salvaged {
    pub(super) open: Open,
    /// Where the one is that it was made from, if that is kept.
    pub(super) kept: Option<PathBuf>,
}

/// Makes a new store of what can be read, with its records sealed, and puts it in the place of the old one. That stays
/// beside it, unless it was only not sealed. When it was asked for, the old one stays in its place unless all that is whole
/// in it is in the new one.
pub(super) fn salvage(site: Site<'_>, old: Rows, why: Why<'_>) -> Result<Salvaged, Trouble> {
    let Site { folder, vault, caches, damage } = site;
    let asked = matches!(why, Why::Asked);
    if let Why::Damage(why) = why {
        damage.report(Damaged::Store, format!("{why}; what can be read is put into a new one"));
    }
    if !matches!(layout::is_sealed(&old), Ok(true)) {
        // Before the new store says that all is sealed.
        caches.clear().map_err(|error| Trouble::Io { kind: io::ErrorKind::Other, reason: error.to_string() })?;
    }
    let new = Rows::open(&recovery::fresh_salvage_folder(folder)?)?;
    let (batch, bytes, lossy) = (Batch::default(), 0, false);
    let mut salvage = Salvage { old: &old, new: &new, vault, damage, asked, batch, bytes, lossy };
    salvage.run()?;
    let lacking = if asked { salvage.lacking()? } else { 0 };
    let lossy = salvage.lossy;
    if lacking > 0 {
        return Err(Trouble::Lacking(lacking));
    }
    drop(old);
    drop(new);
    // The new store counts its changes from the beginning.
    mark::forget(folder)?;
    let keep = match why {
        Why::Asked => Some(Aside::Replaced),
        Why::Damage(_) => Some(Aside::Damaged),
        Why::Unsealed => lossy.then_some(Aside::Damaged),
    };
    let kept = recovery::replace_with_salvage(folder, keep)?;
    let rows = Rows::open(folder)?;
    let state = State::load(&rows)?;
    Ok(Salvaged { open: Open::new(rows, state)?, kept })
}

struct Salvage<'a> {
    old: &'a Rows,
    new: &'a Rows,
    vault: &'a VaultKey,
    damage: &'a DamageList,
    /// Whether a person asked for it, who has time: signatures are looked at too.
    asked: bool,
    batch: Batch,
    bytes: usize,
    /// Whether anything could not be read.
    lossy: bool,
}

/// What was found of one log.
#[derive(Default)]
struct FoundLog {
    entries: BTreeMap<u64, (Arrival, EntryHash)>,
    /// As its tip row says, if that could be read.
    tip: u64,
    /// As its floor row says: what is missing up to there is not missed.
    floor: u64,
}

impl Salvage<'_> {
    fn run(&mut self) -> Result<(), Trouble> {
        for (key, value) in layout::rows_of(self.vault) {
            self.put(key.to_vec(), value)?;
        }
        self.entries()?;
        self.values()?;
        if !self.lossy {
            // How far derived things have got is worth only as much as they are.
            self.progress()?;
        }
        self.commit()?;
        self.new.flush()
    }

    /// Reads everything once more, and counts what is whole in the old store and not in the new one.
    fn lacking(&mut self) -> Result<u64, Trouble> {
        let (old, new) = (self.old, self.new);
        let mut lacking = 0;
        for sort in [keys::ENTRY, keys::DOCUMENT, keys::RECORD] {
            self.each(sort, |salvage, key, stored| {
                let mut parts = Parts::of(key);
                let whole = match (sort, value::open(old, key, stored)) {
                    (_, Err(Unread::Trouble(trouble @ (Trouble::Io { .. } | Trouble::Busy)))) => return Err(trouble),
                    (_, Err(_)) => return Ok(()),
                    (keys::ENTRY, Ok(value)) => {
                        let place = (parts.space(), parts.log(), parts.number());
                        let (Some(space), Some(log), Some(seq)) = place else { return Ok(()) };
                        salvage.decode(space, log, seq, &value).map(|_| value)
                    }
                    // It says how far derived things have got, and they are derived again.
                    (keys::RECORD, Ok(_)) if parts.table().is_none_or(|table| table == Table::Progress) => None,
                    (_, Ok(value)) => Some(value),
                };
                let Some(whole) = whole else { return Ok(()) };
                // A record may have been sealed on the way.
                let there = match value::read(new, key) {
                    Ok(there) => there.is_some_and(|there| sort == keys::RECORD || there == whole),
                    Err(Unread::Trouble(trouble @ (Trouble::Io { .. } | Trouble::Busy))) => return Err(trouble),
                    Err(_) => false,
                };
                lacking += u64::from(!there);
                Ok(())
            })?;
        }
        Ok(lacking)
    }

    /// The entry in a row, if it is one that may be there.
    fn decode(&self, space: SpaceId, log: LogId, seq: u64, value: &[u8]) -> Option<(Arrival, Entry)> {
        let signed = |entry: &Entry| Unverified::decode(entry.encoded()).and_then(Unverified::verify).is_ok();
        decode_entry(space, log, seq, value).filter(|(_, entry)| !self.asked || signed(entry))
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), Trouble> {
        self.bytes += key.len() + value.len();
        self.batch.insert(key, value);
        self.commit_if(limits::BATCH)
    }

    fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), Trouble> {
        self.bytes += key.len() + value.len();
        value::insert(&mut self.batch, key, value);
        self.commit_if(limits::BATCH)
    }

    /// Puts a record, sealing it if it was not. That it opens tells a sealed one for certain.
    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), Trouble> {
        if self.vault.open(Purpose::Record, key, value).is_some() {
            return self.insert(key, value);
        }
        let sealed = self.vault.seal(Purpose::Record, key, value);
        self.insert(key, &sealed)
    }

    fn commit_if(&mut self, bytes: usize) -> Result<(), Trouble> {
        if self.bytes < bytes { Ok(()) } else { self.commit() }
    }

    fn commit(&mut self) -> Result<(), Trouble> {
        self.bytes = 0;
        self.new.apply(std::mem::take(&mut self.batch))
    }

    /// All rows of a sort that can be read.
    fn each(
        &mut self,
        sort: u8,
        mut visit: impl FnMut(&mut Self, &IVec, &IVec) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let prefix = [sort];
        let mut from = prefix.to_vec();
        for _ in 0..MOST_PLACES {
            let mut stopped = None;
            for row in self.old.scan(&prefix, &from) {
                match row {
                    Ok((key, value)) => {
                        from = key.to_vec();
                        from.push(0);
                        visit(self, &key, &value)?;
                    }
                    Err(Trouble::Corrupt(why)) => {
                        stopped = Some(why);
                        break;
                    }
                    Err(trouble) => return Err(trouble),
                }
            }
            let Some(why) = stopped else { return Ok(()) };
            self.lost(&format!("rows `{}`: {why}", char::from(sort)));
            match self.next_readable(&prefix, &from) {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn lost(&mut self, found: &str) {
        self.lossy = true;
        self.damage.report(Damaged::Store, found);
    }

    /// The first key after `from` at which rows can be read again, as near as probing finds it.
    fn next_readable(&self, prefix: &[u8], from: &[u8]) -> Option<Vec<u8>> {
        let readable = |key: &[u8]| !matches!(self.old.scan(prefix, key).next(), Some(Err(_)));
        // Out, in steps that grow, until something answers ...
        let mut good = (prefix.len() + 1..=from.len())
            .rev()
            .map(|length| after(&from[..length]))
            .take_while(|key| key.starts_with(prefix))
            .find(|key| readable(key))?;
        // ... and back, by halves, to where it begins to.
        let mut bad = from.to_vec();
        for _ in 0..8 * 96 {
            let Some(middle) = between(&bad, &good) else { break };
            if readable(&middle) { good = middle } else { bad = middle }
        }
        Some(good)
    }

    /// Entries, and the indexes over them.
    fn entries(&mut self) -> Result<(), Trouble> {
        let mut spaces: BTreeMap<SpaceId, BTreeMap<LogId, FoundLog>> = BTreeMap::new();
        let old = self.old;
        self.each(keys::ENTRY, |salvage, key, stored| {
            let mut parts = Parts::of(key);
            let (Some(space), Some(log), Some(seq)) = (parts.space(), parts.log(), parts.number()) else {
                return Ok(());
            };
            let broken = match value::open(old, key, stored) {
                Ok(value) => {
                    if let Some((arrival, entry)) = salvage.decode(space, log, seq, &value) {
                        let found = spaces.entry(space).or_default().entry(log).or_default();
                        found.entries.insert(seq, (arrival, entry.hash()));
                        return salvage.insert(key, &value);
                    }
                    "its content cannot be read".to_owned()
                }
                Err(Unread::Broken(broken)) => broken.to_string(),
                Err(Unread::Trouble(Trouble::Corrupt(why))) => why,
                Err(Unread::Trouble(trouble)) => return Err(trouble),
            };
            salvage.damage.report(Damaged::Entry { space, log, seq }, broken);
            salvage.put(keys::aside(key).to_vec(), stored.to_vec())
        })?;
        // What the old indexes still tell of the entries that are missing.
        self.each(keys::TIP, |_, key, stored| {
            let mut parts = Parts::of(key);
            if let (Some(space), Some(log), Ok(tip)) = (parts.space(), parts.log(), index_row::<Tip>(key, stored)) {
                spaces.entry(space).or_default().entry(log).or_default().tip = tip.seq;
            }
            Ok(())
        })?;
        self.each(keys::FLOOR, |salvage, key, stored| {
            let mut parts = Parts::of(key);
            if let (Some(space), Some(log), Ok(floor)) = (parts.space(), parts.log(), index_row::<Floor>(key, stored)) {
                let found = spaces.entry(space).or_default().entry(log).or_default();
                (found.floor, found.tip) = (floor.seq, found.tip.max(floor.seq));
                salvage.put(key.to_vec(), stored.to_vec())?;
            }
            Ok(())
        })?;
        self.each(keys::LAST, |salvage, key, stored| salvage.put(key.to_vec(), stored.to_vec()))?;
        let mut arrivals: BTreeMap<(SpaceId, LogId, u64), (Arrival, EntryHash)> = BTreeMap::new();
        self.each(keys::ARRIVAL, |_, key, stored| {
            let mut parts = Parts::of(key);
            if let (Some(space), Some(number), Ok(row)) =
                (parts.space(), parts.number(), index_row::<Arrived>(key, stored))
                && spaces
                    .get(&space)
                    .and_then(|logs| logs.get(&row.log))
                    .is_some_and(|log| !log.entries.contains_key(&row.seq))
            {
                arrivals.insert((space, row.log, row.seq), (number, row.hash));
            }
            Ok(())
        })?;
        for (space, logs) in spaces {
            for (log, found) in logs {
                self.index(space, log, &found, &arrivals)?;
            }
        }
        Ok(())
    }

    /// Writes the index rows of one log.
    fn index(
        &mut self,
        space: SpaceId,
        log: LogId,
        found: &FoundLog,
        arrivals: &BTreeMap<(SpaceId, LogId, u64), (Arrival, EntryHash)>,
    ) -> Result<(), Trouble> {
        let mut tip = found.entries.last_key_value().map_or(0, |(seq, _)| *seq).max(found.tip);
        let above = found.entries.range(found.floor + 1..).count() as u64;
        if tip.saturating_sub(found.floor).saturating_sub(above) > MOST_HOLES {
            tip =
                (1..=tip).take_while(|seq| *seq <= found.floor || found.entries.contains_key(seq)).last().unwrap_or(0);
        }
        for seq in 1..=tip {
            let known = found.entries.get(&seq).copied();
            if let Some((arrival, hash)) = known.or_else(|| arrivals.get(&(space, log, seq)).copied()) {
                let key = keys::arrival(space, arrival);
                self.put(key.to_vec(), index_value(&key, &Arrived { log, seq, hash }))?;
                let key = keys::hash(space, hash);
                self.put(key.to_vec(), index_value(&key, &Place { log, seq }))?;
            }
            if known.is_none() && seq > found.floor {
                let told = arrivals.get(&(space, log, seq));
                let hole = Hole { arrival: told.map(|told| told.0), hash: told.map(|told| told.1) };
                let key = keys::hole(space, log, seq);
                self.put(key.to_vec(), index_value(&key, &hole))?;
                self.damage.report(Damaged::Entry { space, log, seq }, "it is missing");
                self.lossy = true;
            }
        }
        for seq in found.entries.range(tip + 1..).map(|(seq, _)| *seq) {
            self.batch.remove(keys::entry(space, log, seq).to_vec());
        }
        if tip > 0 {
            let key = keys::tip(space, log);
            self.put(key.to_vec(), index_value(&key, &Tip { seq: tip }))?;
        }
        Ok(())
    }

    /// Records and document rows. Progress comes last, see `run`.
    fn values(&mut self) -> Result<(), Trouble> {
        let old = self.old;
        self.each(keys::DOCUMENT, |salvage, key, stored| {
            let mut parts = Parts::of(key);
            let (Some(space), Some(document)) = (parts.space(), parts.document()) else { return Ok(()) };
            match value::open(old, key, stored) {
                Ok(value) => salvage.insert(key, &value),
                Err(Unread::Trouble(trouble @ (Trouble::Io { .. } | Trouble::Busy))) => Err(trouble),
                Err(_) => {
                    salvage.lossy = true;
                    salvage.damage.report(Damaged::DocumentRow { space, document }, "its row cannot be read");
                    Ok(())
                }
            }
        })?;
        self.each(keys::RECORD, |salvage, key, stored| {
            let mut parts = Parts::of(key);
            let Some(table) = parts.table() else { return Ok(()) };
            if table == Table::Progress {
                return Ok(());
            }
            match value::open(old, key, stored) {
                Ok(value) => salvage.record(key, &value),
                Err(Unread::Trouble(trouble @ (Trouble::Io { .. } | Trouble::Busy))) => Err(trouble),
                Err(_) => {
                    let item = Damaged::Record { table, key: parts.rest().to_vec() };
                    salvage.damage.report(item, "its row cannot be read");
                    salvage.put(keys::aside(key).to_vec(), stored.to_vec())
                }
            }
        })
    }

    fn progress(&mut self) -> Result<(), Trouble> {
        let old = self.old;
        self.each(keys::RECORD, |salvage, key, stored| {
            let progress = Parts::of(key).table() == Some(Table::Progress);
            match value::open(old, key, stored) {
                Ok(value) if progress => salvage.record(key, &value),
                _ => Ok(()),
            }
        })
    }
}

/// A key between two, taken as fractions; `None` if they are too near.
fn between(low: &[u8], high: &[u8]) -> Option<Vec<u8>> {
    let length = low.len().max(high.len()) + 1;
    let digit = |key: &[u8], at: usize| u16::from(key.get(at).copied().unwrap_or(0));
    // Their sum, a byte at a time from the end, then half of it from the front.
    let mut sum = vec![0u16; length];
    let mut carry = 0;
    for at in (0..length).rev() {
        let total = digit(low, at) + digit(high, at) + carry;
        sum[at] = total % 256;
        carry = total / 256;
    }
    let mut middle = Vec::with_capacity(length);
    for digit in sum {
        let total = carry * 256 + digit;
        middle.push((total / 2) as u8);
        carry = total % 2;
    }
    while middle.last() == Some(&0) {
        middle.pop();
    }
    (middle.as_slice() > low && middle.as_slice() < high).then_some(middle)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::between;

    proptest! {
        #[test]
        fn what_is_between_two_keys_is_near_the_middle(
            one in prop::collection::vec(any::<u8>(), 0..6),
            other in prop::collection::vec(any::<u8>(), 0..6),
        ) {
            let (low, high) = if one < other { (one, other) } else { (other, one) };
            match between(&low, &high) {
                Some(middle) => prop_assert!(low < middle && middle < high),
                // Equal as fractions: nothing but zeros tells them apart.
                None => prop_assert!(high.len() <= low.len() || high.starts_with(&low) && high[low.len()..].iter().all(|byte| *byte == 0)),
            }
            let mut steps = 0;
            let mut low = low;
            while let Some(middle) = between(&low, &high) {
                low = middle;
                steps += 1;
                if steps > 20 { break }
            }
        }
    }
}
