//! The file, frame by frame.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{create, damaged};
use crate::frame;
use crate::{Purpose, Result, StoreError, VaultKey};

pub(super) const MAGIC: &[u8; 8] = b"SHEAFBAK";
const VERSION: u32 = 1;
/// What is gathered before it is sealed.
const CHUNK: usize = 1024 * 1024;
/// The most that a chunk holds: what was gathered, and the item that filled it, which is a part of a file at most.
const MOST: usize = 2 * CHUNK;
/// The longest frame.
const LONGEST: usize = MOST + 1024;

/// What is in a backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Files, the parts of each counted.
    pub files: u64,
    /// Rows of the store.
    pub rows: u64,
    /// How many of the rows are entries.
    pub entries: u64,
    /// How many bytes all of it is, before it is made smaller.
    pub bytes: u64,
}

/// One thing in a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Item {
    /// A part of a file. Parts come in order.
    File { name: String, offset: u64, bytes: Vec<u8> },
    /// A row of the store.
    Row { key: Vec<u8>, value: Vec<u8> },
    /// Nothing comes after this.
    End(Counts),
}

/// Whether a name may be a file's in a home: nothing in it that leads elsewhere.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.len() <= 128
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    name.split('/').count() <= 2 && name.split('/').all(plain)
}

/// A backup that is being written.
pub(super) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    at: u64,
    chunk: u64,
    vault: VaultKey,
    items: Vec<Item>,
    bytes: usize,
    counts: Counts,
}

impl Writer {
    pub(super) fn begin(path: &Path, about: &[u8], vault: &VaultKey) -> Result<Self> {
        let file = create(path).map_err(|error| StoreError::io(path, "writing a backup", &error))?;
        let (path, file) = (path.to_path_buf(), BufWriter::new(file));
        let (items, counts) = (Vec::new(), Counts::default());
        let mut writer = Self { path, file, at: 0, chunk: 0, vault: vault.clone(), items, bytes: 0, counts };
        writer.write(MAGIC)?;
        writer.write(&VERSION.to_le_bytes())?;
        writer.frame(about)?;
        Ok(writer)
    }

    pub(super) fn put(&mut self, item: Item, entries: u64) -> Result<()> {
        let size = match &item {
            Item::File { name, bytes, .. } => {
                self.counts.files += 1;
                name.len() + bytes.len()
            }
            Item::Row { key, value } => {
                self.counts.rows += 1;
                key.len() + value.len()
            }
            Item::End(_) => 0,
        };
        self.counts.entries += entries;
        self.counts.bytes += size as u64;
        self.bytes += size;
        self.items.push(item);
        if self.bytes < CHUNK { Ok(()) } else { self.seal() }
    }

    pub(super) fn finish(mut self) -> Result<Counts> {
        self.items.push(Item::End(self.counts));
        self.seal()?;
        let named = |error: &io::Error| StoreError::io(&self.path, "writing a backup", error);
        self.file.flush().map_err(|error| named(&error))?;
        self.file.get_ref().sync_all().map_err(|error| named(&error))?;
        Ok(self.counts)
    }

    fn seal(&mut self) -> Result<()> {
        let named = |error: &io::Error| StoreError::io(&self.path, "packing a backup", error);
        // Postcard into memory does not fail on numbers, texts and bytes.
        let plain = postcard::to_allocvec(&std::mem::take(&mut self.items)).unwrap_or_default();
        let packed = zstd::bulk::compress(&plain, 3).map_err(|error| named(&error))?;
        let sealed = self.vault.seal(Purpose::Backup, &self.chunk.to_le_bytes(), &packed);
        self.chunk += 1;
        self.bytes = 0;
        self.frame(&sealed)
    }

    fn frame(&mut self, payload: &[u8]) -> Result<()> {
        let head = frame::head(&self.at.to_le_bytes(), payload);
        self.write(&head)?;
        self.write(payload)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| StoreError::io(&self.path, "writing a backup", &error))?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// A backup whose beginning has been read.
pub struct BackupFile<R = BufReader<File>> {
    path: PathBuf,
    file: R,
    at: u64,
    chunk: u64,
    about: Vec<u8>,
}

impl BackupFile {
    /// Opens a backup, as far as what stands at its beginning in clear.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| StoreError::io(path, "opening a backup", &error))?;
        Self::read_from(path, BufReader::new(file))
    }
}

impl<R: Read> BackupFile<R> {
    /// The same, from whatever can be read; the path is for what is said of it.
    pub(crate) fn read_from(path: &Path, file: R) -> Result<Self> {
        let mut file = Self { path: path.to_path_buf(), file, at: 0, chunk: 0, about: Vec::new() };
        let mut head = [0; 12];
        let length = file.read_up_to(&mut head)?;
        if length < head.len() || !head.starts_with(MAGIC) {
            return Err(StoreError::NoBackup { path: path.to_path_buf() });
        }
        if head[8..] != VERSION.to_le_bytes() {
            return Err(damaged(path, 8, "it was written by a later version of Sheaf. Update to restore it"));
        }
        file.about = file.frame()?.ok_or_else(|| damaged(path, 12, "it ends here"))?;
        Ok(file)
    }

    /// What the caller said of it.
    pub fn about(&self) -> &[u8] {
        &self.about
    }

    /// Reads all of it, and says what is in it.
    pub fn check(self, vault: &VaultKey) -> Result<Counts> {
        self.each(vault, |_| Ok(()))
    }

    /// Shows every item, in order, up to the end, which must be there.
    pub(super) fn each(mut self, vault: &VaultKey, mut visit: impl FnMut(Item) -> Result<()>) -> Result<Counts> {
        let mut counts = Counts::default();
        loop {
            let begun = self.at;
            let path = self.path.clone();
            let wrong = |what: &str| damaged(&path, begun, what);
            let sealed = self.frame()?.ok_or_else(|| wrong("it ends before its end"))?;
            let packed = vault
                .open(Purpose::Backup, &self.chunk.to_le_bytes(), &sealed)
                .ok_or_else(|| wrong("it is not sealed with the key it names"))?;
            let plain = zstd::bulk::decompress(&packed, MOST).map_err(|_| wrong("it cannot be unpacked"))?;
            let items: Vec<Item> = read(&plain).ok_or_else(|| wrong("what is in it cannot be read"))?;
            self.chunk += 1;
            for item in items {
                match &item {
                    Item::File { name, bytes, .. } => {
                        if !is_name(name) {
                            return Err(wrong("it names a file that no home has"));
                        }
                        counts.files += 1;
                        counts.bytes += (name.len() + bytes.len()) as u64;
                    }
                    Item::Row { key, value } => {
                        counts.rows += 1;
                        counts.entries += u64::from(crate::disk::is_entry(key));
                        counts.bytes += (key.len() + value.len()) as u64;
                    }
                    Item::End(said) if *said == counts => {
                        return match self.frame()? {
                            None => Ok(counts),
                            Some(_) => Err(wrong("it goes on after its end")),
                        };
                    }
                    Item::End(_) => return Err(wrong("it does not hold what it says")),
                }
                visit(item)?;
            }
        }
    }

    /// The next frame; none at the end of the file.
    fn frame(&mut self) -> Result<Option<Vec<u8>>> {
        let begun = self.at;
        let mut head = [0; frame::OVERHEAD];
        match self.read_up_to(&mut head)? {
            0 => return Ok(None),
            length if length < head.len() => return Err(damaged(&self.path, begun, "it is cut short")),
            _ => {}
        }
        let length = head.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length)) as usize;
        if length > LONGEST {
            return Err(damaged(&self.path, begun, "its length is wrong"));
        }
        let mut bytes = head.to_vec();
        // As much as there is, however much is said to be.
        let wanted = (head.len() + length) as u64;
        let taken = (&mut self.file).take(length as u64).read_to_end(&mut bytes);
        let taken = taken.map_err(|error| StoreError::io(&self.path, "reading a backup", &error))?;
        self.at += taken as u64;
        if bytes.len() as u64 != wanted {
            return Err(damaged(&self.path, begun, "it is cut short"));
        }
        match frame::open(&begun.to_le_bytes(), &bytes) {
            Ok(payload) => Ok(Some(payload.to_vec())),
            Err(broken) => Err(damaged(&self.path, begun, &broken.to_string())),
        }
    }

    fn read_up_to(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let mut length = 0;
        while length < bytes.len() {
            match self.file.read(&mut bytes[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::io(&self.path, "reading a backup", &error)),
            }
        }
        self.at += length as u64;
        Ok(length)
    }
}

/// A backup in memory, of chunks that are what is packed, whatever that is: for those who try to break the reader.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn around(about: &[u8], chunks: &[Vec<u8>], vault: &VaultKey) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes()].concat();
    let frame = |bytes: &mut Vec<u8>, payload: &[u8]| {
        let head = frame::head(&(bytes.len() as u64).to_le_bytes(), payload);
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(payload);
    };
    frame(&mut bytes, about);
    for (number, plain) in (0_u64..).zip(chunks) {
        let packed = zstd::bulk::compress(plain, 1).unwrap_or_default();
        frame(&mut bytes, &vault.seal(Purpose::Backup, &number.to_le_bytes(), &packed));
    }
    bytes
}

/// What a small backup packs.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn packed() -> Vec<u8> {
    let (name, bytes) = ("journal/00000001".to_owned(), vec![7; 40]);
    let (key, value) = (vec![1, 2, 3], vec![9; 20]);
    let sizes = name.len() + bytes.len() + key.len() + value.len();
    let counts = Counts { files: 1, rows: 1, entries: u64::from(crate::disk::is_entry(&key)), bytes: sizes as u64 };
    let items = [Item::File { name, offset: 0, bytes }, Item::Row { key, value }, Item::End(counts)];
    postcard::to_allocvec(&items.as_slice()).unwrap_or_default()
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(value)
}
