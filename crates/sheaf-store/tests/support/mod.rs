//! Entries to store.
#![allow(dead_code, missing_docs)]

#[cfg(unix)]
pub mod killed;

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sheaf_access::{
    AccessOp, ContentKey, DeviceKeys, DocumentId, EntryHash, EpochId, Identity, LogId, SealingSecret, SpaceId,
};
use sheaf_log::{Content, Draft, Entry, Mine, NONCE_SIZE, Part};
use sheaf_store::VaultKey;

/// How many cases a property test runs: `SHEAF_CASES`, else what it says itself.
pub fn cases(default: u32) -> u32 {
    std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

pub fn space(number: u8) -> SpaceId {
    SpaceId::from_bytes([number + 1; 32])
}

pub fn document(number: u8) -> DocumentId {
    DocumentId::from_bytes([number + 101; 32])
}

/// The database of a store, opened without it. Its lock may outlive a store that was dropped for a moment: a thread of its own still ends, or a process that
/// another test is just starting holds a copy of the file.
pub fn sled_at(path: &Path) -> sled::Db {
    let start = Instant::now();
    loop {
        match sled::open(path) {
            Ok(db) => return db,
            Err(error) => assert!(start.elapsed() < Duration::from_mins(1), "{error}"),
        }
        std::thread::yield_now();
    }
}

/// A device that writes logs.
pub struct Writer {
    keys: DeviceKeys,
    tips: HashMap<(SpaceId, u64), (u64, EntryHash)>,
}

impl Writer {
    pub fn new(number: u8) -> Self {
        let keys = DeviceKeys::from_secrets(&[number + 1; 32], SealingSecret::from_bytes(&[number + 1; 32]));
        Self { keys, tips: HashMap::new() }
    }

    pub fn log(&self, nonce: u64) -> LogId {
        LogId { device: self.keys.id(), nonce }
    }

    /// The next entry of a log; about `size` bytes of noise are in it, which `content` chooses.
    pub fn entry(&mut self, space: SpaceId, nonce: u64, content: u64, size: usize) -> Entry {
        let tip = self.tips.get(&(space, nonce)).copied();
        let seq = tip.map_or(1, |(seq, _)| seq + 1);
        let entry = self.entry_at(space, nonce, seq, tip.map(|(_, hash)| hash), content, size);
        self.tips.insert((space, nonce), (seq, entry.hash()));
        entry
    }

    /// The next entry of a log, which is an access entry: its content is no concern of the store.
    pub fn access(&mut self, space: SpaceId, nonce: u64) -> Entry {
        let tip = self.tips.get(&(space, nonce)).copied();
        let seq = tip.map_or(1, |(seq, _)| seq + 1);
        let draft = Draft {
            space,
            log: self.log(nonce),
            seq,
            prev: tip.map(|(_, hash)| hash),
            access_heads: Vec::new(),
            epoch: EpochId::from_bytes([9; 32]),
            time: seq,
            builds_on: Vec::new(),
            mine: Mine::new().root(),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seq);
        let certificate = Identity::generate(&mut rng).certificate;
        let op = AccessOp::create(certificate, &ContentKey::from_bytes(&[3; 32]), &mut rng).unwrap();
        let entry = draft.access(&op, &self.keys).unwrap();
        self.tips.insert((space, nonce), (seq, entry.hash()));
        entry
    }

    pub fn entry_at(
        &self,
        space: SpaceId,
        nonce: u64,
        seq: u64,
        prev: Option<EntryHash>,
        content: u64,
        size: usize,
    ) -> Entry {
        let draft = Draft {
            space,
            log: self.log(nonce),
            seq,
            prev: prev.or((seq > 1).then(|| EntryHash::from_bytes([7; 32]))),
            access_heads: Vec::new(),
            epoch: EpochId::from_bytes([9; 32]),
            time: content,
            builds_on: Vec::new(),
            mine: Mine::new().root(),
        };
        let mut change = vec![0; size.max(1)];
        blake3::Hasher::new().update(&content.to_le_bytes()).finalize_xof().fill(&mut change);
        let content = Content { document: document(0), part: Part::Body, changes: vec![change] };
        draft.seal(&ContentKey::from_bytes(&[3; 32]), &content, &[5; NONCE_SIZE], &self.keys).unwrap()
    }
}

/// The key of every home in the tests.
pub fn vault() -> VaultKey {
    VaultKey::from_bytes(&[42; 32])
}
