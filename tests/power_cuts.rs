//! A process that is killed while someone types: nothing that was shown as saved is missing, and the store always opens.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use sheaf_tests::{Home, program};

/// How many times the process is killed; `cargo xtask test --long` sets 200.
fn kills() -> u32 {
    std::env::var("SHEAF_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20)
}

#[test]
fn nothing_that_was_shown_as_saved_is_ever_missing() {
    let home = Home::of("Ana");
    let document = home.ok(&["doc", "new", "Log book"]).last_line();
    let seed = std::env::var("SHEAF_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eaf_u64);
    println!("SHEAF_SEED={seed}");
    let mut random = seed;
    let (mut saved, mut seen_saved) = (0_u64, 0_u64);
    for kill in 0..kills() {
        let mut typist = Command::new(program("typist"))
            .arg(home.path().join("home"))
            .args([&document, &saved.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(typist.stdout.take().expect("standard output is a pipe")).lines();
        // xorshift: any moment of the first words, of a group commit, of writing the caches.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let lifetime = Duration::from_millis(random % 1_200);
        let id = typist.id();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(lifetime);
            typist.kill().expect("a child of this process");
            typist.wait().expect("a child of this process");
        });
        let mut last = saved;
        for line in lines.map_while(Result::ok) {
            if let Ok(number) = line.parse() {
                last = number;
            }
        }
        killer.join().expect("the killer does not panic");
        let text = home.ok(&["doc", "show", &document, "--format", "text"]).stdout;
        for number in saved + 1..=last {
            assert!(
                text.contains(&format!("w{number} ")) || text.contains(&format!("w{number}\n")),
                "kill {kill} of process {id} after {lifetime:?} (seed {seed}): word {number} was shown as saved and is gone"
            );
        }
        seen_saved += last - saved;
        saved = last;
        // Words that were typed and not saved may be there or not; the next round's numbers begin above them.
        saved += 10_000;
    }
    println!("{seen_saved} words were shown as saved, in {} lives", kills());
    assert!(seen_saved > 0, "nothing was ever saved, so nothing was tested");
}
