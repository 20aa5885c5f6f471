//! Settings, files, the clipboard, other programs, windows.

use sheaf_node::file_name;
use tauri::{AppHandle, State, WebviewWindow};
use tauri_plugin_clipboard_manager::ClipboardExt as _;

use super::{files, transfer::write};
use crate::{
    app::App,
    problem::{Answer, Problem},
    view::{Settings, ShellEvent, WindowEvent},
    windows,
};

/// What the window remembers between runs.
#[tauri::command]
pub fn settings(state: State<'_, App>) -> Settings {
    state.remembered().settings
}

/// Changes some of it, and lets the other windows know: each holds all of it, and none may put back what another changed.
#[tauri::command]
pub async fn put_settings(
    window: WebviewWindow,
    state: State<'_, App>,
    change: serde_json::Map<String, serde_json::Value>,
) -> Answer<()> {
    let wrong = |error: serde_json::Error| Problem::new("bad-input", format!("These are no settings: {error}"));
    let mut all = serde_json::to_value(state.remembered().settings).map_err(wrong)?;
    if let Some(all) = all.as_object_mut() {
        all.extend(change);
    }
    let settings: Settings = serde_json::from_value(all).map_err(wrong)?;
    state.remember(|remembered| remembered.settings = settings.clone()).await?;
    state.tell_others(window.label(), &WindowEvent::Shell(ShellEvent::Settings { settings }));
    Ok(())
}

/// Asks where, and writes the text there, whole or not at all. False if nothing was chosen.
#[tauri::command]
pub async fn save_copy(app: AppHandle, window: WebviewWindow, name: String, text: String) -> Answer<bool> {
    let name = format!("{}.txt", file_name(&name));
    let Some(path) = files::to_write(&app, &window, "Save a copy", &name).await? else { return Ok(false) };
    write(path, text.into_bytes()).await
}

/// Puts text on the clipboard.
#[tauri::command]
pub fn copy_text(app: AppHandle, text: String) -> Answer<()> {
    app.clipboard().write_text(text).map_err(|error| Problem::new("clipboard", error.to_string()))
}

/// Opens a web or mail address in the system's own program. Nothing else: a document may come from anyone.
#[tauri::command]
pub async fn open_link(url: String) -> Answer<()> {
    let refused = || Problem::new("bad-input", "Only web and mail addresses can be opened from a page.");
    let parsed = tauri::Url::parse(&url).map_err(|_| refused())?;
    if !matches!(parsed.scheme(), "http" | "https" | "mailto") {
        return Err(refused());
    }
    tauri_plugin_opener::open_url(parsed.as_str(), None::<&str>)
        .map_err(|error| Problem::new("open", format!("No program took {parsed}: {error}")))
}

/// The `sheaf://` link that was opened outside, if one waits. It is given once.
#[tauri::command]
pub fn take_link(state: State<'_, App>) -> Option<String> {
    state.take_link()
}

/// Opens another window: on a document, or on what was open last.
#[tauri::command]
pub async fn new_window(app: AppHandle, document: Option<String>) -> Answer<()> {
    windows::open_another(&app, document.as_deref())
        .map_err(|error| Problem::new("window", format!("No window could be opened: {error}")))
}

/// The window has heard that it should close, and is sending its last words.
#[tauri::command]
pub fn closing(window: WebviewWindow, state: State<'_, windows::Closing>) {
    state.heard(window.label());
}

/// The window has sent everything: save it, then close the window. If it cannot be saved, the window stays.
#[tauri::command]
pub async fn ready_to_close(window: WebviewWindow, state: State<'_, App>) -> Answer<()> {
    state.sessions.close_window(window.label()).await?;
    windows::close(&window).await;
    Ok(())
}

/// Closes the window although its last words could not be saved.
#[tauri::command]
pub async fn close_anyway(window: WebviewWindow) {
    windows::close(&window).await;
}

/// Ends the app.
#[tauri::command]
pub fn quit(app: AppHandle) {
    app.exit(0);
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_title_becomes_a_name_that_every_file_system_takes() {
        assert_eq!(file_name("Spring visit"), "Spring visit");
        assert_eq!(file_name("a/b\\c: d?"), "a b c d");
        assert_eq!(file_name("  ..  "), "Untitled");
        assert_eq!(file_name("\u{0}\n"), "Untitled");
        assert_eq!(file_name(&"x".repeat(500)).len(), 80);
    }
}
