//! `sheaf-relay gc`

use std::process::ExitCode;

use sheaf_relay::config::Flags;
use sheaf_relay::operate::{Answer, Request};

use super::{Source, asked, moment};

/// What `gc` takes.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// Only says what would be given back.
    #[arg(long)]
    dry_run: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Gives back what need not be kept, as a running relay does by itself every `retention.sweep`.
pub fn run(options: &Options) -> ExitCode {
    let request = Request::Tidy { dry_run: options.dry_run };
    let [pruned, removed, deleted] = if options.dry_run {
        ["would prune", "would remove", "would delete"]
    } else {
        ["pruned", "removed", "deleted"]
    };
    asked(&options.source, &Flags::default(), &request, options.json, |answer| {
        let Answer::Tidied(tidied) = answer else { return };
        for (space, entries, bytes) in &tidied.pruned {
            println!("{pruned} {entries} entries ({bytes} bytes) of {space}");
        }
        for (space, seen) in &tidied.abandoned {
            println!("{removed} {space}, for which nobody has come since {}", moment(*seen));
        }
        match tidied.blobs {
            Some((count, bytes)) => println!("{deleted} {count} blobs ({bytes} bytes) that no checkpoint names"),
            None => println!("blobs that no checkpoint names are looked for when the relay is stopped"),
        }
        if !options.dry_run {
            println!("dropped {} bytes of the journal", tidied.journal);
        }
    })
}
