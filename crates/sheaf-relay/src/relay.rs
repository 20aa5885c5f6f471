//! [`Relay`]: a running relay.

use std::net::SocketAddr;
use std::sync::Arc;

use sheaf_access::{DeviceId, MAX_RELAY_ADDRESSES, RelayLink, RelayLinkError};
use sheaf_net::{BindError, Limits, Net, NetConfig};
use sheaf_store::{Claim, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::admission::{Admission, TokenError};
use crate::config::{Config, Count, Mode, Token};
use crate::engine::{Command, Engine};
use crate::identity::Identity;
use crate::keeper::Keeper;

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network cannot be opened.
    #[error(transparent)]
    Network(#[from] BindError),
    /// The token cannot be kept, or read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The link cannot be written.
    #[error("the relay's link cannot be made: {0}")]
    Link(#[from] RelayLinkError),
    /// The task that opens the data folder was ended.
    #[error("the relay was stopped while it started")]
    Stopped,
}

/// A running relay. When the last handle is dropped, it ends at once; [`Relay::drain`] ends it politely.
pub struct Relay {
    id: DeviceId,
    link: String,
    notices: Vec<String>,
    commands: mpsc::Sender<Command>,
}

impl Relay {
    /// Opens the data folder and the network, and begins to serve.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let data = config.data.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let claim = Claim::take(&data)?;
            let identity = Identity::of(&claim)?;
            let (home, opened) = claim.open(&identity.vault)?;
            let notices = opened.repaired.iter().map(ToString::to_string).collect::<Vec<_>>();
            Ok::<_, StoreError>((home, identity.keys, notices))
        });
        let (home, keys, notices) = opened.await.map_err(|_| StartError::Stopped)??;
        let token = token(&config)?;
        let admission = Admission::new(&config.admission, &token);
        let (net, events) = Net::bind(network(&config, *keys.signing_seed())).await?;
        let id = net.id();
        let addresses = link_addresses(&config.addresses.0, &net.addresses());
        let relay = sheaf_access::Relay { key: id, addresses, url: config.meeting.url.clone() };
        let shown = (config.admission.mode == Mode::Token).then(|| token.expose().to_owned().into());
        let link = RelayLink { relay, token: shown }.to_text()?;
        let (commands, orders) = mpsc::channel(4);
        let keeper = Keeper::new(home, keys, admission);
        keeper.set_prune_after(config.retention.prune_after.0);
        tokio::spawn(Engine::run(Arc::new(keeper), net, events, orders));
        Ok(Self { id, link, notices, commands })
    }

    /// Its key.
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// The link to give to people.
    pub fn link(&self) -> &str {
        &self.link
    }

    /// What opening the data folder had to put in order: sentences for the operator.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Lets what is under way become durable, says goodbye to everyone, and ends.
    pub async fn drain(self) {
        let (done, drained) = oneshot::channel();
        if self.commands.send(Command::Drain(done)).await.is_ok() {
            // An error means that it has ended already.
            let _ = drained.await;
        }
    }
}

/// The token that whoever asks must show, if one is asked for.
fn token(config: &Config) -> Result<Token, TokenError> {
    match &config.admission.token {
        Some(token) => Ok(token.clone()),
        None => Token::of_folder(&config.data),
    }
}

/// How the network is opened.
fn network(config: &Config, key: [u8; 32]) -> NetConfig {
    let count = |count: Count| usize::try_from(count.0).unwrap_or(usize::MAX);
    let limits = Limits {
        connections: count(config.limits.connections),
        strangers: count(config.limits.strangers),
        handshakes: 256,
        handshakes_per_address: count(config.limits.connections_per_address).min(256),
        queue_bytes: usize::try_from(config.limits.queue_bytes.0).unwrap_or(usize::MAX),
        events: 1_024,
        ..Limits::default()
    };
    NetConfig { listen: Some(config.listen), discovery: false, limits, ..NetConfig::new(key) }
}

/// The addresses a link carries: those that were given first.
fn link_addresses(given: &[SocketAddr], found: &[SocketAddr]) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::new();
    for address in given.iter().chain(found).map(ToString::to_string) {
        if addresses.len() < MAX_RELAY_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}
