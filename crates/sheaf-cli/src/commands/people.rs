//! `members`, `role`, `revoke`, `leave`, `compare`, `verified`

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;
use sheaf_node::{InvitationState, MemberInfo, Node};

use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// List who shares a space, and what each may do
    Members {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
    },
    /// Let someone do more or less in a space
    Role {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
        /// Who: their id, its first letters (4 or more), or their name
        person: String,
        /// What they may do: owner, editor, commenter or viewer
        role: String,
    },
    /// Remove someone from a space: from then on nothing new reaches them. The links that are open are cancelled too
    Revoke {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
        /// Who: their id, its first letters (4 or more), or their name
        person: String,
        /// Cancel no links: whoever still has one that is open, this person too, can read by it and join again
        #[arg(long)]
        keep_invitations: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Leave a space; what is here of it stays readable here
    Leave {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Print the words to compare with someone, over a channel you trust
    Compare {
        /// Who: their id, its first letters (4 or more), or their name
        person: String,
    },
    /// Note that the words were the same on both sides
    Verified {
        /// Who: their id, its first letters (4 or more), or their name
        person: String,
        /// They were not, or it is no longer certain
        #[arg(long)]
        not: bool,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Members { space } => members(node, global, &space).await,
        Command::Role { space, person, role } => {
            let space = node.find_space(&space).await?;
            let member = node.set_role(&space.id, &person, &role).await?;
            output::print(global.json, &member, |member| {
                format!("{} is now {} in “{}”.", called(member), article(&member.role), space.name)
            });
            Ok(())
        }
        Command::Revoke { space, person, keep_invitations, yes } => {
            revoke(node, global, (&space, &person), keep_invitations, yes).await
        }
        Command::Leave { space, yes } => leave(node, global, &space, yes).await,
        Command::Compare { person } => {
            let words = node.compare_words(&person).await?;
            eprintln!("Ask them to run the same with your name. If all words are the same, in this order, it is them:");
            output::print(global.json, &words, |words| words.join(" "));
            Ok(())
        }
        Command::Verified { person, not } => {
            node.set_verified(&person, !not).await?;
            output::print(global.json, &json!({ "person": person, "verified": !not }), |_| String::new());
            Ok(())
        }
    }
}

async fn members(node: &Node, global: &Global, space: &str) -> Result<(), Failure> {
    let space = node.find_space(space).await?;
    let members = node.members(&space.id).await?;
    if !members.is_empty() && members.iter().all(|member| member.role != "owner") {
        eprintln!(
            "“{}” has no owner any more: nobody can invite, remove anyone or change a role here, and that stays so. What is \
             written goes on reaching everyone. `sheaf space continue` goes on as a new space of your own.",
            space.name
        );
    }
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

fn article(role: &str) -> String {
    if role.starts_with(['a', 'e', 'i', 'o', 'u']) { format!("an {role}") } else { format!("a {role}") }
}

async fn revoke(
    node: &Node,
    global: &Global,
    (space, person): (&str, &str),
    keep_invitations: bool,
    yes: bool,
) -> Result<(), Failure> {
    let space = node.find_space(space).await?;
    let member = node.find_member(&space.id, person).await?;
    let name = called(&member);
    let mut open = node.invitations(&space.id).await?;
    open.retain(|invitation| invitation.state == InvitationState::Open);
    let links = match open.len() {
        0 => String::new(),
        count if keep_invitations => {
            format!(" {} still open: whoever has one, {name} too, reads and joins by it.", output::count(count, "link"))
        }
        1 => " The link that is open is cancelled too.".to_owned(),
        count => format!(" The {count} links that are open are cancelled too."),
    };
    let question =
        format!("Remove {name} from “{}”? They keep what they have; nothing new reaches them.{links}", space.name);
    if !yes && !agreed(&question) {
        return Err(Failure::Declined);
    }
    // Nothing is cancelled for a removal that is refused.
    let cancelled = if keep_invitations || !member.can_change { &[][..] } else { &open };
    // The links first: one that is open lets whoever holds it in again.
    for invitation in cancelled {
        node.cancel_invitation(&space.id, &invitation.id).await?;
    }
    let removed = node.revoke(&space.id, &member.id).await?;
    let answer = Removed { member: removed, cancelled_invitations: cancelled.len() };
    output::print(global.json, &answer, |_| format!("{name} is no longer in “{}”.{links}", space.name));
    Ok(())
}

/// Who was removed, as they were, and how many invitations were cancelled with that.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Removed {
    #[serde(flatten)]
    member: MemberInfo,
    cancelled_invitations: usize,
}

async fn leave(node: &Node, global: &Global, space: &str, yes: bool) -> Result<(), Failure> {
    let space = node.find_space(space).await?;
    if !yes && !agreed(&format!("Leave “{}”? Only a new invitation brings you back.", space.name)) {
        return Err(Failure::Declined);
    }
    node.leave(&space.id).await?;
    output::print(global.json, &json!({ "space": space.id }), |_| format!("You have left “{}”.", space.name));
    Ok(())
}

/// Asks whoever sits at the terminal. Where nobody does, the command itself is the answer.
pub fn agreed(question: &str) -> bool {
    if !io::stdin().is_terminal() {
        return true;
    }
    eprint!("{question} [y/N] ");
    // Without the question nothing is agreed to.
    if io::stderr().flush().is_err() {
        return false;
    }
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
