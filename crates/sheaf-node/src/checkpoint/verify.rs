//! Whether a checkpoint is acceptable (C1), blobs and all.

use std::collections::BTreeMap;
use std::sync::Arc;

use sheaf_access::{AccessHistory, ContentKey, EpochId, LogId, Role};
use sheaf_document::{Attested, ChangeHash, Document, Genesis, NotAccepted};
use sheaf_log::{
    Attestation, BlobLink, BlobRef, Checkpoint, CheckpointError, Entry, MAX_BLOB_CONTENT, MAX_MANIFEST, Manifest,
    OpenError, Part, Root, SavedDocument, SealError, Sealed, Unacceptable, Verifier, open_blob,
};
use sheaf_store::{BlobStore, StoreError};

use super::Base;

/// Why a checkpoint is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Its header, its history or its list of documents.
    #[error(transparent)]
    Unacceptable(#[from] Unacceptable),
    /// Its plain part.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its sealed part does not open.
    #[error("its sealed part does not open: {0}")]
    Open(#[from] OpenError),
    /// A blob does not open.
    #[error("a blob of it does not open: {0}")]
    Seal(#[from] SealError),
    /// A blob that its manifest names and its plain part does not.
    #[error("its sealed part speaks of a blob that it does not show openly")]
    HiddenBlob,
    /// One of its documents.
    #[error("document {document}: {why}")]
    Document {
        /// Which.
        document: sheaf_access::DocumentId,
        /// Why.
        why: NotAccepted,
    },
    /// A part of a document that this version does not know.
    #[error("it holds parts of documents that this version of Sheaf does not know; update to take part")]
    Newer,
    /// It covers what was found to be invalid or not to count here. Not a verdict: that others found otherwise shows when one
    /// of them vouches for it.
    #[error("it covers entries of log {0} that are not valid")]
    CoversInvalid(LogId),
    /// A blob is not here. Not a verdict.
    #[error("a blob of it is missing here")]
    Missing(BlobLink),
    /// No key to open it with. Not a verdict.
    #[error("this device does not have the key it is sealed with yet")]
    NoKey,
    /// What is stored cannot be read. Not a verdict.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Problem {
    /// Whether it is a verdict, and not something that may be otherwise later.
    pub fn is_verdict(&self) -> bool {
        !matches!(
            self,
            Self::Missing(_)
                | Self::NoKey
                | Self::Store(_)
                | Self::CoversInvalid(_)
                | Self::Document { why: NotAccepted::Load(_), .. }
        )
    }
}

/// Whether a checkpoint may not count (A5): its author was removed or lowered, and it has not heard of that.
pub fn is_challenged(entry: &Entry, access: &AccessHistory) -> bool {
    let header = entry.header();
    access.now().challenges(&header.log).iter().any(|one| {
        let beyond = header.seq > one.watermark && one.leaves < Some(Role::Editor);
        beyond && !access.in_past(&header.access_heads, &one.by)
    })
}

/// What a checkpoint is verified with.
pub struct Means<'a> {
    /// Where its blobs are.
    pub blobs: &'a dyn BlobStore,
    /// Who may do what, including all that it builds on.
    pub access: &'a AccessHistory,
    /// The keys that can be opened.
    pub keys: &'a BTreeMap<EpochId, ContentKey>,
    /// Logs that are closed here, or of which not all counts, from a number on.
    pub invalid: &'a BTreeMap<LogId, u64>,
    /// One that was verified before: blobs that it shares, with what they are held against, need not be opened again.
    pub known: Option<&'a Base>,
    /// Whether the documents are to be opened; not, if that was done before it was kept.
    pub documents: bool,
}

impl Means<'_> {
    fn blob(&self, checkpoint: &Checkpoint, blob: &BlobRef, limit: usize) -> Result<Vec<u8>, Problem> {
        if checkpoint.blobs.binary_search_by_key(&blob.link.id, |link| link.id).is_err() {
            return Err(Problem::HiddenBlob);
        }
        let sealed = self.blobs.get(blob.link.id)?.ok_or(Problem::Missing(blob.link))?;
        Ok(open_blob(&blob.key, &sealed, limit)?)
    }

    /// The manifest of a checkpoint, as soon as it can be read.
    pub fn manifest(&self, entry: &Entry, checkpoint: &Checkpoint) -> Result<Manifest, Problem> {
        let key = self.keys.get(&entry.header().epoch).ok_or(Problem::NoKey)?;
        match entry.open_checkpoint(key)? {
            Sealed::Here(manifest) => Ok(manifest),
            Sealed::Blob(blob) => Ok(Manifest::decode(&self.blob(checkpoint, &blob, MAX_MANIFEST)?)?),
        }
    }

    /// Verifies all of a checkpoint.
    pub fn verify(&self, entry: &Entry, bundle: Arc<[u8]>) -> Result<Base, Problem> {
        let checkpoint = entry.checkpoint().ok_or(CheckpointError::Malformed)??;
        let invalid = |(log, seq): &(&LogId, &u64)| checkpoint.covers.holds(log, **seq);
        if let Some((log, _)) = self.invalid.iter().find(invalid) {
            return Err(Problem::CoversInvalid(*log));
        }
        // All there before any work is done.
        for blob in &checkpoint.blobs {
            if !self.blobs.has(blob.id)? {
                return Err(Problem::Missing(*blob));
            }
        }
        let manifest = self.manifest(entry, &checkpoint)?;
        let mut verifier = Verifier::new(&checkpoint, entry.header(), self.access);
        for blob in &manifest.history {
            verifier.history(&self.blob(&checkpoint, blob, MAX_BLOB_CONTENT)?)?;
        }
        let attested = verifier.attested()?.clone();
        let covered = if self.documents {
            for group in &manifest.documents {
                let content = self.blob(&checkpoint, &group.blob, MAX_BLOB_CONTENT)?;
                let known = self.known.filter(|known| known.manifest.documents.contains(group));
                for (saved, attested) in verifier.documents(group.group, &content)? {
                    let same = |known: &Base| {
                        known.attested.get(&(saved.document, saved.part)).map(Vec::as_slice) == Some(attested)
                    };
                    if !known.is_some_and(same) {
                        accept(&saved, attested)?;
                    }
                }
            }
            verifier.finish(|document| self.access.now().is_destroyed(document))?
        } else {
            verifier.history_only()?
        };
        let entry = entry.clone();
        Ok(Base { entry, checkpoint, manifest, covered, attested, bundle })
    }
}

/// Holds one document against what was signed for.
fn accept(saved: &SavedDocument, attested: &[Attestation]) -> Result<(), Problem> {
    if saved.part != Part::Body {
        return Err(Problem::Newer);
    }
    let document = saved.document;
    opened(saved, attested).map(drop).map_err(|why| Problem::Document { document, why })
}

/// A document from a checkpoint, if it is exactly what was signed for.
pub fn opened(saved: &SavedDocument, attested: &[Attestation]) -> Result<Document, NotAccepted> {
    let heads: Vec<ChangeHash> = saved.heads.iter().map(|head| ChangeHash(*head)).collect();
    let attested: Vec<Attested> = attested
        .iter()
        .map(|one| Attested {
            actor: one.actor.to_vec(),
            author: one.author.as_bytes().to_vec(),
            seq: one.seq,
            hash: ChangeHash(one.hash),
        })
        .collect();
    Document::accept(&saved.save, genesis(saved.root), &heads, &attested)
}

/// What a document begins with.
pub fn genesis(root: Root) -> Genesis {
    match root {
        Root::Text => Genesis::Text,
        Root::Index => Genesis::Index,
        Root::Belongings => Genesis::Belongings,
    }
}
