//! Roles (A2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a person may do in a space. Ordered: each role may do all that the ones below it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, comments and discusses.
    Commenter,
    /// Writes.
    Editor,
    /// Administers.
    Owner,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewer => "viewer",
            Self::Commenter => "commenter",
            Self::Editor => "editor",
            Self::Owner => "owner",
        })
    }
}

/// A word that names no role.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
#[error("`{0}` is not a role. Use owner, editor, commenter or viewer.")]
pub struct ParseRoleError(String);

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "viewer" => Self::Viewer,
            "commenter" => Self::Commenter,
            "editor" => Self::Editor,
            "owner" => Self::Owner,
            _ => return Err(ParseRoleError(text.chars().take(32).collect())),
        })
    }
}
