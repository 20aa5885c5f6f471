//! A journal in which something is broken is written anew, from what is whole in it and what the store holds.
//!
//! The new one is made in a folder of its own and read back. Nothing is changed in the old one, which then gets another name;
//! its place is taken last. A crash before the first of the two renames leaves the old journal, one between them a finished new
//! one that opening puts in its place.
//!
//! The store gives own entries in the order in which they came, so that whatever is built on another follows it. What only
//! the journal has (a number that was used twice, an entry whose predecessor is lost) comes last, as the journal had it. What a
//! checkpoint stands for and the journal had dropped already is not taken up again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sheaf_access::{DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, Frontier};

use crate::home::{Claim, Home, JOURNAL, sync_above};
use crate::journal::framed;
use crate::{Completion, Damaged, Journal, JournalConfig, RealFiles, Result, Store, StoreError};

/// Where a journal is made.
const MADE: &str = "journal.remade";
/// How much is read and written together.
const BATCH: usize = 4 * 1024 * 1024;
/// No more than this are named one by one.
const MOST_NAMED: usize = 1_000;

/// A journal that lies ready: see [`Claim::place_remade_journal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remade {
    /// How many entries it has.
    pub entries: u64,
    /// How many of them the old one lacked.
    pub recovered: u64,
    /// Entries that are known to have been there, and that neither the journal nor the store holds.
    pub missing: Vec<(SpaceId, LogId, u64)>,
    /// How many bytes were broken that what was recovered does not account for.
    pub unknown: u64,
}

impl Home {
    /// Writes the journal anew beside the old one if something in that is broken. `own` is this device: its entries belong in
    /// the journal, and those of every device that has some there. Blocks.
    pub fn remake_journal(&self, own: Option<DeviceId>) -> Result<Option<Remade>> {
        let mut had = HashSet::new();
        let mut devices: BTreeSet<DeviceId> = own.into_iter().collect();
        for item in self.journal().replay(0)? {
            let (_, entry) = item?;
            had.insert(entry.hash());
            devices.insert(entry.log().device);
        }
        let broken = self.journal().damage().into_iter().filter_map(|damage| match damage.item {
            Damaged::Journal { length, .. } => Some(length),
            _ => None,
        });
        let broken: Vec<u64> = broken.collect();
        if broken.is_empty() {
            return Ok(None);
        }
        let folder = self.folder().join(MADE);
        clear(&folder)?;
        // Its numbers go on after those of the old one: the store has noted up to which it has everything.
        let journal = Journal::begin(&folder, self.journal().segment() + 1)?;
        let (done, known, waiting) = (HashSet::new(), BTreeMap::new(), Vec::new());
        let mut making = Making { home: self, journal, had, done, known, recovered: (0, 0), waiting, bytes: 0 };
        making.take_from_store(&devices)?;
        making.take_from_journal()?;
        let made = making.finish(broken.iter().sum())?;
        sync_above(&folder).map_err(|error| named(&folder, &error))?;
        Ok(Some(made))
    }
}

struct Making<'a> {
    home: &'a Home,
    journal: Journal,
    /// What was whole in the old journal.
    had: HashSet<EntryHash>,
    done: HashSet<EntryHash>,
    known: BTreeMap<(SpaceId, LogId), BTreeSet<u64>>,
    /// How many entries the old one lacked, and how long their frames are.
    recovered: (u64, u64),
    /// What has been handed over and may not be on the disk yet, and how much that is.
    waiting: Vec<Completion>,
    bytes: usize,
}

impl Making<'_> {
    fn take_from_store(&mut self, devices: &BTreeSet<DeviceId>) -> Result<()> {
        let store = self.home.store();
        for space in store.spaces()? {
            let floors = store.floors(space)?;
            let mut after = 0;
            loop {
                let batch = store.since(space, after, BATCH)?;
                let Some((last, _)) = batch.last() else { break };
                after = *last;
                for (_, entry) in batch.iter().filter(|(_, entry)| devices.contains(&entry.log().device)) {
                    self.follow(space, entry, &floors)?;
                }
            }
        }
        Ok(())
    }

    /// Writes an entry after those before it in its log: one that had been lost for a while came later than they did.
    fn follow(&mut self, space: SpaceId, entry: &Entry, floors: &Frontier) -> Result<()> {
        let (log, seq) = (entry.log(), entry.seq());
        let floor = floors.get(&log);
        let tip = self.known.get(&(space, log)).and_then(|known| known.last().copied()).unwrap_or(0);
        let mut next = tip.max(floor) + 1;
        while next < seq {
            let between = self.home.store().range(space, log, next, BATCH)?;
            let Some(last) = between.last() else { break };
            next = last.seq() + 1;
            for entry in between.iter().filter(|entry| entry.seq() < seq) {
                self.write(space, entry)?;
            }
        }
        if seq > floor || self.had.contains(&entry.hash()) { self.write(space, entry) } else { Ok(()) }
    }

    fn take_from_journal(&mut self) -> Result<()> {
        let removed = self.home.store().removed()?;
        for item in self.home.journal().replay(0)? {
            let (space, entry) = item?;
            if !removed.contains(&space) {
                self.write(space, &entry)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, space: SpaceId, entry: &Entry) -> Result<()> {
        if !self.done.insert(entry.hash()) {
            return Ok(());
        }
        let held = [(entry.log(), entry.seq().saturating_sub(1))].into_iter().collect();
        self.waiting.push(self.journal.append_after(space, std::slice::from_ref(entry), &held)?);
        self.bytes += entry.encoded().len();
        if self.bytes >= BATCH {
            self.wait()?;
        }
        self.known.entry((space, entry.log())).or_default().insert(entry.seq());
        if !self.had.contains(&entry.hash()) {
            self.recovered = (self.recovered.0 + 1, self.recovered.1 + framed(entry.encoded().len()));
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        self.bytes = 0;
        self.waiting.drain(..).try_for_each(Completion::wait)
    }

    /// Reads it back: what was whole in the old one must be in this one.
    fn finish(mut self, broken: u64) -> Result<Remade> {
        self.wait()?;
        let mut read = HashSet::new();
        for item in self.journal.replay(0)? {
            read.insert(item?.1.hash());
        }
        if read != self.done || !self.journal.damage().is_empty() {
            let what = "it does not hold what was written".to_owned();
            return Err(StoreError::Damaged { path: self.home.folder().join(MADE), what });
        }
        let mut missing = Vec::new();
        for ((space, log), known) in &self.known {
            let floor = self.home.store().floors(*space)?.get(log);
            let mut next = floor + 1;
            for seq in known.range(next..) {
                let room = MOST_NAMED.saturating_sub(missing.len());
                missing.extend((next..*seq).take(room).map(|seq| (*space, *log, seq)));
                next = seq + 1;
            }
        }
        let (recovered, bytes) = self.recovered;
        Ok(Remade { entries: read.len() as u64, recovered, missing, unknown: broken.saturating_sub(bytes) })
    }
}

impl Claim {
    /// Puts a journal that was written anew in the place of the old one, and answers where that is kept.
    pub fn place_remade_journal(&self) -> Result<PathBuf> {
        let (journal, made) = (self.folder().join(JOURNAL), self.folder().join(MADE));
        // Whoever had the home open since may have removed it.
        fs::metadata(&made).map_err(|error| named(&made, &error))?;
        let mut number = 1;
        let aside = loop {
            let aside = self.folder().join(format!("{JOURNAL}.damaged-{number}"));
            if !aside.exists() {
                break aside;
            }
            number += 1;
        };
        fs::rename(&journal, &aside).map_err(|error| named(&journal, &error))?;
        finish_interrupted(self.folder())?;
        Ok(aside)
    }
}

/// Puts a finished journal in its place if there is none; one that was not finished goes.
pub(crate) fn finish_interrupted(folder: &Path) -> Result<()> {
    let (journal, made) = (folder.join(JOURNAL), folder.join(MADE));
    if !made.exists() {
        return Ok(());
    }
    if journal.exists() {
        return clear(&made);
    }
    let placed = fs::rename(&made, &journal).and_then(|()| sync_above(&journal));
    placed.map_err(|error| named(&journal, &error))
}

fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(folder, &error)),
        _ => Ok(()),
    }
}

fn named(path: &Path, error: &io::Error) -> StoreError {
    StoreError::io(path, "writing the journal anew", error)
}

impl Journal {
    /// Begins a journal with this number, in a folder that is not there yet.
    fn begin(folder: &Path, first: u64) -> Result<Self> {
        let files = Arc::new(RealFiles);
        let (journal, _) = Self::open_from(folder, files, JournalConfig::default(), Arc::default(), None, first)?;
        Ok(journal)
    }
}
