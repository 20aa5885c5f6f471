//! kill -9 at random moments: nothing that was acknowledged is missing, and the home always opens.
//!
//! `SHEAF_KILLS` says how often (40 by default), `SHEAF_SEED` repeats a run's moments.
#![cfg(unix)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sheaf_log::Entry;
use sheaf_store::{CacheKind, DocumentRow, Home, Repair, Store, StoreError, Table};
use support::killed::{kills, random, seed};
use support::{Writer, document, space, vault};

const CHILD: &str = "SHEAF_KILL_CHILD";

fn own(seq: u64, previous: Option<&Entry>) -> Entry {
    let size = if seq.is_multiple_of(37) { 50_000 } else { (seq as usize * 31) % 700 };
    Writer::new(0).entry_at(space(0), 0, seq, previous.map(Entry::hash), seq, size)
}

fn other(seq: u64, previous: Option<&Entry>) -> Entry {
    Writer::new(1).entry_at(space(0), 0, seq, previous.map(Entry::hash), seq, (seq as usize * 17) % 9_000)
}

/// Writes as fast as it can, and says what has been acknowledged, until it is killed.
fn write_until_killed(folder: &Path) {
    let (home, _) = Home::open(folder, &vault()).unwrap();
    let store = home.store();
    let frontier = store.frontier(space(0)).unwrap();
    let last = |log| store.entry(space(0), log, frontier.get(&log)).unwrap();
    let mut mine = last(Writer::new(0).log(0));
    let mut theirs = last(Writer::new(1).log(0));
    let mut out = std::io::stdout();
    let mut say = |what: &str, number: u64| {
        // One write a line, so that the pipe holds whole lines.
        out.write_all(format!("{what} {number}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    };
    say("open", 0);
    for round in 0usize.. {
        // A few at once, as a typist who is faster than the disk.
        let mut batch = Vec::new();
        for _ in 0..=round % 3 {
            let entry = own(mine.as_ref().map_or(1, |entry| entry.seq() + 1), mine.as_ref());
            batch.push((home.journal().append(space(0), std::slice::from_ref(&entry)).unwrap(), entry.clone()));
            mine = Some(entry);
        }
        for (saved, entry) in batch {
            saved.wait().unwrap();
            say("own", entry.seq());
            let arrivals = store.append(space(0), std::slice::from_ref(&entry)).unwrap();
            let row = DocumentRow { arrival: arrivals[0], log: entry.log(), seq: entry.seq(), changes: vec![[1; 32]] };
            store.note(space(0), document(0), &[row]).unwrap();
        }
        let entry = other(theirs.as_ref().map_or(1, |entry| entry.seq() + 1), theirs.as_ref());
        store.append(space(0), std::slice::from_ref(&entry)).unwrap();
        say("other", entry.seq());
        theirs = Some(entry);
        if round % 4 == 0 {
            let number = mine.as_ref().map_or(0, Entry::seq);
            store.put(Table::Settings, b"number", &number.to_le_bytes().repeat(1 + (round % 9) * 200)).unwrap();
            say("record", number);
            store.put_cache(CacheKind::View, document(0), &number.to_le_bytes().repeat(1_000)).unwrap();
        }
    }
}

/// The test binary starts itself with this as its only test.
#[test]
#[ignore = "a part of the test below"]
fn child() {
    if let Some(folder) = std::env::var_os(CHILD) {
        write_until_killed(&PathBuf::from(folder));
    }
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[derive(Debug, Default)]
struct Acknowledged {
    own: u64,
    other: u64,
    record: u64,
    lines: u64,
}

impl Acknowledged {
    fn read(&mut self, child: &mut Child) {
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((what, number)) = line.split_once(' ') else { continue };
            let (what, Ok(number)) = (what, number.parse()) else { continue };
            match what {
                "own" => self.own = self.own.max(number),
                "other" => self.other = self.other.max(number),
                "record" => self.record = self.record.max(number),
                _ => continue,
            }
            self.lines += 1;
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_whenever_it_is_killed() {
    let (kills, mut seed) = (kills(40), seed());
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    let (mut torn, mut swept, mut restored, mut slowest) = (0, 0, 0, Duration::ZERO);
    for kill in 0..kills {
        let mut child = start(folder.path());
        // Some while it opens, most while it writes.
        std::thread::sleep(Duration::from_millis(random(&mut seed, if kill % 5 == 0 { 60 } else { 400 })));
        child.kill().unwrap();
        acknowledged.read(&mut child);
        child.wait().unwrap();

        let started = Instant::now();
        let (home, opened) = Home::open(folder.path(), &vault()).unwrap();
        slowest = slowest.max(started.elapsed());
        for repair in &opened.repaired {
            match repair {
                Repair::TornJournal { .. } => torn += 1,
                Repair::UnfinishedSnapshots { .. } => swept += 1,
                other => panic!("kill {kill}: {other}"),
            }
        }
        restored += opened.restored;
        let store = home.store();
        let frontier = store.frontier(space(0)).unwrap();
        let (mine, theirs) = (frontier.get(&Writer::new(0).log(0)), frontier.get(&Writer::new(1).log(0)));
        assert!(mine >= acknowledged.own, "kill {kill}: own {mine}, but {acknowledged:?}");
        assert!(theirs >= acknowledged.other, "kill {kill}: other {theirs}, but {acknowledged:?}");
        let record = store
            .get(Table::Settings, b"number")
            .unwrap()
            .map_or(0, |record| u64::from_le_bytes(record[..8].try_into().unwrap()));
        assert!(record >= acknowledged.record, "kill {kill}: record {record}, but {acknowledged:?}");
        // What is there is what was written, all of it, in order.
        let mut arrival = 0;
        let (mut my_last, mut their_last): (Option<Entry>, Option<Entry>) = (None, None);
        loop {
            let found = store.since(space(0), arrival, 4 * 1024 * 1024).unwrap();
            let Some((last, _)) = found.last() else { break };
            arrival = *last;
            for (_, entry) in found {
                let last = if entry.log() == Writer::new(0).log(0) { &mut my_last } else { &mut their_last };
                let seq = last.as_ref().map_or(1, |last| last.seq() + 1);
                let previous = last.as_ref().map(Entry::hash);
                assert_eq!((entry.seq(), entry.header().prev), (seq, previous), "kill {kill}");
                *last = Some(entry);
            }
        }
        assert_eq!(my_last.map_or(0, |entry| entry.seq()), mine);
        assert_eq!(their_last.map_or(0, |entry| entry.seq()), theirs);
        assert_eq!(home.journal().replay(0).unwrap().count() as u64, mine);
        assert_eq!(store.damage(), vec![], "kill {kill}");
        if let Some(view) = store.cache(CacheKind::View, document(0)).unwrap() {
            assert!(view.chunks(8).all(|chunk| *chunk == view[..8]));
        }
        assert_eq!(store.damage().iter().filter(|damage| !damage.to_string().contains("cache")).count(), 0);
    }
    println!(
        "{kills} kills, {} acknowledgements, {} own and {} other entries, 0 lost; {torn} torn journals cut, {swept} half \
         snapshots swept, {restored} own entries restored to sled; slowest opening {slowest:?}",
        acknowledged.lines, acknowledged.own, acknowledged.other
    );
    assert!(acknowledged.own > kills, "the child hardly wrote: {acknowledged:?}");
}

#[test]
fn a_home_in_use_says_by_whom_and_a_dead_one_does_not_hold_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path());
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while lines.next().unwrap().unwrap() != "open 0" {
        assert!(Instant::now() < deadline);
    }
    let error = Home::open(folder.path(), &vault()).unwrap_err();
    assert_eq!(error, StoreError::Locked { folder: folder.path().to_path_buf(), holder: Some(child.id()) });
    assert!(error.to_string().contains(&format!("in use by process {}", child.id())), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    // As long as anyone has a part of it.
    let store = std::sync::Arc::clone(home.store());
    drop(home);
    assert!(matches!(Home::open(folder.path(), &vault()), Err(StoreError::Locked { .. })));
    drop(store);
    Home::open(folder.path(), &vault()).unwrap();
}
