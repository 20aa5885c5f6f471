//! The commands, one a file.

pub mod check_config;
pub mod serve;

use std::path::PathBuf;

use sheaf_relay::config::{Config, Flags, Problems, load};

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
