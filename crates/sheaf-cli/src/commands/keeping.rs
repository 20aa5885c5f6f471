//! `passphrase`, `recovery-phrase`, `backup`

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use sheaf_node::{Node, NodeError};

use crate::arguments::Global;
use crate::output::{self, Failure};
use crate::unlock;

/// What keeps this home.
#[derive(Subcommand)]
pub enum Command {
    /// Lock this home with a passphrase
    #[command(subcommand)]
    Passphrase(Passphrase),
    /// Write everything this home has into one file, and read it back
    Backup {
        /// The file
        file: PathBuf,
    },
    /// Make a home that was copied from another machine a device of its own; asks for the recovery phrase
    RenewDevice {
        /// A file with the recovery phrase
        #[arg(long, value_name = "FILE")]
        phrase_file: Option<PathBuf>,
    },
    /// Print the 24 words that restore you on a new machine
    RecoveryPhrase {
        /// Print them also where it is not a terminal that shows them
        #[arg(long)]
        show: bool,
        /// Say that they are written down; they are forgotten here, unless a passphrase guards them
        #[arg(long, conflicts_with = "show")]
        written: bool,
    },
}

#[derive(Subcommand)]
pub enum Passphrase {
    /// Set a passphrase, or change it
    Set {
        /// A file whose first line is the new passphrase [default: it is asked for]
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Open this home without a passphrase from now on
    Remove,
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Passphrase(Passphrase::Set { new_passphrase_file }) => {
            let old = current(node, global)?;
            let new = unlock::new_passphrase(new_passphrase_file.as_deref())?;
            node.set_passphrase(old, Some(new)).await?;
            eprintln!(
                "From now on this home opens with the passphrase alone. There is no way round it: who forgets it has the \
                 other devices, a backup from before, and the recovery phrase."
            );
        }
        Command::Passphrase(Passphrase::Remove) => {
            let old = current(node, global)?;
            node.set_passphrase(old, None).await?;
        }
        Command::Backup { file } => {
            let file = std::path::absolute(&file).map_err(|error| Failure::File(file.display().to_string(), error))?;
            let report = node.backup(&file).await?;
            if !report.passphrase {
                eprintln!(
                    "Whoever has this file can read all of it and write as you: no passphrase is set. Keep it safe."
                );
            }
            output::print(global.json, &report, |report| report.file.clone());
            return Ok(());
        }
        Command::RenewDevice { phrase_file } => {
            let phrase = unlock::phrase(phrase_file.as_deref())?;
            let me = node.renew_device(phrase).await?;
            output::print(global.json, &me, |me| me.device.clone());
            return Ok(());
        }
        Command::RecoveryPhrase { show, written } => return phrase(node, global, show, written).await,
    }
    output::print(global.json, &node.protection(), |_| String::new());
    Ok(())
}

/// The passphrase until now, if there is one.
fn current(node: &Node, global: &Global) -> Result<Option<sheaf_node::SecretText>, Failure> {
    if !node.protection().passphrase {
        return Ok(None);
    }
    match unlock::given(global)? {
        None if unlock::can_ask() => unlock::ask("Passphrase until now: ").map(Some),
        given => Ok(given),
    }
}

async fn phrase(node: &Node, global: &Global, show: bool, written: bool) -> Result<(), Failure> {
    if written {
        node.phrase_written().await?;
        output::print(global.json, &node.protection(), |_| String::new());
        return Ok(());
    }
    if !show && !std::io::stdout().is_terminal() {
        let reason = "these words are you. They are printed to a terminal only; --show prints them anyway.";
        return Err(NodeError::BadInput(reason.to_owned()).into());
    }
    let passphrase = current(node, global)?;
    let words = node.recovery_phrase(passphrase).await?;
    eprintln!("Write these words on paper, in this order. Whoever has them is you; who loses them cannot be helped.");
    output::print(global.json, &json!({ "words": *words }), |_| numbered(&words));
    Ok(())
}

fn numbered(words: &[String]) -> String {
    let line = |(row, words): (usize, &[String])| {
        let word = |(at, word): (usize, &String)| format!("{:>2} {word:<9}", row * 4 + at + 1);
        words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    words.chunks(4).enumerate().map(line).collect::<Vec<_>>().join("\n")
}
