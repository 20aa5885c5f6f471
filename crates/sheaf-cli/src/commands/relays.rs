//! `relay add|list|remove`

use std::time::Duration;

use clap::Subcommand;
use sheaf_node::{Node, NodeError, RelayAnswer, RelayInfo, RelaySpace};

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
        /// How long to wait for the relay's answer, in seconds
        #[arg(long, default_value_t = 20, value_name = "SECONDS")]
        wait: u64,
    },
    /// List the relays that your spaces are kept at
    List {
        /// Only those of this space: its id, its first letters (4 or more), or its name
        #[arg(long)]
        space: Option<String>,
    },
    /// Say which relay this device has new spaces kept at, or see it
    Default {
        /// The relay's link, or `none`
        link: Option<String>,
    },
    /// Have spaces kept at a relay no more
    Remove {
        /// The relay: its id, or its first letters (4 or more)
        relay: String,
        /// Only this space: its id, its first letters (4 or more), or its name [default: all that you own]
        #[arg(long)]
        space: Option<String>,
        /// Even if the space's other relays do not have everything that this one has
        #[arg(long)]
        anyway: bool,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add { link, space, wait } => {
            let space = find(node, space).await?;
            let wait = Duration::from_secs(wait);
            let spaces = node.add_relay_and_wait(&link, space.as_deref(), wait).await?;
            output::print(global.json, &spaces, |spaces| answers(spaces));
            if let Some(refused) = spaces.iter().find(|space| space.answer == Some(RelayAnswer::Refuses)) {
                return Err(NodeError::RelayRefused(refusal(refused)).into());
            }
        }
        Command::List { space } => {
            let space = find(node, space).await?;
            let relays = node.relays(space.as_deref()).await?;
            output::print(global.json, &relays, |relays| output::table(&relays.iter().map(row).collect::<Vec<_>>()));
        }
        Command::Default { link } => {
            if let Some(link) = link {
                node.set_usual_relay((link != "none").then_some(link.as_str())).await?;
            }
            let relays: Vec<RelayInfo> = node.usual_relay()?.into_iter().collect();
            output::print(global.json, &relays, |relays| match relays.first() {
                Some(relay) => format!("New spaces are kept at {}  {}", relay.id, relay.addresses.join(" ")),
                None => "New spaces are kept at no relay".to_owned(),
            });
        }
        Command::Remove { relay, space, anyway } => {
            let space = find(node, space).await?;
            let spaces = if anyway {
                node.remove_relay_anyway(&relay, space.as_deref()).await?
            } else {
                node.remove_relay(&relay, space.as_deref()).await?
            };
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

/// The spaces, and what the relay says to each.
fn answers(spaces: &[RelaySpace]) -> String {
    let answer = |space: &RelaySpace| match space.answer {
        Some(RelayAnswer::Keeps) => "kept there: all of it has arrived",
        Some(RelayAnswer::Receives) => "kept there; the rest goes out when this device is online (`sheaf sync --once`)",
        Some(RelayAnswer::Refuses) => "not kept there",
        Some(RelayAnswer::Silent) | None => "no answer yet; it is called whenever this device is online",
    };
    let row = |space: &RelaySpace| [space.id.clone(), space.name.clone(), answer(space).to_owned()];
    output::table(&spaces.iter().map(row).collect::<Vec<_>>())
}

/// Why a relay does not keep a space, and what that leaves.
fn refusal(space: &RelaySpace) -> String {
    let RelaySpace { name, reason, .. } = space;
    let reason = reason.as_deref().unwrap_or("it does not say why.");
    format!(
        "the relay does not keep “{name}”: {reason} Nothing is lost. The space names the relay from now on, and asks it again \
         each time; `sheaf relay remove` takes that back."
    )
}

fn row(relay: &RelayInfo) -> [String; 3] {
    let names: Vec<&str> = relay.spaces.iter().map(|space| space.name.as_str()).collect();
    [relay.id.clone(), relay.addresses.join(" "), names.join(", ")]
}
