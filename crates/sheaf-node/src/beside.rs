//! What goes beside the entries: carets and addresses, sealed under the epoch and signed (N4).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use sheaf_access::{DeviceId, SpaceId};
use sheaf_document::session::RemoteCaret;

use crate::core::{Core, Place, locked, now};
use crate::document::Message;
use crate::network::Beside;
use crate::refusals::Refused;
use crate::view::{NodeEvent, Present};

/// The last counter used: the clock in milliseconds, and one more when that has been used already.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// How many addresses of another device are remembered.
const ADDRESSES: usize = 16;

impl Core {
    /// Seals a message for the members of a space; nothing if there is no key to seal it with.
    pub fn seal_beside(&self, space: SpaceId, beside: &Beside) -> Option<Vec<u8>> {
        let me = self.me().ok()?;
        let content = postcard::to_allocvec(beside).ok()?;
        let held = self.space(space)?;
        let state = held.lock();
        let epoch = state.access.as_ref()?.now().writable_epoch()?;
        let key = state.keys.get(&epoch)?;
        let next = |last: u64| Some(now().max(last + 1));
        let counter = COUNTER.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok().and_then(next)?;
        let sealed = sheaf_log::seal_presence((space, epoch, key), counter, &content, &rand::random(), &me.keys.device);
        sealed.inspect_err(|error| tracing::debug!(%error, "presence is not sent")).ok()
    }

    /// Takes in a message from a connected device. Answers the device's addresses, if it told some.
    pub fn hear(&self, from: DeviceId, bytes: &[u8]) -> Option<Vec<SocketAddr>> {
        let presence = match sheaf_log::Presence::verify(bytes) {
            Ok(presence) => presence,
            Err(error) => {
                self.refused(from, &Refused::presence(&error.to_string()));
                return None;
            }
        };
        let space = self.space(presence.space)?;
        let (person, key) = {
            let state = space.lock();
            let access = state.access.as_ref()?.now();
            // Whose devices were removed is still known, and they are heard no more.
            access.role_of(&presence.device)?;
            let person = access.person_of(&presence.device)?;
            (person, state.keys.get(&presence.epoch)?.clone())
        };
        let content = presence.open(&key).ok()?;
        if !locked(&self.heard).accept(&presence) {
            return None;
        }
        match postcard::from_bytes(&content).ok()? {
            Beside::Caret(word) => {
                let place = (presence.space, word.document);
                if locked(&self.presence).hear(presence.space, presence.device, person, word, now()) {
                    self.presence_changed(place);
                }
                None
            }
            Beside::Addresses(mut addresses) if presence.device == from => {
                addresses.truncate(ADDRESSES);
                self.put_addresses(from, &addresses);
                Some(addresses)
            }
            Beside::Addresses(_) => None,
        }
    }

    /// A device is no longer connected.
    pub fn left(&self, device: DeviceId) {
        let changed = locked(&self.presence).leave(device);
        for document in changed {
            self.presence_changed(document);
        }
        self.placement_changed(device);
    }

    /// Forgets whoever has not been heard of.
    pub fn expire_presence(&self) {
        let changed = locked(&self.presence).expire(now());
        for document in changed {
            self.presence_changed(document);
        }
    }

    /// Tells a document's windows who is there.
    pub fn presence_changed(&self, place: Place) {
        let (mut carets, mut people) = (Vec::new(), Vec::<Present>::new());
        for (id, heard) in locked(&self.presence).of(place) {
            let word = &heard.word;
            carets.push(RemoteCaret {
                id,
                name: word.name.clone(),
                colour: word.colour,
                anchor: word.anchor.clone(),
                head: word.head.clone(),
            });
            let present = Present { person: heard.person.to_string(), name: word.name.clone(), colour: word.colour };
            if !people.contains(&present) {
                people.push(present);
            }
        }
        self.tell_document(place, Message::Carets(carets));
        self.say(NodeEvent::Present { document: place.1.to_string(), people });
    }

    /// How the connection with a device stands has changed.
    pub fn placement_changed(&self, device: DeviceId) {
        for space in self.shared_with(device) {
            self.say(NodeEvent::Placement { space: space.to_string() });
        }
    }

    /// The spaces of which a device is a member's, or a named relay, and this one a member's too, or is about to be.
    pub fn shared_with(&self, device: DeviceId) -> Vec<SpaceId> {
        let Ok(me) = self.me() else { return Vec::new() };
        let shares = |space: &crate::space::Space| {
            let here = |access: &sheaf_access::AccessState| {
                let former =
                    access.role_of(&me.keys.device.id()).is_none() && access.was_removed_by(&me.person()).is_some();
                !former && (access.role_of(&device).is_some() || access.relay(&device).is_some())
            };
            space.access().is_some_and(|access| here(&access))
        };
        self.spaces().iter().filter(|space| shares(space)).map(|space| space.id).collect()
    }

    /// Whether two devices are one person's, as far as any space here says whose they are.
    pub fn are_of_one_person(&self, one: DeviceId, other: DeviceId) -> bool {
        let say = |access: &sheaf_access::AccessState| {
            access.person_of(&one).is_some_and(|person| access.person_of(&other) == Some(person))
        };
        self.spaces().iter().any(|space| space.access().is_some_and(|access| say(&access)))
    }

    /// Whether a device is a member's, or that of someone whose invitation is being redeemed.
    pub fn is_known(&self, device: DeviceId) -> bool {
        let inviter =
            |space: &crate::space::Space| space.lock().joining.as_ref().is_some_and(|link| link.device == device);
        let lost = || self.spaces().iter().any(|space| space.access().is_none());
        let met = || !self.addresses_of(device).is_empty();
        let looking = self.devices.is_looking();
        looking
            || !self.shared_with(device).is_empty()
            || (lost() && met())
            || self.spaces().iter().any(|space| inviter(space))
            || !self.kept_at(device).is_empty()
    }

    /// The other devices of a space, and where they can be called.
    pub fn devices_of(&self, space: SpaceId) -> Vec<(DeviceId, Vec<SocketAddr>)> {
        let (Some(space), Ok(me)) = (self.space(space), self.me()) else { return Vec::new() };
        let own = me.keys.device.id();
        // Of a space that is still to come, or to come back, everyone who may have it is asked.
        let Some(access) = space.access() else { return self.peers() };
        let devices = access.members().flat_map(|member| member.devices.keys().copied());
        devices.filter(|device| *device != own).map(|device| (device, self.addresses_of(device))).collect()
    }
}
