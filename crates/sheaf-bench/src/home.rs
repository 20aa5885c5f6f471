//! A node in a folder of its own, which is gone afterwards.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Result;
use sheaf_node::{Node, Options};
use tempfile::TempDir;

/// A folder for a home, on the same disk as the build: what is temporary may be kept in memory, where syncing is free.
pub struct Folder(TempDir);

impl Folder {
    /// A new one.
    pub fn new() -> Result<Self> {
        // The program is in the target folder, so what it stands in is on a real disk.
        let beside = std::env::current_exe()?;
        let beside = beside.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        Ok(Self(tempfile::Builder::new().prefix("bench-").tempdir_in(beside)?))
    }

    /// The home in it.
    pub fn home(&self) -> PathBuf {
        self.0.path().join("home")
    }

    /// Where the home keeps its journal.
    pub fn journal(&self) -> PathBuf {
        self.home().join("journal")
    }
}

/// Opens the home as a node that others on this machine can call, and nobody else.
pub async fn open(folder: &Folder) -> Result<Node> {
    let listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    Ok(Node::open(Options { home: folder.home(), listen, discovery: false }).await?)
}

/// A new home of someone with this name.
pub async fn new(folder: &Folder, name: &str) -> Result<Node> {
    let node = open(folder).await?;
    node.init(name, 1).await?;
    Ok(node)
}

/// A Markdown text of about so many characters, in paragraphs of some eighty, a heading now and then.
pub fn markdown(characters: usize) -> String {
    let mut text = String::new();
    for n in 0.. {
        if text.len() >= characters {
            break;
        }
        if n % 20 == 0 {
            // Writing into a text cannot fail.
            let _ = write!(text, "# Part {}\n\n", n / 20 + 1);
        }
        text.push_str("The float sticks below the line and the curve stops falling before low water.\n\n");
    }
    text
}
