//! What is to be written so that all of a person's devices are in all of the person's spaces: a pure function.
//!
//! Each device looks at what it knows (the belongings in the private space, and the access state of each space it holds)
//! and writes what is missing. Two devices may do so at the same time; then the same is written twice, which changes
//! nothing. When everything has been exchanged, no device has anything left to write: `tests` drive several devices over
//! every kind of delay until that is so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sheaf_access::{DeviceCertificate, DeviceId, DeviceRevocation, PersonId, Signature, SpaceId};

/// What shows that a device is a person's: their word, and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The root key's word.
    pub certificate: DeviceCertificate,
    /// The device's.
    pub consent: Signature,
}

impl Proof {
    /// Whether both words are good.
    pub fn holds(&self) -> bool {
        self.certificate.verify().is_ok() && self.certificate.verify_consent(&self.consent).is_ok()
    }
}

/// What the person's devices share, as far as this one has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// The spaces, and whether they were left.
    pub spaces: BTreeMap<SpaceId, bool>,
    /// The devices.
    pub devices: BTreeMap<DeviceId, Proof>,
    /// The devices that are the person's no longer.
    pub revoked: BTreeMap<DeviceId, DeviceRevocation>,
}

/// A space this device holds, as far as its access entries have come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Whether the person is a member.
    pub member: bool,
    /// The person's devices in it.
    pub devices: BTreeSet<DeviceId>,
    /// Those that were removed from it: they never come back.
    pub removed: BTreeSet<DeviceId>,
    /// What its entries show of the person's devices.
    pub proofs: Vec<Proof>,
    /// What its entries show of devices that are the person's no longer.
    pub revocations: Vec<DeviceRevocation>,
}

/// All that a device knows.
#[derive(Clone, Debug)]
pub struct Known {
    /// Whose device it is.
    pub person: PersonId,
    /// This device.
    pub own: Proof,
    /// What the devices share; nothing while the private space cannot be read.
    pub listed: Option<Listed>,
    /// Devices that have shown that they are the person's, and may not be on the list.
    pub claimed: Vec<Proof>,
    /// The spaces that are held; nothing of one of which no entry has come.
    pub spaces: BTreeMap<SpaceId, Option<Seen>>,
}

/// Something to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Put a space on the list.
    ListSpace(SpaceId),
    /// Put a device on the list.
    ListDevice(Proof),
    /// Put the end of a device on the list.
    ListRevocation(DeviceRevocation),
    /// Hold a space that is on the list: it comes from whoever has it.
    Fetch(SpaceId),
    /// Add this device to a space, as the first entry of its log.
    AddSelf(SpaceId),
    /// Add another of the person's devices to a space.
    Add(SpaceId, Proof),
    /// Remove one from a space.
    Remove(SpaceId, DeviceRevocation),
}

/// What this device is to write, in order; nothing when all is as it should be.
pub fn plan(known: &Known) -> Vec<Step> {
    let this = known.own.certificate.device;
    let seen = || known.spaces.iter().filter_map(|(id, seen)| Some((*id, seen.as_ref()?)));
    let mut revoked: BTreeMap<DeviceId, DeviceRevocation> = BTreeMap::new();
    for revocation in seen().flat_map(|(_, seen)| &seen.revocations) {
        revoked.insert(revocation.device, *revocation);
    }
    revoked.extend(known.listed.iter().flat_map(|listed| &listed.revoked));
    revoked.retain(|_, revocation| revocation.person == known.person);
    // It writes nothing more, anywhere.
    if revoked.contains_key(&this) {
        return Vec::new();
    }
    let mut proofs: BTreeMap<DeviceId, Proof> = BTreeMap::new();
    for proof in seen().flat_map(|(_, seen)| &seen.proofs).chain(&known.claimed) {
        proofs.insert(proof.certificate.device, *proof);
    }
    proofs.extend(known.listed.iter().flat_map(|listed| &listed.devices));
    proofs.insert(this, known.own);
    proofs.retain(|device, proof| proof.certificate.person == known.person && !revoked.contains_key(device));

    let mut steps = Vec::new();
    if let Some(listed) = &known.listed {
        steps.extend(
            seen()
                .filter(|(_, s)| s.member)
                .filter(|(id, _)| !listed.spaces.contains_key(id))
                .map(|(id, _)| Step::ListSpace(id)),
        );
        steps.extend(
            proofs.iter().filter(|(id, _)| !listed.devices.contains_key(id)).map(|(_, proof)| Step::ListDevice(*proof)),
        );
        steps.extend(
            revoked
                .iter()
                .filter(|(id, _)| !listed.revoked.contains_key(id))
                .map(|(_, revocation)| Step::ListRevocation(*revocation)),
        );
        steps.extend(
            listed
                .spaces
                .iter()
                .filter(|(id, left)| !**left && !known.spaces.contains_key(id))
                .map(|(id, _)| Step::Fetch(*id)),
        );
    }
    for (id, seen) in seen().filter(|(_, seen)| seen.member) {
        if !seen.devices.contains(&this) {
            if !seen.removed.contains(&this) {
                steps.push(Step::AddSelf(id));
            }
            // Until that is done it can write nothing else here.
            continue;
        }
        let gone = revoked.iter().filter(|(device, _)| seen.devices.contains(device));
        steps.extend(gone.map(|(_, revocation)| Step::Remove(id, *revocation)));
        let absent = |device: &DeviceId| !seen.devices.contains(device) && !seen.removed.contains(device);
        steps.extend(proofs.iter().filter(|(device, _)| absent(device)).map(|(_, proof)| Step::Add(id, *proof)));
    }
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sheaf_access::{DeviceKeys, PersonKey};

    use super::*;

    /// What has been written, of everything that devices of the person exchange: it only grows.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Written {
        listed: Listed,
        spaces: BTreeMap<SpaceId, Seen>,
    }

    impl Written {
        fn join(&mut self, other: &Self) {
            for (id, left) in &other.listed.spaces {
                *self.listed.spaces.entry(*id).or_default() |= left;
            }
            self.listed.devices.extend(&other.listed.devices);
            self.listed.revoked.extend(&other.listed.revoked);
            for (id, seen) in &other.spaces {
                self.join_space(*id, seen);
            }
        }

        fn join_space(&mut self, id: SpaceId, seen: &Seen) {
            let mine = self.spaces.entry(id).or_default();
            mine.member |= seen.member;
            mine.removed.extend(&seen.removed);
            mine.devices.extend(&seen.devices);
            mine.devices.retain(|device| !mine.removed.contains(device));
            for proof in &seen.proofs {
                if !mine.proofs.contains(proof) {
                    mine.proofs.push(*proof);
                }
            }
            for revocation in &seen.revocations {
                if !mine.revocations.contains(revocation) {
                    mine.revocations.push(*revocation);
                }
            }
        }
    }

    /// One device.
    struct Device {
        proof: Proof,
        written: Written,
        held: BTreeSet<SpaceId>,
    }

    impl Device {
        fn known(&self) -> Known {
            let private = self.held.contains(&space(0))
                && self.written.spaces.get(&space(0)).is_some_and(|seen| seen.devices.contains(&self.device()));
            Known {
                person: self.proof.certificate.person,
                own: self.proof,
                listed: private.then(|| self.written.listed.clone()),
                claimed: Vec::new(),
                spaces: self.held.iter().map(|id| (*id, self.written.spaces.get(id).cloned())).collect(),
            }
        }

        fn device(&self) -> DeviceId {
            self.proof.certificate.device
        }

        /// Writes what is to be written; answers how much it was.
        fn follow(&mut self) -> usize {
            let steps = plan(&self.known());
            for step in &steps {
                match *step {
                    Step::ListSpace(id) => drop(self.written.listed.spaces.insert(id, false)),
                    Step::ListDevice(proof) => {
                        let _ = self.written.listed.devices.insert(proof.certificate.device, proof);
                    }
                    Step::ListRevocation(end) => drop(self.written.listed.revoked.insert(end.device, end)),
                    Step::Fetch(id) => drop(self.held.insert(id)),
                    Step::AddSelf(id) => self.write(
                        id,
                        &Seen { devices: [self.device()].into(), proofs: vec![self.proof], ..Seen::default() },
                    ),
                    Step::Add(id, proof) => self.write(
                        id,
                        &Seen { devices: [proof.certificate.device].into(), proofs: vec![proof], ..Seen::default() },
                    ),
                    Step::Remove(id, end) => self
                        .write(id, &Seen { removed: [end.device].into(), revocations: vec![end], ..Seen::default() }),
                }
            }
            steps.len()
        }

        fn write(&mut self, id: SpaceId, seen: &Seen) {
            self.written.join_space(id, seen);
        }

        fn found(&mut self, id: SpaceId) {
            self.held.insert(id);
            self.write(id, &Seen { member: true, devices: [self.device()].into(), ..Seen::default() });
        }
    }

    fn space(n: u8) -> SpaceId {
        SpaceId::from_bytes([n + 1; 32])
    }

    fn root() -> PersonKey {
        PersonKey::from_seed(&[1; 32])
    }

    fn proof(n: u8) -> Proof {
        let keys = DeviceKeys::from_secrets(&[n + 10; 32], sheaf_access::SealingSecret::from_bytes(&[n + 60; 32]));
        let certificate = DeviceCertificate::issue(&root(), &keys);
        Proof { certificate, consent: certificate.consent(&keys) }
    }

    /// A person with this many devices; the first has the private space, the others know that it is the private one.
    fn devices(count: u8) -> Vec<Device> {
        let mut all: Vec<Device> = (0..count)
            .map(|n| Device { proof: proof(n), written: Written::default(), held: [space(0)].into() })
            .collect();
        all[0].found(space(0));
        all
    }

    /// What one has of the spaces that the other holds, and the list, go over.
    fn send(all: &mut [Device], from: usize, to: usize) {
        let mut news = all[from].written.clone();
        news.spaces.retain(|id, _| all[to].held.contains(id) && all[from].held.contains(id));
        if !all[to].held.contains(&space(0)) || !all[from].held.contains(&space(0)) {
            news.listed = Listed::default();
        }
        all[to].written.join(&news);
    }

    fn settle(all: &mut [Device]) {
        for _ in 0..20 {
            let mut written = 0;
            for from in 0..all.len() {
                for to in 0..all.len() {
                    send(all, from, to);
                }
            }
            for device in all.iter_mut() {
                written += device.follow();
            }
            if written == 0 {
                return;
            }
        }
        panic!("there is always something to write");
    }

    fn cases(usual: u32) -> u32 {
        std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
    }

    #[derive(Clone, Debug)]
    enum Event {
        Found(usize, u8),
        Send(usize, usize),
        Follow(usize),
        Revoke(usize, usize),
        Leave(usize, u8),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            1 => (0..4_usize, 1..5_u8).prop_map(|(at, n)| Event::Found(at, n)),
            6 => (0..4_usize, 0..4_usize).prop_map(|(from, to)| Event::Send(from, to)),
            4 => (0..4_usize).prop_map(Event::Follow),
            1 => (0..4_usize, 1..4_usize).prop_map(|(at, which)| Event::Revoke(at, which)),
            1 => (0..4_usize, 1..5_u8).prop_map(|(at, n)| Event::Leave(at, n)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(400)))]

        #[test]
        fn in_the_end_every_device_is_where_it_belongs(events in prop::collection::vec(event(), 0..60)) {
            let mut all = devices(4);
            let mut revoked = BTreeSet::new();
            let mut founded: BTreeMap<u8, usize> = BTreeMap::new();
            let mut left = BTreeSet::new();
            for event in events {
                match event {
                    // One founds it; a space's id is its own.
                    Event::Found(at, n) => if !founded.contains_key(&n) && !revoked.contains(&at) {
                        founded.insert(n, at);
                        all[at].found(space(n));
                    },
                    Event::Send(from, to) => send(&mut all, from, to),
                    Event::Follow(at) => drop(all[at].follow()),
                    Event::Revoke(at, which) => if at != which && !revoked.contains(&at) && all[at].known().listed.is_some() {
                        let end = DeviceRevocation::issue(&root(), proof(which as u8).certificate.device);
                        all[at].written.listed.revoked.insert(end.device, end);
                        revoked.insert(which);
                    },
                    Event::Leave(at, n) => if all[at].written.listed.spaces.contains_key(&space(n)) && all[at].known().listed.is_some() {
                        all[at].written.listed.spaces.insert(space(n), true);
                        left.insert(n);
                    },
                }
            }
            // Where no device is left that others know of, there is nothing to say.
            settle(&mut all);
            let live: Vec<usize> = (0..4).filter(|at| !revoked.contains(at)).collect();
            for at in &live {
                let known = all[*at].known();
                let listed = known.listed.clone().expect("the private space is here");
                for other in 0..4_usize {
                    let device = proof(other as u8).certificate.device;
                    prop_assert!(revoked.contains(&other) || listed.devices.contains_key(&device));
                }
                for (n, founder) in &founded {
                    // A space that only a removed device had is gone with it, if it had told nobody.
                    let lost = revoked.contains(founder) && !listed.spaces.contains_key(&space(*n));
                    let Some(seen) = all[*at].written.spaces.get(&space(*n)) else {
                        prop_assert!(lost || left.contains(n), "space {n} is missing at {at}");
                        continue;
                    };
                    for other in 0..4_usize {
                        let device = proof(other as u8).certificate.device;
                        if revoked.contains(&other) {
                            prop_assert!(!seen.devices.contains(&device), "{other} was removed, and is in {n}");
                        } else {
                            prop_assert!(seen.devices.contains(&device), "{other} is not in {n}");
                        }
                    }
                }
            }
            for at in live {
                prop_assert_eq!(plan(&all[at].known()), vec![], "it is all written");
            }
        }
    }

    #[test]
    fn a_device_that_was_removed_is_never_added_again_and_writes_nothing() {
        let mut all = devices(2);
        settle(&mut all);
        let end = DeviceRevocation::issue(&root(), all[1].device());
        all[0].written.listed.revoked.insert(end.device, end);
        settle(&mut all);
        assert!(all[0].written.spaces[&space(0)].removed.contains(&all[1].device()));
        assert_eq!(plan(&all[1].known()), vec![]);
    }

    #[test]
    fn a_stranger_s_word_changes_nothing() {
        let mut all = devices(1);
        settle(&mut all);
        let other = PersonKey::from_seed(&[2; 32]);
        let keys = DeviceKeys::from_secrets(&[3; 32], sheaf_access::SealingSecret::from_bytes(&[4; 32]));
        let certificate = DeviceCertificate::issue(&other, &keys);
        let proof = Proof { certificate, consent: certificate.consent(&keys) };
        let end = DeviceRevocation::issue(&other, all[0].device());
        all[0].written.listed.devices.insert(keys.id(), proof);
        all[0].written.listed.revoked.insert(end.device, end);
        assert_eq!(plan(&all[0].known()), vec![]);
    }
}
