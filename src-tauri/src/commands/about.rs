//! What the app is: its version, what it is made of, and how it stands on this machine, for whoever is to help.

use std::{collections::BTreeMap, fmt::Write as _, sync::LazyLock};

use serde::{Deserialize, Serialize};
use sheaf_node::{Node, Protection};
use tauri::{AppHandle, State, WebviewWindow};
use ts_rs::TS;

use super::{files, transfer::write};
use crate::{
    app::App,
    problem::{Answer, Problem},
};

/// Worked out by the build script.
static MADE_OF: LazyLock<MadeOf> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/licences.json"))).unwrap_or_default()
});

#[derive(Debug, Default, Deserialize)]
struct MadeOf {
    parts: Vec<Part>,
    texts: Vec<String>,
}

/// Something that is part of the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licences, as SPDX has them.
    pub licence: String,
    /// Their texts, by number.
    pub texts: Vec<usize>,
}

/// What the app is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct About {
    /// Its version.
    pub version: String,
    /// What it is made of, by name.
    pub parts: Vec<Part>,
}

/// The version, and everything that is part of it.
#[tauri::command]
pub fn about() -> About {
    About { version: env!("CARGO_PKG_VERSION").to_owned(), parts: MADE_OF.parts.clone() }
}

/// The text of a licence.
#[tauri::command]
pub fn licence_text(text: usize) -> Answer<&'static str> {
    let found = MADE_OF.texts.get(text);
    found.map(String::as_str).ok_or_else(|| Problem::new("bad-input", "There is no such licence."))
}

/// How the app stands here, without a word of any document and without a name.
#[tauri::command]
pub async fn diagnostics(state: State<'_, App>) -> Answer<String> {
    Ok(report(&Standing::of(&state.node().await?).await?))
}

/// Asks where, and writes that there. False if nothing was chosen.
#[tauri::command]
pub async fn save_diagnostics(app: AppHandle, window: WebviewWindow, state: State<'_, App>) -> Answer<bool> {
    let report = report(&Standing::of(&state.node().await?).await?);
    let Some(path) = files::to_write(&app, &window, "Save the diagnostics", "sheaf-diagnostics.txt").await? else {
        return Ok(false);
    };
    write(path, report.into_bytes()).await
}

/// What is told about a home: numbers and standing words, nothing that anyone has typed, no key and no address.
#[derive(Clone, Debug)]
struct Standing {
    /// How many documents each space has, and how many share it.
    spaces: Vec<(usize, usize)>,
    devices: usize,
    protection: Protection,
    relays: usize,
    relays_connected: usize,
    /// What was not taken from others, by rule.
    refused: BTreeMap<String, u64>,
    /// How many things had to be put in order on opening.
    repaired: usize,
}

impl Standing {
    async fn of(node: &Node) -> Answer<Self> {
        let mut spaces = Vec::new();
        for space in node.spaces().await? {
            spaces.push((node.documents(Some(&space.id)).await?.len(), space.people));
        }
        let devices = node.devices().await?.iter().filter(|device| !device.removed).count();
        let relays = node.relays(None).await?;
        let mut refused = BTreeMap::new();
        for refusal in node.refusals() {
            *refused.entry(refusal.rule).or_default() += refusal.count;
        }
        Ok(Self {
            spaces,
            devices,
            protection: node.protection(),
            relays: relays.len(),
            relays_connected: relays.iter().filter(|relay| relay.connected).count(),
            refused,
            repaired: node.notices().len(),
        })
    }
}

fn report(standing: &Standing) -> String {
    let key = match &standing.protection {
        Protection { passphrase: true, .. } => "under a passphrase",
        Protection { keyring: true, .. } => "in the system's keyring",
        _ => "in a file",
    };
    let page = tauri::webview_version().unwrap_or_else(|_| "unknown".to_owned());
    let documents: usize = standing.spaces.iter().map(|(documents, _)| documents).sum();
    let mut lines = String::new();
    let mut say = |what: &str, is: &dyn std::fmt::Display| {
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{what}: {is}");
    };
    say("Sheaf", &env!("CARGO_PKG_VERSION"));
    say("System", &format_args!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    say("Webview", &page);
    say("Built", &if cfg!(debug_assertions) { "for development" } else { "for use" });
    say("Spaces", &standing.spaces.len());
    say("Documents", &documents);
    for (number, (documents, people)) in (1..).zip(&standing.spaces) {
        say(&format!("Space {number}"), &format_args!("documents {documents}, people {people}"));
    }
    say("Devices of this person", &standing.devices);
    say("Relays", &format_args!("{}, connected {}", standing.relays, standing.relays_connected));
    say("Key", &key);
    say("Recovery phrase written down", &standing.protection.phrase_written);
    say("Copied from another machine", &standing.protection.copied);
    say("Put in order on opening", &standing.repaired);
    for (rule, count) in &standing.refused {
        say(&format!("Not taken under {rule}"), count);
    }
    lines
}

#[cfg(test)]
mod tests {
    use sheaf_node::Options;

    use super::*;

    #[test]
    fn everything_that_the_app_is_made_of_is_named_with_its_licence() {
        let about = about();
        let named = |name: &str| about.parts.iter().find(|part| part.name == name);
        for name in ["automerge", "iroh", "tauri", "prosemirror-view", "svelte"] {
            let part = named(name).unwrap_or_else(|| panic!("{name} is not named"));
            assert!(!part.version.is_empty() && !part.licence.is_empty(), "{part:?}");
        }
        // What only tests it, or is its own, is no part of it.
        for name in ["proptest", "vitest", "jsdom", "sheaf-node"] {
            assert_eq!(named(name), None);
        }
        let texts = named("tokio").map(|part| part.texts.clone()).unwrap_or_default();
        assert!(texts.iter().any(|text| licence_text(*text).is_ok_and(|text| text.contains("Permission is hereby"))));
        assert!(licence_text(usize::MAX).is_err());
        let without: Vec<&str> =
            about.parts.iter().filter(|part| part.licence.is_empty()).map(|part| part.name.as_str()).collect();
        assert_eq!(without, [""; 0]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_diagnostics_say_nothing_that_anyone_has_typed() {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::open(Options::alone(folder.path().join("home"))).await.unwrap();
        let me = node.init("Wilhelmina Ferreira", None).await.unwrap();
        let space = node.create_space("Quarterdeck rota").await.unwrap();
        let document = node.create_document(Some(&space.id), "Zinnober expedition").await.unwrap();
        node.append(&document.id, "The periwinkle float sticks.").await.unwrap();
        let said = report(&Standing::of(&node).await.unwrap());
        assert!(said.contains("Spaces: 2\n") && said.contains("Documents: 1\n"), "{said}");
        let home = folder.path().display().to_string();
        let typed = ["Wilhelmina", "Quarterdeck", "Zinnober", "periwinkle", &me.person, &me.device, &space.id, &home];
        for words in typed {
            assert!(!said.contains(words), "{words} in {said}");
        }
        node.shutdown().await.unwrap();
    }
}
