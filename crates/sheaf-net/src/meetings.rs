//! Meeting points: iroh-relays, through which devices reach each other that cannot do so directly.
//!
//! There are none but those that are named: never the public ones. What passes through one is as encrypted as everything
//! else, and once two devices have found a direct way, nothing passes through it any more.

use iroh::{RelayConfig, RelayMap, RelayUrl, TransportAddr};

use crate::NotAMeeting;

/// How many meeting points a device keeps to at most. More would be a burden on every dial.
pub const MEETINGS_MAX: usize = 8;

/// The meeting points of this device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meetings(Vec<RelayUrl>);

/// The URL of one.
pub(crate) fn parse(url: &str) -> Result<RelayUrl, NotAMeeting> {
    let wrong = || NotAMeeting { url: url.chars().take(200).collect() };
    let parsed: RelayUrl = url.parse().map_err(|_| wrong())?;
    let sound = matches!(parsed.scheme(), "http" | "https") && parsed.host_str().is_some_and(|host| !host.is_empty());
    if sound { Ok(parsed) } else { Err(wrong()) }
}

/// What iroh needs to know of one: it tells nobody their own address, which it would by QUIC.
pub(crate) fn config(url: RelayUrl) -> RelayConfig {
    RelayConfig::new(url, None)
}

impl Meetings {
    /// Those at these URLs.
    pub(crate) fn of(urls: &[String]) -> Result<Self, NotAMeeting> {
        let mut meetings = Self::default();
        for url in urls {
            meetings.add(parse(url)?);
        }
        Ok(meetings)
    }

    /// One more, unless there are enough.
    pub(crate) fn add(&mut self, url: RelayUrl) {
        if !self.0.contains(&url) && self.0.len() < MEETINGS_MAX {
            self.0.push(url);
        }
    }

    /// Those that are not among the others.
    pub(crate) fn beyond<'a>(&'a self, others: &'a Self) -> impl Iterator<Item = &'a RelayUrl> {
        self.0.iter().filter(|url| !others.0.contains(url))
    }

    pub(crate) fn map(&self) -> RelayMap {
        self.0.iter().cloned().map(config).collect()
    }

    /// The ways to a device through them.
    pub(crate) fn ways(&self) -> impl Iterator<Item = TransportAddr> + use<> {
        self.0.clone().into_iter().map(TransportAddr::Relay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_one_is_taken() {
        for url in ["https://relay.example.org", "http://192.0.2.1:4481", "https://relay.example.org:4443/"] {
            assert!(parse(url).is_ok(), "{url}");
        }
        for url in ["", "relay.example.org", "ftp://relay.example.org", "https://", "mailto:x@y", "sheaf-relay://x"] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn each_is_there_once_and_there_are_not_too_many() {
        let mut meetings = Meetings::of(&["https://a.example".to_owned(), "https://a.example/".to_owned()]).unwrap();
        assert_eq!(meetings.ways().count(), 1);
        assert_eq!(meetings.beyond(&meetings).count(), 0);
        assert_eq!(meetings.beyond(&Meetings::default()).count(), 1);
        for number in 0..20 {
            meetings.add(parse(&format!("https://r{number}.example")).unwrap());
        }
        assert_eq!(meetings.ways().count(), MEETINGS_MAX);
    }
}
