//! kill -9 in the middle of removing a space: opening goes on with it, the other spaces keep every word, and nothing comes
//! back from the journal.
//!
//! `SHEAF_KILLS` says how often (8 by default), `SHEAF_SEED` repeats a run's moments.
#![cfg(unix)]

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sheaf_log::Entry;
use sheaf_store::{Home, IfBroken, Store};
use support::killed::{copy, kills, random, seed, start};
use support::{Writer, space, vault};

const CHILD: &str = "SHEAF_REMOVAL_CHILD";
const ENTRIES: u64 = 1_200;

/// The test binary starts itself with this as its only test.
#[test]
#[ignore = "a part of the test below"]
fn child() {
    if let Some(folder) = std::env::var_os(CHILD) {
        let (home, _) = Home::open(&PathBuf::from(folder), &vault()).unwrap();
        println!("open");
        home.remove(space(0)).unwrap();
        println!("removed");
    }
}

/// A home with two spaces, whose entries are in the journal too. Answers those of the second.
fn written(folder: &Path) -> Vec<Entry> {
    let (home, _) = Home::open(folder, &vault()).unwrap();
    let mut writer = Writer::new(0);
    let (mut kept, mut last) = (Vec::new(), None);
    for seq in 0..ENTRIES {
        let of = space(u8::from(seq % 4 == 0));
        let entry = writer.entry(of, 0, seq, (seq as usize * 31) % 400);
        last = Some(home.journal().append(of, std::slice::from_ref(&entry)).unwrap());
        home.store().append(of, std::slice::from_ref(&entry)).unwrap();
        if of == space(1) {
            kept.push(entry);
        }
    }
    last.unwrap().wait().unwrap();
    kept
}

/// The other space has everything. Answers whether the first is there, which is all or nothing.
fn check(home: &Home, kept: &[Entry], kill: u64) -> bool {
    let store = home.store();
    for entry in kept {
        let found = store.entry(space(1), entry.log(), entry.seq()).unwrap();
        assert_eq!(found.as_ref(), Some(entry), "kill {kill}");
    }
    let frontier = store.frontier(space(0)).unwrap();
    let there = store.since(space(0), 0, usize::MAX).unwrap().len() as u64;
    assert_eq!(frontier.iter().map(|(_, seq)| seq).sum::<u64>(), there, "kill {kill}");
    assert!(there == 0 || there == ENTRIES - kept.len() as u64, "kill {kill}: {there} are left");
    assert_eq!(store.damage(), vec![], "kill {kill}");
    assert_eq!(store.spaces().unwrap().contains(&space(0)), there > 0, "kill {kill}");
    there > 0
}

#[test]
fn a_space_is_removed_whole_or_not_at_all_whenever_the_process_is_killed() {
    let (kills, mut seed) = (kills(8), seed());
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let kept = written(&whole);

    let calm = folder.path().join("calm");
    copy(&whole, &calm);
    let (mut child, mut said) = start(CHILD, &calm);
    said.find(|line| line.ends_with("open")).unwrap();
    let started = Instant::now();
    assert!(said.any(|line| line.ends_with("removed")));
    let takes = started.elapsed();
    child.wait().unwrap();
    assert!(!check(&Home::open(&calm, &vault()).unwrap().0, &kept, 0), "it is not put back from the journal");

    for kill in 1..=kills {
        let folder = folder.path().join(format!("killed {kill}"));
        copy(&whole, &folder);
        let (mut child, mut said) = start(CHILD, &folder);
        said.find(|line| line.ends_with("open")).unwrap();
        std::thread::sleep(Duration::from_micros(random(&mut seed, takes.as_micros() as u64)));
        child.kill().unwrap();
        let done = said.any(|line| line.ends_with("removed"));
        child.wait().unwrap();
        let there = check(&Home::open(&folder, &vault()).unwrap().0, &kept, kill);
        assert!(!(done && there), "kill {kill}: it said that it was removed");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    // It is remembered for as long as the journal has some of it, and no longer; then it may come again.
    let (home, _) = Home::open(&calm, &vault()).unwrap();
    home.forget_removed().unwrap();
    assert_eq!(home.store().removed().unwrap(), [space(0)]);
    let removed = home.store().removed().unwrap();
    let frontier = home.store().frontier(space(1)).unwrap();
    home.journal()
        .drop_covered(IfBroken::Keep, |of, log, seq| removed.contains(&of) || frontier.holds(&log, seq))
        .unwrap();
    home.forget_removed().unwrap();
    assert!(home.store().removed().unwrap().is_empty());
    let mut writer = Writer::new(0);
    let again = writer.entry(space(0), 0, 0, 10);
    home.store().append(space(0), std::slice::from_ref(&again)).unwrap();
    drop(home);
    let (home, _) = Home::open(&calm, &vault()).unwrap();
    assert_eq!(home.store().entry(space(0), again.log(), 1).unwrap(), Some(again));
}
