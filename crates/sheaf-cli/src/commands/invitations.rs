//! `invite`, `invitations`, `invitation cancel`, `join`

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use serde_json::json;
use sheaf_node::{InvitationInfo, InvitationState, Node};

use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// Make a link that lets someone join a space
    Invite {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
        /// What they may do: owner, editor, commenter or viewer
        #[arg(long)]
        role: String,
        /// How many may join by it [default: any number]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        uses: Option<u32>,
        /// For how long it can be used: a number and s, m, h, d or w, as in 7d [default: until it is cancelled]
        #[arg(long, value_name = "TIME", value_parser = duration)]
        expires: Option<Duration>,
    },
    /// List the open invitations to a space
    Invitations {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
    },
    /// Invitations that have been made
    #[command(subcommand)]
    Invitation(One),
    /// Join the space a link invites to
    Join {
        /// The link, `sheaf://join/…`
        link: String,
    },
}

#[derive(Subcommand)]
pub enum One {
    /// Close an invitation: nobody joins or reads by it any more
    Cancel {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
        /// The invitation: its id, or its first letters (4 or more)
        id: String,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Invite { space, role, uses, expires } => {
            let space = node.find_space(&space).await?;
            let link = node.invite(&space.id, &role, uses, expires).await?;
            eprintln!("Whoever holds this link can join “{}” as {role}, and read all of it.", space.name);
            output::print(global.json, &json!({ "link": link, "space": space.id, "role": role }), |_| link.clone());
        }
        Command::Invitations { space } => {
            let space = node.find_space(&space).await?;
            let invitations = node.invitations(&space.id).await?;
            output::print(global.json, &invitations, |invitations| {
                let now = SystemTime::now();
                let rows: Vec<[String; 5]> = invitations.iter().map(|invitation| row(invitation, now)).collect();
                output::table(&rows)
            });
        }
        Command::Invitation(One::Cancel { space, id }) => {
            let space = node.find_space(&space).await?;
            node.cancel_invitation(&space.id, &id).await?;
            output::print(global.json, &json!({ "id": id, "space": space.id }), |_| {
                "The invitation is closed: nobody joins or reads by it any more.".to_owned()
            });
        }
        Command::Join { link } => {
            let space = node.join(&link).await?;
            // Whoever had not heard yet that they were removed hears it now.
            if let Some(removed) = space.removed() {
                return Err(removed.into());
            }
            output::print(global.json, &space, |space| space.id.clone());
        }
    }
    Ok(())
}

/// The link stands last, because it is long.
fn row(invitation: &InvitationInfo, now: SystemTime) -> [String; 5] {
    let used = match invitation.uses {
        Some(uses) => format!("{} of {uses} used", invitation.used),
        None => format!("{} used", invitation.used),
    };
    let state = match (invitation.state, invitation.expires) {
        (InvitationState::Expired, _) => "expired".to_owned(),
        (InvitationState::UsedUp, _) => "used up".to_owned(),
        (InvitationState::Open, None) => "open".to_owned(),
        (InvitationState::Open, Some(at)) => format!("open for {}", left(at, now)),
    };
    let link = invitation.link.clone().unwrap_or_else(|| "(the link is on the device that made it)".to_owned());
    [output::short(&invitation.id), invitation.role.clone(), used, state, link]
}

fn left(at: u64, now: SystemTime) -> String {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let seconds = u128::from(at).saturating_sub(now) / 1000;
    // To the nearest: what was made a moment ago for seven days is open for seven, not for six.
    let rounded = |size: u128| (seconds + size / 2) / size;
    let unit = |size: u128, name: &str| output::count(usize::try_from(rounded(size)).unwrap_or(usize::MAX), name);
    if seconds < 60 {
        "less than a minute".to_owned()
    } else if rounded(60) < 60 {
        unit(60, "minute")
    } else if rounded(3_600) < 24 {
        unit(3_600, "hour")
    } else {
        unit(86_400, "day")
    }
}

/// A number and a unit, as in `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time: write a number and s, m, h, d or w, as in 30m or 7d");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    match u64::from(number) * seconds {
        0 => Err("an invitation that expires at once invites nobody".to_owned()),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_to_the_nearest() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let said = |seconds: u64| left((1_000_000 + seconds) * 1_000 - 1, now);
        assert_eq!(said(7 * 86_400), "7 days");
        assert_eq!(said(86_400), "1 day");
        assert_eq!(said(3_600), "1 hour");
        assert_eq!(said(91 * 60), "2 hours");
        assert_eq!(said(30 * 60), "30 minutes");
        assert_eq!(said(59), "less than a minute");
        assert_eq!(left(999_995_000, now), "less than a minute");
    }

    #[test]
    fn times_are_a_number_and_a_unit() {
        let good = [("45s", 45), ("30m", 1_800), ("2h", 7_200), ("7d", 604_800), ("1w", 604_800)];
        for (text, seconds) in good {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "d", "7", "7y", "-1d", "1.5h", "7 d", "99999999999d", "0s", "7д", "ä"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
