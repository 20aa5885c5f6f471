//! Dropping what checkpoints stand for.
//!
//! Entries that no checkpoint covers (a private space has none for long, say) lie between those that one does, all over the
//! journal. So what is kept is written together, in the order it was written first, into a segment that says of itself that
//! nothing before it counts: as the very first segment does. It is written under another name, and synced; that it gets its
//! own name is the one moment at which it takes the place of all the others, which are deleted then. Whatever happens before
//! leaves the old segments, whatever happens after leaves the new one, and opening deletes what is not needed.
//!
//! Of a log nothing is dropped that follows something which is kept, so that what the journal has of it goes on without a gap
//! after what the checkpoint stands for, and can be put back into a store that was lost.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use sheaf_access::{LogId, SpaceId};
use sheaf_log::Entry;

use super::segment::{self, HEADER, Header, framed};
use super::{Journal, numbers, path};
use crate::files::{OpenFile, TEMPORARY};
use crate::{Result, StoreError};

/// Segments are written anew when that gives back at least this part of what it writes.
const WORTH: u64 = 4;
/// More than this is not written anew. Parts at the front go all the same.
const MOST: u64 = 64 * 1024 * 1024;
/// How much is handed to the disk at once.
const CHUNK: usize = 1024 * 1024;

/// What becomes of a segment in which something is broken, so that nobody can say whether it is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfBroken {
    /// It stays, and so does all after it, until the journal is written anew with what the store has of it.
    Keep,
    /// It goes like any other: all that ever was in it is known to be elsewhere.
    Drop,
}

/// Tells what is kept.
struct Sieve<'a> {
    covered: &'a dyn Fn(SpaceId, LogId, u64) -> bool,
    kept: HashSet<(SpaceId, LogId)>,
}

impl<'a> Sieve<'a> {
    fn new(covered: &'a dyn Fn(SpaceId, LogId, u64) -> bool) -> Self {
        Self { covered, kept: HashSet::new() }
    }

    fn keeps(&mut self, space: SpaceId, entry: &Entry) -> bool {
        let log = (space, entry.log());
        let keeps = self.kept.contains(&log) || !(self.covered)(space, entry.log(), entry.seq());
        if keeps {
            self.kept.insert(log);
        }
        keeps
    }
}

/// What could be dropped.
#[derive(Default)]
struct Found {
    /// The complete segments at the front of which nothing is kept.
    front: Vec<u64>,
    /// How many bytes behind those are kept, and how many are not.
    kept: u64,
    covered: u64,
    /// Whether all of it could be looked at.
    whole: bool,
}

impl Found {
    fn is_worth_writing(&self) -> bool {
        self.whole && self.covered > 0 && self.covered >= self.kept / WORTH && self.kept <= MOST
    }
}

impl Journal {
    /// Gives back the room of entries that are `covered`: a verified checkpoint stands for them whose blobs are on the disk
    /// (S1). What is covered may be kept, if what else is there is so much that it is not worth being written anew.
    /// Answers how many bytes that gave back.
    pub fn drop_covered(&self, broken: IfBroken, covered: impl Fn(SpaceId, LogId, u64) -> bool) -> Result<u64> {
        let _alone = self.hold();
        let found = self.look(broken, &covered)?;
        if found.is_worth_writing() {
            return self.write_anew(&covered);
        }
        found.front.last().map_or(Ok(0), |last| self.remove_up_to(*last))
    }

    fn look(&self, broken: IfBroken, covered: &dyn Fn(SpaceId, LogId, u64) -> bool) -> Result<Found> {
        let (last, _) = self.shared.written();
        let (mut sieve, mut found) = (Sieve::new(covered), Found { whole: true, ..Found::default() });
        for number in self.numbers()? {
            let read = self.read_segment(number)?;
            if read.broken && broken == IfBroken::Keep {
                found.whole = false;
                return Ok(found);
            }
            let (mut kept, mut gone) = (0, 0);
            for (space, entry) in &read.entries {
                let bytes = framed(entry.encoded().len());
                *(if sieve.keeps(*space, entry) { &mut kept } else { &mut gone }) += bytes;
            }
            if kept == 0 && found.kept == 0 && number != last {
                found.front.push(number);
            } else {
                (found.kept, found.covered) = (found.kept + kept, found.covered + gone);
            }
        }
        Ok(found)
    }

    /// Writes what is kept into a segment that takes the place of all others.
    fn write_anew(&self, covered: &dyn Fn(SpaceId, LogId, u64) -> bool) -> Result<u64> {
        let (last, _) = self.shared.written();
        let mut new = NewSegment::begin(self, last + 1)?;
        let (number, unfinished) = (new.number, new.path.clone());
        let mut length = HEADER as u64;
        let filled = self.fill(&mut new, last, covered);
        let placed = filled.and_then(|looked_at| {
            self.shared.replace(last, |durable| {
                // What came since: it cannot be asked here whether it is covered, for whoever knows may be waiting for us.
                if durable > looked_at {
                    for (space, entry) in self.read_after(last, looked_at, durable)? {
                        new.push(space, &entry)?;
                    }
                    new.sync()?;
                }
                self.files.rename(&new.path, &path(&self.folder, number)).map_err(|error| failed(&new.path, &error))?;
                self.first.store(number, Ordering::SeqCst);
                length = new.length as u64;
                Ok((number, new.length, new.file))
            })
        });
        if !matches!(placed, Ok(true)) {
            // Best effort: what is left of it is swept when the journal is next opened.
            let _ = self.files.remove(&unfinished);
        }
        if !placed? {
            return Ok(0);
        }
        Ok(self.remove_up_to(last)?.saturating_sub(length))
    }

    /// Writes what is kept, durably. Answers how much of the last segment that was chosen from.
    fn fill(&self, new: &mut NewSegment, last: u64, covered: &dyn Fn(SpaceId, LogId, u64) -> bool) -> Result<usize> {
        let (mut sieve, mut looked_at) = (Sieve::new(covered), 0);
        for number in self.numbers()?.into_iter().filter(|number| *number <= last) {
            let read = self.read_segment(number)?;
            for (space, entry) in read.entries {
                if sieve.keeps(space, &entry) {
                    new.push(space, &entry)?;
                }
            }
            looked_at = read.length;
        }
        new.sync()?;
        Ok(looked_at)
    }

    /// Deletes segments from the front, one after another: also those that do not count any more, which would if what says so
    /// went before them. Answers how many bytes that gave back.
    fn remove_up_to(&self, last: u64) -> Result<u64> {
        let mut freed = 0;
        for number in numbers(&*self.files, &self.folder)?.into_iter().filter(|number| *number <= last) {
            let path = path(&self.folder, number);
            let removed = self.files.length(&path).and_then(|length| {
                self.files.remove(&path)?;
                self.files.sync_folder(&self.folder)?;
                Ok(length)
            });
            freed += removed.map_err(|error| failed(&path, &error))?;
        }
        Ok(freed)
    }
}

/// A segment that is being made under another name.
struct NewSegment {
    path: PathBuf,
    number: u64,
    file: Box<dyn OpenFile>,
    /// What was not handed to the disk yet.
    buffer: Vec<u8>,
    length: usize,
}

impl NewSegment {
    fn begin(journal: &Journal, number: u64) -> Result<Self> {
        let path = path(&journal.folder, number).with_extension(format!("own{TEMPORARY}"));
        let file = journal.files.create(&path).map_err(|error| failed(&path, &error))?;
        let buffer = Header { number, before: 0 }.encode().to_vec();
        Ok(Self { path, number, file, buffer, length: HEADER })
    }

    /// Adds an entry, in a group of its own: were the end of it damaged one day, no more than that would be cut off.
    fn push(&mut self, space: SpaceId, entry: &Entry) -> Result<()> {
        let mut frame = Vec::new();
        segment::push(&mut frame, self.number, self.length, space, entry.encoded());
        self.length += frame.len();
        self.buffer.append(&mut frame);
        if self.buffer.len() < CHUNK { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        self.file.write(&self.buffer).map_err(|error| failed(&self.path, &error))?;
        self.buffer.clear();
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.write()?;
        self.file.sync().map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::io(path, "dropping what a checkpoint stands for from the journal", error)
}
