//! `relay add|list|remove`

use clap::Subcommand;
use sheaf_node::{Node, RelayInfo, RelaySpace};

use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// Have spaces kept at a relay, for everyone in them
    Add {
        /// The link that whoever runs the relay gave you: sheaf-relay://…
        link: String,
        /// Only this space: its id, its first letters (4 or more), or its name [default: all that you own]
        #[arg(long)]
        space: Option<String>,
    },
    /// List the relays that your spaces are kept at
    List {
        /// Only those of this space: its id, its first letters (4 or more), or its name
        #[arg(long)]
        space: Option<String>,
    },
    /// Have spaces kept at a relay no more
    Remove {
        /// The relay: its id, or its first letters (4 or more)
        relay: String,
        /// Only this space: its id, its first letters (4 or more), or its name [default: all that you own]
        #[arg(long)]
        space: Option<String>,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add { link, space } => {
            let space = find(node, space).await?;
            let spaces = node.add_relay(&link, space.as_deref()).await?;
            output::print(global.json, &spaces, |spaces| rows(spaces));
        }
        Command::List { space } => {
            let space = find(node, space).await?;
            let relays = node.relays(space.as_deref()).await?;
            output::print(global.json, &relays, |relays| output::table(&relays.iter().map(row).collect::<Vec<_>>()));
        }
        Command::Remove { relay, space } => {
            let space = find(node, space).await?;
            let spaces = node.remove_relay(&relay, space.as_deref()).await?;
            output::print(global.json, &spaces, |spaces| rows(spaces));
        }
    }
    Ok(())
}

async fn find(node: &Node, space: Option<String>) -> Result<Option<String>, Failure> {
    match space {
        Some(space) => Ok(Some(node.find_space(&space).await?.id)),
        None => Ok(None),
    }
}

fn rows(spaces: &[RelaySpace]) -> String {
    output::table(&spaces.iter().map(|space| [space.id.clone(), space.name.clone()]).collect::<Vec<_>>())
}

fn row(relay: &RelayInfo) -> [String; 3] {
    let names: Vec<&str> = relay.spaces.iter().map(|space| space.name.as_str()).collect();
    [relay.id.clone(), relay.addresses.join(" "), names.join(", ")]
}
