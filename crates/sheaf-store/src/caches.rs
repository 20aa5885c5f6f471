//! Cached copies of documents: plain files, each with its length and checksum.
//!
//! A cache is written whole beside the old one and renamed into place, and never synced: losing it costs time, and the
//! checksum tells a half-written one from a good one. So writing it costs no more than handing bytes to the system.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sheaf_access::DocumentId;

use crate::damage::DamageList;
use crate::files::{TEMPORARY, replace};
use crate::vault::{self, Purpose, VaultKey};
use crate::{CacheKind, Damaged, Files, Result, StoreError, frame, limits};

#[derive(Debug)]
pub(crate) struct Caches {
    folder: PathBuf,
    files: Arc<dyn Files>,
    damage: Arc<DamageList>,
    vault: VaultKey,
    /// Held by whoever puts one there, changes one or removes one, so that none comes back that was removed meanwhile.
    writing: Mutex<()>,
}

const fn name(kind: CacheKind) -> &'static str {
    match kind {
        CacheKind::Snapshot => "snapshot",
        CacheKind::View => "view",
    }
}

impl Caches {
    pub(crate) fn open(
        folder: &Path,
        files: Arc<dyn Files>,
        damage: Arc<DamageList>,
        vault: &VaultKey,
    ) -> Result<Self> {
        let caches =
            Self { folder: folder.to_path_buf(), files, damage, vault: vault.clone(), writing: Mutex::default() };
        for kind in CacheKind::ALL {
            let folder = caches.folder(kind);
            let made = caches.files.create_folder(&folder).and_then(|()| caches.files.list(&folder));
            let names = made.map_err(|error| StoreError::io(&folder, "opening the caches", &error))?;
            for left in names.iter().filter(|name| name.ends_with(TEMPORARY)) {
                // A crash left it. If it cannot be removed it is in nobody's way.
                let _ = caches.files.remove(&folder.join(left));
            }
        }
        Ok(caches)
    }

    fn folder(&self, kind: CacheKind) -> PathBuf {
        self.folder.join(name(kind))
    }

    fn path(&self, kind: CacheKind, document: DocumentId) -> PathBuf {
        self.folder(kind).join(document.to_string())
    }

    /// What a file's checksum covers besides its content.
    fn place(kind: CacheKind, document: DocumentId) -> Vec<u8> {
        [name(kind).as_bytes(), document.as_bytes().as_slice()].concat()
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        // It guards files, and each of them is replaced at once.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, kind: CacheKind, document: DocumentId, bytes: &[u8]) -> Result<()> {
        limits::check_cache(bytes)?;
        let _writing = self.writing();
        self.replace(kind, document, bytes)
    }

    /// Puts what `change` makes of a copy in its place, if there is one and something is made of it.
    pub(crate) fn change(
        &self,
        kind: CacheKind,
        document: DocumentId,
        change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<()> {
        let _writing = self.writing();
        let Some(changed) = self.get(kind, document)?.and_then(|bytes| change(&bytes)) else { return Ok(()) };
        limits::check_cache(&changed)?;
        self.replace(kind, document, &changed)
    }

    fn replace(&self, kind: CacheKind, document: DocumentId, bytes: &[u8]) -> Result<()> {
        let path = self.path(kind, document);
        let place = Self::place(kind, document);
        let sealed = self.vault.seal(Purpose::Cache, &place, bytes);
        let head = frame::head(&place, &sealed);
        replace(&*self.files, &path, &[&head, &sealed], false)
            .map_err(|error| StoreError::io(&path, "writing a cache", &error))
    }

    pub(crate) fn get(&self, kind: CacheKind, document: DocumentId) -> Result<Option<Vec<u8>>> {
        let path = self.path(kind, document);
        let place = Self::place(kind, document);
        let most = limits::MAX_CACHE + vault::OVERHEAD + frame::OVERHEAD;
        let found = match self.files.read(&path, most as u64) {
            Ok(bytes) => match frame::open(&place, &bytes) {
                Ok(sealed) => match self.vault.open(Purpose::Cache, &place, sealed) {
                    Some(bytes) => return Ok(Some(bytes)),
                    None => "it is not sealed with this home's key".to_owned(),
                },
                Err(broken) => broken.to_string(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(StoreError::io(&path, "reading a cache", &error));
            }
            // A disk that cannot read it back is damage like any other.
            Err(error) => error.to_string(),
        };
        self.damage.report(Damaged::Cache { kind, document }, format!("{}: {found}", path.display()));
        // So that it is reported once. If it cannot be removed, it is reported again.
        let _ = self.files.remove(&path);
        Ok(None)
    }

    /// Forgets all of them: before there was a vault key they were not sealed.
    pub(crate) fn clear(&self) -> Result<()> {
        for kind in CacheKind::ALL {
            let folder = self.folder(kind);
            let named = |error: &io::Error| StoreError::io(&folder, "removing the caches", error);
            for name in self.files.list(&folder).map_err(|error| named(&error))? {
                self.files.remove(&folder.join(name)).map_err(|error| named(&error))?;
            }
            self.files.sync_folder(&folder).map_err(|error| named(&error))?;
        }
        Ok(())
    }

    pub(crate) fn remove(&self, kind: CacheKind, document: DocumentId) -> Result<()> {
        let _writing = self.writing();
        let path = self.path(kind, document);
        match self.files.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io(&path, "removing a cache", &error))
            }
            _ => Ok(()),
        }
    }
}
