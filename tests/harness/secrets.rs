//! The desktop's keyring as it is: gnome-keyring on a bus of its own, with a folder of its own, so that no test meets the
//! keyring of whoever runs it.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use crate::Home;
use crate::wait::eventually;
use crate::window::screen::{Ends, start_bus};

const DAEMON: &str = "gnome-keyring-daemon";
/// What unlocks it.
const PASSWORD: &str = "the password of whoever signs in";

/// A running Secret Service.
pub struct SecretService {
    // In this order: the daemon ends before its bus.
    daemon: Option<Ends>,
    _bus: Ends,
    address: String,
    folder: tempfile::TempDir,
}

impl SecretService {
    /// Starts one that is unlocked; none where it is not installed.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Option<Self> {
        let there = Command::new(DAEMON).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_err() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (bus, address) = start_bus(folder.path());
        let mut service = Self { daemon: None, _bus: bus, address, folder };
        service.unlock();
        Some(service)
    }

    /// Nobody is signed in any more: the keyring goes.
    pub fn stop(&mut self) {
        self.daemon = None;
    }

    /// The person signs in again.
    ///
    /// # Panics
    /// When it does not start.
    pub fn unlock(&mut self) {
        self.stop();
        let mut child = self.spawn();
        let mut password = child.stdin.take().expect("standard input is a pipe");
        password.write_all(PASSWORD.as_bytes()).expect("it reads its password");
        drop(password);
        self.daemon = Some(Ends(child));
        // It is there when it has its name on the bus.
        let asks = ["--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner"];
        eventually("the keyring", || {
            let asked = Command::new("dbus-send")
                .arg(format!("--bus={}", self.address))
                .args(asks)
                .arg("string:org.freedesktop.secrets")
                .output()
                .ok()?;
            String::from_utf8_lossy(&asked.stdout).contains("boolean true").then_some(())
        });
    }

    fn spawn(&self) -> Child {
        let folder = self.folder.path();
        Command::new(DAEMON)
            .args(["--foreground", "--unlock", "--components=secrets"])
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("HOME", folder)
            .env("XDG_RUNTIME_DIR", folder)
            .env("XDG_DATA_HOME", folder.join("data"))
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the keyring starts")
    }

    /// The command on a home of someone who has this keyring.
    pub fn command(&self, home: &Home, arguments: &[&str]) -> Command {
        let mut command = home.command(arguments);
        command.env_remove("SHEAF_KEYRING").env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        command
    }
}
