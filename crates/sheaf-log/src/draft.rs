//! Writing entries.

use sheaf_access::{AccessOp, ContentKey, DeviceKeys, EntryHash, EpochId, LogId, SpaceId};

use crate::checkpoint::{Checkpoint, CheckpointError, Sealed};
use crate::content::{Content, ContentError};
use crate::entry::{Entry, EntryError};
use crate::header::{EntryRef, Header, HeaderError, Kind, PayloadHash};
use crate::mine::MineRoot;
use crate::seal::{self, Nonce};

/// What an entry will say of itself; sealing or signing makes it one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// The space; [`SpaceId::UNBORN`] for its first entry.
    pub space: SpaceId,
    /// This device's log there.
    pub log: LogId,
    /// The next place in it.
    pub seq: u64,
    /// The entry before it in the log.
    pub prev: Option<EntryHash>,
    /// The access entries known, by those that no other follows (`AccessState::heads`).
    pub access_heads: Vec<EntryHash>,
    /// The epoch to write under (`AccessState::writable_epoch`).
    pub epoch: EpochId,
    /// The clock, in milliseconds since 1970.
    pub time: u64,
    /// The entries that hold the direct dependencies of the changes, as they come: the header names the latest of each
    /// log, and none of this one, whose earlier entries `prev` covers.
    pub builds_on: Vec<EntryRef>,
    /// The root of this log's map of latest changes, these included.
    pub mine: MineRoot,
}

/// Why a draft did not become an entry.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum DraftError {
    /// The keys are another device's than the log's.
    #[error("this log belongs to another device")]
    NotYourLog,
    /// The content cannot be carried.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The checkpoint cannot be written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What it says of itself is not a header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The entry would be too large: larger payloads travel as blobs.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

impl Draft {
    /// The first entry of a space, by which `op` (a `Create`) founds it.
    pub fn founding(log: LogId, time: u64, op: &AccessOp, device: &DeviceKeys) -> Result<Entry, DraftError> {
        let draft = Self {
            space: SpaceId::UNBORN,
            log,
            seq: 1,
            prev: None,
            access_heads: Vec::new(),
            epoch: EpochId::UNBORN,
            time,
            builds_on: Vec::new(),
            mine: crate::mine::Mine::new().root(),
        };
        draft.access(op, device)
    }

    /// Seals content and signs.
    pub fn seal(
        self,
        key: &ContentKey,
        content: &Content,
        nonce: &Nonce,
        device: &DeviceKeys,
    ) -> Result<Entry, DraftError> {
        let content_bytes = content.encode()?;
        let mut header = self.into_header(content.part.into())?;
        // The seal is bound to the header without `payload_hash`, so what stands there meanwhile does not matter.
        let bound_to = Header::associated_data(&header.encode());
        let payload = seal::seal(key, nonce, &bound_to, &content_bytes);
        header.payload_hash = PayloadHash::of(&payload);
        sign(header, &payload, device)
    }

    /// Seals a checkpoint's manifest behind its plain part, and signs.
    pub fn checkpoint(
        self,
        key: &ContentKey,
        checkpoint: &Checkpoint,
        sealed: &Sealed,
        nonce: &Nonce,
        device: &DeviceKeys,
    ) -> Result<Entry, DraftError> {
        let mut payload = checkpoint.encode()?;
        if checkpoint.covers.holds(&self.log, self.seq) {
            return Err(CheckpointError::CoversItself.into());
        }
        let mut header = self.into_header(Kind::Checkpoint)?;
        let bound_to = [Header::associated_data(&header.encode()).as_slice(), &payload].concat();
        payload.extend_from_slice(&seal::seal(key, nonce, &bound_to, &sealed.encode()));
        header.payload_hash = PayloadHash::of(&payload);
        sign(header, &payload, device)
    }

    /// Signs an access operation.
    pub fn access(self, op: &AccessOp, device: &DeviceKeys) -> Result<Entry, DraftError> {
        let payload = op.encode();
        let mut header = self.into_header(Kind::Access)?;
        header.payload_hash = PayloadHash::of(&payload);
        sign(header, &payload, device)
    }

    fn into_header(mut self, kind: Kind) -> Result<Header, HeaderError> {
        self.access_heads.sort_unstable();
        self.access_heads.dedup();
        let own = self.log;
        self.builds_on.retain(|on| on.log != own);
        // Latest first within a log, then one of each.
        self.builds_on.sort_unstable_by(|a, b| a.log.cmp(&b.log).then(b.seq.cmp(&a.seq)));
        self.builds_on.dedup_by_key(|on| on.log);
        let header = Header {
            space: self.space,
            log: self.log,
            seq: self.seq,
            prev: self.prev,
            access_heads: self.access_heads,
            epoch: self.epoch,
            kind,
            time: self.time,
            builds_on: self.builds_on,
            payload_hash: PayloadHash::of(&[]),
            mine: self.mine,
        };
        header.check()?;
        Ok(header)
    }
}

fn sign(header: Header, payload: &[u8], device: &DeviceKeys) -> Result<Entry, DraftError> {
    if device.id() != header.log.device {
        return Err(DraftError::NotYourLog);
    }
    let bytes = header.encode();
    let signature = device.sign(&Header::statement(&bytes));
    Ok(Entry::assemble(header, &bytes, &signature, payload)?)
}
