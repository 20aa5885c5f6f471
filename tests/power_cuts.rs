//! A process that is killed while someone types: nothing that was shown as saved is missing, and the store always opens.

use std::time::Duration;

use sheaf_tests::{Home, killed_after};

/// How many times the process is killed; `cargo xtask test --long` sets 200.
fn kills() -> u32 {
    std::env::var("SHEAF_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20)
}

/// Numbers that are as good as random, and repeatable.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = std::env::var("SHEAF_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eaf_u64);
        println!("SHEAF_SEED={seed}");
        Self(seed)
    }

    /// xorshift: any moment of the first words, of a group commit, of writing the caches.
    fn below(&mut self, milliseconds: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(self.0 % milliseconds)
    }
}

#[test]
fn nothing_that_was_shown_as_saved_is_ever_missing() {
    let home = Home::of("Ana");
    let document = home.ok(&["doc", "new", "Log book"]).last_line();
    let mut random = Random::new();
    let (mut saved, mut seen_saved) = (0_u64, 0_u64);
    for kill in 0..kills() {
        let lifetime = random.below(1_200);
        let said = killed_after(lifetime, "typist", &home, &[&document, &saved.to_string()]);
        let last = said.iter().filter_map(|line| line.parse().ok()).next_back().unwrap_or(saved);
        let text = home.ok(&["doc", "show", &document, "--format", "text"]).stdout;
        for number in saved + 1..=last {
            assert!(
                text.contains(&format!("w{number} ")) || text.contains(&format!("w{number}\n")),
                "kill {kill} after {lifetime:?}: word {number} was shown as saved and is gone"
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

/// The same while checkpoints are written and what they stand for is deleted (C5): from blobs, bundles, journal and what is
/// left of the store, every line comes back, and the doctor finds nothing.
#[test]
fn nothing_that_was_saved_is_missing_when_the_kill_comes_while_entries_are_pruned() {
    let home = Home::of("Ana");
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    let document = home.ok(&["doc", "new", "--space", &space, "Log book"]).last_line();
    let mut random = Random::new();
    let (mut all, mut from, mut checkpoints) = (Vec::new(), 0_u64, 0);
    for kill in 0..kills() {
        let lifetime = random.below(2_500);
        let said = killed_after(lifetime, "pruner", &home, &[&space, &document, &from.to_string()]);
        all.extend(said.iter().filter_map(|line| line.parse::<u64>().ok()));
        checkpoints += said.iter().filter(|line| line.starts_with("pruned") && *line != "pruned 0").count();
        let text = home.ok(&["doc", "show", &document, "--format", "text"]).stdout;
        let there: std::collections::BTreeSet<&str> = text.split_whitespace().collect();
        for number in &all {
            assert!(
                there.contains(format!("w{number}").as_str()),
                "kill {kill} after {lifetime:?}: line {number} is gone"
            );
        }
        let doctor = home.run(&["doctor", "--json"]);
        assert_eq!(doctor.json()["healthy"], true, "kill {kill} after {lifetime:?}: {doctor:?}");
        from = all.last().copied().unwrap_or(from) + 1_000;
    }
    println!("{} lines were saved and entries pruned {checkpoints} times, in {} lives", all.len(), kills());
    assert!(checkpoints > 0, "nothing was ever pruned, so nothing was tested");
}
