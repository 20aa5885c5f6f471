//! The commands, each a few lines round the node.

mod documents;
mod network;
mod spaces;

use std::path::PathBuf;

use sheaf_node::{Node, Options};

use crate::arguments::{Arguments, Command, Global};
use crate::output::{self, Failure};

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
        Command::Init { name, colour } => {
            let me = node.init(&name, colour).await?;
            output::print(global.json, &me, |me| me.person.clone());
            Ok(())
        }
        Command::Space(command) => spaces::run(node, global, command).await,
        Command::Doc(command) => documents::run(node, global, command).await,
        Command::Invite { space, role } => spaces::invite(node, global, &space, &role).await,
        Command::Join { link } => spaces::join(node, global, &link).await,
        Command::Online => network::online(node, global).await,
        Command::Sync { once: _, timeout } => network::sync_once(node, global, timeout).await,
    }
}

async fn open(global: &Global) -> Result<Node, Failure> {
    let home = match &global.home {
        Some(home) => home.clone(),
        None => default_home()?,
    };
    let node = Node::open(Options { home, listen: global.listen, discovery: !global.no_discovery }).await?;
    for notice in node.notices() {
        eprintln!("sheaf: {notice}");
    }
    Ok(node)
}

fn default_home() -> Result<PathBuf, Failure> {
    Ok(sheaf_node::default_home()?)
}
