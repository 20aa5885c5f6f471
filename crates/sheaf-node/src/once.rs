//! `sync --once`: call everyone, exchange what is new, and say how it went.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sheaf_access::{DeviceId, SpaceId};
use tokio::time::{Instant, sleep_until};

use crate::core::{Core, locked, now};
use crate::devices::LAST_WORDS;
use crate::error::NodeError;
use crate::network::{Network, Reach};
use crate::relays::by_cluster;
use crate::space::Space;
use crate::view::SyncReport;

/// How long others on this network get to be found, when nobody's address is known.
const FINDING: Duration = Duration::from_secs(3);

/// Waits until everyone who can be reached is in step, or the deadline has come. `over_before` is what was over before the
/// network was there to say so. Answers as well whether there is anybody this person goes on with.
pub async fn sync_once(
    core: &Arc<Core>,
    network: &Network,
    discovery: bool,
    deadline: Duration,
    over_before: &BTreeSet<SpaceId>,
) -> Result<(SyncReport, bool), NodeError> {
    let start = Instant::now();
    let end = start + deadline;
    // Before anything is looked at: what is said after that is a reason to look again.
    let mut events = core.subscribe();
    let mut reach = network.reach.clone();
    // Being in step is no more than holding the same entries: a checkpoint among them is fetched after that, and whoever only
    // ever calls for a moment would never get it.
    let mut fetching = core.fetcher.load();
    // With discovery, a device whose address is not known may still be found.
    let finding = if discovery && !wanted(core, &done(core)).is_empty() { start + FINDING } else { start };
    let mut heard = None;
    let began = now();
    let settled = loop {
        let over = over(core);
        if over.len() > over_before.len() {
            heard.get_or_insert_with(Instant::now);
        }
        let last_words = heard.map(|heard| heard + LAST_WORDS);
        let settled = {
            let reach = reach.borrow_and_update();
            let taken = |space: &SpaceId| core.space(*space).is_none_or(|space| core.is_taken(&space, &reach));
            let unheard = |space: &SpaceId| !over_before.contains(space) && !taken(space);
            let listening = last_words.is_some_and(|end| Instant::now() < end) && over.iter().any(unheard);
            let fetched = *fetching.borrow_and_update() == 0;
            // A device that was removed waits for its network to end.
            let waits = listening || !fetched || core.device_was_removed();
            !waits && settled(core, &reach, &done(core), Instant::now() >= finding)
        };
        if settled || Instant::now() >= end {
            break settled;
        }
        let soon = [Some(finding), last_words].into_iter().flatten().filter(|at| *at > Instant::now()).min();
        // Whichever it is, it is only a reason to look again; but a network that has ended brings nothing more.
        tokio::select! {
            changed = reach.changed() => if changed.is_err() { break true },
            _ = events.recv() => {}
            changed = fetching.changed() => if changed.is_err() { break true },
            () = sleep_until(soon.unwrap_or(end).min(end)) => {}
        }
    };
    let reach = reach.borrow();
    let with_somebody = reach.devices.values().any(|standing| standing.in_step(&done(core)));
    Ok((report(core, &reach, settled, start, began), with_somebody))
}

/// Whether there is nothing more to wait for. `done`: the spaces where nothing will come or go.
fn settled(core: &Core, reach: &Reach, done: &BTreeSet<SpaceId>, found: bool) -> bool {
    let wanted = wanted(core, done);
    let met = |device: &DeviceId| {
        reach.devices.get(device).is_some_and(|standing| standing.in_step(done) && !joining(core, *device))
    };
    let failed =
        |device: &DeviceId| reach.devices.get(device).is_some_and(|standing| standing.failed && !standing.connected);
    let all_met = wanted.iter().all(met);
    let can_be_called = |device: &DeviceId| !core.addresses_of(*device).is_empty() || joining(core, *device);
    let known_settled =
        wanted.iter().filter(|device| can_be_called(device)).all(|device| met(device) || failed(device));
    let others_settled = reach.devices.values().all(|s| !s.connected || s.shared(done).all(|synced| synced));
    // Each relay is to have everything. Of a cluster one is enough; the next is called only when the one before it has failed.
    let relays_settled = core.spaces().iter().filter(|space| !done.contains(&space.id)).all(|space| {
        by_cluster(space.relays())
            .iter()
            .all(|relays| relays.iter().any(|relay| met(&relay.key)) || relays.iter().all(|relay| failed(&relay.key)))
    });
    others_settled && relays_settled && (all_met || (known_settled && found))
}

/// The spaces that somebody has removed this person from: nobody has anything for them there any more.
pub fn over(core: &Core) -> BTreeSet<SpaceId> {
    let Ok(me) = core.me() else { return BTreeSet::new() };
    let is_over = |space: &Arc<Space>| space.lock().removed.as_ref().is_some_and(|removed| removed.by != me.person());
    core.spaces().iter().filter(|space| is_over(space)).map(|space| space.id).collect()
}

/// The spaces in which there is nothing to wait for: those that are over, and those that this person has left and somebody
/// knows it.
fn done(core: &Core) -> BTreeSet<SpaceId> {
    let mut done = over(core);
    done.extend(core.left_for_good());
    done
}

/// Every device of every space's members, and those whose invitations are being redeemed.
fn wanted(core: &Core, done: &BTreeSet<SpaceId>) -> Vec<DeviceId> {
    let mut devices: Vec<DeviceId> = core
        .spaces()
        .iter()
        .filter(|space| !done.contains(&space.id))
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

fn report(core: &Core, reach: &Reach, settled: bool, start: Instant, began: u64) -> SyncReport {
    let done = done(core);
    let in_step = reach.devices.iter().filter(|(_, standing)| standing.in_step(&done)).map(|(device, _)| *device);
    // Whoever has heard that this person left, or has said that they were removed, shares nothing with them any more, and was
    // reached all the same; so was who has gone again by now.
    let met = reach.met.iter().filter(|(_, at)| **at >= start.into_std()).map(|(device, _)| *device);
    let reached: BTreeSet<DeviceId> = in_step.chain(met).chain(core.took_since(began)).collect();
    let receipts = locked(&core.receipts);
    SyncReport {
        unreachable: wanted(core, &done)
            .iter()
            .filter(|device| !reached.contains(device))
            .map(ToString::to_string)
            .collect(),
        reached: reached.iter().map(ToString::to_string).collect(),
        received: reach.received,
        confirmed: core.spaces().iter().map(|space| receipts.confirmed(space.id)).sum(),
        removed: Vec::new(),
        settled,
    }
}
