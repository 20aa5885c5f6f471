//! Eight peers and a bad network: does everyone end up with everything, and nobody with more?
//!
//! A simulation is drawn from a seed: spaces with different members, writers whose entries build on each other's, links,
//! latency, losses, duplicates, cuts, crashes, slow and full disks, people who join late. When the chaos is over, it runs
//! until nothing happens any more, and then everyone who shares a space must hold the same, know it, and be silent.
//!
//! `SHEAF_CASES=100000` runs that many seeds, `SHEAF_SEED=n` runs the one that a failure has named.

mod node;
mod scenario;
mod store;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use scenario::{Scenario, Topology};
use world::World;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs simulations on all cores, and names the first seed that fails.
fn simulate(seeds: std::ops::Range<u64>, scenario: impl Fn(&mut rand_chacha::ChaCha8Rng) -> Scenario + Sync) {
    let seeds = from_environment("SHEAF_SEED").map_or(seeds, |seed| seed..seed + 1);
    let next = AtomicU64::new(seeds.start);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let run = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return;
                }
                let result = catch_unwind(AssertUnwindSafe(|| World::new(seed, &scenario).run()));
                if let Err(panic) = result {
                    eprintln!("seed {seed} failed; SHEAF_SEED={seed} runs it again");
                    next.store(seeds.end, Ordering::Relaxed);
                    std::panic::resume_unwind(panic);
                }
            }
        };
        for _ in 0..cores {
            scope.spawn(run);
        }
    });
}

#[test]
fn everyone_ends_up_with_the_same_whatever_happens_on_the_way() {
    let cases = from_environment("SHEAF_CASES").unwrap_or(1_000);
    simulate(0..cases, Scenario::random);
}

#[test]
fn named_scenarios() {
    let calm = Scenario::calm;
    let table: [(&str, Scenario); 2] = [
        ("three laptops on one table", calm()),
        ("a relay in the middle", Scenario { peers: 8, topology: Topology::Star, ..calm() }),
    ];
    for (name, scenario) in table {
        println!("{name}");
        simulate(0..20, |_| scenario.clone());
    }
}
