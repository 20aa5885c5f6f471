//! `space`

use clap::Subcommand;
use serde_json::json;
use sheaf_node::{Ended, Errand, NewSpaceRelay, Node, SpaceInfo};

use crate::arguments::Global;
use crate::commands::people::agreed;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// Make a space
    New {
        /// Its name
        name: String,
        /// Where it is kept while devices are closed: a relay's link, or `none` [default: see `sheaf relay default`]
        #[arg(long, value_name = "LINK")]
        relay: Option<String>,
    },
    /// List the spaces
    List,
    /// Go on as a new space of your own, with a copy of every document: for a space that has no owner left
    Continue {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
        /// What the new one is called [default: as the old one]
        #[arg(long)]
        name: Option<String>,
    },
    /// Take a space that you are no longer in off the list; export what you want of it first
    Forget {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::New { name, relay } => {
            let relay = match relay.as_deref() {
                None => NewSpaceRelay::Usual,
                Some("none") => NewSpaceRelay::Nowhere,
                Some(link) => NewSpaceRelay::At(link.to_owned()),
            };
            let space = node.create_space_at(&name, relay).await?;
            output::print(global.json, &space, |space| space.id.clone());
        }
        Command::List => {
            let spaces = node.spaces().await?;
            output::print(global.json, &spaces, |spaces| spaces.iter().map(line).collect::<Vec<_>>().join("\n"));
        }
        Command::Continue { space, name } => {
            let old = node.find_space(&space).await?;
            let made = node.begin_anew(&old.id, name.as_deref().unwrap_or(&old.name), &Errand::default()).await?;
            eprintln!("“{}” is yours. Invite the others to it; “{}” stays as it is.", made.name, old.name);
            output::print(global.json, &made, |made| made.id.clone());
        }
        Command::Forget { space, yes } => {
            let space = node.find_space(&space).await?;
            let name = if space.name.is_empty() { output::short(&space.id) } else { space.name };
            if !yes && !agreed(&format!("Take “{name}” off your list? Nothing of it can be read here then.")) {
                return Err(Failure::Declined);
            }
            node.forget_space(&space.id).await?;
            output::print(global.json, &json!({ "space": space.id }), |_| {
                format!("“{name}” is off your list. What was stored of it stays sealed in this home.")
            });
        }
    }
    Ok(())
}

/// A space, and how this person stands in it.
pub fn line(space: &SpaceInfo) -> String {
    let people = match (space.private, space.people) {
        (true, _) => "private".to_owned(),
        (false, 1) => "1 person".to_owned(),
        (false, n) => format!("{n} people"),
    };
    let standing = match (&space.role, &space.ended) {
        (Some(role), _) => role.clone(),
        (None, Some(ended)) => how(ended),
        (None, None) => "joining".to_owned(),
    };
    format!("{}  {}  ({standing}, {people})", space.id, space.name)
}

/// How someone's time in a space ended.
fn how(ended: &Ended) -> String {
    match ended {
        Ended { late: true, .. } => {
            "not yours: the invitation had been closed before anyone heard that you had joined".into()
        }
        Ended { device: true, .. } => "you removed this device".into(),
        Ended { left: true, .. } => "you left".into(),
        Ended { by, .. } if by.is_empty() => "you were removed".into(),
        Ended { by, .. } => format!("{by} removed you"),
    }
}
