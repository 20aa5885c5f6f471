//! How many logs there may be (L1), and that what anyone holds does not depend on what came first.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use common::{Space, Writer, long_cases, rng};
use proptest::prelude::*;
use sheaf_access::rand_core::Rng;
use sheaf_access::{DeviceId, EntryHash, LogId, Role};
use sheaf_log::{
    Admitted, Entry, EntryRef, Held, HeldEntry, MAX_LOGS, MAX_LOGS_OF_DEVICE, Needed, NotAdmitted, Part, Refusal, admit,
};

/// Ana, Bo and Mallory, who all may write.
fn team() -> (Space, [Writer; 3]) {
    let (mut ana, mut bo, mut mallory) = (Writer::new(1), Writer::new(2), Writer::new(3));
    let mut space = Space::found(&mut ana);
    space.join(&mut ana, &mut bo, Role::Editor);
    space.join(&mut ana, &mut mallory, Role::Editor);
    (space, [ana, bo, mallory])
}

fn new_log(space: &Space, by: &Writer, nonce: u64) -> Entry {
    let elsewhere = Writer { log: LogId { nonce, ..by.log }, tip: None, ..by.clone() };
    space.write(&elsewhere, Part::Body, &[])
}

#[test]
fn a_log_stands_in_one_of_the_places_that_its_device_has() {
    let (space, [_, bo, _]) = team();
    assert_eq!(space.admit(&new_log(&space, &bo, MAX_LOGS_OF_DEVICE - 1)), Ok(Admitted::New));
    for nonce in [MAX_LOGS_OF_DEVICE, u64::MAX] {
        assert_eq!(space.admit(&new_log(&space, &bo, nonce)), Err(Refusal::NoSuchPlace));
    }
}

/// A space with as many other logs as is said, as many of them of the device that asks as is said.
struct Crowded<'s> {
    space: &'s Space,
    logs: usize,
    theirs: usize,
    needed: Needed,
}

impl Held for Crowded<'_> {
    type Error = Infallible;

    fn height(&self, log: &LogId) -> Result<u64, Infallible> {
        self.space.height(log)
    }

    fn at(&self, log: &LogId, seq: u64) -> Result<Option<HeldEntry>, Infallible> {
        self.space.at(log, seq)
    }

    fn logs(&self) -> Result<usize, Infallible> {
        Ok(self.logs)
    }

    fn logs_of(&self, devices: &BTreeSet<DeviceId>) -> Result<usize, Infallible> {
        assert!(!devices.is_empty());
        Ok(self.theirs)
    }

    fn is_needed(&self, entry: &Entry) -> bool {
        self.needed.is(entry)
    }
}

#[test]
fn the_last_of_the_room_is_for_what_is_needed_and_for_those_who_have_few() {
    let (space, [_, bo, mallory]) = team();
    let entry = new_log(&space, &mallory, 77);
    let lets_in = |logs, theirs, needed: &Needed| {
        let held = Crowded { space: &space, logs, theirs, needed: needed.clone() };
        match admit(&entry, &held, &space.access) {
            Ok(_) => true,
            Err(NotAdmitted::Refused(Refusal::TooManyLogs)) => false,
            Err(other) => panic!("{other:?}"),
        }
    };
    let mut needed = Needed::default();
    assert!(lets_in(3_999, 900, &needed) && !lets_in(4_000, 900, &needed) && !lets_in(4_000, 8, &needed));
    assert!(lets_in(4_000, 7, &needed) && lets_in(MAX_LOGS - 1, 7, &needed) && !lets_in(MAX_LOGS, 0, &needed));
    // That her own device builds on it is no reason; that somebody else does is.
    let on = |by: &Writer| space.write(by, Part::Body, &[entry.reference()]);
    for (by, counts) in [(&mallory, false), (&bo, true)] {
        let entry = on(by);
        let Err(Refusal::Lacking(lacking)) = space.admit(&entry) else { panic!("it builds on what is not here") };
        needed.note(&entry, &lacking);
        assert_eq!(lets_in(4_000, 900, &needed), counts);
    }
    assert!(lets_in(4_499, 900, &needed) && !lets_in(4_500, 900, &needed));
}

/// What one device holds, and what it was offered that it may take later.
struct Receiver {
    space: Space,
    refused: BTreeSet<EntryHash>,
}

impl Receiver {
    /// Offers everything in some order, again and again as long as something is taken.
    fn offer(&mut self, mut entries: Vec<Entry>) {
        loop {
            let before = entries.len();
            entries.retain(|entry| match self.space.admit(entry) {
                Ok(Admitted::New) => {
                    self.space.keep(entry);
                    false
                }
                Ok(Admitted::Duplicate) => false,
                Err(Refusal::Lacking(_)) => true,
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::NoSuchPlace);
                    self.refused.insert(entry.hash());
                    false
                }
            });
            if entries.len() == before {
                return;
            }
        }
    }

    fn held(&self) -> BTreeMap<LogId, Vec<EntryHash>> {
        self.space.logs.iter().map(|(log, entries)| (*log, entries.iter().map(Entry::hash).collect())).collect()
    }
}

proptest! {
    #![proptest_config(long_cases(60, 30))]

    /// Mallory opens many logs and shows different ones to different people, in any order; they write on what they have been
    /// shown. When they have met, all hold the same: whatever honest people wrote, and of Mallory no more logs than a device
    /// can have.
    #[test]
    fn whatever_is_shown_to_whom_all_hold_the_same(seed: u64, logs in 1..40_usize, receivers in 2..4_usize) {
        let mut rng = rng(seed);
        let (start, [ana, bo, mallory]) = team();
        let mut writers = [ana, bo];
        let mut all: Vec<Receiver> =
            (0..receivers).map(|_| Receiver { space: start.clone(), refused: BTreeSet::new() }).collect();
        let mut nonces: BTreeSet<u64> = (0..logs).map(|_| u64::from(rng.next_u32()) % (2 * MAX_LOGS_OF_DEVICE)).collect();
        nonces.remove(&mallory.log.nonce);
        let opened: Vec<Entry> = nonces.iter().map(|nonce| new_log(&start, &mallory, *nonce)).collect();
        let mut written: Vec<Entry> = opened.clone();
        for receiver in &mut all {
            let mut shown: Vec<Entry> = opened.iter().filter(|_| rng.next_u32().is_multiple_of(3)).cloned().collect();
            shown.sort_by_cached_key(|_| rng.next_u32());
            receiver.offer(shown);
        }
        // Ana writes where the first are received, Bo where the second are.
        for (writer, receiver) in writers.iter_mut().zip(&mut all) {
            let seen: Vec<EntryRef> = receiver.space.logs.iter()
                .filter(|(log, _)| log.device == mallory.device() && **log != mallory.log && rng.next_u32().is_multiple_of(2))
                .map(|(_, entries)| entries[entries.len() - 1].reference())
                .collect();
            let entry = receiver.space.write(writer, Part::Body, &seen);
            prop_assert_eq!(receiver.space.admit(&entry), Ok(Admitted::New));
            receiver.space.keep(&entry);
            writer.tip = Some(entry.reference());
            written.push(entry);
        }
        // They sync with each other, in some order, until nobody has news for anybody.
        loop {
            let before: Vec<_> = all.iter().map(Receiver::held).collect();
            for to in 0..receivers {
                let from = rng.next_u32() as usize % receivers;
                let mut theirs: Vec<Entry> = all[from].space.logs.values().flatten().cloned().collect();
                theirs.sort_by_cached_key(|_| rng.next_u32());
                all[to].offer(theirs);
            }
            let mut met: Vec<Entry> = all.iter().flat_map(|one| one.space.logs.values().flatten().cloned()).collect();
            met.sort_by_cached_key(|_| rng.next_u32());
            for one in &mut all {
                one.offer(met.clone());
            }
            if before == all.iter().map(Receiver::held).collect::<Vec<_>>() {
                break;
            }
        }
        let held = all[0].held();
        for other in &all {
            prop_assert_eq!(&held, &other.held());
        }
        for entry in written.iter().filter(|entry| entry.log().device != mallory.device()) {
            prop_assert!(held[&entry.log()].contains(&entry.hash()), "nobody's work is cut off");
        }
        prop_assert!(held.keys().all(|log| log.nonce < MAX_LOGS_OF_DEVICE));
    }
}
