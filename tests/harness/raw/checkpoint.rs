//! Checkpoints that say what is not so: an honest one is fetched, taken apart, altered, and sealed again under the hostile
//! device's own name. What is altered nowhere is as good as the honest one.

use std::collections::BTreeMap;

use sheaf_access::{DocumentId, LogId};
use sheaf_log::{
    BlobId, BlobLink, BlobRef, Checkpoint, Entry, Frontier, Group, LogHistory, Manifest, Mine, SavedDocument, Sealed,
    decode_documents, decode_history, encode_documents, encode_history, group_of, open_blob, seal_blob,
};
use sheaf_sync::Frame;

use super::{Held, Line, Raw};

/// The most that a blob of a test unfolds into.
const LIMIT: usize = 16 << 20;

/// What a checkpoint is put together from.
#[derive(Clone)]
pub struct Parts {
    /// What it says that it stands for.
    pub covers: Frontier,
    /// Of each log the last header, and the map.
    pub history: Vec<LogHistory>,
    /// The documents.
    pub documents: Vec<SavedDocument>,
}

/// A checkpoint put together by hand, and all that its author serves with it.
pub struct Made {
    /// Its entry.
    pub entry: Entry,
    /// What a newcomer is told to fetch.
    pub bundle: BlobLink,
    /// The bundle and the blobs.
    pub blobs: BTreeMap<BlobId, Vec<u8>>,
}

impl Raw {
    /// The parts of a checkpoint that a node holds, fetched from it.
    ///
    /// # Panics
    /// When the node does not serve it.
    pub async fn parts(&self, line: &mut Line, held: &Held, checkpoint: &Entry) -> Parts {
        let plain = checkpoint.checkpoint().expect("a checkpoint").expect("in order");
        let Ok(Sealed::Here(manifest)) = checkpoint.open_checkpoint(&held.key()) else {
            panic!("a small checkpoint holds its manifest")
        };
        let mut parts = Parts { covers: plain.covers, history: Vec::new(), documents: Vec::new() };
        for group in &manifest.documents {
            let content = fetched(line, held, &group.blob).await;
            parts.documents.extend(decode_documents(&content).expect("documents"));
        }
        for blob in &manifest.history {
            parts.history.extend(decode_history(&fetched(line, held, blob).await).expect("history"));
        }
        parts
    }

    /// A checkpoint of these parts, as the next entry of its log.
    ///
    /// # Panics
    /// When the parts cannot be sealed at all.
    pub fn checkpoint(&self, held: &Held, parts: Parts) -> Made {
        let key = held.key();
        let mut blobs = BTreeMap::new();
        let mut put = |content: &[u8]| -> BlobRef {
            let (blob, sealed) = seal_blob(&key, content).expect("content that can be sealed");
            blobs.insert(blob.link.id, sealed);
            blob
        };
        let mut manifest = Manifest::default();
        for one in parts.documents {
            let group = group_of(&one.document);
            manifest.documents.push(Group { group, blob: put(&encode_documents(&[one])) });
        }
        manifest.documents.sort_by_key(|group| group.group);
        manifest.history.push(put(&encode_history(&parts.history)));
        let checkpoint = Checkpoint::new(parts.covers, manifest.blobs().map(|blob| blob.link));
        let ends: Vec<_> = parts.history.iter().map(|one| one.header.clone()).collect();
        let draft = held.draft();
        let sealed = Sealed::Here(manifest);
        let entry = draft.checkpoint(&key, &checkpoint, &sealed, &rand::random(), &self.device).expect("an entry");
        let mut bundled: Vec<Entry> =
            held.entries.iter().filter(|entry| entry.access_op().is_some()).cloned().collect();
        bundled.push(entry.clone());
        let bytes = sheaf_store::encode_bundle(&bundled, &ends);
        let bundle = BlobLink { id: BlobId::of(&bytes), size: bytes.len() as u64 };
        blobs.insert(bundle.id, bytes);
        Made { entry, bundle, blobs }
    }
}

impl Made {
    /// "You are behind: fetch this."
    pub fn offer(&self, line: &Line, held: &Held) -> Frame {
        Frame::Behind { tag: line.tag(held.space), bundle: self.bundle }
    }
}

impl Parts {
    /// What is shown of a log.
    ///
    /// # Panics
    /// When nothing is.
    pub fn of(&mut self, log: LogId) -> &mut LogHistory {
        let place = self.history.iter().position(|one| one.header.verify().is_ok_and(|(header, _)| header.log == log));
        &mut self.history[place.expect("a log that is shown")]
    }

    /// Stands for the device's own log too, which has written in no document. So there is something new in it.
    ///
    /// # Panics
    /// When nothing was written in that log.
    pub fn cover_own(&mut self, held: &Held) {
        let last = held.entries.iter().rev().find(|entry| entry.log() == held.log).expect("an entry of its own");
        self.covers.advance(held.log, last.seq());
        let own = |one: &LogHistory| one.header.verify().is_ok_and(|(header, _)| header.log == held.log);
        self.history.retain(|one| !own(one));
        self.history.push(LogHistory { header: last.into(), mine: Mine::new().encode() });
        self.history.sort_by_key(|one| one.header.verify().map(|(header, _)| header.log).ok());
    }

    /// Replaces what is shown of a log by an entry that came before it had written anything, and says so.
    pub fn rewind(&mut self, first: &Entry) {
        let shown = LogHistory { header: first.into(), mine: Mine::new().encode() };
        *self.of(first.log()) = shown;
        let others = self.covers.iter().filter(|(log, _)| **log != first.log()).map(|(log, seq)| (*log, seq));
        self.covers = others.chain([(first.log(), first.seq())]).collect();
    }

    /// A document.
    ///
    /// # Panics
    /// When it is not there.
    pub fn document(&mut self, id: DocumentId) -> &mut SavedDocument {
        self.documents.iter_mut().find(|one| one.document == id).expect("a document that is there")
    }
}

async fn fetched(line: &mut Line, held: &Held, blob: &BlobRef) -> Vec<u8> {
    let sealed = line.blob(held.space, blob.link).await;
    assert_eq!(BlobId::of(&sealed), blob.link.id, "an honest node serves what was asked for");
    open_blob(&blob.key, &sealed, LIMIT).expect("a blob of a held checkpoint opens")
}
