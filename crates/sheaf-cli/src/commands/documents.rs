//! `doc`

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::json;
use sheaf_node::{DocumentInfo, Format, Node, NodeError};

use super::library;
use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// Make a document
    New {
        /// The space it is in [default: the private one]
        #[arg(long)]
        space: Option<String>,
        /// The document it goes under
        #[arg(long, value_name = "DOC", conflicts_with = "space")]
        under: Option<String>,
        /// The document it is made after: it begins with the same words and tags
        #[arg(long, value_name = "DOC", conflicts_with_all = ["title", "under"])]
        from: Option<String>,
        /// Its title
        #[arg(required_unless_present = "from")]
        title: Option<String>,
    },
    /// List the documents, each space's as a tree
    List {
        /// Only those of one space
        #[arg(long)]
        space: Option<String>,
        /// Only those with this tag
        #[arg(long, conflicts_with = "trash")]
        tag: Option<String>,
        /// Those in the trash instead
        #[arg(long)]
        trash: bool,
    },
    #[command(flatten)]
    Library(library::Command),
    /// Print a document
    Show {
        /// The document: its id, its first letters (4 or more), or its title
        doc: String,
        /// How
        #[arg(long, value_enum, default_value_t = ShowFormat::Md)]
        format: ShowFormat,
    },
    /// Make documents from Markdown, HTML, Word, text or Automerge files
    Import {
        /// The space they go to [default: the private one]
        #[arg(long)]
        space: Option<String>,
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write a document to a file
    Export {
        /// The document: its id, its first letters (4 or more), or its title
        doc: String,
        /// How [default: as the name of the file says]
        #[arg(long, value_enum)]
        format: Option<ExportFormat>,
        /// Where to [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Change a document
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Edit {
        /// The document: its id, its first letters (4 or more), or its title
        doc: String,
        /// Add a paragraph at the end
        #[arg(long, value_name = "TEXT", group = "what")]
        append: Option<String>,
        /// Make it say what a Markdown file says; only the difference is written, the history stays
        #[arg(long, value_name = "FILE.md", group = "what")]
        from: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ShowFormat {
    Md,
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ExportFormat {
    Md,
    Html,
    Docx,
    Automerge,
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::New { space, under, from, title } => {
            let space = space_id(node, space).await?;
            let document = match (from, under) {
                (Some(from), _) => node.create_from(&node.find_document(&from).await?.id, space.as_deref()).await?,
                (None, Some(under)) => {
                    let under = node.find_document(&under).await?.id;
                    node.create_document_at(None, &title.unwrap_or_default(), Some(&under), None).await?
                }
                (None, None) => node.create_document(space.as_deref(), &title.unwrap_or_default()).await?,
            };
            output::print(global.json, &document, |document| document.id.clone());
        }
        Command::List { space, tag, trash } => {
            let space = space_id(node, space).await?;
            library::list(node, global, space.as_deref(), tag.as_deref(), trash).await?;
        }
        Command::Library(command) => library::run(node, global, command).await?,
        Command::Show { doc, format } => show(node, global, &doc, format).await?,
        Command::Import { space, files } => {
            let space = space_id(node, space).await?;
            import(node, global, space.as_deref(), &files).await?;
        }
        Command::Export { doc, format, output } => export(node, global, &doc, format, output.as_deref()).await?,
        Command::Edit { doc, append, from } => {
            let document = node.find_document(&doc).await?;
            if let Some(text) = append {
                node.append(&document.id, &text).await?;
            }
            if let Some(path) = from {
                let markdown = read_text(&path)?;
                node.replace(&document.id, &markdown).await?;
            }
            if global.json {
                output::print(true, &document, |_| String::new());
            }
        }
    }
    Ok(())
}

async fn space_id(node: &Node, space: Option<String>) -> Result<Option<String>, Failure> {
    Ok(match space {
        Some(space) => Some(node.find_space(&space).await?.id),
        None => None,
    })
}

async fn show(node: &Node, global: &Global, doc: &str, format: ShowFormat) -> Result<(), Failure> {
    let document = node.find_document(doc).await?;
    let format = if global.json { ShowFormat::Json } else { format };
    let format = match format {
        ShowFormat::Md => Format::Markdown,
        ShowFormat::Text => Format::Text,
        ShowFormat::Json => Format::Json,
    };
    let bytes = node.export(&document.id, format).await?;
    output::write(&bytes, !bytes.ends_with(b"\n"));
    Ok(())
}

async fn import(node: &Node, global: &Global, space: Option<&str>, files: &[PathBuf]) -> Result<(), Failure> {
    let mut documents: Vec<DocumentInfo> = Vec::new();
    for path in files {
        let bytes = std::fs::read(path).map_err(|error| Failure::File(path.display().to_string(), error))?;
        let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        documents.push(node.import(space, &name, bytes).await?);
    }
    output::print(global.json, &documents, |documents| {
        documents.iter().map(|d| d.id.clone()).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

async fn export(
    node: &Node,
    global: &Global,
    doc: &str,
    format: Option<ExportFormat>,
    output: Option<&Path>,
) -> Result<(), Failure> {
    let format = format.or_else(|| format_of(output?)).ok_or_else(|| {
        NodeError::BadInput(
            "say how: with --format md, html, docx or automerge, or with -o and a file whose name ends in one of these."
                .into(),
        )
    })?;
    let document = node.find_document(doc).await?;
    let format = match format {
        ExportFormat::Md => Format::Markdown,
        ExportFormat::Html => Format::Html,
        ExportFormat::Docx => Format::Docx,
        ExportFormat::Automerge => Format::Automerge,
    };
    let bytes = node.export(&document.id, format).await?;
    let Some(path) = output else {
        output::write(&bytes, false);
        return Ok(());
    };
    std::fs::write(path, &bytes).map_err(|error| Failure::File(path.display().to_string(), error))?;
    if global.json {
        let report = json!({ "id": document.id, "file": path.display().to_string(), "bytes": bytes.len() });
        output::print(true, &report, |_| String::new());
    }
    Ok(())
}

/// What the name of a file says of what is in it.
fn format_of(path: &Path) -> Option<ExportFormat> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "md" | "markdown" => Some(ExportFormat::Md),
        "html" | "htm" => Some(ExportFormat::Html),
        "docx" => Some(ExportFormat::Docx),
        "automerge" => Some(ExportFormat::Automerge),
        _ => None,
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Failure::File(name.clone(), error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = format!("it is not UTF-8 text: it stops making sense at byte {at}. Nothing was changed");
        Failure::File(name, std::io::Error::new(std::io::ErrorKind::InvalidData, message))
    })
}
