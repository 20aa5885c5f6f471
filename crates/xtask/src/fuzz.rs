//! `cargo xtask test --fuzz`: libFuzzer on every decoder, for a short time.
//!
//! It needs one stable toolchain and a C++ compiler, and installs nothing: the coverage that libFuzzer steers by is a pass
//! of LLVM's that stable `rustc` knows. There is no sanitizer, because there is no `unsafe` to watch; what is watched is
//! that nothing panics, overflows, hangs or takes much memory.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Where the program is.
const MANIFEST: &str = "crates/sheaf-fuzz/fuzz/Cargo.toml";
/// The seeds: a folder for each target.
const CORPUS: &str = "crates/sheaf-fuzz/corpus";
/// What cargo-fuzz passes too.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// The most memory a target may take, in MiB.
const MEMORY: u32 = 1_024;
/// The longest it may take over one input, in seconds.
const PATIENCE: u32 = 10;

/// Builds the program and runs it on every target for so many seconds each.
pub fn fuzz(seconds: u32) -> Result<()> {
    let host = host()?;
    let target = std::path::absolute(shell::target().join("fuzz"))?;
    shell::run(
        shell::cargo()
            .args(["build", "--release", "--manifest-path", MANIFEST, "--target", &host, "--target-dir"])
            .arg(&target)
            .env("RUSTFLAGS", FLAGS)
            .env_remove("CARGO_ENCODED_RUSTFLAGS"),
    )?;
    let program = target.join(&host).join("release").join(format!("any{}", std::env::consts::EXE_SUFFIX));
    let mut broken = Vec::new();
    for name in names()? {
        let found = target.join("corpus").join(&name);
        let artifacts = target.join("artifacts");
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&artifacts)?;
        let artifact = artifacts.join(format!("{name}-"));
        let mut command = Command::new(&program);
        command
            .env("SHEAF_FUZZ", &name)
            .args([
                format!("-max_total_time={seconds}"),
                format!("-rss_limit_mb={MEMORY}"),
                format!("-timeout={PATIENCE}"),
                format!("-artifact_prefix={}", artifact.display()),
                "-max_len=65536".to_owned(),
                "-verbosity=0".to_owned(),
                "-print_funcs=0".to_owned(),
            ])
            .arg(&found)
            .arg(Path::new(CORPUS).join(&name));
        if let Err(error) = shell::run(&mut command) {
            eprintln!("{name}: {error}");
            broken.push(name);
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    bail!(
        "inputs were found that break {}. They lie in {}; give one to the program to see it happen again, \
         and add it to the target's corpus when it is mended.",
        broken.join(", "),
        target.join("artifacts").display()
    )
}

/// The targets, by their corpora: `cargo test -p sheaf-fuzz` sees to it that each has one.
fn names() -> Result<Vec<String>> {
    let folders = fs::read_dir(CORPUS).with_context(|| format!("{CORPUS} is missing"))?;
    let mut names = Vec::new();
    for folder in folders {
        names.push(folder?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// What this machine is called: flags for a named target are not those of build scripts.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let out = Command::new(rustc).arg("-vV").output().context("rustc is missing")?;
    let text = String::from_utf8_lossy(&out.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say what machine it is on")
}
