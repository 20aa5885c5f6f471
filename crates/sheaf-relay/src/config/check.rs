//! What a single value cannot say: settings that contradict each other, or that would make a relay that does not work.

use std::time::Duration;

use super::{Config, Mode};

/// A token that could be guessed is no token.
const MIN_TOKEN: usize = 16;
/// Before that nobody's space is taken for abandoned.
const ABANDONED: Duration = Duration::from_hours(30 * 24);
/// What fits into a link.
const MAX_TOKEN: usize = 128;
/// And of a cluster's name.
const MAX_CLUSTER_NAME: usize = 100;
/// And of the relay's own, as in the DNS, with a port.
const MAX_NAME: usize = 120;

/// Everything that is wrong, by the setting to change.
pub(super) fn check(config: &Config) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let mut say = |key: &'static str, what: &str| wrong.push((key, what.to_owned()));
    if config.data.as_os_str().is_empty() {
        say("data", "name a folder");
    }
    if config.addresses.0.iter().any(|address| address.ip().is_unspecified() || address.port() == 0) {
        say(
            "addresses",
            "people need addresses that can be reached: an IP address and a port, not 0.0.0.0 and not port 0",
        );
    }
    if config.name.as_deref().is_some_and(|name| !is_name(name)) {
        say("name", "write a name that is in the DNS, for example relay.example.org, or relay.example.org:443");
    }
    if config.http.0.is_some_and(|address| address.port() != 0) && config.http == config.meeting.listen {
        say("http", "the meeting point listens there; choose another port");
    }
    admission(config, &mut say);
    cluster(config, &mut say);
    limits(config, &mut say);
    meeting(config, &mut say);
    if config.retention.abandoned_after.0.is_some_and(|after| after < ABANDONED) {
        say("retention.abandoned_after", "people are away for weeks: at least 30 days, or never");
    }
    if config.retention.sweep.0.is_zero() {
        say("retention.sweep", "looking all the time is too often; write for example 1 h");
    }
    if let Some(endpoint) = &config.traces.endpoint
        && !is_url(endpoint, &["http", "https"])
    {
        say("traces.endpoint", "write a URL, for example http://127.0.0.1:4318/v1/traces");
    }
    if tracing_subscriber::EnvFilter::try_new(&config.log.filter).is_err() {
        say("log.filter", "write a level, or levels by module: info, or warn,sheaf_relay=debug");
    }
    wrong
}

fn admission(config: &Config, say: &mut impl FnMut(&'static str, &str)) {
    let admission = &config.admission;
    if let Some(token) = &admission.token {
        let text = token.expose();
        if text.len() < MIN_TOKEN || text.len() > MAX_TOKEN {
            say(
                "admission.token",
                "a token has 16 to 128 characters, so that it cannot be guessed and fits into a link",
            );
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            say(
                "admission.token",
                "a token has only plain letters, digits and signs, and no spaces: it stands in the link",
            );
        }
    }
    let listed = !admission.persons.0.is_empty() || !admission.spaces.0.is_empty();
    if admission.mode == Mode::List && !listed {
        say(
            "admission.mode",
            "with `list`, name persons or spaces in admission.persons and admission.spaces; otherwise nobody is let in",
        );
    }
    if admission.mode != Mode::List && listed {
        say("admission.mode", "persons and spaces are listed, but not looked at; write `list`, or take the lists away");
    }
}

fn cluster(config: &Config, say: &mut impl FnMut(&'static str, &str)) {
    if !(1..=5).contains(&config.replicas.0) {
        say("replicas", "NATS keeps 1 to 5");
    }
    let clustered = !config.cluster.0.is_empty();
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    match &config.cluster_name {
        Some(_) if !clustered => {
            say("cluster_name", "this relay is in no cluster: set `cluster` too, or take the name away");
        }
        Some(name) if name.is_empty() || name.len() > MAX_CLUSTER_NAME || !plain(name) => {
            say(
                "cluster_name",
                "write 1 to 100 plain letters, digits or signs without spaces and `/`: it stands in the link",
            );
        }
        _ => {}
    }
    if clustered && config.admission.token.is_none() {
        say("admission.token", "the relays of a cluster know each other by it: give all of them the same token");
    }
}

fn limits(config: &Config, say: &mut impl FnMut(&'static str, &str)) {
    let limits = &config.limits;
    let none = "0 would let nothing through";
    for (key, number) in [
        ("limits.connections", limits.connections.0),
        ("limits.connections_per_address", limits.connections_per_address.0),
        ("limits.strangers", limits.strangers.0),
        ("limits.frames_per_second", limits.frames_per_second.0),
        ("limits.entries_per_second", limits.entries_per_second.0),
        ("limits.presence_per_second", limits.presence_per_second.0),
        ("meeting.connections", config.meeting.connections.0),
        ("meeting.connections_per_address", config.meeting.connections_per_address.0),
        ("meeting.accepts_per_second", config.meeting.accepts_per_second.0),
        ("quotas.space_entries", config.quotas.space_entries.0),
        ("quotas.person_entries", config.quotas.person_entries.0),
        ("quotas.space_bytes", config.quotas.space_bytes.0),
        ("quotas.person_bytes", config.quotas.person_bytes.0),
        ("quotas.space_blobs", config.quotas.space_blobs.0),
        ("quotas.person_blobs", config.quotas.person_blobs.0),
    ] {
        if number == 0 {
            say(key, none);
        }
    }
    // A frame is at most 1 MiB: less than that in a burst, and the largest never gets through.
    let burst = limits.burst.0.as_secs_f64();
    #[allow(clippy::cast_precision_loss)] // far below where it matters
    if (limits.bytes_per_second.0 as f64) * burst < f64::from(2 << 20) {
        say(
            "limits.bytes_per_second",
            "with limits.burst, at least 2 MiB must get through at once: a frame can be 1 MiB",
        );
    }
    if limits.burst.0.as_millis() < 1_000 {
        say("limits.burst", "at least 1 s");
    }
    if limits.queue_bytes.0 < 2 << 20 {
        say("limits.queue_bytes", "at least 2 MiB: a frame can be 1 MiB");
    }
    if config.meeting.bytes_per_second.0 < 64 << 10 {
        say("meeting.bytes_per_second", "at least 64 KiB");
    }
}

fn meeting(config: &Config, say: &mut impl FnMut(&'static str, &str)) {
    let meeting = &config.meeting;
    let tls = &meeting.tls;
    if tls.certificate.is_some() != tls.key.is_some() {
        let key = if tls.certificate.is_some() { "meeting.tls.key" } else { "meeting.tls.certificate" };
        say(key, "a certificate needs its key, and a key its certificate");
    }
    let acme = !tls.acme_domains.0.is_empty();
    if acme && tls.certificate.is_some() {
        say("meeting.tls.acme_domains", "the certificate comes from files or by ACME, not from both");
    }
    if !acme && (tls.acme_contact.is_some() || tls.acme_directory.is_some()) {
        say("meeting.tls.acme_domains", "ACME needs the names the certificate is for");
    }
    if let Some(contact) = &tls.acme_contact
        && !contact.starts_with("mailto:")
    {
        say("meeting.tls.acme_contact", "write mailto: and an e-mail address");
    }
    if let Some(directory) = &tls.acme_directory
        && !is_url(directory, &["https"])
    {
        say("meeting.tls.acme_directory", "write a URL that begins with https://");
    }
    let secure = acme || tls.certificate.is_some();
    match (&meeting.url, meeting.listen.0) {
        (Some(_), None) => {
            say("meeting.listen", "meeting.url is set, but the meeting point is off; give it an address");
        }
        (None, Some(_)) => say(
            "meeting.url",
            "say under which URL people reach the meeting point, for example https://relay.example.org",
        ),
        (Some(url), Some(_)) if !is_url(url, &["http", "https"]) => {
            say("meeting.url", "write a URL, for example https://relay.example.org");
        }
        (Some(url), Some(_)) if secure && !url.starts_with("https://") => {
            say("meeting.url", "the meeting point has a certificate: write https://");
        }
        _ => {}
    }
}

/// Whether a text is a host's name, and perhaps a port. An address is none: those are for `addresses`.
fn is_name(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    text.len() <= MAX_NAME
        && host.split('.').all(label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
}

/// Whether a text is a URL with one of these schemes and a host.
fn is_url(text: &str, schemes: &[&str]) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        uri.scheme_str().is_some_and(|scheme| schemes.contains(&scheme))
            && uri.host().is_some_and(|host| !host.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Count, Door, List, Span};

    fn keys(change: impl FnOnce(&mut Config)) -> Vec<&'static str> {
        let mut config = Config::default();
        change(&mut config);
        check(&config).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(keys(|_| {}), Vec::<&str>::new());
    }

    #[test]
    fn a_name_is_one_of_the_dns() {
        for name in ["relay.example.org", "localhost", "relay.example.org:443", "a-b.c1"] {
            assert!(keys(|c| c.name = Some(name.to_owned())).is_empty(), "{name}");
        }
        for wrong in
            ["", "192.0.2.1", "192.0.2.1:4479", "[::1]:4479", "a b", "a/b", "a..b", "-a", "a:0", "a:x", "ä.org"]
        {
            assert_eq!(keys(|c| c.name = Some(wrong.to_owned())), ["name"], "{wrong}");
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_named() {
        assert_eq!(keys(|c| c.admission.mode = Mode::List), ["admission.mode"]);
        assert_eq!(keys(|c| c.admission.spaces = List(vec![sheaf_access::SpaceId::UNBORN])), ["admission.mode"]);
        assert_eq!(keys(|c| c.limits.connections = Count(0)), ["limits.connections"]);
        assert_eq!(
            keys(|c| c.limits.burst = Span(std::time::Duration::ZERO)),
            ["limits.bytes_per_second", "limits.burst"]
        );
        let servers = || List(vec!["nats://127.0.0.1:4222".parse().expect("a server")]);
        assert_eq!(keys(|c| c.cluster = servers()), ["admission.token"]);
        assert_eq!(keys(|c| c.replicas = Count(6)), ["replicas"]);
        assert_eq!(keys(|c| c.cluster_name = Some("x".to_owned())), ["cluster_name"]);
        let named = |name: &str| {
            keys(|c| {
                (c.cluster, c.cluster_name) = (servers(), Some(name.to_owned()));
                c.admission.token = Some(crate::config::Token::new("correct-horse-battery-staple"));
            })
        };
        assert!(named("relays.example.org").is_empty());
        for wrong in ["", "two words", "a/b", &"x".repeat(101)] {
            assert_eq!(named(wrong), ["cluster_name"], "{wrong}");
        }
        assert_eq!(keys(|c| c.meeting.listen = Door("0.0.0.0:1".parse().ok())), ["meeting.url"]);
        assert_eq!(keys(|c| c.meeting.url = Some("https://x".to_owned())), ["meeting.listen"]);
        assert_eq!(keys(|c| c.meeting.tls.certificate = Some("x".into())), ["meeting.tls.key"]);
        assert_eq!(keys(|c| c.log.filter = "=nonsense=".to_owned()), ["log.filter"]);
        assert_eq!(keys(|c| c.traces.endpoint = Some("collector".to_owned())), ["traces.endpoint"]);
        assert_eq!(keys(|c| c.addresses = List(vec!["0.0.0.0:4479".parse().expect("an address")])), ["addresses"]);
    }
}
