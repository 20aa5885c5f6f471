//! Documents in checkpoints: what was signed for is accepted, and nothing else is (C1).

mod support;

use std::collections::BTreeMap;

use automerge::{ActorId, Author, Automerge, ROOT, transaction::Transactable};
use rand::{Rng as _, RngExt};
use sha2::{Digest, Sha256};
use sheaf_document::{Attested, ChangeHash, Committed, Document, Genesis, NotAccepted};
use support::{Rng, checked, edits, for_seeds, slot, weighed, whole};

/// What replicas have made of a document, in an order in which each change comes after those it depends on.
#[derive(Default)]
struct Made {
    log: Vec<(u8, Committed)>,
}

impl Made {
    /// What the devices have signed once `upto` changes are there.
    fn attested(&self, upto: usize) -> Vec<Attested> {
        let mut latest = BTreeMap::new();
        for (replica, change) in &self.log[..upto] {
            let author = slot(*replica, 0).author;
            let one = Attested { actor: change.actor.clone(), author, seq: change.seq, hash: change.hash };
            latest.insert(change.actor.clone(), one);
        }
        latest.into_values().collect()
    }
}

/// Three replicas that edit and now and then hear all of each other. Gives one that has everything.
fn written(rng: &mut Rng) -> (Document, Made) {
    let mut replicas: Vec<Document> = (0..3).map(|_| Document::new(Genesis::Text)).collect();
    let mut made = Made::default();
    let mut held = [0; 3];
    let mut own: Vec<Vec<usize>> = vec![Vec::new(); 3];
    for _ in 0..rng.random_range(3..10) {
        let who = rng.random_range(0..3);
        if rng.random_range(0..3) == 0 {
            hear(&mut replicas[who], &made, &mut held[who], &mut own[who]);
        }
        let batch = edits(rng, replicas[who].reading(), 3);
        for change in whole(replicas[who].edit(&slot(who as u8 + 1, rng.random_range(0..2)), &batch)) {
            own[who].push(made.log.len());
            made.log.push((who as u8 + 1, change));
        }
    }
    let last = rng.random_range(0..3);
    hear(&mut replicas[last], &made, &mut held[last], &mut own[last]);
    if made.log.is_empty() {
        return written(rng);
    }
    (replicas.swap_remove(last), made)
}

fn hear(doc: &mut Document, made: &Made, held: &mut usize, own: &mut Vec<usize>) {
    let news: Vec<_> = (*held..made.log.len()).filter(|at| !own.contains(at)).map(|at| made.log[at].clone()).collect();
    *held = made.log.len();
    own.clear();
    let valid = checked(doc, &news);
    assert!(doc.apply(valid).refused.is_empty());
}

fn tips(attested: &[Attested]) -> Vec<ChangeHash> {
    attested.iter().map(|one| one.hash).collect()
}

#[test]
fn a_document_is_saved_as_it_was_and_accepted() {
    for_seeds(weighed(150, 4), |rng| {
        let (doc, made) = written(rng);
        for upto in [made.log.len(), rng.random_range(1..=made.log.len())] {
            let attested = made.attested(upto);
            let (heads, bytes) = doc.save_at(&tips(&attested)).unwrap();
            let accepted =
                Document::accept(&bytes, Genesis::Text, &heads, &attested).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(accepted.heads(), heads);
            // The same as all the changes one after the other.
            let mut slow = Document::new(Genesis::Text);
            let valid = checked(&slow, &made.log[..upto]);
            slow.apply(valid);
            assert_eq!(accepted.read_afresh().items(), slow.read_afresh().items());
            assert_eq!(accepted.items_at(&heads), doc.items_at(&heads));
            // And it is gone on from like any other.
            let mut tail = accepted;
            let valid = checked(&tail, &made.log[upto..]);
            assert!(tail.apply(valid).refused.is_empty());
            assert_eq!(tail.read_afresh().items(), doc.read_afresh().items());
            for (_, change) in &made.log {
                assert_eq!(tail.actor_of(&change.hash).as_ref(), Some(&change.actor));
            }
        }
    });
}

#[test]
fn more_less_older_or_other_than_was_signed_is_told() {
    for_seeds(weighed(100, 4), |rng| {
        let (doc, made) = written(rng);
        let attested = made.attested(made.log.len());
        let (heads, bytes) = doc.save_at(&tips(&attested)).unwrap();
        let refused =
            |attested: &[Attested]| Document::accept(&bytes, Genesis::Text, &heads, attested).map(drop).unwrap_err();
        let at = rng.random_range(0..attested.len());
        let bent = |bend: &dyn Fn(&mut Attested)| {
            let mut bent = attested.clone();
            bend(&mut bent[at]);
            bent
        };
        // A change too few, one too many.
        refused(&bent(&|one| one.seq += 1));
        refused(&bent(&|one| one.seq -= 1));
        refused(&bent(&|one| one.seq = u64::MAX));
        assert!(matches!(refused(&bent(&|one| one.hash.0[0] ^= 1)), NotAccepted::OtherChange));
        assert!(matches!(refused(&bent(&|one| one.author[0] ^= 1)), NotAccepted::Author));
        assert!(matches!(refused(&bent(&|one| one.actor[0] ^= 0x80)), NotAccepted::Unattested));
        let mut fewer = attested.clone();
        fewer.remove(at);
        refused(&fewer);
        let other = [ChangeHash([7; 32])];
        let result = Document::accept(&bytes, Genesis::Text, &other, &attested).map(drop);
        assert!(matches!(result, Err(NotAccepted::Heads)));
        assert!(Document::accept(&bytes, Genesis::Index, &heads, &attested).is_err());
        for end in [0, 10, bytes.len() / 2, bytes.len() - 1] {
            assert!(Document::accept(&bytes[..end], Genesis::Text, &heads, &attested).is_err());
        }
        let mut more = bytes.clone();
        more.extend_from_slice(&made.log[0].1.bytes);
        assert!(Document::accept(&more, Genesis::Text, &heads, &attested).is_err(), "a change behind the save");
    });
}

/// Whatever is done to the bytes of a save: it is refused, or it is the same document.
#[test]
fn a_save_whose_bytes_are_bent_is_refused_or_the_same() {
    for_seeds(weighed(200, 4), |rng| {
        let (mut doc, made) = written(rng);
        let attested = made.attested(made.log.len());
        let plain = Automerge::load(&doc.save()).unwrap().save_nocompress();
        let (heads, items) = (doc.heads(), doc.items());
        assert!(Document::accept(&plain, Genesis::Text, &heads, &attested).is_ok());
        for _ in 0..12 {
            let mut bent = plain.clone();
            for _ in 0..rng.random_range(1..3) {
                let at = rng.random_range(9..bent.len());
                match rng.random_range(0..4) {
                    0 => bent[at] ^= 1 << rng.random_range(0..8),
                    1 => bent[at] = bent[at].wrapping_add(1),
                    2 => bent[at] = rng.next_u32() as u8,
                    _ => {
                        let other = rng.random_range(9..bent.len());
                        bent.swap(at, other);
                    }
                }
            }
            let checksum = Sha256::digest(&bent[8..]);
            bent[4..8].copy_from_slice(&checksum[..4]);
            if let Ok(accepted) = Document::accept(&bent, Genesis::Text, &heads, &attested) {
                assert_eq!(accepted.read_afresh().items(), items);
            }
        }
    });
}

#[test]
fn what_its_own_writer_may_not_do_is_refused_however_it_is_signed() {
    let author = slot(1, 0).author;
    let mut doc = Automerge::load(Genesis::Text.bytes()).unwrap();
    // Setting the author picks a random actor, so it comes first.
    doc.set_author(Some(Author::from(author.clone())));
    doc.set_actor(ActorId::from(slot(1, 0).actor.as_slice()));
    for value in 0..3 {
        let mut tx = doc.transaction();
        tx.put(ROOT, "x", value).unwrap();
        tx.commit();
    }
    let attest = |doc: &Automerge| {
        let last = doc.get_last_local_change().unwrap();
        vec![Attested { actor: slot(1, 0).actor, author: author.clone(), seq: last.seq(), hash: last.hash() }]
    };
    let accept =
        |doc: &Automerge| Document::accept(&doc.save(), Genesis::Text, &doc.get_heads(), &attest(doc)).map(drop);
    assert!(accept(&doc).is_ok());
    // Someone who has signed for nothing.
    let mut other = doc.fork();
    other.set_actor(ActorId::from(slot(2, 0).actor.as_slice()));
    let mut tx = other.transaction();
    tx.put(ROOT, "y", 1).unwrap();
    tx.commit();
    assert!(accept(&other).is_err(), "one actor is not signed for");
    // No genesis at all.
    let mut bare = Automerge::new();
    bare.set_author(Some(Author::from(author.clone())));
    bare.set_actor(ActorId::from(slot(1, 0).actor.as_slice()));
    let mut tx = bare.transaction();
    tx.put(ROOT, "x", 1).unwrap();
    tx.commit();
    assert!(accept(&bare).is_err());
    // Another author.
    let mut wrong = Automerge::load(Genesis::Text.bytes()).unwrap();
    wrong.set_author(Some(Author::from(slot(2, 0).author)));
    wrong.set_actor(ActorId::from(slot(1, 0).actor.as_slice()));
    let mut tx = wrong.transaction();
    tx.put(ROOT, "x", 1).unwrap();
    tx.commit();
    assert!(matches!(accept(&wrong), Err(NotAccepted::Author)));
    // More operations in one change than there may be.
    let mut huge = Automerge::load(Genesis::Text.bytes()).unwrap();
    huge.set_author(Some(Author::from(author.clone())));
    huge.set_actor(ActorId::from(slot(1, 0).actor.as_slice()));
    let mut tx = huge.transaction();
    for value in 0..50_001 {
        tx.put(ROOT, "x", value).unwrap();
    }
    tx.commit();
    assert!(accept(&huge).is_err());
}
