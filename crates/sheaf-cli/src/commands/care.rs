//! `restore`, `doctor`: what is done to a home that nobody has open.

use std::path::PathBuf;

use clap::Subcommand;
use sheaf_node::{DoctorReport, Node, NodeError, SecretText, Severity, Surroundings};

use crate::arguments::Global;
use crate::output::{self, Failure};
use crate::unlock;

#[derive(Subcommand)]
pub enum Command {
    /// Make this home from a backup; it must be empty
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Look this home over: its lock, its key, its journal, every entry, every record
    Doctor {
        /// Make the store anew from all that is whole in it, in the journal and in the checkpoints, and a broken journal too
        #[arg(long)]
        rebuild: bool,
    },
}

pub async fn run(global: &Global, home: PathBuf, command: Command) -> Result<(), Failure> {
    match command {
        Command::Restore { file } => {
            let restore =
                |passphrase| Node::restore(file.clone(), home.clone(), passphrase, Surroundings::of_this_user());
            let report = with_passphrase(global, restore).await?;
            output::print(global.json, &report, |report| {
                format!("Restored {} entries into {}. It goes on in new logs.", report.entries, report.home)
            });
        }
        Command::Doctor { rebuild } => {
            let look = |passphrase| Node::doctor(home.clone(), passphrase, Surroundings::of_this_user(), rebuild);
            let report = with_passphrase(global, look).await?;
            output::print(global.json, &report, say);
            if !report.healthy {
                return Err(Failure::Unwell);
            }
        }
    }
    Ok(())
}

fn say(report: &DoctorReport) -> String {
    let mark = |severity| match severity {
        Severity::Good => "ok  ",
        Severity::Note => "note",
        Severity::Bad => "BAD ",
    };
    let found =
        report.findings.iter().map(|finding| format!("{}  {}: {}", mark(finding.severity), finding.of, finding.text));
    let repaired = report.repaired.iter().map(|repair| format!("done  {repair}"));
    found.chain(repaired).collect::<Vec<_>>().join("\n")
}

/// Does something with the passphrase that was given, or with the one that is asked for when it is needed.
async fn with_passphrase<R, W>(global: &Global, work: impl Fn(Option<SecretText>) -> W) -> Result<R, Failure>
where
    W: Future<Output = Result<R, NodeError>>,
{
    let given = unlock::given(global)?;
    let can_ask = given.is_none() && unlock::can_ask();
    match work(given).await {
        Err(NodeError::Locked) if can_ask => Ok(work(Some(unlock::ask("Passphrase: ")?)).await?),
        done => Ok(done?),
    }
}
