//! Opening a document, and rebuilding one that broke.

use std::{collections::HashMap, sync::OnceLock};

use automerge::{Automerge, Change, LoadOptions, ObjId, ObjType, OnPartialLoad, ROOT, ReadDoc, TextEncoding, Value};

use super::{Document, Genesis, Tip, WriteError, empty_automerge, guard};
use crate::{
    check::scan::{self, ScanError},
    limits::LoadLimits,
};

/// Where other programs keep a document's text.
const TEXT_KEYS: [&str; 4] = ["content", "text", "body", "doc"];

/// Why a document does not open.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is larger than this device opens.
    #[error("the document takes {bytes} bytes, and this device opens at most {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
    /// It is not what it seems, or not whole, or would inflate beyond all measure.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// Automerge does not take it.
    #[error("this is not a whole Automerge document: {0}")]
    Damaged(String),
    /// It holds no text.
    #[error("there is no text in this Automerge document")]
    NoText,
}

impl Document {
    /// Opens a document that was saved.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::load_with(bytes, &LoadLimits::default())
    }

    /// Opens a document that was saved, within other limits. Nothing is inflated before it is known to stay within them.
    pub fn load_with(bytes: &[u8], limits: &LoadLimits) -> Result<Self, LoadError> {
        if bytes.len() > limits.bytes {
            return Err(LoadError::TooLarge { bytes: bytes.len(), limit: limits.bytes });
        }
        scan::document(bytes, limits)?;
        let doc = load_automerge(bytes).map_err(LoadError::Damaged)?;
        let content = find_text(&doc);
        let has = |genesis: Genesis| doc.get_change_meta_by_hash(&genesis.hash()).is_some();
        if content.is_none() && !has(Genesis::Index) && !has(Genesis::Belongings) {
            return Err(LoadError::NoText);
        }
        let mut document = Self::around(doc, content);
        document.kept.base = bytes.into();
        Ok(document)
    }

    /// Throws the Automerge document away and makes it anew from what was kept.
    pub(crate) fn rebuild(&mut self) {
        let trail = self.trail.as_ref().map(|trail| guard::caught(|| trail.whole()));
        self.doc = match trail {
            Some(Ok(Ok(doc))) => doc,
            _ => self.rebuilt_from_base(),
        };
        self.tips = OnceLock::new();
        self.forget_reading();
    }

    fn rebuilt_from_base(&self) -> Automerge {
        let base = || load_automerge(&self.kept.base).unwrap_or_else(|_| empty_automerge());
        let mut doc = base();
        // All of it was applied before, so it applies again; and if in spite of that one should not, the others do.
        let tail: Vec<Change> =
            self.kept.tail.iter().filter_map(|bytes| Change::from_bytes(bytes.to_vec()).ok()).collect();
        if !matches!(guard::caught(|| doc.apply_changes(tail.clone())), Ok(Ok(()))) {
            doc = base();
            for change in tail {
                let before = doc.clone();
                if !matches!(guard::caught(|| doc.apply_changes([change])), Ok(Ok(()))) {
                    doc = before;
                }
            }
        }
        doc
    }

    /// Takes changes that this device made in a fork of the document.
    pub(super) fn take_own(&mut self, changes: &[Vec<u8>]) -> Result<(), WriteError> {
        let parsed = changes.iter().map(|bytes| Change::from_bytes(bytes.clone())).collect::<Result<Vec<_>, _>>();
        let parsed = parsed.map_err(|error| WriteError::Broke(error.to_string()))?;
        let doc = &mut self.doc;
        match guard::caught(|| doc.apply_changes(parsed.clone())) {
            Ok(result) => result?,
            Err(panic) => {
                self.rebuild();
                return Err(WriteError::Broke(panic));
            }
        }
        for (change, bytes) in parsed.iter().zip(changes) {
            self.set_tip(change.actor_id(), Tip { seq: change.seq(), hash: change.hash() });
            self.keep(&change.hash(), bytes);
        }
        self.forget_reading();
        Ok(())
    }
}

fn load_automerge(bytes: &[u8]) -> Result<Automerge, String> {
    let options =
        || LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit).on_partial_load(OnPartialLoad::Error);
    match guard::caught(|| Automerge::load_with_options(bytes, options())) {
        Ok(Ok(doc)) => Ok(doc),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(panic),
    }
}

/// The text: the one our genesis made, else where other programs put it, else the only one there is.
pub(super) fn find_text(doc: &Automerge) -> Option<(ObjId, String)> {
    if doc.get_change_meta_by_hash(&Genesis::Text.hash()).is_some() {
        return Some((Genesis::object(1), "content".to_owned()));
    }
    let text_at = |key: &str| match doc.get(ROOT, key) {
        Ok(Some((Value::Object(ObjType::Text), id))) => Some((id, key.to_owned())),
        _ => None,
    };
    if let Some(found) = TEXT_KEYS.into_iter().find_map(text_at) {
        return Some(found);
    }
    let mut texts = doc.keys(ROOT).filter_map(|key| text_at(&key));
    let only = texts.next();
    only.filter(|_| texts.next().is_none())
}

pub(super) fn tips_of(doc: &Automerge) -> HashMap<automerge::ActorId, Tip> {
    let mut tips = HashMap::new();
    for change in doc.get_changes_meta(&[]) {
        let tip = Tip { seq: change.seq, hash: change.hash };
        match tips.get_mut(change.actor.as_ref()) {
            None => {
                tips.insert(change.actor.into_owned(), tip);
            }
            Some(known) if known.seq < tip.seq => *known = tip,
            Some(_) => {}
        }
    }
    tips
}
