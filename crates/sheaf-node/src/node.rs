//! [`Node`]: everything the desktop, the command line and the tests can ask for. There is no other way in.
//!
//! Here it is opened, begun and ended; what it can do stands in the files beneath, one group each.

mod checkpoints;
mod devices;
mod documents;
mod find;
mod invitations;
mod keeping;
mod library;
mod linking;
mod links;
mod online;
mod people;
mod relays;
mod search;
mod session;
mod set_aside;
mod spaces;
mod transfer;
mod verify;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sheaf_access::SpaceId;
use tokio::sync::broadcast;

use crate::core::{Core, locked};
use crate::error::NodeError;
use crate::identity::Identity;
use crate::keeping::{SecretText, Start, Surroundings};
use crate::space::Space;
use crate::view::{Me, NodeEvent, RefusalInfo};

pub use documents::Format;
pub use relays::NewSpaceRelay;
pub use search::Search;
pub use session::Session;

/// What a person's first space is called until they call it something else.
const PRIVATE: &str = "Private";

/// How to open a node.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that holds everything.
    pub home: PathBuf,
    /// Where others can call; none: a port of this home's own, on all interfaces.
    pub listen: Option<SocketAddr>,
    /// Whether to look for devices on the local network, and be found.
    pub discovery: bool,
    /// What opens the home, if it is locked.
    pub passphrase: Option<SecretText>,
    /// What lies outside of the home and matters to it.
    pub surroundings: Surroundings,
    /// How long after its end an invitation is left open, before this node closes it by itself (I3).
    pub grace: Duration,
}

impl Options {
    /// A home that has nothing to do with the machine it lies on: no keyring, no state folder. For tests and tools.
    pub fn alone(home: impl Into<PathBuf>) -> Self {
        let surroundings = Surroundings::default();
        let grace = crate::upkeep::GRACE;
        Self { home: home.into(), listen: None, discovery: false, passphrase: None, surroundings, grace }
    }

    /// A home of the user who runs this program.
    pub fn of_this_user(home: impl Into<PathBuf>) -> Self {
        Self { discovery: true, surroundings: Surroundings::of_this_user(), ..Self::alone(home) }
    }
}

/// The local node. Cheap to clone; all clones are the same node.
#[derive(Clone)]
pub struct Node {
    core: Arc<Core>,
    options: Arc<Options>,
    notices: Arc<[String]>,
}

/// Runs what blocks where it may.
pub async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, NodeError> + Send + 'static,
) -> Result<R, NodeError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| NodeError::Closing)?
}

impl Node {
    /// Opens a home: takes its lock, puts in order what a crash has left, and reads what it needs. No network yet.
    pub async fn open(options: Options) -> Result<Self, NodeError> {
        let mut options = options;
        let passphrase = options.passphrase.take();
        let (folder, surroundings) = (options.home.clone(), options.surroundings.clone());
        let (core, notices) = blocking(move || {
            let start = Start::open(&folder, passphrase.as_ref(), surroundings)?;
            let (mut notices, moved) = (start.notices(), start.is_moved());
            let core = Core::open(start)?;
            if moved {
                let still = core.me().is_ok_and(|me| me.copied);
                let own = "this home comes from another machine. It is a device of its own from now on.";
                notices.push(if still { NodeError::Copied.to_string() } else { own.to_owned() });
            }
            Ok((core, notices))
        })
        .await?;
        for space in core.spaces() {
            core.upkeep.touch(space.id);
        }
        tokio::spawn(crate::upkeep::run(Arc::downgrade(&core), options.grace));
        crate::devices::begin(&core);
        Ok(Self { core, options: Arc::new(options), notices: notices.into() })
    }

    /// What opening had to put in order: sentences for the person.
    pub fn notices(&self) -> Vec<String> {
        self.notices.to_vec()
    }

    /// What was not taken from others since this node was opened, by device and rule.
    pub fn refusals(&self) -> Vec<RefusalInfo> {
        locked(&self.core.refusals).list()
    }

    /// Who this is; nobody before [`Node::init`].
    pub fn me(&self) -> Option<Me> {
        self.core.me().ok().map(|me| me.me())
    }

    /// Begins: a person, a device, and a private space. Without a colour, one is taken that follows from who it is.
    pub async fn init(&self, name: &str, colour: impl Into<Option<u8>>) -> Result<Me, NodeError> {
        let me = match self.core.me() {
            Ok(me) if self.core.first_space().is_some() => return Err(NodeError::AlreadyInitialised(me.name.clone())),
            // It was interrupted half-way: it goes on with the same person.
            Ok(me) => me,
            Err(_) => {
                let identity = Identity::generate(name, colour.into())?;
                let core = Arc::clone(&self.core);
                blocking(move || core.set_me(identity)).await?
            }
        };
        self.create_space(PRIVATE).await?;
        Ok(me.me())
    }

    /// Changes the name and colour others see.
    pub async fn set_profile(&self, name: &str, colour: u8) -> Result<Me, NodeError> {
        let identity = self.core.me()?.renamed(name, colour)?;
        let core = Arc::clone(&self.core);
        let me = blocking(move || core.set_me(identity)).await?;
        self.share_name().await;
        self.core.say(NodeEvent::Spaces);
        Ok(me.me())
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<NodeEvent> {
        self.core.subscribe()
    }

    /// Ends: everything saved, caches written, connections closed. The home can be opened again afterwards.
    pub async fn shutdown(&self) -> Result<(), NodeError> {
        if let Some(network) = self.core.network() {
            network.stop().await;
            self.core.set_network(None);
        }
        self.core.cancel_pairing();
        self.core.follow_no_more().await;
        self.core.finder.stop().await;
        self.core.rest_documents().await;
        let saved = self.settle().await;
        self.core.stop_writer();
        let core = Arc::clone(&self.core);
        let renewed = blocking(move || core.renew_generation(false)).await;
        saved.and(renewed)
    }

    /// Waits until everything written so far is stored.
    async fn settle(&self) -> Result<(), NodeError> {
        let core = Arc::clone(&self.core);
        blocking(move || core.flush()).await
    }

    /// Lets the others in a space know this person's name and colour.
    async fn introduce_myself(&self, space: &Arc<Space>) {
        match self.core.introduce(space).await {
            // Whoever is no member any more has nobody to tell.
            Ok(()) | Err(NodeError::Role(_) | NodeError::NotAMember(_)) => {}
            Err(error) => tracing::warn!(%error, space = %space.id, "the name is not written down"),
        }
    }

    fn space_of(&self, id: &str) -> Result<Arc<Space>, NodeError> {
        let parsed: SpaceId = id.parse().map_err(|_| NodeError::NoSuchSpace(find::shown(id)))?;
        self.core.space(parsed).ok_or_else(|| NodeError::NoSuchSpace(find::shown(id)))
    }

    fn space_or_first(&self, space: Option<&str>) -> Result<Arc<Space>, NodeError> {
        match space {
            Some(space) => self.space_of(space),
            None => self.core.first_space().ok_or(NodeError::NotInitialised),
        }
    }
}
