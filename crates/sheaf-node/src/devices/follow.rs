//! Writing what the plan says, whenever something has changed that it goes by.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use sheaf_access::{
    AccessHistory, AccessOp, ContentKey, DeviceId, DeviceRevocation, EpochId, LogId, SpaceId, Verdict, WriteError,
};
use sheaf_document::belongings;

use super::belongings::listed;
use super::plan::{Known, Proof, Seen, Step, plan};
use crate::core::{Core, locked, now};
use crate::document::Task;
use crate::error::NodeError;
use crate::identity::Identity;
use crate::network::Input;
use crate::space::Space;
use crate::unopened::Opened;
use crate::view::NodeEvent;
use crate::writer::Work;

/// One thing written may be a reason for the next; more rounds than this have no reason.
const ROUNDS: usize = 8;
/// How long a device waits before it writes what any of them may write, so that mostly one does: a random part of it.
const JITTER: Duration = Duration::from_millis(800);
/// How often the task looks whether its node is still there.
const ALIVE: Duration = Duration::from_secs(30);

/// Starts the task that follows; it ends with the node.
pub fn begin(core: &Arc<Core>) {
    let (node, wake) = (Arc::downgrade(core), Arc::clone(&core.devices.wake));
    tokio::spawn(async move {
        loop {
            // Running into the limit is only a reason to look whether anyone is left.
            let woken = tokio::time::timeout(ALIVE, wake.notified()).await.is_ok();
            if Weak::strong_count(&node) == 0 {
                return;
            }
            if woken {
                tokio::time::sleep(JITTER.mul_f64(rand::random::<f64>()) + JITTER / 4).await;
                let Some(core) = node.upgrade() else { return };
                core.follow_if_due().await;
            }
        }
    });
}

impl Core {
    /// Writes what is to be written, if something has changed since the last time.
    pub async fn follow_if_due(self: &Arc<Self>) {
        if self.devices.due.swap(false, Ordering::Relaxed)
            && let Err(error) = self.follow().await
        {
            tracing::warn!(%error, "what the person's devices share is not up to date");
        }
    }

    /// The same for the last time: nothing is written afterwards.
    pub async fn follow_no_more(self: &Arc<Self>) {
        self.follow_if_due().await;
        *self.devices.following.lock().await = true;
    }

    /// Brings all of the person's devices into all of the person's spaces, as far as this one knows of them.
    pub async fn follow(self: &Arc<Self>) -> Result<(), NodeError> {
        let ended = self.devices.following.lock().await;
        if *ended || self.me().is_err() || self.device_was_removed() {
            return Ok(());
        }
        self.choose_private().await?;
        for _ in 0..ROUNDS {
            let known = self.known().await?;
            if let Some(revocation) = own_revocation(&known) {
                self.learn_removal(revocation);
                return Ok(());
            }
            let steps = plan(&known);
            if steps.is_empty() {
                break;
            }
            let mut done = 0;
            for step in steps {
                match self.carry_out(&step).await {
                    Ok(()) => done += 1,
                    // The others are not held up by one that cannot be done now.
                    Err(error) => tracing::warn!(%error, ?step, "this could not be written for the person's devices"),
                }
            }
            if done == 0 {
                break;
            }
        }
        self.follow_verified().await?;
        self.follow_profile().await
    }

    /// All that this device knows of the person's devices and spaces.
    async fn known(self: &Arc<Self>) -> Result<Known, NodeError> {
        let me = self.me()?;
        let certificate = me.keys.certificate;
        let own = Proof { certificate, consent: certificate.consent(&me.keys.device) };
        let listed = self.with_belongings(|task| Ok(listed(task))).await?;
        let spaces: BTreeMap<SpaceId, Option<Seen>> =
            self.spaces().iter().map(|space| (space.id, seen(space, &me))).collect();
        let claimed = locked(&self.devices.claimed).values().copied().collect();
        Ok(Known { person: me.person(), own, listed, claimed, spaces })
    }

    async fn carry_out(self: &Arc<Self>, step: &Step) -> Result<(), NodeError> {
        match *step {
            Step::ListSpace(space) => {
                self.mark_joined(space).await?;
            }
            Step::ListDevice(proof) => {
                let id = proof.certificate.device;
                let bytes = postcard::to_allocvec(&proof).map_err(|error| NodeError::BadInput(error.to_string()))?;
                let this = id == self.me()?.keys.device.id();
                let write = move |task: &mut Task| {
                    let text = id.to_string();
                    let known = belongings::Belongings::of(task.document()).devices();
                    task.change(|doc, slot| belongings::put_device(doc, slot, &text, &bytes, now().cast_signed()))?;
                    // A name that it was given on another device stands.
                    if this && known.iter().all(|device| device.id != text || device.name.is_empty()) {
                        let name = super::default_name();
                        task.change(|doc, slot| belongings::set_device_name(doc, slot, &text, &name))?;
                    }
                    Ok(())
                };
                self.with_belongings(write).await?;
                self.say(NodeEvent::Devices);
            }
            Step::ListRevocation(revocation) => self.list_revocation(revocation).await?,
            Step::Fetch(space) => {
                self.fetch(space)?;
            }
            Step::AddSelf(space) => {
                self.write_device_step(space, |history, me, keys| {
                    let (device, certificate) = (me.keys.device.id(), me.keys.certificate);
                    let consent = certificate.consent(&me.keys.device);
                    // Mostly it has no keys to give itself: whoever reads gives them (E2).
                    AccessOp::add_device(history.now(), &device, certificate, consent, keys, &mut rand::rng())
                })
                .await?;
            }
            Step::Add(space, proof) => {
                self.write_device_step(space, move |history, me, keys| {
                    let (by, certificate) = (me.keys.device.id(), proof.certificate);
                    AccessOp::add_device(history.now(), &by, certificate, proof.consent, keys, &mut rand::rng())
                })
                .await?;
            }
            Step::Remove(space, revocation) => {
                let watermarks = self.logs_of(space, revocation.device)?;
                self.write_device_step(space, move |history, me, keys| {
                    let by = me.keys.device.id();
                    AccessOp::remove_device(history, &by, revocation, watermarks, keys, &mut rand::rng())
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Writes an access operation that is made from what this device holds of a space.
    async fn write_device_step(
        self: &Arc<Self>,
        id: SpaceId,
        make: impl FnOnce(&AccessHistory, &Identity, &[(EpochId, ContentKey)]) -> Result<AccessOp, WriteError>
        + Send
        + 'static,
    ) -> Result<(), NodeError> {
        let core = Arc::clone(self);
        let write = move || {
            let me = core.me()?;
            let Some(space) = core.space(id) else { return Ok(()) };
            {
                let mut state = space.lock();
                let Some(history) = &state.access else { return Ok(()) };
                let keys: Vec<_> = state.keys.iter().map(|(epoch, key)| (*epoch, key.clone())).collect();
                let op = make(history, &me, &keys).map_err(|error| NodeError::Role(format!("{error}.")))?;
                let before = state.before_hearing(&me);
                let entry = state.write_access(space.id, &me, &op, now())?;
                // A rotation made a key; it is in a wrap for this device too.
                state.take_keys(&me);
                state.heard(&me, before);
                core.write(Work::new(&space, entry, None));
            }
            core.flush()?;
            core.access_changed(&space);
            Ok(())
        };
        tokio::task::spawn_blocking(write).await.map_err(|_| NodeError::Closing)?
    }

    /// How far each log of a device is held here.
    fn logs_of(&self, space: SpaceId, device: DeviceId) -> Result<Vec<(LogId, u64)>, NodeError> {
        let frontier = self.store.frontier(space)?;
        Ok(frontier.iter().filter(|(log, _)| log.device == device).map(|(log, seq)| (*log, seq)).collect())
    }

    /// Holds a space of which nothing is here: it comes from whoever has it.
    pub fn fetch(&self, id: SpaceId) -> Result<Arc<Space>, NodeError> {
        self.recall(id)?;
        if let Some(space) = self.space(id) {
            return Ok(space);
        }
        let me = self.me()?;
        let space = Space::new(id, self.new_state(id, &me)?, Opened::default());
        self.add_space(&space)?;
        self.tell_network(Input::Members { space: id });
        Ok(space)
    }

    /// Two devices that had not met have a private space each: the one with the lower id is the private one from now on, on
    /// all devices; the other stays as a space like any other.
    async fn choose_private(self: &Arc<Self>) -> Result<(), NodeError> {
        let other = *locked(&self.devices.other_private);
        let (Some(other), Some(own)) = (other, self.own_private()) else { return Ok(()) };
        if other >= own.id {
            *locked(&self.devices.other_private) = None;
            return Ok(());
        }
        // Not before it can be read and written here.
        let (Some(other), me) = (self.space(other), self.me()?) else { return Ok(()) };
        let Some(access) = other.access() else { return Ok(()) };
        let keys = access.writable_epoch().is_some_and(|epoch| other.lock().keys.contains_key(&epoch));
        if access.role_of(&me.keys.device.id()).is_none() || access.members().len() != 1 || !keys {
            return Ok(());
        }
        let read = |task: &mut Task| {
            let belongings = belongings::Belongings::of(task.document());
            Ok((belongings.verified(), belongings.spaces()))
        };
        let (verified, spaces) = self.with_belongings_of(&own, read).await?;
        self.with_belongings_of(&other, move |task| {
            for (person, is) in &verified {
                task.change(|doc, slot| belongings::set_verified(doc, slot, person, *is))?;
            }
            for space in &spaces {
                task.change(|doc, slot| belongings::put_space(doc, slot, &space.id, space.added))?;
                if space.left {
                    task.change(|doc, slot| belongings::set_left(doc, slot, &space.id))?;
                }
            }
            Ok(())
        })
        .await?;
        self.choose_first_space(other.id)?;
        *locked(&self.devices.other_private) = None;
        self.say(NodeEvent::Spaces);
        Ok(())
    }

    /// Takes over what the person is called, if another of their devices has changed it; or writes it down.
    async fn follow_profile(self: &Arc<Self>) -> Result<(), NodeError> {
        let read = |task: &mut Task| Ok(belongings::Belongings::of(task.document()).profile());
        let Some(profile) = self.with_belongings(read).await? else { return Ok(()) };
        let me = self.me()?;
        let Some((name, colour)) = profile else {
            // A device that is just coming back may learn what its person is called.
            return if self.devices.is_looking() || me.nameless { Ok(()) } else { self.share_profile().await };
        };
        if (name.as_str(), colour) == (me.name.as_str(), me.colour) {
            return Ok(());
        }
        let identity = me.renamed(&name, colour)?;
        let core = Arc::clone(self);
        tokio::task::spawn_blocking(move || core.set_me(identity)).await.map_err(|_| NodeError::Closing)??;
        for space in self.spaces() {
            match self.introduce(&space).await {
                Ok(()) | Err(NodeError::Role(_)) => {}
                Err(error) => tracing::warn!(%error, space = %space.id, "the name is not written down"),
            }
        }
        self.say(NodeEvent::Spaces);
        Ok(())
    }
}

/// What the plan goes by, of one space.
fn seen(space: &Space, me: &Identity) -> Option<Seen> {
    let state = space.lock();
    let history = state.access.as_ref()?;
    let (access, person) = (history.now(), me.person());
    let mut seen = Seen {
        member: access.member(&person).is_some(),
        devices: access.member(&person).map(|member| member.devices.keys().copied().collect()).unwrap_or_default(),
        removed: access.removed_devices_of(&person).collect(),
        ..Seen::default()
    };
    for entry in history.entries().filter(|entry| access.verdict(&entry.hash) == Some(Verdict::Counts)) {
        match &entry.operation {
            AccessOp::AddDevice { certificate, consent, .. } if certificate.person == person => {
                seen.proofs.push(Proof { certificate: *certificate, consent: *consent });
            }
            AccessOp::RemoveDevice { revocation, .. } if revocation.person == person => {
                seen.revocations.push(*revocation);
            }
            _ => {}
        }
    }
    Some(seen)
}

fn own_revocation(known: &Known) -> Option<DeviceRevocation> {
    let this = known.own.certificate.device;
    let listed = known.listed.iter().filter_map(|listed| listed.revoked.get(&this));
    let seen = known.spaces.values().flatten().flat_map(|seen| &seen.revocations);
    listed.chain(seen).find(|end| end.device == this && end.person == known.person).copied()
}
