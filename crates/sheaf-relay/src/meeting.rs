//! The meeting point: where devices find each other that cannot reach each other (NAT traversal).
//!
//! It is an iroh-relay: devices keep a connection to it and are reached through it, by key, until they have found a way of
//! their own. What passes is encrypted between the two; the meeting point sees keys, addresses and sizes. It has nothing to
//! do with spaces, and whoever uses it need not have one here.
//!
//! The relay service is iroh's; who may connect is decided in front of it ([`Gate`]), because its own limits on
//! connections are not kept. It does not say when a connection that it took over has ended, either. So connections end at a
//! *front* of ours, which has the place and passes bytes on to the service by loopback: a place is taken exactly as long as
//! someone is connected, whatever they do, and whatever the service does with them.
//!
//! It listens by TCP with a certificate from files or by ACME, or by plain HTTP, which is for a LAN or behind a proxy: what
//! passes is sealed either way.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use governor::clock::MonotonicClock;
use http_body_util::Empty;
use iroh_relay::KeyCache;
use iroh_relay::server::http_server::TlsConfig;
use iroh_relay::server::{AllowAll, ClientRateLimit, Handlers, Metrics, RelayService, reloading_resolver};
use iroh_relay::tls::CaTlsConfig;
use n0_future::StreamExt as _;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls_acme::caches::DirCache;

use crate::accept::Gate;
use crate::board::Board;
use crate::config;

/// How long a connection may take to say what it wants.
const ESTABLISH: Duration = Duration::from_secs(10);
/// How often certificate files are read again.
const READ_AGAIN: Duration = Duration::from_mins(10);
/// Whoever has stopped sending gets so long for the last bytes to them.
const LAST_BYTES: Duration = Duration::from_secs(5);
/// After the system refused a connection for want of something, it gets this long to find it.
const BREATH: Duration = Duration::from_millis(100);
/// Keys of devices that need not be parsed again.
const KEYS: usize = 16_384;
/// Where certificates got by ACME are kept, in the data folder.
const ACME: &str = "acme";
/// What devices ask for to see how far away the meeting point is.
const PROBE: &str = "/ping";

/// The meeting point cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum MeetingError {
    /// The address cannot be listened on.
    #[error(
        "the meeting point cannot listen on {address}: {source}. Choose another meeting.listen; ports below 1024 need the right to."
    )]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error(
        "the meeting point's certificate cannot be used: {0}. Both files are PEM; the key belongs to the first certificate."
    )]
    Certificate(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// The meeting point, while it is open.
#[derive(Debug)]
pub struct Meeting {
    address: SocketAddr,
    service: RelayService,
    gate: Arc<Gate>,
    accepting: JoinHandle<()>,
    /// Gets certificates and renews them, where that is by ACME.
    renewing: Option<JoinHandle<()>>,
}

impl Meeting {
    /// Opens it, if it is wanted.
    pub async fn open(
        settings: &config::Meeting,
        data: &Path,
        board: Arc<Board>,
    ) -> Result<Option<Self>, MeetingError> {
        let Some(address) = settings.listen.0 else { return Ok(None) };
        let failed = |source| MeetingError::Listen { address, source };
        let (tls, renewing) = tls(&settings.tls, data).await?;
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let service = RelayService::new(
            handlers(),
            HeaderMap::new(),
            rate(settings),
            KeyCache::new(KEYS),
            Arc::new(AllowAll),
            Arc::new(Metrics::default()),
        );
        let gate = Gate::new(settings, MonotonicClock);
        let inner = Inner::new(service.clone(), tls).await.map_err(failed)?;
        let accepting = tokio::spawn(accept(listener, inner, gate.clone(), board));
        Ok(Some(Self { address, service, gate, accepting, renewing }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many are connected.
    pub fn connections(&self) -> usize {
        self.gate.count()
    }

    /// Other limits from now on.
    pub fn set_limits(&self, settings: &config::Meeting) {
        self.gate.set_limits(settings);
        self.service.set_client_rate_limit(rate(settings));
    }

    /// Tells everyone, and closes.
    pub async fn close(self) {
        self.service.shutdown().await;
        self.accepting.abort();
        if let Some(renewing) = self.renewing {
            renewing.abort();
        }
    }
}

fn rate(settings: &config::Meeting) -> Option<ClientRateLimit> {
    u32::try_from(settings.bytes_per_second.0).ok().and_then(NonZeroU32::new).map(ClientRateLimit::new)
}

/// Devices ask how far away it is. Nothing else is served but the meeting itself.
fn handlers() -> Handlers {
    let mut handlers = Handlers::default();
    handlers.insert(
        (Method::GET, PROBE),
        Box::new(|_, response| Ok(response.status(StatusCode::OK).body(Box::new(Empty::new()) as _)?)),
    );
    handlers
}

async fn accept(front: TcpListener, inner: Inner, gate: Arc<Gate>, board: Arc<Board>) {
    let inner = Arc::new(inner);
    // With this task go all connections.
    let mut served = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = front.accept() => accepted,
            Some(_) = served.join_next() => {
                board.meters().meeting.set(gate.count() as u64);
                continue;
            }
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "the meeting point cannot take in a connection");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let place = match gate.enter(address.ip()) {
            Ok(place) => place,
            Err(reason) => {
                board.meters().meeting_refused.add(1);
                tracing::debug!(%reason, "turned away from the meeting point");
                continue;
            }
        };
        board.meters().meeting.set(gate.count() as u64);
        let inner = inner.clone();
        served.spawn(async move {
            if let Err(error) = inner.serve(stream).await {
                tracing::warn!(%error, "a connection to the meeting point was lost");
            }
            drop(place);
        });
    }
}

/// The service, behind the front.
struct Inner {
    service: RelayService,
    tls: Option<TlsConfig>,
    /// Where the front's connections to the service are made, one at a time.
    loopback: Mutex<TcpListener>,
}

impl Inner {
    async fn new(service: RelayService, tls: Option<TlsConfig>) -> std::io::Result<Self> {
        let loopback = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        Ok(Self { service, tls, loopback: Mutex::new(loopback) })
    }

    /// The two ends of a connection within this process.
    async fn pair(&self) -> std::io::Result<(TcpStream, TcpStream)> {
        let loopback = self.loopback.lock().await;
        let ours = TcpStream::connect(loopback.local_addr()?).await?;
        let own = ours.local_addr()?;
        loop {
            let (theirs, from) = loopback.accept().await?;
            // Another program of this machine found the port: it has no place.
            if from == own {
                // Small frames are what passes; waiting for more of them would be felt in every keystroke.
                ours.set_nodelay(true)?;
                theirs.set_nodelay(true)?;
                return Ok((ours, theirs));
            }
        }
    }

    /// Passes on what comes and goes until either end has had enough.
    async fn serve(&self, mut outside: TcpStream) -> std::io::Result<()> {
        outside.set_nodelay(true)?;
        let (mut inside, theirs) = self.pair().await?;
        let serving = self.service.clone().handle_connection(theirs, self.tls.clone(), ESTABLISH);
        let (mut from_outside, mut to_outside) = outside.split();
        let (mut from_inside, mut to_inside) = inside.split();
        let passing = async {
            let down = tokio::io::copy(&mut from_inside, &mut to_outside);
            let up = async {
                // However it ends, there is nothing more to come from there.
                let _ = tokio::io::copy(&mut from_outside, &mut to_inside).await;
                let _ = to_inside.shutdown().await;
                tokio::time::sleep(LAST_BYTES).await;
            };
            tokio::select! {
                _ = down => {}
                () = up => {}
            }
        };
        // The service answers at once, or takes the connection over and is heard of no more: then the passing on says when
        // it is over.
        tokio::pin!(passing);
        tokio::select! {
            () = serving => passing.await,
            () = &mut passing => {}
        }
        Ok(())
    }
}

/// The certificate, and what renews it.
async fn tls(settings: &config::Tls, data: &Path) -> Result<(Option<TlsConfig>, Option<JoinHandle<()>>), MeetingError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    if let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) {
        let resolver = reloading_resolver(&provider, certificate.clone(), key.clone(), READ_AGAIN)
            .await
            .map_err(|error| MeetingError::Certificate(format!("{error:#}")))?;
        let config = server(&provider)?.with_cert_resolver(resolver);
        return Ok((Some(TlsConfig::new(Arc::new(config))), None));
    }
    if settings.acme_domains.0.is_empty() {
        return Ok((None, None));
    }
    let client = CaTlsConfig::embedded().client_config(provider.clone()).map_err(|error| tls_error(&error))?;
    let acme = tokio_rustls_acme::AcmeConfig::new_with_client_tls_config(&settings.acme_domains.0, Arc::new(client))
        .contact(&settings.acme_contact);
    let acme = match &settings.acme_directory {
        Some(directory) => acme.directory(directory),
        None => acme.directory_lets_encrypt(true),
    };
    let mut state = acme.cache(DirCache::new(data.join(ACME))).state();
    let mut config = server(&provider)?.with_cert_resolver(state.resolver());
    // The authority asks for its answer on this port, by this name.
    config.alpn_protocols = vec![b"http/1.1".to_vec(), tokio_rustls_acme::acme::ACME_TLS_ALPN_NAME.to_vec()];
    let renewing = tokio::spawn(async move {
        while let Some(event) = state.next().await {
            match event {
                Ok(event) => tracing::info!(?event, "certificate"),
                Err(error) => {
                    tracing::error!(?error, "the meeting point's certificate was not renewed; it is tried again");
                }
            }
        }
    });
    Ok((Some(TlsConfig::new(Arc::new(config))), Some(renewing)))
}

fn server(
    provider: &Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>, MeetingError> {
    let builder = ServerConfig::builder_with_provider(provider.clone());
    Ok(builder.with_safe_default_protocol_versions().map_err(|error| tls_error(&error))?.with_no_client_auth())
}

fn tls_error(error: &dyn std::fmt::Display) -> MeetingError {
    MeetingError::Tls(error.to_string())
}
