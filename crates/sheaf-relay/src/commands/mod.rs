//! The commands, one a file.

pub mod backup;
pub mod check_config;
pub mod gc;
pub mod serve;
pub mod space;

use std::path::PathBuf;
use std::process::ExitCode;

use sheaf_relay::config::{Config, Flags, Problems, load};
use sheaf_relay::operate::{self, Answer, Request};

/// Which configuration there is, of every command.
#[derive(clap::Args)]
pub struct Source {
    /// A TOML file with settings; docs/operating.md lists them.
    #[arg(long, env = "SHEAF_RELAY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder everything is kept in.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl Source {
    /// Reads it.
    pub fn load(&self, flags: &Flags) -> Result<Config, Problems> {
        let flags = Flags { data: self.data.clone(), ..flags.clone() };
        // A variable that is not Unicode is none of ours: all of ours are.
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        load(self.config.as_deref(), environment, &flags)
    }
}

/// Asks the relay of these settings, and prints its answer: for people, or as JSON.
fn asked(source: &Source, flags: &Flags, request: &Request, json: bool, print: impl FnOnce(&Answer)) -> ExitCode {
    let config = match source.load(flags) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(2);
        }
    };
    match operate::ask(&config, request) {
        Ok(answer) if json => match serde_json::to_string(&answer) {
            Ok(answer) => {
                println!("{answer}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("sheaf-relay: {error}");
                ExitCode::FAILURE
            }
        },
        Ok(answer) => {
            print(&answer);
            ExitCode::SUCCESS
        }
        Err(refused) => {
            eprintln!("sheaf-relay: {refused}");
            ExitCode::FAILURE
        }
    }
}

/// A moment in milliseconds since 1970, as somebody reads it: how many days ago that was.
fn moment(millis: u64) -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64);
    let hours = now.saturating_sub(millis) / 3_600_000;
    match (hours / 24, hours) {
        (0, 0) => "within the hour".to_owned(),
        (0, hours) => format!("{hours} h ago"),
        (days, _) => format!("{days} days ago"),
    }
}
