//! `sheaf-relay backup` and `sheaf-relay restore`

use std::path::PathBuf;
use std::process::ExitCode;

use sheaf_relay::config::Flags;
use sheaf_relay::operate::{self, Answer, Request};

use super::{Source, asked};

/// What both take.
#[derive(clap::Args)]
pub struct Options {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    source: Source,
}

/// Writes a backup, also of a relay that runs.
pub fn back_up(options: &Options) -> ExitCode {
    // The relay that is asked may be in another folder.
    let file = match std::path::absolute(&options.file) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("sheaf-relay: {}: {error}", options.file.display());
            return ExitCode::FAILURE;
        }
    };
    asked(&options.source, &Flags::default(), &Request::BackUp(file.clone()), false, |answer| {
        if let Answer::BackedUp(entries) = answer {
            println!(
                "{entries} entries are in {}. It holds the relay's keys: keep it where nobody else reads it.",
                file.display()
            );
        }
    })
}

/// Makes a data folder from a backup.
pub fn restore(options: &Options) -> ExitCode {
    let config = match options.source.load(&Flags::default()) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(2);
        }
    };
    match operate::restore(&options.file, &config.data) {
        Ok(entries) => {
            println!(
                "{entries} entries are in {} now. What came after the backup comes again from the members' devices.",
                config.data.display()
            );
            ExitCode::SUCCESS
        }
        Err(refused) => {
            eprintln!("sheaf-relay: {refused}");
            ExitCode::FAILURE
        }
    }
}
