//! `sheaf-relay`: the relay's program.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "sheaf-relay",
    version,
    about = "Keeps a team in step while its laptops are closed. It cannot read a word."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until it is stopped, and prints the link to give to people.
    Serve(commands::serve::Options),
    /// Says what is wrong with a configuration, at which line, or prints what is in force.
    CheckConfig(commands::check_config::Options),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(options) => commands::serve::run(options),
        Command::CheckConfig(options) => commands::check_config::run(options),
    }
}
