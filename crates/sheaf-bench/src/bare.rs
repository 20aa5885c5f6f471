//! The unavoidable part of saving: a write and a sync, by themselves.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// A file that grows by one write and sync at a time.
pub struct BareFile {
    file: File,
    bytes: Vec<u8>,
}

impl BareFile {
    /// A new file in a folder, for writes of so many bytes.
    pub fn in_folder(folder: &Path, bytes: usize) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(folder.join("bare-writes"))?;
        Ok(Self { file, bytes: vec![0xa5; bytes] })
    }

    /// Writes and syncs once.
    pub fn write(&mut self) -> io::Result<Duration> {
        let start = Instant::now();
        self.file.write_all(&self.bytes)?;
        self.file.sync_data()?;
        Ok(start.elapsed())
    }
}

/// How many bytes the files in a folder have, all together.
pub fn bytes_in(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { bytes_in(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}
