//! What tests of the keeper and the engine need: spaces that somebody has written, and a disk that can be held up.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use sheaf_access::{AccessOp, ContentKey, DeviceKeys, DocumentId, EpochId, Identity, LogId, SpaceId};
use sheaf_log::{BlobLink, Checkpoint, Content, Draft, Entry, EntryRef, Manifest, Mine, Part, Sealed};
use sheaf_store::{Claim, Files, Home, OpenFile, RealFiles, VaultKey};

use super::{Keeper, locked};
use crate::admission::Admission;
use crate::board::Board;
use crate::config::{Config, Token};

/// A space of one person's, and the log they write in.
pub struct Written {
    pub who: Identity,
    pub space: SpaceId,
    pub log: LogId,
    key: ContentKey,
    pub entries: Vec<Entry>,
}

impl Written {
    /// Its creation alone.
    pub fn new() -> Self {
        let who = Identity::generate(&mut rand::rng());
        let log = LogId { device: who.device.id(), nonce: 1 };
        let key = ContentKey::generate(&mut rand::rng());
        let op = AccessOp::create(who.certificate, &key, &mut rand::rng()).expect("a space");
        let creation = Draft::founding(log, 1, &op, &who.device).expect("its first entry");
        Self { who, space: creation.space(), log, key, entries: vec![creation] }
    }

    fn draft(&self) -> Draft {
        let last = self.entries.last().expect("the first is there");
        let creation = self.entries[0].hash();
        Draft {
            space: self.space,
            log: self.log,
            seq: last.seq() + 1,
            prev: Some(last.hash()),
            access_heads: vec![creation],
            epoch: EpochId::from(creation),
            time: 2,
            builds_on: Vec::new(),
            mine: Mine::new().root(),
        }
    }

    /// So many more entries with words.
    pub fn words(&mut self, count: usize) {
        for _ in 0..count {
            let content =
                Content { document: DocumentId::from_bytes([3; 32]), part: Part::Body, changes: vec![vec![1; 90]] };
            let entry = self.draft().seal(&self.key, &content, &rand::random(), &self.who.device).expect("an entry");
            self.entries.push(entry);
        }
    }

    /// An entry in the last one's place, signed by the same device: the other side of a fork.
    pub fn other(&self) -> Entry {
        let (who, key) = (self.who.clone(), self.key.clone());
        let before = self.entries[..self.entries.len() - 1].to_vec();
        let mut other = Self { who, space: self.space, log: self.log, key, entries: before };
        other.words(1);
        other.entries.pop().expect("it was pushed")
    }

    /// An entry of another log of the same person's, that builds on this one.
    pub fn built_on(&self, entry: &Entry) -> Entry {
        let log = LogId { nonce: 2, ..self.log };
        let on = EntryRef { log: entry.log(), seq: entry.seq(), hash: entry.hash() };
        let draft = Draft { log, seq: 1, prev: None, builds_on: vec![on], ..self.draft() };
        let content =
            Content { document: DocumentId::from_bytes([3; 32]), part: Part::Body, changes: vec![vec![2; 90]] };
        draft.seal(&self.key, &content, &rand::random(), &self.who.device).expect("an entry")
    }

    /// A checkpoint of all there is.
    pub fn checkpoint(&mut self) -> Entry {
        self.checkpoint_of([])
    }

    /// The same, with these blobs.
    pub fn checkpoint_of<const N: usize>(&mut self, blobs: [BlobLink; N]) -> Entry {
        let last = self.entries.last().expect("the first is there").seq();
        let checkpoint = Checkpoint::new([(self.log, last)].into_iter().collect(), blobs);
        let sealed = Sealed::Here(Manifest::default());
        let entry = self.draft().checkpoint(&self.key, &checkpoint, &sealed, &rand::random(), &self.who.device);
        self.entries.push(entry.expect("a checkpoint"));
        self.entries.last().expect("it was pushed").clone()
    }
}

/// A keeper with the usual settings.
pub fn keeper(home: Home) -> Keeper {
    let config = Config::default();
    let admission = Admission::new(&config.admission, &Token::new("the relay's own token"));
    let keys = DeviceKeys::generate(&mut rand::rng());
    Keeper::new(home, keys, admission, (config.quotas, config.retention), Arc::new(Board::new())).expect("a keeper")
}

/// A home that is opened.
pub fn opened(folder: &Path, vault: &VaultKey) -> Home {
    Home::open(folder, vault).expect("a home").0
}

/// A disk on which nothing becomes durable while it is held up, or that fails then.
#[derive(Debug, Default)]
pub struct Held {
    up: Mutex<bool>,
    changed: Condvar,
    fails: AtomicBool,
}

impl Held {
    /// A home whose journal is on such a disk.
    pub fn home(self: &Arc<Self>, folder: &Path) -> Home {
        let claim = Claim::take(folder).expect("nobody else has it");
        claim.open_on(&VaultKey::generate(), Arc::new(HeldFiles(Arc::clone(self)))).expect("a home").0
    }

    /// From now on nothing becomes durable.
    pub fn hold(&self) {
        *locked(&self.up) = true;
    }

    /// What was held up becomes durable, or is lost if it is to fail.
    pub fn let_go(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
        *locked(&self.up) = false;
        self.changed.notify_all();
    }

    fn wait(&self) -> io::Result<()> {
        let up = self.changed.wait_while(locked(&self.up), |up| *up);
        drop(up);
        if self.fails.load(Ordering::Relaxed) { Err(io::Error::other("the disk is broken")) } else { Ok(()) }
    }
}

#[derive(Debug)]
struct HeldFiles(Arc<Held>);

#[derive(Debug)]
struct HeldFile(Box<dyn OpenFile>, Arc<Held>);

impl OpenFile for HeldFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.wait()?;
        self.0.sync()
    }
}

impl HeldFiles {
    fn held(&self, file: Box<dyn OpenFile>) -> Box<dyn OpenFile> {
        Box::new(HeldFile(file, Arc::clone(&self.0)))
    }
}

impl Files for HeldFiles {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        RealFiles.create_folder(folder)
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        RealFiles.list(folder)
    }
    fn length(&self, path: &Path) -> io::Result<u64> {
        RealFiles.length(path)
    }
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        RealFiles.read(path, limit)
    }
    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        RealFiles.read_start(path, length)
    }
    fn read_at(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        RealFiles.read_at(path, offset, length)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        RealFiles.create(path).map(|file| self.held(file))
    }
    fn append(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        RealFiles.append(path).map(|file| self.held(file))
    }
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        RealFiles.truncate(path, length)
    }
    fn overwrite(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        RealFiles.overwrite(path, offset, bytes)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealFiles.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealFiles.remove(path)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealFiles.sync_folder(folder)
    }
}
