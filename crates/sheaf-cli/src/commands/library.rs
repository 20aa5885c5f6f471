//! `doc move`, `trash`, `restore`, `destroy`, `duplicate`, `tag`, `template`, `pin`: the documents of a space as a tree.

use std::io::{self, IsTerminal as _};

use clap::Subcommand;
use serde_json::json;
use sheaf_node::{DocumentInfo, Node};

use super::people::agreed;
use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// Put a document somewhere else in the tree of its space
    #[command(group = clap::ArgGroup::new("where").required(true).multiple(true))]
    Move {
        /// The document: its id, the beginning of it, or its title
        doc: String,
        /// The document it goes under
        #[arg(long, value_name = "DOC", group = "where")]
        under: Option<String>,
        /// To the top of its space, under no other
        #[arg(long, conflicts_with = "under", group = "where")]
        top: bool,
        /// Before this one; without --under and --top, wherever that is
        #[arg(long, value_name = "DOC", group = "where")]
        before: Option<String>,
    },
    /// Put a document into the trash, with all that is under it
    Trash {
        /// The document: its id, the beginning of it, or its title
        doc: String,
    },
    /// Take a document out of the trash
    Restore {
        /// The document: its id, the beginning of it, or its title
        doc: String,
    },
    /// Destroy a document that is in the trash, for everyone and for good; only an owner can
    Destroy {
        /// The document: its id, the beginning of it, or its title
        doc: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Make a document that says the same
    Duplicate {
        /// The document: its id, the beginning of it, or its title
        doc: String,
    },
    /// Give a document tags, or take them off
    #[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
    Tag {
        /// The document: its id, the beginning of it, or its title
        doc: String,
        /// Tags it gets
        #[arg(group = "which")]
        tags: Vec<String>,
        /// A tag it loses; may be said more than once
        #[arg(long, value_name = "TAG", group = "which")]
        remove: Vec<String>,
    },
    /// List the tags, and how many documents have each
    Tags {
        /// Only those of one space
        #[arg(long)]
        space: Option<String>,
    },
    /// Say that others are made after a document: `sheaf doc new --from`
    Template {
        /// The document: its id, the beginning of it, or its title
        doc: String,
        /// They are not any more
        #[arg(long)]
        not: bool,
    },
    /// Keep a document at hand, on all your devices
    Pin {
        /// The document: its id, the beginning of it, or its title
        doc: String,
        /// Not any more
        #[arg(long)]
        not: bool,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Move { doc, under, top, before } => {
            let document = node.find_document(&doc).await?;
            let before = match before {
                Some(before) => Some(node.find_document(&before).await?),
                None => None,
            };
            let under = match under {
                Some(under) => Some(node.find_document(&under).await?.id),
                // Beside another means under the same one, unless something else is said.
                None if !top => before.as_ref().and_then(|before| before.parent.clone()),
                None => None,
            };
            let before = before.map(|before| before.id);
            let moved = node.move_document(&document.id, under.as_deref(), before.as_deref()).await?;
            output::print(global.json, &moved, |_| String::new());
        }
        Command::Trash { doc } => {
            let document = node.find_document(&doc).await?;
            node.trash(&document.id).await?;
            output::print(global.json, &json!({ "id": document.id }), |_| {
                format!("“{}” is in the trash. `sheaf doc restore` takes it out.", document.title)
            });
        }
        Command::Restore { doc } => {
            let restored = node.restore_document(&doc).await?;
            output::print(global.json, &restored, |restored| restored.id.clone());
        }
        Command::Destroy { doc, yes } => destroy(node, global, &doc, yes).await?,
        Command::Duplicate { doc } => {
            let document = node.find_document(&doc).await?;
            let copy = node.duplicate(&document.id).await?;
            output::print(global.json, &copy, |copy| copy.id.clone());
        }
        Command::Tag { doc, tags, remove } => {
            let document = node.find_document(&doc).await?;
            let tagged = node.set_tags(&document.id, &tags, &remove).await?;
            output::print(global.json, &tagged, tags_of);
        }
        Command::Tags { space } => {
            let space = match space {
                Some(space) => Some(node.find_space(&space).await?.id),
                None => None,
            };
            let tags = node.tags(space.as_deref()).await?;
            output::print(global.json, &tags, |tags| {
                let row = |tag: &sheaf_node::TagInfo| [format!("#{}", tag.tag), tag.documents.to_string()];
                output::table(&tags.iter().map(row).collect::<Vec<_>>())
            });
        }
        Command::Template { doc, not } => {
            let document = node.find_document(&doc).await?;
            node.set_template(&document.id, !not).await?;
            output::print(global.json, &json!({ "id": document.id, "template": !not }), |_| String::new());
        }
        Command::Pin { doc, not } => {
            let document = node.find_document(&doc).await?;
            node.set_pinned(&document.id, !not).await?;
            output::print(global.json, &json!({ "id": document.id, "pinned": !not }), |_| String::new());
        }
    }
    Ok(())
}

/// Lists documents, or what is in the trash.
pub async fn list(
    node: &Node,
    global: &Global,
    space: Option<&str>,
    tag: Option<&str>,
    trash: bool,
) -> Result<(), Failure> {
    if trash {
        let trashed = node.trashed(space).await?;
        output::print(global.json, &trashed, |trashed| {
            let with = |count: usize| match count {
                0 => String::new(),
                count => format!("  (with {} under it)", output::count(count, "document")),
            };
            trashed.iter().map(|t| format!("{}  {}{}", t.id, t.title, with(t.with))).collect::<Vec<_>>().join("\n")
        });
        return Ok(());
    }
    let mut documents = node.documents(space).await?;
    if let Some(tag) = tag {
        let tag = tag.trim_start_matches('#').to_lowercase();
        documents.retain(|document| document.tags.contains(&tag));
    }
    output::print(global.json, &documents, |documents| {
        // Those above a document may not be on a list of some.
        let indent = |d: &DocumentInfo| if tag.is_some() { String::new() } else { "  ".repeat(d.depth) };
        documents.iter().map(|d| format!("{}  {}{}", d.id, indent(d), d.title)).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

async fn destroy(node: &Node, global: &Global, doc: &str, yes: bool) -> Result<(), Failure> {
    let found = node.find_trashed(doc).await?;
    let under = match found.with {
        0 => String::new(),
        with => format!(" and {} under it", output::count(with, "document")),
    };
    let question = format!("Destroy “{}”{under}, for everyone and for good?", found.title);
    // Nothing brings it back: where nobody can be asked, it has to be said.
    if !yes && (!io::stdin().is_terminal() || !agreed(&question)) {
        return Err(Failure::Declined);
    }
    let count = node.destroy(&found.id).await?;
    output::print(global.json, &json!({ "id": found.id, "destroyed": count }), |_| {
        format!("{} destroyed.", output::count(count, "document"))
    });
    Ok(())
}

fn tags_of(document: &DocumentInfo) -> String {
    document.tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" ")
}
