//! `space`, `invite`, `join`

use serde_json::json;
use sheaf_node::{Node, SpaceInfo};

use crate::arguments::{Global, Space};
use crate::output::{self, Failure};

pub async fn run(node: &Node, global: &Global, command: Space) -> Result<(), Failure> {
    match command {
        Space::New { name } => {
            let space = node.create_space(&name).await?;
            output::print(global.json, &space, |space| space.id.clone());
        }
        Space::List => {
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

pub async fn invite(node: &Node, global: &Global, space: &str, role: &str) -> Result<(), Failure> {
    let space = node.find_space(space).await?;
    let link = node.invite(&space.id, role).await?;
    eprintln!("Whoever holds this link can join “{}” as {role}, and read all of it.", space.name);
    output::print(global.json, &json!({ "link": link, "space": space.id, "role": role }), |_| link.clone());
    Ok(())
}

pub async fn join(node: &Node, global: &Global, link: &str) -> Result<(), Failure> {
    let space = node.join(link).await?;
    output::print(global.json, &space, |space| space.id.clone());
    Ok(())
}
