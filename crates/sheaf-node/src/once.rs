//! `sync --once`: call everyone, exchange what is new, and say how it went.

use std::sync::Arc;
use std::time::Duration;

use sheaf_access::DeviceId;
use tokio::time::{Instant, timeout_at};

use crate::core::{Core, locked};
use crate::error::NodeError;
use crate::network::{Network, Reach};
use crate::view::SyncReport;

/// How long others on this network get to be found, when nobody's address is known.
const FINDING: Duration = Duration::from_secs(3);

/// Waits until everyone who can be reached is in step, or the deadline has come.
pub async fn sync_once(
    core: &Arc<Core>,
    network: &Network,
    discovery: bool,
    deadline: Duration,
) -> Result<SyncReport, NodeError> {
    let start = Instant::now();
    let end = start + deadline;
    let wanted = wanted(core);
    let known: Vec<DeviceId> = wanted
        .iter()
        .copied()
        .filter(|device| !core.addresses_of(*device).is_empty() || joining(core, *device))
        .collect();
    let mut reach = network.reach.clone();
    // With discovery, a device whose address is not known may still be found.
    let finding = if discovery && !wanted.is_empty() { start + FINDING } else { start };
    loop {
        let settled = {
            let reach = reach.borrow_and_update();
            let met =
                |device: &DeviceId| reach.devices.get(device).is_some_and(|s| s.in_step() && !joining(core, *device));
            let failed = |device: &DeviceId| {
                reach.devices.get(device).is_some_and(|standing| standing.failed && !standing.connected)
            };
            let all_met = wanted.iter().all(met);
            let known_settled = known.iter().all(|device| met(device) || failed(device));
            let others_settled = reach.devices.values().all(|s| !s.connected || s.synced.is_empty() || s.in_step());
            // One relay of each space is enough; the next is called only when the one before it has failed.
            let relays_settled = core.spaces().iter().all(|space| {
                let relays = space.relays();
                relays.iter().any(|relay| met(&relay.key)) || relays.iter().all(|relay| failed(&relay.key))
            });
            others_settled && relays_settled && (all_met || (known_settled && Instant::now() >= finding))
        };
        if settled || Instant::now() >= end {
            break;
        }
        let next = if Instant::now() < finding { finding.min(end) } else { end };
        // Running into the time limit is one of the ways to go on.
        if let Ok(Err(_)) = timeout_at(next, reach.changed()).await {
            break;
        }
    }
    Ok(report(core, &reach.borrow(), &wanted))
}

/// Every device of every space's members, and those whose invitations are being redeemed.
fn wanted(core: &Core) -> Vec<DeviceId> {
    let mut devices: Vec<DeviceId> = core
        .spaces()
        .iter()
        .flat_map(|space| {
            let inviter = space.lock().joining.as_ref().map(|link| link.device);
            core.devices_of(space.id).into_iter().map(|(device, _)| device).chain(inviter)
        })
        .collect();
    devices.sort_unstable();
    devices.dedup();
    devices
}

fn joining(core: &Core, device: DeviceId) -> bool {
    core.spaces().iter().any(|space| space.lock().joining.as_ref().is_some_and(|link| link.device == device))
}

fn report(core: &Core, reach: &Reach, wanted: &[DeviceId]) -> SyncReport {
    let reached: Vec<DeviceId> =
        reach.devices.iter().filter(|(_, standing)| standing.in_step()).map(|(device, _)| *device).collect();
    let receipts = locked(&core.receipts);
    SyncReport {
        unreachable: wanted.iter().filter(|device| !reached.contains(device)).map(ToString::to_string).collect(),
        reached: reached.iter().map(ToString::to_string).collect(),
        received: reach.received,
        confirmed: core.spaces().iter().map(|space| receipts.confirmed(space.id)).sum(),
    }
}
