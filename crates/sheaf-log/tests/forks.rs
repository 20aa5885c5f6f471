//! Forks: their proofs, and which branch counts.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Space, Writer, cases, rng};
use proptest::prelude::*;
use sheaf_access::rand_core::Rng;
use sheaf_access::{EntryHash, PersonId, Role};
use sheaf_log::{Branches, Draft, Entry, ForkError, ForkProof, Part};

/// A space with a writer in it, and two entries of theirs in one place.
fn forked() -> (Space, Writer, Entry, Entry) {
    let (mut ana, mut bo) = (Writer::new(1), Writer::new(2));
    let mut space = Space::found(&mut ana);
    space.join(&mut ana, &mut bo, Role::Editor);
    let one = space.write(&bo, Part::Body, &[]);
    let other = space.seal(&bo, Part::Talk, Draft { time: 3_000, ..space.draft(&bo) });
    (space, bo, one, other)
}

#[test]
fn two_entries_in_one_place_are_a_proof_and_nothing_else_is() {
    let (space, mut bo, one, other) = forked();
    let proof = ForkProof::of(&one, &other).unwrap();
    assert_eq!((proof.log(), proof.seq()), (bo.log, 2));
    let mut hashes = [one.hash(), other.hash()];
    hashes.sort_unstable();
    assert_eq!(proof.entries(), hashes);
    // The same proof, whoever found it.
    assert_eq!(ForkProof::of(&other, &one).unwrap().encode(), proof.encode());
    assert_eq!(ForkProof::verify(&proof.encode()), Ok(proof));

    assert_eq!(ForkProof::of(&one, &one), Err(ForkError::NoFork));
    bo.tip = Some(one.reference());
    let next = space.write(&bo, Part::Body, &[]);
    assert_eq!(ForkProof::of(&one, &next), Err(ForkError::NoFork));
    assert_eq!(ForkProof::of(&one, &space.creation), Err(ForkError::NoFork));
}

#[test]
fn bent_and_cut_proofs_are_refused() {
    let (_, _, one, other) = forked();
    let bytes = ForkProof::of(&one, &other).unwrap().encode();
    for end in 0..bytes.len() {
        assert!(ForkProof::verify(&bytes[..end]).is_err());
    }
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        assert!(ForkProof::verify(&bent).is_err(), "a flipped bit at {at}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(ForkProof::verify(&longer).is_err());
    let mut newer = bytes;
    newer[0] = 2;
    assert_eq!(ForkProof::verify(&newer), Err(ForkError::Newer));
    // A length that is not there costs nothing.
    assert_eq!(ForkProof::verify(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(ForkError::Malformed));
}

fn hash(number: u64) -> EntryHash {
    EntryHash::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn person(number: u64) -> PersonId {
    PersonId::from_bytes([number as u8; 32])
}

#[test]
fn the_branch_that_counts_is_the_one_that_most_have_built_on() {
    let mut branches = Branches::new();
    let (low, high) = if hash(1) < hash(2) { (hash(1), hash(2)) } else { (hash(2), hash(1)) };
    branches.add(low, 5, None);
    branches.add(high, 5, None);
    branches.add(hash(3), 6, Some(high));
    // Nobody has: the lower hash, however long the other is.
    assert_eq!(branches.chosen(), [low]);
    assert!(branches.vote(&hash(3), person(1)));
    assert_eq!(branches.chosen(), [high, hash(3)]);
    // Twice the same person is one.
    assert!(branches.vote(&low, person(2)) && !branches.vote(&low, person(2)));
    assert_eq!(branches.chosen(), [low]);
    assert!(branches.vote(&high, person(3)));
    assert_eq!(branches.chosen(), [high, hash(3)]);
    assert!(!branches.vote(&hash(9), person(3)));
    assert_eq!(branches.path(&hash(3)), [high, hash(3)]);
    // Where it is settled, votes say nothing before that, and go on behind it.
    branches.add(hash(4), 6, Some(low));
    branches.add(hash(5), 6, Some(low));
    assert!(branches.vote(&hash(5), person(4)) && branches.vote(&hash(3), person(4)));
    assert_eq!(branches.chosen_through(&low), [low, hash(5)]);
    assert_eq!(branches.chosen_through(&hash(4)), [low, hash(4)]);
    assert_eq!(branches.chosen_through(&hash(9)), []);
}

#[test]
fn what_is_taken_out_takes_along_what_follows_it_and_nothing_else() {
    let mut branches = Branches::new();
    for (entry, prev) in [(1, None), (2, None), (3, Some(1)), (4, Some(3)), (5, Some(1))] {
        branches.add(hash(entry), prev.map_or(5, |_| 6), prev.map(hash));
    }
    assert_eq!(branches.contested().map(BTreeSet::len).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(branches.remove(&hash(3)), [hash(3), hash(4)]);
    assert_eq!(branches.remove(&hash(3)), []);
    assert_eq!(branches.following(Some(hash(1))), [hash(5)]);
    assert_eq!(branches.remove(&hash(1)).len(), 2);
    assert_eq!(branches.chosen(), [hash(2)]);
    assert_eq!(branches.contested().count(), 0);
}

/// A tree, and votes on it, by number: what follows what, and who built on what.
#[derive(Clone, Debug)]
struct Tree {
    parents: Vec<Option<usize>>,
    votes: Vec<(usize, u64)>,
}

fn tree(seed: u64, size: usize) -> Tree {
    let mut rng = rng(seed);
    let mut below = |bound: usize| (rng.next_u64() % bound as u64) as usize;
    let parents = (0..size)
        .map(|number| match number {
            0 | 1 => None,
            // Mostly the one before, so that there are branches and not only forks.
            _ if below(3) > 0 => Some(number - 1 - below(2)),
            _ => Some(below(number)),
        })
        .collect();
    let votes = (0..below(8)).map(|_| (below(size), below(4) as u64)).collect();
    Tree { parents, votes }
}

/// The rule, read literally.
fn literally(tree: &Tree) -> Vec<EntryHash> {
    let below = |top: usize| {
        let is_below = |mut at: usize| loop {
            if at == top {
                return true;
            }
            match tree.parents[at] {
                Some(parent) => at = parent,
                None => return false,
            }
        };
        (0..tree.parents.len()).filter(|at| is_below(*at)).collect::<BTreeSet<_>>()
    };
    let votes = |top: usize| {
        let below = below(top);
        tree.votes.iter().filter(|(at, _)| below.contains(at)).map(|(_, who)| *who).collect::<BTreeSet<_>>().len()
    };
    let mut chosen = Vec::new();
    let mut parent = None;
    loop {
        let mut side: Vec<usize> = (0..tree.parents.len()).filter(|at| tree.parents[*at] == parent).collect();
        side.sort_by_key(|at| (std::cmp::Reverse(votes(*at)), hash(*at as u64)));
        let Some(first) = side.first() else { return chosen };
        chosen.push(hash(*first as u64));
        parent = Some(*first);
    }
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn every_order_of_arrival_leads_to_the_branch_that_the_rule_names(seed in any::<u64>(), size in 2..14usize) {
        let tree = tree(seed, size);
        let seqs: BTreeMap<usize, u64> = (0..size).map(|mut at| {
            let number = at;
            let mut seq = 5;
            while let Some(parent) = tree.parents[at] {
                at = parent;
                seq += 1;
            }
            (number, seq)
        }).collect();
        let mut rng = rng(seed ^ 1);
        let expected = literally(&tree);
        for _ in 0..3 {
            let mut branches = Branches::new();
            let mut waiting: Vec<usize> = (0..size).collect();
            while !waiting.is_empty() {
                let ready: Vec<usize> = (0..waiting.len())
                    .filter(|at| tree.parents[waiting[*at]].is_none_or(|parent| branches.contains(&hash(parent as u64))))
                    .collect();
                let number = waiting.swap_remove(ready[(rng.next_u64() % ready.len() as u64) as usize]);
                branches.add(hash(number as u64), seqs[&number], tree.parents[number].map(|parent| hash(parent as u64)));
            }
            for (at, who) in &tree.votes {
                branches.vote(&hash(*at as u64), person(*who));
            }
            prop_assert_eq!(branches.chosen(), expected.clone());
            // It is a branch: from the fork to an end.
            prop_assert_eq!(branches.path(expected.last().unwrap()), expected.clone());
            prop_assert!(branches.tips().any(|tip| Some(&tip) == expected.last()));
        }
    }
}
