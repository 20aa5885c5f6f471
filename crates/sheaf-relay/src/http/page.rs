//! The status page: one table, made anew for every request.

use std::fmt::Write as _;
use std::time::Instant;

use crate::board::{Board, Rates};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c1c1a; --dim: #5e5d58; --paper: #fbfaf7; --line: #dddbd3 }
@media (prefers-color-scheme: dark) { :root { --ink: #ecebe6; --dim: #a3a199; --paper: #1b1b1a; --line: #3a3937 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.25rem } h2 { font-size: 1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem 0; border-bottom: 1px solid var(--line) }
th { font-weight: normal; color: var(--dim) } td { text-align: right; font-variant-numeric: tabular-nums }
p { color: var(--dim) }
";

/// A number of bytes, for reading.
fn size(bytes: u64) -> String {
    let units = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((unit, factor)) = units.into_iter().find(|(_, factor)| bytes >= *factor) else {
        return format!("{bytes} B");
    };
    // One place after the point: enough to see it move.
    let tenths = bytes % factor * 10 / factor;
    format!("{}.{tenths} {unit}", bytes / factor)
}

fn table(rows: &[(&str, String)]) -> String {
    let mut text = String::from("<table>");
    for (what, value) in rows {
        // Writing into a string does not fail, and nothing in it comes from outside.
        let _ = write!(text, "<tr><th scope=\"row\">{what}</th><td>{value}</td></tr>");
    }
    text + "</table>"
}

/// The page.
pub(super) fn page(board: &Board, now: Instant) -> String {
    let meters = board.meters();
    let Rates { seconds, entries, bytes_in, bytes_out } = board.rates(now);
    let state = table(&[
        ("State", board.readiness().to_string()),
        ("Running for", age(board.age(now).as_secs())),
        ("Connected devices", meters.connections.get().to_string()),
        ("Spaces kept", meters.spaces.get().to_string()),
        ("Spaces somebody is connected for", meters.spaces_open.get().to_string()),
        ("Entries waiting for the cluster", meters.cluster_waiting.get().to_string()),
        ("Devices at the meeting point", meters.meeting.get().to_string()),
    ]);
    let rates = table(&[
        ("Entries stored a second", entries.to_string()),
        ("In, a second", size(bytes_in)),
        ("Out, a second", size(bytes_out)),
    ]);
    let disk = table(&[("Used by the relay", size(meters.disk_used.get())), ("Free", size(meters.disk_free.get()))]);
    let refused = table(&[
        ("Connections turned away", meters.connections_refused.get().to_string()),
        ("Frames that broke the protocol", meters.faults.get().to_string()),
        ("Too fast", meters.too_fast.get().to_string()),
        ("Over a quota", meters.over_quota.get().to_string()),
        ("Spaces not taken in", meters.not_hosted.get().to_string()),
    ]);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"refresh\" content=\"10\"><title>Sheaf relay</title><style>{STYLE}</style>\
         <h1>Sheaf relay {}</h1>{state}<h2>In the last {seconds} s</h2>{rates}<h2>Disk</h2>{disk}\
         <h2>Refused since the start</h2>{refused}\
         <p>A relay cannot read what it keeps. This page has no names and no content, because there are none here.</p></html>",
        env!("CARGO_PKG_VERSION")
    )
}

fn age(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} days {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_reading() {
        for (bytes, text) in
            [(0, "0 B"), (1_023, "1023 B"), (5 << 20, "5.0 MiB"), ((3 << 30) / 2, "1.5 GiB"), (7 << 40, "7.0 TiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn ages_are_for_reading() {
        assert_eq!(age(59), "0 min");
        assert_eq!(age(3_600 * 26), "1 days 2 h");
    }
}
