//! Work that was set aside: what there is, what it says, and adopting it (A6).

use std::collections::HashMap;
use std::sync::Arc;

use sheaf_access::{AccessOp, AccessState, EntryHash, PersonId, Role};

use super::find::shown;
use super::{Node, blocking};
use crate::error::NodeError;
use crate::set_aside::Piece;
use crate::space::Space;
use crate::view::SetAside;

impl Node {
    /// What was written in a space and does not count: by someone who had been removed and had not heard of it, or who did
    /// not care; nobody has lost it.
    pub async fn set_aside(&self, space: &str) -> Result<Vec<SetAside>, NodeError> {
        let space = self.space_of(space)?;
        let people = self.core.people(&space).await?;
        let titles: HashMap<String, String> =
            self.core.list_documents(&space).await?.into_iter().map(|document| (document.id, document.title)).collect();
        let name = |person: &PersonId| people.get(&person.to_string()).map(|known| known.0.clone()).unwrap_or_default();
        let mut listed = Vec::new();
        for piece in self.core.open_pieces(&space).await? {
            let (piece, text) = self.text_of(&space, piece).await?;
            let document = piece.document.to_string();
            listed.push(SetAside {
                person: piece.author.to_string(),
                name: name(&piece.author),
                title: titles.get(&document).cloned().unwrap_or_default(),
                reason: reason(&space, &piece, name),
                words: text.split_whitespace().count(),
                when: piece.when,
                id: piece.id,
                document,
            });
        }
        Ok(listed)
    }

    /// What a piece of work that was set aside adds to its document, as plain text.
    pub async fn set_aside_text(&self, space: &str, id: &str) -> Result<String, NodeError> {
        let space = self.space_of(space)?;
        let piece = self.piece(&space, id).await?;
        Ok(self.text_of(&space, piece).await?.1)
    }

    /// Makes a piece of work that was set aside this person's own: as new edits in its document.
    pub async fn adopt(&self, space: &str, id: &str) -> Result<(), NodeError> {
        let space = self.space_of(space)?;
        let piece = self.piece(&space, id).await?;
        self.core.adopt(&space, piece).await
    }

    /// The piece with this id, or with one that begins so (four letters or more).
    async fn piece(&self, space: &Arc<Space>, id: &str) -> Result<Piece, NodeError> {
        let id = id.trim();
        let mut found = self.core.open_pieces(space).await?;
        found.retain(|piece| piece.id == id || id.len() >= 4 && piece.id.starts_with(id));
        match found.len() {
            1 => found.pop().ok_or_else(|| NodeError::NoSuchPiece(shown(id))),
            0 => Err(NodeError::NoSuchPiece(shown(id))),
            count => Err(NodeError::Ambiguous { text: shown(id), count, what: "pieces" }),
        }
    }

    async fn text_of(&self, space: &Arc<Space>, piece: Piece) -> Result<(Piece, String), NodeError> {
        let (core, held) = (Arc::clone(&self.core), Arc::clone(space));
        blocking(move || {
            let text = piece.text(&core.with_everything(&held, &piece)?)?;
            Ok((piece, text))
        })
        .await
    }
}

/// Why a piece does not count.
fn reason(space: &Space, piece: &Piece, name: impl Fn(&PersonId) -> String) -> String {
    let state = space.lock();
    if state.forks.at(&piece.log).is_some_and(|at| piece.last.seq >= at) {
        let who = name(&piece.author);
        let whose = if who.is_empty() { "A device".to_owned() } else { format!("A device of {who}") };
        return format!(
            "{whose} wrote two different things in one place, as a copied home does. The other one counts."
        );
    }
    let Some(history) = &state.access else { return String::new() };
    let access: &AccessState = history.now();
    let by = |entry: &EntryHash| access.person_of(&history.get(entry)?.log.device);
    let challenges = access.challenges(&piece.log);
    let challenge = challenges.first();
    let first = challenge.map(|challenge| challenge.by);
    let closes =
        |entry: &EntryHash| history.get(entry).is_some_and(|entry| matches!(entry.operation, AccessOp::Close { .. }));
    if first.as_ref().is_some_and(closes) {
        return "The invitation its author came by had been closed before anyone heard that they had joined."
            .to_owned();
    }
    let author = first.and_then(|entry| by(&entry));
    if let Some((by, role)) = author.zip(challenge.and_then(|challenge| challenge.leaves)) {
        return match name(&by) {
            _ if by == piece.author => {
                format!("Its author had become {} on another device, and this one had not heard of it.", a(role))
            }
            name if name.is_empty() => format!("Its author had been made {} and had not heard of it.", a(role)),
            name => format!("Its author had been made {} by {name} and had not heard of it.", a(role)),
        };
    }
    match author {
        Some(by) if by == piece.author && access.is_removed(&by, &piece.log.device) => {
            "It was written on a device that its author had removed, and that had not heard of it.".to_owned()
        }
        Some(by) if by == piece.author => {
            "It was written after they had left, by a device that had not heard.".to_owned()
        }
        Some(by) => match name(&by) {
            name if name.is_empty() => "Its author had been removed and had not heard of it.".to_owned(),
            name => format!("Its author had been removed by {name} and had not heard of it."),
        },
        None => "It builds on work that does not count.".to_owned(),
    }
}

/// A role, as it stands in a sentence.
fn a(role: Role) -> String {
    let article = if matches!(role, Role::Owner | Role::Editor) { "an" } else { "a" };
    format!("{article} {role}")
}
