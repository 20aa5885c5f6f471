//! The settings themselves. What each means stands in [`SETTINGS`](super::SETTINGS), once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sheaf_access::{PersonId, SpaceId};
use zeroize::Zeroizing;

use super::{After, Bytes, Count, Door, List, NatsServer, Span};

const DAY: Duration = Duration::from_hours(24);

/// Everything a relay is set to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Where devices connect: UDP.
    pub listen: SocketAddr,
    /// The name that devices find it by.
    pub name: Option<String>,
    /// What the link says besides, for a relay behind a router.
    pub addresses: List<SocketAddr>,
    /// The operator's page.
    pub http: Door,
    /// How long a stop waits.
    pub drain: Span,
    /// The NATS servers that the relay shares with others.
    pub cluster: List<NatsServer>,
    /// What the relays of the cluster are called together.
    pub cluster_name: Option<String>,
    /// On how many of them each entry is kept.
    pub replicas: Count,
    /// Which of their spaces are kept here too.
    pub follow: Follow,
    /// Whose spaces are taken in.
    pub admission: Admission,
    /// How much may be kept.
    pub quotas: Quotas,
    /// How fast anything may come.
    pub limits: Limits,
    /// How long things are kept.
    pub retention: Retention,
    /// The meeting point for devices that cannot reach each other.
    pub meeting: Meeting,
    /// The log.
    pub log: Logging,
    /// Traces.
    pub traces: Tracing,
}

/// Whose spaces are taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// By what.
    pub mode: Mode,
    /// The token; none: one is made at the first start and kept in the data folder.
    pub token: Option<Token>,
    /// With `list`: of these persons.
    pub persons: List<PersonId>,
    /// With `list`: these.
    pub spaces: List<SpaceId>,
}

/// Which spaces of a cluster are kept by a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Follow {
    /// All of them.
    All,
    /// Those that it is asked for, and its share of all.
    Demanded,
}

/// By what admission decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Anyone's.
    Open,
    /// Of whoever shows the token, which stands in the link.
    Token,
    /// Of listed persons, and listed spaces.
    List,
}

/// A token: it opens the relay's disk to whoever has it, so it is not printed, and wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(not shown)")
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl Token {
    /// This text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text: for the link, and for comparing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// How much may be kept, for a space and for a person over all their spaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// Bytes in a space.
    pub space_bytes: Bytes,
    /// Entries in a space.
    pub space_entries: Count,
    /// Bytes by a person.
    pub person_bytes: Bytes,
    /// Entries by a person.
    pub person_entries: Count,
    /// Bytes of checkpoints' blobs in a space.
    pub space_blobs: Bytes,
    /// Bytes of checkpoints' blobs by a person.
    pub person_blobs: Bytes,
    /// What stays free on the disk.
    pub disk_reserve: Bytes,
}

/// How fast anything may come, and how many at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Connections in all.
    pub connections: Count,
    /// Connections from one address.
    pub connections_per_address: Count,
    /// Connections of devices nothing is hosted for.
    pub strangers: Count,
    /// Frames a second on a connection.
    pub frames_per_second: Count,
    /// Bytes a second on a connection.
    pub bytes_per_second: Bytes,
    /// Entries a second by a device's key, whatever its connections.
    pub entries_per_second: Count,
    /// Presence a second on a connection.
    pub presence_per_second: Count,
    /// How many seconds' worth may come at once.
    pub burst: Span,
    /// What may wait to be sent on a connection.
    pub queue_bytes: Bytes,
}

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// For how long an endorsed checkpoint's entries stay.
    pub prune_after: After,
    /// How often that is looked at.
    pub sweep: Span,
    /// After how long a space goes that none of its members has come for.
    pub abandoned_after: After,
}

/// The meeting point: an iroh-relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meeting {
    /// Where it listens: TCP.
    pub listen: Door,
    /// What it is called from outside.
    pub url: Option<String>,
    /// Connections in all.
    pub connections: Count,
    /// Connections from one address.
    pub connections_per_address: Count,
    /// New connections a second from one address.
    pub accepts_per_second: Count,
    /// Bytes a second that a connection may send.
    pub bytes_per_second: Bytes,
    /// Its certificate.
    pub tls: Tls,
}

/// Where the meeting point's certificate comes from; neither: it speaks plain HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A file with the certificate and its chain.
    pub certificate: Option<PathBuf>,
    /// A file with its key.
    pub key: Option<PathBuf>,
    /// Names to get a certificate for from Let's Encrypt.
    pub acme_domains: List<String>,
    /// Whom Let's Encrypt may write to.
    pub acme_contact: Option<String>,
    /// Another directory than Let's Encrypt's.
    pub acme_directory: Option<String>,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// In which form.
    pub format: Format,
    /// What is said.
    pub filter: String,
}

/// In which form the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Traces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracing {
    /// Where they are sent, by OTLP over HTTP; none: nowhere.
    pub endpoint: Option<String>,
}

/// The user's own data folder; without a home, a folder where the relay was started.
fn data_folder() -> PathBuf {
    use etcetera::BaseStrategy as _;
    etcetera::choose_base_strategy().map_or_else(|_| PathBuf::from("."), |base| base.data_dir()).join("sheaf-relay")
}

impl Config {
    /// What a relay that runs with `self` takes over of `next`, and the settings that differ and need a restart.
    #[must_use]
    pub fn after_reload(&self, mut next: Self) -> (Self, Vec<&'static str>) {
        let refused = super::table::differing(self, &next, |setting| !setting.reload);
        next.data.clone_from(&self.data);
        next.listen = self.listen;
        next.http = self.http;
        next.cluster = self.cluster.clone();
        next.replicas = self.replicas;
        next.follow = self.follow;
        next.limits.connections = self.limits.connections;
        next.limits.connections_per_address = self.limits.connections_per_address;
        next.limits.strangers = self.limits.strangers;
        next.limits.queue_bytes = self.limits.queue_bytes;
        next.meeting.listen = self.meeting.listen;
        next.meeting.tls = self.meeting.tls.clone();
        next.log.format = self.log.format;
        next.traces = self.traces.clone();
        (next, refused)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: data_folder(),
            listen: SocketAddr::from(([0, 0, 0, 0], 4479)),
            name: None,
            addresses: List::default(),
            http: Door(Some(SocketAddr::from(([127, 0, 0, 1], 4480)))),
            drain: Span(Duration::from_secs(10)),
            cluster: List::default(),
            cluster_name: None,
            replicas: Count(3),
            follow: Follow::All,
            admission: Admission { mode: Mode::Token, token: None, persons: List::default(), spaces: List::default() },
            quotas: Quotas {
                space_bytes: Bytes(1 << 30),
                space_entries: Count(2_000_000),
                person_bytes: Bytes(4 << 30),
                person_entries: Count(8_000_000),
                space_blobs: Bytes(4 << 30),
                person_blobs: Bytes(16 << 30),
                disk_reserve: Bytes(512 << 20),
            },
            limits: Limits {
                connections: Count(10_000),
                connections_per_address: Count(256),
                strangers: Count(256),
                frames_per_second: Count(500),
                bytes_per_second: Bytes(8 << 20),
                entries_per_second: Count(500),
                presence_per_second: Count(40),
                burst: Span(Duration::from_secs(10)),
                queue_bytes: Bytes(4 << 20),
            },
            retention: Retention {
                prune_after: After(Some(7 * DAY)),
                sweep: Span(Duration::from_mins(10)),
                abandoned_after: After(None),
            },
            meeting: Meeting {
                listen: Door(None),
                url: None,
                connections: Count(4_096),
                connections_per_address: Count(64),
                accepts_per_second: Count(10),
                bytes_per_second: Bytes(2 << 20),
                tls: Tls::default(),
            },
            log: Logging { format: Format::Text, filter: "info".to_owned() },
            traces: Tracing::default(),
        }
    }
}
