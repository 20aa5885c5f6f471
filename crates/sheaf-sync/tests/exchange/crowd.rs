//! A space that many follow (R1): what comes within a moment goes to each of them in one frame, and nobody waits for longer.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sheaf_access::LogId;
use sheaf_sync::{Config, Frame};

use crate::table::{Table, log, space};

const PAUSE: u64 = 50;

/// A relay, and so many people who are level with it.
fn crowd(people: usize, config: &Config) -> Table {
    let mut table = Table::new(people + 1, config);
    for node in 0..=people {
        table.holds(node, space(0), &[(log(0), 1)]);
    }
    for person in 1..=people {
        table.connect(0, person, &[space(0)], &[space(0)]);
    }
    table.settle();
    table.nodes[0].sent.clear();
    table
}

/// What the relay has sent: to each person, the frames with their entries.
fn sent(table: &Table) -> BTreeMap<usize, Vec<Vec<(LogId, u64)>>> {
    let mut sent = BTreeMap::<usize, Vec<_>>::new();
    for (person, frame) in &table.nodes[0].sent {
        if let Frame::Entries { entries, .. } = frame {
            let places = entries.iter().map(|bytes| {
                let (log, seq, _): (LogId, u64, Vec<u8>) = postcard::from_bytes(bytes.as_slice()).unwrap();
                (log, seq)
            });
            sent.entry(*person).or_default().push(places.collect());
        }
    }
    sent
}

/// Somebody writes one entry in their own log, and it reaches the relay.
fn says(table: &mut Table, person: usize, weight: usize) {
    let log = log(u8::try_from(person).unwrap());
    table.write(person, space(0), log, 1, weight);
    table.round();
}

fn later(table: &mut Table, by: u64) {
    table.now += by;
    for node in 0..table.nodes.len() {
        table.tell(node, sheaf_sync::Event::Tick);
    }
}

#[test]
fn the_first_word_goes_at_once_and_what_follows_goes_together() {
    let people = 60;
    let mut table = crowd(people, &Config::default());
    table.nodes[0].admits = true;
    says(&mut table, 1, 10);
    assert_eq!(sent(&table).len(), people - 1, "at once, and not to who wrote it");
    for person in 2..=11 {
        later(&mut table, 3);
        says(&mut table, person, 10);
    }
    assert!(sent(&table).values().all(|frames| frames.len() == 1), "the others wait");
    later(&mut table, PAUSE);
    let frames = sent(&table);
    assert!(frames.iter().all(|(person, frames)| frames.len() == 2 - usize::from(*person == 1)), "{frames:?}");
    assert_eq!(frames[&60][1].len(), 10, "together");
    assert_eq!(frames[&5][1].len(), 9, "without one's own");
    // After a pause it is as at the beginning.
    table.settle();
    says(&mut table, 1, 10);
    assert_eq!(sent(&table)[&60].len(), 3);
}

#[test]
fn fifty_are_no_crowd() {
    let mut table = crowd(50, &Config::default());
    for person in 1..=10 {
        says(&mut table, person, 10);
    }
    assert_eq!(sent(&table)[&50].len(), 10, "each at once");
}

#[test]
fn a_full_frame_does_not_wait() {
    let config = Config { crowd: 2, batch_bytes: 1_000, ..Config::default() };
    let mut table = crowd(4, &config);
    for _ in 0..5 {
        says(&mut table, 1, 300);
    }
    assert!(sent(&table)[&4].len() >= 2, "what fills a frame goes before its time: {:?}", sent(&table)[&4]);
}

#[test]
fn whoever_was_removed_meanwhile_is_not_sent_what_waits() {
    let mut table = crowd(4, &Config { crowd: 2, ..Config::default() });
    says(&mut table, 1, 10);
    says(&mut table, 1, 10);
    table.tell(0, sheaf_sync::Event::Unshares { peer: 3, space: space(0) });
    later(&mut table, PAUSE);
    table.settle();
    assert_eq!(sent(&table)[&3].len(), 1, "only what went before");
    assert_eq!(sent(&table)[&4].concat().len(), 2);
}

#[derive(Debug, Clone)]
enum Step {
    Says(usize, usize),
    Later(u64),
    Comes(usize),
    Goes(usize),
    Sleeps(usize),
    Wakes(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..6usize, 1..200usize).prop_map(|(person, weight)| Step::Says(person, weight)),
        4 => (1..70u64).prop_map(Step::Later),
        1 => (1..6usize).prop_map(Step::Comes),
        1 => (1..6usize).prop_map(Step::Goes),
        1 => (1..6usize).prop_map(Step::Sleeps),
        1 => (1..6usize).prop_map(Step::Wakes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whoever keeps up has every entry after the pause at the latest, each once, in the order of each log, in no more frames than
    /// there were pauses. Whoever sleeps, goes and comes back has everything in the end.
    #[test]
    fn nobody_waits_for_longer_than_the_pause(
        steps in proptest::collection::vec(step(), 0..60),
        limit in 1..6u32,
        admits in any::<bool>(),
    ) {
        const PEOPLE: usize = 5;
        let mut table = crowd(PEOPLE, &Config { crowd: limit, crowd_pause: PAUSE, ..Config::default() });
        table.nodes[0].admits = admits;
        let mut here = [true; PEOPLE + 1];
        // Who has been here, and awake, all the time.
        let mut steady = [true; PEOPLE + 1];
        let mut said: Vec<(u64, usize, u64)> = Vec::new();
        let mut numbers = [0_u64; PEOPLE + 1];
        for step in steps {
            match step {
                Step::Says(person, weight) if here[person] => {
                    numbers[person] += 1;
                    says(&mut table, person, weight);
                    said.push((table.now, person, numbers[person]));
                }
                Step::Later(by) => {
                    later(&mut table, by);
                    table.round();
                }
                Step::Comes(person) if !here[person] => {
                    table.connect(0, person, &[space(0)], &[space(0)]);
                    here[person] = true;
                }
                Step::Goes(person) if here[person] => {
                    for (node, peer) in [(0, person), (person, 0)] {
                        table.tell(node, sheaf_sync::Event::Disconnected { peer });
                    }
                    (here[person], steady[person]) = (false, false);
                }
                Step::Says(..) | Step::Comes(_) | Step::Goes(_) => {}
                Step::Sleeps(person) => {
                    table.nodes[person].asleep = true;
                    steady[person] = false;
                }
                Step::Wakes(person) => table.wake(person),
            }
            let sent = sent(&table);
            for (person, _) in steady.iter().enumerate().skip(1).filter(|(_, steady)| **steady) {
                let got: Vec<_> = sent.get(&person).into_iter().flatten().flatten().copied().collect();
                for (at, by, seq) in said.iter().filter(|(_, by, _)| *by != person) {
                    let place = (log(u8::try_from(*by).unwrap()), *seq);
                    // Where somebody has just come back, what they said comes when they have been asked.
                    let due = at + PAUSE <= table.now && steady[*by];
                    prop_assert!(!due || got.contains(&place), "{person} waits for {place:?} since {at}: {}", table.now);
                }
                prop_assert!(!got.iter().any(|(of, _)| *of == log(u8::try_from(person).unwrap())), "one's own");
            }
        }
        for (person, here) in here.into_iter().enumerate().skip(1) {
            table.wake(person);
            if !here {
                table.connect(0, person, &[space(0)], &[space(0)]);
            }
        }
        table.settle();
        let frames = sent(&table);
        for (person, steady) in steady.into_iter().enumerate().skip(1) {
            prop_assert_eq!(table.nodes[person].frontier(space(0)), table.nodes[0].frontier(space(0)));
            if steady {
                let got = frames.get(&person).map(|frames| frames.concat()).unwrap_or_default();
                let mut once = got.clone();
                once.sort_unstable();
                once.dedup();
                prop_assert_eq!(once.len(), got.len(), "each once");
                let mut last = BTreeMap::new();
                prop_assert!(got.iter().all(|(log, seq)| last.insert(*log, *seq).is_none_or(|before| before < *seq)));
            }
        }
        prop_assert!(table.nodes.iter().all(|node| node.closed().is_none()));
    }
}
