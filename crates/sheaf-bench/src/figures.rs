//! Samples, and what is said of them.

use std::time::Duration;

use serde::Serialize;

/// What a row of samples comes to, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// How many samples there are; 0 where whoever took them does not say.
    pub samples: usize,
    /// Half of them are at most this.
    pub p50: f64,
    /// Ninety-nine of a hundred are at most this.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl Figures {
    /// Of these samples; of none at all, zeros.
    pub fn of(samples: &[Duration]) -> Self {
        let mut sorted: Vec<f64> = samples.iter().map(|sample| sample.as_secs_f64() * 1e3).collect();
        sorted.sort_by(f64::total_cmp);
        Self {
            samples: sorted.len(),
            p50: percentile(&sorted, 50),
            p99: percentile(&sorted, 99),
            max: percentile(&sorted, 100),
        }
    }

    /// Figures that were taken elsewhere, in milliseconds.
    pub const fn given(samples: usize, p50: f64, p99: f64, max: f64) -> Self {
        Self { samples, p50, p99, max }
    }
}

/// The smallest sample that at least `percent` of a hundred samples do not exceed (nearest rank).
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: impl IntoIterator<Item = u64>) -> Figures {
        Figures::of(&samples.into_iter().map(Duration::from_millis).collect::<Vec<_>>())
    }

    #[test]
    fn percentiles_are_samples_by_nearest_rank() {
        assert_eq!(of((1..=100).rev()), Figures::given(100, 50.0, 99.0, 100.0));
        assert_eq!(of(1..=200), Figures::given(200, 100.0, 198.0, 200.0));
        assert_eq!(of(1..=5), Figures::given(5, 3.0, 5.0, 5.0));
    }

    #[test]
    fn one_sample_is_everything_and_none_is_nothing() {
        assert_eq!(of([7]), Figures::given(1, 7.0, 7.0, 7.0));
        assert_eq!(of([]), Figures::given(0, 0.0, 0.0, 0.0));
    }
}
