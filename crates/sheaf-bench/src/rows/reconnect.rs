//! Two who meet again, and nothing has changed: how often something goes back and forth, and how much.
//!
//! Counted at the machines that decide what is sent, with nothing between them; what the connection itself takes to be
//! opened and encrypted is not in it.

use std::time::Instant;

use anyhow::{Result, ensure};
use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_sync::{Action, Config, Event, Frontier, Machine, Nonce};

use super::count;
use crate::figures::Figures;
use crate::report::Row;

/// How many documents there are in all.
const DOCUMENTS: usize = 10_000;
/// How many bytes each may say.
const BYTES: usize = 1024;

pub fn rows() -> Result<Vec<Row>> {
    [1, 100].into_iter().map(row).collect()
}

fn row(spaces: usize) -> Result<Row> {
    let ids: Vec<SpaceId> = (0..spaces).map(|n| SpaceId::from_bytes(name(n))).collect();
    let mut machines = [Machine::new(Config::default()), Machine::new(Config::default())];
    for id in &ids {
        for machine in &mut machines {
            machine.handle(Event::SpaceAdded { space: *id, frontier: frontier(DOCUMENTS / spaces) }, 0);
        }
    }
    let start = Instant::now();
    let mut waiting: Vec<(usize, Event<u8>)> = [1, 0]
        .map(|peer| Event::Connected { peer, nonce: Nonce::from_bytes([7; 32]), shares: ids.clone() })
        .into_iter()
        .enumerate()
        .collect();
    let (mut trips, mut bytes, mut synced) = (0, [0; 2], 0);
    while !waiting.is_empty() {
        let mut sent = Vec::new();
        for (who, event) in waiting {
            for action in machines[who].handle(event, 0) {
                match action {
                    Action::Send { frame, .. } => {
                        let frame = frame.encode();
                        bytes[who] += frame.len();
                        sent.push((1 - who, Event::Frame { peer: who as u8, bytes: frame }));
                    }
                    Action::Synced { .. } => synced += 1,
                    _ => {}
                }
            }
        }
        trips += usize::from(!sent.is_empty());
        waiting = sent;
    }
    let took = start.elapsed();
    ensure!(synced == 2 * spaces, "only {synced} of {} spaces are in step", 2 * spaces);
    let (most, name) = (bytes[0].max(bytes[1]), if spaces == 1 { "reconnect-1" } else { "reconnect-100" });
    let spaces = if spaces == 1 { "one space".to_owned() } else { format!("{spaces} spaces") };
    let what = format!("meeting again, {} documents in {spaces}, nothing changed", count(DOCUMENTS));
    Ok(Row::new(name, what, Figures::of(&[took]))
        .budget("1 round trip, < 1 KiB each way", trips <= 1 && most < BYTES)
        .note(format!("{trips} round trip, {most} bytes each way; the time is both sides' together")))
}

/// An entry or so for each document, of three devices.
fn frontier(documents: usize) -> Frontier {
    let mut frontier = Frontier::new();
    for device in 0..3 {
        let log = LogId { device: DeviceId::from_bytes(name(device)), nonce: 1 };
        frontier.advance(log, (documents / 3).max(1) as u64);
    }
    frontier
}

fn name(number: usize) -> [u8; 32] {
    let mut name = [1; 32];
    name[..8].copy_from_slice(&(number as u64).to_le_bytes());
    name
}
