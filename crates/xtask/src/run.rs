//! `cargo xtask run`

use anyhow::Result;

use crate::{frontend, shell, system};

/// What `run` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Build with full optimisation: slower to build, faster to use.
    #[arg(long)]
    release: bool,
    /// Passed on to the app, for instance `-- --home DIR`.
    #[arg(last = true)]
    app: Vec<String>,
}

/// Sets up what is missing, builds the app, and opens it.
pub fn run(options: &Options) -> Result<()> {
    system::ensure(system::APP)?;
    frontend::build()?;
    let mut cargo = shell::cargo();
    cargo.args(["run", "--package", "sheaf-desktop"]);
    if options.release {
        cargo.arg("--release");
    }
    shell::run(cargo.arg("--").args(&options.app))
}
