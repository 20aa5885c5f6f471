//! Upkeep: what is done for a space in the background, without anyone asking.
//!
//! A reader who lacks a key is given it (E2), a key that somebody handed out wrongly is changed (E4), and an invitation that
//! is over is closed (I3). Any of several devices could do it, so each waits a random moment first and then looks again:
//! nearly always, one does it and the others have heard. Nothing is done by a device that is not in step with another one,
//! for it may be about to hear that it was done, or that somebody joined.
//!
//! Only this device can make its own words again that build on what does not count, so it does that at once.
//!
//! What to do is decided in `decide`; here it is done. (Where two removals have left no key to write under (E3), whoever
//! wants to write changes it at once: see [`Core::make_writable`].)

mod decide;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use sheaf_access::{AccessOp, AccessState, EpochId, PersonId, Role, SpaceId, UnwrapError};
use tokio::sync::Notify;
use tokio::time::Instant;

pub use self::decide::GRACE;
use self::decide::{Chore, Decision, Situation, decide};
use crate::core::{Core, locked, now};
use crate::error::NodeError;
use crate::people::not_made;
use crate::space::Space;
use crate::view::NodeEvent;

/// The shortest and the longest time before something is done, in milliseconds.
const JITTER: std::ops::Range<u64> = 300..2_500;
/// How long to wait when there is nothing to wait for.
const IDLE: Duration = Duration::from_hours(1);

/// Which spaces have changed since they were last looked at.
#[derive(Default)]
pub struct Upkeep {
    changed: Mutex<BTreeSet<SpaceId>>,
    news: Arc<Notify>,
}

impl Upkeep {
    /// Something in a space has changed that may need something done.
    pub fn touch(&self, space: SpaceId) {
        locked(&self.changed).insert(space);
        self.news.notify_one();
    }

    fn take(&self) -> BTreeSet<SpaceId> {
        std::mem::take(&mut *locked(&self.changed))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        // The task finds that the node is gone, and ends.
        self.news.notify_one();
    }
}

/// What the task remembers of a space.
#[derive(Default)]
struct Watched {
    /// This person's role when it was last looked at.
    role: Option<Role>,
    /// The keys that did not open, which have been reported.
    reported: BTreeSet<EpochId>,
}

/// Looks after a node's spaces until the node is gone. Expired invitations are left open for so long.
pub async fn run(core: Weak<Core>, grace: Duration) {
    let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    let Some(news) = core.upgrade().map(|core| Arc::clone(&core.upkeep.news)) else { return };
    let mut watched: BTreeMap<SpaceId, Watched> = BTreeMap::new();
    let mut due: BTreeMap<SpaceId, Instant> = BTreeMap::new();
    loop {
        let next = {
            let Some(core) = core.upgrade() else { return };
            for id in core.upkeep.take() {
                let Some(space) = core.space(id) else { continue };
                tell_role(&core, &space, watched.entry(id).or_default()).await;
                core.make_own_again(&space).await;
                let at = Instant::now() + Duration::from_millis(rand::random_range(JITTER));
                due.entry(id).and_modify(|due| *due = (*due).min(at)).or_insert(at);
            }
            let time = Instant::now();
            let ready: Vec<SpaceId> = due.iter().filter(|(_, at)| **at <= time).map(|(id, _)| *id).collect();
            for id in ready {
                due.remove(&id);
                let Some(space) = core.space(id) else { continue };
                if let Some(at) = look_after(&core, &space, watched.entry(id).or_default(), grace).await {
                    due.insert(id, at);
                }
            }
            due.values().min().copied().unwrap_or(time + IDLE)
        };
        // Nothing of the node is held while this waits. Running into the time limit is one of the ways to go on.
        let _ = tokio::time::timeout_at(next, news.notified()).await;
    }
}

/// Says so when this person has been removed; and what they are called, once they may write it down.
async fn tell_role(core: &Arc<Core>, space: &Arc<Space>, watched: &mut Watched) {
    let (Ok(me), Some(access)) = (core.me(), space.access()) else { return };
    let role = access.role_of(&me.keys.device.id());
    let before = std::mem::replace(&mut watched.role, role);
    let may_write_now = before.is_some_and(|before| before < Role::Editor) && role >= Some(Role::Editor);
    // Whoever may not write says it in another way, once, also if that was not known when they came.
    let says_it_sealed = before.is_none() && role.is_some_and(|role| role < Role::Editor);
    if (may_write_now || says_it_sealed)
        && let Err(error) = core.introduce(space).await
    {
        tracing::warn!(%error, space = %space.id, "the name is not written down");
    }
    if before.is_none() || role.is_some() {
        return;
    }
    let (by, late) = {
        let state = space.lock();
        let removal = access.was_removed_by(&me.person());
        let entry = removal.and_then(|hash| state.access.as_ref()?.get(&hash));
        let late = entry.is_some_and(|entry| matches!(entry.operation, AccessOp::Close { .. }));
        (entry.and_then(|entry| access.person_of(&entry.log.device)), late)
    };
    if by == Some(me.person()) {
        // Whoever leaves knows.
        return;
    }
    let by = match by {
        Some(person) => called(core, space, &person).await,
        None => String::new(),
    };
    core.say(NodeEvent::Removed { space: space.id.to_string(), by, late });
}

/// What someone calls themselves in a space; empty while that is not known.
async fn called(core: &Arc<Core>, space: &Arc<Space>, person: &PersonId) -> String {
    let people = core.people(space).await.unwrap_or_default();
    people.get(&person.to_string()).map(|(name, _)| name.clone()).unwrap_or_default()
}

/// Looks at a space, and does the most urgent thing. Answers when to look again.
async fn look_after(core: &Arc<Core>, space: &Arc<Space>, watched: &mut Watched, grace: u64) -> Option<Instant> {
    if !in_step(core, space.id) {
        // It is touched when it is.
        return None;
    }
    let me = core.me().ok()?;
    let access = space.access()?;
    let broken = broken_keys(space, &access, me.keys.device.sealing_secret());
    for epoch in &broken {
        if watched.reported.insert(*epoch) {
            report(core, space, &access, epoch).await;
        }
    }
    let time = now();
    // When it is heard of again, the space is touched.
    let relay_told = space.relays().first().is_none_or(|relay| {
        core.network().is_some_and(|network| {
            let reach = network.reach.borrow();
            reach.devices.get(&relay.key).is_some_and(|s| s.connected && s.synced.get(&space.id) == Some(&true))
        })
    });
    let Decision { chore, again } = {
        let state = space.lock();
        let known = |epoch: &EpochId| state.keys.contains_key(epoch);
        let device = me.keys.device.id();
        decide(&Situation { access: &access, device, known: &known, broken: &broken, relay_told, now: time, grace })
    };
    if let Some(chore) = chore {
        let (node, held) = (Arc::clone(core), Arc::clone(space));
        let done = tokio::task::spawn_blocking(move || carry_out(&node, &held, chore)).await;
        match done {
            // It has touched the space, and what else there is to do comes next.
            Ok(Ok(())) => tracing::info!(space = %space.id, ?chore, "looked after"),
            Ok(Err(error)) => tracing::warn!(space = %space.id, ?chore, %error, "not looked after"),
            Err(error) => tracing::error!(space = %space.id, ?chore, %error, "looking after broke off"),
        }
    }
    again.map(|at| Instant::now() + Duration::from_millis(at.saturating_sub(time)).min(IDLE))
}

/// Whether this device has heard all that another one had to say of a space.
fn in_step(core: &Core, space: SpaceId) -> bool {
    let Some(network) = core.network() else { return false };
    let reach = network.reach.borrow();
    reach.devices.values().any(|device| device.connected && device.synced.get(&space) == Some(&true))
}

/// The epochs whose key was handed to this device, and does not open or is another one (E4).
fn broken_keys(space: &Space, access: &AccessState, secret: &sheaf_access::SealingSecret) -> Vec<EpochId> {
    let unknown: Vec<EpochId> = {
        let state = space.lock();
        access.epochs().map(|(id, _)| *id).filter(|id| !state.keys.contains_key(id)).collect()
    };
    let broken = |epoch: &EpochId| {
        matches!(access.content_key(epoch, secret), Err(UnwrapError::Damaged | UnwrapError::WrongKey))
    };
    unknown.into_iter().filter(broken).collect()
}

/// Names whoever handed out a key that does not open.
async fn report(core: &Arc<Core>, space: &Arc<Space>, access: &AccessState, epoch: &EpochId) {
    let device = {
        let state = space.lock();
        let entry = sheaf_access::EntryHash::from_bytes(*epoch.as_bytes());
        state.access.as_ref().and_then(|history| history.get(&entry).map(|entry| entry.log.device))
    };
    let by = access.epoch(epoch).and_then(|epoch| epoch.by);
    let name = match &by {
        Some(person) => called(core, space, person).await,
        None => String::new(),
    };
    tracing::warn!(space = %space.id, ?epoch, ?by, "a key that was handed to this device does not open (E4)");
    let who = if name.is_empty() { "Someone".to_owned() } else { name };
    core.say(NodeEvent::Quarantined {
        space: space.id.to_string(),
        device: device.map(|device| device.to_string()).unwrap_or_default(),
        reason: format!("{who} changed the key of this space and gave this device one that does not open."),
    });
}

fn carry_out(node: &Core, space: &Arc<Space>, chore: Chore) -> Result<(), NodeError> {
    match chore {
        Chore::Close(invitation) => node.close_invitation(space, invitation),
        Chore::Rotate => node.administer(space, |making| {
            let access = making.access();
            AccessOp::rotate(access, &making.me.keys.device.id(), making.keys, &mut rand::rng())
                .map_err(|error| not_made(access, &making.me.person(), &error))
        }),
        // Nothing is written if somebody else has done it since it was decided.
        Chore::Rewrap => node.administer_if(space, |making| {
            let access = making.access();
            AccessOp::rewrap(access, &making.me.keys.device.id(), making.keys, &mut rand::rng())
                .map_err(|error| not_made(access, &making.me.person(), &error))
        }),
    }
}
