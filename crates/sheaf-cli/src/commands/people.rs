//! `members`

use clap::Subcommand;
use sheaf_node::{MemberInfo, Node};

use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// List who shares a space, and what each may do
    Members {
        /// The space: its id, the beginning of it, or its name
        space: String,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Members { space } => members(node, global, &space).await,
    }
}

async fn members(node: &Node, global: &Global, space: &str) -> Result<(), Failure> {
    let space = node.find_space(space).await?;
    let members = node.members(&space.id).await?;
    output::print(global.json, &members, |members| {
        let rows: Vec<[String; 4]> = members.iter().map(row).collect();
        output::table(&rows)
    });
    Ok(())
}

/// The name stands last: it is the one column whose width on a screen is not the number of its characters.
fn row(member: &MemberInfo) -> [String; 4] {
    let notes = [(member.you, "you"), (member.founder, "founder"), (member.verified && !member.you, "verified")];
    let notes: Vec<&str> = notes.into_iter().filter(|(is, _)| *is).map(|(_, note)| note).collect();
    let name = if notes.is_empty() { called(member) } else { format!("{} ({})", called(member), notes.join(", ")) };
    [output::short(&member.id), member.role.clone(), output::count(member.devices, "device"), name]
}

fn called(member: &MemberInfo) -> String {
    if member.name.is_empty() { "(name not known yet)".to_owned() } else { member.name.clone() }
}
