//! kill -9 at every step of making a home anew: the store, what a store that was put aside holds, and the journal. Opening
//! finds the old one or the whole new one, and doing it once more ends with every word.
//!
//! `SHEAF_KILLS` says how often (6 by default), `SHEAF_SEED` repeats a run's moments.
#![cfg(unix)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sheaf_access::DeviceId;
use sheaf_log::Entry;
use sheaf_store::{Claim, Damaged, Home, Store};
use support::killed::{copy, kills, random, seed, start};
use support::{Writer, space, vault};

const CHILD: &str = "SHEAF_REBUILDING_CHILD";
/// How many entries each of the two logs has. Each second half is in the store that was put aside alone.
const ENTRIES: u64 = 300;

fn own() -> DeviceId {
    Writer::new(0).log(0).device
}

/// All that the doctor does with a home that is to be made anew.
fn make_anew(folder: &Path) {
    let (home, _) = Home::open(folder, &vault()).unwrap();
    println!("open");
    home.rebuild_store().unwrap();
    home.take_over(Some(own())).unwrap();
    let remade = home.remake_journal(Some(own())).unwrap();
    drop(home);
    if remade.is_some() {
        Claim::take(folder).unwrap().place_remade_journal().unwrap();
    }
    println!("anew");
}

/// The test binary starts itself with this as its only test.
#[test]
#[ignore = "a part of the test below"]
fn child() {
    if let Some(folder) = std::env::var_os(CHILD) {
        make_anew(&PathBuf::from(folder));
    }
}

/// A home with a bent journal, whose store was begun again once without all that the old one had.
fn written(folder: &Path) -> Vec<Entry> {
    let (mut mine, mut theirs) = (Writer::new(0), Writer::new(1));
    let mut entries = Vec::new();
    for content in 0..ENTRIES {
        entries.extend([mine.entry(space(0), 0, content, 300), theirs.entry(space(0), 0, content, 700)]);
    }
    let of_mine = |entries: &[Entry]| entries.iter().step_by(2).cloned().collect::<Vec<_>>();
    let (home, _) = Home::open(folder, &vault()).unwrap();
    home.store().append(space(0), &entries).unwrap();
    drop(home);
    fs::rename(folder.join("store"), folder.join("store.damaged-1")).unwrap();
    let half = &entries[..ENTRIES as usize];
    let (home, _) = Home::open(folder, &vault()).unwrap();
    home.store().append(space(0), half).unwrap();
    home.journal().append(space(0), &of_mine(half)).unwrap().wait().unwrap();
    drop(home);
    let journal = folder.join("journal/0000000001.own");
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&journal, bytes).unwrap();
    entries
}

/// What was in the store is in it, and nothing else; answers how much that is.
fn check(folder: &Path, entries: &[Entry], kill: u64) -> usize {
    let (home, _) = Home::open(folder, &vault()).unwrap();
    let found = home.store().since(space(0), 0, usize::MAX).unwrap();
    assert!(found.len() >= ENTRIES as usize, "kill {kill}: {} are left", found.len());
    assert!(found.iter().all(|(_, entry)| entries.contains(entry)), "kill {kill}");
    found.len()
}

#[test]
fn a_home_that_is_made_anew_has_every_word_whenever_the_process_is_killed() {
    let (kills, mut seed) = (kills(6), seed());
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let entries = written(&whole);

    let calm = folder.path().join("calm");
    copy(&whole, &calm);
    let (mut child, mut said) = start(CHILD, &calm);
    said.find(|line| line.ends_with("open")).unwrap();
    let started = Instant::now();
    assert!(said.any(|line| line.ends_with("anew")), "it is made anew when nobody interrupts it");
    let takes = started.elapsed();
    child.wait().unwrap();
    assert_eq!(check(&calm, &entries, 0), entries.len());

    let mut unfinished = 0;
    for kill in 1..=kills {
        let home = folder.path().join(format!("killed {kill}"));
        copy(&whole, &home);
        let (mut child, mut said) = start(CHILD, &home);
        said.find(|line| line.ends_with("open")).unwrap();
        std::thread::sleep(Duration::from_micros(random(&mut seed, takes.as_micros() as u64)));
        child.kill().unwrap();
        let done = said.any(|line| line.ends_with("anew"));
        child.wait().unwrap();
        unfinished += u64::from(check(&home, &entries, kill) < entries.len());
        if !done {
            make_anew(&home);
        }
        assert_eq!(check(&home, &entries, kill), entries.len(), "kill {kill}");
        // Now the journal has all that is this device's.
        fs::remove_dir_all(home.join("store")).unwrap();
        let (home, opened) = Home::open(&home, &vault()).unwrap();
        let broken = home.journal().damage().iter().any(|damage| matches!(damage.item, Damaged::Journal { .. }));
        assert!(opened.restored == ENTRIES && !broken, "kill {kill}: {opened:?} {:?}", home.journal().damage());
        let folder = home.folder().to_path_buf();
        drop(home);
        fs::remove_dir_all(folder).unwrap();
    }
    println!("{kills} kills within {takes:?}, {unfinished} of them before all was taken over");
}
