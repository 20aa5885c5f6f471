//! kill -9 in the middle of pruning (C5): opening goes on with the deletes below the floor, and only with those.
//!
//! `SHEAF_KILLS` says how often (12 by default), `SHEAF_SEED` repeats a run's moments.
#![cfg(unix)]

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sheaf_access::LogId;
use sheaf_log::{Entry, Frontier, Kind};
use sheaf_store::{Home, Store};
use support::killed::{copy, kills, random, seed, start};
use support::{Writer, space, vault};

const CHILD: &str = "SHEAF_PRUNING_CHILD";
/// How many entries each of the two logs has, and up to where they are pruned.
const ENTRIES: u64 = 1_500;
const FLOOR: u64 = 1_400;
/// One of so many is an access entry, which is never pruned.
const ACCESS: u64 = 25;

fn logs() -> [LogId; 2] {
    [Writer::new(0).log(0), Writer::new(1).log(0)]
}

fn floors() -> Frontier {
    logs().into_iter().map(|log| (log, FLOOR)).collect()
}

/// The test binary starts itself with this as its only test: it prunes, and says when it begins and when it is done.
#[test]
#[ignore = "a part of the test below"]
fn child() {
    if let Some(folder) = std::env::var_os(CHILD) {
        let (home, _) = Home::open(&PathBuf::from(folder), &vault()).unwrap();
        println!("open");
        home.store().prune(space(0), &floors()).unwrap();
        println!("pruned");
    }
}

/// How many bytes the store's files have.
fn room(home: &Path) -> u64 {
    let files = std::fs::read_dir(home.join("store")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

/// How many rows sled has, seen from below. None, when the kill came while it wrote a snapshot of itself.
fn rows(home: &Path, aside: &Path) -> Option<usize> {
    copy(&home.join("store"), aside);
    let db = sled::Config::new().path(aside).open().ok()?;
    Some(db.len())
}

/// A home with two logs, which took turns.
fn written(folder: &Path) -> Vec<Entry> {
    let (home, _) = Home::open(folder, &vault()).unwrap();
    let mut writers = [Writer::new(0), Writer::new(1)];
    let mut entries = Vec::new();
    for seq in 1..=ENTRIES {
        for writer in &mut writers {
            let entry = if seq % ACCESS == 0 {
                writer.access(space(0), 0)
            } else {
                writer.entry(space(0), 0, seq, (seq as usize * 31) % 400)
            };
            entries.push(entry);
        }
    }
    for batch in entries.chunks(200) {
        home.store().append(space(0), batch).unwrap();
    }
    entries
}

/// Everything that must still be there is there; answers whether what was to be pruned is there too, which is all or none.
fn check(home: &Home, entries: &[Entry], kill: u64) -> bool {
    let store = home.store();
    let frontier = store.frontier(space(0)).unwrap();
    let raised = store.floors(space(0)).unwrap();
    for log in logs() {
        assert_eq!(frontier.get(&log), ENTRIES, "kill {kill}: the frontier claims what it claimed");
    }
    let floor = raised.get(&logs()[0]);
    assert!(floor == 0 || raised == floors(), "kill {kill}: all floors or none: {raised:?}");
    for entry in entries {
        let found = store.entry(space(0), entry.log(), entry.seq()).unwrap();
        let by_hash = store.by_hash(space(0), entry.hash()).unwrap();
        if entry.seq() > floor || entry.header().kind == Kind::Access {
            assert_eq!(found.map(|found| found.hash()), Some(entry.hash()), "kill {kill}: {}", entry.seq());
            assert_eq!(by_hash, Some((entry.log(), entry.seq())), "kill {kill}");
        } else {
            assert!(found.is_none() && by_hash.is_none(), "kill {kill}: {} is below the floor", entry.seq());
        }
    }
    // In the order in which they came, and nothing that is half there.
    let (mut arrival, mut count) = (0, 0);
    loop {
        let batch = store.since(space(0), arrival, 1 << 20).unwrap();
        let Some((last, _)) = batch.last() else { break };
        (arrival, count) = (*last, count + batch.len());
    }
    let kept = entries.iter().filter(|entry| entry.seq() > floor || entry.header().kind == Kind::Access);
    assert_eq!(count, kept.count(), "kill {kill}");
    assert_eq!(store.damage(), vec![], "kill {kill}");
    floor == 0
}

#[test]
fn opening_goes_on_with_what_a_kill_has_interrupted() {
    let (kills, mut seed) = (kills(12), seed());
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let entries = written(&whole);

    // How long it takes when nobody interrupts it.
    let calm = folder.path().join("calm");
    copy(&whole, &calm);
    let (mut child, mut said) = start(CHILD, &calm);
    said.find(|line| line.ends_with("open")).unwrap();
    let started = Instant::now();
    assert!(said.any(|line| line.ends_with("pruned")), "it prunes when it is let");
    let takes = started.elapsed();
    child.wait().unwrap();
    assert!(!check(&Home::open(&calm, &vault()).unwrap().0, &entries, 0));

    let (mut before, mut resumed, mut after) = (0, 0, 0);
    for kill in 1..=kills {
        let home = folder.path().join(format!("killed {kill}"));
        copy(&whole, &home);
        let (mut child, mut said) = start(CHILD, &home);
        said.find(|line| line.ends_with("open")).unwrap();
        std::thread::sleep(Duration::from_micros(random(&mut seed, takes.as_micros() as u64)));
        child.kill().unwrap();
        let done = said.any(|line| line.ends_with("pruned"));
        child.wait().unwrap();
        let found = rows(&home, &folder.path().join(format!("aside {kill}")));
        let untouched = check(&Home::open(&home, &vault()).unwrap().0, &entries, kill);
        let left = rows(&home, &folder.path().join(format!("left {kill}")));
        // What was said to be done is done.
        assert!(!(done && untouched), "kill {kill}: it said that it had pruned");
        match (untouched, found.zip(left)) {
            (true, _) => before += 1,
            (false, Some((found, left))) if found > left => resumed += 1,
            (false, _) => after += 1,
        }
        // Once more: there is nothing left to go on with.
        assert_eq!(check(&Home::open(&home, &vault()).unwrap().0, &entries, kill), untouched);
        // Whatever was interrupted, the disk does not keep what was pruned.
        let (kept, had) = (room(&home), room(&whole));
        assert!(untouched || kept * 2 < had, "kill {kill}: {kept} bytes of {had}");
        std::fs::remove_dir_all(&home).unwrap();
    }
    println!("{kills} kills within {takes:?}: {before} before the floor, {resumed} in the middle, {after} at the end");
    assert!(kills < 8 || resumed > 0, "nothing was ever interrupted in the middle");
}
