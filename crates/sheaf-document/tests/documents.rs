//! Documents: what is written reads back, replicas converge, patch logs are right, marks are exact.

mod support;

use rand::{RngExt, seq::IndexedRandom};
use sheaf_document::{Committed, Document, Genesis, Reading, naive};
use support::{checked, edits, for_seeds, items, reopened, slot, whole};

#[test]
fn what_is_written_reads_back_with_exactly_its_marks() {
    for_seeds(700, |rng| {
        let mut doc = Document::new(Genesis::Text);
        let me = slot(1, 0);
        let mut expected = doc.items();
        for _ in 0..6 {
            let batch = edits(rng, doc.reading(), 4);
            expected = naive::apply_edits(&expected, &batch).unwrap();
            whole(doc.edit(&me, &batch));
            assert_eq!(doc.items(), expected, "what is remembered, after {batch:?}");
            assert_eq!(doc.read_afresh().items(), expected, "what Automerge says, after {batch:?}");
        }
        assert_eq!(reopened(&mut doc).items(), expected);
    });
}

#[test]
fn a_document_can_be_made_to_read_as_anything() {
    for_seeds(400, |rng| {
        let mut doc = Document::new(Genesis::Text);
        for _ in 0..3 {
            let wanted = Reading::from_items(items(rng, 10));
            whole(doc.replace_with(&slot(1, 0), &wanted.items()));
            assert_eq!(doc.read_afresh(), wanted);
        }
    });
}

/// Replicas that edit at will and hear of each other late, in parts, in any order that L2 allows.
#[test]
fn any_interleaving_on_any_number_of_replicas_converges() {
    for_seeds(250, |rng| {
        let count = rng.random_range(2..=4_usize);
        let mut replicas: Vec<Document> = (0..count).map(|_| Document::new(Genesis::Text)).collect();
        let mut log: Vec<(u8, Committed)> = Vec::new();
        // How much of the common log each has; a log in causal order stands for everything the network may do.
        let mut has: Vec<Vec<bool>> = vec![Vec::new(); count];
        for _ in 0..rng.random_range(4..16) {
            let who = rng.random_range(0..count);
            if rng.random_range(0..5) < 3 {
                let doc = &mut replicas[who];
                let batch = edits(rng, doc.reading(), 4);
                let expected = naive::apply_edits(&doc.items(), &batch).unwrap();
                // Two slots each: two windows on one device.
                let made = whole(doc.edit(&slot(who as u8 + 1, rng.random_range(0..2)), &batch));
                assert_eq!(doc.read_afresh().items(), expected, "after {batch:?}");
                for committed in made {
                    log.push((who as u8 + 1, committed));
                    for (replica, held) in has.iter_mut().enumerate() {
                        held.push(replica == who);
                    }
                }
            } else {
                deliver(rng, &mut replicas[who], &mut has[who], &log);
            }
        }
        for who in 0..count {
            while has[who].iter().any(|held| !held) {
                deliver(rng, &mut replicas[who], &mut has[who], &log);
            }
        }
        let all: Vec<_> = replicas.iter().map(|doc| (doc.heads(), doc.read_afresh())).collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "all replicas read the same");
        let mut one = replicas.swap_remove(0);
        assert_eq!(reopened(&mut one).items(), one.items());
    });
}

/// Brings a replica a random part of what it lacks, each change after all it builds on.
fn deliver(rng: &mut support::Rng, doc: &mut Document, held: &mut [bool], log: &[(u8, Committed)]) {
    let mut batch = Vec::new();
    let mut arrived: std::collections::HashSet<_> = std::collections::HashSet::new();
    for _ in 0..rng.random_range(1..12) {
        let ready: Vec<usize> = (0..log.len())
            .filter(|at| !held[*at] && log[*at].1.deps.iter().all(|dep| doc.has(dep) || arrived.contains(dep)))
            .collect();
        let Some(at) = ready.choose(rng) else { break };
        held[*at] = true;
        arrived.insert(log[*at].1.hash);
        batch.push(log[*at].clone());
    }
    let _ = doc.reading();
    let changes = checked(doc, &batch);
    let applied = doc.apply(changes);
    assert_eq!(applied.refused, vec![]);
    assert_eq!(applied.applied.len(), batch.len());
    assert_eq!(doc.items(), doc.read_afresh().items(), "the patch log said what changed");
}

/// The author is on the first change of every actor, and on no other, whatever order authors and actors are set in.
#[test]
fn every_change_names_its_person() {
    use automerge::Change;
    let mut doc = Document::new(Genesis::Text);
    let mut seen = std::collections::HashMap::new();
    for (replica, number) in [(1, 0), (1, 1), (1, 0), (2, 0), (1, 0), (2, 1), (1, 1)] {
        let me = slot(replica, number);
        let insert =
            vec![sheaf_document::model::Item::Text { text: "x".into(), marks: sheaf_document::model::Marks::new() }];
        let made = whole(doc.edit(&me, &[sheaf_document::edit::Edit::Splice { at: 0, delete: 0, insert }]));
        let [made] = &made[..] else { panic!("one change") };
        let change = Change::from_bytes(made.bytes.clone()).unwrap();
        assert_eq!(change.actor_id().to_bytes(), me.actor);
        let count = seen.entry(me.actor.clone()).or_insert(0_u64);
        *count += 1;
        assert_eq!(change.seq(), *count);
        let author = change.author().map(|author| author.as_bytes().to_vec());
        assert_eq!(author, (*count == 1).then(|| me.author.clone()));
    }
    let mut again = reopened(&mut doc);
    let insert =
        vec![sheaf_document::model::Item::Text { text: "y".into(), marks: sheaf_document::model::Marks::new() }];
    let made = whole(again.edit(&slot(2, 1), &[sheaf_document::edit::Edit::Splice { at: 0, delete: 0, insert }]));
    assert_eq!(made[0].seq, 2, "after opening, the actor goes on where it was");
}
