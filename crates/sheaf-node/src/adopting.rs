//! Adopting work that is set aside: by hand, by whoever may write; and by itself, where its author has only built on work
//! that does not count (L5, A6).
//!
//! An open document makes its own lost words again at once, under its windows (see `document`). Nearly all documents are
//! closed when the news comes; then the words are set aside like anybody's, and adopted here in the background, by the device
//! that wrote them. So it is after a crash, too: as long as the index does not say that they were made again, they are.

use std::sync::Arc;

use sheaf_access::{AccessHistory, DocumentId, LogId, Role};
use sheaf_document::{Genesis, index};
use sheaf_log::{Membership, belongings_document, index_document};

use crate::core::{Core, now};
use crate::error::NodeError;
use crate::forks::Forks;
use crate::node::blocking;
use crate::set_aside::Piece;
use crate::space::Space;
use crate::view::NodeEvent;

impl Core {
    /// The pieces of a space that are set aside and that nobody has adopted.
    pub async fn open_pieces(self: &Arc<Self>, space: &Arc<Space>) -> Result<Vec<Piece>, NodeError> {
        let adopted = |task: &mut crate::document::Task| Ok(index::Index::of(task.document()).adopted());
        let adopted = self.with_document(space, index_document(&space.id), Genesis::Index, adopted).await?;
        let (core, held) = (Arc::clone(self), Arc::clone(space));
        blocking(move || core.pieces(&held, &adopted)).await
    }

    /// Makes a piece this person's own, as new edits in its document, and lets everyone know.
    pub async fn adopt(self: &Arc<Self>, space: &Arc<Space>, piece: Piece) -> Result<(), NodeError> {
        let (document, last, id) = (piece.document, piece.last, piece.id.clone());
        let (core, held) = (Arc::clone(self), Arc::clone(space));
        let (piece, whole) = blocking(move || {
            let whole = core.with_everything(&held, &piece)?;
            Ok((piece, whole))
        })
        .await?;
        let adopt = move |task: &mut crate::document::Task| {
            let items = piece.adopted(&whole, &task.items())?;
            let title = sheaf_document::import::title_of(&items).unwrap_or_default();
            task.replace(&items).map(|()| title)
        };
        let title = self.with_document(space, document, Genesis::Text, adopt).await?;
        self.list_adopted(space, document, title).await?;
        self.put_adopted(space, id, last.seq);
        let core = Arc::clone(self);
        blocking(move || core.flush()).await?;
        let count = self.open_pieces(space).await?.len();
        self.say(NodeEvent::SetAside { space: space.id.to_string(), count });
        Ok(())
    }

    /// A document that only the author of what was set aside had entered is entered again.
    async fn list_adopted(
        self: &Arc<Self>,
        space: &Arc<Space>,
        document: DocumentId,
        title: String,
    ) -> Result<(), NodeError> {
        let id = document.to_string();
        let enter = move |task: &mut crate::document::Task| {
            if index::Index::of(task.document()).document(&id).is_some() {
                return Ok(());
            }
            let created = now().cast_signed();
            let new = index::NewDocument { id: &id, title: &title, created, ..index::NewDocument::default() };
            task.change(|doc, slot| index::put_document(doc, slot, &new))
        };
        self.with_document(space, index_document(&space.id), Genesis::Index, enter).await?;
        self.index_changed(space);
        Ok(())
    }

    /// Makes again what this device wrote in documents that were closed when it turned out to build on what does not count.
    pub async fn make_own_again(self: &Arc<Self>, space: &Arc<Space>) {
        if let Err(error) = self.try_make_own_again(space).await {
            tracing::warn!(%error, space = %space.id, "own words that do not count are not made again now");
        }
    }

    async fn try_make_own_again(self: &Arc<Self>, space: &Arc<Space>) -> Result<(), NodeError> {
        if !self.has_words_to_make_again(space) {
            return Ok(());
        }
        let again = |piece: &Piece| {
            let state = space.lock();
            let history = state.access.as_ref();
            let is_text = piece.document != belongings_document(&space.id);
            is_text && history.is_some_and(|history| self.is_made_again(history, &state.forks, &piece.log))
        };
        let mut pieces = self.open_pieces(space).await?;
        pieces.retain(again);
        if pieces.is_empty() {
            return Ok(());
        }
        // Where a document is open, its thread has heard of this before, and has made its words again when it answers; then
        // the index says so.
        for piece in &pieces {
            self.with_document(space, piece.document, Genesis::Text, |_| Ok(())).await?;
        }
        for piece in self.open_pieces(space).await?.into_iter().filter(again) {
            let id = piece.id.clone();
            match self.adopt(space, piece).await {
                Ok(()) => tracing::info!(space = %space.id, piece = %id, "own words were made again"),
                // Tried again when more has come.
                Err(NodeError::PieceIncomplete) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether this device may write, and one of its logs does not count to its end.
    fn has_words_to_make_again(&self, space: &Space) -> bool {
        let state = space.lock();
        let Some(history) = &state.access else { return false };
        state.set_aside().any(|(log, ..)| self.is_made_again(history, &state.forks, &log))
    }

    /// Whether what a log wrote and does not count is made again by this device: if it wrote it, may write, and nothing is
    /// said against the log itself, so that it is only for what it builds on.
    pub fn is_made_again(&self, history: &AccessHistory, forks: &Forks, log: &LogId) -> bool {
        let Ok(me) = self.me() else { return false };
        let device = me.keys.device.id();
        let may_write = history.now().role_of(&device).is_some_and(|role| role >= Role::Editor);
        let is_alone = history.challenges(log).is_empty() && forks.at(log).is_none();
        log.device == device && may_write && is_alone
    }
}
