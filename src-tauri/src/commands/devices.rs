//! This person's devices: listing, naming, pairing, removing, and coming back on a new machine.

use sheaf_node::{DeviceInfo, Me, NodeError, PairingCode, PairingPeer, SecretText};
use tauri::{AppHandle, State};

use crate::{
    app::App,
    problem::Answer,
    view::{Recovery, Startup},
};

/// This person's devices.
#[tauri::command]
pub async fn devices(state: State<'_, App>) -> Answer<Vec<DeviceInfo>> {
    Ok(state.node().await?.devices().await?)
}

/// Calls one of them something else.
#[tauri::command]
pub async fn rename_device(state: State<'_, App>, device: String, name: String) -> Answer<()> {
    Ok(state.node().await?.rename_device(&device, &name).await?)
}

/// Removes one of them.
#[tauri::command]
pub async fn remove_device(state: State<'_, App>, device: String, phrase: Option<String>) -> Answer<()> {
    let phrase = phrase.map(SecretText::new);
    Ok(state.node().await?.remove_device(&device, phrase.as_ref().map(SecretText::as_str)).await?)
}

/// Makes a copied home a device of its own.
#[tauri::command]
pub async fn renew_device(state: State<'_, App>, phrase: Option<String>) -> Answer<Me> {
    Ok(state.node().await?.renew_device(phrase.map(SecretText::new)).await?)
}

/// On an empty home: shows a code for one of the person's devices.
#[tauri::command]
pub async fn pair_show(state: State<'_, App>) -> Answer<PairingCode> {
    Ok(state.node().await?.pair_show().await?)
}

/// On the new device, once it was taken in: waits a while for what the person has, and says how the app stands.
#[tauri::command]
pub async fn pair_arrive(app: AppHandle, state: State<'_, App>) -> Answer<Startup> {
    state.node().await?.pair_arrive().await?;
    Ok(state.startup(&app).await)
}

/// Calls the device that shows a code.
#[tauri::command]
pub async fn pair_look(state: State<'_, App>, code: String) -> Answer<PairingPeer> {
    Ok(state.node().await?.pair_look(&code).await?)
}

/// Takes in the device that was looked at last.
#[tauri::command]
pub async fn pair_confirm(state: State<'_, App>, phrase: Option<String>) -> Answer<DeviceInfo> {
    let phrase = phrase.map(SecretText::new);
    Ok(state.node().await?.pair_confirm(phrase.as_ref().map(SecretText::as_str)).await?)
}

/// Gives a pairing up.
#[tauri::command]
pub async fn pair_cancel(state: State<'_, App>) -> Answer<()> {
    state.node().await?.pair_cancel();
    Ok(())
}

/// On an empty home: the person whose recovery phrase this is.
#[tauri::command]
pub async fn recover(
    app: AppHandle,
    state: State<'_, App>,
    phrase: String,
    name: Option<String>,
    peer: Option<String>,
) -> Answer<Recovery> {
    let node = state.node().await?;
    let notice = match node.recover(&SecretText::new(phrase), name.as_deref(), peer.as_deref()).await {
        Ok(back) if back.waiting > 0 => Some("Some of your spaces are still on their way.".to_owned()),
        Ok(_) => None,
        // It is this person all the same, and what they belong to can still come.
        Err(error @ NodeError::Unreachable(_)) if node.me().is_some() => Some(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    Ok(Recovery { startup: state.startup(&app).await, notice })
}

/// The words that recovery phrases are made of.
#[tauri::command]
pub fn phrase_list() -> Vec<&'static str> {
    sheaf_node::phrase_list().to_vec()
}
