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

/// Where the servers are that the relay is held against.
const BASELINES: &str = "crates/sheaf-bench/relay-baselines";

/// Builds the benchmarks with full optimisation and runs them. The window's part is run by Node.js, from its packages, and so
/// are the servers that the relay is held against.
pub fn bench(options: &Options) -> Result<()> {
    let rows = rows(&options.arguments);
    let takes = |part: &str| rows.is_empty() || rows.iter().any(|row| row.starts_with(part));
    if takes("window") {
        frontend::install("ui")?;
    }
    if takes("relay") {
        frontend::install(BASELINES)?;
        shell::run(shell::cargo().args(["build", "--release", "--package", "sheaf-relay"]))?;
    }
    shell::run(shell::cargo().args(["run", "--release", "--package", "sheaf-bench", "--"]).args(&options.arguments))
}

/// The rows that are named among what is passed on.
fn rows(arguments: &[String]) -> Vec<&str> {
    let (mut rows, mut arguments) = (Vec::new(), arguments.iter().map(String::as_str));
    while let Some(argument) = arguments.next() {
        match argument {
            "--trace" | "--json" => drop(arguments.next()),
            flag if flag.starts_with('-') => {}
            row => rows.push(row),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_from_flags_and_their_values() {
        let arguments = ["--quick", "relay", "--json", "window", "--trace=x", "open"].map(str::to_owned);
        assert_eq!(rows(&arguments), ["relay", "open"]);
        assert_eq!(rows(&["--trace".to_owned()]), Vec::<&str>::new());
    }
}
