//! The open editors of all windows: one session each, from the window's bytes to the node and back.
//!
//! A session belongs to one load of one window. When a window is loaded again, its webview restarted or the window
//! closed, its sessions end: what was sent is saved, and whatever arrives late is refused (W7).

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use sheaf_node::{Node, NodeError, ToCore};
use tauri::ipc::{Channel, InvokeResponseBody};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

use crate::{
    inbox::Inbox,
    problem::{Answer, Problem},
};

/// A message of a window longer than this is not one that a person made.
const LONGEST: usize = 256 << 20;

/// One open editor.
struct Open {
    window: String,
    inbox: Mutex<Inbox>,
    messages: UnboundedSender<Vec<u8>>,
    /// Ends when everything sent is saved.
    work: JoinHandle<Result<(), NodeError>>,
}

/// All of them.
#[derive(Default)]
pub struct Sessions {
    last: AtomicU32,
    open: Mutex<HashMap<u32, Open>>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Open>> {
        // Nothing panics while holding it; and if it did, the map would still be whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session of a window on a document. The node's messages go to the window as raw JSON, in order.
    pub async fn open(
        &self,
        node: &Node,
        window: &str,
        document: &str,
        to_window: Channel<InvokeResponseBody>,
    ) -> Answer<u32> {
        let (session, mut from_node) = node.open_session(document).await?;
        let (messages, mut from_window) = unbounded_channel::<Vec<u8>>();
        tokio::spawn(async move {
            while let Some(message) = from_node.recv().await {
                let sent = serde_json::to_vec(&message)
                    .map_err(tauri::Error::from)
                    .and_then(|bytes| to_window.send(InvokeResponseBody::Raw(bytes)));
                if let Err(error) = sent {
                    // The window is gone; its sessions end with it.
                    tracing::debug!(%error, "a message for a window was not delivered");
                    return;
                }
            }
        });
        let work = tokio::spawn(async move {
            while let Some(bytes) = from_window.recv().await {
                match serde_json::from_slice::<ToCore>(&bytes) {
                    Ok(message) => session.send(message),
                    Err(error) => tracing::error!(%error, "a window sent something that is not a message"),
                }
            }
            session.close().await
        });
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let open = Open { window: window.to_owned(), inbox: Mutex::default(), messages, work };
        self.lock().insert(id, open);
        Ok(id)
    }

    /// Takes in one message of a window. Quick: it is called where the window's own work is done.
    pub fn message(&self, window: &str, id: u32, number: u64, bytes: Vec<u8>) -> Answer<()> {
        if bytes.len() > LONGEST {
            return Err(Problem::new("too-long", "This is more than can be taken at once. Paste it in parts."));
        }
        let open = self.lock();
        let ended = || Problem::new("session-ended", "This page was opened again; the older one is closed.");
        let session = open.get(&id).filter(|session| session.window == window).ok_or_else(ended)?;
        let ready = session.inbox.lock().unwrap_or_else(PoisonError::into_inner).take(number, bytes)?;
        for message in ready {
            session.messages.send(message).map_err(|_| ended())?;
        }
        Ok(())
    }

    /// Ends one session of a window; returns when its last words are saved, or says why they are not.
    pub async fn close(&self, window: &str, id: u32) -> Answer<()> {
        let session = {
            let mut open = self.lock();
            if open.get(&id).is_none_or(|session| session.window != window) {
                return Ok(());
            }
            open.remove(&id)
        };
        match session {
            Some(session) => finish(session).await,
            None => Ok(()),
        }
    }

    /// Ends every session of a window; returns when its last words are saved, or says why they are not.
    pub async fn close_window(&self, window: &str) -> Answer<()> {
        let sessions: Vec<Open> =
            self.lock().extract_if(|_, session| session.window == window).map(|(_, s)| s).collect();
        let mut answer = Ok(());
        for session in sessions {
            if let Err(problem) = finish(session).await {
                answer = Err(problem);
            }
        }
        answer
    }
}

async fn finish(session: Open) -> Answer<()> {
    drop(session.messages);
    match session.work.await {
        Ok(saved) => Ok(saved?),
        Err(error) => {
            tracing::error!(%error, "a session ended badly");
            Err(Problem::new("internal", "A part of Sheaf stopped. What was shown as saved is saved."))
        }
    }
}
