//! Finding things by what a person types.

use crate::error::NodeError;

/// A title or a name, trimmed; `what` says in the refusal which of them it is.
pub fn checked_title(text: &str, what: &str) -> Result<String, NodeError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err(NodeError::BadInput(format!("{what} has 1 to 200 characters, on one line.")));
    }
    Ok(text.to_owned())
}

/// A person's text, short enough to be repeated to them.
pub fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// By id, by the beginning of an id, or by name.
pub fn find<'t, T>(
    text: &str,
    all: &'t [T],
    names: impl Fn(&T) -> (&String, &String),
    what: &'static str,
) -> Result<Option<&'t T>, NodeError> {
    let text = text.trim();
    if let Some(found) = all.iter().find(|one| names(one).0 == text) {
        return Ok(Some(found));
    }
    let by_name = all.iter().filter(|one| names(one).1 == text);
    let by_beginning = all.iter().filter(|one| text.len() >= 4 && names(one).0.starts_with(text));
    for found in [by_name.collect::<Vec<_>>(), by_beginning.collect()] {
        match found[..] {
            [] => {}
            [one] => return Ok(Some(one)),
            _ => return Err(NodeError::Ambiguous { text: shown(text), count: found.len(), what }),
        }
    }
    Ok(None)
}
