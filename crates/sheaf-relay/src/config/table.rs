//! The settings in a table: what each is called, what it means, whether a running relay takes over a change.

use serde_json::Value;

use super::{Config, load::variable};

/// One setting, as it is documented.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name in a file, with dots between tables.
    pub key: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Something else it may be set to, as it stands in a file.
    pub example: &'static str,
    /// Whether SIGHUP is enough to change it.
    pub reload: bool,
}

const fn setting(key: &'static str, example: &'static str, reload: bool, meaning: &'static str) -> Setting {
    Setting { key, meaning, example, reload }
}

/// Every setting there is, in the order of the operators' page.
pub const SETTINGS: &[Setting] = &[
    setting(
        "data",
        "\"/var/lib/sheaf-relay\"",
        false,
        "The folder everything is kept in. One relay at a time uses it.",
    ),
    setting("listen", "\"[::]:4479\"", false, "Where devices connect: an address and a UDP port."),
    setting(
        "name",
        "\"relay.example.org\"",
        true,
        "The name devices find it by, with another port than that of `listen` where people need one (`relay.example.org:443`). It stands in the link and is looked up at every call, so that the address behind it may change.",
    ),
    setting(
        "addresses",
        "[\"203.0.113.5:4479\"]",
        true,
        "What the link says besides the addresses the relay finds itself: behind a router, the outside ones.",
    ),
    setting(
        "http",
        "\"off\"",
        false,
        "Where health, metrics and the status page are served, by plain HTTP. It is for the operator: keep it on loopback, or behind a proxy.",
    ),
    setting("drain", "\"30 s\"", true, "How long a stop waits for what is under way."),
    setting(
        "cluster",
        "[\"nats://10.0.0.1:4222\", \"nats://10.0.0.2:4222\"]",
        false,
        "The NATS servers, with JetStream, through which several relays are one: `nats://` or `tls://`, with `user:password@` where they want that. None: the relay is alone.",
    ),
    setting(
        "cluster_name",
        "\"relays.example.org\"",
        true,
        "What the relays of a cluster are called together, the same at each of them, and nowhere else: a name you own. It stands in the link. Devices then keep to one of them at a time; without it they keep to each.",
    ),
    setting(
        "replicas",
        "1",
        false,
        "On how many NATS servers an entry is kept before it is acknowledged. A single server that is no cluster keeps one.",
    ),
    setting(
        "follow",
        "\"demanded\"",
        false,
        "Which spaces of its cluster the relay keeps: `all`; or `demanded`, which are those that somebody has asked it for, and its share of all, so that two relays at least keep each. The same for all relays.",
    ),
    setting(
        "admission.mode",
        "\"open\"",
        true,
        "Whose spaces are taken in: `open` (anyone's), `token` (of whoever has the link, which carries the token), `list` (of the persons and the spaces listed).",
    ),
    setting(
        "admission.token",
        "\"correct-horse-battery-staple\"",
        true,
        "The token. None: one is made at the first start and kept in the data folder.",
    ),
    setting(
        "admission.persons",
        "[\"<a person's id>\"]",
        true,
        "With `list`: spaces these persons ask for. `sheaf whoami` prints an id.",
    ),
    setting("admission.spaces", "[\"<a space's id>\"]", true, "With `list`: these spaces, whoever asks."),
    setting("quotas.space_bytes", "\"10 GiB\"", true, "Bytes of entries kept of one space."),
    setting("quotas.space_entries", "\"unlimited\"", true, "Entries kept of one space."),
    setting("quotas.person_bytes", "\"10 GiB\"", true, "Bytes of entries by one person, over all spaces."),
    setting("quotas.person_entries", "\"unlimited\"", true, "Entries by one person, over all spaces."),
    setting(
        "quotas.space_blobs",
        "\"10 GiB\"",
        true,
        "Bytes of checkpoints' blobs kept of one space. A checkpoint that would pass it is not kept, and nothing is pruned under it.",
    ),
    setting(
        "quotas.person_blobs",
        "\"10 GiB\"",
        true,
        "Bytes of blobs of the checkpoints that one person wrote, over all spaces. The same holds beyond it.",
    ),
    setting(
        "quotas.disk_reserve",
        "\"2 GiB\"",
        true,
        "What stays free on the disk: below it no more words are taken in, and everything held is served. Changes of who may do what, and checkpoints, may use three quarters of it.",
    ),
    setting("limits.connections", "2000", false, "Connections of devices, in all."),
    setting("limits.connections_per_address", "32", false, "Connections from one IP address."),
    setting("limits.strangers", "64", false, "Connections of devices that nothing is hosted for yet."),
    setting("limits.frames_per_second", "100", true, "Frames a second on one connection, in the long run."),
    setting(
        "limits.bytes_per_second",
        "\"2 MiB\"",
        true,
        "Bytes of entries a second by one device's key, in the long run. Other frames are limited by their number alone.",
    ),
    setting(
        "limits.entries_per_second",
        "100",
        true,
        "Entries a second by one device's key, in the long run, whatever connection brings them.",
    ),
    setting(
        "limits.presence_per_second",
        "10",
        true,
        "Presence (carets) a second on one connection; what is beyond is dropped.",
    ),
    setting("limits.burst", "\"30 s\"", true, "How many seconds' worth of these may come at once."),
    setting(
        "limits.queue_bytes",
        "\"8 MiB\"",
        false,
        "What may wait in memory to be sent on one connection. A slower reader is served from the disk.",
    ),
    setting(
        "retention.prune_after",
        "\"30 days\"",
        true,
        "How long entries stay that an endorsed checkpoint stands for: a week at least. `never`: always.",
    ),
    setting("retention.sweep", "\"1 h\"", true, "How often the relay looks for what can be pruned."),
    setting(
        "retention.abandoned_after",
        "\"365 days\"",
        true,
        "After how long a space is removed that no device of a member has come for: 30 days at least. `never`: it stays.",
    ),
    setting(
        "meeting.listen",
        "\"0.0.0.0:443\"",
        false,
        "Where devices meet that cannot reach each other (an iroh-relay): an address and a TCP port. It passes on what it cannot read.",
    ),
    setting(
        "meeting.url",
        "\"https://relay.example.org\"",
        true,
        "Under which URL the meeting point is reached. It stands in the link.",
    ),
    setting("meeting.connections", "1000", true, "Connections to the meeting point, in all."),
    setting("meeting.connections_per_address", "16", true, "Connections to the meeting point from one IP address."),
    setting(
        "meeting.accepts_per_second",
        "2",
        true,
        "New connections a second to the meeting point from one IP address, in the long run.",
    ),
    setting(
        "meeting.bytes_per_second",
        "\"512 KiB\"",
        true,
        "Bytes a second a device may send through the meeting point.",
    ),
    setting(
        "meeting.tls.certificate",
        "\"/etc/ssl/relay.pem\"",
        false,
        "A PEM file with the certificate and its chain. It is read again when it changes. Neither this nor ACME: plain HTTP, for a LAN.",
    ),
    setting("meeting.tls.key", "\"/etc/ssl/relay.key\"", false, "A PEM file with the certificate's key."),
    setting(
        "meeting.tls.acme_domains",
        "[\"relay.example.org\"]",
        false,
        "Names to get a certificate for by ACME. Port 443 of each must lead to `meeting.listen`.",
    ),
    setting(
        "meeting.tls.acme_contact",
        "\"mailto:admin@example.org\"",
        false,
        "Whom the certificate authority may write to.",
    ),
    setting(
        "meeting.tls.acme_directory",
        "\"https://acme.example.org/directory\"",
        false,
        "Another authority's ACME directory than Let's Encrypt's.",
    ),
    setting("log.format", "\"json\"", false, "The form of the log: `text`, or `json` with one object a line."),
    setting("log.filter", "\"warn,sheaf_relay=debug\"", true, "What is logged: a level, or levels by module."),
    setting(
        "traces.endpoint",
        "\"http://127.0.0.1:4318/v1/traces\"",
        false,
        "Where OpenTelemetry traces are sent, by OTLP over HTTP. None: nowhere.",
    ),
];

/// The value of a setting.
fn value<'v>(config: &'v Value, key: &str) -> &'v Value {
    key.split('.').fold(config, |value, name| &value[name])
}

/// A value as one writes it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// What a configuration is as JSON. Structs of texts have nothing in them that JSON could not say.
fn json(config: &Config) -> Value {
    serde_json::to_value(config).unwrap_or_default()
}

/// The settings of a kind in which two configurations differ, as far as their values are shown.
pub(super) fn differing(one: &Config, other: &Config, kind: impl Fn(&Setting) -> bool) -> Vec<&'static str> {
    let (a, b) = (json(one), json(other));
    let differs = |setting: &&Setting| value(&a, setting.key) != value(&b, setting.key);
    SETTINGS.iter().filter(|setting| kind(setting)).filter(differs).map(|setting| setting.key).collect()
}

/// The known setting that looks most like this one, if any does.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    let near = SETTINGS.iter().map(|setting| (distance(setting.key, key), setting.key)).min()?;
    (near.0 <= 1 + key.len() / 5).then_some(near.1)
}

/// How many letters have to be changed, put in or taken out.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(80).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

/// The table of the operators' page, in Markdown.
pub fn table() -> String {
    let defaults = json(&Config::default());
    let row = |setting: &Setting| {
        let default = match setting.key {
            "data" => "`sheaf-relay` in the user's data folder".to_owned(),
            key => format!("`{}`", shown(value(&defaults, key))),
        };
        let reloads = if setting.reload { "yes" } else { "no" };
        let Setting { key, meaning, .. } = setting;
        format!("| `{key}` | {default} | `{}` | {reloads} | {meaning} |\n", variable(key))
    };
    let head = "| setting | default | in the environment | reloads | what it is |\n| --- | --- | --- | --- | --- |\n";
    std::iter::once(head.to_owned()).chain(SETTINGS.iter().map(row)).collect()
}

/// What is in force, one setting a line.
pub fn in_force(config: &Config) -> String {
    let config = json(config);
    let width = SETTINGS.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
    let line = |setting: &Setting| format!("{:width$}  {}\n", setting.key, shown(value(&config, setting.key)));
    SETTINGS.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{Flags, load};

    fn leaves(value: &Value, above: &str, found: &mut BTreeSet<String>) {
        let Value::Object(fields) = value else {
            found.insert(above.to_owned());
            return;
        };
        for (name, value) in fields {
            leaves(value, &if above.is_empty() { name.clone() } else { format!("{above}.{name}") }, found);
        }
    }

    #[test]
    fn every_setting_is_in_the_table_and_nothing_else() {
        let mut there = BTreeSet::new();
        leaves(&json(&Config::default()), "", &mut there);
        let documented: BTreeSet<String> = SETTINGS.iter().map(|setting| setting.key.to_owned()).collect();
        assert_eq!(there, documented);
        assert_eq!(documented.len(), SETTINGS.len(), "one is there twice");
    }

    /// The defaults with one setting changed, and what that one cannot do without.
    fn with(setting: &Setting) -> Config {
        let id = sheaf_access::PersonId::from_bytes([7; 32]).to_string();
        let example = setting.example.replace("<a person's id>", &id).replace("<a space's id>", &id);
        let besides: &[(&str, &str)] = match setting.key {
            "cluster_name" => {
                &[("cluster", "['nats://10.0.0.1:4222']"), ("admission.token", "'correct-horse-battery-staple'")]
            }
            "cluster" => &[("admission.token", "'correct-horse-battery-staple'")],
            "admission.persons" | "admission.spaces" => &[("admission.mode", "'list'")],
            "meeting.listen" => &[("meeting.url", "'http://relay.example.org'")],
            "meeting.url" => &[("meeting.listen", "'0.0.0.0:443'")],
            "meeting.tls.certificate" => &[("meeting.tls.key", "'x'")],
            "meeting.tls.key" => &[("meeting.tls.certificate", "'x'")],
            "meeting.tls.acme_contact" | "meeting.tls.acme_directory" => {
                &[("meeting.tls.acme_domains", "['x.example']")]
            }
            _ => &[],
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("relay.toml");
        let mut lines: Vec<String> = besides.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        lines.push(format!("{} = {example}\n", setting.key));
        std::fs::write(&path, lines.join("\n")).expect("a file in it");
        load(Some(&path), [], &Flags::default()).unwrap_or_else(|problems| panic!("{}: {problems}", setting.key))
    }

    #[test]
    fn every_example_is_sound_and_changes_what_it_names() {
        for setting in SETTINGS.iter().filter(|setting| setting.key != "admission.token") {
            let (before, after) = (json(&Config::default()), json(&with(setting)));
            assert_ne!(value(&before, setting.key), value(&after, setting.key), "{}", setting.key);
        }
    }

    #[test]
    fn a_reload_takes_over_what_the_table_says() {
        let running = Config::default();
        for setting in SETTINGS {
            let next = with(setting);
            let (taken, refused) = running.after_reload(next.clone());
            if setting.reload {
                assert_eq!(value(&json(&taken), setting.key), value(&json(&next), setting.key), "{}", setting.key);
                assert!(!refused.contains(&setting.key), "{}", setting.key);
            } else {
                assert_eq!(value(&json(&taken), setting.key), value(&json(&running), setting.key), "{}", setting.key);
                assert!(refused.contains(&setting.key), "{}", setting.key);
            }
        }
    }

    #[test]
    fn the_operators_page_has_this_very_table() {
        crate::documented::check("settings", &table());
    }

    #[test]
    fn a_slip_of_the_pen_is_known() {
        assert_eq!(nearest("quota.space_bytes"), Some("quotas.space_bytes"));
        assert_eq!(nearest("something.else.altogether"), None);
    }
}
