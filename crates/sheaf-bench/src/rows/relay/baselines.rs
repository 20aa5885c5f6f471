//! The servers that the relay is held against, each in a process of its own, and the people who write through them: Node.js, from
//! `crates/sheaf-bench/relay-baselines`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::process::{Cost, Server, free_tcp};
use crate::figures::Figures;
use crate::home::Folder;
use crate::rows::real;

/// Where they stand, from the top of the workspace.
const FOLDER: &str = "crates/sheaf-bench/relay-baselines";

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// What it is called in a row.
    pub row: &'static str,
    /// What it is.
    pub what: &'static str,
    kind: &'static str,
}

/// All of them.
pub const BASELINES: [Baseline; 3] = [
    Baseline { row: "hocuspocus", what: "Hocuspocus 4.7 without persistence", kind: "hocuspocus" },
    Baseline { row: "y-websocket", what: "y-websocket 2.1.0, in memory", kind: "y-websocket" },
    Baseline { row: "automerge-repo", what: "automerge-repo 2.5.6 with a folder", kind: "automerge-repo" },
];

/// Who writes through it, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many documents.
    pub spaces: usize,
    /// How many write in each.
    pub writers: usize,
    /// How many only read.
    pub readers: usize,
    /// How many edits a second each writer makes.
    pub rate: f64,
    /// For how long.
    pub length: Duration,
}

/// What came of it.
pub struct Measured {
    /// From an edit to its being in somebody else's document.
    pub forwarded: Figures,
    /// How many deliveries there should have been, and were.
    pub deliveries: (u64, u64),
    /// What it cost the server, from when everyone was there.
    pub cost: Cost,
}

#[derive(Deserialize)]
struct Said {
    expected: u64,
    delivered: u64,
    bytes: u64,
    seconds: f64,
    latencies: Vec<f64>,
}

/// Runs the load through one of them.
pub fn measure(baseline: Baseline, load: Load) -> Result<Measured> {
    let (folder, port) = (Folder::new()?, free_tcp()?.to_string());
    let data = folder.home();
    std::fs::create_dir_all(&data)?;
    let mut command = Command::new("node");
    command.current_dir(FOLDER).args(["server.mjs", baseline.kind, &port]).arg(&data);
    let server = Server::start(&mut command, "ready")
        .context("run this as `cargo xtask bench`, from the top of the workspace, with Node.js installed")?;
    let Load { spaces, writers, readers, rate, length } = load;
    let numbers = [spaces.to_string(), writers.to_string(), readers.to_string(), rate.to_string()];
    let mut people = Command::new("node")
        .current_dir(FOLDER)
        .args(["load.mjs", baseline.kind, &port])
        .args(numbers)
        .arg(length.as_secs_f64().to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("node cannot be started")?;
    let mut lines = BufReader::new(people.stdout.take().context("its output is a pipe")?).lines();
    let there = lines.by_ref().map_while(Result::ok).any(|line| line == "there");
    let cpu = server.cpu();
    let said = lines.map_while(Result::ok).find(|line| line.starts_with('{'));
    let after = (server.cpu(), server.memory());
    let ended = people.wait()?;
    ensure!(there && ended.success(), "the people at {} did not get through", baseline.what);
    let said: Said = serde_json::from_str(&said.context("the people said nothing")?)?;
    let cost = Cost {
        cpu_seconds: after.0?.saturating_sub(cpu?).as_secs_f64(),
        memory: after.1?,
        wire: said.bytes,
        per_second: real(said.delivered) / said.seconds,
    };
    let latencies: Vec<_> = said.latencies.iter().map(|ms| Duration::from_secs_f64(ms / 1e3)).collect();
    Ok(Measured { forwarded: Figures::of(&latencies), deliveries: (said.expected, said.delivered), cost })
}
