//! What the app tells its windows beyond what the node does: plain values, with TypeScript types made from them.

use serde::{Deserialize, Serialize};
use sheaf_node::{Me, NodeEvent};
use ts_rs::TS;

/// How the app stands when a window asks.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum Startup {
    /// Nobody has written in this home yet.
    Welcome {
        /// The data folder.
        home: String,
    },
    /// The library is open.
    Ready {
        /// The data folder.
        home: String,
        /// Whose it is.
        me: Me,
        /// What had to be repaired on opening, if anything, in sentences.
        notices: Vec<String>,
    },
    /// A passphrase opens the home.
    Locked {
        /// The data folder.
        home: String,
    },
    /// The home cannot be used as it is.
    Blocked {
        /// The data folder.
        home: String,
        /// The kind of trouble, a stable word.
        code: String,
        /// A sentence for the person: what is wrong, and what to do.
        message: String,
    },
}

/// Light, dark, or as the system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Ink on paper.
    Light,
    /// The same paper by lamplight.
    Dark,
}

/// What the window remembers between runs, kept in the home.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
#[ts(export)]
pub struct Settings {
    /// Light or dark.
    pub theme: Theme,
    /// Whether the sidebar is shown.
    pub sidebar: bool,
    /// How wide the sidebar is, in CSS pixels; none for the usual width.
    pub sidebar_width: Option<u16>,
    /// The document that was open last.
    pub document: Option<String>,
    /// The spaces that are folded away in the tree.
    pub closed: Vec<String>,
    /// Work that was set aside, looked at and put away, by id.
    pub asides_away: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            sidebar: true,
            sidebar_width: None,
            document: None,
            closed: Vec::new(),
            asides_away: Vec::new(),
        }
    }
}

/// Something the app itself has to say to a window.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "event", rename_all = "camelCase")]
#[ts(export)]
pub enum ShellEvent {
    /// The person wants this window closed: send what is left, then say so.
    Closing,
    /// A `sheaf://` link was opened outside: take it.
    Link,
    /// Another window has changed what all of them remember.
    Settings {
        /// All of it, as it is now.
        settings: Settings,
    },
    /// Something worth knowing that stops nothing.
    Notice {
        /// A sentence for the person.
        message: String,
    },
}

/// Everything a window hears outside its sessions.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(untagged)]
#[ts(export)]
pub enum WindowEvent {
    /// From the node.
    Node(NodeEvent),
    /// From the app.
    Shell(ShellEvent),
}

/// What came back of a person on a new machine.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Recovery {
    /// How the app stands now.
    pub startup: Startup,
    /// What is still to come, as a sentence; none if nothing is.
    pub notice: Option<String>,
}
