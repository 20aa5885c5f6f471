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
    /// Shows the spaces that are kept, or removes one.
    #[command(subcommand)]
    Space(commands::space::Options),
    /// Gives back what need not be kept any more, or says what that would be.
    Gc(commands::gc::Options),
    /// Writes a backup of everything, the relay's keys among it. The relay may run.
    Backup(commands::backup::Options),
    /// Makes the data folder, which is empty or not there, from a backup.
    Restore(commands::backup::Options),
    /// Says what is wrong with a configuration, at which line, or prints what is in force.
    CheckConfig(commands::check_config::Options),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(options) => commands::serve::run(options),
        Command::Space(options) => commands::space::run(options),
        Command::Gc(options) => commands::gc::run(&options),
        Command::Backup(options) => commands::backup::back_up(&options),
        Command::Restore(options) => commands::backup::restore(&options),
        Command::CheckConfig(options) => commands::check_config::run(options),
    }
}
