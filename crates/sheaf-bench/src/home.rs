//! A node in a folder of its own, which is gone afterwards.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use sheaf_node::{Node, Options};
use sheaf_store::Home;
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

/// How long a home may take to be let go by what had it open before.
const RELEASE: Duration = Duration::from_secs(100);

/// Opens the home as a node that others on this machine can call, and nobody else.
pub async fn open(folder: &Folder) -> Result<Node> {
    Ok(open_timed(folder).await?.0)
}

/// The same, and how long it took.
pub async fn open_timed(folder: &Folder) -> Result<(Node, Duration)> {
    let begun = Instant::now();
    loop {
        let listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let start = Instant::now();
        match Node::open(Options { listen, ..Options::alone(folder.home()) }).await {
            Ok(node) => return Ok((node, start.elapsed())),
            // The threads of a node that was shut down may hold on to its home for a moment.
            Err(error) if error.code() == "home-in-use" && begun.elapsed() < RELEASE => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Opens the home from below, when no node has it open any more.
pub async fn open_below(folder: &Folder) -> Result<Home> {
    let begun = Instant::now();
    loop {
        match sheaf_node::open_below(&folder.home()) {
            Ok(home) => return Ok(home),
            Err(error) if error.code() == "home-in-use" && begun.elapsed() < RELEASE => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
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
