//! Where documents are among the others, tags, what is at hand, the trash, and finding them by their words.

use sheaf_node::{BacklinkInfo, DocumentInfo, DocumentPreview, Search, SearchReport, TrashedInfo};
use tauri::State;

use crate::{app::App, problem::Answer};

/// Puts a document under another one, or at the top, and there before a third, or last.
#[tauri::command]
pub async fn move_document(
    state: State<'_, App>,
    document: String,
    under: Option<String>,
    before: Option<String>,
) -> Answer<DocumentInfo> {
    Ok(state.node().await?.move_document(&document, under.as_deref(), before.as_deref()).await?)
}

/// Makes an empty document under another one.
#[tauri::command]
pub async fn create_under(state: State<'_, App>, under: String) -> Answer<DocumentInfo> {
    Ok(state.node().await?.create_document_at(None, "", Some(&under), None).await?)
}

/// Makes a document that says the same.
#[tauri::command]
pub async fn duplicate(state: State<'_, App>, document: String) -> Answer<DocumentInfo> {
    Ok(state.node().await?.duplicate(&document).await?)
}

/// Makes a document after a template.
#[tauri::command]
pub async fn create_from(state: State<'_, App>, template: String, space: String) -> Answer<DocumentInfo> {
    Ok(state.node().await?.create_from(&template, Some(&space)).await?)
}

/// Says whether others are made after a document.
#[tauri::command]
pub async fn set_template(state: State<'_, App>, document: String, template: bool) -> Answer<()> {
    Ok(state.node().await?.set_template(&document, template).await?)
}

/// Gives a document tags, and takes others off.
#[tauri::command]
pub async fn set_tags(
    state: State<'_, App>,
    document: String,
    on: Vec<String>,
    off: Vec<String>,
) -> Answer<DocumentInfo> {
    Ok(state.node().await?.set_tags(&document, &on, &off).await?)
}

/// Pins a document for this person, or takes the pin off.
#[tauri::command]
pub async fn set_pinned(state: State<'_, App>, document: String, pinned: bool) -> Answer<()> {
    Ok(state.node().await?.set_pinned(&document, pinned).await?)
}

/// The documents that were opened on this device, the last first.
#[tauri::command]
pub async fn recent(state: State<'_, App>) -> Answer<Vec<DocumentInfo>> {
    Ok(state.node().await?.recent().await?)
}

/// The beginning of a document, for whoever is about to follow a link to it.
#[tauri::command]
pub async fn preview(state: State<'_, App>, document: String) -> Answer<DocumentPreview> {
    Ok(state.node().await?.preview(&document).await?)
}

/// The documents that link to one.
#[tauri::command]
pub async fn backlinks(state: State<'_, App>, document: String) -> Answer<Vec<BacklinkInfo>> {
    Ok(state.node().await?.backlinks(&document).await?)
}

/// Documents with these words in them, as far as they have been read.
#[tauri::command]
pub async fn search(state: State<'_, App>, words: String, limit: usize) -> Answer<SearchReport> {
    Ok(state.node().await?.search(Search { words, limit, ..Search::default() }).await?)
}

/// Puts a document into the trash.
#[tauri::command]
pub async fn trash(state: State<'_, App>, document: String) -> Answer<()> {
    Ok(state.node().await?.trash(&document).await?)
}

/// What is in the trash of all spaces.
#[tauri::command]
pub async fn trashed(state: State<'_, App>) -> Answer<Vec<TrashedInfo>> {
    Ok(state.node().await?.trashed(None).await?)
}

/// Takes a document out of the trash.
#[tauri::command]
pub async fn restore_document(state: State<'_, App>, document: String) -> Answer<DocumentInfo> {
    Ok(state.node().await?.restore_document(&document).await?)
}

/// Destroys a document that is in the trash, and all that are under it.
#[tauri::command]
pub async fn destroy(state: State<'_, App>, document: String) -> Answer<usize> {
    Ok(state.node().await?.destroy(&document).await?)
}
