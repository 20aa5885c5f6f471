//! The journal of own entries (S1): what makes "saved" true.
//!
//! sled's flush does not wait for the disk, and may move old rows while it writes new ones. So everything this device writes
//! goes first into files that only ever grow, and is called saved when `fdatasync` has returned. An entry may leave the
//! device only then (L4). If sled is lost whole, the journal still has every word that was written here.
//!
//! One thread writes. While it waits for the disk, entries gather; when the disk is done, all of them are written and
//! synced together, so the faster people type the larger the groups become, and nobody waits for a timer.
//!
//! **When the disk fails**, the journal stops. After a sync that failed, nobody can know what is on the disk, nor would a
//! second sync tell: Linux forgets what it could not write. So the group is refused, everything after it is refused, and
//! [`Journal::recover`] (when there is room again, or the person says so) begins a new segment that says how much of the
//! old one counts. Whoever was refused appends again.
//!
//! Segments hold entries in the order they were written, and nothing refers into them, so that what a checkpoint stands for
//! can be dropped: see `dropping`.

mod completion;
mod dropping;
pub(crate) mod segment;
mod writer;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use sheaf_access::{LogId, SpaceId};
use sheaf_log::{Entry, Frontier, Unverified};

pub use self::completion::Completion;
pub use self::dropping::IfBroken;
pub(crate) use self::segment::framed;
use self::segment::{Frame, Header, decode};
use self::writer::{Job, Out, Shared};
use crate::damage::DamageList;
use crate::files::TEMPORARY;
use crate::home::Lock;
use crate::store::belongs;
use crate::{Damaged, Files, RealFiles, Repair, Result, StoreError};

/// How the journal is cut up. Tests make it small.
#[derive(Debug, Clone, Copy)]
pub struct JournalConfig {
    /// A new segment is begun when the last is at least this long.
    pub segment_bytes: usize,
    /// At most about this much is synced together.
    pub group_bytes: usize,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { segment_bytes: 8 * 1024 * 1024, group_bytes: 4 * 1024 * 1024 }
    }
}

/// A file that is longer is no segment: one ends with the first group that takes it past `segment_bytes`.
const LONGEST_SEGMENT: u64 = 256 * 1024 * 1024;

/// The journal of own entries.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    files: Arc<dyn Files>,
    shared: Arc<Shared>,
    damage: Arc<DamageList>,
    /// The first segment that counts.
    first: AtomicU64,
    dropping: Mutex<()>,
    thread: Option<JoinHandle<()>>,
    _lock: Option<Arc<Lock>>,
}

impl Journal {
    /// Opens the journal in a folder, or begins one, and cuts off what a crash left half written. The caller holds the
    /// home's lock.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Repair>)> {
        Self::open_on(folder, Arc::new(RealFiles), JournalConfig::default(), Arc::default(), None)
    }

    /// The same on any disk, cut up in any way.
    pub fn open_with(folder: &Path, files: Arc<dyn Files>, config: JournalConfig) -> Result<(Self, Vec<Repair>)> {
        Self::open_on(folder, files, config, Arc::default(), None)
    }

    pub(crate) fn open_on(
        folder: &Path,
        files: Arc<dyn Files>,
        config: JournalConfig,
        damage: Arc<DamageList>,
        lock: Option<Arc<Lock>>,
    ) -> Result<(Self, Vec<Repair>)> {
        Self::open_from(folder, files, config, damage, lock, 1)
    }

    /// The same, and one that is begun has this number as its first.
    pub(crate) fn open_from(
        folder: &Path,
        files: Arc<dyn Files>,
        config: JournalConfig,
        damage: Arc<DamageList>,
        lock: Option<Arc<Lock>>,
        first: u64,
    ) -> Result<(Self, Vec<Repair>)> {
        let named = |error: &io::Error| StoreError::io(folder, "opening the journal", error);
        files.create_folder(folder).map_err(|error| named(&error))?;
        // The name of the folder itself must outlive a crash too.
        if let Some(above) = folder.parent() {
            files.sync_folder(above).map_err(|error| named(&error))?;
        }
        let mut repairs = Vec::new();
        let mut tips = HashMap::new();
        let mut last = None;
        for number in numbers(&*files, folder)?.into_iter().rev() {
            let path = path(folder, number);
            let at = |error: &io::Error| StoreError::io(&path, "opening the journal", error);
            let bytes = files.read(&path, LONGEST_SEGMENT).map_err(|error| at(&error))?;
            let contents = decode(number, &bytes, 0);
            if contents.length == 0 {
                // It was being begun. Nothing in it was ever acknowledged.
                files.remove(&path).map_err(|error| at(&error))?;
                repairs.push(Repair::TornJournal { path, bytes: bytes.len() as u64 });
                continue;
            }
            if contents.length < bytes.len() {
                files.truncate(&path, contents.length as u64).map_err(|error| at(&error))?;
                let cut = (bytes.len() - contents.length) as u64;
                repairs.push(Repair::TornJournal { path: path.clone(), bytes: cut });
            }
            // What can be read now may be in memory only, left there by a process that was killed, or by a sync that
            // failed. It is about to be believed, so it is written once more.
            let group = contents.frames.last().map_or(0, |frame| frame.group);
            files
                .overwrite(&path, group as u64, &bytes[group..contents.length])
                .and_then(|()| files.sync_folder(folder))
                .map_err(|error| at(&error))?;
            for frame in &contents.frames {
                if let Some(entry) = verified(&bytes, frame) {
                    tips.insert((frame.space, entry.header().log), entry.header().seq);
                }
            }
            last = Some((number, contents.length));
            break;
        }
        let out = match last {
            Some((number, length)) => Out::resume(folder, Arc::clone(&files), config, number, length)?,
            None => Out::begin(folder, Arc::clone(&files), config, first)?,
        };
        let first = AtomicU64::new(sweep(&*files, folder)?);
        let shared = Arc::new(Shared::new(out, tips));
        let thread = Some(writer::start(Arc::clone(&shared), config).map_err(|error| named(&error))?);
        let (folder, dropping) = (folder.to_path_buf(), Mutex::new(()));
        Ok((Self { folder, files, shared, damage, first, dropping, thread, _lock: lock }, repairs))
    }

    /// Hands own entries over to be made durable, in this order, after all that was handed over before. They must
    /// continue their logs.
    ///
    /// This does not wait; the completion does.
    pub fn append(&self, space: SpaceId, entries: &[Entry]) -> Result<Completion> {
        self.append_on(space, entries, None)
    }

    /// The same for entries of others, which go on after what is `held` of their logs, wherever these end here: in between a
    /// checkpoint may stand for what never was in this journal.
    pub fn append_after(&self, space: SpaceId, entries: &[Entry], held: &Frontier) -> Result<Completion> {
        self.append_on(space, entries, Some(held))
    }

    fn append_on(&self, space: SpaceId, entries: &[Entry], held: Option<&Frontier>) -> Result<Completion> {
        for entry in entries {
            belongs(space, entry)?;
        }
        let (promise, completion) = completion::promise();
        let tips = entries.iter().map(|entry| (entry.header().log, entry.header().seq)).collect();
        let encoded = entries.iter().map(|entry| entry.encoded().to_vec()).collect();
        self.shared.hand_over(Job { space, tips, entries: encoded, promise }, held)?;
        Ok(completion)
    }

    /// Why the journal has stopped, if it has.
    pub fn stopped(&self) -> Option<StoreError> {
        self.shared.stopped()
    }

    /// Starts again after an error, in a new segment. Everything whose completion failed is to be appended again.
    pub fn recover(&self) -> Result<()> {
        self.shared.recover()
    }

    /// The number of the segment that is being written. All with lower numbers are complete.
    pub fn segment(&self) -> u64 {
        self.shared.segment()
    }

    /// The last durable entry of each log of which the segments that were looked at on opening, or written since, tell.
    pub fn tips(&self) -> Vec<(SpaceId, LogId, u64)> {
        self.shared.durable().into_iter().map(|((space, log), seq)| (space, log, seq)).collect()
    }

    /// All own entries that are durable, in the order they were written, from this segment on (0: all).
    ///
    /// What is damaged is reported and passed over.
    pub fn replay(&self, from_segment: u64) -> Result<Replay<'_>> {
        let mut numbers = self.numbers()?;
        numbers.retain(|number| *number >= from_segment);
        numbers.reverse();
        Ok(Replay { journal: self, numbers, entries: Vec::new().into_iter() })
    }

    /// While this is held, nothing is dropped.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.dropping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found damaged since the journal was opened.
    pub fn damage(&self) -> Vec<crate::Damage> {
        self.damage.all()
    }

    /// The numbers of the segments that count, in order.
    fn numbers(&self) -> Result<Vec<u64>> {
        // Asked first: what takes the place of the others while they are listed is then read after them, and not in place of
        // a list that it is not in.
        let first = self.first.load(Ordering::SeqCst);
        let mut numbers = numbers(&*self.files, &self.folder)?;
        numbers.retain(|number| *number >= first);
        Ok(numbers)
    }

    /// What is in one segment.
    fn read_segment(&self, number: u64) -> Result<ReadSegment> {
        let path = path(&self.folder, number);
        let named = |error: &io::Error| StoreError::io(&path, "reading the journal", error);
        let (written, length) = self.shared.written();
        let bytes = match self.files.read(&path, LONGEST_SEGMENT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let length = self.files.length(&path).map_err(|error| named(&error))?;
                self.report(number, 0..usize::try_from(length).unwrap_or(usize::MAX), &error.to_string());
                return Ok(ReadSegment { broken: true, ..ReadSegment::default() });
            }
            Err(error) => return Err(named(&error)),
        };
        // What counts: as much as was synced, or as the next segment says.
        let counts = if number == written { Some(length) } else { self.counts_before(number + 1) };
        let bytes = &bytes[..counts.unwrap_or(bytes.len()).min(bytes.len())];
        let contents = decode(number, bytes, counts.unwrap_or(0));
        let mut read = ReadSegment { length: bytes.len(), ..ReadSegment::default() };
        let mut broken = contents.damaged.into_iter().map(|place| (place, "its checksum is wrong")).collect::<Vec<_>>();
        if let Some(counts) = counts.filter(|counts| *counts > contents.length) {
            broken.push((contents.length..counts, "its end is missing"));
        }
        for frame in contents.frames {
            match verified(bytes, &frame) {
                Some(entry) => read.entries.push((frame.space, entry)),
                None => broken.push((frame.place, "it is no entry")),
            }
        }
        read.broken = !broken.is_empty();
        for (place, found) in broken {
            self.report(number, place, found);
        }
        Ok(read)
    }

    /// The entries in a part of the segment that is being written, of which so much is durable.
    fn read_after(&self, number: u64, from: usize, durable: usize) -> Result<Vec<(SpaceId, Entry)>> {
        let path = path(&self.folder, number);
        let bytes = self.files.read(&path, LONGEST_SEGMENT);
        let bytes = bytes.map_err(|error| StoreError::io(&path, "reading the journal", &error))?;
        let bytes = &bytes[..durable.min(bytes.len())];
        let contents = decode(number, bytes, durable);
        let whole = || StoreError::Damaged { path: path.clone(), what: "what was just written is broken".to_owned() };
        if contents.length < durable || contents.damaged.iter().any(|place| place.end > from) {
            return Err(whole());
        }
        let frames = contents.frames.iter().filter(|frame| frame.place.start >= from);
        frames.map(|frame| Ok((frame.space, verified(bytes, frame).ok_or_else(whole)?))).collect()
    }

    /// How much of the segment before this one counts, if that is said: of what was written anew nothing is said.
    fn counts_before(&self, number: u64) -> Option<usize> {
        let before = header(&*self.files, &self.folder, number)?.before;
        usize::try_from(before).ok().filter(|before| *before > 0)
    }

    fn report(&self, segment: u64, place: std::ops::Range<usize>, found: &str) {
        let item = Damaged::Journal { segment, offset: place.start as u64, length: place.len() as u64 };
        self.damage.report(item, format!("{}: {found}", path(&self.folder, segment).display()));
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.take() {
            // It ends after writing what it was handed. A panic in it has been printed.
            let _ = thread.join();
        }
    }
}

/// What is in one segment.
#[derive(Debug, Default)]
struct ReadSegment {
    entries: Vec<(SpaceId, Entry)>,
    /// Whether anything in it cannot be read.
    broken: bool,
    /// How much of it was looked at.
    length: usize,
}

/// Own entries, in the order they were written.
#[derive(Debug)]
pub struct Replay<'a> {
    journal: &'a Journal,
    /// Segments to come, the next one last.
    numbers: Vec<u64>,
    entries: std::vec::IntoIter<(SpaceId, Entry)>,
}

impl Iterator for Replay<'_> {
    type Item = Result<(SpaceId, Entry)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(Ok(entry));
            }
            let number = self.numbers.pop()?;
            let error = match self.journal.read_segment(number) {
                Ok(read) => {
                    self.entries = read.entries.into_iter();
                    continue;
                }
                Err(error) => error,
            };
            // It may have been dropped meanwhile. What is kept of it is behind, and so may be some that was shown already.
            match self.journal.numbers() {
                Ok(now) if now.contains(&number) => return Some(Err(error)),
                Ok(now) => self.numbers = now.into_iter().filter(|other| *other > number).rev().collect(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn verified(bytes: &[u8], frame: &Frame) -> Option<Entry> {
    Unverified::decode(bytes.get(frame.entry.clone())?).ok()?.verified_before().ok()
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.own"))
}

/// The numbers of the segments in a folder, in order.
fn numbers(files: &dyn Files, folder: &Path) -> Result<Vec<u64>> {
    let names = files.list(folder).map_err(|error| StoreError::io(folder, "opening the journal", &error))?;
    let mut numbers: Vec<u64> =
        names.iter().filter_map(|name| name.strip_suffix(".own")?.parse().ok()).filter(|number| *number > 0).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// What the header of a segment says, if it can be read.
fn header(files: &dyn Files, folder: &Path, number: u64) -> Option<Header> {
    let bytes = files.read_start(&path(folder, number), segment::HEADER).ok()?;
    Header::decode(&bytes).filter(|header| header.number == number)
}

/// Finds the first segment that counts, and deletes those before it, and what was not finished.
fn sweep(files: &dyn Files, folder: &Path) -> Result<u64> {
    let numbers = numbers(files, folder)?;
    let begins = |number: &&u64| header(files, folder, **number).is_some_and(|header| header.before == 0);
    let first = numbers.iter().rev().find(begins).copied().unwrap_or(0);
    let names = files.list(folder).map_err(|error| StoreError::io(folder, "opening the journal", &error))?;
    let unfinished = names.iter().filter(|name| name.ends_with(TEMPORARY)).map(|name| folder.join(name));
    let replaced = numbers.iter().filter(|number| **number < first).map(|number| path(folder, *number));
    for path in unfinished.chain(replaced) {
        // It is in nobody's way: nothing of it is read.
        if let Err(error) = files.remove(&path).and_then(|()| files.sync_folder(folder)) {
            tracing::warn!(%error, path = %path.display(), "what the journal has no use for stays");
        }
    }
    Ok(first)
}

type Tips = HashMap<(SpaceId, LogId), u64>;
