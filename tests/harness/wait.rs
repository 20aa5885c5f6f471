//! Waiting for a condition.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Generous: it is only reached by a failure.
pub const DEADLINE: Duration = Duration::from_mins(2);

/// Asks again and again until the answer is there.
///
/// # Panics
/// After [`DEADLINE`], naming what was waited for.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
