//! [`NatsServer`]: where a NATS server is, with the password that it may want.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// A NATS server's URL. A password in it is used, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsServer {
    url: Zeroizing<String>,
    /// The same without what is secret.
    shown: String,
}

/// A text that is no NATS server's URL. It is not repeated: there may be a password in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a NATS server; write for example nats://10.0.0.1:4222 or tls://user:password@nats.example.org:4222"
)]
pub struct NotAServer;

impl NatsServer {
    /// The whole URL: for connecting, and for nothing else.
    pub fn expose(&self) -> &str {
        &self.url
    }
}

impl FromStr for NatsServer {
    type Err = NotAServer;

    fn from_str(text: &str) -> Result<Self, NotAServer> {
        let text = text.trim();
        let uri: http::Uri = text.parse().map_err(|_| NotAServer)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(NotAServer) };
        if !matches!(scheme, "nats" | "tls") || authority.host().is_empty() || !matches!(uri.path(), "" | "/") {
            return Err(NotAServer);
        }
        let port = authority.port_u16().unwrap_or(4_222);
        let shown = format!("{scheme}://{}:{port}", authority.host());
        Ok(Self { url: Zeroizing::new(text.to_owned()), shown })
    }
}

impl fmt::Display for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NatsServer({})", self.shown)
    }
}

impl Serialize for NatsServer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown)
    }
}

impl<'de> Deserialize<'de> for NatsServer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_and_its_password_is_not_shown() {
        let server: NatsServer = "tls://relay:s3cret@nats.example.org:4333".parse().expect("a server");
        assert_eq!(server.expose(), "tls://relay:s3cret@nats.example.org:4333");
        assert_eq!(server.to_string(), "tls://nats.example.org:4333");
        assert!(!format!("{server:?}").contains("s3cret"));
        let server: NatsServer = "nats://[::1]".parse().expect("a server");
        assert_eq!(server.to_string(), "nats://[::1]:4222");
    }

    #[test]
    fn what_is_none_is_refused_without_being_repeated() {
        for text in ["", "localhost:4222", "http://x:1", "nats://", "nats://h:1/path", "nats://u:p@:99999"] {
            let error = text.parse::<NatsServer>().expect_err(text);
            assert!(error.to_string().contains("nats://10.0.0.1:4222"));
        }
    }
}
