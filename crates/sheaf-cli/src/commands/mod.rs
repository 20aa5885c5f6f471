//! The commands, each a few lines round the node: one file for each group, with what its commands take and what they print.

pub mod documents;
pub mod identity;
pub mod invitations;
pub mod keeping;
pub mod network;
pub mod people;
pub mod spaces;

use std::path::PathBuf;

use sheaf_node::{Node, Options};

use crate::arguments::{Arguments, Command, Global};
use crate::output::Failure;
use crate::unlock;

/// Runs one command on the home it names.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { global, command } = arguments;
    let node = open(&global).await?;
    let result = dispatch(&node, &global, command).await;
    // Also after a failure: what was written before it is kept.
    let closed = node.shutdown().await;
    result?;
    Ok(closed?)
}

async fn dispatch(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Identity(command) => identity::run(node, global, command).await,
        Command::Space(command) => spaces::run(node, global, command).await,
        Command::Doc(command) => documents::run(node, global, command).await,
        Command::Invitations(command) => invitations::run(node, global, command).await,
        Command::People(command) => people::run(node, global, command).await,
        Command::Network(command) => network::run(node, global, command).await,
        Command::Keeping(command) => keeping::run(node, global, command).await,
    }
}

async fn open(global: &Global) -> Result<Node, Failure> {
    let home = match &global.home {
        Some(home) => home.clone(),
        None => default_home()?,
    };
    let options = Options { listen: global.listen, discovery: !global.no_discovery, ..Options::of_this_user(home) };
    let node = unlock::open(global, options).await?;
    for notice in node.notices() {
        eprintln!("sheaf: {notice}");
    }
    Ok(node)
}

fn default_home() -> Result<PathBuf, Failure> {
    Ok(sheaf_node::default_home()?)
}
