//! What the app holds: the node of its home, the windows that listen, and the sessions of their editors.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sheaf_node::{Node, NodeError, NodeEvent, Options, SecretText, Surroundings};
use tauri::{AppHandle, Manager, ipc::Channel};
use tokio::sync::{Mutex as AsyncMutex, broadcast::error::RecvError};

use crate::{
    problem::{Answer, Problem},
    sessions::Sessions,
    settings::{self, Remembered},
    view::{ShellEvent, Startup, WindowEvent},
};

/// The state behind every command.
pub struct App {
    options: Options,
    node: AsyncMutex<Option<Node>>,
    listeners: Mutex<HashMap<String, Channel<WindowEvent>>>,
    remembered: Mutex<Remembered>,
    link: Mutex<Option<String>>,
    backup: Mutex<Option<PathBuf>>,
    /// The open editors.
    pub sessions: Sessions,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while holding these; and if it did, what they hold would still be whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    /// The app of a home that is not open yet.
    pub fn new(options: Options) -> Self {
        let remembered = settings::read(&options.home);
        Self {
            options,
            node: AsyncMutex::default(),
            listeners: Mutex::default(),
            remembered: Mutex::new(remembered),
            link: Mutex::default(),
            backup: Mutex::default(),
            sessions: Sessions::default(),
        }
    }

    /// The data folder.
    pub fn home(&self) -> &Path {
        &self.options.home
    }

    /// What lies outside of the home and matters to it.
    pub fn surroundings(&self) -> Surroundings {
        self.options.surroundings.clone()
    }

    /// Opens the home if it is not open, and says how it stands.
    pub async fn startup(&self, app: &AppHandle) -> Startup {
        let home = self.home().display().to_string();
        match self.open(app, None).await {
            Ok(startup) => startup,
            Err(NodeError::Locked) => Startup::Locked { home },
            Err(error) => {
                tracing::error!(%error, home, "the home cannot be opened");
                Startup::Blocked { home, code: error.code().to_owned(), message: error.to_string() }
            }
        }
    }

    /// Opens the home if it is not open, with its passphrase if it has one.
    pub async fn open(&self, app: &AppHandle, passphrase: Option<SecretText>) -> Result<Startup, NodeError> {
        let home = self.home().display().to_string();
        let mut slot = self.node.lock().await;
        let node = if let Some(node) = &*slot {
            node.clone()
        } else {
            let node = Node::open(Options { passphrase, ..self.options.clone() }).await?;
            tauri::async_runtime::spawn(pass_on(app.clone(), node.clone()));
            if node.me().is_some() {
                tauri::async_runtime::spawn(go_online(app.clone(), node.clone()));
            }
            *slot = Some(node.clone());
            node
        };
        Ok(match node.me() {
            Some(me) => Startup::Ready { home, me, notices: node.notices() },
            None => Startup::Welcome { home },
        })
    }

    /// The open node.
    pub async fn node(&self) -> Answer<Node> {
        let slot = self.node.lock().await;
        slot.clone().ok_or_else(|| Problem::new("not-open", "The data folder is not open yet."))
    }

    /// Closes the node: everything is saved and the home let go.
    pub async fn close(&self) -> Answer<()> {
        let node = self.node.lock().await.take();
        match node {
            Some(node) => Ok(node.shutdown().await?),
            None => Ok(()),
        }
    }

    /// Puts a backup in the place of this home, in which nobody has begun, and opens what is there then.
    pub async fn restore(
        &self,
        app: &AppHandle,
        file: PathBuf,
        passphrase: Option<SecretText>,
    ) -> Result<Startup, NodeError> {
        let node = self.node.lock().await.take();
        let restored = match node {
            Some(node) => node.restore_here(file, passphrase.clone()).await,
            None => Err(NodeError::Closing),
        };
        // The home is opened either way: what could not be put back is said by the page that stands open.
        match restored {
            Ok(_) => self.open(app, passphrase).await,
            Err(error) => self.open(app, None).await.and(Err(error)),
        }
    }

    /// Keeps the backup that was chosen, until it is put back.
    pub fn keep_backup(&self, file: PathBuf) {
        *lock(&self.backup) = Some(file);
    }

    /// The backup that was chosen last.
    pub fn backup(&self) -> Option<PathBuf> {
        lock(&self.backup).clone()
    }

    /// A window listens from now on.
    pub fn listen(&self, window: &str, events: Channel<WindowEvent>) {
        lock(&self.listeners).insert(window.to_owned(), events);
    }

    /// A window no longer listens.
    pub fn forget(&self, window: &str) {
        lock(&self.listeners).remove(window);
    }

    /// Tells one window something; false if it does not listen.
    pub fn tell(&self, window: &str, event: ShellEvent) -> bool {
        // Sent without the lock: delivering may need the window's own thread.
        let listener = lock(&self.listeners).get(window).cloned();
        listener.is_some_and(|events| events.send(WindowEvent::Shell(event)).is_ok())
    }

    fn tell_all(&self, event: &WindowEvent) {
        self.tell_others("", event);
    }

    /// Tells every window but one.
    pub fn tell_others(&self, window: &str, event: &WindowEvent) {
        let others = |(label, events): (&String, &Channel<WindowEvent>)| (label != window).then(|| events.clone());
        let listeners: Vec<Channel<WindowEvent>> = lock(&self.listeners).iter().filter_map(others).collect();
        for events in listeners {
            if let Err(error) = events.send(event.clone()) {
                tracing::debug!(%error, "a window did not hear an event");
            }
        }
    }

    /// Keeps a link that was opened outside until a window takes it. A later one takes the place of one that waits.
    pub fn keep_link(&self, link: String) {
        *lock(&self.link) = Some(link);
    }

    /// The link that waits, for one window.
    pub fn take_link(&self) -> Option<String> {
        lock(&self.link).take()
    }

    /// What is remembered between runs.
    pub fn remembered(&self) -> Remembered {
        lock(&self.remembered).clone()
    }

    /// Changes what is remembered, and writes it if the home is ours.
    pub async fn remember(&self, change: impl FnOnce(&mut Remembered)) -> Answer<()> {
        let slot = self.node.lock().await;
        let now = {
            let mut remembered = lock(&self.remembered);
            change(&mut remembered);
            remembered.clone()
        };
        if slot.is_none() {
            // Someone else's, or out of reach: it is not ours to write in.
            return Ok(());
        }
        let home = self.home().to_owned();
        let written = tokio::task::spawn_blocking(move || settings::write(&home, &now)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Problem::new("cannot-write", format!("The settings cannot be written: {error}"))),
            Err(error) => Err(Problem::new("internal", error.to_string())),
        }
    }
}

/// Passes the node's events on to every window, as long as there is a node.
async fn pass_on(app: AppHandle, node: Node) {
    let mut events = node.subscribe();
    drop(node);
    loop {
        match events.recv().await {
            Ok(event) => app.state::<App>().tell_all(&WindowEvent::Node(event)),
            // Too much happened at once. An event only says what to ask again, so one question covers them all.
            Err(RecvError::Lagged(_)) => app.state::<App>().tell_all(&WindowEvent::Node(NodeEvent::Spaces)),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Lets other devices find this one. Writing does not wait for it.
pub async fn go_online(app: AppHandle, node: Node) {
    if let Err(error) = node.begin_search().await {
        tracing::warn!(%error, "nothing can be searched for");
    }
    match node.go_online().await {
        Ok(addresses) => tracing::info!(?addresses, "online"),
        Err(error) => {
            tracing::warn!(%error, "not online");
            let message = error.to_string();
            app.state::<App>().tell_all(&WindowEvent::Shell(ShellEvent::Notice { message }));
        }
    }
}
