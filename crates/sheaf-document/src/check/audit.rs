//! Going over a document's changes again, from the first to the last, without building the document.
//!
//! What a change says of itself and of what it builds on is checked exactly as when it came (L3), and it is counted what it
//! writes. What it does inside of the document was checked then, and is checked whenever the document is loaded; left out
//! here, so that a long history is gone over in seconds.

use std::collections::HashMap;

use automerge::{Change, ChangeHash, ScalarValue, legacy};

use super::{Expect, Invalid, ValidChange, author_footer, outline, scan};
use crate::document::{Document, guard};
use crate::limits::MAX_CHANGE_BYTES;

/// An audit of one document: begun with what it begins with, and then given its changes, each after those it builds on.
#[derive(Debug)]
pub struct Audit {
    base: Document,
    /// The highest operation of each change that passed.
    passed: HashMap<ChangeHash, u64>,
    /// The latest change of each actor.
    tips: HashMap<Vec<u8>, (u64, ChangeHash)>,
}

impl Audit {
    /// Begins with a document: an empty one, or one from a checkpoint.
    pub fn new(base: Document) -> Self {
        Self { base, passed: HashMap::new(), tips: HashMap::new() }
    }

    /// Checks the next change, and answers how many characters it writes. A change that the document had from the beginning
    /// is answered with nothing: what a checkpoint covers stays beside it until it is pruned, and is not to be counted again.
    pub fn check(&mut self, bytes: &[u8], expect: &Expect) -> Result<Option<usize>, Invalid> {
        if bytes.len() > MAX_CHANGE_BYTES {
            return Err(Invalid::TooLarge { bytes: bytes.len() });
        }
        let scanned = scan::change(bytes)?;
        if self.begins_with(bytes, &scanned)? {
            // A hash stands for the whole change: it is in its place, on what it builds on, and its author is in it.
            return match scanned.seq {
                _ if !expect.actors.contains(&scanned.actor) => Err(Invalid::ForeignActor),
                1 if scanned.extra != author_footer(&expect.author) => Err(Invalid::Author),
                _ => Ok(None),
            };
        }
        let tip = self.tips.get(&scanned.actor).copied();
        let tip = tip.or_else(|| self.base.tip(&scanned.actor).map(|tip| (tip.seq, tip.hash)));
        let end = outline(&scanned, expect, tip, |dep| {
            let passed = self.passed.get(dep).copied();
            passed.or_else(|| self.base.doc.get_change_meta_by_hash(dep).map(|meta| meta.max_op))
        })?;
        let read = guard::caught(|| {
            let change = Change::from_bytes(bytes.to_vec()).map_err(|error| Invalid::Unreadable(error.to_string()))?;
            if change.hash().0[..4] != scanned.checksum {
                return Err(Invalid::Checksum);
            }
            Ok((change.hash(), characters(&change)))
        });
        let (hash, written) = read.unwrap_or_else(|panic| Err(Invalid::Unreadable(panic)))?;
        self.tips.insert(scanned.actor, (scanned.seq, hash));
        self.passed.insert(hash, end);
        Ok(Some(written))
    }

    /// Whether this very change is in the document that was begun with.
    fn begins_with(&self, bytes: &[u8], scanned: &scan::ScannedChange) -> Result<bool, Invalid> {
        if self.base.tip(&scanned.actor).is_none_or(|tip| scanned.seq > tip.seq) {
            return Ok(false);
        }
        let read = guard::caught(|| {
            Change::from_bytes(bytes.to_vec()).map_err(|error| Invalid::Unreadable(error.to_string()))
        });
        let hash = read.unwrap_or_else(|panic| Err(Invalid::Unreadable(panic)))?.hash();
        Ok(hash.0[..4] == scanned.checksum && self.base.has(&hash))
    }
}

/// How many characters a change writes that is no part of any document: it is held against nothing but its own size and
/// checksum.
pub fn characters_in(bytes: &[u8]) -> Result<usize, Invalid> {
    if bytes.len() > MAX_CHANGE_BYTES {
        return Err(Invalid::TooLarge { bytes: bytes.len() });
    }
    scan::change(bytes)?;
    let read = guard::caught(|| {
        let change = Change::from_bytes(bytes.to_vec()).map_err(|error| Invalid::Unreadable(error.to_string()))?;
        Ok(characters(&change))
    });
    read.unwrap_or_else(|panic| Err(Invalid::Unreadable(panic)))
}

impl ValidChange {
    /// How many characters it writes.
    pub fn characters(&self) -> usize {
        characters(&self.change)
    }
}

/// How many characters a change inserts, whatever becomes of them later.
fn characters(change: &Change) -> usize {
    let written = |operation: &legacy::Op| match &operation.action {
        legacy::OpType::Put(ScalarValue::Str(text)) if operation.insert => text.chars().count(),
        _ => 0,
    };
    change.decode().operations.iter().map(written).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Genesis, Slot, edit::Edit, model::Item};

    fn written(document: &mut Document, slot: &Slot, text: &str) -> Vec<u8> {
        let insert = vec![Item::Text { text: text.into(), marks: [].into() }];
        document.edit(slot, &[Edit::Splice { at: 0, delete: 0, insert }]).unwrap().remove(0).bytes
    }

    #[test]
    fn what_was_written_passes_in_its_order_and_is_counted() {
        let slot = Slot { actor: vec![7; 32], author: vec![9; 32] };
        let expect = Expect { actors: vec![slot.actor.clone()], author: slot.author.clone() };
        let mut document = Document::new(Genesis::Text);
        let changes = [written(&mut document, &slot, "Grüße"), written(&mut document, &slot, "two")];
        let mut audit = Audit::new(Document::new(Genesis::Text));
        assert_eq!(audit.check(&changes[0], &expect), Ok(Some(5)));
        assert_eq!(audit.check(&changes[1], &expect), Ok(Some(3)));
        assert!(matches!(audit.check(&changes[1], &expect), Err(Invalid::Sequence { found: 2, expected: 3 })));
        // From a document that holds the first, as from a checkpoint.
        let mut later = Document::new(Genesis::Text);
        let first = crate::check_change(&later, &changes[0], &expect).unwrap();
        assert_eq!(first.characters(), 5);
        later.apply(vec![first]);
        let mut audit = Audit::new(later);
        assert_eq!(audit.check(&changes[0], &expect), Ok(None), "it is there already");
        let foreign = Expect { actors: vec![vec![8; 32]], author: slot.author.clone() };
        assert_eq!(audit.check(&changes[0], &foreign), Err(Invalid::ForeignActor));
        let other = Expect { actors: expect.actors.clone(), author: vec![8; 32] };
        assert_eq!(audit.check(&changes[0], &other), Err(Invalid::Author));
        let forged = written(&mut Document::new(Genesis::Text), &slot, "Something else");
        assert!(matches!(audit.check(&forged, &expect), Err(Invalid::Sequence { found: 1, expected: 2 })));
        assert_eq!(audit.check(&changes[1], &expect), Ok(Some(3)));
    }

    #[test]
    fn what_is_not_the_logs_own_or_out_of_order_is_named() {
        let slot = Slot { actor: vec![7; 32], author: vec![9; 32] };
        let mut document = Document::new(Genesis::Text);
        let changes = [written(&mut document, &slot, "one"), written(&mut document, &slot, "two")];
        let check = |bytes: &[u8], actor: u8, author: u8| {
            let expect = Expect { actors: vec![vec![actor; 32]], author: vec![author; 32] };
            Audit::new(Document::new(Genesis::Text)).check(bytes, &expect)
        };
        assert_eq!(check(&changes[0], 8, 9), Err(Invalid::ForeignActor));
        assert_eq!(check(&changes[0], 7, 8), Err(Invalid::Author));
        assert_eq!(check(&changes[1], 7, 9), Err(Invalid::Sequence { found: 2, expected: 1 }));
        for at in 0..changes[0].len() {
            let mut damaged = changes[0].clone();
            damaged[at] ^= 1;
            assert!(check(&damaged, 7, 9).is_err(), "byte {at}");
        }
    }
}
