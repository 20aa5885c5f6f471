//! WebDriver: the standard way to drive a page from outside, as plain HTTP on the loopback interface.
//!
//! `tauri-driver` starts the system's WebKitWebDriver, which starts the app as its child. All three are in one process
//! group, so that they end together however a test ends.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::screen::Screen;
use crate::wait::{DEADLINE, eventually};

/// The version of `tauri-driver` that `cargo xtask test` installs.
const TAURI_DRIVER: &str = "2.1.0";

/// What a driver answers instead of a value.
#[derive(Debug)]
pub struct Fault {
    /// WebDriver's word for it, such as `stale element reference`; empty if the driver did not answer.
    pub code: String,
    /// What it says about it.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = if self.code.is_empty() { "no answer" } else { &self.code };
        write!(out, "{code}: {}", self.message)
    }
}

/// A driver, the app it has started, and the session with its page.
pub struct Driver {
    child: Child,
    address: String,
    session: String,
}

impl Driver {
    /// Starts the app under a driver.
    ///
    /// # Panics
    /// When a driver is not installed, with the command that does it, or the app does not start.
    pub fn start(screen: &Screen, app: &Path, arguments: &[String], environment: &[(OsString, OsString)]) -> Self {
        // Both are held until both are known, or the second might be the first again.
        let free = || TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (port, native) = {
            let (one, two) = (free(), free());
            let port = |of: &TcpListener| of.local_addr().expect("a bound socket has an address").port();
            (port(&one), port(&two))
        };
        let log = File::create(screen.log()).expect("a file in a temporary folder can be written");
        let mut command = Command::new(installed());
        command
            .args(["--port", &port.to_string(), "--native-port", &native.to_string(), "--native-driver"])
            .arg(native_driver())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("an open file can be opened again"))
            .stderr(log)
            .env("RUST_BACKTRACE", "0")
            .process_group(0);
        screen.show(&mut command);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().expect("tauri-driver starts");
        let mut driver = Self { child, address: format!("http://127.0.0.1:{port}"), session: String::new() };
        eventually("the driver", || driver.ask("GET", "/status", &Value::Null).ok());
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "tauri:options": { "application": app, "args": arguments },
            "timeouts": { "script": DEADLINE.as_millis() as u64 },
        } } });
        let made = driver.ask("POST", "/session", &wanted).unwrap_or_else(|fault| panic!("no session: {fault}"));
        driver.session = format!("/session/{}", made["sessionId"].as_str().expect("a session has an id"));
        driver
    }

    /// Sends a command of the session.
    pub fn command(&self, method: &str, path: &str, body: &Value) -> Result<Value, Fault> {
        self.ask(method, &format!("{}{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, Fault> {
        let unanswered = |error: minreq::Error| Fault { code: String::new(), message: error.to_string() };
        let mut request =
            minreq::Request::new(minreq::Method::Custom(method.to_owned()), format!("{}{path}", self.address))
                .with_timeout(2 * DEADLINE.as_secs());
        if method == "POST" {
            let body = if body.is_null() { json!({}) } else { body.clone() };
            request = request.with_header("content-type", "application/json").with_body(body.to_string());
        }
        let response = request.send().map_err(unanswered)?;
        let mut answer: Value = serde_json::from_slice(response.as_bytes())
            .map_err(|error| Fault { code: String::new(), message: error.to_string() })?;
        let value = answer["value"].take();
        if response.status_code == 200 {
            return Ok(value);
        }
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Err(Fault { code: text("error"), message: text("message") })
    }

    /// The app's process: the one in this driver's group that runs the program.
    pub fn app(&self, program: &Path) -> Option<u32> {
        let group = self.child.id().to_string();
        let running = fs::read_dir("/proc").ok()?.flatten();
        running.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|pid: &u32| {
            let path = PathBuf::from(format!("/proc/{pid}"));
            // After the name in brackets: state, parent, group.
            let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
            let of = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(2));
            of == Some(&group) && fs::read_link(path.join("exe")).is_ok_and(|exe| exe == program)
        })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The group: the drivers, the app and its page. This test started its leader, so the number is its own.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}

/// Whether a process has ended, also when its parent has not noticed yet.
fn ended(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_or(true, |stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

/// Ends a process of this test at once.
pub fn kill(pid: u32) {
    let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
}

/// Waits until a process has ended.
pub fn wait_for_end(pid: u32) {
    eventually("the app's end", || ended(pid).then_some(()));
}

/// `tauri-driver`, where `cargo xtask test` puts it or where `TAURI_DRIVER` says.
fn installed() -> PathBuf {
    if let Some(path) = std::env::var_os("TAURI_DRIVER") {
        return path.into();
    }
    let tools = crate::target().join("tools");
    let path = tools.join("bin/tauri-driver");
    assert!(
        path.exists(),
        "tauri-driver is not there. `cargo xtask test` installs it, or: \
         cargo install tauri-driver --version {TAURI_DRIVER} --locked --root {}",
        tools.display()
    );
    path
}

/// The system's WebKitWebDriver.
fn native_driver() -> PathBuf {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("WebKitWebDriver"))
        .find(|path| path.exists())
        .expect(
            "WebKitWebDriver is not there. `cargo xtask test` installs it, or: sudo apt-get install -y webkit2gtk-driver",
        )
}
