//! The commands, each a few lines round the node: one file for each group, with what its commands take and what they print.

pub mod care;
pub mod checkpoint;
pub mod devices;
pub mod documents;
pub mod identity;
pub mod invitations;
pub mod keeping;
pub mod library;
pub mod network;
pub mod people;
pub mod relays;
pub mod search;
pub mod set_aside;
pub mod spaces;
pub mod transfer;
pub mod verify;

use std::io;
use std::path::{Path, PathBuf};

use sheaf_node::{Node, NodeError, Options};

use crate::arguments::{Arguments, Command, Global};
use crate::output::Failure;
use crate::unlock;

/// Runs one command on the home it names.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { global, command } = arguments;
    let command = match command {
        // These look at a home that nobody has open, or make one.
        Command::Care(command) => return care::run(&global, home(&global)?, command).await,
        command => command,
    };
    // Whoever asks in the wrong folder is not left with a home in it.
    if !may_begin(&command) && is_empty(&home(&global)?) {
        return Err(NodeError::NotInitialised.into());
    }
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
        Command::Transfer(command) => transfer::run(node, global, command).await,
        Command::Search(command) => search::run(node, global, command).await,
        Command::Invitations(command) => invitations::run(node, global, command).await,
        Command::People(command) => people::run(node, global, command).await,
        Command::SetAside(command) => set_aside::run(node, global, command).await,
        Command::Checkpoint(command) => checkpoint::run(node, global, command).await,
        Command::Devices(command) => devices::run(node, global, command).await,
        Command::Relay(command) => relays::run(node, global, command).await,
        Command::Network(command) => network::run(node, global, command).await,
        Command::Keeping(command) => keeping::run(node, global, command).await,
        Command::Verify(command) => verify::run(node, global, command).await,
        Command::Care(command) => care::run(global, home(global)?, command).await,
    }
}

async fn open(global: &Global) -> Result<Node, Failure> {
    let home = home(global)?;
    let options = Options { listen: global.listen, discovery: !global.no_discovery, ..Options::of_this_user(home) };
    let node = unlock::open(global, options).await?;
    for notice in node.notices() {
        eprintln!("sheaf: {notice}");
    }
    Ok(node)
}

/// Whether a command has a meaning where there is no home yet.
fn may_begin(command: &Command) -> bool {
    matches!(
        command,
        Command::Identity(identity::Command::Init { .. })
            | Command::Devices(
                devices::Command::Recover { .. } | devices::Command::Device(devices::Device::Pair { code: None, .. })
            )
            | Command::Keeping(keeping::Command::Passphrase(keeping::Passphrase::Set { .. }))
            | Command::Relay(_)
    )
}

/// Whether a folder is not there, or has nothing in it. What cannot be looked at is for the node to name.
fn is_empty(folder: &Path) -> bool {
    match folder.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn home(global: &Global) -> Result<PathBuf, Failure> {
    match &global.home {
        Some(home) => Ok(home.clone()),
        None => Ok(sheaf_node::default_home()?),
    }
}
