//! Asking the person for a file or a folder.

use std::path::PathBuf;

use tauri::{AppHandle, WebviewWindow};
use tauri_plugin_dialog::{DialogExt as _, FilePath};
use tokio::sync::oneshot;

use crate::problem::{Answer, Problem};

/// Where to write; none if the person thought better of it.
pub async fn to_write(app: &AppHandle, window: &WebviewWindow, title: &str, name: &str) -> Answer<Option<PathBuf>> {
    let (chosen, choice) = oneshot::channel();
    let dialog = app.dialog().file().set_parent(window).set_title(title).set_file_name(name);
    dialog.save_file(move |path| {
        // The other end waits for as long as the dialog is open.
        let _ = chosen.send(path);
    });
    answered(choice).await
}

/// What to read.
pub async fn to_read(app: &AppHandle, window: &WebviewWindow, title: &str) -> Answer<Option<PathBuf>> {
    let (chosen, choice) = oneshot::channel();
    app.dialog().file().set_parent(window).set_title(title).pick_file(move |path| {
        let _ = chosen.send(path);
    });
    answered(choice).await
}

/// Which files to read; none if the person thought better of it.
pub async fn to_read_all(app: &AppHandle, window: &WebviewWindow, title: &str) -> Answer<Vec<PathBuf>> {
    let (chosen, choice) = oneshot::channel();
    let dialog = app.dialog().file().set_parent(window).set_title(title);
    let known = ["md", "markdown", "html", "htm", "docx", "txt", "automerge"];
    dialog.add_filter("Documents", &known).add_filter("All files", &["*"]).pick_files(move |paths| {
        let _ = chosen.send(paths);
    });
    let Ok(Some(paths)) = choice.await else { return Ok(Vec::new()) };
    let path = |path: FilePath| path.into_path().map_err(|error| Problem::new("bad-input", error.to_string()));
    paths.into_iter().map(path).collect()
}

/// Which folder.
pub async fn folder(app: &AppHandle, window: &WebviewWindow, title: &str) -> Answer<Option<PathBuf>> {
    let (chosen, choice) = oneshot::channel();
    app.dialog().file().set_parent(window).set_title(title).pick_folder(move |path| {
        let _ = chosen.send(path);
    });
    answered(choice).await
}

async fn answered(choice: oneshot::Receiver<Option<FilePath>>) -> Answer<Option<PathBuf>> {
    let Ok(Some(path)) = choice.await else { return Ok(None) };
    path.into_path().map(Some).map_err(|error| Problem::new("bad-input", error.to_string()))
}
