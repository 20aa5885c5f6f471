//! The way of a keystroke: the window's bytes in, the node's bytes out.

use tauri::{
    State, WebviewWindow,
    ipc::{Channel, InvokeBody, InvokeResponseBody, Request},
};

use crate::{
    app::App,
    problem::{Answer, Problem},
    view::WindowEvent,
};

/// The window hears what changes, from now on.
#[tauri::command]
pub fn listen(window: WebviewWindow, state: State<'_, App>, events: Channel<WindowEvent>) {
    state.listen(window.label(), events);
}

/// Opens a session on a document.
#[tauri::command]
pub async fn open_session(
    window: WebviewWindow,
    state: State<'_, App>,
    document: String,
    messages: Channel<InvokeResponseBody>,
) -> Answer<u32> {
    let node = state.node().await?;
    state.sessions.open(&node, window.label(), &document, messages).await
}

/// One message of a session, as raw JSON. Not async on purpose: messages are put in order as they come, and nothing
/// here waits.
#[tauri::command]
pub fn session_message(window: WebviewWindow, state: State<'_, App>, request: Request<'_>) -> Answer<()> {
    let number = |name: &str| -> Answer<u64> {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok()?.parse().ok());
        value.ok_or_else(|| Problem::new("bad-input", format!("The header {name} is missing or not a number.")))
    };
    let session =
        u32::try_from(number("sheaf-session")?).map_err(|_| Problem::new("bad-input", "There is no such session."))?;
    let InvokeBody::Raw(bytes) = request.body() else {
        return Err(Problem::new("bad-input", "A message is raw bytes."));
    };
    state.sessions.message(window.label(), session, number("sheaf-number")?, bytes.clone())
}

/// Ends a session; answers when its last words are saved.
#[tauri::command]
pub async fn close_session(window: WebviewWindow, state: State<'_, App>, session: u32) -> Answer<()> {
    state.sessions.close(window.label(), session).await
}
