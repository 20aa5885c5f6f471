//! A process that is measured from outside: the processor time and memory the system says it has taken.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

/// How many times a second the system counts who is running: the same on every Linux.
const TICKS: f64 = 100.0;

/// What something cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Seconds of processor time.
    pub cpu_seconds: f64,
    /// Memory in use, in bytes.
    pub memory: u64,
    /// Bytes that went over the wire, both ways: what UDP or TCP carried.
    pub wire: u64,
    /// Deliveries a second.
    pub per_second: f64,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// As whoever runs it stops it.
    Politely,
    /// At once.
    Killed,
}

/// A server in a process of its own. Dropping it ends the process.
pub struct Server {
    child: Child,
    /// The line by which it said that it is ready.
    pub said: String,
}

impl Server {
    /// Starts it, and waits for a line that begins like this.
    pub fn start(command: &mut Command, ready: &str) -> Result<Self> {
        let text = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {text}"))?;
        let out = child.stdout.take().context("its output is a pipe")?;
        let said = BufReader::new(out).lines().map_while(Result::ok).find(|line| line.starts_with(ready));
        let server = Self { child, said: said.unwrap_or_default() };
        ensure!(!server.said.is_empty(), "{text} ended before it was ready");
        Ok(server)
    }

    /// How much processor time it has used.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).context("the server is gone")?;
        // The second field is its name, in brackets, with whatever in it.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        Ok(Duration::from_secs_f64((ticks(11) + ticks(12)) / TICKS))
    }

    /// How much memory it has, in bytes.
    pub fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let numbers: BTreeMap<&str, &str> = status.lines().filter_map(|line| line.split_once(':')).collect();
        let resident = numbers.get("VmRSS").context("Linux says how much memory a process has")?;
        Ok(resident.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
    }

    /// Ends it, and waits until it is gone.
    pub fn end(mut self, how: Ends) -> Result<()> {
        if how == Ends::Politely {
            let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
            ensure!(told.success(), "a child of this process takes a signal");
            self.child.wait()?;
        }
        // Dropping it kills it, if it is still there.
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A UDP port that is free just now.
pub fn free_udp() -> Result<u16> {
    Ok(std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A TCP port that is free just now.
pub fn free_tcp() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The relay that was built with this program, on a data folder. Limits of speed and number are off: everyone comes from one
/// address here, and what is measured is what it can do.
pub fn relay(data: &Path, port: u16) -> Result<Server> {
    let mut program = std::env::current_exe()?;
    program.set_file_name(format!("sheaf-relay{}", std::env::consts::EXE_SUFFIX));
    ensure!(program.exists(), "{} is not there: run this as `cargo xtask bench`, which builds it", program.display());
    let mut command = Command::new(program);
    command.args(["serve", "--http", "off", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(data);
    for limit in [
        "CONNECTIONS",
        "CONNECTIONS_PER_ADDRESS",
        "STRANGERS",
        "FRAMES_PER_SECOND",
        "BYTES_PER_SECOND",
        "ENTRIES_PER_SECOND",
    ] {
        command.env(format!("SHEAF_RELAY_LIMITS__{limit}"), "unlimited");
    }
    command.env("SHEAF_RELAY_QUOTAS__DISK_RESERVE", "0");
    Server::start(&mut command, "sheaf-relay://")
}
