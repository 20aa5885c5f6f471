//! The journal drops what checkpoints stand for, and nothing else, whatever happens to the disk meanwhile.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;
use sheaf_access::SpaceId;
use sheaf_log::Entry;
use sheaf_store::{Damaged, Fault, Files, IfBroken, Journal, JournalConfig, SimulatedDisk, StoreError};
use support::{Writer, cases, space};

const FOLDER: &str = "/home/journal";

/// So small that every test sees several segments.
const SMALL: JournalConfig = JournalConfig { segment_bytes: 2_000, group_bytes: 1_500 };

fn open(disk: &SimulatedDisk) -> Result<Journal, StoreError> {
    Ok(Journal::open_with(Path::new(FOLDER), Arc::new(disk.clone()), SMALL)?.0)
}

fn replay(journal: &Journal) -> Vec<(SpaceId, Entry)> {
    journal.replay(0).unwrap().map(Result::unwrap).collect()
}

/// One log of a space, of which it is known how far it is saved, and how far a checkpoint covers it.
struct Log {
    space: SpaceId,
    written: u64,
    saved: Vec<Entry>,
    covered: usize,
    /// Handed over, refused, and perhaps on the disk all the same.
    doubtful: Vec<Entry>,
}

impl Log {
    fn new(number: u8) -> Self {
        Self { space: space(number), written: 0, saved: Vec::new(), covered: 0, doubtful: Vec::new() }
    }

    fn append(&mut self, journal: &Journal, count: usize, size: usize) -> Result<(), StoreError> {
        let writer = Writer::new(0);
        let mut prev = self.saved.last().map(Entry::hash);
        let mut entries = Vec::new();
        for next in 1..=count {
            self.written += 1;
            let seq = (self.saved.len() + next) as u64;
            entries.push(writer.entry_at(self.space, 0, seq, prev, self.written, size));
            prev = entries.last().map(Entry::hash);
        }
        let outcome = journal.append(self.space, &entries).and_then(sheaf_store::Completion::wait);
        if outcome.is_ok() {
            self.saved.extend(entries);
        } else if !matches!(outcome, Err(StoreError::JournalStopped { .. })) {
            self.doubtful = entries;
        }
        outcome
    }

    /// What is not covered is there, after some of what is, in order; behind it at most a beginning of what was refused last.
    fn check(&mut self, found: &[(SpaceId, Entry)]) {
        let found: Vec<&Entry> = found.iter().filter(|(of, _)| *of == self.space).map(|(_, entry)| entry).collect();
        let from = found.first().map_or(self.saved.len(), |entry| entry.seq() as usize - 1);
        assert!(from <= self.covered, "{from} are gone, and {} are covered", self.covered);
        assert!(from + found.len() >= self.saved.len(), "{} saved, {found:?} found", self.saved.len());
        let (saved, beyond) = found.split_at(self.saved.len() - from);
        assert!(saved.iter().copied().eq(&self.saved[from..]), "other entries than those that were saved");
        assert!(self.doubtful.iter().take(beyond.len()).eq(beyond.iter().copied()), "entries that nobody wrote");
        self.saved.extend(beyond.iter().map(|entry| (*entry).clone()));
        self.doubtful.clear();
    }
}

/// A space that checkpoints cover, and one that none does.
struct Logs {
    shared: Log,
    private: Log,
    /// All that was saved, as it was written.
    order: Vec<Entry>,
}

impl Logs {
    fn new() -> Self {
        Self { shared: Log::new(0), private: Log::new(1), order: Vec::new() }
    }

    fn append(&mut self, journal: &Journal, private: bool, count: usize, size: usize) -> Result<(), StoreError> {
        let log = if private { &mut self.private } else { &mut self.shared };
        let before = log.saved.len();
        let outcome = log.append(journal, count, size);
        self.order.extend_from_slice(&log.saved[before..]);
        outcome
    }

    fn drop(&mut self, journal: &Journal, behind: usize) -> Result<u64, StoreError> {
        self.shared.covered = self.shared.covered.max(self.shared.saved.len().saturating_sub(behind));
        let covered = self.shared.covered as u64;
        journal.drop_covered(IfBroken::Keep, |of, _, seq| of == space(0) && seq <= covered)
    }

    fn check(&mut self, journal: &Journal) {
        let found = replay(journal);
        self.shared.check(&found);
        self.private.check(&found);
        // In the order in which it was written.
        let mut order = self.order.iter().peekable();
        for (_, entry) in &found {
            if order.peek().is_some() && !order.any(|written| written == entry) {
                assert!(!self.order.contains(entry), "{} is out of order", entry.seq());
            }
        }
        for (_, entry) in found {
            if !self.order.contains(&entry) {
                self.order.push(entry);
            }
        }
        assert_eq!(journal.damage(), vec![]);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append { private: bool, count: usize, size: usize },
    Drop { behind: usize },
    Fault { after: u64, fault: Fault },
    Heal,
    Reopen,
    Crash { seed: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(vec![std::io::ErrorKind::StorageFull, std::io::ErrorKind::Other]);
    prop_oneof![
        10 => (prop::bool::weighted(0.2), 1..4usize, 0..900usize)
            .prop_map(|(private, count, size)| Step::Append { private, count, size }),
        5 => (0..4usize).prop_map(|behind| Step::Drop { behind }),
        2 => (0..12u64, kind.clone()).prop_map(|(after, kind)| Step::Fault { after, fault: Fault::Once(kind) }),
        1 => (0..12u64, kind).prop_map(|(after, kind)| Step::Fault { after, fault: Fault::From(kind) }),
        2 => Just(Step::Heal),
        1 => Just(Step::Reopen),
        3 => any::<u64>().prop_map(|seed| Step::Crash { seed }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(500), ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_the_disk_what_is_not_covered_is_there(steps in prop::collection::vec(step(), 1..50)) {
        let mut disk = SimulatedDisk::new();
        let mut logs = Logs::new();
        let mut journal = Some(open(&disk).unwrap());
        for step in steps {
            match (step, &journal) {
                (Step::Append { private, count, size }, Some(journal)) => {
                    let outcome = logs.append(journal, private, count, size);
                    prop_assert_eq!(journal.stopped().is_none(), outcome.is_ok());
                }
                (Step::Drop { behind }, Some(journal)) => {
                    let before = journal.stopped().is_some();
                    let outcome = logs.drop(journal, behind);
                    prop_assert!(before || journal.stopped().is_none() || outcome.is_err());
                    if journal.stopped().is_none() {
                        logs.check(journal);
                    }
                }
                (Step::Append { .. } | Step::Drop { .. }, None) => {}
                (Step::Fault { after, fault }, _) => disk.fail(after, fault),
                (Step::Heal, _) => {
                    disk.heal();
                    if let Some(journal) = &journal
                        && journal.recover().is_ok()
                    {
                        logs.shared.doubtful.clear();
                        logs.private.doubtful.clear();
                        logs.check(journal);
                    }
                }
                (Step::Reopen, _) => {
                    drop(journal.take());
                    journal = open(&disk).ok();
                    if let Some(journal) = &journal {
                        logs.check(journal);
                    }
                }
                (Step::Crash { seed }, _) => {
                    drop(journal.take());
                    disk = disk.crash(seed);
                    let opened = open(&disk).unwrap();
                    logs.check(&opened);
                    journal = Some(opened);
                }
            }
        }
        // In the end, all is well again.
        drop(journal);
        let disk = disk.crash(0);
        let journal = open(&disk).unwrap();
        logs.check(&journal);
        logs.append(&journal, true, 2, 100).unwrap();
        logs.append(&journal, false, 2, 100).unwrap();
        logs.drop(&journal, 1).unwrap();
        logs.check(&journal);
    }
}

/// Writes in both spaces by turns, and drops now and then, until something fails.
fn work(disk: &SimulatedDisk, logs: &mut Logs) -> Result<(), StoreError> {
    let journal = open(disk)?;
    for round in 0..3 {
        for turn in 0..4 {
            logs.append(&journal, turn == 1, 2, 300)?;
        }
        logs.drop(&journal, round)?;
    }
    logs.append(&journal, false, 1, 10)
}

#[test]
fn a_crash_at_any_operation_loses_nothing() {
    let disk = SimulatedDisk::new();
    work(&disk, &mut Logs::new()).unwrap();
    for n in 0..disk.operations() {
        for fault in [Fault::Once(std::io::ErrorKind::Other), Fault::From(std::io::ErrorKind::Other)] {
            for seed in 0..8 {
                let disk = SimulatedDisk::new();
                disk.fail(n, fault);
                let mut logs = Logs::new();
                // What is only swept may fail and nobody is told.
                let _ = work(&disk, &mut logs);
                let disk = disk.crash(seed);
                let journal = open(&disk).unwrap();
                logs.check(&journal);
                logs.drop(&journal, 0).unwrap();
                logs.append(&journal, true, 1, 10).unwrap();
                logs.check(&journal);
            }
        }
    }
}

#[test]
fn one_entry_that_nobody_covers_does_not_hold_on_to_all_the_others() {
    let disk = SimulatedDisk::new();
    let journal = open(&disk).unwrap();
    let mut logs = Logs::new();
    logs.append(&journal, true, 1, 100).unwrap();
    for _ in 0..20 {
        logs.append(&journal, false, 2, 700).unwrap();
    }
    logs.append(&journal, true, 1, 100).unwrap();
    let (written, kept) = (disk.used(), logs.private.saved.iter().map(|entry| entry.encoded().len()).sum::<usize>());
    let freed = logs.drop(&journal, 0).unwrap();
    assert_eq!(written - disk.used(), freed as usize);
    assert!(disk.used() < kept + 500, "{} bytes for {kept} and {written} before", disk.used());
    logs.check(&journal);
    // It is a journal like any other. It says nothing of what is covered, and goes on with what follows.
    assert_eq!(logs.drop(&journal, 0).unwrap(), 0);
    logs.append(&journal, false, 3, 700).unwrap();
    drop(journal);
    let journal = open(&disk).unwrap();
    logs.check(&journal);
    let log = Writer::new(0).log(0);
    let mut tips = journal.tips();
    tips.sort_unstable();
    assert_eq!(tips, [(space(0), log, 43), (space(1), log, 2)]);
}

/// A log that had something which is kept is kept from there on: a store that was lost could not take the rest of it.
#[test]
fn what_follows_in_a_log_after_what_is_kept_is_kept() {
    let disk = SimulatedDisk::new();
    let journal = open(&disk).unwrap();
    let mut log = Log::new(0);
    log.append(&journal, 20, 300).unwrap();
    journal.drop_covered(IfBroken::Keep, |_, _, seq| seq != 15).unwrap();
    let found: Vec<u64> = replay(&journal).iter().map(|(_, entry)| entry.seq()).collect();
    assert_eq!(found, [15, 16, 17, 18, 19, 20]);
}

#[test]
fn what_is_broken_stays_unless_all_of_it_is_known_to_be_elsewhere() {
    let disk = SimulatedDisk::new();
    let journal = open(&disk).unwrap();
    let mut logs = Logs::new();
    for turn in 0..20 {
        logs.append(&journal, turn == 5, 1, 700).unwrap();
    }
    let names = disk.list(Path::new(FOLDER)).unwrap();
    disk.flip(&Path::new(FOLDER).join(&names[2]), 8 * 500);
    let before = disk.used();
    let freed = logs.drop(&journal, 0).unwrap();
    assert!(freed > 0 && disk.used() > before / 2, "what is before it goes");
    let left = disk.list(Path::new(FOLDER)).unwrap();
    assert_eq!(left, names[2..].to_vec());
    assert!(journal.damage().iter().all(|damage| matches!(damage.item, Damaged::Journal { segment: 3, .. })));
    journal.drop_covered(IfBroken::Drop, |_, _, _| true).unwrap();
    assert!(replay(&journal).is_empty() && disk.list(Path::new(FOLDER)).unwrap().len() == 1);
}

/// Someone writes, someone reads, and someone drops, all at once.
#[test]
fn whoever_reads_meanwhile_finds_all_that_is_kept() {
    const ENTRIES: u64 = 600;
    let journal = open(&SimulatedDisk::new()).unwrap();
    let (saved, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = Writer::new(0);
            for number in 1..=ENTRIES {
                for of in [space(0), space(1)] {
                    journal.append(of, &[writer.entry(of, 0, number, 200)]).unwrap().wait().unwrap();
                }
                saved.store(number, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                journal.drop_covered(IfBroken::Keep, |of, _, _| of == space(0)).unwrap();
            }
        });
        while !done.load(Ordering::SeqCst) {
            let sure = saved.load(Ordering::SeqCst);
            let mut found: Vec<u64> =
                replay(&journal).into_iter().filter(|(of, _)| *of == space(1)).map(|(_, entry)| entry.seq()).collect();
            // What was written anew meanwhile may be read twice.
            found.sort_unstable();
            found.dedup();
            assert!(
                found.len() as u64 >= sure && found.iter().copied().eq(1..=found.len() as u64),
                "{sure}: {found:?}"
            );
        }
    });
}
