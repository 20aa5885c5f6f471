//! What the command line may say: the flags that every command takes, and the groups of commands. What each command takes
//! stands beside the command.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    care, checkpoint, devices, documents, identity, invitations, keeping, network, people, relays, search, set_aside,
    spaces, transfer, verify,
};

/// Write together, offline first, with nobody's cloud.
#[derive(Parser)]
#[command(name = "sheaf", version, about, propagate_version = true)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes, before or after its name.
#[derive(Args)]
pub struct Global {
    /// The folder that holds everything [default: the user's data folder]
    #[arg(long, global = true, env = "SHEAF_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Print one JSON object or list instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// The address other devices can call this one at
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Neither look for devices on this network, nor be found
    #[arg(long, global = true)]
    pub no_discovery: bool,
    /// A file whose first line is this home's passphrase; SHEAF_PASSPHRASE may hold it too
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// All commands, group by group, in the order in which the help lists them.
#[derive(Subcommand)]
pub enum Command {
    #[command(flatten)]
    Identity(identity::Command),
    /// Spaces: who shares what
    #[command(subcommand)]
    Space(spaces::Command),
    /// Documents
    #[command(subcommand)]
    Doc(documents::Command),
    #[command(flatten)]
    Transfer(transfer::Command),
    #[command(flatten)]
    Search(search::Command),
    #[command(flatten)]
    Invitations(invitations::Command),
    #[command(flatten)]
    People(people::Command),
    /// Work that does not count: whose it is, what it says, and adopting it
    #[command(subcommand)]
    SetAside(set_aside::Command),
    #[command(flatten)]
    Devices(devices::Command),
    #[command(flatten)]
    Checkpoint(checkpoint::Command),
    /// Relays: nodes that keep spaces while devices are closed
    #[command(subcommand)]
    Relay(relays::Command),
    #[command(flatten)]
    Network(network::Command),
    #[command(flatten)]
    Keeping(keeping::Command),
    #[command(flatten)]
    Verify(verify::Command),
    #[command(flatten)]
    Care(care::Command),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn global_flags_are_taken_before_and_after_the_command() {
        for line in ["sheaf --json --home /h space list", "sheaf space list --json --home /h"] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert!(arguments.global.json);
            assert_eq!(arguments.global.home.unwrap(), PathBuf::from("/h"));
        }
    }

    #[test]
    fn an_edit_wants_exactly_one_way() {
        assert!(Arguments::try_parse_from(["sheaf", "doc", "edit", "d"]).is_err());
        assert!(Arguments::try_parse_from(["sheaf", "doc", "edit", "d", "--append", "a", "--from", "b.md"]).is_err());
    }
}
