//! kill -9 while the journal drops what a checkpoint stands for: every word that none stands for is in it, and comes back into
//! a store that is lost whole.
//!
//! `SHEAF_KILLS` says how often (6 by default), `SHEAF_SEED` repeats a run's moments.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sheaf_log::Entry;
use sheaf_store::{Home, IfBroken, Store};
use support::killed::{copy, kills, random, seed, start};
use support::{Writer, space, vault};

const CHILD: &str = "SHEAF_DROPPING_CHILD";
/// How often the child writes and then drops.
const ROUNDS: u64 = 12;
/// How much it writes in between. One in so many is of a space that no checkpoint stands for.
const ENTRIES: u64 = 40;
const KEPT: u64 = 8;

/// Everything the child writes, in order. The two spaces take turns.
fn entries() -> Vec<Entry> {
    let mut writer = Writer::new(0);
    let of = |number: u64| space(u8::from(number.is_multiple_of(KEPT)));
    (1..=ROUNDS * ENTRIES).map(|number| writer.entry(of(number), 0, number, 3_000)).collect()
}

/// What a checkpoint after a round covers of the first space: all but the last few.
fn covered(entries: &[Entry], round: u64) -> u64 {
    let written = &entries[..((round + 1) * ENTRIES) as usize];
    written.iter().filter(|entry| entry.space() == space(0)).count() as u64 - 3
}

/// The test binary starts itself with this as its only test. It says what it has saved, and up to where it drops.
#[test]
#[ignore = "a part of the test below"]
fn child() {
    if let Some(folder) = std::env::var_os(CHILD) {
        let (home, _) = Home::open(&PathBuf::from(folder), &vault()).unwrap();
        let mut out = std::io::stdout();
        let mut say = |what: &str, number: u64| {
            // One write a line, so that the pipe holds whole lines.
            out.write_all(format!("\n{what} {number}\n").as_bytes()).unwrap();
            out.flush().unwrap();
        };
        say("open", 0);
        let entries = entries();
        for round in 0..ROUNDS {
            for number in round * ENTRIES..(round + 1) * ENTRIES {
                let entry = &entries[number as usize];
                home.journal().append(entry.space(), std::slice::from_ref(entry)).unwrap().wait().unwrap();
                home.store().append(entry.space(), std::slice::from_ref(entry)).unwrap();
                say("saved", number + 1);
            }
            let covered = covered(&entries, round);
            say("drops", covered);
            let freed = home.journal().drop_covered(IfBroken::Keep, |of, _, seq| of == space(0) && seq <= covered);
            assert!(freed.unwrap() > 0, "there is something to drop");
        }
        say("done", 0);
    }
}

/// What a child has said.
#[derive(Default)]
struct Said {
    saved: usize,
    covered: u64,
    done: bool,
}

fn heard(lines: impl Iterator<Item = String>) -> Said {
    let mut said = Said::default();
    for line in lines {
        match line.split_once(' ') {
            Some(("saved", number)) => said.saved = number.parse().unwrap(),
            Some(("drops", number)) => said.covered = number.parse().unwrap(),
            Some(("done", _)) => said.done = true,
            _ => {}
        }
    }
    said
}

/// How much room the journal takes.
fn room(folder: &Path) -> u64 {
    fs::read_dir(folder.join("journal")).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

fn check(folder: &Path, said: &Said, entries: &[Entry], kill: u64) {
    let kept = |entry: &Entry| entry.space() == space(1) || entry.seq() > said.covered;
    {
        let (home, _) = Home::open(folder, &vault()).unwrap();
        let found: Vec<Entry> = home.journal().replay(0).unwrap().map(|item| item.unwrap().1).collect();
        // In the order in which it was written, and each once.
        let mut rest = entries.iter();
        for entry in &found {
            assert!(rest.any(|written| written == entry), "kill {kill}: {} is out of order", entry.seq());
        }
        let mut found = found.iter();
        for entry in entries[..said.saved].iter().filter(|entry| kept(entry)) {
            assert!(found.any(|found| found == entry), "kill {kill}: {} is not in the journal", entry.seq());
        }
        assert_eq!(home.journal().damage(), vec![], "kill {kill}");
    }
    // Nothing that opening left has any more to do there.
    assert!(fs::read_dir(folder.join("journal")).unwrap().count() <= 2, "kill {kill}");
    // The whole of sled is lost. What no checkpoint stands for comes back.
    fs::remove_dir_all(folder.join("store")).unwrap();
    let (home, _) = Home::open(folder, &vault()).unwrap();
    for entry in entries[..said.saved].iter().filter(|entry| entry.space() == space(1)) {
        let found = home.store().entry(space(1), entry.log(), entry.seq()).unwrap();
        assert_eq!(found.as_ref(), Some(entry), "kill {kill}");
    }
}

#[test]
fn no_word_is_lost_whenever_the_process_is_killed() {
    let (kills, mut seed) = (kills(6), seed());
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    drop(Home::open(&empty, &vault()).unwrap());
    let entries = entries();

    // How long it takes when nobody interrupts it, and how little is left then.
    let calm = folder.path().join("calm");
    copy(&empty, &calm);
    let (mut child, mut lines) = start(CHILD, &calm);
    lines.find(|line| line.starts_with("open")).unwrap();
    let started = Instant::now();
    let said = heard(lines);
    let takes = started.elapsed();
    assert!(said.done && child.wait().unwrap().success());
    let written: u64 = entries.iter().map(|entry| entry.encoded().len() as u64).sum();
    assert!(room(&calm) * 3 < written, "{} of {written} bytes are kept", room(&calm));
    check(&calm, &said, &entries, 0);

    let mut between = 0;
    for kill in 1..=kills {
        let home = folder.path().join(format!("killed {kill}"));
        copy(&empty, &home);
        let (mut child, mut lines) = start(CHILD, &home);
        lines.find(|line| line.starts_with("open")).unwrap();
        std::thread::sleep(Duration::from_micros(random(&mut seed, takes.as_micros() as u64)));
        child.kill().unwrap();
        let said = heard(lines);
        child.wait().unwrap();
        between += u64::from(said.covered > 0 && !said.done);
        check(&home, &said, &entries, kill);
        fs::remove_dir_all(&home).unwrap();
    }
    println!("{kills} kills within {takes:?}, {between} of them after it had begun to drop");
}
