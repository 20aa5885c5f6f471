//! [`Base`]: a verified checkpoint that is held.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use sheaf_access::{AccessState, DeviceId, DocumentId, EntryHash, LogId};
use sheaf_log::{
    Attestation, BlobId, BlobLink, BlobRef, Checkpoint, Covered, Endorsement, Entry, Frontier, HeldEntry,
    MAX_BLOB_CONTENT, Manifest, Part, SavedDocument, decode_documents, group_of, open_blob,
};
use sheaf_store::BlobStore;

use crate::error::NodeError;

/// A verified checkpoint.
pub struct Base {
    /// Its entry.
    pub entry: Entry,
    /// Its plain part.
    pub checkpoint: Checkpoint,
    /// Which blobs hold what.
    pub manifest: Manifest,
    /// The covered logs, as their last headers have them.
    pub covered: BTreeMap<LogId, Covered>,
    /// What was signed for each document.
    pub attested: BTreeMap<(DocumentId, Part), Vec<Attestation>>,
    /// What makes sense of it without the store: its access entries, and its own.
    pub bundle: Arc<[u8]>,
}

/// A bundle for those who are behind.
pub struct Offer {
    /// As they ask for it.
    pub link: BlobLink,
    /// What its checkpoint covers.
    pub covers: Frontier,
    /// The bundle.
    pub bytes: Arc<[u8]>,
}

/// How many bundles that are not offered any more are still served.
const OFFERED: usize = 8;
/// How many checkpoints of one log may wait to be held.
const PENDING: usize = 4;
/// Of how many checkpoints that are not held it is remembered that a device vouches for them.
const VOUCHED: usize = 4;

/// What a space has of checkpoints.
#[derive(Default)]
pub struct Checkpoints {
    /// Those that are held, the last one last.
    pub held: Vec<Arc<Base>>,
    /// What is offered to those who are behind: for each that is held a bundle with all access entries there are now, for a
    /// newcomer may have been invited since.
    offers: Vec<Offer>,
    /// What was offered before.
    offered: VecDeque<Offer>,
    /// Checkpoint entries that are held and whose blobs are not, or not yet verified.
    pub pending: Vec<Entry>,
    /// Those that turned out not to be acceptable.
    pub refused: BTreeSet<EntryHash>,
    /// Endorsements of those that are held.
    pub endorsements: Vec<Endorsement>,
    /// What is vouched for of those that are not held.
    pub vouched: Vec<Endorsement>,
    /// Logs of which other entries are here than those that a checkpoint stands for, and the first of these.
    pub parted: BTreeMap<LogId, u64>,
    /// How many bytes of entries have been stored since the last one.
    pub tail: u64,
    /// Since when the tail has been long enough to write the next, in milliseconds since 1970.
    pub due: Option<u64>,
}

impl Checkpoints {
    /// The last one.
    pub fn last(&self) -> Option<&Arc<Base>> {
        self.held.last()
    }

    /// All that is covered by one or another.
    pub fn covers(&self) -> Frontier {
        let mut covers = Frontier::new();
        for base in &self.held {
            covers.merge(&base.checkpoint.covers);
        }
        covers
    }

    /// The last changes of all actors that they have of a document. They have all that these build on, too.
    pub fn tips(&self, document: &DocumentId) -> BTreeSet<[u8; 32]> {
        let attested = self.held.iter().filter_map(|base| base.attested.get(&(*document, Part::Body)));
        attested.flatten().map(|one| one.hash).collect()
    }

    /// The documents of which a checkpoint has something else than the last one.
    pub fn changed(&self, base: &Base) -> Vec<DocumentId> {
        let known = |of: &(DocumentId, Part)| self.last().and_then(|last| last.attested.get(of));
        base.attested.iter().filter(|(of, tips)| known(of) != Some(*tips)).map(|((document, _), _)| *document).collect()
    }

    /// The last header of a log that some checkpoint shows, as far as it goes.
    pub fn covered(&self, log: &LogId) -> Option<&Covered> {
        self.held.iter().filter_map(|base| base.covered.get(log)).max_by_key(|covered| covered.seq)
    }

    /// The last headers of all covered logs, by their places.
    pub fn headers(&self) -> HashMap<(LogId, u64), HeldEntry> {
        let covered = self.held.iter().flat_map(|base| &base.covered);
        covered.map(|(log, covered)| ((*log, covered.seq), covered.held.clone())).collect()
    }

    /// Whether someone other than its author vouches for a checkpoint: what it stands for may be gone anywhere (C2).
    pub fn is_vouched(&self, checkpoint: &Entry, access: &AccessState) -> bool {
        let author = access.person_of(&checkpoint.log().device);
        self.endorsements.iter().chain(&self.vouched).any(|one| {
            let person = access.person_of(&one.device);
            one.checkpoint == checkpoint.hash() && person.is_some() && person != author
        })
    }

    /// Those that decide what counts of what they cover. In a space of one, that it was read back and verified is enough:
    /// it would not be held otherwise.
    pub fn decided(&self, access: &AccessState) -> Vec<Arc<Base>> {
        let alone = access.members().len() <= 1;
        self.held.iter().filter(|base| alone || self.is_vouched(&base.entry, access)).cloned().collect()
    }

    /// Remembers that somebody vouches for a checkpoint that is not held: a few of each device.
    pub fn vouch(&mut self, one: Endorsement) {
        let same = |other: &Endorsement| other.device == one.device;
        if self.vouched.iter().any(|other| same(other) && other.checkpoint == one.checkpoint) {
            return;
        }
        if self.vouched.iter().filter(|other| same(other)).count() >= VOUCHED
            && let Some(first) = self.vouched.iter().position(same)
        {
            self.vouched.remove(first);
        }
        if self.vouched.len() < sheaf_sync::MAX_ENDORSEMENTS {
            self.vouched.push(one);
        }
    }

    /// Remembers the entry of a checkpoint that is not held yet: the latest few of each log, for whoever writes another says
    /// more in it.
    pub fn put_pending(&mut self, entry: &Entry) {
        self.pending.retain(|one| one.hash() != entry.hash());
        let same = |one: &Entry| one.log() == entry.log();
        if self.pending.iter().filter(|one| same(one)).count() >= PENDING
            && let Some(first) = self.pending.iter().position(same)
        {
            self.pending.remove(first);
        }
        self.pending.push(entry.clone());
    }

    /// Whether a blob belongs to a checkpoint that is held.
    pub fn names(&self, blob: BlobId) -> bool {
        self.held.iter().any(|base| base.names(blob))
    }

    /// The checkpoints this device has written and not read back yet. Their entries may be with others already, who ask for
    /// the blobs at once, and vouch for what they got: both must find what is about to be held.
    pub fn writing(&self, me: DeviceId) -> impl Iterator<Item = &Entry> {
        self.pending.iter().filter(move |entry| entry.log().device == me)
    }

    /// Whether a blob is to be given to those who ask: it belongs to a checkpoint that is held, or was written here just
    /// now.
    pub fn serves(&self, blob: BlobId, me: Option<DeviceId>) -> bool {
        let written = || {
            let mine = me.into_iter().flat_map(|me| self.writing(me));
            mine.filter_map(|entry| entry.checkpoint()?.ok()).any(|one| one.blobs.iter().any(|link| link.id == blob))
        };
        self.names(blob) || written()
    }

    /// Offers these bundles from now on. Those before them are still served for a while: someone may be fetching them.
    pub fn offer(&mut self, offers: Vec<Offer>) {
        let before = std::mem::replace(&mut self.offers, offers);
        let gone = before.into_iter().filter(|old| self.offers.iter().all(|offer| offer.link.id != old.link.id));
        self.offered.extend(gone);
        while self.offered.len() > OFFERED {
            self.offered.pop_front();
        }
    }

    /// What the sync machine tells those who are behind.
    pub fn bundles(&self) -> Vec<(BlobLink, Frontier)> {
        self.offers.iter().map(|offer| (offer.link, offer.covers.clone())).collect()
    }

    /// A bundle that is offered, or was a moment ago.
    pub fn bundle(&self, id: BlobId) -> Option<Arc<[u8]>> {
        let offer = self.offers.iter().chain(&self.offered).find(|offer| offer.link.id == id)?;
        Some(Arc::clone(&offer.bytes))
    }
}

impl Base {
    /// Whether a blob belongs to it.
    pub fn names(&self, blob: BlobId) -> bool {
        self.checkpoint.blobs.binary_search_by_key(&blob, |link| link.id).is_ok()
    }

    /// A document as it is kept in it; none, if it has none.
    pub fn document(&self, blobs: &dyn BlobStore, id: DocumentId) -> Result<Option<SavedDocument>, NodeError> {
        if !self.attested.contains_key(&(id, Part::Body)) {
            return Ok(None);
        }
        for group in self.manifest.documents.iter().filter(|group| group.group == group_of(&id)) {
            let saved = decode_documents(&open(blobs, &group.blob)?).map_err(|error| damaged(&error))?;
            if let Some(found) = saved.into_iter().find(|one| (one.document, one.part) == (id, Part::Body)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// A blob that should be here, opened.
pub fn open(blobs: &dyn BlobStore, blob: &BlobRef) -> Result<Vec<u8>, NodeError> {
    let sealed = blobs.get(blob.link.id)?.ok_or_else(|| {
        NodeError::Damaged(
            "a part of this space's checkpoint is missing here. It comes back from another device.".into(),
        )
    })?;
    open_blob(&blob.key, &sealed, MAX_BLOB_CONTENT).map_err(|error| damaged(&error))
}

fn damaged(error: &dyn std::fmt::Display) -> NodeError {
    NodeError::Damaged(format!("a part of this space's checkpoint cannot be read: {error}"))
}
