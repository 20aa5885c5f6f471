//! What keeps the home: its passphrase, the person's recovery phrase, and backups.

use sheaf_node::{BackupReport, Node, Protection, RestoreReport, SecretText};
use tauri::{AppHandle, State, WebviewWindow};

use super::files;
use crate::{
    app::App,
    problem::{Answer, Problem},
    view::Startup,
};

/// Opens a locked home.
#[tauri::command]
pub async fn unlock(app: AppHandle, state: State<'_, App>, passphrase: String) -> Answer<Startup> {
    Ok(state.open(&app, Some(SecretText::new(passphrase))).await?)
}

/// How the home is protected.
#[tauri::command]
pub async fn protection(state: State<'_, App>) -> Answer<Protection> {
    Ok(state.node().await?.protection())
}

/// Sets, changes (`old`) or removes (`new` is none) the passphrase.
#[tauri::command]
pub async fn set_passphrase(state: State<'_, App>, old: Option<String>, new: Option<String>) -> Answer<Protection> {
    let node = state.node().await?;
    node.set_passphrase(old.map(SecretText::new), new.map(SecretText::new)).await?;
    Ok(node.protection())
}

/// The words that restore this person elsewhere.
#[tauri::command]
pub async fn recovery_phrase(state: State<'_, App>, passphrase: Option<String>) -> Answer<Vec<String>> {
    let words = state.node().await?.recovery_phrase(passphrase.map(SecretText::new)).await?;
    // The window has to show them; what it was given goes when its page does.
    Ok(words.to_vec())
}

/// The person has them in writing.
#[tauri::command]
pub async fn phrase_written(state: State<'_, App>) -> Answer<Protection> {
    let node = state.node().await?;
    node.phrase_written().await?;
    Ok(node.protection())
}

/// Asks where, and writes a backup of everything there. None if nothing was chosen.
#[tauri::command]
pub async fn back_up(app: AppHandle, window: WebviewWindow, state: State<'_, App>) -> Answer<Option<BackupReport>> {
    let node = state.node().await?;
    let Some(file) = files::to_write(&app, &window, "Back up everything", "Sheaf.sheafbackup").await? else {
        return Ok(None);
    };
    Ok(Some(node.backup(&file).await?))
}

/// Asks for a backup and for an empty folder, and makes a home there. None if nothing was chosen.
#[tauri::command]
pub async fn restore_backup(
    app: AppHandle,
    window: WebviewWindow,
    state: State<'_, App>,
    passphrase: Option<String>,
) -> Answer<Option<RestoreReport>> {
    let Some(file) = files::to_read(&app, &window, "Which backup?").await? else { return Ok(None) };
    let Some(folder) = files::folder(&app, &window, "Into which empty folder?").await? else { return Ok(None) };
    let surroundings = state.surroundings();
    Ok(Some(Node::restore(file, folder, passphrase.map(SecretText::new), surroundings).await?))
}

/// On an empty home: asks for a backup to put back here, and says its name. None if nothing was chosen.
#[tauri::command]
pub async fn choose_backup(app: AppHandle, window: WebviewWindow, state: State<'_, App>) -> Answer<Option<String>> {
    let Some(file) = files::to_read(&app, &window, "Which backup?").await? else { return Ok(None) };
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    state.keep_backup(file);
    Ok(Some(name))
}

/// On an empty home: puts the backup here that was chosen, and says how the app stands.
#[tauri::command]
pub async fn restore_here(app: AppHandle, state: State<'_, App>, passphrase: Option<String>) -> Answer<Startup> {
    let file = state.backup().ok_or_else(|| Problem::new("bad-input", "Choose a backup first."))?;
    Ok(state.restore(&app, file, passphrase.map(SecretText::new)).await?)
}
