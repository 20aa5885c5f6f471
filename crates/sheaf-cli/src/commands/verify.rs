//! `verify`

use clap::Subcommand;
use sheaf_node::{Node, VerifyReport};

use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// Check every signature of a space or a document, and say who wrote how much
    Verify {
        /// The space or the document: its id, its first letters (4 or more), or its name
        what: String,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    let Command::Verify { what } = command;
    let report = node.verify(&what).await?;
    output::print(global.json, &report, text);
    if report.problems.is_empty() { Ok(()) } else { Err(Failure::Problems(report.problems.len())) }
}

fn text(report: &VerifyReport) -> String {
    let mut lines = vec![format!(
        "{}, {} and {} checked.",
        output::count(report.entries, "entry"),
        output::count(report.signatures, "signature"),
        output::count(report.checkpoints, "checkpoint")
    )];
    if report.sealed > 0 {
        let entries = output::count(report.sealed, "entry");
        lines.push(format!("{entries} cannot be opened here, for want of the key; their signatures are right."));
    }
    let rows: Vec<[String; 5]> = report
        .authors
        .iter()
        .map(|author| {
            let name = if author.name.is_empty() { "(name not known)".to_owned() } else { author.name.clone() };
            [
                output::short(&author.person),
                output::count(author.entries, "entry"),
                output::count(author.changes, "change"),
                output::count(author.characters, "character"),
                name,
            ]
        })
        .collect();
    lines.push(output::table(&rows));
    for author in report.authors.iter().filter(|author| !author.set_aside.is_empty()) {
        let name = if author.name.is_empty() { output::short(&author.person) } else { author.name.clone() };
        for aside in &author.set_aside {
            lines.push(format!(
                "Set aside, and not counted above: {} of {name}, with {} and {}, from entry {} of log {} on.",
                output::count(aside.entries, "entry"),
                output::count(aside.changes, "change"),
                output::count(aside.characters, "character"),
                aside.first,
                aside.log
            ));
        }
    }
    if report.problems.is_empty() {
        lines.push("Everything is as its authors signed it.".to_owned());
    }
    lines.extend(report.problems.iter().map(|problem| format!("Problem: {problem}")));
    lines.join("\n")
}
