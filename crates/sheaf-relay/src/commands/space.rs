//! `sheaf-relay space`

use std::process::ExitCode;

use sheaf_relay::config::Flags;
use sheaf_relay::operate::{Answer, Others, Request};

use super::{Source, asked, moment};

/// What is said of a removal that the other relays of the cluster know of.
const EVERYWHERE: &str = "The other relays of its cluster remove it too: those that run now, the others when they do.";
/// And of one that they do not know of yet.
const LATER: &str = "The other relays of its cluster hear of it as soon as this one runs and reaches the NATS servers. They keep the \
space until then; this one does not take it in again before.";

/// What `space` takes.
#[derive(clap::Subcommand)]
pub enum Options {
    /// Shows the spaces that are kept: how much, and when a member was last here.
    List(Common),
    /// Shows one: members, logs, checkpoints, who wrote how much. Ids only; names a relay does not know.
    Show(One),
    /// Removes one for good: in a cluster from all relays. Its members keep what they have; while their devices are let in, they may
    /// bring it again.
    Remove(Removing),
}

/// What all of them take.
#[derive(clap::Args)]
pub struct Common {
    #[command(flatten)]
    source: Source,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// A space.
#[derive(clap::Args)]
pub struct One {
    /// Its id, or at least four letters of how it begins.
    space: String,
    #[command(flatten)]
    common: Common,
}

/// A space to be removed.
#[derive(clap::Args)]
pub struct Removing {
    #[command(flatten)]
    one: One,
    /// Does it: without this, it is only shown what would go.
    #[arg(long)]
    yes: bool,
}

/// Asks, and prints the answer.
pub fn run(options: Options) -> ExitCode {
    let (common, request, sure) = match options {
        Options::List(common) => (common, Request::List, true),
        Options::Show(One { space, common }) => (common, Request::Show(space), true),
        Options::Remove(Removing { one: One { space, common }, yes: true }) => (common, Request::Remove(space), true),
        Options::Remove(Removing { one: One { space, common }, yes: false }) => (common, Request::Show(space), false),
    };
    asked(&common.source, &Flags::default(), &request, common.json, |answer| {
        print(answer);
        if !sure {
            eprintln!("Nothing was removed. Say --yes to remove it.");
        }
    })
}

fn print(answer: &Answer) {
    match answer {
        Answer::Spaces(rows) => {
            println!("{:<64} {:>10} {:>14} last seen", "space", "entries", "bytes");
            for row in rows {
                println!("{:<64} {:>10} {:>14} {}", row.space, row.entries, row.bytes, moment(row.seen));
            }
        }
        Answer::Space(report) => {
            let row = &report.row;
            println!("space        {}", row.space);
            println!("entries      {} ({} bytes)", row.entries, row.bytes);
            println!("last seen    {}", moment(row.seen));
            println!("members      {}", report.members);
            println!("logs         {} ({} forked)", report.logs, report.forked);
            for (since, entries, endorsed) in &report.checkpoints {
                let by = if *endorsed { "endorsed" } else { "not endorsed by another member" };
                println!("checkpoint   since {}, stands for {entries} entries, {by}", moment(*since));
            }
            println!("blobs        {} bytes", report.blobs);
            for (person, entries, bytes) in &report.by {
                println!("person       {person}: {entries} entries, {bytes} bytes");
            }
        }
        Answer::Removed { space, entries, bytes, others } => {
            println!("removed {space}: {entries} entries, {bytes} bytes");
            match others {
                Others::None => {}
                Others::Know => eprintln!("{EVERYWHERE}"),
                Others::Later => eprintln!("{LATER}"),
            }
        }
        Answer::Tidied(_) | Answer::BackedUp(_) => {}
    }
}
