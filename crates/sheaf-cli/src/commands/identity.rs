//! `init`, `whoami`, `profile`

use clap::Subcommand;
use sheaf_node::{Me, Node, NodeError};

use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// Begin: a person, a device, and a private space
    Init {
        /// The name others see
        #[arg(long)]
        name: String,
        /// The colour others see, 1 to 8 [default: one that follows from who you are]
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
        colour: Option<u8>,
    },
    /// Say who this is, and on which device
    Whoami,
    /// Show the name and colour others see, or change them
    Profile {
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// The new colour, 1 to 8
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
        colour: Option<u8>,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Init { name, colour } => {
            let me = node.init(&name, colour).await?;
            output::print(global.json, &me, |me| me.person.clone());
        }
        Command::Whoami => output::print(global.json, &who(node)?, |me| {
            output::table(&[
                ["Name", me.name.as_str()],
                ["Colour", &me.colour.to_string()],
                ["Person", &me.person],
                ["Device", &me.device],
            ])
        }),
        Command::Profile { name, colour } => {
            let mut me = who(node)?;
            if name.is_some() || colour.is_some() {
                me = node.set_profile(name.as_deref().unwrap_or(&me.name), colour.unwrap_or(me.colour)).await?;
            }
            output::print(global.json, &me, |me| {
                output::table(&[["Name", me.name.as_str()], ["Colour", &me.colour.to_string()]])
            });
        }
    }
    Ok(())
}

fn who(node: &Node) -> Result<Me, NodeError> {
    node.me().ok_or(NodeError::NotInitialised)
}
