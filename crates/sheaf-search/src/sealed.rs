//! The index's files, each sealed on the disk and open in memory.
//!
//! tantivy writes a file once and reads it at random. What is read lies in memory, so that looking something up opens
//! nothing; on the disk a file is written when it is whole, under another name first. Nothing is synced: see the crate's page.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, FileHandle, RamDirectory, TerminatingWrite, WatchCallback, WatchHandle, WritePtr,
};

/// What seals the files of an index.
pub trait Seal: Send + Sync + 'static {
    /// Seals what is in the file with this name.
    fn seal(&self, name: &str, plain: &[u8]) -> Vec<u8>;
    /// Opens it again; nothing, if it is not what was sealed for this name.
    fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>>;
}

/// What stands behind the name of a file that is not whole yet.
const TEMPORARY: &str = ".new";
/// No file of an index here is longer, in bytes.
const LONGEST: u64 = 1 << 30;

/// The files of one index.
#[derive(Clone)]
pub(crate) struct SealedFiles {
    open: RamDirectory,
    folder: Arc<PathBuf>,
    seal: Arc<dyn Seal>,
}

impl SealedFiles {
    /// Opens what is in a folder. Nothing of it, if one file does not open.
    pub(crate) fn open(folder: &Path, seal: Arc<dyn Seal>) -> io::Result<Option<Self>> {
        fs::create_dir_all(folder)?;
        let files = Self { open: RamDirectory::create(), folder: Arc::new(folder.to_owned()), seal };
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(TEMPORARY) {
                fs::remove_file(entry.path())?;
                continue;
            }
            if entry.metadata()?.len() > LONGEST {
                return Ok(None);
            }
            let Some(plain) = files.seal.open(&name, &fs::read(entry.path())?) else { return Ok(None) };
            files.open.atomic_write(Path::new(&name), &plain)?;
        }
        Ok(Some(files))
    }

    fn keep(&self, path: &Path, plain: &[u8]) -> io::Result<()> {
        let name = path.to_string_lossy();
        let fresh = self.folder.join(format!("{name}{TEMPORARY}"));
        fs::write(&fresh, self.seal.seal(&name, plain))?;
        fs::rename(fresh, self.folder.join(path))
    }
}

impl std::fmt::Debug for SealedFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedFiles").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Directory for SealedFiles {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.open.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.open.delete(path)?;
        match fs::remove_file(self.folder.join(path)) {
            // A lock is never on the disk.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DeleteError::IoError { io_error: Arc::new(error), filepath: path.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.open.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let inner = self.open.open_write(path)?;
        Ok(BufWriter::new(Box::new(Writing { inner, path: path.to_owned(), files: self.clone() })))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.open.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.keep(path, data)?;
        self.open.atomic_write(path, data)
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn watch(&self, watch_callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.open.watch(watch_callback)
    }
}

/// A file that is being written.
struct Writing {
    inner: WritePtr,
    path: PathBuf,
    files: SealedFiles,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl TerminatingWrite for Writing {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        self.inner.terminate_ref(token)?;
        let whole = self.files.open.atomic_read(&self.path).map_err(io::Error::other)?;
        self.files.keep(&self.path, &whole)
    }
}
