//! What makes a checkpoint acceptable (C1), as far as no document has to be opened to tell.
//!
//! Whoever writes a checkpoint is believed in nothing. What it says of a log has to be what the log's own device signed:
//! the header at exactly the covered number, and in it the root of the map `mine`, which names the latest change of each
//! of the log's actors. So from the history follows, for each document, exactly which actors have written in it and what
//! the last change of each is. That is an [`Attestation`]; the documents are then held against them, by `sheaf-document`,
//! which reads their metadata before it decodes an operation.
//!
//! ```text
//! Verifier::new(..)  ->  history(blob) for each  ->  attested()  ->  documents(blob) for each  ->  finish()
//! ```
//!
//! It is pure: blobs are passed in, opened; what they were found to hold is passed back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sheaf_access::{AccessHistory, DocumentId, EntryHash, LogId, PersonId, SpaceId};

use super::{Checkpoint, CheckpointError, LogHistory, SavedDocument, decode_documents, decode_history, group_of};
use crate::actor::{MAX_SLOTS, actor};
use crate::admit::HeldEntry;
use crate::content::Part;
use crate::entry::EntryError;
use crate::header::{Header, Kind};
use crate::mine::Mine;

/// Why a checkpoint is not accepted. A verdict, except where it says what is lacking.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum Unacceptable {
    /// A blob does not decode.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A header is not one, or its device did not sign it.
    #[error("the last header of log {log:?} is not as its device signed it: {error}")]
    Header {
        /// The log; none, if the header does not even decode.
        log: Option<LogId>,
        /// What is wrong.
        error: EntryError,
    },
    /// A header of another space.
    #[error("the checkpoint holds a header of another space")]
    OtherSpace,
    /// A log's header is not the one at the covered number.
    #[error("the checkpoint covers log {log} up to {covers}, and shows its header number {found}")]
    OtherPlace {
        /// The log.
        log: LogId,
        /// What it covers.
        covers: u64,
        /// What it shows.
        found: u64,
    },
    /// A log whose header is shown twice, out of order, or that is not covered.
    #[error("the checkpoint shows log {0} where it does not belong")]
    NotCovered(LogId),
    /// A covered log without its header.
    #[error("the checkpoint covers log {0} and does not show its header")]
    Missing(LogId),
    /// A map that is not the one the header commits to.
    #[error("what the checkpoint says log {0} has written is not what its device signed")]
    OtherMine(LogId),
    /// A log whose author is not known.
    #[error("nobody is known to write log {0}")]
    UnknownAuthor(LogId),
    /// The access entries do not reach as far as the checkpoint.
    #[error("access entries that the checkpoint builds on are missing")]
    AccessMissing,
    /// The checkpoint does not know of what it covers.
    #[error("the checkpoint knows less about who may write than the entries it covers")]
    BelowItsPast,
    /// A document out of order, or twice.
    #[error("document {0} stands where it does not belong")]
    Order(DocumentId),
    /// A document that nobody has signed for.
    #[error("nobody has signed that they wrote in document {0}")]
    Unattested(DocumentId),
    /// A document that was written in and is not there.
    #[error("document {0} is missing from the checkpoint, and people have signed that they wrote in it")]
    Dropped(DocumentId),
}

/// What a covered log has signed for in one document: an actor, and its latest change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Attestation {
    /// The actor.
    pub actor: [u8; 32],
    /// The log it is of.
    pub log: LogId,
    /// The log's person.
    pub author: PersonId,
    /// The number of its latest change.
    pub seq: u64,
    /// The hash of that.
    pub hash: [u8; 32],
}

/// A covered log, as its last signed header has it.
#[derive(Clone, Debug)]
pub struct Covered {
    /// The number of the header.
    pub seq: u64,
    /// The header, as admission asks for it.
    pub held: HeldEntry,
    /// The header and its signature, to be kept and shown again.
    pub history: LogHistory,
    /// What it commits to.
    pub mine: Mine,
}

/// Takes a checkpoint's blobs in and says whether they are acceptable.
pub struct Verifier<'a> {
    space: SpaceId,
    checkpoint: &'a Checkpoint,
    header: &'a Header,
    access: &'a AccessHistory,
    logs: BTreeMap<LogId, Covered>,
    attested: BTreeMap<(DocumentId, Part), Vec<Attestation>>,
    seen: BTreeSet<(DocumentId, Part)>,
}

impl<'a> Verifier<'a> {
    /// Begins. `header` is the checkpoint entry's own, which has been admitted; `access` holds what it names.
    pub fn new(checkpoint: &'a Checkpoint, header: &'a Header, access: &'a AccessHistory) -> Self {
        let space = access.space();
        Self {
            space,
            checkpoint,
            header,
            access,
            logs: BTreeMap::new(),
            attested: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Takes in a blob of history. They come in the order of the manifest.
    pub fn history(&mut self, content: &[u8]) -> Result<(), Unacceptable> {
        for log in decode_history(content)? {
            self.log(log)?;
        }
        Ok(())
    }

    fn log(&mut self, history: LogHistory) -> Result<(), Unacceptable> {
        let (header, hash) = history.header.verify().map_err(|error| Unacceptable::Header { log: None, error })?;
        let log = header.log;
        let creation = header.is_creation() && SpaceId::from(hash) == self.space;
        if header.space != self.space && !creation {
            return Err(Unacceptable::OtherSpace);
        }
        let covers = self.checkpoint.covers.get(&log);
        if covers == 0 || self.logs.last_key_value().is_some_and(|(last, _)| *last >= log) {
            return Err(Unacceptable::NotCovered(log));
        }
        if header.seq != covers {
            return Err(Unacceptable::OtherPlace { log, covers, found: header.seq });
        }
        let mine = Mine::decode(&history.mine).map_err(|_| Unacceptable::OtherMine(log))?;
        if mine.root() != header.mine {
            return Err(Unacceptable::OtherMine(log));
        }
        let held = self.check_access(&header, hash)?;
        let author = self.access.now().person_of(&log.device).ok_or(Unacceptable::UnknownAuthor(log))?;
        for (key, seq, hash) in mine.iter() {
            if key.slot >= MAX_SLOTS || seq == 0 {
                return Err(Unacceptable::OtherMine(log));
            }
            let actor = actor(&log, &key.document, key.part, key.slot);
            let attestation = Attestation { actor, log, author, seq, hash };
            self.attested.entry((key.document, key.part)).or_default().push(attestation);
        }
        self.logs.insert(log, Covered { seq: header.seq, held, history, mine });
        Ok(())
    }

    /// What a covered entry knew of who may write is held here, and the checkpoint knew it too (A5).
    fn check_access(&self, header: &Header, hash: EntryHash) -> Result<HeldEntry, Unacceptable> {
        let mut after = header.access_heads.clone();
        if header.kind == Kind::Access {
            after.push(hash);
        }
        let known = self.access.known_at(&self.header.access_heads).map_err(|_| Unacceptable::AccessMissing)?;
        if !known.includes(&after).map_err(|_| Unacceptable::AccessMissing)? {
            return Err(Unacceptable::BelowItsPast);
        }
        Ok(HeldEntry { hash, kind: header.kind, access_heads: Arc::from(header.access_heads.as_slice()) })
    }

    /// What each document has to be held against, once all history is in: every covered log has been shown.
    pub fn attested(&self) -> Result<&BTreeMap<(DocumentId, Part), Vec<Attestation>>, Unacceptable> {
        match self.checkpoint.covers.iter().find(|(log, _)| !self.logs.contains_key(log)) {
            Some((log, _)) => Err(Unacceptable::Missing(*log)),
            None => Ok(&self.attested),
        }
    }

    /// Takes in a blob of documents of one group, in the order of the manifest, and gives them back, each with what it has
    /// to be held against.
    pub fn documents(
        &mut self,
        group: u8,
        content: &[u8],
    ) -> Result<Vec<(SavedDocument, &[Attestation])>, Unacceptable> {
        self.attested()?;
        let saved = decode_documents(content)?;
        for one in &saved {
            let place = (one.document, one.part);
            // Whoever looks for a document looks in its group.
            if self.seen.last().is_some_and(|last| *last >= place) || group_of(&one.document) != group {
                return Err(Unacceptable::Order(one.document));
            }
            if !self.attested.contains_key(&place) {
                return Err(Unacceptable::Unattested(one.document));
            }
            self.seen.insert(place);
        }
        let attested = &self.attested;
        Ok(saved
            .into_iter()
            .map(|one| {
                let expected = attested.get(&(one.document, one.part)).map(Vec::as_slice).unwrap_or_default();
                (one, expected)
            })
            .collect())
    }

    /// Ends without the documents, which were verified before.
    pub fn history_only(self) -> Result<BTreeMap<LogId, Covered>, Unacceptable> {
        self.attested()?;
        Ok(self.logs)
    }

    /// Ends: nothing that was attested is missing, but for documents that were destroyed (A8). Gives the covered logs.
    pub fn finish(self, destroyed: impl Fn(&DocumentId) -> bool) -> Result<BTreeMap<LogId, Covered>, Unacceptable> {
        self.attested()?;
        let missing = self
            .attested
            .keys()
            .find(|(document, part)| !self.seen.contains(&(*document, *part)) && !destroyed(document));
        match missing {
            Some((document, _)) => Err(Unacceptable::Dropped(*document)),
            None => Ok(self.logs),
        }
    }
}
