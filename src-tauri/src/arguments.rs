//! The command line of the app: the same flags as the `sheaf` command's.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;

/// Write together, without a server.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "sheaf-desktop", version)]
pub struct Arguments {
    /// Use this data folder instead of the usual one.
    #[arg(long, value_name = "DIR", env = "SHEAF_HOME")]
    pub home: Option<PathBuf>,
    /// Listen for other devices here, for example 0.0.0.0:4433. Without it, a free port is taken.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Neither announce this device on the local network nor look for others there.
    #[arg(long)]
    pub no_discovery: bool,
    /// A link to open, `sheaf://…`: what the system passes when one is clicked.
    #[arg(value_name = "LINK")]
    pub link: Option<String>,
}
