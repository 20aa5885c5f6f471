//! What a link mark holds, and which links may be followed.

use serde::{Deserialize, Serialize};

use crate::model::Scalar;

/// A link's target. In the document it is a mark whose value is this as JSON text, as the published schema has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Where it leads.
    pub href: String,
    /// What a pointer resting on it shows.
    #[serde(default)]
    pub title: Option<String>,
}

/// What stands before a document's id in the address of a link to it.
const DOCUMENT: &str = "sheaf://doc/";

impl Link {
    /// A link to a document, by its id.
    pub fn to_document(id: &str) -> Self {
        Self::to(format!("{DOCUMENT}{id}"))
    }

    /// The id of the document it leads to, if it leads to one.
    pub fn document(&self) -> Option<&str> {
        self.href.strip_prefix(DOCUMENT)
    }

    /// A link without a title.
    pub fn to(href: impl Into<String>) -> Self {
        Self { href: href.into(), title: None }
    }

    /// The same link with a title; an empty one is none.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        self.title = (!title.is_empty()).then(|| title.to_owned());
        self
    }

    /// The value of the mark.
    pub fn to_mark(&self) -> Scalar {
        // Two strings always serialise; the bare address reads back as the same link.
        Scalar::Text(serde_json::to_string(self).unwrap_or_else(|_| self.href.clone()))
    }

    /// Reads a mark's value. A text that is not the JSON expected, as some programs write it, is taken for the address.
    pub fn of_mark(value: &Scalar) -> Option<Self> {
        let Scalar::Text(text) = value else {
            return None;
        };
        let link: Self = serde_json::from_str(text).unwrap_or_else(|_| Self::to(text));
        Some(Self { title: link.title.filter(|title| !title.is_empty()), href: link.href })
    }

    /// Whether following it cannot run anything: it is not `javascript:` or of another scheme that
    /// carries its content, or this computer's files, with it.
    pub fn is_safe(&self) -> bool {
        is_safe_address(&self.href)
    }
}

/// See [`Link::is_safe`]. What comes before the first `:` is a scheme unless a `/`, `?` or `#` comes earlier. Browsers
/// skip control characters and blanks inside a scheme, so this does too.
pub(crate) fn is_safe_address(address: &str) -> bool {
    const RUNS: [&str; 6] = ["javascript", "vbscript", "data", "file", "blob", "about"];
    let mut scheme = String::new();
    for c in address.chars() {
        match c {
            ':' => return !RUNS.contains(&scheme.as_str()),
            '/' | '?' | '#' => return true,
            c if c.is_control() || c.is_whitespace() => {}
            // Longer than any that runs something: harmless.
            _ if scheme.len() > 16 => return true,
            c => scheme.push(c.to_ascii_lowercase()),
        }
    }
    true
}
