//! `cargo xtask bench`

use anyhow::Result;

use crate::{frontend, shell};

/// What `bench` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Passed on to the benchmarks, for instance `--trace FILE --json FILE`, or names of rows; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the benchmarks with full optimisation and runs them. The window's part is run by Node.js, from its packages.
pub fn bench(options: &Options) -> Result<()> {
    frontend::install("ui")?;
    shell::run(shell::cargo().args(["run", "--release", "--package", "sheaf-bench", "--"]).args(&options.arguments))
}
