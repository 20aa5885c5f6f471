//! The thread that writes the journal, and what it shares with everyone else.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use sheaf_access::{LogId, SpaceId};
use sheaf_log::Frontier;

use super::completion::Promise;
use super::segment::{self, HEADER, Header};
use super::{JournalConfig, Tips, path};
use crate::files::OpenFile;
use crate::{Files, Result, StoreError};

/// What one call handed over.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) space: SpaceId,
    pub(super) tips: Vec<(LogId, u64)>,
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) promise: Promise,
}

impl Job {
    fn bytes(&self) -> usize {
        self.entries.iter().map(Vec::len).sum()
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Held while a group is written. Always taken before `queue`.
    out: Mutex<Out>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Job>,
    stopped: Option<StoreError>,
    closing: bool,
    /// The last entry of each log that was handed over.
    tips: Tips,
    /// The last entry of each log that is durable.
    durable: Tips,
}

impl Queue {
    /// Stops; answers what is refused.
    fn stop(&mut self, error: &StoreError) -> VecDeque<Job> {
        self.stopped = Some(error.clone());
        self.tips.clone_from(&self.durable);
        std::mem::take(&mut self.waiting)
    }
}

impl Shared {
    pub(super) fn new(out: Out, tips: Tips) -> Self {
        let queue = Queue { durable: tips.clone(), tips, ..Queue::default() };
        Self { queue: Mutex::new(queue), wake: Condvar::new(), out: Mutex::new(out) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a log may go on besides where it ends: after what is `held` of it elsewhere.
    pub(super) fn hand_over(&self, job: Job, held: Option<&Frontier>) -> Result<()> {
        let mut queue = self.queue();
        if let Some(cause) = &queue.stopped {
            return Err(StoreError::JournalStopped { cause: Box::new(cause.clone()) });
        }
        let mut next: Tips = Tips::new();
        for (log, seq) in &job.tips {
            let place = (job.space, *log);
            let goes_on = || !next.contains_key(&place) && held.is_some_and(|held| held.get(log) + 1 == *seq);
            // Of a log that is new here nothing is known: its first entries may be in a segment that was dropped.
            if let Some(tip) = next.get(&place).or_else(|| queue.tips.get(&place))
                && *seq != tip + 1
                && !goes_on()
            {
                return Err(StoreError::OutOfOrder { log: *log, expected: tip + 1, found: *seq });
            }
            next.insert(place, *seq);
        }
        if job.entries.is_empty() {
            job.promise.keep(Ok(()));
            return Ok(());
        }
        queue.tips.extend(next);
        queue.waiting.push_back(job);
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    pub(super) fn stopped(&self) -> Option<StoreError> {
        self.queue().stopped.clone()
    }

    pub(super) fn recover(&self) -> Result<()> {
        let mut out = self.out();
        if self.stopped().is_none() {
            return Ok(());
        }
        out.rotate()?;
        self.queue().stopped = None;
        Ok(())
    }

    /// Goes on in another segment, which takes the place of all there are, if this one is still being written. `place` is told
    /// how much of it is durable, gives the other one its name, and answers its number, its length and itself. Nobody writes
    /// meanwhile. Answers whether it came to that.
    pub(super) fn replace(
        &self,
        number: u64,
        place: impl FnOnce(usize) -> Result<(u64, usize, Box<dyn OpenFile>)>,
    ) -> Result<bool> {
        let mut out = self.out();
        if out.number != number || self.stopped().is_some() {
            return Ok(false);
        }
        let durable = out.length;
        (out.number, out.length, out.file) = place(durable)?;
        if let Err(error) = out.files.sync_folder(&out.folder) {
            // Nobody knows which of the two a crash would leave. So nothing is saved until that is settled.
            let error = StoreError::io(&out.folder, "writing the journal", &error);
            let refused = self.queue().stop(&error);
            drop(out);
            for job in refused {
                job.promise.keep(Err(error.clone()));
            }
            return Err(error);
        }
        Ok(true)
    }

    pub(super) fn durable(&self) -> Tips {
        self.queue().durable.clone()
    }

    pub(super) fn segment(&self) -> u64 {
        self.out().number
    }

    /// The segment that is being written, and how much of it is durable.
    pub(super) fn written(&self) -> (u64, usize) {
        let out = self.out();
        (out.number, out.length)
    }

    pub(super) fn close(&self) {
        self.queue().closing = true;
        self.wake.notify_one();
    }

    /// The next group; `None` when the journal is closed and everything is written.
    fn next_group(&self, most: usize) -> Option<Vec<Job>> {
        let mut queue = self.queue();
        while queue.waiting.is_empty() {
            if queue.closing {
                return None;
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(job) = queue.waiting.front() {
            bytes += job.bytes();
            if bytes > most && !group.is_empty() {
                break;
            }
            group.extend(queue.waiting.pop_front());
        }
        Some(group)
    }

    fn write(&self, group: Vec<Job>) {
        let mut out = self.out();
        // It may have stopped while this group was on its way.
        let outcome = self.stopped().map_or_else(|| out.write(&group), Err);
        let mut queue = self.queue();
        let refused = match &outcome {
            Ok(()) => {
                for job in &group {
                    queue.durable.extend(job.tips.iter().map(|(log, seq)| ((job.space, *log), *seq)));
                }
                VecDeque::new()
            }
            Err(error) => queue.stop(error),
        };
        // Promises wake others, who may come back here.
        drop(queue);
        drop(out);
        for job in group.into_iter().chain(refused) {
            job.promise.keep(outcome.clone());
        }
    }
}

/// Starts the thread.
pub(super) fn start(shared: Arc<Shared>, config: JournalConfig) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("sheaf-journal".to_owned()).spawn(move || {
        while let Some(group) = shared.next_group(config.group_bytes) {
            shared.write(group);
        }
    })
}

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Out {
    folder: PathBuf,
    files: Arc<dyn Files>,
    config: JournalConfig,
    number: u64,
    /// How much of it is durable.
    length: usize,
    file: Box<dyn OpenFile>,
}

impl Out {
    /// Goes on writing a segment.
    pub(super) fn resume(
        folder: &Path,
        files: Arc<dyn Files>,
        config: JournalConfig,
        number: u64,
        length: usize,
    ) -> Result<Self> {
        let path = path(folder, number);
        let file = files.append(&path).map_err(|error| StoreError::io(&path, "opening the journal", &error))?;
        Ok(Self { folder: folder.to_path_buf(), files, config, number, length, file })
    }

    /// Begins the first segment.
    pub(super) fn begin(folder: &Path, files: Arc<dyn Files>, config: JournalConfig, number: u64) -> Result<Self> {
        let file = create(folder, &*files, Header { number, before: 0 })?;
        Ok(Self { folder: folder.to_path_buf(), files, config, number, length: HEADER, file })
    }

    /// Begins the next segment, which says how much of this one counts.
    fn rotate(&mut self) -> Result<()> {
        let number = self.number + 1;
        self.file = create(&self.folder, &*self.files, Header { number, before: self.length as u64 })?;
        (self.number, self.length) = (number, HEADER);
        Ok(())
    }

    fn write(&mut self, group: &[Job]) -> Result<()> {
        if self.length >= self.config.segment_bytes {
            self.rotate()?;
        }
        let mut buffer = Vec::new();
        for job in group {
            for entry in &job.entries {
                segment::push(&mut buffer, self.number, self.length, job.space, entry);
            }
        }
        let path = path(&self.folder, self.number);
        self.file.write(&buffer).map_err(|error| StoreError::io(&path, "writing the journal", &error))?;
        self.file.sync().map_err(|error| StoreError::io(&path, "writing the journal", &error))?;
        self.length += buffer.len();
        Ok(())
    }
}

/// Makes an empty segment, durably, its name too.
fn create(folder: &Path, files: &dyn Files, header: Header) -> Result<Box<dyn OpenFile>> {
    let path = path(folder, header.number);
    let begin = || {
        let mut file = files.create(&path)?;
        file.write(&header.encode())?;
        file.sync()?;
        files.sync_folder(folder)?;
        Ok(file)
    };
    begin().map_err(|error| StoreError::io(&path, "beginning a part of the journal", &error))
}
