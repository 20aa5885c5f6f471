//! `import` and `export`: files and folders in, a folder of files out.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use sheaf_node::{Errand, ExportReport, ImportReport, Node, NodeEvent};

use super::network;
use crate::arguments::Global;
use crate::output::{self, Failure, count, short};

#[derive(Subcommand)]
pub enum Command {
    /// Make documents of files and of folders of files: Markdown, an Obsidian vault, HTML, Word (.docx), text, .automerge
    Import {
        /// The files and folders. What is in a single folder comes to the top; of several, each becomes a document
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// The space they go to [default: the private one]
        #[arg(long)]
        space: Option<String>,
        /// The document they go under
        #[arg(long, value_name = "DOC", conflicts_with = "space")]
        under: Option<String>,
    },
    /// Write all documents of a space into a folder, as Markdown files
    Export {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
        /// The folder, new or empty
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    let errand = Arc::new(Errand::new("command line"));
    match command {
        Command::Import { paths, space, under } => {
            let space = match space {
                Some(space) => Some(node.find_space(&space).await?.id),
                None => None,
            };
            let under = match under {
                Some(under) => Some(node.find_document(&under).await?.id),
                None => None,
            };
            let work = node.import_paths(space.as_deref(), under.as_deref(), paths, &errand);
            let report = watched(node, &errand, work).await?;
            output::print(global.json, &report, imported);
        }
        Command::Export { space, output } => {
            let space = node.find_space(&space).await?.id;
            let report = watched(node, &errand, node.export_space(&space, &output, &errand)).await?;
            output::print(global.json, &report, exported);
        }
    }
    Ok(())
}

/// Does long work, saying how far it is to whoever watches; a first Ctrl+C asks it to stop.
async fn watched<R, E: Into<Failure>>(
    node: &Node,
    errand: &Errand,
    work: impl Future<Output = Result<R, E>>,
) -> Result<R, Failure> {
    let mut events = node.subscribe();
    let shows = std::io::stderr().is_terminal();
    let mut work = std::pin::pin!(work);
    let mut stop = std::pin::pin!(network::stopped());
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            () = &mut stop, if !stopping => {
                stopping = true;
                errand.stop();
            }
            Ok(event) = events.recv() => if let NodeEvent::Errand { done, total, file, .. } = event && shows {
                // Over the line before, which may have been longer.
                eprint!("\r\x1b[K{done} of {total}  {file}");
            },
        }
    };
    if shows {
        eprint!("\r\x1b[K");
    }
    result.map_err(Into::into)
}

fn imported(report: &ImportReport) -> String {
    let mut lines: Vec<String> =
        report.documents.iter().map(|d| format!("{}{}  {}", "  ".repeat(d.depth), short(&d.id), d.title)).collect();
    lines.push(format!("{} imported.", count(report.documents.len(), "document")));
    if report.pictures > 0 {
        lines.push(format!(
            "{} in them. Sheaf cannot keep these yet: what stands there is a link or a description.",
            count(report.pictures, "picture")
        ));
    }
    if !report.left_out.is_empty() {
        lines.push(format!("{} left out:", count(report.left_out.len(), "file")));
        lines.extend(report.left_out.iter().map(|one| format!("  {}: {}", one.file, one.why)));
    }
    lines.join("\n")
}

fn exported(report: &ExportReport) -> String {
    format!("{} exported to {}.", count(report.documents, "document"), report.folder)
}
