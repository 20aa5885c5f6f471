//! A document with entries in it that do not count, to be looked at beside the one that is open (A6).
//!
//! They are checked like any others, for nothing else may be applied; but nobody is judged by it. What counts nowhere, on
//! a document that exists for a moment, says nothing about anyone's log.

use sheaf_access::DocumentId;
use sheaf_document::check::peek;
use sheaf_document::{Checker, Document, Expect, Invalid, ValidChange};

use super::load::expect;
use crate::opening::Arrived;

/// What became of one entry's changes.
enum Fits {
    Whole(Vec<ValidChange>),
    /// Not now: something that it builds on is not there yet. And whether a part of it would have.
    NotYet(bool),
    Never(bool),
}

/// Applies of some entries all that fit, in whatever order they come.
pub fn apply_all(id: DocumentId, document: &mut Document, entries: &[Arrived]) {
    let mut left: Vec<&Arrived> = entries.iter().collect();
    loop {
        let (before, mut later) = (left.len(), Vec::new());
        let mut round = left.into_iter().peekable();
        while round.peek().is_some() {
            let mut passed = Vec::new();
            {
                let mut checker = Checker::new(document);
                for one in round.by_ref() {
                    let expect = expect(id, one.entry, one.author);
                    let partly = match fits(&mut checker, document, one, &expect) {
                        Fits::Whole(changes) => {
                            passed.extend(changes);
                            false
                        }
                        Fits::NotYet(partly) => {
                            later.push(one);
                            partly
                        }
                        Fits::Never(partly) => partly,
                    };
                    if partly {
                        // The checker has seen a part that is not applied, so it is done with.
                        break;
                    }
                }
            }
            // What breaks the document all the same is left out, and whoever looks for it finds it missing.
            document.apply(passed);
        }
        if later.is_empty() || later.len() == before {
            return;
        }
        left = later;
    }
}

fn fits(checker: &mut Checker<'_>, document: &Document, one: &Arrived, expect: &Expect) -> Fits {
    let mut changes = Vec::with_capacity(one.changes.len());
    for bytes in &one.changes {
        if peek(bytes).is_ok_and(|peek| document.has(&peek.hash)) {
            continue;
        }
        match checker.check(bytes, expect) {
            Ok(change) => changes.push(change),
            Err(Invalid::UnknownDependency(_)) => return Fits::NotYet(!changes.is_empty()),
            Err(Invalid::Sequence { found, expected }) if found > expected => return Fits::NotYet(!changes.is_empty()),
            Err(_) => return Fits::Never(!changes.is_empty()),
        }
    }
    Fits::Whole(changes)
}

#[cfg(test)]
mod tests {
    use sheaf_access::{DeviceId, EntryHash, LogId, PersonId};
    use sheaf_document::edit::Edit;
    use sheaf_document::model::Item;
    use sheaf_document::{ChangeHash, Genesis, Slot};
    use sheaf_log::{EntryRef, Part, actor};

    use super::*;

    const ID: DocumentId = DocumentId::from_bytes([1; 32]);
    const ANA: PersonId = PersonId::from_bytes([2; 32]);

    /// Four entries, each of two changes that build on those before them.
    fn entries() -> Vec<Arrived> {
        let log = LogId { device: DeviceId::from_bytes([3; 32]), nonce: 4 };
        let slot = Slot { actor: actor(&log, &ID, Part::Body, 0).to_vec(), author: ANA.as_bytes().to_vec() };
        let mut document = Document::new(Genesis::Text);
        let mut typed = |text: String| {
            let insert = vec![Item::Text { text, marks: [].into() }];
            let edits = [Edit::Splice { at: 0, delete: 0, insert }];
            document.edit(&slot, &edits).unwrap().into_iter().map(|change| change.bytes).collect::<Vec<_>>()
        };
        let one = |seq: u64| Arrived {
            arrival: seq,
            entry: EntryRef { log, seq, hash: EntryHash::from_bytes([seq as u8; 32]) },
            author: ANA,
            names: Vec::new(),
            changes: [typed(format!("a{seq} ")), typed(format!("b{seq} "))].concat(),
        };
        (1..=4).map(one).collect()
    }

    fn hashes(entry: &Arrived) -> Vec<ChangeHash> {
        entry.changes.iter().map(|change| peek(change).unwrap().hash).collect()
    }

    fn has(document: &Document, entry: &Arrived) -> bool {
        hashes(entry).iter().all(|hash| document.has(hash))
    }

    #[test]
    fn whatever_the_order_all_of_it_is_there() {
        let mut entries = entries();
        for _ in 0..entries.len() {
            entries.rotate_left(1);
            for reversed in [false, true] {
                if reversed {
                    entries.reverse();
                }
                let mut document = Document::new(Genesis::Text);
                apply_all(ID, &mut document, &entries);
                assert!(entries.iter().all(|entry| has(&document, entry)));
            }
        }
    }

    #[test]
    fn what_lacks_something_is_not_there_in_part() {
        let mut entries = entries();
        let first = hashes(&entries[1])[0];
        // The second change of the second entry is damaged; what follows builds on it.
        let last = entries[1].changes[1].len() - 1;
        entries[1].changes[1][last] ^= 1;
        let mut document = Document::new(Genesis::Text);
        apply_all(ID, &mut document, &entries);
        assert!(has(&document, &entries[0]));
        assert!(!document.has(&first), "an entry is applied whole or not at all");
        assert!(!has(&document, &entries[2]) && !has(&document, &entries[3]));
    }
}
