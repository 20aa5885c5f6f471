//! What is counted and measured: every name once, with what it means.
//!
//! The names are what operators build their alarms on, so they are documented, by test, and not changed lightly. None of
//! them tells whose space or which person: a relay's numbers are about the relay.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The bounds of the buckets that times are sorted into, in seconds.
const TIMES: [f64; 14] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// What kind of a number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the relay is started again.
    Counter,
    /// It says how things stand.
    Gauge,
    /// Many values, sorted into buckets.
    Histogram,
}

/// One name.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// As it is scraped.
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// What it says.
    pub meaning: &'static str,
}

/// Something that is counted.
#[derive(Debug)]
pub struct Counter {
    exported: metrics::Counter,
    value: AtomicU64,
}

impl Counter {
    fn new(name: &'static str, meaning: &'static str) -> Self {
        metrics::describe_counter!(name, meaning);
        Self { exported: metrics::counter!(name), value: AtomicU64::new(0) }
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.exported.increment(more);
        self.value.fetch_add(more, Ordering::Relaxed);
    }

    /// It was counted elsewhere, and stands at this.
    pub fn stands_at(&self, value: u64) {
        self.exported.absolute(value);
        self.value.store(value, Ordering::Relaxed);
    }

    /// How many it is.
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

/// Something that goes up and down.
#[derive(Debug)]
pub struct Gauge {
    exported: metrics::Gauge,
    value: AtomicU64,
}

impl Gauge {
    fn new(name: &'static str, meaning: &'static str) -> Self {
        metrics::describe_gauge!(name, meaning);
        Self { exported: metrics::gauge!(name), value: AtomicU64::new(0) }
    }

    /// It stands at this.
    pub fn set(&self, value: u64) {
        #[allow(clippy::cast_precision_loss)] // a scraped number is a float; 2^53 bytes are far away
        self.exported.set(value as f64);
        self.value.store(value, Ordering::Relaxed);
    }

    /// Where it stands.
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

/// Times that are measured.
#[derive(Debug)]
pub struct Times(metrics::Histogram);

impl Times {
    fn new(name: &'static str, meaning: &'static str) -> Self {
        metrics::describe_histogram!(name, metrics::Unit::Seconds, meaning);
        Self(metrics::histogram!(name))
    }

    /// It took so long.
    pub fn took(&self, time: std::time::Duration) {
        self.0.record(time.as_secs_f64());
    }
}

macro_rules! kind {
    (Counter) => {
        Kind::Counter
    };
    (Gauge) => {
        Kind::Gauge
    };
    (Times) => {
        Kind::Histogram
    };
}

macro_rules! meters {
    ($($field:ident: $kind:ident = $name:literal, $meaning:literal;)*) => {
        /// Everything that is counted and measured.
        #[derive(Debug)]
        pub struct Meters {
            $(#[doc = $meaning] pub $field: $kind,)*
            exported: PrometheusHandle,
        }

        /// Every name there is.
        pub const METRICS: &[Metric] = &[$(Metric { name: $name, kind: kind!($kind), meaning: $meaning },)*];

        impl Meters {
            /// Everything at zero. Each has numbers of its own, and nothing is global.
            pub fn new() -> Self {
                let builder = PrometheusBuilder::new();
                // Refused only when there are no bounds.
                let builder = builder.set_buckets(&TIMES).unwrap_or_else(|_| PrometheusBuilder::new());
                let recorder = builder.build_recorder();
                metrics::with_local_recorder(&recorder, || Self {
                    $($field: $kind::new($name, $meaning),)*
                    exported: recorder.handle(),
                })
            }
        }
    };
}

meters! {
    ready: Gauge = "sheaf_relay_ready", "1 while the relay takes in and serves, 0 while it starts, drains, lacks disk, cannot write, or reaches no NATS server of its cluster.";
    connections: Gauge = "sheaf_relay_connections", "Devices that are connected.";
    connections_opened: Counter = "sheaf_relay_connections_opened_total", "Connections of devices since the start.";
    connections_refused: Counter = "sheaf_relay_connections_refused_total", "Connections turned away because there was no room, or too many were under way.";
    faults: Counter = "sheaf_relay_faults_total", "Frames that broke the protocol: too large, malformed, cut short, of another version.";
    rules_broken: Counter = "sheaf_relay_rules_broken_total", "Connections closed because what was inside the frames broke the rules of synchronisation.";
    too_fast: Counter = "sheaf_relay_too_fast_total", "Frames, presence and entries beyond the limits of speed.";
    frames_in: Counter = "sheaf_relay_frames_in_total", "Frames that came in.";
    frames_out: Counter = "sheaf_relay_frames_out_total", "Frames that went out.";
    bytes_in: Counter = "sheaf_relay_bytes_in_total", "Bytes of frames that came in.";
    bytes_out: Counter = "sheaf_relay_bytes_out_total", "Bytes of frames that went out.";
    entries_stored: Counter = "sheaf_relay_entries_stored_total", "Entries that became durable here.";
    store_failures: Counter = "sheaf_relay_store_failures_total", "Times that what was sent could not be written to the disk; it is not acknowledged, and comes again.";
    entries_refused: Counter = "sheaf_relay_entries_refused_total", "Entries that were not taken, for whatever reason.";
    over_quota: Counter = "sheaf_relay_over_quota_total", "Entries and blobs not taken because a quota is used up.";
    presence: Counter = "sheaf_relay_presence_total", "Presence that was passed on.";
    hosted: Counter = "sheaf_relay_hosted_total", "Spaces taken in since the start.";
    not_hosted: Counter = "sheaf_relay_not_hosted_total", "Spaces that admission refused.";
    spaces: Gauge = "sheaf_relay_spaces", "Spaces that are kept.";
    spaces_open: Gauge = "sheaf_relay_spaces_open", "Spaces that somebody is connected for.";
    disk_used: Gauge = "sheaf_relay_disk_used_bytes", "Bytes of all files in the data folder.";
    disk_free: Gauge = "sheaf_relay_disk_free_bytes", "Bytes left on the data folder's disk.";
    pruned: Counter = "sheaf_relay_pruned_bytes_total", "Bytes of entries deleted because an endorsed checkpoint stands for them.";
    meeting: Gauge = "sheaf_relay_meeting_connections", "Devices at the meeting point.";
    meeting_refused: Counter = "sheaf_relay_meeting_refused_total", "Connections turned away at the meeting point.";
    cluster: Gauge = "sheaf_relay_cluster_there", "1 while the relay reaches the NATS servers of its cluster, 0 while they are away, or when it is in none.";
    streams_away: Gauge = "sheaf_relay_cluster_streams_away", "Streams of the cluster, and its object store, that do not take what is published; those of the servers that are away too.";
    cluster_relays: Gauge = "sheaf_relay_cluster_relays", "Other relays of the cluster that were heard within the last hour.";
    cluster_waiting: Gauge = "sheaf_relay_cluster_waiting_entries", "Entries that are durable here, and wait to be durable in the cluster before they are acknowledged.";
    cluster_published: Counter = "sheaf_relay_cluster_published_total", "Entries that the cluster has taken from this relay.";
    cluster_received: Counter = "sheaf_relay_cluster_received_total", "Entries that came from the cluster and were news.";
    cluster_refused: Counter = "sheaf_relay_cluster_refused_total", "Entries that came from the cluster and were not taken: no entry, forged, or by someone who might not write them.";
    cluster_over_quota: Counter = "sheaf_relay_cluster_over_quota_total", "Entries and blobs that another relay of the cluster has let in, taken here although a quota is used up.";
    publishing: Times = "sheaf_relay_cluster_publishing_seconds", "From an entry's being durable here to its being durable in the cluster.";
    letting_in: Times = "sheaf_relay_letting_in_seconds", "From a delivery of entries to their having been passed on.";
    storing: Times = "sheaf_relay_storing_seconds", "From a delivery of entries to its being durable.";
}

impl Default for Meters {
    fn default() -> Self {
        Self::new()
    }
}

impl Meters {
    /// Everything, as Prometheus reads it.
    pub fn scrape(&self) -> String {
        self.exported.run_upkeep();
        self.exported.render()
    }

    /// Takes over what the network has counted.
    pub fn network(&self, counts: &sheaf_net::Counts) {
        self.connections_refused.stands_at(counts.refused_connections + counts.refused_handshakes);
        self.faults.stands_at(counts.too_large + counts.malformed + counts.truncated + counts.other_version);
        self.frames_in.stands_at(counts.frames_in);
        self.frames_out.stands_at(counts.frames_out);
    }
}

/// The table of the operators' page, in Markdown.
pub fn table() -> String {
    let row = |metric: &Metric| {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        format!("| `{}` | {kind} | {} |\n", metric.name, metric.meaning)
    };
    let head = "| name | kind | what it says |\n| --- | --- | --- |\n";
    std::iter::once(head.to_owned()).chain(METRICS.iter().map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_name_is_scraped_and_nothing_else() {
        let meters = Meters::new();
        meters.publishing.took(std::time::Duration::from_millis(1));
        meters.storing.took(std::time::Duration::from_millis(3));
        meters.entries_stored.add(7);
        meters.disk_free.set(42);
        let scraped = meters.scrape();
        let mut names: Vec<&str> = scraped
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .filter_map(|line| line.split(' ').next())
            .collect();
        let mut documented: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        documented.sort_unstable();
        assert_eq!(names, documented);
        assert!(scraped.contains("sheaf_relay_entries_stored_total 7\n"), "{scraped}");
        assert!(scraped.contains("sheaf_relay_disk_free_bytes 42\n"), "{scraped}");
        assert!(scraped.contains("sheaf_relay_storing_seconds_bucket{le=\"0.005\"} 1\n"), "{scraped}");
        assert_eq!(meters.entries_stored.get(), 7);
    }

    #[test]
    fn two_relays_in_one_process_count_apart() {
        let (one, other) = (Meters::new(), Meters::new());
        one.hosted.add(1);
        assert!(other.scrape().contains("sheaf_relay_hosted_total 0\n"));
    }

    #[test]
    fn the_operators_page_has_this_very_table() {
        crate::documented::check("metrics", &table());
    }
}
