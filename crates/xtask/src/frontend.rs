//! The window's half: npm packages and the built page.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::shell;

/// Installs the packages a folder's lock file names, unless exactly those are there already.
pub fn install(folder: &str) -> Result<()> {
    let folder = Path::new(folder);
    let lock = fs::read(folder.join("package-lock.json"))
        .with_context(|| format!("{} has no package-lock.json", folder.display()))?;
    let stamp = folder.join("node_modules/.sheaf-installed");
    if fs::read(&stamp).is_ok_and(|old| old == lock) {
        return Ok(());
    }
    shell::run(shell::npm().arg("ci").current_dir(folder))?;
    fs::write(&stamp, lock).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Builds the page into `ui/dist`, unless it is newer than everything it is made of.
pub fn build() -> Result<()> {
    install("ui")?;
    let built = fs::metadata("ui/dist/index.html").and_then(|meta| meta.modified());
    let sources = ["ui/src", "ui/index.html", "ui/package-lock.json", "ui/vite.config.ts"];
    if built.is_ok_and(|built| sources.iter().all(|path| newest(Path::new(path)).is_none_or(|at| at < built))) {
        return Ok(());
    }
    script("build")
}

/// Runs one of `ui/package.json`'s scripts.
pub fn script(name: &str) -> Result<()> {
    shell::run(shell::npm().args(["run", name]).current_dir("ui"))
}

/// When the newest file under a path was changed; none when there is nothing there.
fn newest(path: &Path) -> Option<SystemTime> {
    let meta = fs::metadata(path).ok()?;
    if !meta.is_dir() {
        return meta.modified().ok();
    }
    fs::read_dir(path).ok()?.filter_map(|entry| newest(&entry.ok()?.path())).max()
}
