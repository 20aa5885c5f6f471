//! The harness of the whole-system tests: homes in temporary folders, and the real programs run on them.
//!
//! A test reads as a user's story. It waits for conditions with a deadline, never for a time; it ends only processes it
//! started; and nothing in it needs more than the loopback interface.

mod cli;
mod copies;
mod killed;
mod logged;
mod nats;
mod online;
pub mod raw;
mod relay;
mod scene;
#[cfg(target_os = "linux")]
mod secrets;
mod wait;
#[cfg(target_os = "linux")]
mod window;

pub use cli::{Home, Ran};
pub use copies::{Copied, copy_folder, holding};
pub use killed::killed_after;
pub use logged::{listen_to_log, logged};
pub use nats::NatsServers;
pub use online::Online;
pub use relay::{RelayProcess, contains};
pub use scene::{HOSTILE, Picture, Scene, picture, soon, told};
#[cfg(target_os = "linux")]
pub use secrets::SecretService;
pub use wait::{DEADLINE, eventually};
#[cfg(target_os = "linux")]
pub use window::{ALT, CTRL, Look, SHIFT, Window};

use std::path::{Path, PathBuf};

/// The top of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in a folder of the workspace")
}

/// A program of the workspace, built by `cargo build --workspace` before the tests.
///
/// # Panics
/// When it has not been built, with the command that does it.
pub fn program(name: &str) -> PathBuf {
    let path = profile().join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is not there: run `cargo build --workspace --bins` first", path.display());
    path
}

/// The folder of the built programs: `target/<profile>`.
fn profile() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|exe| exe.ancestors().nth(2).map(Path::to_path_buf))
        .expect("a test runs from target/<profile>/deps")
}

/// The target folder.
///
/// # Panics
/// When this test does not run from one.
pub fn target() -> PathBuf {
    profile().parent().map(Path::to_path_buf).expect("a test runs from target/<profile>/deps")
}
