//! `cargo xtask bench`

use anyhow::Result;

use crate::shell;

/// What `bench` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Passed on to the benchmarks, for instance `--trace FILE --json FILE`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the benchmarks with full optimisation and runs them.
pub fn bench(options: &Options) -> Result<()> {
    shell::run(shell::cargo().args(["run", "--release", "--package", "sheaf-bench", "--"]).args(&options.arguments))
}
