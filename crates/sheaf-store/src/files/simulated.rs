use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Files, OpenFile, real::too_long};

/// A disk in memory that can fail at any of its operations, fill up, and lose power.
///
/// It is as unkind as a disk may be: what was not synced may be there after a crash, in part, as zeros in the middle, or not
/// at all; a new name may be gone although the file was synced; and after a sync that failed, what it should have written
/// is lost although a later sync says it succeeded.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

/// What goes wrong at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This one operation fails.
    Once(io::ErrorKind),
    /// This operation and all that follow fail, until [`SimulatedDisk::heal`].
    From(io::ErrorKind),
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    folders: BTreeSet<PathBuf>,
    /// What a program sees.
    names: BTreeMap<PathBuf, usize>,
    /// What a crash leaves.
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names since, in order.
    changes: Vec<(PathBuf, Change)>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    capacity: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Link(usize),
    Unlink,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    /// How much of it is durable.
    durable: usize,
    /// What a failed sync has lost, though it can still be read.
    lost: Vec<Range<usize>>,
}

impl SimulatedDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations that change something have been asked for.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Lets the operation after the next `after` ones fail.
    pub fn fail(&self, after: u64, fault: Fault) {
        let mut state = self.lock();
        state.fault = Some((state.operations + after, fault));
    }

    /// No more faults.
    pub fn heal(&self) {
        self.lock().fault = None;
    }

    /// How many bytes fit on the disk; `None` for no bound.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.lock().capacity = bytes;
    }

    /// How many bytes are on the disk.
    pub fn used(&self) -> usize {
        self.lock().used()
    }

    /// Flips a bit.
    pub fn flip(&self, path: &Path, bit: usize) {
        let mut state = self.lock();
        if let Some(&inode) = state.names.get(path)
            && let Some(byte) = state.inodes[inode].bytes.get_mut(bit / 8)
        {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// The disk as it may be found after power was lost now. Who still writes to the old one writes to nothing.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let state = self.lock();
        let mut random = Random(seed);
        let mut names = state.durable_names.clone();
        // In each folder, names change in order, up to some point.
        let mut reached: BTreeMap<PathBuf, bool> = BTreeMap::new();
        for (path, change) in &state.changes {
            let folder = path.parent().unwrap_or(path).to_path_buf();
            let goes_on = reached.entry(folder).or_insert(true);
            *goes_on = *goes_on && random.below(3) > 0;
            if *goes_on {
                match change {
                    Change::Link(inode) => names.insert(path.clone(), *inode),
                    Change::Unlink => names.remove(path),
                };
            }
        }
        let inodes = state.inodes.iter().map(|inode| inode.after_crash(&mut random)).collect();
        let folders = state.folders.clone();
        let after = State { inodes, folders, durable_names: names.clone(), names, ..State::default() };
        Self { state: Arc::new(Mutex::new(after)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inode {
    fn after_crash(&self, random: &mut Random) -> Self {
        let mut bytes = self.bytes.clone();
        for lost in &self.lost {
            let end = lost.end.min(bytes.len());
            bytes[lost.start.min(end)..end].fill(0);
        }
        let unsynced = bytes.len() - self.durable;
        bytes.truncate(self.durable + random.below(unsynced as u64 + 1) as usize);
        // Pages reach the disk in any order.
        for _ in 0..random.below(3) {
            let length = bytes.len() - self.durable;
            let start = self.durable + random.below(length as u64 + 1) as usize;
            let end = bytes.len().min(start + random.below(64) as usize);
            bytes[start..end].fill(0);
        }
        let durable = bytes.len();
        Self { bytes, durable, lost: Vec::new() }
    }
}

impl State {
    fn used(&self) -> usize {
        self.names.values().collect::<BTreeSet<_>>().into_iter().map(|&inode| self.inodes[inode].bytes.len()).sum()
    }

    fn operation(&mut self) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        match self.fault {
            Some((at, Fault::Once(kind))) if number == at => Err(kind.into()),
            Some((at, Fault::From(kind))) if number >= at => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change(&mut self, path: &Path, change: Change) {
        match change {
            Change::Link(inode) => self.names.insert(path.to_path_buf(), inode),
            Change::Unlink => self.names.remove(path),
        };
        self.changes.push((path.to_path_buf(), change));
    }
}

impl Files for SimulatedDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.operation()?;
        state.folders.insert(folder.to_path_buf());
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.lock();
        let inside = state.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        let state = self.lock();
        Ok(state.inodes[state.find(path)?].bytes.len() as u64)
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let state = self.lock();
        let bytes = &state.inodes[state.find(path)?].bytes;
        if bytes.len() as u64 > limit { Err(too_long(bytes.len() as u64, limit)) } else { Ok(bytes.clone()) }
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        let state = self.lock();
        let bytes = &state.inodes[state.find(path)?].bytes;
        Ok(bytes[..bytes.len().min(length)].to_vec())
    }

    fn read_at(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let state = self.lock();
        let bytes = &state.inodes[state.find(path)?].bytes;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(bytes.iter().skip(offset).take(length).copied().collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let mut state = self.lock();
        state.operation()?;
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.change(path, Change::Link(inode));
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode }))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let mut state = self.lock();
        state.operation()?;
        let inode = state.find(path)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode }))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let mut state = self.lock();
        state.operation()?;
        let inode = state.find(path)?;
        let inode = &mut state.inodes[inode];
        inode.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        inode.durable = inode.bytes.len();
        Ok(())
    }

    fn overwrite(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        let failed = state.operation().err();
        let inode = state.find(path)?;
        let inode = &mut state.inodes[inode];
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(inode.bytes.len());
        let end = (start + bytes.len()).min(inode.bytes.len());
        inode.bytes[start..end].copy_from_slice(&bytes[..end - start]);
        if let Some(error) = failed {
            return Err(error);
        }
        inode.lost.retain(|lost| lost.start < start || lost.end > end);
        inode.durable = inode.durable.max(end);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.operation()?;
        let inode = state.find(from)?;
        // In this order, for a rename may be seen by halves but never loses the file.
        state.change(to, Change::Link(inode));
        state.change(from, Change::Unlink);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.operation()?;
        state.find(path)?;
        state.change(path, Change::Unlink);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.operation()?;
        let state = &mut *state;
        state.changes.retain(|(path, change)| {
            if path.parent() != Some(folder) {
                return true;
            }
            match change {
                Change::Link(inode) => state.durable_names.insert(path.clone(), *inode),
                Change::Unlink => state.durable_names.remove(path),
            };
            false
        });
        Ok(())
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
}

impl OpenFile for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        let failed = state.operation().err();
        let room = state.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(state.used()));
        // A write that fails may have written a part.
        let written = if failed.is_some() { bytes.len() / 2 } else { bytes.len() }.min(room);
        state.inodes[self.inode].bytes.extend_from_slice(&bytes[..written]);
        match failed {
            Some(error) => Err(error),
            None if written < bytes.len() => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let failed = state.operation().err();
        let inode = &mut state.inodes[self.inode];
        if failed.is_some() {
            inode.lost.push(inode.durable..inode.bytes.len());
        }
        inode.durable = inode.bytes.len();
        failed.map_or(Ok(()), Err)
    }
}

/// SplitMix64: enough to choose what a crash leaves, and the same on every machine for one seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
