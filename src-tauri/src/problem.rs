//! What a command answers when it cannot: a stable word for the window, a sentence for the person.

use serde::Serialize;
use sheaf_node::NodeError;

/// A typed refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// The kind of trouble, a stable word.
    pub code: &'static str,
    /// What happened, and what to do.
    pub message: String,
}

impl Problem {
    /// A problem of the app itself.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<NodeError> for Problem {
    fn from(error: NodeError) -> Self {
        Self { code: error.code(), message: error.to_string() }
    }
}

/// What every command answers.
pub type Answer<T> = Result<T, Problem>;
