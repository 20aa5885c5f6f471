//! Who may read and write: members, roles, invitations, and work that was set aside.

use std::time::Duration;

use sheaf_node::{FormerInfo, InvitationInfo, MemberInfo, SetAside};
use tauri::State;

use crate::{app::App, problem::Answer};

/// Who shares a space.
#[tauri::command]
pub async fn members(state: State<'_, App>, space: String) -> Answer<Vec<MemberInfo>> {
    Ok(state.node().await?.members(&space).await?)
}

/// Who shared a space and does no longer.
#[tauri::command]
pub async fn former_members(state: State<'_, App>, space: String) -> Answer<Vec<FormerInfo>> {
    Ok(state.node().await?.former_members(&space).await?)
}

/// Changes what someone may do.
#[tauri::command]
pub async fn set_role(state: State<'_, App>, space: String, person: String, role: String) -> Answer<MemberInfo> {
    Ok(state.node().await?.set_role(&space, &person, &role).await?)
}

/// Removes someone from a space.
#[tauri::command]
pub async fn remove_person(state: State<'_, App>, space: String, person: String) -> Answer<()> {
    state.node().await?.revoke(&space, &person).await?;
    Ok(())
}

/// Leaves a space.
#[tauri::command]
pub async fn leave_space(state: State<'_, App>, space: String) -> Answer<()> {
    Ok(state.node().await?.leave(&space).await?)
}

/// Makes an invitation for `uses` persons and `lasts` seconds, where these are said, and gives its link.
#[tauri::command]
pub async fn invite(
    state: State<'_, App>,
    space: String,
    role: String,
    uses: Option<u32>,
    lasts: Option<u32>,
) -> Answer<String> {
    let lasts = lasts.map(|seconds| Duration::from_secs(seconds.into()));
    Ok(state.node().await?.invite(&space, &role, uses, lasts).await?)
}

/// Takes a space that this person is not in any more off the list.
#[tauri::command]
pub async fn forget_space(state: State<'_, App>, space: String) -> Answer<()> {
    Ok(state.node().await?.forget_space(&space).await?)
}

/// The invitations of a space that are not closed.
#[tauri::command]
pub async fn invitations(state: State<'_, App>, space: String) -> Answer<Vec<InvitationInfo>> {
    Ok(state.node().await?.invitations(&space).await?)
}

/// Cancels an invitation.
#[tauri::command]
pub async fn cancel_invitation(state: State<'_, App>, space: String, invitation: String) -> Answer<()> {
    Ok(state.node().await?.cancel_invitation(&space, &invitation).await?)
}

/// The words to compare with someone.
#[tauri::command]
pub async fn compare_words(state: State<'_, App>, person: String) -> Answer<Vec<String>> {
    Ok(state.node().await?.compare_words(&person).await?)
}

/// Remembers whether they were the same.
#[tauri::command]
pub async fn set_verified(state: State<'_, App>, person: String, verified: bool) -> Answer<()> {
    Ok(state.node().await?.set_verified(&person, verified).await?)
}

/// The work in a space that does not count, and is kept.
#[tauri::command]
pub async fn set_aside(state: State<'_, App>, space: String) -> Answer<Vec<SetAside>> {
    Ok(state.node().await?.set_aside(&space).await?)
}

/// What such work says.
#[tauri::command]
pub async fn set_aside_text(state: State<'_, App>, space: String, id: String) -> Answer<String> {
    Ok(state.node().await?.set_aside_text(&space, &id).await?)
}

/// Takes it over.
#[tauri::command]
pub async fn adopt(state: State<'_, App>, space: String, id: String) -> Answer<()> {
    Ok(state.node().await?.adopt(&space, &id).await?)
}
