//! What the person's devices share, in a document of the private space.

use std::collections::BTreeMap;
use std::sync::Arc;

use sheaf_access::{DeviceId, PersonId, SpaceId};
use sheaf_document::{Genesis, belongings};
use sheaf_log::belongings_document;

use super::plan::{Listed, Proof};
use crate::core::{Core, now};
use crate::document::Task;
use crate::error::NodeError;
use crate::space::Space;
use crate::view::NodeEvent;

/// A device on the list, for show.
pub struct Belonging {
    /// What the person calls it; empty if nothing.
    pub name: String,
    /// When it was added, in milliseconds since 1970.
    pub added: u64,
    /// Whether it was removed.
    pub removed: bool,
}

/// What this machine is called, for a device that was given no name.
pub fn default_name() -> String {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let name: String = name.chars().filter(|c| !c.is_control()).take(sheaf_access::pairing::MAX_DEVICE_NAME).collect();
    let name = name.trim().trim_end_matches(".local").to_owned();
    if name.is_empty() { "A device".to_owned() } else { name }
}

impl Core {
    /// The private space, if it is this person's alone and this device can write in it.
    pub fn own_private(&self) -> Option<Arc<Space>> {
        let me = self.me().ok()?;
        let space = self.first_space()?;
        let access = space.access()?;
        access.role_of(&me.keys.device.id())?;
        // Were someone else in it, they could write here what only this person may say.
        let alone = access.members().len() == 1;
        let keys = access.writable_epoch().is_some_and(|epoch| space.lock().keys.contains_key(&epoch));
        (alone && keys).then_some(space)
    }

    /// The private space as far as it came here: a device that was removed reads what it has of it.
    fn last_private(&self) -> Option<Arc<Space>> {
        let me = self.me().ok()?;
        let space = self.first_space()?;
        let access = space.access()?;
        let alone = access.members().len() == 1 && access.member(&me.person()).is_some();
        alone.then_some(space)
    }

    /// Reads or changes what the devices share; nothing while the private space cannot be read.
    pub async fn with_belongings<R: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Task) -> Result<R, NodeError> + Send + 'static,
    ) -> Result<Option<R>, NodeError> {
        match self.own_private() {
            Some(space) => self.with_belongings_of(&space, work).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn with_belongings_of<R: Send + 'static>(
        self: &Arc<Self>,
        space: &Arc<Space>,
        work: impl FnOnce(&mut Task) -> Result<R, NodeError> + Send + 'static,
    ) -> Result<R, NodeError> {
        self.with_document(space, belongings_document(&space.id), Genesis::Belongings, work).await
    }

    /// The devices on the list, for show.
    pub async fn listed_devices(self: &Arc<Self>) -> Result<BTreeMap<String, Belonging>, NodeError> {
        let read = |task: &mut Task| {
            let belongings = belongings::Belongings::of(task.document());
            let revoked: Vec<String> = belongings.revocations().into_iter().map(|(id, _)| id).collect();
            let devices = belongings.devices().into_iter().map(|device| {
                let removed = revoked.contains(&device.id);
                let belonging = Belonging { name: device.name, added: device.added.max(0).cast_unsigned(), removed };
                (device.id, belonging)
            });
            Ok(devices.collect())
        };
        match self.last_private() {
            Some(space) => self.with_belongings_of(&space, read).await,
            None => Ok(BTreeMap::new()),
        }
    }

    /// Calls a device something.
    pub async fn name_device(self: &Arc<Self>, device: DeviceId, name: &str) -> Result<bool, NodeError> {
        let (id, name) = (device.to_string(), name.to_owned());
        let named = move |task: &mut Task| task.change(|doc, slot| belongings::set_device_name(doc, slot, &id, &name));
        Ok(self.with_belongings(named).await?.is_some())
    }

    /// Writes the person's name and colour down for their other devices.
    pub async fn share_profile(self: &Arc<Self>) -> Result<(), NodeError> {
        let me = self.me()?;
        let (name, colour) = (me.name.clone(), me.colour);
        let write = move |task: &mut Task| task.change(|doc, slot| belongings::set_profile(doc, slot, &name, colour));
        self.with_belongings(write).await.map(drop)
    }

    /// Marks a space as left, for all of the person's devices: none of them fetches it again by itself.
    pub async fn mark_left(self: &Arc<Self>, space: SpaceId) -> Result<(), NodeError> {
        let id = space.to_string();
        let mark = move |task: &mut Task| task.change(|doc, slot| belongings::set_left(doc, slot, &id));
        self.with_belongings(mark).await.map(drop)
    }

    /// Puts a space back on the list, after it was left and joined again.
    pub async fn mark_joined(self: &Arc<Self>, space: SpaceId) -> Result<(), NodeError> {
        let id = space.to_string();
        let mark =
            move |task: &mut Task| task.change(|doc, slot| belongings::put_space(doc, slot, &id, now().cast_signed()));
        self.with_belongings(mark).await.map(drop)
    }

    /// Writes down for the other devices whether a person's words were the same.
    pub async fn share_verified(self: &Arc<Self>, person: PersonId, verified: bool) -> Result<(), NodeError> {
        let person = person.to_string();
        let write =
            move |task: &mut Task| task.change(|doc, slot| belongings::set_verified(doc, slot, &person, verified));
        self.with_belongings(write).await.map(drop)
    }

    /// Takes over whom the person has verified on another device, and writes down whom they have verified on this one.
    pub(super) async fn follow_verified(self: &Arc<Self>) -> Result<(), NodeError> {
        let read = |task: &mut Task| Ok(belongings::Belongings::of(task.document()).verified());
        let Some(said) = self.with_belongings(read).await? else { return Ok(()) };
        let said: BTreeMap<PersonId, bool> =
            said.into_iter().filter_map(|(person, is)| Some((person.parse().ok()?, is))).collect();
        let here = self.verified_here()?;
        for (person, is) in &said {
            if here.contains(person) != *is {
                self.set_verified(person, *is)?;
                self.say(NodeEvent::Spaces);
            }
        }
        for person in here.into_iter().filter(|person| !said.contains_key(person)) {
            self.share_verified(person, true).await?;
        }
        Ok(())
    }
}

/// What of the document the plan goes by. What does not prove itself is left out: the document is this person's, but a
/// device that was stolen could write into it until it was removed.
pub(super) fn listed(task: &Task) -> Listed {
    let belongings = belongings::Belongings::of(task.document());
    let spaces = belongings.spaces().into_iter().filter_map(|space| Some((space.id.parse().ok()?, space.left)));
    let devices = belongings.devices().into_iter().filter_map(|device| {
        let proof: Proof = postcard::from_bytes(&device.proof).ok()?;
        let id: DeviceId = device.id.parse().ok()?;
        (proof.certificate.device == id && proof.holds()).then_some((id, proof))
    });
    let revoked = belongings.revocations().into_iter().filter_map(|(id, bytes)| {
        let revocation: sheaf_access::DeviceRevocation = postcard::from_bytes(&bytes).ok()?;
        let id: DeviceId = id.parse().ok()?;
        (revocation.device == id && revocation.verify().is_ok()).then_some((id, revocation))
    });
    Listed { spaces: spaces.collect(), devices: devices.collect(), revoked: revoked.collect() }
}
