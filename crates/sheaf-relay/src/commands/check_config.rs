//! `sheaf-relay check-config`

use std::path::PathBuf;
use std::process::ExitCode;

use sheaf_relay::config::{Flags, in_force};

use super::Source;

/// What `check-config` takes.
#[derive(clap::Args)]
pub struct Options {
    /// The file to check; otherwise the one a relay would use.
    file: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
}

/// Says what is wrong with a configuration, or what it comes to.
pub fn run(options: Options) -> ExitCode {
    let source = match options.file {
        Some(file) => Source { config: Some(file), ..options.source },
        None => options.source,
    };
    match source.load(&Flags::default()) {
        Ok(config) => {
            print!("{}", in_force(&config));
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::from(2)
        }
    }
}
