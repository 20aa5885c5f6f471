//! Frontiers, `mine` and derived names: the same however they came about.

mod common;

use std::collections::BTreeMap;

use common::{Writer, cases};
use proptest::prelude::*;
use sheaf_access::{DeviceId, DocumentId, LogId, SpaceId};
use sheaf_log::{Frontier, MAX_LOGS, MAX_SLOTS, Mine, MineKey, Part, Range, actor, index_document, slot_of};

fn log(number: u8) -> LogId {
    LogId { device: DeviceId::from_bytes([number / 3; 32]), nonce: u64::from(number % 3) }
}

fn key(document: u8, talk: bool, slot: u32) -> MineKey {
    let part = if talk { Part::Talk } else { Part::Body };
    MineKey { document: DocumentId::from_bytes([document; 32]), part, slot }
}

#[test]
fn actors_are_told_apart_by_all_they_are_made_of() {
    let (one, two) = (Writer::new(1).log, Writer::new(2).log);
    let (doc, other) = (DocumentId::from_bytes([1; 32]), DocumentId::from_bytes([2; 32]));
    let again = LogId { nonce: one.nonce + 1, ..one };
    let names = [
        actor(&one, &doc, Part::Body, 0),
        actor(&one, &doc, Part::Body, 1),
        actor(&one, &doc, Part::Talk, 0),
        actor(&one, &other, Part::Body, 0),
        actor(&two, &doc, Part::Body, 0),
        actor(&again, &doc, Part::Body, 0),
    ];
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    assert_eq!(slot_of(&one, &doc, Part::Body, &names[1]), Some(1));
    assert_eq!(slot_of(&one, &doc, Part::Body, &names[2]), None);
    assert_eq!(slot_of(&one, &doc, Part::Body, &actor(&one, &doc, Part::Body, MAX_SLOTS)), None);
    assert_eq!(slot_of(&one, &doc, Part::Body, b""), None);
    assert_ne!(index_document(&SpaceId::from_bytes([1; 32])), index_document(&SpaceId::from_bytes([2; 32])));
}

#[test]
fn only_canonical_frontiers_decode() {
    let pair = |log: LogId, seq: u64| postcard::to_allocvec(&(log, seq)).unwrap();
    let decode = |bytes: &[u8]| postcard::from_bytes::<Frontier>(bytes);
    assert!(decode(&[vec![2], pair(log(0), 1), pair(log(1), 5)].concat()).is_ok());
    assert!(decode(&[vec![2], pair(log(1), 1), pair(log(0), 5)].concat()).is_err());
    assert!(decode(&[vec![2], pair(log(1), 1), pair(log(1), 5)].concat()).is_err());
    assert!(decode(&[vec![1], pair(log(1), 0)].concat()).is_err());
    assert!(decode(&[0xff, 0xff, 0xff, 0xff, 0x0f]).is_err());
    let many: BTreeMap<LogId, u64> = (0..=MAX_LOGS as u64).map(|nonce| (LogId { nonce, ..log(0) }, 1)).collect();
    assert!(decode(&postcard::to_allocvec(&many).unwrap()).is_err());
}

#[test]
fn an_empty_map_has_a_root() {
    assert_eq!(Mine::new().root(), Mine::default().root());
    assert_eq!(Mine::decode(&Mine::new().encode()), Ok(Mine::new()));
    assert!(Mine::decode(&[]).is_err() && Mine::decode(&[2]).is_err() && Mine::decode(&[1, 0]).is_err());
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn a_frontier_is_what_it_holds(steps in prop::collection::vec((0..9_u8, 0..6_u64), 0..40), split: prop::sample::Index) {
        let mut naive: BTreeMap<LogId, u64> = BTreeMap::new();
        let mut frontier = Frontier::new();
        for (number, seq) in &steps {
            let held = naive.entry(log(*number)).or_default();
            prop_assert_eq!(frontier.advance(log(*number), *seq), *seq > *held);
            *held = (*held).max(*seq);
            // Asked in between, so that a stale digest would show.
            frontier.digest();
        }
        naive.retain(|_, seq| *seq > 0);
        let scratch: Frontier = naive.iter().rev().map(|(log, seq)| (*log, *seq)).collect();
        prop_assert_eq!(&frontier, &scratch);
        prop_assert_eq!(frontier.digest(), scratch.digest());
        let bytes = postcard::to_allocvec(&frontier).unwrap();
        let back: Frontier = postcard::from_bytes(&bytes).unwrap();
        prop_assert_eq!(back.digest(), frontier.digest());

        let at = split.index(steps.len() + 1);
        let (one, two) = steps.split_at(at);
        let part = |steps: &[(u8, u64)]| steps.iter().map(|(number, seq)| (log(*number), *seq)).collect::<Frontier>();
        let (one, two) = (part(one), part(two));
        let (mut left, mut right) = (one.clone(), two.clone());
        prop_assert_eq!(left.merge(&two), !one.covers(&two));
        right.merge(&one);
        prop_assert_eq!(&left, &frontier);
        prop_assert_eq!(left.digest(), right.digest());
        prop_assert!(left.covers(&one) && left.covers(&two));
        prop_assert_eq!(one == two, one.digest() == two.digest());

        // What one has beyond the other is exactly what the other needs to catch up.
        let mut caught_up = two.clone();
        let mut count = 0;
        for Range { log, from, to } in one.beyond(&two) {
            prop_assert!(from <= to && !two.holds(&log, from) && two.get(&log) + 1 == from);
            count += to - from + 1;
            caught_up.advance(log, to);
        }
        prop_assert_eq!(count, one.entries_beyond(&two));
        prop_assert_eq!(caught_up, left);
    }

    #[test]
    fn a_map_set_step_by_step_is_the_map_at_once(
        steps in prop::collection::vec((0..40_u8, any::<bool>(), 0..3_u32, 1..9_u64, any::<u8>()), 0..60),
    ) {
        let mut naive = BTreeMap::new();
        let mut mine = Mine::new();
        for (document, talk, slot, seq, hash) in steps {
            let before = mine.root();
            let old = mine.get(&key(document, talk, slot));
            mine.set(key(document, talk, slot), seq, [hash; 32]);
            prop_assert_eq!(mine.root() == before, old == Some((seq, [hash; 32])));
            naive.insert(key(document, talk, slot), (seq, [hash; 32]));
        }
        let mut scratch = Mine::new();
        for (key, (seq, hash)) in naive.iter().rev() {
            scratch.set(*key, *seq, *hash);
        }
        prop_assert_eq!(mine.root(), scratch.root());
        prop_assert_eq!(mine.len(), naive.len());
        let listed: BTreeMap<_, _> = mine.iter().map(|(key, seq, hash)| (key, (seq, hash))).collect();
        prop_assert_eq!(listed, naive);
        let bytes = mine.encode();
        prop_assert_eq!(Mine::decode(&bytes).unwrap().root(), mine.root());
        if mine.len() > 1 {
            // Two leaves the wrong way round.
            let mut swapped = bytes.clone();
            swapped[1..155].rotate_left(77);
            prop_assert!(Mine::decode(&swapped).is_err());
            prop_assert!(Mine::decode(&bytes[..bytes.len() - 1]).is_err());
        }
    }
}
