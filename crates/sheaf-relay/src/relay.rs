//! [`Relay`]: a running relay.

use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sheaf_access::{DeviceId, MAX_RELAY_ADDRESSES, RelayLink, RelayLinkError};
use sheaf_net::{BindError, Limits, Net, NetConfig};
use sheaf_store::{Claim, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::admission::{Admission, TokenError};
use crate::board::{Board, Readiness};
use crate::cluster::{self, ClusterError, Joined};
use crate::config::{Config, Count, Mode, Token};
#[cfg(unix)]
use crate::control::Control;
use crate::engine::{Clustered, Command, Engine, Left};
use crate::http::{Http, HttpError};
use crate::identity::Identity;
use crate::keeper::Keeper;
use crate::meeting::{Meeting, MeetingError};
#[cfg(unix)]
use crate::operate::{self, Refused, Request};

/// How often the disk, the network and the rates are looked at.
const LOOK: Duration = Duration::from_secs(5);

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
    /// The operators' pages cannot be served.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The cluster cannot be joined.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The meeting point cannot be opened.
    #[error(transparent)]
    Meeting(#[from] MeetingError),
    /// The task that opens the data folder was ended.
    #[error("the relay was stopped while it started")]
    Stopped,
}

/// Why other settings are not taken over. Those in force stay.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The token cannot be kept, or read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The link cannot be written.
    #[error("the relay's link cannot be made: {0}")]
    Link(#[from] RelayLinkError),
}

/// A running relay. When the last handle is dropped, it ends at once; [`Relay::drain`] ends it politely.
pub struct Relay {
    config: Config,
    token: Token,
    net: Net,
    link: String,
    notices: Vec<String>,
    board: Arc<Board>,
    keeper: Arc<Keeper>,
    http: Option<Http>,
    meeting: Option<Meeting>,
    looking: JoinHandle<()>,
    /// It ends when the relay is drained, or has failed.
    engine: JoinHandle<()>,
    commands: mpsc::Sender<Command>,
    #[cfg(unix)]
    control: Option<Control>,
}

impl Relay {
    /// Opens the data folder and the network, and begins to serve. The operators' pages come first: they say that it is
    /// starting, for as long as that takes.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let board = Arc::new(Board::new());
        board.reserve(config.quotas.disk_reserve.0);
        let http = match config.http.0 {
            Some(address) => Some(Http::serve(address, board.clone()).await?),
            None => None,
        };
        let (rules, kept) = (config.clone(), board.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let opened = open_keeper(&rules, &kept)?;
            let left = if rules.cluster.0.is_empty() {
                opened.keeper.leave_cluster()?;
                Left::default()
            } else {
                let spaces = opened.keeper.join_cluster()?;
                Left { spaces, removals: opened.keeper.unsaid_removals() }
            };
            let (places, gaps) = (opened.keeper.places()?, opened.keeper.gaps()?);
            Ok::<_, StartError>((opened, (left, places, gaps)))
        });
        let (OpenKeeper { keeper, seed, token, notices }, (left, places, gaps)) =
            opened.await.map_err(|_| StartError::Stopped)??;
        let keeper = Arc::new(keeper);
        let meeting = Meeting::open(&config.meeting, &config.data, board.clone()).await?;
        let cluster = if config.cluster.0.is_empty() {
            None
        } else {
            let read = (places.clone(), gaps);
            Some(cluster::start(&config, Arc::clone(&keeper), read, board.clone()).await?)
        };
        let cluster = cluster.map(|Joined { orders, news, duty }| (Clustered::new(orders, duty, left, places), news));
        let (net, events) = Net::bind(network(&config, *seed)).await?;
        let link = link(&config, &net, &token)?;
        let (commands, orders) = mpsc::channel(4);
        let settings = (config.limits.clone(), config.retention.sweep.0);
        let engine = Engine::run((keeper.clone(), board.clone()), settings, (net.clone(), events), orders, cluster);
        let engine = tokio::spawn(engine);
        let looking = tokio::spawn(look((board.clone(), keeper.clone()), net.clone(), config.data.clone()));
        #[cfg(unix)]
        let control = control(&config.data, &keeper, &commands);
        board.is(Readiness::Ready);
        Ok(Self {
            config,
            token,
            net,
            link,
            notices,
            board,
            keeper,
            http,
            meeting,
            looking,
            engine,
            commands,
            #[cfg(unix)]
            control,
        })
    }

    /// Waits until the relay fails, of which it does not recover by itself: whoever runs it starts it again. What is durable is
    /// safe, and what is not was not acknowledged.
    pub async fn failed(&mut self) {
        let ended = (&mut self.engine).await;
        tracing::error!(panicked = ended.is_err(), "a part of the relay has failed, and so it ends");
    }

    /// Its key.
    pub fn id(&self) -> DeviceId {
        self.net.id()
    }

    /// The link to give to people.
    pub fn link(&self) -> &str {
        &self.link
    }

    /// Where the operators' pages are served, if they are.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(Http::address)
    }

    /// Where the meeting point listens, if there is one.
    pub fn meeting(&self) -> Option<SocketAddr> {
        self.meeting.as_ref().map(Meeting::address)
    }

    /// How things stand with it.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// What opening the data folder had to put in order: sentences for the operator.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Takes over what can be of other settings, and answers the settings that need a restart. Nobody is hung up on: limits
    /// hold from now on, and whatever is kept stays.
    pub async fn reload(&mut self, next: Config) -> Result<Vec<&'static str>, ReloadError> {
        let (next, refused) = self.config.after_reload(next);
        let token = token(&next)?;
        let link = link(&next, &self.net, &token)?;
        self.keeper.set_admission(Admission::new(&next.admission, &token));
        self.keeper.set_retention(next.retention.clone());
        self.keeper.ledger().set_quotas(next.quotas.clone());
        self.board.reserve(next.quotas.disk_reserve.0);
        if let Some(meeting) = &self.meeting {
            meeting.set_limits(&next.meeting);
        }
        // An error: it is ending, and takes over nothing any more.
        let _ = self.commands.send(Command::Settings(next.limits.clone(), next.retention.sweep.0)).await;
        (self.config, self.token, self.link) = (next, token, link);
        Ok(refused)
    }

    /// Lets what is under way become durable, says goodbye to everyone, and ends; for as long as the settings say at most.
    pub async fn drain(self) {
        self.board.is(Readiness::Draining);
        let (done, drained) = oneshot::channel();
        let ended = async {
            if self.commands.send(Command::Drain(done)).await.is_ok() {
                // An error means that it has ended already.
                let _ = drained.await;
            }
        };
        if timeout(self.config.drain.0, ended).await.is_err() {
            tracing::warn!("what was under way took too long: it is cut off, unacknowledged, and comes again");
        }
        self.looking.abort();
        #[cfg(unix)]
        drop(self.control);
        if let Some(meeting) = self.meeting {
            meeting.close().await;
        }
        if let Some(http) = self.http {
            http.stop().await;
        }
    }
}

/// What is on the disk, opened.
pub(crate) struct OpenKeeper {
    pub keeper: Keeper,
    pub seed: zeroize::Zeroizing<[u8; 32]>,
    pub token: Token,
    pub notices: Vec<String>,
}

/// Opens what is on the disk. Blocks.
pub(crate) fn open_keeper(config: &Config, board: &Arc<Board>) -> Result<OpenKeeper, StartError> {
    let claim = Claim::take(&config.data)?;
    let token = token(config)?;
    let identity = Identity::of(&claim)?;
    let (home, opened) = claim.open(&identity.vault)?;
    let notices = opened.repaired.iter().map(ToString::to_string).collect();
    let seed = identity.keys.signing_seed();
    let admission = Admission::new(&config.admission, &token);
    let rules = (config.quotas.clone(), config.retention.clone());
    let keeper = Keeper::new(home, identity.keys, admission, rules, board.clone())?;
    Ok(OpenKeeper { keeper, seed, token, notices })
}

/// The socket through which its operator asks. A relay without it works; it has to be stopped to be asked.
#[cfg(unix)]
fn control(data: &Path, keeper: &Arc<Keeper>, commands: &mpsc::Sender<Command>) -> Option<Control> {
    let (keeper, commands) = (keeper.clone(), commands.clone());
    let opened = Control::open(data, move |request| answer(keeper.clone(), commands.clone(), request));
    opened.inspect_err(|error| tracing::warn!(%error, "there is no socket for the operator's questions")).ok()
}

#[cfg(unix)]
async fn answer(
    keeper: Arc<Keeper>,
    commands: mpsc::Sender<Command>,
    request: Request,
) -> Result<operate::Answer, Refused> {
    let stopped = || Refused::Failed("the relay is stopping".to_owned());
    let Request::Remove(text) = &request else {
        let pruning = matches!(request, Request::Tidy { dry_run: false });
        let answered = tokio::task::spawn_blocking(move || operate::answer(&keeper, &request)).await;
        let answered = answered.map_err(|_| stopped())?;
        if let Ok(operate::Answer::Tidied(tidied)) = &answered
            && pruning
        {
            // Whoever is connected is to hear of the checkpoints that stand for it now.
            let spaces = tidied.pruned.iter().filter_map(|(space, ..)| space.parse().ok()).collect();
            commands.send(Command::Pruned(spaces)).await.map_err(|_| stopped())?;
        }
        return answered;
    };
    let (finding, text) = (keeper.clone(), text.clone());
    let space = tokio::task::spawn_blocking(move || operate::find(&finding, &text)).await.map_err(|_| stopped())??;
    let (done, removed) = oneshot::channel();
    commands.send(Command::Remove(space, done)).await.map_err(|_| stopped())?;
    removed.await.map_err(|_| stopped())?
}

/// Looks at the disk, the network and the rates, again and again.
async fn look((board, keeper): (Arc<Board>, Arc<Keeper>), net: Net, data: PathBuf) {
    let mut clock = tokio::time::interval(LOOK);
    loop {
        clock.tick().await;
        board.meters().network(&net.counts());
        let (board, keeper, data) = (board.clone(), keeper.clone(), data.clone());
        let looked = tokio::task::spawn_blocking(move || {
            board.look(&data, Instant::now());
            keeper.look_at_disk();
        });
        let looked = looked.await;
        if let Err(error) = looked {
            tracing::error!(%error, "the disk could not be looked at");
        }
    }
}

/// The link to give to people.
fn link(config: &Config, net: &Net, token: &Token) -> Result<String, RelayLinkError> {
    let relay = sheaf_access::Relay {
        key: net.id(),
        addresses: link_addresses(config, &net.addresses()),
        url: config.meeting.url.clone(),
    };
    let shown = (config.admission.mode == Mode::Token).then(|| token.expose().to_owned().into());
    RelayLink { relay, token: shown }.to_text()
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
        connections_per_address: count(config.limits.connections_per_address),
        handshakes_per_address: count(config.limits.connections_per_address).min(256),
        queue_bytes: usize::try_from(config.limits.queue_bytes.0).unwrap_or(usize::MAX),
        events: 1_024,
        ..Limits::default()
    };
    NetConfig { listen: Some(config.listen), discovery: false, limits, ..NetConfig::new(key) }
}

/// What a link says of where it is: its cluster, its name, the addresses that were given, those that were found.
fn link_addresses(config: &Config, found: &[SocketAddr]) -> Vec<String> {
    let port = found.first().map_or(config.listen.port(), SocketAddr::port);
    let cluster = config.cluster_name.as_deref().map(sheaf_access::Relay::one_of);
    let name =
        config.name.as_ref().map(|name| if name.contains(':') { name.clone() } else { format!("{name}:{port}") });
    let mut addresses: Vec<String> = cluster.into_iter().chain(name).collect();
    for address in config.addresses.0.iter().chain(found).map(ToString::to_string) {
        if addresses.len() < MAX_RELAY_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}
