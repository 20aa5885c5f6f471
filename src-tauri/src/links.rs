//! `sheaf://` links that are opened outside: in a mail program, a browser, a chat.
//!
//! The system hands one over in one of three ways: as an argument of a new process, through the process that is already
//! running (a second one on the same home would find it locked), or, on macOS, as an event. Whichever it is, the link
//! waits in [`App`] until a window takes it and asks the person; nothing is done with it here.

use tauri::{AppHandle, Manager as _, Runtime, plugin::TauriPlugin};

use crate::{app::App, view::ShellEvent, windows};

/// How every link of ours begins.
const SCHEME: &str = "sheaf://";
/// A link past this is not ours: the longest invitation is a tenth of it.
const LONGEST: usize = 16 * 1024;

/// Whether a text may be a link of ours. What it says is the node's to read.
pub fn is_ours(text: &str) -> bool {
    text.len() <= LONGEST && text.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
}

/// The first link among a process's arguments.
pub fn among<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Option<String> {
    arguments.into_iter().find(|argument| is_ours(argument)).map(str::to_owned)
}

/// Keeps a link for the window in use, and brings that window forward.
pub fn opened(app: &AppHandle, link: Option<String>) {
    if let Some(link) = link {
        app.state::<App>().keep_link(link);
    }
    let Some(window) = windows::in_use(app) else { return };
    if let Err(error) = window.unminimize().and_then(|()| window.set_focus()) {
        tracing::debug!(%error, "the window does not come forward");
    }
    // A window that is still loading asks by itself.
    app.state::<App>().tell(window.label(), ShellEvent::Link);
}

/// One process for the usual home: a second one hands its arguments to the first and ends.
pub fn one_process<R: Runtime>(opened: fn(&AppHandle<R>, Option<String>)) -> TauriPlugin<R> {
    tauri_plugin_single_instance::init(move |app, arguments, _folder| {
        opened(app, among(arguments.iter().skip(1).map(String::as_str)));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_among_arguments_and_nothing_else_is_taken_for_one() {
        let found = |arguments: &[&str]| among(arguments.iter().copied());
        assert_eq!(found(&["--no-discovery", "sheaf://join/abc"]).as_deref(), Some("sheaf://join/abc"));
        assert_eq!(found(&["SHEAF://join/abc", "sheaf://pair/x"]).as_deref(), Some("SHEAF://join/abc"));
        assert_eq!(found(&["https://example.org/?sheaf://join/abc", "--home", "/tmp", "", "ßheaf://"]), None);
        assert!(!is_ours(&format!("sheaf://{}", "a".repeat(LONGEST))));
    }
}
