//! The journal on a disk that fails, fills up, lies and loses power: what was acknowledged is there, nothing half is served,
//! and it always opens.

mod support;

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use sheaf_log::Entry;
use sheaf_store::{Damaged, Fault, Files, Journal, JournalConfig, RealFiles, Repair, SimulatedDisk, StoreError};
use support::{Writer, cases, space};

const FOLDER: &str = "/home/journal";

/// So small that every test sees several segments.
const SMALL: JournalConfig = JournalConfig { segment_bytes: 2_000, group_bytes: 1_500 };

fn open(disk: &SimulatedDisk) -> Result<Journal, StoreError> {
    Ok(Journal::open_with(Path::new(FOLDER), Arc::new(disk.clone()), SMALL)?.0)
}

fn replay(journal: &Journal) -> Vec<Entry> {
    journal
        .replay(0)
        .unwrap()
        .map(|entry| {
            let (at, entry) = entry.unwrap();
            assert_eq!(at, space(0));
            entry
        })
        .collect()
}

/// A log of which it is known how far it is saved. What was refused is written again, otherwise.
struct Author {
    written: u64,
    saved: Vec<Entry>,
    /// Handed over, refused, and perhaps on the disk all the same.
    doubtful: Vec<Entry>,
}

impl Author {
    const fn new() -> Self {
        Self { written: 0, saved: Vec::new(), doubtful: Vec::new() }
    }

    fn write(&mut self, count: usize, size: usize) -> Vec<Entry> {
        let writer = Writer::new(0);
        let mut prev = self.saved.last().map(Entry::hash);
        (1..=count as u64)
            .map(|next| {
                self.written += 1;
                let entry = writer.entry_at(space(0), 0, self.saved.len() as u64 + next, prev, self.written, size);
                prev = Some(entry.hash());
                entry
            })
            .collect()
    }

    fn append(&mut self, journal: &Journal, count: usize, size: usize) -> Result<(), StoreError> {
        let entries = self.write(count, size);
        let outcome = journal.append(space(0), &entries).and_then(sheaf_store::Completion::wait);
        if outcome.is_ok() {
            self.saved.extend(entries);
            self.doubtful.clear();
        } else if !matches!(outcome, Err(StoreError::JournalStopped { .. })) {
            self.doubtful = entries;
        }
        outcome
    }

    /// What was saved is there, in order; after it at most a beginning of what was refused last, which is saved from now on.
    fn check(&mut self, journal: &Journal) {
        let found = replay(journal);
        assert!(found.len() >= self.saved.len(), "{} saved, {} found", self.saved.len(), found.len());
        let (saved, beyond) = found.split_at(self.saved.len());
        assert!(saved == self.saved, "other entries than those that were saved");
        assert!(self.doubtful.starts_with(beyond), "entries that nobody wrote, or that were given up");
        self.saved.extend_from_slice(beyond);
        self.doubtful.clear();
        assert_eq!(journal.damage(), vec![]);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append { count: usize, size: usize },
    Fault { after: u64, fault: Fault },
    Capacity { room: usize },
    Heal,
    Recover,
    Reopen,
    Crash { seed: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(vec![std::io::ErrorKind::StorageFull, std::io::ErrorKind::Other]);
    prop_oneof![
        10 => (1..4usize, prop_oneof![0..300usize, 0..2_500usize]).prop_map(|(count, size)| Step::Append { count, size }),
        2 => (0..8u64, kind.clone()).prop_map(|(after, kind)| Step::Fault { after, fault: Fault::Once(kind) }),
        1 => (0..8u64, kind).prop_map(|(after, kind)| Step::Fault { after, fault: Fault::From(kind) }),
        1 => (0..3_000usize).prop_map(|room| Step::Capacity { room }),
        2 => Just(Step::Heal),
        2 => Just(Step::Recover),
        1 => Just(Step::Reopen),
        3 => any::<u64>().prop_map(|seed| Step::Crash { seed }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(1_000), ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_the_disk_what_was_saved_is_there(steps in prop::collection::vec(step(), 1..50)) {
        let mut disk = SimulatedDisk::new();
        let mut author = Author::new();
        let mut journal = Some(open(&disk).unwrap());
        for step in steps {
            match step {
                Step::Append { count, size } => {
                    if let Some(journal) = &journal {
                        let stopped = journal.stopped();
                        let outcome = author.append(journal, count, size);
                        let refused = matches!(outcome, Err(StoreError::JournalStopped { .. }));
                        prop_assert_eq!(stopped.is_some(), refused);
                        prop_assert_eq!(journal.stopped().is_none(), outcome.is_ok());
                    }
                }
                Step::Fault { after, fault } => disk.fail(after, fault),
                Step::Capacity { room } => disk.set_capacity(Some(disk.used() + room)),
                Step::Heal => {
                    disk.heal();
                    disk.set_capacity(None);
                }
                Step::Recover => {
                    if let Some(journal) = &journal
                        && journal.recover().is_ok()
                    {
                        prop_assert_eq!(journal.stopped(), None);
                        prop_assert_eq!(replay(journal), author.saved.clone());
                        author.doubtful.clear();
                    }
                }
                Step::Reopen => {
                    // The process ends; what it has not synced is still in memory.
                    drop(journal.take());
                    journal = open(&disk).ok();
                    if let Some(journal) = &journal {
                        author.check(journal);
                    }
                }
                Step::Crash { seed } => {
                    drop(journal.take());
                    disk = disk.crash(seed);
                    let opened = open(&disk).unwrap();
                    author.check(&opened);
                    journal = Some(opened);
                }
            }
        }
        // In the end, all is well again.
        drop(journal);
        let disk = disk.crash(0);
        let journal = open(&disk).unwrap();
        author.check(&journal);
        author.append(&journal, 2, 100).unwrap();
        author.check(&journal);
    }
}

/// Does all its work, starting again after every error, and counts the operations.
fn work(disk: &SimulatedDisk, author: &mut Author) {
    let mut journal = None;
    while author.saved.len() < 12 {
        let opened = match journal.take() {
            Some(journal) => journal,
            None => match open(disk) {
                Ok(opened) => {
                    author.check(&opened);
                    opened
                }
                Err(error) => {
                    assert!(error.may_pass(), "{error}");
                    disk.heal();
                    continue;
                }
            },
        };
        if author.append(&opened, 2, 150).is_err() {
            assert!(matches!(opened.append(space(0), &author.write(1, 1)), Err(StoreError::JournalStopped { .. })));
            if opened.recover().is_err() {
                disk.heal();
                opened.recover().unwrap();
            }
            author.doubtful.clear();
        }
        journal = Some(opened);
    }
}

#[test]
fn an_error_at_any_operation_loses_nothing() {
    let disk = SimulatedDisk::new();
    work(&disk, &mut Author::new());
    let operations = disk.operations();
    assert!(operations > 25, "the test should see segments come and go, and saw {operations} operations");
    for kind in [std::io::ErrorKind::StorageFull, std::io::ErrorKind::Other] {
        for fault in [Fault::Once(kind), Fault::From(kind)] {
            for n in 0..operations {
                let disk = SimulatedDisk::new();
                disk.fail(n, fault);
                let mut author = Author::new();
                work(&disk, &mut author);
                for seed in 0..4 {
                    let disk = disk.crash(seed);
                    let journal = open(&disk).unwrap();
                    assert_eq!(replay(&journal), author.saved, "{fault:?} at {n}, crash {seed}");
                    assert_eq!(journal.damage(), vec![]);
                }
            }
        }
    }
}

#[test]
fn a_crash_at_any_operation_loses_nothing() {
    let disk = SimulatedDisk::new();
    work(&disk, &mut Author::new());
    for n in 0..disk.operations() {
        for seed in 0..8 {
            // From operation n on nothing reaches the disk, and then the power goes.
            let disk = SimulatedDisk::new();
            disk.fail(n, Fault::From(std::io::ErrorKind::Other));
            let mut author = Author::new();
            if let Ok(journal) = open(&disk) {
                while author.append(&journal, 2, 150).is_ok() {
                    assert!(author.saved.len() < 100);
                }
            }
            let journal = open(&disk.crash(seed)).unwrap();
            author.check(&journal);
        }
    }
}

#[test]
fn a_full_disk_is_said_to_be_full_and_saving_goes_on_when_there_is_room() {
    let disk = SimulatedDisk::new();
    let journal = open(&disk).unwrap();
    let mut author = Author::new();
    author.append(&journal, 1, 100).unwrap();
    disk.set_capacity(Some(disk.used() + 200));
    let error = author.append(&journal, 1, 1_000).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }));
    assert!(error.to_string().contains("0000000001.own") && error.to_string().contains("Free some space"), "{error}");
    let refused = author.append(&journal, 1, 10).unwrap_err();
    assert!(refused.to_string().contains("Free some space"), "{refused}");
    assert!(matches!(journal.recover(), Err(StoreError::DiskFull { .. })));
    assert!(journal.stopped().is_some());
    disk.set_capacity(None);
    journal.recover().unwrap();
    author.append(&journal, 1, 1_000).unwrap();
    author.doubtful.clear();
    author.check(&journal);
    drop(journal);
    author.check(&open(&disk.crash(1)).unwrap());
}

#[test]
fn any_bit_may_flip_and_only_what_it_hits_is_gone() {
    let disk = SimulatedDisk::new();
    let mut author = Author::new();
    let journal = open(&disk).unwrap();
    for _ in 0..8 {
        author.append(&journal, 1, 150).unwrap();
    }
    drop(journal);
    let (mut told, mut cut) = (0, 0);
    for name in disk.list(Path::new(FOLDER)).unwrap() {
        let path = Path::new(FOLDER).join(&name);
        let length = disk.length(&path).unwrap() as usize;
        for bit in (0..length * 8).step_by(37) {
            let disk = disk.crash(0);
            disk.flip(&path, bit);
            let (journal, repairs) = Journal::open_with(Path::new(FOLDER), Arc::new(disk.clone()), SMALL).unwrap();
            let found = replay(&journal);
            assert!(found.iter().all(|entry| author.saved.contains(entry)));
            assert!(found.windows(2).all(|two| two[0].seq() < two[1].seq()));
            assert!(found.len() + 1 >= author.saved.len(), "{name} bit {bit}: {} are left", found.len());
            let damage = journal.damage();
            assert!(damage.iter().all(|damage| matches!(damage.item, Damaged::Journal { .. })));
            if found.len() < author.saved.len() {
                // The last group of the last segment cannot be told from one that was being written.
                assert!(!damage.is_empty() || !repairs.is_empty(), "{name} bit {bit}: nothing was said");
            }
            told += usize::from(!damage.is_empty());
            cut += usize::from(matches!(repairs.as_slice(), [Repair::TornJournal { .. }]));
        }
    }
    assert!(told > 100 && cut > 10, "{told} {cut}");
}

/// A relay's journal: of a log it may have the beginning and not what a checkpoint stands for. What follows that is taken, and read
/// again after a crash.
#[test]
fn a_log_of_others_goes_on_after_what_is_held_of_it() {
    let disk = SimulatedDisk::new();
    let writer = Writer::new(0);
    let entry = |seq| writer.entry_at(space(0), 0, seq, None, seq, 10);
    let held = |seq| [(entry(1).header().log, seq)].into_iter().collect();
    {
        let journal = open(&disk).unwrap();
        journal.append(space(0), &[entry(1), entry(2)]).unwrap().wait().unwrap();
        for (entries, held) in
            [(vec![entry(8)], held(6)), (vec![entry(3), entry(8)], held(7)), (vec![entry(9)], held(7))]
        {
            let refused = journal.append_after(space(0), &entries, &held);
            assert!(matches!(refused, Err(StoreError::OutOfOrder { .. })));
        }
        journal.append_after(space(0), &[entry(8), entry(9)], &held(7)).unwrap().wait().unwrap();
        // It ends there now, for whoever goes on without saying what is held.
        assert!(matches!(journal.append(space(0), &[entry(3)]), Err(StoreError::OutOfOrder { .. })));
        journal.append(space(0), &[entry(10)]).unwrap().wait().unwrap();
    }
    let journal = open(&disk).unwrap();
    let read: Vec<u64> = journal.replay(0).unwrap().map(|item| item.unwrap().1.seq()).collect();
    assert_eq!(read, [1, 2, 8, 9, 10]);
}

#[test]
fn what_does_not_continue_its_log_is_refused() {
    let journal = open(&SimulatedDisk::new()).unwrap();
    let writer = Writer::new(0);
    let entry = |seq| writer.entry_at(space(0), 0, seq, None, seq, 10);
    journal.append(space(0), &[entry(1), entry(2)]).unwrap().wait().unwrap();
    for entries in [vec![entry(2)], vec![entry(4)], vec![entry(3), entry(5)]] {
        assert!(matches!(journal.append(space(0), &entries), Err(StoreError::OutOfOrder { .. })));
    }
    assert!(matches!(journal.append(space(1), &[entry(3)]), Err(StoreError::WrongSpace { .. })));
    journal.append(space(0), &[entry(3)]).unwrap().wait().unwrap();
    journal.append(space(0), &[]).unwrap().wait().unwrap();
    assert_eq!(replay(&journal).len(), 3);
}

#[test]
fn many_who_save_at_once_share_a_sync() {
    let disk = SimulatedDisk::new();
    let (journal, _) = Journal::open_with(Path::new(FOLDER), Arc::new(disk.clone()), JournalConfig::default()).unwrap();
    let before = disk.operations();
    // Handed over faster than the writer takes them.
    let mut writer = Writer::new(0);
    let entries: Vec<Entry> = (0..500).map(|content| writer.entry(space(0), 0, content, 100)).collect();
    let saved: Vec<_> =
        entries.iter().map(|entry| journal.append(space(0), std::slice::from_ref(entry)).unwrap()).collect();
    for saved in saved {
        saved.wait().unwrap();
    }
    assert_eq!(replay(&journal), entries);
    let syncs = (disk.operations() - before) / 2;
    assert!(syncs <= 500, "{syncs}");
    // A completion can be awaited as well.
    let mut next = Box::pin(journal.append(space(0), &[writer.entry(space(0), 0, 1_000, 1)]).unwrap());
    let woken = Arc::new(Woken(std::thread::current()));
    let waker = std::task::Waker::from(Arc::clone(&woken));
    let mut context = std::task::Context::from_waker(&waker);
    while next.as_mut().poll(&mut context).is_pending() {
        std::thread::park_timeout(std::time::Duration::from_secs(10));
    }
}

struct Woken(std::thread::Thread);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn on_a_real_disk_it_is_there_after_closing_and_for_this_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("journal");
    let mut author = Author::new();
    for _ in 0..3 {
        let (journal, repairs) = Journal::open_with(&folder, Arc::new(RealFiles), SMALL).unwrap();
        assert_eq!(repairs, vec![]);
        author.check(&journal);
        for _ in 0..5 {
            author.append(&journal, 2, 300).unwrap();
        }
    }
    assert!(RealFiles.list(&folder).unwrap().len() > 5);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for name in RealFiles.list(&folder).unwrap() {
            assert_eq!(mode(&folder.join(name)), 0o600);
        }
    }
}
