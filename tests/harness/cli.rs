//! The `sheaf` command on a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::online::Online;
use crate::program;
use crate::wait::eventually;

/// The exit code when nobody could be reached.
const NOBODY: i32 = 6;

/// A home in a temporary folder, and the command line on it.
pub struct Home {
    folder: tempfile::TempDir,
    listen: Option<String>,
    machine: &'static str,
}

/// A command that has run to its end.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said besides.
    pub stderr: String,
}

impl Ran {
    /// The last line of what it printed: the id or link of what it created.
    pub fn last_line(&self) -> String {
        self.stdout.lines().last().unwrap_or_default().to_owned()
    }

    /// What it printed, as JSON.
    ///
    /// # Panics
    /// When it is not.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

impl Home {
    /// An empty home.
    ///
    /// # Panics
    /// When the system gives no temporary folder.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), listen: None, machine: "machine" }
    }

    /// A home with a person.
    pub fn of(name: &str) -> Self {
        let home = Self::empty();
        home.ok(&["init", "--name", name]);
        home
    }

    /// The same, reachable at a port of the loopback interface that was free a moment ago.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn on_loopback(self) -> Self {
        self.at("127.0.0.1:0")
    }

    /// The same, at a free port of another address.
    ///
    /// # Panics
    /// When there is no free port, or this machine has no such address.
    #[must_use]
    pub fn at(mut self, address: &str) -> Self {
        let socket = std::net::UdpSocket::bind(address).expect("a free port");
        self.listen = Some(socket.local_addr().expect("a bound socket has an address").to_string());
        self
    }

    /// The same, on another machine than the others are.
    #[must_use]
    pub fn on_machine(mut self, machine: &'static str) -> Self {
        self.machine = machine;
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file beside the home's own, for importing and exporting.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file in a temporary folder can be written");
        path
    }

    /// The command with this home's flags, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("sheaf"));
        command
            .env_remove("SHEAF_HOME")
            .env_remove("SHEAF_PASSPHRASE")
            .env("SHEAF_KEYRING", "off")
            .env("SHEAF_MACHINE_ID", self.machine)
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .arg("--home")
            .arg(self.folder.path().join("home"))
            .arg("--no-discovery")
            .stdin(Stdio::null());
        if let Some(listen) = &self.listen {
            command.args(["--listen", listen]);
        }
        command.args(arguments);
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let out = self.command(arguments).output().expect("the program starts");
        Ran {
            code: out.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }

    /// Runs a command that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        ran
    }

    /// Calls everyone until somebody was reached: on a busy machine a call may take longer than it is given.
    ///
    /// # Panics
    /// When nobody is reached by the deadline, or it fails for another reason.
    pub fn sync(&self) -> Ran {
        let reached = || {
            let ran = self.run(&["sync", "--once"]);
            (ran.code != NOBODY).then_some(ran)
        };
        let ran = eventually("somebody to be reached", reached);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran
    }

    /// A document as Markdown.
    pub fn show(&self, document: &str) -> String {
        self.ok(&["doc", "show", document]).stdout
    }

    /// Starts `sheaf online`, and waits until it is.
    pub fn online(&self) -> Online {
        Online::start(self.command(&["online", "--json"]))
    }
}
