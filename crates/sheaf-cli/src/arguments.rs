//! What the command line may say.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
}

#[derive(Subcommand)]
pub enum Command {
    /// Begin: a person, a device, and a private space
    Init {
        /// The name others see
        #[arg(long)]
        name: String,
        /// The colour others see, 1 to 8
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
        colour: u8,
    },
    /// Spaces: who shares what
    #[command(subcommand)]
    Space(Space),
    /// Documents
    #[command(subcommand)]
    Doc(Doc),
    /// Make a link that lets someone join a space
    Invite {
        /// The space: its id, the beginning of it, or its name
        space: String,
        /// What they may do: owner, editor, commenter or viewer
        #[arg(long)]
        role: String,
    },
    /// Join the space a link invites to
    Join {
        /// The link, `sheaf://join/…`
        link: String,
    },
    /// Stay up and keep in step with other devices, until stopped
    Online,
    /// Exchange what is new with whoever can be reached
    Sync {
        /// Do it once, report, and exit; fails if nobody could be reached
        #[arg(long, required = true)]
        once: bool,
        /// How long to try, in seconds
        #[arg(long, default_value_t = 20, value_name = "SECONDS")]
        timeout: u64,
    },
}

#[derive(Subcommand)]
pub enum Space {
    /// Make a space
    New {
        /// Its name
        name: String,
    },
    /// List the spaces
    List,
}

#[derive(Subcommand)]
pub enum Doc {
    /// Make a document
    New {
        /// The space it is in [default: the private one]
        #[arg(long)]
        space: Option<String>,
        /// Its title
        title: String,
    },
    /// List the documents
    List {
        /// Only those of one space
        #[arg(long)]
        space: Option<String>,
    },
    /// Print a document
    Show {
        /// The document: its id, the beginning of it, or its title
        doc: String,
        /// How
        #[arg(long, value_enum, default_value_t = ShowFormat::Md)]
        format: ShowFormat,
    },
    /// Make documents from Markdown, HTML, text or Automerge files
    Import {
        /// The space they go to [default: the private one]
        #[arg(long)]
        space: Option<String>,
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write a document to a file
    Export {
        /// The document: its id, the beginning of it, or its title
        doc: String,
        /// How
        #[arg(long, value_enum)]
        format: ExportFormat,
        /// Where to [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Change a document
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Edit {
        /// The document: its id, the beginning of it, or its title
        doc: String,
        /// Add a paragraph at the end
        #[arg(long, value_name = "TEXT", group = "what")]
        append: Option<String>,
        /// Make it say what a Markdown file says; only the difference is written, the history stays
        #[arg(long, value_name = "FILE.md", group = "what")]
        from: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ShowFormat {
    Md,
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ExportFormat {
    Md,
    Html,
    Automerge,
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
