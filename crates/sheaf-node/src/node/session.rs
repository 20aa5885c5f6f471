//! Windows: a session on a document.

use std::sync::atomic::{AtomicU64, Ordering};

use sheaf_document::Genesis;
use sheaf_document::session::{ToCore, ToWindow};
use tokio::sync::{mpsc, oneshot};

use super::{Node, blocking};
use crate::document::{Handle, Message};
use crate::error::NodeError;

/// An open window on one document. Dropping it closes it.
pub struct Session {
    handle: Handle,
    number: u64,
    closed: bool,
}

static SESSION: AtomicU64 = AtomicU64::new(1);

impl Session {
    /// Tells the core what the window says. Never waits.
    pub fn send(&self, message: ToCore) {
        // The thread stays as long as a window is open; one that could not load its document takes nothing.
        let _ = self.handle.tell(Message::FromWindow { session: self.number, message });
    }

    /// Closes it, when all it wrote is saved; an error means that something is not.
    pub async fn close(mut self) -> Result<(), NodeError> {
        self.closed = true;
        let (done, answer) = oneshot::channel();
        // A thread that has ended has saved everything before.
        let _ = self.handle.tell(Message::Close { session: self.number, done: Some(done) });
        answer.await.unwrap_or(Ok(()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.closed {
            let _ = self.handle.tell(Message::Close { session: self.number, done: None });
        }
    }
}

impl Node {
    /// Opens a window on a document. The first message is a `Reset`.
    pub async fn open_session(
        &self,
        document: &str,
    ) -> Result<(Session, mpsc::UnboundedReceiver<ToWindow>), NodeError> {
        let (space, _) = self.locate(document).await?;
        let id = crate::library::parse_document(document)?;
        let core = std::sync::Arc::clone(&self.core);
        blocking(move || core.note_opened(id)).await?;
        let (window, messages) = mpsc::unbounded_channel();
        let number = SESSION.fetch_add(1, Ordering::Relaxed);
        let handle = self.core.tell(&space, id, Genesis::Text, Message::Open { session: number, window })?;
        Ok((Session { handle, number, closed: false }, messages))
    }
}
