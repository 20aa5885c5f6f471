//! Writing a checkpoint (C4), in the order that C5 wants: blobs, entry, bundle; then read back and verified like anyone
//! else's, and only then held.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use sheaf_access::{AccessHistory, ContentKey, DocumentId, LogId, Role};
use sheaf_document::{ChangeHash, Genesis};
use sheaf_log::{
    Attestation, BlobRef, Checkpoint, Entry, EntryRef, Frontier, Group, LogHistory, Manifest, Part, Root,
    SavedDocument, Sealed, SignedHeader, actor, belongings_document, decode_documents, encode_documents,
    encode_history, group_of, index_document, seal_blob,
};
use sheaf_store::{BlobStore, encode_bundle};

use super::Base;
use super::tail::{Reach, covers};
use super::verify::{Means, Problem, is_challenged, opened};
use crate::core::{Core, now};
use crate::error::NodeError;
use crate::node::blocking;
use crate::space::Space;
use crate::writer::Work;

/// How many bytes of documents, or of history, go into one blob before another is begun.
const BLOB: usize = 4 << 20;
/// The most bytes of a manifest that goes into the entry itself.
const INLINE: usize = 160 * 1024;

/// What writing a checkpoint came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many entries it covers that none before it did.
    pub entries: u64,
    /// How many blobs were written.
    pub blobs: usize,
    /// How many bytes these have.
    pub bytes: u64,
    /// How many entries were pruned.
    pub pruned: u64,
}

type Attested = BTreeMap<DocumentId, Vec<Attestation>>;

impl Core {
    /// Writes a checkpoint of everything that can be covered, holds it, and prunes what may be pruned. If there is nothing
    /// new, only that.
    pub async fn write_checkpoint(self: &Arc<Self>, space: &Arc<Space>) -> Result<Written, NodeError> {
        let _one_at_a_time = space.checkpointing.lock().await;
        let me = self.me()?;
        if space.role(&me).is_none_or(|role| role < Role::Editor) {
            return Err(NodeError::Role("a checkpoint is written by someone who may write here. Ask an owner.".into()));
        }
        let (core, held) = (Arc::clone(self), Arc::clone(space));
        let tail = blocking(move || {
            core.flush()?;
            core.read_tail(&held)
        })
        .await?;
        let mut written = Written::default();
        if !tail.is_empty() {
            let changed = tail.documents();
            let missing = self.missing_changes(space, &changed).await?;
            let reached = tail.reach(&missing);
            let last = space.checkpoints().last().cloned();
            let covers = covers(&reached);
            written.entries = tail.covered(&reached);
            if written.entries > 0 {
                let attested = attested_of(space, &reached)?;
                let documents = self.save_documents(space, &attested, last.as_deref()).await?;
                let (core, held) = (Arc::clone(self), Arc::clone(space));
                let done =
                    blocking(move || core.finish_checkpoint(&held, &reached, &covers, documents, last.as_deref()))
                        .await?;
                (written.blobs, written.bytes) = done;
            }
        }
        let (core, held) = (Arc::clone(self), Arc::clone(space));
        written.pruned = blocking(move || core.prune(&held)).await?;
        Ok(written)
    }

    /// Which of these changes are not in their documents: what brought them waits, or was refused.
    async fn missing_changes(
        self: &Arc<Self>,
        space: &Arc<Space>,
        changed: &BTreeMap<DocumentId, Vec<[u8; 32]>>,
    ) -> Result<HashSet<[u8; 32]>, NodeError> {
        let mut missing = HashSet::new();
        for (id, hashes) in changed {
            let hashes = hashes.clone();
            let lacking = move |task: &mut crate::document::Task| {
                let document = task.document();
                Ok(hashes.into_iter().filter(|hash| !document.has(&ChangeHash(*hash))).collect::<Vec<_>>())
            };
            missing.extend(self.with_document(space, *id, genesis_of(space, *id), lacking).await?);
        }
        Ok(missing)
    }

    /// All documents as they are to be kept: those of groups in which nothing has changed are left out.
    async fn save_documents(
        self: &Arc<Self>,
        space: &Arc<Space>,
        attested: &Attested,
        last: Option<&Base>,
    ) -> Result<Documents, NodeError> {
        let same = |id: &DocumentId| last.is_some_and(|last| last.attested.get(&(*id, Part::Body)) == attested.get(id));
        let changed: HashSet<u8> = attested.keys().filter(|id| !same(id)).map(group_of).collect();
        let mut documents = Documents { changed: changed.clone(), saved: BTreeMap::new() };
        let mut kept: BTreeMap<DocumentId, SavedDocument> = BTreeMap::new();
        if let Some(last) = last {
            for group in last.manifest.documents.iter().filter(|group| changed.contains(&group.group)) {
                let content = super::base::open(&**self.home().blobs(), &group.blob)?;
                let saved = decode_documents(&content).map_err(|error| NodeError::Damaged(error.to_string()))?;
                kept.extend(saved.into_iter().map(|saved| (saved.document, saved)));
            }
        }
        for (id, tips) in attested.iter().filter(|(id, _)| changed.contains(&group_of(id))) {
            let unchanged = if same(id) { kept.remove(id) } else { None };
            let saved = match unchanged {
                Some(saved) => saved,
                None => self.save_document(space, *id, tips).await?,
            };
            documents.saved.insert(*id, saved);
        }
        Ok(documents)
    }

    async fn save_document(
        self: &Arc<Self>,
        space: &Arc<Space>,
        id: DocumentId,
        attested: &[Attestation],
    ) -> Result<SavedDocument, NodeError> {
        let (genesis, attested) = (genesis_of(space, id), attested.to_vec());
        let tips: Vec<ChangeHash> = attested.iter().map(|tip| ChangeHash(tip.hash)).collect();
        let save = move |task: &mut crate::document::Task| {
            task.document()
                .save_at(&tips)
                .map_err(|error| NodeError::Damaged(format!("a document cannot be saved: {error}")))
        };
        let (heads, save) = self.with_document(space, id, genesis, save).await?;
        let heads = heads.into_iter().map(|head| head.0).collect();
        let saved = SavedDocument { document: id, part: Part::Body, root: root_of(genesis), heads, save };
        // What the others would refuse is not sealed: nobody is sent a checkpoint that is not good.
        blocking(move || match opened(&saved, &attested) {
            Ok(_) => Ok(saved),
            Err(why) => Err(NodeError::Damaged(format!(
                "document {id} cannot be kept in a checkpoint, so none was written: {why}"
            ))),
        })
        .await
    }

    /// Seals and keeps what was saved, writes the entry, reads all of it back, and holds it. Blocks.
    fn finish_checkpoint(
        self: &Arc<Self>,
        space: &Arc<Space>,
        reached: &BTreeMap<LogId, Reach>,
        covers: &Frontier,
        documents: Documents,
        last: Option<&Base>,
    ) -> Result<(usize, u64), NodeError> {
        let me = self.me()?;
        let key = writing_key(space)?;
        let mut out = Writing { blobs: &**self.home().blobs(), key: &key, written: 0, bytes: 0 };
        let history = self.history_of(space, reached)?;
        let manifest = out.manifest(documents, &history, last)?;
        let mut all: Vec<BlobRef> = manifest.blobs().cloned().collect();
        let sealed = if manifest.encode().len() <= INLINE {
            Sealed::Here(manifest)
        } else {
            let blob = out.put(&manifest.encode())?;
            all.push(blob.clone());
            Sealed::Blob(blob)
        };
        let checkpoint = Checkpoint::new(covers.clone(), all.iter().map(|blob| blob.link));
        let builds_on = builds_on(&history)?;
        let (written, bytes) = (out.written, out.bytes);
        let (entry, access) = {
            let mut state = space.lock();
            let entry = state.write_checkpoint(space.id, &me, &checkpoint, &sealed, builds_on, now())?;
            self.write(Work::new(space, entry.clone(), None));
            let access = state.access.clone().ok_or(NodeError::Closing)?;
            (entry, access)
        };
        self.flush()?;
        let mut bundled = self.access_entries(space, &access, &entry.header().access_heads)?;
        bundled.push(entry.clone());
        // Read back from the disk, and verified like one that came from anyone else.
        let base = self.verify_checkpoint(space, &entry, &access, encode_bundle(&bundled, &[]).into());
        let base = base.map_err(|problem| {
            NodeError::Damaged(format!(
                "the checkpoint that was written does not verify, and nothing was pruned: {problem}"
            ))
        })?;
        self.hold(space, base)?;
        Ok((written, bytes))
    }

    /// The last header and the map of each log that is reached.
    fn history_of(&self, space: &Space, reached: &BTreeMap<LogId, Reach>) -> Result<Vec<LogHistory>, NodeError> {
        let mut history = Vec::with_capacity(reached.len());
        for (log, reach) in reached {
            let kept =
                space.checkpoints().covered(log).filter(|kept| kept.seq == reach.seq).map(|kept| kept.history.clone());
            let one = if let Some(kept) = kept {
                kept
            } else {
                let entry = self.store.entry(space.id, *log, reach.seq)?;
                let entry =
                    entry.ok_or_else(|| NodeError::Damaged("an entry of this space is missing here.".into()))?;
                LogHistory { header: SignedHeader::from(&entry), mine: reach.mine.encode() }
            };
            history.push(one);
        }
        Ok(history)
    }

    /// Verifies a checkpoint of which every entry is here. Blocks.
    pub fn verify_checkpoint(
        &self,
        space: &Space,
        entry: &Entry,
        access: &AccessHistory,
        bundle: Arc<[u8]>,
    ) -> Result<Base, Problem> {
        let invalid = space.lock().invalid();
        let base = self.verify_with(space, entry, access, bundle, &invalid)?;
        Self::covers_another_side(space, &base).map_or(Ok(base), |log| Err(Problem::CoversInvalid(log)))
    }

    /// Verifies a checkpoint that someone other than its author vouches for. What it covers may be gone anywhere, so it
    /// decides what counts of it, whatever was thought of that here. Blocks.
    pub fn verify_vouched(
        &self,
        space: &Space,
        entry: &Entry,
        access: &AccessHistory,
        bundle: Arc<[u8]>,
    ) -> Result<Base, Problem> {
        self.verify_with(space, entry, access, bundle, &BTreeMap::new())
    }

    /// Verifies a checkpoint that stands for entries which are not here. That something of it does not count *now* says
    /// nothing: what vouches for it may be among what is not here, and below a held checkpoint everything counts for good.
    /// One that may itself not count vouches for nothing. Blocks.
    pub fn verify_bundle(
        &self,
        space: &Space,
        entry: &Entry,
        access: &AccessHistory,
        bundle: Arc<[u8]>,
    ) -> Result<Base, Problem> {
        if space.checkpoints().is_vouched(entry, access.now()) {
            return self.verify_vouched(space, entry, access, bundle);
        }
        let invalid = {
            let state = space.lock();
            if is_challenged(entry, access) { state.invalid() } else { state.closed.clone() }
        };
        self.verify_with(space, entry, access, bundle, &invalid)
    }

    fn verify_with(
        &self,
        space: &Space,
        entry: &Entry,
        access: &AccessHistory,
        bundle: Arc<[u8]>,
        invalid: &BTreeMap<LogId, u64>,
    ) -> Result<Base, Problem> {
        let keys = space.lock().keys_with(access, self.me().ok().as_deref());
        let known = space.checkpoints().last().cloned();
        let blobs: &dyn BlobStore = &**self.home().blobs();
        let means = Means { blobs, access, keys: &keys, invalid, known: known.as_deref(), documents: true };
        means.verify(entry, bundle)
    }
}

/// Documents that are to be written, and the groups they are all of.
struct Documents {
    changed: HashSet<u8>,
    saved: BTreeMap<DocumentId, SavedDocument>,
}

/// Blobs on their way to the disk.
struct Writing<'a> {
    blobs: &'a dyn BlobStore,
    key: &'a ContentKey,
    written: usize,
    bytes: u64,
}

impl Writing<'_> {
    fn put(&mut self, content: &[u8]) -> Result<BlobRef, NodeError> {
        let (blob, sealed) = seal_blob(self.key, content).map_err(|error| NodeError::BadInput(error.to_string()))?;
        if !self.blobs.has(blob.link.id)? {
            self.blobs.put(blob.link.id, &sealed)?;
            self.written += 1;
            self.bytes += blob.link.size;
        }
        Ok(blob)
    }

    fn manifest(
        &mut self,
        documents: Documents,
        history: &[LogHistory],
        last: Option<&Base>,
    ) -> Result<Manifest, NodeError> {
        let mut manifest = Manifest::default();
        if let Some(last) = last {
            // Groups in which nothing has changed keep their blobs, and their names.
            let same = last.manifest.documents.iter().filter(|group| !documents.changed.contains(&group.group));
            manifest.documents.extend(same.cloned());
        }
        let mut shard: Vec<SavedDocument> = Vec::new();
        let mut size = 0;
        for saved in documents.saved.into_values() {
            let group = |shard: &[SavedDocument]| shard.first().map(|first| group_of(&first.document));
            let other = group(&shard).is_some_and(|group| group != group_of(&saved.document));
            if other || size > 0 && size + saved.save.len() > BLOB {
                self.group(&mut manifest, &mut shard)?;
                size = 0;
            }
            size += saved.save.len();
            shard.push(saved);
        }
        self.group(&mut manifest, &mut shard)?;
        // Stable: blobs of one group stay in the order of the documents in them.
        manifest.documents.sort_by_key(|group| group.group);
        let mut from = 0;
        while from < history.len() {
            let (mut to, mut size) = (from, 0);
            while to < history.len() && (to == from || size < BLOB / 4) {
                size += history[to].mine.len() + 512;
                to += 1;
            }
            manifest.history.push(self.put(&encode_history(&history[from..to]))?);
            from = to;
        }
        Ok(manifest)
    }

    fn group(&mut self, manifest: &mut Manifest, shard: &mut Vec<SavedDocument>) -> Result<(), NodeError> {
        if let Some(first) = shard.first() {
            let group = group_of(&first.document);
            let blob = self.put(&encode_documents(shard))?;
            manifest.documents.push(Group { group, blob });
            shard.clear();
        }
        Ok(())
    }
}

/// What each document has to be held against, from the maps of the covered logs.
fn attested_of(space: &Space, reached: &BTreeMap<LogId, Reach>) -> Result<Attested, NodeError> {
    let access = space.access().ok_or(NodeError::Closing)?;
    let mut attested = Attested::new();
    for (log, reach) in reached {
        let Some(author) = access.person_of(&log.device) else { continue };
        for (place, seq, hash) in reach.mine.iter() {
            let actor = actor(log, &place.document, place.part, place.slot);
            attested.entry(place.document).or_default().push(Attestation { actor, log: *log, author, seq, hash });
        }
    }
    attested.retain(|id, _| !access.is_destroyed(id));
    Ok(attested)
}

/// The key of the epoch that is written under now.
fn writing_key(space: &Space) -> Result<ContentKey, NodeError> {
    let state = space.lock();
    let epoch = state.access.as_ref().and_then(|history| history.now().writable_epoch());
    epoch.and_then(|epoch| state.keys.get(&epoch).cloned()).ok_or_else(|| {
        NodeError::Role(
            "this device has not been given the key of this space yet. A member who is online will send it.".into(),
        )
    })
}

/// The checkpoint is built on what it covers: on the last entries of all logs, but for those that another of them names.
fn builds_on(history: &[LogHistory]) -> Result<Vec<EntryRef>, NodeError> {
    let mut headers = Vec::with_capacity(history.len());
    for one in history {
        headers.push(one.header.verify().map_err(|error| NodeError::Damaged(error.to_string()))?);
    }
    let named: BTreeMap<LogId, u64> =
        headers.iter().flat_map(|(header, _)| &header.builds_on).fold(BTreeMap::new(), |mut named, on| {
            let seq = named.entry(on.log).or_insert(0);
            *seq = on.seq.max(*seq);
            named
        });
    let last = headers.iter().filter(|(header, _)| named.get(&header.log).is_none_or(|seq| *seq < header.seq));
    Ok(last.map(|(header, hash)| EntryRef { log: header.log, seq: header.seq, hash: *hash }).collect())
}

/// What a document of a space begins with.
pub fn genesis_of(space: &Space, id: DocumentId) -> Genesis {
    if id == index_document(&space.id) {
        Genesis::Index
    } else if id == belongings_document(&space.id) {
        Genesis::Belongings
    } else {
        Genesis::Text
    }
}

const fn root_of(genesis: Genesis) -> Root {
    match genesis {
        Genesis::Text => Root::Text,
        Genesis::Index => Root::Index,
        Genesis::Belongings => Root::Belongings,
    }
}
