//! Blobs: sealed bytes named by their hash, as files beside sled (C5).
//!
//! A blob is written under a temporary name, synced, renamed, and its folder synced: what has its name is whole, and on the
//! disk. One that is being fetched grows in a file `….part`, piece by piece, and takes its name only when its hash is the
//! name; so a download goes on where it stopped, and what a crash or a liar has put into it is found out and thrown away.
//!
//! Beside the blobs are *bundles*: for each checkpoint that is held and verified, the entries that make sense of it (see
//! [`BlobStore::put_bundle`]). With these and the blobs, what a checkpoint stands for comes back without sled.

mod bundles;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sheaf_access::{EntryHash, SpaceId};
use sheaf_log::{BlobId, BlobLink, Entry, MAX_BLOB, SignedHeader, Unverified};

use self::bundles::Bundles;
pub(crate) use self::bundles::blobs_of;
use crate::damage::DamageList;
use crate::files::{TEMPORARY, replace};
use crate::{Damaged, Files, RealFiles, Result, StoreError, frame};

/// What belongs with a checkpoint, as it is kept and passed on: entries, the checkpoint's own last; and the last headers of
/// the logs it covers, as far as they are known. These are in its sealed part too; here they stand for those who cannot
/// open it, and yet have to know that a log goes as far as the checkpoint says.
pub fn encode_bundle(entries: &[Entry], ends: &[SignedHeader]) -> Vec<u8> {
    let entries: Vec<&serde_bytes::Bytes> =
        entries.iter().map(|entry| serde_bytes::Bytes::new(entry.encoded())).collect();
    // Writing plain data into a growing vector has nothing that can fail.
    postcard::to_extend(&(entries, ends), vec![BUNDLE_VERSION]).unwrap_or_default()
}

/// Reads the entries of a bundle, from whoever it came: nothing in it is verified. Nothing is allocated beyond the bytes'
/// own length.
pub fn decode_bundle(bytes: &[u8]) -> Option<Vec<Unverified>> {
    let (version, rest) = bytes.split_first()?;
    let entries: Vec<&serde_bytes::Bytes> = match *version {
        // Before headers were shown beside them.
        1 => postcard::from_bytes(rest).ok()?,
        BUNDLE_VERSION => postcard::take_from_bytes(rest).ok()?.0,
        _ => return None,
    };
    entries.into_iter().map(|entry| Unverified::decode(entry).ok()).collect()
}

/// The last headers of covered logs that a bundle shows: unverified, as its entries are.
pub fn bundle_ends(bytes: &[u8]) -> Vec<SignedHeader> {
    let Some((&BUNDLE_VERSION, rest)) = bytes.split_first() else { return Vec::new() };
    let read = postcard::from_bytes::<(Vec<&serde_bytes::Bytes>, Vec<SignedHeader>)>(rest);
    read.map(|(_, ends)| ends).unwrap_or_default()
}

const BUNDLE_VERSION: u8 = 2;
/// The largest bundle that is taken.
pub const MAX_BUNDLE: usize = 64 * 1024 * 1024;
const PART: &str = ".part";
pub(crate) const BUNDLE: &str = ".checkpoint";

/// What became of a piece of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// So much of it is here; the next piece begins there.
    Until(u64),
    /// It is whole, on the disk, and what its name says.
    Whole,
    /// It is whole and something else. All of it was thrown away.
    Wrong,
}

/// Where blobs are kept. All functions block.
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Keeps a blob. When this returns it is on the disk.
    fn put(&self, id: BlobId, sealed: &[u8]) -> Result<()>;
    /// Whether a blob is here, whole.
    fn has(&self, id: BlobId) -> Result<bool>;
    /// A whole blob, checked. One that is damaged is reported, taken away, and reads as none: it can be fetched again.
    fn get(&self, id: BlobId) -> Result<Option<Vec<u8>>>;
    /// A piece of a whole blob, for someone who checks it themselves; shorter at its end.
    fn read(&self, id: BlobId, from: u64, length: usize) -> Result<Option<Vec<u8>>>;
    /// How much of a blob that is being fetched is here.
    fn partial(&self, id: BlobId) -> Result<u64>;
    /// Adds a piece to a blob that is being fetched. One that does not begin where the last ended changes nothing.
    fn add(&self, blob: BlobLink, from: u64, piece: &[u8]) -> Result<Fetched>;
    /// The blobs that are here, whole.
    fn list(&self) -> Result<Vec<BlobId>>;
    /// Deletes a blob, or what has been fetched of it, whoever needs it.
    fn delete(&self, id: BlobId) -> Result<()>;
    /// The same, unless a bundle names it that is here, of whichever space. `going`: a space of which everything goes, so that
    /// what only its bundles name goes as well. Answers whether it went.
    fn delete_unneeded(&self, id: BlobId, going: Option<SpaceId>) -> Result<bool>;

    /// Keeps what belongs with a checkpoint, on the disk when this returns. The blobs it names have to be here; and from then
    /// on nobody else has them deleted as unneeded.
    fn put_bundle(&self, space: SpaceId, checkpoint: EntryHash, bytes: &[u8]) -> Result<()>;
    /// The bundles of a space that are here and whole.
    fn bundles(&self, space: SpaceId) -> Result<Vec<(EntryHash, Vec<u8>)>>;
    /// The spaces that have bundles.
    fn bundled_spaces(&self) -> Result<Vec<SpaceId>>;
    /// Deletes a bundle.
    fn delete_bundle(&self, space: SpaceId, checkpoint: EntryHash) -> Result<()>;
}

/// Blobs in files.
#[derive(Debug)]
pub struct FileBlobs {
    folder: PathBuf,
    files: Arc<dyn Files>,
    damage: Arc<DamageList>,
    /// Held while a download grows or ends.
    growing: Mutex<()>,
    bundles: Mutex<Bundles>,
}

impl FileBlobs {
    /// Opens the blobs in a folder, making it if need be, and sweeps what a crash left half written.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_on(folder, Arc::new(RealFiles), Arc::default())
    }

    /// The same on any disk.
    pub fn open_with(folder: &Path, files: Arc<dyn Files>) -> Result<Self> {
        Self::open_on(folder, files, Arc::default())
    }

    pub(crate) fn open_on(folder: &Path, files: Arc<dyn Files>, damage: Arc<DamageList>) -> Result<Self> {
        let named = |error: &io::Error| StoreError::io(folder, "opening the blobs", error);
        files.create_folder(folder).map_err(|error| named(&error))?;
        if let Some(above) = folder.parent() {
            files.sync_folder(above).map_err(|error| named(&error))?;
        }
        let mut bundles = Bundles::default();
        for name in files.list(folder).map_err(|error| named(&error))? {
            if name.ends_with(TEMPORARY) {
                // If it cannot be removed it is in nobody's way.
                let _ = files.remove(&folder.join(name));
            } else if let Some((space, checkpoint)) = bundle_named(&name) {
                bundles.found(space, checkpoint);
            }
        }
        let (growing, bundles) = (Mutex::default(), Mutex::new(bundles));
        Ok(Self { folder: folder.to_path_buf(), files, damage, growing, bundles })
    }

    fn path(&self, id: BlobId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    fn part(&self, id: BlobId) -> PathBuf {
        self.folder.join(format!("{id}{PART}"))
    }

    fn bundle(&self, space: SpaceId, checkpoint: EntryHash) -> PathBuf {
        self.folder.join(format!("{space}-{checkpoint}{BUNDLE}"))
    }

    fn names(&self) -> Result<Vec<String>> {
        self.files.list(&self.folder).map_err(|error| StoreError::io(&self.folder, "listing the blobs", &error))
    }

    /// Which bundles are here.
    fn known(&self) -> MutexGuard<'_, Bundles> {
        // Every change is complete before anything can panic.
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.growing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        match self.files.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io(path, "removing a blob", &error))
            }
            _ => Ok(()),
        }
    }

    fn length(&self, path: &Path) -> Result<Option<u64>> {
        match self.files.length(path) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(path, "looking for a blob", &error)),
        }
    }
}

impl BlobStore for FileBlobs {
    fn put(&self, id: BlobId, sealed: &[u8]) -> Result<()> {
        if self.get(id)?.is_some() {
            return Ok(());
        }
        let path = self.path(id);
        replace(&*self.files, &path, &[sealed], true).map_err(|error| StoreError::io(&path, "writing a blob", &error))
    }

    fn has(&self, id: BlobId) -> Result<bool> {
        Ok(self.length(&self.path(id))?.is_some())
    }

    fn get(&self, id: BlobId) -> Result<Option<Vec<u8>>> {
        let path = self.path(id);
        let found = match self.files.read(&path, MAX_BLOB) {
            Ok(bytes) if BlobId::of(&bytes) == id => return Ok(Some(bytes)),
            Ok(_) => "its checksum is wrong".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(StoreError::io(&path, "reading a blob", &error));
            }
            Err(error) => error.to_string(),
        };
        self.damage.report(Damaged::Blob(id), format!("{}: {found}", path.display()));
        // So that it can be fetched again. If it cannot be removed, it is reported again.
        let _ = self.files.remove(&path);
        Ok(None)
    }

    fn read(&self, id: BlobId, from: u64, length: usize) -> Result<Option<Vec<u8>>> {
        let path = self.path(id);
        match self.files.read_at(&path, from, length) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(&path, "reading a blob", &error)),
        }
    }

    fn partial(&self, id: BlobId) -> Result<u64> {
        Ok(self.length(&self.part(id))?.unwrap_or(0))
    }

    fn add(&self, blob: BlobLink, from: u64, piece: &[u8]) -> Result<Fetched> {
        let _growing = self.lock();
        if self.has(blob.id)? {
            return Ok(Fetched::Whole);
        }
        let path = self.part(blob.id);
        let named = |error: &io::Error| StoreError::io(&path, "fetching a blob", error);
        let here = self.partial(blob.id)?;
        let end = from.saturating_add(piece.len() as u64);
        if here > blob.size || end > blob.size.min(MAX_BLOB) {
            self.remove(&path)?;
            return Ok(Fetched::Wrong);
        }
        if from != here || piece.is_empty() && blob.size > 0 {
            return Ok(Fetched::Until(here));
        }
        let opened = if here == 0 { self.files.create(&path) } else { self.files.append(&path) };
        let mut file = opened.map_err(|error| named(&error))?;
        file.write(piece).map_err(|error| named(&error))?;
        if end < blob.size {
            return Ok(Fetched::Until(end));
        }
        drop(file);
        let bytes = self.files.read(&path, MAX_BLOB).map_err(|error| named(&error))?;
        if BlobId::of(&bytes) != blob.id {
            self.remove(&path)?;
            return Ok(Fetched::Wrong);
        }
        // What was in it before a crash may be in memory only: written once more, it is on the disk.
        replace(&*self.files, &self.path(blob.id), &[&bytes], true).map_err(|error| named(&error))?;
        self.remove(&path)?;
        Ok(Fetched::Whole)
    }

    fn list(&self) -> Result<Vec<BlobId>> {
        Ok(self.names()?.iter().filter_map(|name| hex(name).map(BlobId::from_bytes)).collect())
    }

    fn delete(&self, id: BlobId) -> Result<()> {
        self.remove(&self.path(id))?;
        self.remove(&self.part(id))
    }

    fn delete_unneeded(&self, id: BlobId, going: Option<SpaceId>) -> Result<bool> {
        let unread = self.known().unread();
        unread.into_iter().try_for_each(|space| self.bundles(space).map(drop))?;
        // Held until it is gone: nobody begins to keep a bundle that names it meanwhile.
        let known = self.known();
        if known.name(id, going) {
            return Ok(false);
        }
        self.delete(id)?;
        Ok(true)
    }

    fn put_bundle(&self, space: SpaceId, checkpoint: EntryHash, bytes: &[u8]) -> Result<()> {
        if bytes.len() > MAX_BUNDLE {
            return Err(StoreError::TooLarge { what: "a checkpoint's bundle", size: bytes.len(), limit: MAX_BUNDLE });
        }
        let path = self.bundle(space, checkpoint);
        let head = frame::head(checkpoint.as_bytes(), bytes);
        let names = blobs_of(bytes);
        let named = |error: &io::Error| StoreError::io(&path, "writing a checkpoint", error);
        let mut known = self.known();
        if !known.has(space, checkpoint) {
            for blob in &names {
                if !self.has(*blob)? {
                    return Err(named(&io::Error::new(io::ErrorKind::NotFound, format!("its blob {blob} has gone"))));
                }
            }
        }
        replace(&*self.files, &path, &[&head, bytes], true).map_err(|error| named(&error))?;
        known.put(space, checkpoint, names);
        Ok(())
    }

    fn bundles(&self, space: SpaceId) -> Result<Vec<(EntryHash, Vec<u8>)>> {
        let of_it = self.known().of(space);
        let mut found = Vec::new();
        for checkpoint in of_it {
            let path = self.bundle(space, checkpoint);
            let bytes = match self.files.read(&path, (MAX_BUNDLE + frame::OVERHEAD) as u64) {
                Ok(bytes) => bytes,
                // Given up a moment ago.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(StoreError::io(&path, "reading a checkpoint", &error)),
            };
            match frame::open(checkpoint.as_bytes(), &bytes) {
                Ok(bundle) => {
                    self.known().read(space, checkpoint, || blobs_of(bundle));
                    found.push((checkpoint, bundle.to_vec()));
                }
                Err(broken) => {
                    self.damage.report(Damaged::Checkpoint { space }, format!("{}: {broken}", path.display()));
                    self.delete_bundle(space, checkpoint)?;
                }
            }
        }
        Ok(found)
    }

    fn bundled_spaces(&self) -> Result<Vec<SpaceId>> {
        Ok(self.known().spaces())
    }

    fn delete_bundle(&self, space: SpaceId, checkpoint: EntryHash) -> Result<()> {
        let mut known = self.known();
        self.remove(&self.bundle(space, checkpoint))?;
        known.removed(space, checkpoint);
        Ok(())
    }
}

/// The space and the checkpoint that a bundle's name names.
fn bundle_named(name: &str) -> Option<(SpaceId, EntryHash)> {
    let (space, checkpoint) = name.strip_suffix(BUNDLE)?.split_once('-')?;
    Some((space.parse().ok()?, checkpoint.parse().ok()?))
}

/// 32 bytes from 64 digits.
fn hex(name: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if name.len() != 64 || !name.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(name.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Blobs that are forgotten with it: for tests.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    whole: BTreeMap<BlobId, Vec<u8>>,
    parts: BTreeMap<BlobId, Vec<u8>>,
    bundles: BTreeMap<(SpaceId, EntryHash), Vec<u8>>,
}

impl MemoryBlobs {
    /// No blobs.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is complete before anything can panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlobStore for MemoryBlobs {
    fn put(&self, id: BlobId, sealed: &[u8]) -> Result<()> {
        self.lock().whole.insert(id, sealed.to_vec());
        Ok(())
    }

    fn has(&self, id: BlobId) -> Result<bool> {
        Ok(self.lock().whole.contains_key(&id))
    }

    fn get(&self, id: BlobId) -> Result<Option<Vec<u8>>> {
        Ok(self.lock().whole.get(&id).cloned())
    }

    fn read(&self, id: BlobId, from: u64, length: usize) -> Result<Option<Vec<u8>>> {
        let inner = self.lock();
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(inner.whole.get(&id).map(|bytes| bytes.iter().skip(from).take(length).copied().collect()))
    }

    fn partial(&self, id: BlobId) -> Result<u64> {
        Ok(self.lock().parts.get(&id).map_or(0, |part| part.len() as u64))
    }

    fn add(&self, blob: BlobLink, from: u64, piece: &[u8]) -> Result<Fetched> {
        let mut inner = self.lock();
        if inner.whole.contains_key(&blob.id) {
            return Ok(Fetched::Whole);
        }
        let part = inner.parts.entry(blob.id).or_default();
        if from.saturating_add(piece.len() as u64) > blob.size {
            inner.parts.remove(&blob.id);
            return Ok(Fetched::Wrong);
        }
        if from != part.len() as u64 {
            return Ok(Fetched::Until(part.len() as u64));
        }
        part.extend_from_slice(piece);
        if (part.len() as u64) < blob.size {
            return Ok(Fetched::Until(part.len() as u64));
        }
        let whole = inner.parts.remove(&blob.id).unwrap_or_default();
        if BlobId::of(&whole) != blob.id {
            return Ok(Fetched::Wrong);
        }
        inner.whole.insert(blob.id, whole);
        Ok(Fetched::Whole)
    }

    fn list(&self) -> Result<Vec<BlobId>> {
        Ok(self.lock().whole.keys().copied().collect())
    }

    fn delete(&self, id: BlobId) -> Result<()> {
        let mut inner = self.lock();
        inner.whole.remove(&id);
        inner.parts.remove(&id);
        Ok(())
    }

    fn delete_unneeded(&self, id: BlobId, going: Option<SpaceId>) -> Result<bool> {
        let mut inner = self.lock();
        let mut staying = inner.bundles.iter().filter(|((space, _), _)| Some(*space) != going);
        if staying.any(|(_, bundle)| blobs_of(bundle).contains(&id)) {
            return Ok(false);
        }
        inner.whole.remove(&id);
        inner.parts.remove(&id);
        Ok(true)
    }

    fn put_bundle(&self, space: SpaceId, checkpoint: EntryHash, bytes: &[u8]) -> Result<()> {
        self.lock().bundles.insert((space, checkpoint), bytes.to_vec());
        Ok(())
    }

    fn bundles(&self, space: SpaceId) -> Result<Vec<(EntryHash, Vec<u8>)>> {
        let inner = self.lock();
        let of = inner.bundles.iter().filter(|((of, _), _)| *of == space);
        Ok(of.map(|((_, checkpoint), bytes)| (*checkpoint, bytes.clone())).collect())
    }

    fn bundled_spaces(&self) -> Result<Vec<SpaceId>> {
        let mut spaces: Vec<SpaceId> = self.lock().bundles.keys().map(|(space, _)| *space).collect();
        spaces.dedup();
        Ok(spaces)
    }

    fn delete_bundle(&self, space: SpaceId, checkpoint: EntryHash) -> Result<()> {
        self.lock().bundles.remove(&(space, checkpoint));
        Ok(())
    }
}
