//! The machine the figures were taken on, as far as it matters.

use serde::Serialize;

/// What is said of the machine beside its figures.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// How many threads run at once.
    pub cores: usize,
    /// The operating system and the processor's kind.
    pub system: String,
    /// How many threads wanted to run, on average, in the last minute when the run began: above `cores`, others were
    /// using the machine too. Not known everywhere.
    pub load: Option<f64>,
    /// Whether the benchmarks were built with optimisation. Without, the figures mean nothing.
    pub optimised: bool,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            load: load.and_then(|text| text.split_whitespace().next()?.parse().ok()),
            optimised: !cfg!(debug_assertions),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} cores", self.system, self.cores)?;
        if let Some(load) = self.load {
            write!(f, ", load {load:.1} at the start")?;
        }
        if !self.optimised {
            write!(f, ", NOT OPTIMISED: these figures mean nothing")?;
        }
        Ok(())
    }
}
