//! The dependency invariants of the architecture, read from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The platform that this runs on.
fn host() -> String {
    let out = Command::new("rustc").arg("-vV").output().expect("rustc is there");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

/// Every package that a workspace member pulls in for itself, without its tests, by name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    // For this platform: what others need has not been downloaded by building here.
    let out = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", &host()])
        .current_dir(sheaf_tests::workspace())
        .output()
        .expect("cargo is there");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata prints JSON");
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| (package["id"].as_str().expect("an id"), package["name"].as_str().expect("a name")))
        .collect();
    let edges: BTreeMap<&str, Vec<&str>> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| {
            let normal = node["deps"].as_array().expect("deps").iter().filter(|dependency| {
                dependency["dep_kinds"].as_array().expect("kinds").iter().any(|kind| kind["kind"].is_null())
            });
            (node["id"].as_str().expect("an id"), normal.map(|d| d["pkg"].as_str().expect("a package")).collect())
        })
        .collect();
    metadata["workspace_members"]
        .as_array()
        .expect("members")
        .iter()
        .map(|member| {
            let member = member.as_str().expect("an id");
            let (mut reached, mut next) = (BTreeSet::new(), vec![member]);
            while let Some(id) = next.pop() {
                for dependency in &edges[id] {
                    if reached.insert(names[dependency].to_owned()) {
                        next.push(dependency);
                    }
                }
            }
            (names[member].to_owned(), reached)
        })
        .collect()
}

#[test]
fn every_layer_keeps_to_what_is_below_it() {
    let all = dependencies();
    let never = |member: &str, forbidden: &[&str]| {
        for name in forbidden {
            assert!(!all[member].contains(*name), "{member} must not depend on {name}");
        }
    };
    // The pure crates have no clock, no socket and no disk.
    for pure in ["sheaf-document", "sheaf-access", "sheaf-log", "sheaf-sync"] {
        never(pure, &["tokio", "iroh", "sled", "tauri"]);
    }
    never("sheaf-document", &["sheaf-access", "sheaf-log", "sheaf-sync", "sheaf-store", "sheaf-net"]);
    never("sheaf-access", &["sheaf-log", "sheaf-sync", "sheaf-document"]);
    never("sheaf-log", &["sheaf-sync", "sheaf-document"]);
    // Whoever only passes entries on has nothing to read them with.
    for blind in ["sheaf-access", "sheaf-log", "sheaf-sync", "sheaf-store", "sheaf-net", "sheaf-relay"] {
        never(blind, &["automerge", "sheaf-document"]);
    }
    never("sheaf-store", &["iroh", "tokio", "sheaf-net", "sheaf-sync"]);
    never("sheaf-net", &["sled", "sheaf-store"]);
    never("sheaf-search", &["automerge", "tokio", "memmap2", "sheaf-document", "sheaf-store", "sheaf-node"]);
    never("sheaf-node", &["tauri"]);
    never("sheaf-cli", &["tauri"]);
}

#[test]
fn the_programs_go_through_the_node_alone() {
    let manifest = |path: &str| std::fs::read_to_string(sheaf_tests::workspace().join(path)).expect("a manifest");
    for path in ["crates/sheaf-cli/Cargo.toml", "src-tauri/Cargo.toml"] {
        for line in manifest(path).lines().filter(|line| line.starts_with("sheaf-")) {
            assert!(line.starts_with("sheaf-node"), "{path} reaches round the node: {line}");
        }
    }
}

#[test]
fn the_window_holds_no_crdt() {
    let package = std::fs::read_to_string(sheaf_tests::workspace().join("ui/package.json")).expect("a manifest");
    for crdt in ["automerge", "yjs", "loro", "diamond-types"] {
        assert!(!package.contains(crdt), "ui/package.json names {crdt}");
    }
}
