//! A test that starts itself as another process, and kills that.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

/// How often to kill: `SHEAF_KILLS`, or what the test says itself.
pub fn kills(default: u64) -> u64 {
    std::env::var("SHEAF_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(default)
}

/// What chooses the moments: `SHEAF_SEED`, or the time. It is said, so that a run can be repeated.
pub fn seed() -> u64 {
    let given = std::env::var("SHEAF_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed =
        given.unwrap_or_else(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as u64);
    println!("SHEAF_SEED={seed}");
    seed
}

/// Numbers that are as good as random.
pub fn random(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below.max(1)
}

/// Starts this test program with the test `child` as its only one, which finds the folder in this variable. Answers what it
/// says, line by line.
pub fn start(variable: &str, folder: &Path) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(variable, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    (child, lines)
}

/// A folder with all there is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
