//! Every target over its corpus, and over thousands of small harms to it.
//!
//! `SHEAF_WRITE_CORPUS=1` writes the seeds that are made today beside the old ones, which stay: an old encoding is an input
//! as good as any.

use std::fs;
use std::panic::catch_unwind;

use sheaf_fuzz::{Mutator, Target, be_quiet, corpus, targets};

fn cases() -> usize {
    std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000)
}

/// The committed corpus, and today's seeds.
fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let folder = corpus(target);
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    if std::env::var_os("SHEAF_WRITE_CORPUS").is_some() {
        fs::create_dir_all(&folder).expect("the corpus can be written");
        for seed in &seeds {
            let name = fnv(seed);
            fs::write(folder.join(format!("{name:016x}")), seed).expect("the corpus can be written");
        }
    }
    let files = fs::read_dir(&folder).unwrap_or_else(|error| {
        panic!("{} has no corpus ({error}): SHEAF_WRITE_CORPUS=1 cargo test -p sheaf-fuzz", target.name)
    });
    let mut kept: Vec<_> = files.map(|file| fs::read(file.expect("a file").path()).expect("a file")).collect();
    // In an order that does not depend on the file system.
    kept.sort();
    kept.extend(seeds);
    kept
}

/// A name for a seed: FNV-1a.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn no_input_breaks_a_target() {
    be_quiet();
    let mut failed = Vec::new();
    for target in targets() {
        let inputs = inputs(target);
        let mut mutator = Mutator::new(fnv(target.name.as_bytes()));
        // What is slow is tried less often.
        let started = std::time::Instant::now();
        let harmed = std::iter::from_fn(|| Some(mutator.next(&inputs))).take(cases());
        for (number, input) in inputs.iter().cloned().chain(harmed).enumerate() {
            if number > inputs.len() && started.elapsed().as_secs() >= 3 && cases() <= 2_000 {
                break;
            }
            if let Err(panic) = catch_unwind(|| (target.run)(&input)) {
                let words = panic.downcast_ref::<String>().map(String::as_str);
                let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
                failed.push(format!("{} number {number}: {words}\n  {input:02x?}", target.name));
                break;
            }
        }
    }
    drop(std::panic::take_hook());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_target_has_a_name_of_its_own() {
    let mut names: Vec<&str> = targets().map(|target| target.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
