//! Makes the context of the app: its commands, each of which a window may call only because a capability says so.

use std::{fs, path::Path};

/// Every command; `capabilities/window.json` allows them one by one.
const COMMANDS: &[&str] = &[
    "start",
    "retry",
    "quit",
    "begin",
    "set_me",
    "spaces",
    "documents",
    "members",
    "placement",
    "create_space",
    "create_document",
    "import_text",
    "invite",
    "look_at",
    "join",
    "try_now",
    "listen",
    "open_session",
    "session_message",
    "close_session",
    "settings",
    "put_settings",
    "save_copy",
    "copy_text",
    "open_link",
    "take_link",
    "new_window",
    "closing",
    "ready_to_close",
    "close_anyway",
];

fn main() {
    // The window is bundled from here. An empty folder compiles too, so that the checks of the Rust side do not wait
    // for `npm run build`.
    let bundle = Path::new("../ui/dist");
    if !bundle.exists()
        && let Err(error) = fs::create_dir_all(bundle)
    {
        println!("cargo::error=cannot make {}: {error}", bundle.display());
    }
    println!("cargo::rerun-if-changed=../ui/dist");
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    if let Err(error) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        println!("cargo::error={error:#}");
    }
}
