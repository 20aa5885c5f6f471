//! The project's own commands. Each sets up what it needs, or says exactly what to install.
//!
//! ```text
//! cargo xtask run [-- FLAGS]     open the app
//! cargo xtask test [--long]      pass every test
//! cargo xtask test --fuzz        search for bytes that break a decoder, for a short time each
//! cargo xtask bench              measure, as ratios, in a table and JSON
//! cargo xtask package relay      a Debian package of the relay
//! ```

mod bench;
mod frontend;
mod fuzz;
mod package;
mod run;
mod shell;
mod system;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Sheaf's own commands", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets up what is missing, builds the app, and opens it.
    Run(run::Options),
    /// Sets up what is missing and passes every test.
    Test(test::Options),
    /// Measures what the budgets name, each as a ratio, and prints a table and JSON.
    Bench(bench::Options),
    /// Builds what is installed on other machines.
    #[command(subcommand)]
    Package(package::What),
}

fn main() -> Result<()> {
    shell::enter_workspace()?;
    match Arguments::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Test(options) => test::test(&options),
        Command::Bench(options) => bench::bench(&options),
        Command::Package(what) => package::package(&what),
    }
}
