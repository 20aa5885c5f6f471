//! The person's devices: listing, naming, pairing and removing them, and coming back on a new machine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sheaf_access::pairing::{MAX_DEVICE_NAME, PairingCode as Code, ParsePairingError};
use sheaf_access::{DeviceId, DeviceKeys, DeviceRevocation, InvitationLink, PersonKey};
use tokio::time::{Instant, timeout_at};

use super::find::{find, shown};
use super::{Node, PRIVATE, blocking};
use crate::devices::default_name;
use crate::error::NodeError;
use crate::identity::Identity;
use crate::keeping::SecretText;
use crate::network::Input;
use crate::view::{DeviceInfo, Me, NodeEvent, PairingCode, PairingPeer, Recovered};

/// How long the device that shows a code may take to be found and to answer.
const LOOK: Duration = Duration::from_secs(25);
/// How long the new device may take to write its certificate down.
const CONFIRM: Duration = Duration::from_secs(35);
/// How long others on the network get to answer a device that looks for its person's spaces.
const FINDING: Duration = Duration::from_secs(20);
/// How long what they say of the person gets to be read.
const NAMED: Duration = Duration::from_secs(5);
/// How long the spaces that were named get to arrive.
const ARRIVING: Duration = Duration::from_secs(20);

impl Node {
    /// The person's devices: this one first, then as they were added; those that were removed last.
    pub async fn devices(&self) -> Result<Vec<DeviceInfo>, NodeError> {
        let me = self.core.me()?;
        let this = me.keys.device.id().to_string();
        let listed = self.core.listed_devices().await?;
        let mut devices: BTreeMap<String, DeviceInfo> = listed
            .into_iter()
            .map(|(id, device)| {
                let (name, added, removed) = (device.name, device.added, device.removed);
                (id.clone(), DeviceInfo { this: id == this, id, name, added, removed })
            })
            .collect();
        let mut add = |id: DeviceId, added: u64, removed: bool| {
            let id = id.to_string();
            let unlisted = DeviceInfo { this: id == this, id: id.clone(), name: String::new(), added, removed };
            devices.entry(id).or_insert(unlisted).removed |= removed;
        };
        // What is not on the list, or not yet: what the spaces show.
        for space in self.core.spaces() {
            let Some(access) = space.access() else { continue };
            let member = access.member(&me.person());
            for device in member.iter().flat_map(|member| member.devices.keys()) {
                add(*device, member.map_or(0, |member| member.since), false);
            }
            for device in access.removed_devices_of(&me.person()) {
                add(device, 0, true);
            }
        }
        add(me.keys.device.id(), 0, self.core.device_was_removed());
        if let Some(this) = devices.get_mut(&this)
            && this.name.is_empty()
        {
            this.name = default_name();
        }
        let mut devices: Vec<DeviceInfo> = devices.into_values().collect();
        devices.sort_by_key(|device| (!device.this, device.removed, device.added, device.id.clone()));
        Ok(devices)
    }

    /// Finds one of the person's devices by its id, the beginning of it (four letters or more), or its name.
    pub async fn find_device(&self, text: &str) -> Result<DeviceInfo, NodeError> {
        let devices = self.devices().await?;
        let found = find(text, &devices, |device| (&device.id, &device.name), "devices")?;
        found.cloned().ok_or_else(|| NodeError::NoSuchDevice(shown(text)))
    }

    /// Calls one of the person's devices something.
    pub async fn rename_device(&self, device: &str, name: &str) -> Result<(), NodeError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_DEVICE_NAME || name.chars().any(char::is_control) {
            return Err(NodeError::BadInput(format!(
                "a device's name has 1 to {MAX_DEVICE_NAME} characters, on one line."
            )));
        }
        self.core.follow().await?;
        let device = parse_device(&self.find_device(device).await?.id)?;
        if !self.core.name_device(device, name).await? {
            return Err(private_missing());
        }
        self.settle().await?;
        self.core.say(NodeEvent::Devices);
        Ok(())
    }

    /// Removes one of the person's devices from everything: the root key says that it is theirs no longer. It keeps what
    /// it has, and gets nothing more.
    pub async fn remove_device(&self, device: &str, phrase: Option<&str>) -> Result<(), NodeError> {
        let found = self.find_device(device).await?;
        if found.this {
            return Err(NodeError::BadInput(
                "a device cannot remove itself: it would go on writing what nobody takes. Use another of your devices."
                    .into(),
            ));
        }
        if self.core.device_was_removed() {
            return Err(this_was_removed());
        }
        let root = self.core.root_key(phrase)?;
        if self.core.own_private().is_none() {
            return Err(private_missing());
        }
        let device = parse_device(&found.id)?;
        self.core.list_revocation(DeviceRevocation::issue(&root, device)).await?;
        self.core.follow().await?;
        self.settle().await
    }

    /// On an empty home: makes this device's keys, goes online, and shows a code for one of the person's devices to take.
    /// It goes on in the background; [`NodeEvent::PairingWords`], then [`NodeEvent::Paired`] or
    /// [`NodeEvent::PairingFailed`] tell of it.
    pub async fn pair_show(&self) -> Result<PairingCode, NodeError> {
        if let Ok(me) = self.core.me() {
            return Err(NodeError::AlreadyInitialised(me.name.clone()));
        }
        let keys = self.core.shown_keys().unwrap_or_else(|| DeviceKeys::generate(&mut rand::rng()));
        let addresses = self.go_online_as(&keys).await?;
        let addresses: Vec<String> = addresses.iter().take(8).map(ToString::to_string).collect();
        let (code, until) = self.core.show_code(keys, &addresses)?;
        Ok(PairingCode { code, until })
    }

    /// On one of the person's devices: calls the device that shows this code. Answers what it calls itself and the words
    /// that both show; the person compares them before [`Node::pair_confirm`].
    pub async fn pair_look(&self, code: &str) -> Result<PairingPeer, NodeError> {
        let code: Code = code.parse().map_err(|error: ParsePairingError| match error {
            ParsePairingError::CutShort => NodeError::PairingCutShort(error.to_string()),
            _ => NodeError::NotAPairingCode(error.to_string()),
        })?;
        let me = self.core.me()?;
        if self.core.device_was_removed() {
            return Err(this_was_removed());
        }
        let known = self.devices().await?;
        match known.iter().find(|device| device.id == code.device.to_string()) {
            Some(device) if device.removed => {
                return Err(NodeError::PairingRefused(
                    "that device was removed from your devices and cannot come back with the same keys. Begin there \
                     with an empty folder, and show a new code."
                        .into(),
                ));
            }
            Some(device) if device.id == me.keys.device.id().to_string() => {
                return Err(NodeError::NotAPairingCode("this code was made on this device.".into()));
            }
            _ => {}
        }
        self.go_online().await?;
        self.core.take_code(code)?;
        let end = Instant::now() + LOOK;
        loop {
            let changed = self.core.devices.paired.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(Err(reason)) = self.core.pairing_end() {
                return Err(NodeError::PairingRefused(reason.to_string()));
            }
            if let Some(met) = self.core.pairing_met() {
                return Ok(PairingPeer { device: met.device.to_string(), name: met.name, words: met.words });
            }
            if timeout_at(end, changed).await.is_err() {
                self.core.cancel_pairing();
                return Err(NodeError::Unreachable(
                    "the new device does not answer. Both must be switched on and on one network; then show a new \
                     code there, and use that."
                        .into(),
                ));
            }
        }
    }

    /// The person has compared the words: the device that was looked at last becomes theirs, in all of their spaces. The
    /// root key signs for it: it may be in this home, else the recovery phrase is needed.
    pub async fn pair_confirm(&self, phrase: Option<&str>) -> Result<DeviceInfo, NodeError> {
        let nobody = || NodeError::PairingRefused("no new device is waiting. Take its code first.".into());
        let met = self.core.pairing_met().filter(|_| self.core.pairing_end().is_none()).ok_or_else(nobody)?;
        let root = self.core.root_key(phrase)?;
        if self.core.own_private().is_none() {
            return Err(private_missing());
        }
        // Everything the new device will find there is written before it is told where to look.
        self.core.follow().await?;
        self.core.confirm_pairing(&root)?;
        drop(root);
        let end = Instant::now() + CONFIRM;
        let proof = loop {
            let changed = self.core.devices.paired.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.core.pairing_end() {
                Some(Ok(proof)) => break proof,
                Some(Err(reason)) => return Err(NodeError::PairingRefused(reason.to_string())),
                None => {}
            }
            if timeout_at(end, changed).await.is_err() {
                self.core.cancel_pairing();
                return Err(NodeError::Unreachable(
                    "the new device has stopped answering. Show a new code there, and use that.".into(),
                ));
            }
        };
        self.core.devices.claim(proof);
        self.core.follow().await?;
        self.core.name_device(met.device, &met.name).await?;
        self.settle().await?;
        let device = met.device.to_string();
        self.core.say(NodeEvent::Paired { device: device.clone() });
        self.core.say(NodeEvent::Devices);
        self.find_device(&device).await
    }

    /// On the new device, after [`NodeEvent::Paired`]: a while for the private space, and what it lists, to arrive.
    pub async fn pair_arrive(&self) -> Result<Me, NodeError> {
        self.wait_for_arrivals().await;
        for space in self.core.spaces() {
            self.wait_for_step(&space).await;
            // What it lists comes next.
            self.wait_for_arrivals().await;
        }
        self.settle().await?;
        Ok(self.core.me()?.me())
    }

    /// On the old device, after [`Node::pair_confirm`]: a while for the new one to take everything in. Answers whether it
    /// has.
    pub async fn pair_handed_over(&self, device: &str) -> Result<bool, NodeError> {
        let device = parse_device(device)?;
        let Some(network) = self.core.network() else { return Ok(false) };
        let mut reach = network.reach;
        let end = Instant::now() + ARRIVING;
        loop {
            let standing = reach.borrow_and_update().devices.get(&device).cloned().unwrap_or_default();
            let shared = self.core.shared_with(device);
            if shared.iter().all(|space| standing.synced.get(space) == Some(&true)) {
                return Ok(true);
            }
            if !standing.connected || !matches!(timeout_at(end, reach.changed()).await, Ok(Ok(()))) {
                return Ok(false);
            }
        }
    }

    /// Either side: the words are not the same, or the person has changed their mind.
    pub fn pair_cancel(&self) {
        self.core.cancel_pairing();
    }

    /// On an empty home: the person whose recovery phrase this is, on a new device of theirs. Their spaces are asked for
    /// at a device that shares some with them (`peer`: an invitation link, or `DEVICE@ADDRESS:PORT`) and at those on this
    /// network. Their own device gives the private space too; otherwise a new one is begun.
    pub async fn recover(
        &self,
        phrase: &SecretText,
        name: Option<&str>,
        peer: Option<&str>,
    ) -> Result<Recovered, NodeError> {
        let peer = peer.map(parse_peer).transpose()?;
        let root = PersonKey::from_phrase(phrase.as_str()).map_err(|e| NodeError::BadPhrase(format!("{e}.")))?;
        let known = match self.core.me() {
            // It was tried before, and nobody could be reached.
            Ok(me) if me.person() == root.id() => true,
            Ok(me) => return Err(NodeError::AlreadyInitialised(me.name.clone())),
            Err(_) => false,
        };
        if !known {
            let keys = DeviceKeys::generate(&mut rand::rng());
            let colour = crate::identity::colour_of(&root.id());
            let identity = Identity::recovered(&root, keys, name, colour)?;
            let core = Arc::clone(&self.core);
            blocking(move || core.set_me(identity)).await?;
        }
        drop(root);
        self.core.devices.look(true);
        self.go_online().await?;
        let given = peer.as_ref().map(|(device, _)| *device);
        if let Some((device, addresses)) = peer {
            self.core.put_addresses(device, &addresses);
            self.core.tell_network(Input::Call { device, addresses });
        }
        let found = self.wait_for_names(given.is_some()).await;
        let private = self.settle_private(known).await?;
        self.wait_for_arrivals().await;
        match name {
            Some(name) if known => drop(self.set_profile(name, self.core.me()?.colour).await?),
            // Whoever has called themselves something since a first try goes on being called that.
            None if found && self.core.me()?.nameless => self.take_found_name().await,
            Some(_) | None => {}
        }
        self.core.devices.look(false);
        self.core.follow().await?;
        self.settle().await?;
        let spaces = self.spaces().await?;
        let waiting = spaces.iter().filter(|space| space.role.is_none()).count();
        if !found {
            return Err(NodeError::Unreachable(
                "nobody who shares a space with you could be reached. You are here as yourself, with a private space \
                 of its own; try again with a teammate's device online, or join by an invitation."
                    .into(),
            ));
        }
        let me = self.core.me()?.me();
        Ok(Recovered { me, spaces: spaces.len(), waiting, private_found: private })
    }

    /// Waits until somebody has named spaces of this person. Answers whether anyone has.
    async fn wait_for_names(&self, given: bool) -> bool {
        let end = Instant::now() + FINDING;
        loop {
            let named = self.core.devices.named.notified();
            tokio::pin!(named);
            named.as_mut().enable();
            let first = self.core.first_space().map(|space| space.id);
            if self.core.spaces().iter().any(|space| Some(space.id) != first) {
                break;
            }
            if timeout_at(end, named).await.is_err() {
                return false;
            }
        }
        if !given {
            // Others on this network get a moment more: one of them may be the person's own.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        true
    }

    /// Takes the private space that an own device has named, or begins one. Answers whether it was found.
    async fn settle_private(&self, known: bool) -> Result<bool, NodeError> {
        match self.core.devices.found_private() {
            Some(private) if self.core.first_space().is_none() => {
                self.core.choose_first_space(private)?;
                self.core.fetch(private)?;
                Ok(true)
            }
            _ if known && self.core.first_space().is_some() => Ok(false),
            _ => {
                self.create_space(PRIVATE).await?;
                Ok(false)
            }
        }
    }

    /// Waits until this device is in every space it was told of, and can read it.
    async fn wait_for_arrivals(&self) {
        let mut events = self.core.subscribe();
        let end = Instant::now() + ARRIVING;
        loop {
            if let Err(error) = self.core.follow().await {
                tracing::warn!(%error, "what was recovered is not complete");
            }
            let Ok(me) = self.core.me() else { return };
            let here = |space: &Arc<crate::space::Space>| space.role(&me).is_some() && !space.lock().keys.is_empty();
            if self.core.spaces().iter().all(here) {
                return;
            }
            // Missed events are only missed reasons to look again.
            match timeout_at(end, events.recv()).await {
                Err(_) | Ok(Err(tokio::sync::broadcast::error::RecvError::Closed)) => return,
                Ok(_) => {}
            }
        }
    }

    /// Takes over what the person is called in a space that has come back. The words of a space come a moment after its keys.
    async fn take_found_name(&self) {
        let end = Instant::now() + NAMED;
        while Instant::now() < end {
            match self.try_found_name().await {
                Ok(true) => return,
                Ok(false) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => return tracing::warn!(%error, "the name that was found is not written down"),
            }
        }
    }

    async fn try_found_name(&self) -> Result<bool, NodeError> {
        let me = self.core.me()?;
        let private = self.core.first_space_id();
        for space in self.core.spaces().into_iter().filter(|space| Some(space.id) != private) {
            let people = self.core.people(&space).await?;
            let Some((name, colour)) = people.get(&me.person().to_string()) else { continue };
            let identity = me.renamed(name, *colour)?;
            let core = Arc::clone(&self.core);
            blocking(move || core.set_me(identity)).await?;
            self.share_name().await;
            return Ok(true);
        }
        Ok(false)
    }

    /// Lets everyone know what the person is called: their own devices, and the members of their spaces.
    pub(super) async fn share_name(&self) {
        if let Err(error) = self.core.share_profile().await {
            tracing::warn!(%error, "the name is not written down for the other devices");
        }
        for space in self.core.spaces() {
            self.introduce_myself(&space).await;
        }
    }
}

fn parse_device(text: &str) -> Result<DeviceId, NodeError> {
    text.parse().map_err(|_| NodeError::NoSuchDevice(shown(text)))
}

/// A device that can be called: an invitation link, which says where its maker is, or `DEVICE@ADDRESS:PORT`.
fn parse_peer(text: &str) -> Result<(DeviceId, Vec<SocketAddr>), NodeError> {
    if let Ok(link) = text.parse::<InvitationLink>() {
        let addresses = link.addresses.iter().filter_map(|address| address.parse().ok()).collect();
        return Ok((link.device, addresses));
    }
    let parsed = text.trim().split_once('@').and_then(|(device, addresses)| {
        let addresses: Option<Vec<SocketAddr>> = addresses.split(',').map(|address| address.parse().ok()).collect();
        Some((device.parse().ok()?, addresses?))
    });
    parsed.ok_or_else(|| {
        NodeError::BadInput(
            "a device to recover from is given as an invitation link, or as DEVICE@ADDRESS:PORT; `sheaf online` shows \
             both parts there."
                .into(),
        )
    })
}

fn private_missing() -> NodeError {
    NodeError::Role("your private space is not here yet. Bring another of your devices online first.".into())
}

fn this_was_removed() -> NodeError {
    NodeError::DeviceRemoved
}
