//! `cargo xtask test`

use std::process::Command;

use anyhow::{Result, bail};

use crate::{frontend, fuzz, shell, system};

/// How many cases the random tests run with `--long`.
const LONG_CASES: &str = "100000";
/// How many times the crash test kills a node with `--long`.
const LONG_KILLS: &str = "200";
/// The WebDriver intermediary for Tauri windows, installed into the target folder.
const TAURI_DRIVER: &str = "2.1.0";

/// What `test` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Run the random tests 100,000 times instead of a few thousand, and the crash test 200 times.
    #[arg(long)]
    long: bool,
    /// Instead of the tests: libFuzzer on every decoder.
    #[arg(long)]
    fuzz: bool,
    /// For how many seconds each.
    #[arg(long, default_value_t = 20, requires = "fuzz")]
    seconds: u32,
}

/// Sets up what is missing and passes every test: form, types, units, properties, whole systems and the real window.
pub fn test(options: &Options) -> Result<()> {
    if options.fuzz {
        return fuzz::fuzz(options.seconds);
    }
    let packages: Vec<&str> = [system::APP, system::WINDOW_TESTS, system::CLUSTER_TESTS].concat();
    system::ensure(&packages)?;
    system::wish(system::WISHED);
    frontend::install("ui")?;
    frontend::install("crates/sheaf-document/tests/js")?;

    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;

    // Writes the window's types anew; a difference means that someone changed one side only. Of the whole workspace, for its
    // dependencies are built for that: for some of the packages alone they would be built again, with fewer features.
    shell::run(shell::cargo().args(["test", "--workspace", "--lib", "export_bindings"]))?;
    unchanged("ui/src/core/types")?;

    if shell::on_path("cargo-deny") {
        shell::run(shell::cargo().args(["deny", "--offline", "check", "bans", "licenses", "sources"]))?;
    } else {
        eprintln!("\nLicences are not checked here: `cargo install cargo-deny --locked` to have that too.");
    }

    frontend::script("check")?;
    frontend::script("lint")?;
    frontend::build()?;

    shell::run(shell::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    // The window's property tests talk to the real core, and the whole-system tests run the real programs.
    shell::run(shell::cargo().args(["build", "--workspace", "--bins", "--examples"]))?;
    install_tauri_driver()?;

    shell::run(with_length(options, &mut shell::npm()).args(["run", "test"]).current_dir("ui"))?;
    shell::run(with_length(options, &mut shell::cargo()).args(["test", "--workspace", "--no-fail-fast"]))
}

fn with_length<'c>(options: &Options, command: &'c mut Command) -> &'c mut Command {
    if options.long {
        command.env("SHEAF_CASES", LONG_CASES).env("SHEAF_KILLS", LONG_KILLS);
    }
    command
}

/// Fails when git sees a difference under a folder.
fn unchanged(folder: &str) -> Result<()> {
    if !std::path::Path::new(".git").exists() {
        return Ok(());
    }
    let out = Command::new("git").args(["status", "--porcelain", "--", folder]).output()?;
    if !out.stdout.is_empty() {
        bail!(
            "{folder} does not match the Rust types it is made from; it has just been written anew, look and commit:\n{}",
            String::from_utf8_lossy(&out.stdout)
        );
    }
    Ok(())
}

fn install_tauri_driver() -> Result<()> {
    let root = shell::target().join("tools");
    let version = root.join("tauri-driver.version");
    if std::fs::read_to_string(&version).is_ok_and(|installed| installed == TAURI_DRIVER) {
        return Ok(());
    }
    shell::run(
        shell::cargo()
            .args(["install", "tauri-driver", "--locked", "--force", "--version", TAURI_DRIVER, "--root"])
            .arg(&root),
    )?;
    Ok(std::fs::write(version, TAURI_DRIVER)?)
}
