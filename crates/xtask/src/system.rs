//! System packages: what the app and its tests need from Debian or Ubuntu, installed where that is allowed.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::shell;

/// What the app needs to be built and to run.
pub const APP: &[&str] = &["build-essential", "pkg-config", "libwebkit2gtk-4.1-dev", "libgtk-3-dev", "librsvg2-dev"];

/// What the tests of the real window need besides.
pub const WINDOW_TESTS: &[&str] = &["xvfb", "xauth", "webkit2gtk-driver", "dbus", "dbus-x11"];

/// What the tests of relays in a cluster need besides.
pub const CLUSTER_TESTS: &[&str] = &["nats-server"];

/// What lets one test more say something: without it, it says that it tested nothing.
pub const WISHED: &[&str] = &["gnome-keyring"];

/// Installs packages where that is easily done, and goes on without them where it is not.
pub fn wish(packages: &[&str]) {
    if let Err(error) = ensure(packages) {
        eprintln!("Going on without {}: {error:#}", packages.join(" "));
    }
}

/// Sees to it that the packages are there: installs them through apt when this user may, otherwise fails with the one
/// command that does it. On systems without dpkg it only checks for what it can see.
pub fn ensure(packages: &[&str]) -> Result<()> {
    need_node()?;
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    if !shell::on_path("dpkg-query") {
        eprintln!(
            "This is not Debian or Ubuntu: make sure that WebKitGTK 4.1, GTK 3, librsvg (with their headers), \
             Xvfb, WebKitWebDriver and dbus-run-session are installed."
        );
        return Ok(());
    }
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("sudo apt-get update && sudo apt-get install -y {}", missing.join(" "));
    let Some(sudo) = privilege() else {
        bail!("these system packages are missing, and installing them needs a password. Run:\n\n    {by_hand}\n");
    };
    eprintln!("Installing system packages: {}", missing.join(" "));
    let apt = |arguments: &[&str]| {
        let mut words: Vec<&str> = sudo.to_vec();
        // Debian starts a service with its package; what the tests need they start themselves, where nobody else is.
        words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-q"]);
        words.extend(arguments);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        shell::run(&mut command)
    };
    let installed = apt(&["update"]).and_then(|()| {
        let mut install = vec!["install", "-y", "--no-install-recommends"];
        install.extend(&missing);
        apt(&install)
    });
    installed.map_err(|error| error.context(format!("could not install the system packages. Run:\n\n    {by_hand}\n")))
}

fn need_node() -> Result<()> {
    if shell::on_path("node") && (shell::on_path("npm") || shell::on_path("npm.cmd")) {
        return Ok(());
    }
    bail!("Node.js 20 or newer, with npm, is missing. Install it from https://nodejs.org or your system's packages.")
}

fn installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f=${Status}", package])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|out| out.stdout.ends_with(b"install ok installed"))
}

/// The words to put before a command so that it runs as root without asking; none when there are none.
fn privilege() -> Option<&'static [&'static str]> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0");
    if root {
        return Some(&[]);
    }
    let passwordless =
        Command::new("sudo").args(["-n", "true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    passwordless.then_some(&["sudo", "-n"])
}
