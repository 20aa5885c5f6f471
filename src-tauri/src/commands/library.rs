//! The person, the spaces, the documents.

use sheaf_node::{DocumentInfo, InvitationLook, Me, Placement, SpaceInfo};
use tauri::{AppHandle, State, WebviewWindow};

use crate::{
    app::{self, App},
    problem::Answer,
    view::Startup,
};

/// How the app stands. Asked by a window that has just loaded: sessions of an earlier load are over (W7).
#[tauri::command]
pub async fn start(app: AppHandle, window: WebviewWindow, state: State<'_, App>) -> Answer<Startup> {
    state.forget(window.label());
    if let Err(problem) = state.sessions.close_window(window.label()).await {
        tracing::error!(%problem, "the sessions of an earlier load did not end well");
    }
    Ok(state.startup(&app).await)
}

/// Tries to open the home again.
#[tauri::command]
pub async fn retry(app: AppHandle, state: State<'_, App>) -> Answer<Startup> {
    Ok(state.startup(&app).await)
}

/// Makes the person of this home.
#[tauri::command]
pub async fn begin(app: AppHandle, state: State<'_, App>, name: String, colour: u8) -> Answer<Startup> {
    let node = state.node().await?;
    node.init(&name, colour).await?;
    tauri::async_runtime::spawn(app::go_online(app.clone(), node));
    Ok(state.startup(&app).await)
}

/// Changes the name and colour that others see.
#[tauri::command]
pub async fn set_me(state: State<'_, App>, name: String, colour: u8) -> Answer<Me> {
    Ok(state.node().await?.set_profile(&name, colour).await?)
}

/// The spaces of this person.
#[tauri::command]
pub async fn spaces(state: State<'_, App>) -> Answer<Vec<SpaceInfo>> {
    Ok(state.node().await?.spaces().await?)
}

/// The documents of a space.
#[tauri::command]
pub async fn documents(state: State<'_, App>, space: String) -> Answer<Vec<DocumentInfo>> {
    Ok(state.node().await?.documents(Some(&space)).await?)
}

/// Where a document is, from receipts.
#[tauri::command]
pub async fn placement(state: State<'_, App>, document: String) -> Answer<Placement> {
    Ok(state.node().await?.placement(&document).await?)
}

/// Makes a space.
#[tauri::command]
pub async fn create_space(state: State<'_, App>, name: String) -> Answer<SpaceInfo> {
    Ok(state.node().await?.create_space(&name).await?)
}

/// Makes an empty document, with a title or without.
#[tauri::command]
pub async fn create_document(state: State<'_, App>, space: String, title: Option<String>) -> Answer<DocumentInfo> {
    Ok(state.node().await?.create_document(Some(&space), title.as_deref().unwrap_or_default()).await?)
}

/// Makes a document of what was pasted: `kind` is `html`, or else it is Markdown or plain text.
#[tauri::command]
pub async fn import_text(state: State<'_, App>, space: String, kind: String, data: String) -> Answer<DocumentInfo> {
    let name = if kind == "html" { "Pasted.html" } else { "Pasted.md" };
    Ok(state.node().await?.import(Some(&space), name, data.into_bytes()).await?)
}

/// Calls the other devices now instead of at the next turn.
#[tauri::command]
pub async fn try_now(state: State<'_, App>) -> Answer<()> {
    state.node().await?.try_now();
    Ok(())
}

/// What an invitation says of itself; nothing is sent.
#[tauri::command]
pub async fn look_at(state: State<'_, App>, link: String) -> Answer<InvitationLook> {
    Ok(state.node().await?.look_at(&link).await?)
}

/// Redeems an invitation, and gives the space it leads to.
#[tauri::command]
pub async fn join(state: State<'_, App>, link: String) -> Answer<String> {
    Ok(state.node().await?.join(&link).await?.id)
}
