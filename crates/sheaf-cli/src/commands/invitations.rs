//! `invite`, `join`

use clap::Subcommand;
use serde_json::json;
use sheaf_node::Node;

use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// Make a link that lets someone join a space
    Invite {
        /// The space: its id, the beginning of it, or its name
        space: String,
        /// What they may do: owner, editor, commenter or viewer
        #[arg(long)]
        role: String,
    },
    /// Join the space a link invites to
    Join {
        /// The link, `sheaf://join/…`
        link: String,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Invite { space, role } => {
            let space = node.find_space(&space).await?;
            let link = node.invite(&space.id, &role).await?;
            eprintln!("Whoever holds this link can join “{}” as {role}, and read all of it.", space.name);
            output::print(global.json, &json!({ "link": link, "space": space.id, "role": role }), |_| link.clone());
        }
        Command::Join { link } => {
            let space = node.join(&link).await?;
            output::print(global.json, &space, |space| space.id.clone());
        }
    }
    Ok(())
}
