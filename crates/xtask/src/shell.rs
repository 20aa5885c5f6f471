//! Running other programs: what is run is printed, and what fails stops everything with its name.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Goes to the top of the workspace, so that every path below is relative to it wherever cargo was called.
pub fn enter_workspace() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let top = here.ancestors().nth(2).context("xtask stands two folders below the top of the workspace")?;
    std::env::set_current_dir(top).with_context(|| format!("cannot go to {}", top.display()))
}

/// The cargo that called us.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command to its end, or fails with its text.
pub fn run(command: &mut Command) -> Result<()> {
    let text = text_of(command);
    eprintln!("\n$ {text}");
    let start = Instant::now();
    let status = command.status().with_context(|| format!("cannot start `{text}`"))?;
    if !status.success() {
        bail!("`{text}` failed ({status})");
    }
    eprintln!("  ({:.0} s)", start.elapsed().as_secs_f64());
    Ok(())
}

/// Whether a program is on the path.
pub fn on_path(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path)
        .any(|folder| folder.join(program).is_file() || folder.join(format!("{program}.exe")).is_file())
}

/// npm, by the name it has on this system.
pub fn npm() -> Command {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(["--no-fund", "--no-audit", "--loglevel=error"]);
    npm
}

/// The workspace's target folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

fn text_of(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
