//! Where a space is kept besides its members' devices.

use sheaf_node::{RelayInfo, RelaySpace};
use tauri::State;

use crate::{app::App, problem::Answer};

/// The relays that a space names.
#[tauri::command]
pub async fn relays(state: State<'_, App>, space: String) -> Answer<Vec<RelayInfo>> {
    Ok(state.node().await?.relays(Some(&space)).await?)
}

/// Names the relay of a link in a space.
#[tauri::command]
pub async fn add_relay(state: State<'_, App>, space: String, link: String) -> Answer<Vec<RelaySpace>> {
    Ok(state.node().await?.add_relay(&link, Some(&space)).await?)
}

/// Names a relay in a space no more.
#[tauri::command]
pub async fn remove_relay(state: State<'_, App>, space: String, relay: String) -> Answer<Vec<RelaySpace>> {
    Ok(state.node().await?.remove_relay(&relay, Some(&space)).await?)
}
