//! `set-aside list|show|adopt`

use clap::Subcommand;
use serde_json::json;
use sheaf_node::{Node, SetAside};

use crate::arguments::Global;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// List what was written in a space and does not count
    List {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
    },
    /// Print what a piece of it adds to its document
    Show {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
        /// The piece: its id, or its first letters (4 or more)
        piece: String,
    },
    /// Write a piece of it into its document, as your own words
    Adopt {
        /// The space: its id, its first letters (4 or more), or its name
        space: String,
        /// The piece: its id, or its first letters (4 or more)
        piece: String,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { space } => {
            let space = node.find_space(&space).await?;
            let pieces = node.set_aside(&space.id).await?;
            output::print(global.json, &pieces, |pieces| {
                let rows: Vec<[String; 5]> = pieces.iter().map(row).collect();
                output::table(&rows)
            });
        }
        Command::Show { space, piece } => {
            let space = node.find_space(&space).await?;
            let text = node.set_aside_text(&space.id, &piece).await?;
            output::print(global.json, &json!({ "text": text }), |_| text.clone());
        }
        Command::Adopt { space, piece } => {
            let space = node.find_space(&space).await?;
            node.adopt(&space.id, &piece).await?;
            output::print(global.json, &json!({ "adopted": piece }), |_| String::new());
        }
    }
    Ok(())
}

fn row(piece: &SetAside) -> [String; 5] {
    let title = if piece.title.is_empty() { "(a document that is not listed)" } else { &piece.title };
    let name = if piece.name.is_empty() { "(name not known yet)" } else { &piece.name };
    let words = output::count(piece.words, "word");
    [piece.id.clone(), words, name.to_owned(), title.to_owned(), piece.reason.clone()]
}
