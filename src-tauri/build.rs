//! Makes the context of the app: its commands, each of which a window may call only because a capability says so.

#[path = "build/licences.rs"]
mod licences;

use std::{env, fs, path::Path};

/// Every command; `capabilities/window.json` allows them one by one.
const COMMANDS: &[&str] = &[
    "start",
    "retry",
    "quit",
    "begin",
    "set_me",
    "unlock",
    "protection",
    "set_passphrase",
    "recovery_phrase",
    "phrase_written",
    "back_up",
    "restore_backup",
    "choose_backup",
    "restore_here",
    "devices",
    "rename_device",
    "remove_device",
    "renew_device",
    "pair_show",
    "pair_arrive",
    "pair_look",
    "pair_confirm",
    "pair_cancel",
    "recover",
    "phrase_list",
    "spaces",
    "documents",
    "move_document",
    "create_under",
    "duplicate",
    "create_from",
    "set_template",
    "set_tags",
    "set_pinned",
    "recent",
    "preview",
    "backlinks",
    "search",
    "trash",
    "trashed",
    "restore_document",
    "destroy",
    "members",
    "former_members",
    "set_role",
    "remove_person",
    "leave_space",
    "invite",
    "invitations",
    "cancel_invitation",
    "compare_words",
    "set_verified",
    "set_aside",
    "set_aside_text",
    "adopt",
    "relays",
    "add_relay",
    "remove_relay",
    "forget_space",
    "placement",
    "create_space",
    "create_document",
    "import_text",
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
    "export_document",
    "export_space",
    "import_files",
    "stop_errand",
    "begin_anew",
    "copy_text",
    "open_link",
    "take_link",
    "new_window",
    "closing",
    "ready_to_close",
    "close_anyway",
    "about",
    "licence_text",
    "diagnostics",
    "save_diagnostics",
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
    write_licences();
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    if let Err(error) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        println!("cargo::error={error:#}");
    }
}

/// What the app is made of, for its own page about that. A program that is passed on must have it; while one is being worked
/// on, a machine that cannot say it only says so.
fn write_licences() {
    for changed in ["build/licences.rs", "../Cargo.lock", "../ui/package-lock.json"] {
        println!("cargo::rerun-if-changed={changed}");
    }
    let target = env::var("TARGET").unwrap_or_default();
    let collected = licences::collect(&target).unwrap_or_else(|error| {
        let grave = env::var("PROFILE").is_ok_and(|profile| profile == "release");
        println!("cargo::{}=the licences cannot be collected: {error}", if grave { "error" } else { "warning" });
        r#"{ "parts": [], "texts": [] }"#.to_owned()
    });
    let path = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("licences.json");
    if let Err(error) = fs::write(&path, collected) {
        println!("cargo::error=cannot write {}: {error}", path.display());
    }
}
