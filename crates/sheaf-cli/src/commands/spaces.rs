//! `space`

use clap::Subcommand;
use sheaf_node::{Node, SpaceInfo};

use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// Make a space
    New {
        /// Its name
        name: String,
    },
    /// List the spaces
    List,
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::New { name } => {
            let space = node.create_space(&name).await?;
            output::print(global.json, &space, |space| space.id.clone());
        }
        Command::List => {
            let spaces = node.spaces().await?;
            output::print(global.json, &spaces, |spaces| spaces.iter().map(line).collect::<Vec<_>>().join("\n"));
        }
    }
    Ok(())
}

fn line(space: &SpaceInfo) -> String {
    let people = match (space.private, space.people) {
        (true, _) => "private".to_owned(),
        (false, 1) => "1 person".to_owned(),
        (false, n) => format!("{n} people"),
    };
    let role = space.role.as_deref().unwrap_or("joining");
    format!("{}  {}  ({role}, {people})", space.id, space.name)
}
