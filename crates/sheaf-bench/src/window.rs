//! A window without a screen: it keeps to rules W as a real one does, and takes the time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sheaf_document::edit::Edit;
use sheaf_document::model::{Item, len_of};
use sheaf_document::patch::Patch;
use sheaf_node::{Node, Session, ToCore, ToWindow};
use tokio::sync::mpsc::UnboundedReceiver;

/// How long to wait for something that must come; loading a long history for the first time takes minutes.
const DEADLINE: Duration = Duration::from_mins(10);

/// An open window on a document.
pub struct Window {
    session: Session,
    messages: UnboundedReceiver<ToWindow>,
    /// The last update applied.
    seen: u64,
    /// The last batch made.
    made: u64,
    /// The last batch that is saved.
    saved: u64,
    /// How many places the document has here.
    places: usize,
    /// How many others have it open.
    others: usize,
}

impl Window {
    /// Opens a window, and waits until it shows the document.
    pub async fn open(node: &Node, document: &str) -> Result<Self> {
        let (session, messages) = node.open_session(document).await?;
        let mut window = Self { session, messages, seen: 0, made: 0, saved: 0, places: 0, others: 0 };
        window.until("the document", |window, _| window.seen > 0).await?;
        Ok(window)
    }

    /// Types one key in the middle.
    pub fn key(&mut self) -> Instant {
        let at = self.places / 2;
        self.splice(at, vec![Item::Text { text: "x".into(), marks: [].into() }])
    }

    /// Puts something into the document. Answers when it was sent.
    pub fn splice(&mut self, at: usize, insert: Vec<Item>) -> Instant {
        self.made += 1;
        self.places += len_of(&insert);
        let edits = vec![Edit::Splice { at: at as u32, delete: 0, insert }];
        let message = ToCore::Batch { made: self.made, seen: self.seen, edits };
        let sent = Instant::now();
        self.session.send(message);
        sent
    }

    /// Waits until everything made here is saved. Answers when it was.
    pub async fn saved(&mut self) -> Result<Instant> {
        self.until("Saved", |window, _| window.saved == window.made).await
    }

    /// Waits for an update from others. Answers when it came.
    pub async fn updated(&mut self) -> Result<Instant> {
        self.until("an update", |_, message| matches!(message, ToWindow::Update { .. })).await
    }

    /// Waits until it shows so many places, at least: a view kept from before may show fewer at first.
    pub async fn showing(&mut self, places: usize) -> Result<()> {
        if self.places < places {
            self.until("the whole document", |window, _| window.places >= places).await?;
        }
        Ok(())
    }

    /// Waits until others have the document open too.
    pub async fn in_company(&mut self) -> Result<()> {
        if self.others == 0 {
            self.until("someone else", |window, _| window.others > 0).await?;
        }
        Ok(())
    }

    /// Takes what has come, without waiting.
    pub fn take_all(&mut self) -> Result<()> {
        while let Ok(message) = self.messages.try_recv() {
            self.take(&message)?;
        }
        Ok(())
    }

    /// How many places the document has here.
    pub fn places(&self) -> usize {
        self.places
    }

    /// Closes it, when all it made is saved.
    pub async fn close(self) -> Result<()> {
        Ok(self.session.close().await?)
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Self, &ToWindow) -> bool) -> Result<Instant> {
        let wait = async {
            loop {
                let message = self.messages.recv().await.context("the document was closed")?;
                let came = Instant::now();
                self.take(&message)?;
                if done(self, &message) {
                    return Ok(came);
                }
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.with_context(|| format!("waited for {what}"))?
    }

    fn take(&mut self, message: &ToWindow) -> Result<()> {
        match message {
            ToWindow::Update { number, base, after, patches, .. } => {
                if (*base, *after) != (self.seen, self.made) {
                    self.session.send(ToCore::Refresh { seen: self.seen, made: self.made });
                    return Ok(());
                }
                for patch in patches {
                    if let Patch::Splice { delete, insert, .. } = patch {
                        self.places = self.places - *delete as usize + len_of(insert);
                    }
                }
                self.see(*number);
            }
            ToWindow::Reset { number, items, refused, .. } => {
                if let Some(refused) = refused {
                    bail!("the core did not take what was typed: {}", refused.reason);
                }
                self.places = len_of(items);
                self.see(*number);
            }
            ToWindow::Saved { made } => self.saved = self.saved.max(*made),
            ToWindow::SaveFailed { reason } => bail!("cannot save: {reason}"),
            ToWindow::Presence { people, .. } => self.others = people.len(),
            ToWindow::Hold => {}
        }
        Ok(())
    }

    fn see(&mut self, number: u64) {
        self.seen = number;
        self.session.send(ToCore::Seen { seen: self.seen, made: self.made });
    }
}
